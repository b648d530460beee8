/* Runs of a path: joining, the limit of a run, order. */
#include "align/cigar.h"

#include "align/trace.h"
#include "harness.h"

const char test_suite_name[] = "align/cigar";

static void equal_operations_join_into_one_run(void)
{
    tal_cigar cigar = {0};
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_EQUAL, 3), TAL_OK);
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_EQUAL, 0), TAL_OK);
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_EQUAL, 4), TAL_OK);
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_INSERTION, 0), TAL_OK);
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_DIFF, 1), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(cigar.count, 2);
    CU_ASSERT_EQUAL(tal_cigar_operation(cigar.runs[0]), TAL_CIGAR_EQUAL);
    CU_ASSERT_EQUAL(tal_cigar_len(cigar.runs[0]), 7);
    CU_ASSERT_EQUAL(tal_cigar_len(cigar.runs[1]), 1);
    tal_cigar_deinit(&cigar);
}

static void run_beyond_28_bits_continues_in_a_second_one(void)
{
    tal_cigar cigar = {0};
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_DELETION, TAL_CIGAR_RUN_MAX - 1), TAL_OK);
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_DELETION, 1), TAL_OK);
    CU_ASSERT_EQUAL(cigar.count, 1);
    CU_ASSERT_EQUAL(tal_cigar_append(&cigar, TAL_CIGAR_DELETION, TAL_CIGAR_RUN_MAX + 2), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(cigar.count, 3);
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(tal_cigar_operation(cigar.runs[i]), TAL_CIGAR_DELETION);
    CU_ASSERT_EQUAL(tal_cigar_len(cigar.runs[0]), TAL_CIGAR_RUN_MAX);
    CU_ASSERT_EQUAL(tal_cigar_len(cigar.runs[1]), TAL_CIGAR_RUN_MAX);
    CU_ASSERT_EQUAL(tal_cigar_len(cigar.runs[2]), 2);
    tal_cigar_deinit(&cigar);
}

static void reversed_path_reads_from_the_begin(void)
{
    for (int32_t count = 0; count <= 200; count++) {
        tal_cigar cigar = {0};
        bool is_right = true;
        for (int32_t i = 0; i < count; i++) {
            uint32_t operation = i % 2 == 0 ? TAL_CIGAR_EQUAL : TAL_CIGAR_INSERTION;
            is_right = is_right && tal_cigar_append(&cigar, operation, i + 1) == TAL_OK;
        }
        tal_cigar_reverse(&cigar);
        is_right = is_right && cigar.count == (size_t)count;
        for (int32_t i = 0; is_right && i < count; i++)
            is_right = tal_cigar_len(cigar.runs[i]) == count - i;
        CU_ASSERT(is_right);
        tal_cigar_reset(&cigar);
        CU_ASSERT_EQUAL(cigar.count, 0);
        tal_cigar_deinit(&cigar);
    }
}

const test_case test_cases[] = {
    TEST_CASE(equal_operations_join_into_one_run),
    TEST_CASE(run_beyond_28_bits_continues_in_a_second_one),
    TEST_CASE(reversed_path_reads_from_the_begin),
    {0},
};
