/* How units are dealt in items, and how much one steal takes. */
#include "harness.h"

#include "base/alloc.h"
#include "par/schedule.h"
#include "par/steal.h"

#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "par/schedule";

enum { WORKERS = 3, UNITS = 1000, ITEMS_MAX = UNITS };

static tal_deal deals[WORKERS];
static tal_schedule schedule;

/* Deal everything, worker by worker in turn; what each item was. Returns the number of items. */
static size_t deal_all(const tal_schedule_params *params, uint64_t chunk, size_t limit,
                       tal_range *items, int *owners)
{
    tal_schedule_init(&schedule, params, deals);
    size_t count = 0;
    for (int idle = 0, worker = 0; idle < params->worker_count;
         worker = (worker + 1) % params->worker_count) {
        tal_range ranges[8];
        size_t taken = tal_schedule_take(&schedule, worker, chunk, limit, ranges);
        idle = taken == 0 ? idle + 1 : 0;
        for (size_t i = 0; i < taken; i++) {
            CU_ASSERT_FATAL(count < ITEMS_MAX);
            CU_ASSERT(ranges[i].begin < ranges[i].end);
            owners[count] = worker;
            items[count++] = ranges[i];
        }
    }
    return count;
}

static void every_unit_is_dealt_once_under_every_policy(void)
{
    static tal_range items[ITEMS_MAX];
    static int owners[ITEMS_MAX];
    for (int balance = 0; balance <= TAL_BALANCE_GUIDED; balance++)
        for (uint64_t chunk = 1; chunk <= 4096; chunk = chunk * 3 + 1)
            for (uint64_t units = 0; units <= UNITS; units = units * 2 + 1)
                for (int adaptive = 0; adaptive < 2; adaptive++)
                    for (size_t limit = 1; limit <= 8; limit += 7) {
                        tal_schedule_params params = {
                            .balance = (tal_balance)balance,
                            .worker_count = WORKERS,
                            .unit_count = units,
                            .chunk = chunk,
                            .chunk_min = 2,
                            .chunk_max = 50,
                            .is_adaptive = adaptive == 1,
                        };
                        size_t count = deal_all(&params, chunk, limit, items, owners);
                        uint8_t seen[UNITS + 1] = {0};
                        for (size_t i = 0; i < count; i++)
                            for (uint64_t unit = items[i].begin; unit < items[i].end; unit++)
                                seen[unit]++;
                        for (uint64_t unit = 0; unit < UNITS; unit++)
                            CU_ASSERT_EQUAL(seen[unit], unit < units ? 1 : 0);
                    }
}

static void static_deals_equal_items_in_turn(void)
{
    static tal_range items[ITEMS_MAX];
    static int owners[ITEMS_MAX];
    tal_schedule_params params = {.balance = TAL_BALANCE_STATIC,
                                  .worker_count = WORKERS,
                                  .unit_count = 100,
                                  .chunk = 7,
                                  .chunk_min = 1,
                                  .chunk_max = 1};
    size_t count = deal_all(&params, 99, 8, items, owners); /* A worker's size has no say. */
    CU_ASSERT_EQUAL(count, 15);
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(items[i].begin % 7, 0);
        CU_ASSERT_EQUAL(items[i].begin / 7 % WORKERS, owners[i]);
    }
    CU_ASSERT_EQUAL(tal_schedule_deal_left(&schedule, 0), 0);
    tal_schedule_init(&schedule, &params, deals);
    CU_ASSERT_EQUAL(tal_schedule_deal_left(&schedule, 0), 5);
    CU_ASSERT_EQUAL(tal_schedule_deal_left(&schedule, 2), 5);
}

static void dynamic_items_have_the_chunk_size(void)
{
    static tal_range items[ITEMS_MAX];
    static int owners[ITEMS_MAX];
    tal_schedule_params params = {.balance = TAL_BALANCE_DYNAMIC,
                                  .worker_count = WORKERS,
                                  .unit_count = 1000,
                                  .chunk = 16,
                                  .chunk_min = 1,
                                  .chunk_max = 1};
    CU_ASSERT_EQUAL(deal_all(&params, 16, 4, items, owners), 63);
    for (size_t i = 0; i < 63; i++) {
        CU_ASSERT_EQUAL(items[i].begin, 16 * i);
        CU_ASSERT_EQUAL(items[i].end, i == 62 ? 1000 : 16 * i + 16);
    }
    /* Adaptive: smaller near the end, never below the minimum. */
    params.is_adaptive = true;
    params.chunk_min = 3;
    params.chunk_max = 16;
    size_t count = deal_all(&params, 16, 4, items, owners);
    CU_ASSERT_EQUAL(items[0].end, 16);
    CU_ASSERT_EQUAL(items[count - 2].end - items[count - 2].begin, 3);
}

static void guided_items_fall_from_largest_to_smallest(void)
{
    static tal_range items[ITEMS_MAX];
    static int owners[ITEMS_MAX];
    tal_schedule_params params = {.balance = TAL_BALANCE_GUIDED,
                                  .worker_count = WORKERS,
                                  .unit_count = 1000,
                                  .chunk = 10,
                                  .chunk_min = 4,
                                  .chunk_max = 150};
    size_t count = deal_all(&params, 10, 4, items, owners);
    CU_ASSERT_EQUAL(items[0].end, 150); /* 1000 / 3 / 2, bounded. */
    for (size_t i = 1; i < count; i++)
        CU_ASSERT(items[i].end - items[i].begin <= items[i - 1].end - items[i - 1].begin);
    CU_ASSERT_EQUAL(items[count - 2].end - items[count - 2].begin, 10); /* The chunk size. */
    params.is_adaptive = true;
    count = deal_all(&params, 10, 4, items, owners);
    CU_ASSERT_EQUAL(items[count - 2].end - items[count - 2].begin, 4); /* The minimum. */
}

static void sequences_become_units(void)
{
    CU_ASSERT_EQUAL(tal_schedule_units(1000, 64), 16);
    CU_ASSERT_EQUAL(tal_schedule_units(100, 64), 2);
    CU_ASSERT_EQUAL(tal_schedule_units(10000, 64), 156);
    CU_ASSERT_EQUAL(tal_schedule_units(1, 64), 1);
    CU_ASSERT_EQUAL(tal_schedule_units(7, 1), 7);
    CU_ASSERT_EQUAL(tal_schedule_units(UINT64_MAX, 1), TAL_RANGE_UNITS_MAX);
}

static void ranges_survive_a_word(void)
{
    const tal_range list[] = {{0, 1},
                              {5, 5 + TAL_RANGE_UNITS_MAX},
                              {TAL_UNITS_MAX - 1, TAL_UNITS_MAX},
                              {TAL_UNITS_MAX - TAL_RANGE_UNITS_MAX, TAL_UNITS_MAX}};
    for (size_t i = 0; i < 4; i++) {
        tal_range back = tal_range_decode(tal_range_encode(list[i]));
        CU_ASSERT(back.begin == list[i].begin && back.end == list[i].end);
    }
}

static void adaptive_items_aim_at_the_target_time(void)
{
    const tal_schedule_params params = {.chunk_min = 10, .chunk_max = 1000};
    uint64_t target = TAL_ITEM_TARGET_NS;
    CU_ASSERT_EQUAL(tal_schedule_adapt(&params, 100, 100, target * 100), 50); /* At most halved. */
    CU_ASSERT_EQUAL(tal_schedule_adapt(&params, 100, 100, 0), 200);           /* At most doubled. */
    CU_ASSERT_EQUAL(tal_schedule_adapt(&params, 15, 15, target * 100), 10);   /* The minimum. */
    CU_ASSERT_EQUAL(tal_schedule_adapt(&params, 800, 800, 0), 1000);          /* The maximum. */
    uint64_t same = tal_schedule_adapt(&params, 100, 100, target);
    CU_ASSERT(same >= 99 && same <= 100);
    uint64_t chunk = 100; /* 20 us a unit: settles at 200. */
    for (int i = 0; i < 10; i++)
        chunk = tal_schedule_adapt(&params, chunk, chunk, chunk * 20000);
    CU_ASSERT(chunk >= 195 && chunk <= 200);
}

static void a_steal_takes_at_most_its_share(void)
{
    CU_ASSERT_EQUAL(tal_steal_limit(0.5, 0), 0);
    CU_ASSERT_EQUAL(tal_steal_limit(0.5, 1), 1);
    CU_ASSERT_EQUAL(tal_steal_limit(0.5, 2), 1);
    CU_ASSERT_EQUAL(tal_steal_limit(0.5, 3), 2);
    CU_ASSERT_EQUAL(tal_steal_limit(0.0, 40), 0);
    CU_ASSERT_EQUAL(tal_steal_limit(1.0, 40), 40);
    CU_ASSERT_EQUAL(tal_steal_limit(1.0, 1u << 30), TAL_DEQUE_CAPACITY);

    static tal_deque victim;
    static tal_deque thief;
    const double shares[] = {0.0, 0.1, 0.25, 0.5, 1.0};
    const size_t wanted[] = {0, 1, 3, 5, 10};
    tal_schedule_params params = {.balance = TAL_BALANCE_DYNAMIC,
                                  .worker_count = 2,
                                  .unit_count = 0,
                                  .chunk = 1,
                                  .chunk_min = 1,
                                  .chunk_max = 1};
    tal_schedule_init(&schedule, &params, deals);
    for (size_t i = 0; i < 5; i++) {
        tal_deque_init(&victim);
        tal_deque_init(&thief);
        for (uint64_t item = 10; item-- > 0;)
            CU_ASSERT_TRUE(tal_deque_push(&victim, item));
        CU_ASSERT_EQUAL(tal_steal_from(&schedule, &victim, 0, shares[i], &thief), wanted[i]);
        CU_ASSERT_EQUAL(tal_deque_count(&thief), wanted[i]);
        CU_ASSERT_EQUAL(tal_deque_count(&victim), 10 - wanted[i]);
        uint64_t first;
        if (wanted[i] > 0) /* The thief goes on with the lowest of what it took. */
            CU_ASSERT(tal_deque_pop(&thief, &first) && first == 10 - wanted[i]);
    }
}

static void a_static_deal_can_be_stolen_from(void)
{
    static tal_deque victim;
    static tal_deque thief;
    tal_deque_init(&victim);
    tal_deque_init(&thief);
    tal_schedule_params params = {.balance = TAL_BALANCE_STATIC,
                                  .worker_count = 2,
                                  .unit_count = 20,
                                  .chunk = 1,
                                  .chunk_min = 1,
                                  .chunk_max = 1};
    tal_schedule_init(&schedule, &params, deals);
    CU_ASSERT_EQUAL(tal_steal_from(&schedule, &victim, 0, 0.25, &thief), 3);
    CU_ASSERT_EQUAL(tal_schedule_deal_left(&schedule, 0), 7);
    CU_ASSERT_EQUAL(tal_schedule_deal_left(&schedule, 1), 10);
    uint64_t word;
    for (uint64_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(tal_deque_pop(&thief, &word));
        CU_ASSERT_EQUAL(tal_range_decode(word).begin, 2 * i);
    }
}

const test_case test_cases[] = {
    TEST_CASE(every_unit_is_dealt_once_under_every_policy),
    TEST_CASE(static_deals_equal_items_in_turn),
    TEST_CASE(dynamic_items_have_the_chunk_size),
    TEST_CASE(guided_items_fall_from_largest_to_smallest),
    TEST_CASE(sequences_become_units),
    TEST_CASE(ranges_survive_a_word),
    TEST_CASE(adaptive_items_aim_at_the_target_time),
    TEST_CASE(a_steal_takes_at_most_its_share),
    TEST_CASE(a_static_deal_can_be_stolen_from),
    {0},
};
