/* How files are cut over ranks and given to readers. */
#include "harness.h"
#include "seq/plan.h"

const char test_suite_name[] = "seq/plan";

static void cuts_are_even_and_cover_everything(void)
{
    static const uint64_t totals[] = {0, 1, 2, 6, 7, 8, 1000, UINT64_MAX};
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
        for (uint64_t parts = 1; parts <= 9; parts++) {
            CU_ASSERT_EQUAL(tal_load_plan_cut(totals[i], 0, parts), 0);
            CU_ASSERT_EQUAL(tal_load_plan_cut(totals[i], parts, parts), totals[i]);
            for (uint64_t part = 0; part < parts; part++) {
                uint64_t bytes = tal_load_plan_cut(totals[i], part + 1, parts) -
                                 tal_load_plan_cut(totals[i], part, parts);
                CU_ASSERT(bytes == totals[i] / parts || bytes == totals[i] / parts + 1);
            }
        }
}

static void slots_take_the_least_loaded_and_pipes_the_first(void)
{
    static const tal_source_probe probes[] = {
        {.kind = TAL_SOURCE_SEQUENCE, .bytes = 100},
        {.kind = TAL_SOURCE_RANGES, .bytes = 1000},
        {.kind = TAL_SOURCE_SEQUENCE, .bytes = 10},
        {.kind = TAL_SOURCE_SEQUENCE, .bytes = 10},
        {.kind = TAL_SOURCE_PIPE},
        {.kind = TAL_SOURCE_SEQUENCE, .bytes = 5},
    };
    enum { COUNT = sizeof(probes) / sizeof(probes[0]) };
    size_t slots[COUNT];
    uint64_t bytes[COUNT];
    static const size_t expected[3][COUNT] = {
        {0, 1, 0, 0, 0, 0}, {0, 2, 1, 1, 0, 1}, {0, 3, 1, 2, 0, 1}};
    for (size_t slot_count = 1; slot_count <= 3; slot_count++) {
        tal_load_plan_assign_slots(probes, COUNT, slot_count, slots, bytes);
        for (size_t i = 0; i < COUNT; i++)
            CU_ASSERT_EQUAL(slots[i], expected[slot_count - 1][i]);
    }
}

static void slots_are_spread_over_ranks_from_rank_0(void)
{
    for (size_t slot_count = 1; slot_count <= 12; slot_count++)
        for (int rank_count = 1; rank_count <= 12; rank_count++) {
            size_t load[12] = {0};
            for (size_t slot = 0; slot < slot_count; slot++) {
                int rank = tal_load_plan_slot_rank(slot, slot_count, rank_count);
                CU_ASSERT_FATAL(rank >= 0 && rank < rank_count);
                load[rank]++;
            }
            CU_ASSERT_EQUAL(tal_load_plan_slot_rank(0, slot_count, rank_count), 0);
            size_t limit = (slot_count + (size_t)rank_count - 1) / (size_t)rank_count;
            for (int rank = 0; rank < rank_count; rank++)
                CU_ASSERT(load[rank] <= limit);
        }
}

const test_case test_cases[] = {
    TEST_CASE(cuts_are_even_and_cover_everything),
    TEST_CASE(slots_take_the_least_loaded_and_pipes_the_first),
    TEST_CASE(slots_are_spread_over_ranks_from_rank_0),
    {0},
};
