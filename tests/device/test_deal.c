/* Which of a node's devices each of its ranks takes. */
#include "harness.h"

#include "device/deal.h"

#include <stdbool.h>

const char test_suite_name[] = "device/deal";

enum { U = TAL_PLACE_UNKNOWN, A = TAL_PLACE_ABSENT };

typedef struct deal_case {
    int ranks[8], rank_count;
    int devices[8], device_count;
    int expected[8];
} deal_case;

static void expect_deals(const deal_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int got[8];
        tal_device_deal(cases[i].ranks, cases[i].rank_count, cases[i].devices,
                        cases[i].device_count, got);
        for (int rank = 0; rank < cases[i].rank_count; rank++)
            CU_ASSERT_EQUAL(got[rank], cases[i].expected[rank]);
    }
}

static void ranks_take_devices_in_turn_where_places_are_unknown(void)
{
    static const deal_case cases[] = {
        {{U}, 1, {U}, 1, {0}},
        {{U, U, U, U, U}, 5, {U, U, U}, 3, {0, 1, 2, 0, 1}},
        {{U, U, U}, 3, {0, 0, 1, 1}, 4, {0, 1, 2}},
        {{0, 0, 1}, 3, {U, U}, 2, {0, 1, 0}},
        {{0, 1}, 2, {7, 8}, 2, {0, 1}}, /* all far away */
    };
    expect_deals(cases, sizeof(cases) / sizeof(cases[0]));
}

static void ranks_take_devices_near_to_them(void)
{
    static const deal_case cases[] = {
        {{1}, 1, {0, 1}, 2, {1}},
        {{0, 0, 1, 1}, 4, {1, 1, 0, 0}, 4, {2, 3, 0, 1}},
        {{0, 1, 0, 1}, 4, {0, 0, 1, 1}, 4, {0, 2, 1, 3}},
        {{1, 1, 0, 0}, 4, {0, 1}, 2, {1, 1, 0, 0}},
        {{U, 0, 1}, 3, {0, 1, 2}, 3, {2, 0, 1}}, /* who needs none near takes what is left */
    };
    expect_deals(cases, sizeof(cases) / sizeof(cases[0]));
}

static void nobody_waits_for_a_near_device_while_others_are_idle(void)
{
    static const deal_case cases[] = {
        {{0, 0}, 2, {0, 1}, 2, {0, 1}},
        {{0, 0, 0, 0}, 4, {0, 1}, 2, {0, 0, 1, 1}},
        {{1, 1, 1}, 3, {1, 0}, 2, {0, 0, 1}},
    };
    expect_deals(cases, sizeof(cases) / sizeof(cases[0]));
}

static void ranks_without_a_device_take_none(void)
{
    static const deal_case cases[] = {
        {{A, U, A, U}, 4, {U, U}, 2, {-1, 0, -1, 1}},
        {{A, A}, 2, {0}, 1, {-1, -1}},
    };
    expect_deals(cases, sizeof(cases) / sizeof(cases[0]));
}

static void every_deal_is_balanced(void)
{
    for (int round = 0; round < 2000; round++) {
        int ranks[40], devices[8], got[40], load[8] = {0};
        int rank_count = (int)test_random_in(1, 40);
        int device_count = (int)test_random_in(1, 8);
        int takers = 0;
        for (int i = 0; i < rank_count; i++) {
            ranks[i] = (int)test_random_in(-2, 3);
            takers += ranks[i] != A;
        }
        for (int i = 0; i < device_count; i++)
            devices[i] = (int)test_random_in(-1, 3);
        tal_device_deal(ranks, rank_count, devices, device_count, got);
        bool is_right = true;
        for (int i = 0; i < rank_count; i++) {
            is_right = is_right && (ranks[i] == A) == (got[i] < 0) && got[i] < device_count;
            if (got[i] >= 0 && is_right)
                load[got[i]]++;
        }
        for (int i = 0; i < device_count; i++)
            is_right = is_right && load[i] <= (takers + device_count - 1) / device_count;
        CU_ASSERT(is_right);
    }
}

const test_case test_cases[] = {
    TEST_CASE(ranks_take_devices_in_turn_where_places_are_unknown),
    TEST_CASE(ranks_take_devices_near_to_them),
    TEST_CASE(nobody_waits_for_a_near_device_while_others_are_idle),
    TEST_CASE(ranks_without_a_device_take_none),
    TEST_CASE(every_deal_is_balanced),
    {0},
};
