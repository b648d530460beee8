/* Plans: order by length, splits, items that cover every pair once. */
#include "harness.h"

#include "base/alloc.h"
#include "kernels/contract.h"
#include "search/plan.h"

#include <string.h>

const char test_suite_name[] = "search/plan";

static tal_seqset *sample_set(tal_lid count, int64_t len_max)
{
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    uint8_t *codes = tal_alloc_zero((size_t)len_max + 1);
    for (tal_lid i = 0; i < count; i++) {
        size_t len = (size_t)test_random_in(0, len_max);
        CU_ASSERT_EQUAL_FATAL(tal_seqset_append(set, i, codes, len, "x", 1), TAL_OK);
    }
    tal_free(codes);
    return set;
}

static void order_is_falling_in_length_stable_and_without_empty_ones(void)
{
    tal_seqset *set = sample_set(3000, 200);
    CU_ASSERT_EQUAL_FATAL(tal_seqset_append(set, 3000, (uint8_t[70000]){0}, 70000, "", 0), TAL_OK);
    tal_lid *order = NULL;
    tal_lid count = 0;
    CU_ASSERT_EQUAL_FATAL(tal_plan_order(set, &order, &count), TAL_OK);
    tal_lid empty = 0;
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++)
        empty += tal_seqset_len(set, lid) == 0;
    CU_ASSERT_EQUAL(count + empty, tal_seqset_count(set));
    CU_ASSERT_EQUAL(order[0], 3000);
    for (tal_lid i = 1; i < count; i++) {
        int32_t before = tal_seqset_len(set, order[i - 1]);
        int32_t len = tal_seqset_len(set, order[i]);
        CU_ASSERT(len > 0 && (before > len || (before == len && order[i - 1] < order[i])));
    }
    tal_free(order);
    tal_seqset_destroy(set);
}

static void order_of_an_empty_set_is_empty(void)
{
    tal_seqset *set = sample_set(0, 1);
    tal_lid *order = NULL;
    tal_lid count = 7;
    CU_ASSERT_EQUAL_FATAL(tal_plan_order(set, &order, &count), TAL_OK);
    CU_ASSERT_EQUAL(count, 0);
    tal_free(order);
    tal_seqset_destroy(set);
}

static void split_covers_everything_in_order_and_about_evenly(void)
{
    uint64_t cost[1000];
    uint64_t total = 0;
    for (int i = 0; i < 1000; i++)
        total += cost[i] = (uint64_t)test_random_in(0, 100);
    for (size_t parts = 1; parts <= 1500; parts = parts * 2 + 1) {
        size_t begin[1501];
        tal_plan_split(cost, 1000, parts, begin);
        CU_ASSERT_EQUAL(begin[0], 0);
        CU_ASSERT_EQUAL(begin[parts], 1000);
        for (size_t part = 0; part < parts; part++) {
            uint64_t sum = 0;
            CU_ASSERT(begin[part] <= begin[part + 1]);
            for (size_t i = begin[part]; i < begin[part + 1]; i++)
                sum += cost[i];
            CU_ASSERT(sum <= total / parts + 201);
        }
    }
}

static void split_of_nothing_gives_all_to_one_part(void)
{
    uint64_t cost[5] = {0};
    size_t begin[4];
    tal_plan_split(cost, 5, 3, begin);
    CU_ASSERT_EQUAL(begin[0], 0);
    CU_ASSERT_EQUAL(begin[3], 5);
    tal_plan_split(cost, 0, 3, begin);
    CU_ASSERT_EQUAL(begin[3], 0);
}

/* Runs of `step` units: every (reference, query) is in one item, in order, and no item spans
 * batches; the first pair_count references stand alone. */
static void expect_cover(const tal_plan *plan, size_t step)
{
    size_t unit_count = tal_plan_unit_count(plan);
    tal_lid next = 0; /* The reference that the next batch must begin with. */
    tal_lid query = 0;
    bool is_good = true;
    for (size_t unit = 0; unit < unit_count; unit += step) {
        size_t begin = unit;
        size_t end = unit + step < unit_count ? unit + step : unit_count;
        while (begin < end && is_good) {
            size_t before = begin;
            tal_item item = tal_plan_first_item(plan, begin, end, &begin);
            tal_lid left = plan->order_count - next;
            tal_lid most = next < plan->pair_count ? 1 : TAL_BATCH_LANES;
            is_good = item.first == next && item.lane_count == (left < most ? left : most) &&
                      item.query_begin == query && item.query_end > item.query_begin &&
                      item.query_end <= plan->query_count &&
                      begin - before == item.query_end - item.query_begin;
            query = item.query_end == plan->query_count ? 0 : item.query_end;
            next += query == 0 ? item.lane_count : 0;
        }
    }
    CU_ASSERT(is_good);
    CU_ASSERT_EQUAL(query, 0);
    CU_ASSERT_EQUAL(next, plan->query_count == 0 ? 0 : plan->order_count);
}

static void items_cover_every_pair_once(void)
{
    const tal_lid counts[] = {0, 1, 2, 63, 64, 65, 500};
    const tal_lid pair_counts[] = {0, 1, 3, 64, 500};
    const size_t steps[] = {1, 2, 64, 499, 500, 501, 100000};
    for (size_t q = 0; q < 7; q++)
        for (size_t r = 0; r < 7; r++)
            for (size_t p = 0; p < 5 && pair_counts[p] <= counts[r]; p++)
                for (size_t s = 0; s < 7; s++)
                    expect_cover(&(tal_plan){counts[r], pair_counts[p], counts[q]}, steps[s]);
}

static void units_of_the_largest_sets_can_be_numbered(void)
{
    tal_plan plan = {.order_count = UINT32_MAX, .query_count = UINT32_MAX};
    CU_ASSERT_EQUAL(tal_plan_unit_count(&plan), ((size_t)1 << 26) * UINT32_MAX);
}

static tal_seqset *set_of_lengths(const int32_t *lens, size_t count)
{
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    uint8_t *codes = tal_alloc_zero(40000);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(tal_seqset_append(set, i, codes, (size_t)lens[i], "s", 1), TAL_OK);
    tal_free(codes);
    return set;
}

static tal_lid pair_count_of(const int32_t *lens, size_t count)
{
    tal_seqset *set = set_of_lengths(lens, count);
    tal_lid *order = NULL, order_count = 0;
    CU_ASSERT_EQUAL_FATAL(tal_plan_order(set, &order, &order_count), TAL_OK);
    tal_ladder_rates rates = {.lanes = 64, .pair_cost = 4 * TAL_LADDER_COST_UNIT};
    tal_lid pairs = tal_plan_pair_count(set, order, order_count, rates);
    rates.pair_cost = 0;
    CU_ASSERT_EQUAL(tal_plan_pair_count(set, order, order_count, rates), 0);
    tal_free(order);
    tal_seqset_destroy(set);
    return pairs;
}

static void long_references_leave_the_batches(void)
{
    int32_t lens[200];
    for (size_t i = 0; i < 200; i++)
        lens[i] = 400;
    CU_ASSERT_EQUAL(pair_count_of(lens, 0), 0);
    CU_ASSERT_EQUAL(pair_count_of(lens, 128), 0);
    CU_ASSERT_EQUAL(pair_count_of(lens, 1), 1); /* Alone in 64 lanes. */
    CU_ASSERT_EQUAL(pair_count_of(lens, 60), 0);
    lens[17] = 35000;
    lens[18] = 30000;
    CU_ASSERT_EQUAL(pair_count_of(lens, 130), 2);
    lens[19] = 420; /* Longer, but a batch's gain. */
    CU_ASSERT_EQUAL(pair_count_of(lens, 130), 2);
}

const test_case test_cases[] = {
    TEST_CASE(order_is_falling_in_length_stable_and_without_empty_ones),
    TEST_CASE(order_of_an_empty_set_is_empty),
    TEST_CASE(split_covers_everything_in_order_and_about_evenly),
    TEST_CASE(split_of_nothing_gives_all_to_one_part),
    TEST_CASE(items_cover_every_pair_once),
    TEST_CASE(long_references_leave_the_batches),
    TEST_CASE(units_of_the_largest_sets_can_be_numbered),
    {0},
};
