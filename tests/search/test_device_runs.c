/* The deal of references between the team and a device. */
#include "harness.h"

#include "base/alloc.h"
#include "kernels/contract.h"
#include "search/device_runs.h"

#include <stdlib.h>

const char test_suite_name[] = "search/device_runs";

enum { RUN = TAL_BATCH_LANES };

static void the_first_claim_is_one_run(void)
{
    tal_device_rates rates = {.left_residues = 1000000, .last_run = 100, .host_residues = 5000};
    CU_ASSERT_EQUAL(tal_device_claim_size(&rates), 1);
}

static void a_claim_is_half_of_what_the_device_would_do_of_the_rest(void)
{
    tal_device_rates rates = {
        .host_residues = 1000,
        .host_ns = 1000000,
        .device_residues = 3000,
        .device_ns = 1000000,
        .left_residues = 80000,
        .last_run = 100,
        .last_claim = 1000000,
    };
    CU_ASSERT(llabs((long long)tal_device_claim_size(&rates) - 30000) <= 1);
    rates.device_residues = 1000; /* as fast as the team */
    CU_ASSERT(llabs((long long)tal_device_claim_size(&rates) - 20000) <= 1);
    rates.device_ns *= 9;
    CU_ASSERT(llabs((long long)tal_device_claim_size(&rates) - 4000) <= 1);
}

static void a_claim_grows_eightfold_at_most(void)
{
    tal_device_rates rates = {
        .host_residues = 1000,
        .host_ns = 1000000,
        .device_residues = 1000,
        .device_ns = 1000,
        .left_residues = 100000000,
        .last_run = 100,
        .last_claim = 1000,
    };
    CU_ASSERT_EQUAL(tal_device_claim_size(&rates), 8000);
}

/* A run takes the device 100 ms; the team needs 50 ms for all that is left. */
static void a_slow_device_stops_before_the_team_would_wait_for_it(void)
{
    tal_device_rates rates = {
        .host_residues = 1000000,
        .host_ns = 1000000000,
        .device_residues = 1000,
        .device_ns = 1000000000,
        .left_residues = 50000,
        .last_run = 100,
        .last_claim = 100,
    };
    CU_ASSERT_EQUAL(tal_device_claim_size(&rates), 0);
    rates.left_residues = 200000;
    CU_ASSERT(tal_device_claim_size(&rates) > 0);
}

static tal_device_runs make_runs(tal_lid count, tal_lid pair_count, tal_lid **out_order)
{
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    tal_lid *order = tal_alloc_array(count, sizeof(*order));
    uint8_t *codes = tal_alloc_zero(count + 1);
    for (tal_lid i = 0; i < count; i++) {
        order[i] = i;
        CU_ASSERT_EQUAL_FATAL(tal_seqset_append(set, i, codes, count - i, "x", 1), TAL_OK);
    }
    tal_device_runs runs;
    CU_ASSERT_EQUAL_FATAL(tal_device_runs_init(&runs, set, order, count, pair_count), TAL_OK);
    tal_device_runs_reset(&runs);
    tal_free(codes);
    tal_seqset_destroy(set);
    *out_order = order;
    return runs;
}

static void runs_cover_the_order_and_divide_no_batch(void)
{
    static const tal_lid counts[][2] = {{1, 1}, {64, 3}, {65, 3}, {300, 0}, {300, 70}, {300, 300}};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        tal_lid *order;
        tal_device_runs runs = make_runs(counts[i][0], counts[i][1], &order);
        CU_ASSERT_EQUAL(tal_device_runs_begin(&runs, 0), 0);
        CU_ASSERT_EQUAL(tal_device_runs_begin(&runs, runs.count), counts[i][0]);
        bool is_edge = runs.pair_count == 0;
        for (tal_lid run = 0; run < runs.count; run++) {
            tal_lid begin = tal_device_runs_begin(&runs, run);
            tal_lid end = tal_device_runs_begin(&runs, run + 1);
            CU_ASSERT(begin < end && end - begin <= RUN);
            is_edge = is_edge || end == runs.pair_count;
            uint64_t residues = 0;
            for (tal_lid k = begin; k < end; k++)
                residues += counts[i][0] - k;
            CU_ASSERT_EQUAL(runs.residues[run + 1] - runs.residues[run], residues);
        }
        CU_ASSERT(is_edge);
        tal_device_runs_deinit(&runs);
        tal_free(order);
    }
}

/* Not below the run whose number stands in the context. */
static tal_lid first_run(const void *context, tal_lid end)
{
    (void)end;
    return *(const tal_lid *)context;
}

static void a_run_belongs_to_who_takes_it_first_and_comes_back_when_returned(void)
{
    tal_lid *order;
    tal_device_runs runs = make_runs(5 * RUN, 0, &order);
    tal_lid first = 0;
    tal_lid begin, end;
    CU_ASSERT(tal_device_runs_take(&runs, 0));
    tal_device_runs_claim(&runs, 9, first_run, &first, &begin, &end);
    CU_ASSERT(begin == 4 && end == 5); /* nothing is measured yet */
    CU_ASSERT_FALSE(tal_device_runs_take(&runs, 4 * RUN));
    CU_ASSERT(tal_device_runs_take(&runs, 1)); /* its own */
    tal_device_runs_return(&runs, begin, end);
    CU_ASSERT_FALSE(tal_device_runs_take(&runs, 5 * RUN - 1));
    for (tal_lid run = 1; run < 4; run++)
        CU_ASSERT(tal_device_runs_take(&runs, run * RUN));
    tal_device_runs_claim(&runs, 9, first_run, &first, &begin, &end);
    CU_ASSERT_EQUAL(begin, end); /* nothing is left */
    CU_ASSERT(tal_device_runs_finish(&runs));
    CU_ASSERT_FALSE(tal_device_runs_take(&runs, 0)); /* done */
    CU_ASSERT(tal_device_runs_take(&runs, 4 * RUN));
    CU_ASSERT_FALSE(tal_device_runs_finish(&runs));
    tal_device_runs_deinit(&runs);
    tal_free(order);
}

static void claims_stay_within_a_part_and_the_limit_of_runs(void)
{
    tal_lid *order;
    tal_device_runs runs = make_runs(40 * RUN, 0, &order);
    tal_lid first = 35;
    tal_lid begin, end;
    tal_device_runs_take_last(&runs);
    tal_device_runs_complete(&runs, 39, 40, 1); /* faster than anything */
    runs.last_claim = runs.residues[40];
    tal_device_runs_claim(&runs, 2, first_run, &first, &begin, &end);
    CU_ASSERT(begin == 37 && end == 39);
    tal_device_runs_claim(&runs, 9, first_run, &first, &begin, &end);
    CU_ASSERT(begin == 35 && end == 37);
    tal_device_runs_deinit(&runs);
    tal_free(order);
}

const test_case test_cases[] = {
    TEST_CASE(the_first_claim_is_one_run),
    TEST_CASE(a_claim_is_half_of_what_the_device_would_do_of_the_rest),
    TEST_CASE(a_claim_grows_eightfold_at_most),
    TEST_CASE(a_slow_device_stops_before_the_team_would_wait_for_it),
    TEST_CASE(runs_cover_the_order_and_divide_no_batch),
    TEST_CASE(a_run_belongs_to_who_takes_it_first_and_comes_back_when_returned),
    TEST_CASE(claims_stay_within_a_part_and_the_limit_of_runs),
    {0},
};
