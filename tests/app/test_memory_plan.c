/* The memory plan of a search: sums, shares, limits, the least number of ranks. */
#include "app/memory_plan.h"

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

static void a_plan_under_a_limit_keeps_to_it_hits_included(void)
{
    tal_random random;
    tal_random_init(&random, 5, 0, 0);
    int counts[3] = {0};
    for (int i = 0; i < 3000; i++) {
        tal_memory_needs needs = sample;
        needs.reference_residues = 1 + tal_random_below(&random, UINT64_C(1) << 36);
        needs.reference_count = 1 + needs.reference_residues / 300;
        needs.reference_header_bytes = needs.reference_count * 80;
        needs.reference_len_max = 1 + tal_random_below(&random, 100000);
        needs.thread_count = 1 + (int)tal_random_below(&random, 8);
        needs.base_bytes = (UINT64_C(1) << 26) + tal_random_below(&random, UINT64_C(1) << 26);
        uint64_t ranks = 1 + tal_random_below(&random, 64);
        uint64_t limit = UINT64_C(1) << (26 + tal_random_below(&random, 12));
        needs.block_queries = tal_memory_block_queries(limit, needs.hit_limit, 4096);
        tal_memory_plan memory = tal_memory_plan_make(&needs, ranks);
        tal_memory_plan plan;
        if (tal_memory_plan_fit(&needs, ranks, limit, &plan) != TAL_OK) {
            /* What comes with a residue here is below one byte more. */
            uint64_t tile = needs.reference_len_max > 1 << 16 ? needs.reference_len_max : 1 << 16;
            uint64_t fixed = memory.total - memory.references + memory.hits_max;
            CU_ASSERT(fixed + 4 * 2 * tile > limit || memory.base + 9 * 2 * tile > limit);
            counts[0]++;
            continue;
        }
        CU_ASSERT(plan.total + plan.hits_max <= limit);
        CU_ASSERT_EQUAL(plan.tile_residues == 0, memory.total + memory.hits_max <= limit);
        if (plan.tile_residues > 0)
            CU_ASSERT(plan.tile_residues >= needs.reference_len_max);
        counts[plan.tile_residues > 0 ? 1 : 2]++;
    }
    tal_status_clear();
    for (int i = 0; i < 3; i++) /* Refused, on disk, in memory: all were tried. */
        CU_ASSERT(counts[i] > 100);
}

static void the_limit_itself_is_enough_for_memory(void)
{
    tal_memory_plan all = tal_memory_plan_make(&sample, 3);
    tal_memory_plan plan;
    uint64_t limit = all.total + all.hits_max;
    CU_ASSERT_EQUAL(tal_memory_plan_fit(&sample, 3, limit, &plan), TAL_OK);
    CU_ASSERT_EQUAL(plan.tile_residues, 0);
    CU_ASSERT_EQUAL(tal_memory_plan_fit(&sample, 3, 1, &plan), TAL_ERR_MEMORY);
    CU_ASSERT(strstr(tal_status_message(), "fewer --threads") != NULL);
    tal_status_clear();
}

static void blocks_shrink_with_the_limit_and_grow_with_fewer_hits(void)
{
    uint64_t before = 1;
    for (int bits = 20; bits < 50; bits++) {
        uint64_t count = tal_memory_block_queries(UINT64_C(1) << bits, 500, 4096);
        CU_ASSERT(count >= before);
        CU_ASSERT(count <= 4096);
        CU_ASSERT(count <= tal_memory_block_queries(UINT64_C(1) << bits, 20, 4096));
        before = count;
    }
    CU_ASSERT_EQUAL(before, 4096);
    CU_ASSERT_EQUAL(tal_memory_block_queries(1, UINT64_MAX, 4096), 1);
    CU_ASSERT_EQUAL(tal_memory_block_queries(UINT64_C(1) << 30, 0, 4096),
                    tal_memory_block_queries(UINT64_C(1) << 30, 10000, 4096));
}

const char test_suite_name[] = "app/memory_plan";

const test_case test_cases[] = {
    TEST_CASE(total_is_the_sum_and_references_are_shared_out),
    TEST_CASE(threads_strands_and_lengths_cost_what_they_take),
    TEST_CASE(unlimited_hits_and_huge_sets_do_not_wrap),
    TEST_CASE(a_plan_under_a_limit_keeps_to_it_hits_included),
    TEST_CASE(the_limit_itself_is_enough_for_memory),
    TEST_CASE(blocks_shrink_with_the_limit_and_grow_with_fewer_hits),
    {0},
};
