/* The memory plan of a search: sums, shares, limits, the least number of ranks. */
#include "app/dry_run.h"

#include "base/random.h"
#include "harness.h"

#include <string.h>

static const tal_memory_needs sample = {
    .reference_count = 1000000,
    .reference_residues = 350000000,
    .reference_header_bytes = 80000000,
    .reference_len_max = 35000,
    .query_count = 5000,
    .query_residues = 2000000,
    .query_header_bytes = 400000,
    .query_len_max = 5000,
    .block_queries = 1 << 14,
    .block_residues = 1 << 20,
    .hit_limit = 500,
    .trace_bytes = 1 << 26,
    .strand_count = 1,
    .thread_count = 8,
};

static void total_is_the_sum_and_references_are_shared_out(void)
{
    tal_memory_plan one = tal_memory_plan_make(&sample, 1);
    CU_ASSERT_EQUAL(one.total, one.references + one.queries + one.workers + one.base);
    CU_ASSERT(one.references > 430000000);
    CU_ASSERT(one.references < 470000000);
    tal_memory_plan ten = tal_memory_plan_make(&sample, 10);
    CU_ASSERT(ten.references - sample.reference_len_max <= one.references / 10 + 100);
    CU_ASSERT_EQUAL(ten.queries, one.queries);
    CU_ASSERT_EQUAL(ten.workers, one.workers);
}

static void threads_strands_and_lengths_cost_what_they_take(void)
{
    tal_memory_needs needs = sample;
    tal_memory_plan before = tal_memory_plan_make(&needs, 4);
    needs.thread_count = 16;
    CU_ASSERT_EQUAL(tal_memory_plan_make(&needs, 4).workers, 2 * before.workers);
    needs = sample;
    needs.strand_count = 2;
    uint64_t rows = sample.block_residues + sample.query_count; /* One profile more. */
    CU_ASSERT_EQUAL(tal_memory_plan_make(&needs, 4).queries, before.queries + 32 * rows);
    needs = sample;
    needs.query_len_max = 1 << 24; /* One query longer than a block, all of the block. */
    needs.query_residues = 1 << 24;
    CU_ASSERT(tal_memory_plan_make(&needs, 4).queries >= UINT64_C(32) << 24);
}

static void unlimited_hits_and_huge_sets_do_not_wrap(void)
{
    tal_memory_needs needs = sample;
    needs.hit_limit = 0;
    needs.query_count = UINT64_MAX / 4;
    needs.query_residues = UINT64_MAX / 4;
    needs.query_header_bytes = UINT64_MAX / 4;
    needs.reference_count = UINT64_C(1) << 40;
    needs.reference_residues = UINT64_C(1) << 50;
    tal_memory_plan plan = tal_memory_plan_make(&needs, 1);
    CU_ASSERT(plan.hits_max >= plan.references);
    CU_ASSERT(plan.queries < UINT64_C(1) << 27);
    CU_ASSERT(plan.total > needs.reference_residues);
    needs.hit_limit = UINT64_MAX;
    CU_ASSERT(tal_memory_plan_make(&needs, 1).hits_max >= plan.references);
}

static void the_least_number_of_ranks_fits_and_one_less_does_not(void)
{
    tal_random random;
    tal_random_init(&random, 5, 0, 0);
    for (int i = 0; i < 1000; i++) {
        tal_memory_needs needs = sample;
        needs.reference_residues = tal_random_below(&random, UINT64_C(1) << 40);
        needs.reference_len_max = tal_random_below(&random, 100000);
        needs.thread_count = 1 + (int)tal_random_below(&random, 64);
        uint64_t limit = tal_random_below(&random, UINT64_C(1) << 34);
        uint64_t ranks = tal_memory_rank_count(&needs, limit);
        if (ranks == 0) {
            CU_ASSERT(tal_memory_plan_make(&needs, 1 << 30).total > limit);
            continue;
        }
        CU_ASSERT(tal_memory_plan_make(&needs, ranks).total <= limit);
        if (ranks > 1)
            CU_ASSERT(tal_memory_plan_make(&needs, ranks - 1).total > limit);
    }
}

static void the_limit_itself_is_enough_and_a_byte_less_is_refused(void)
{
    uint64_t total = tal_memory_plan_make(&sample, 3).total;
    CU_ASSERT_EQUAL(tal_memory_check(&sample, 3, total), TAL_OK);
    CU_ASSERT_EQUAL(tal_memory_check(&sample, 3, total - 1), TAL_ERR_MEMORY);
    CU_ASSERT(strstr(tal_status_message(), "start at least 4 ranks") != NULL);
    tal_status_clear();
    CU_ASSERT_EQUAL(tal_memory_check(&sample, 3, 1), TAL_ERR_MEMORY);
    CU_ASSERT(strstr(tal_status_message(), "fewer --threads") != NULL);
    tal_status_clear();
}

const char test_suite_name[] = "app/dry_run";

const test_case test_cases[] = {
    TEST_CASE(total_is_the_sum_and_references_are_shared_out),
    TEST_CASE(threads_strands_and_lengths_cost_what_they_take),
    TEST_CASE(unlimited_hits_and_huge_sets_do_not_wrap),
    TEST_CASE(the_least_number_of_ranks_fits_and_one_less_does_not),
    TEST_CASE(the_limit_itself_is_enough_and_a_byte_less_is_refused),
    {0},
};
