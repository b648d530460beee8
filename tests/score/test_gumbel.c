/* Statistics by simulation against published ones, and where there are none. */
#include "harness.h"
#include "team_of.h"

#include "score/gumbel.h"
#include "score/karlin.h"

#include <math.h>
#include <string.h>

const char test_suite_name[] = "score/gumbel";

static tal_stats computed(int threads, const tal_matrix *matrix, int open, int extend)
{
    tal_team *team = NULL;
    tal_stats stats = {0};
    tal_gumbel_cost cost;
    CU_ASSERT_EQUAL_FATAL(team_of(threads, &team), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_gumbel_find(team, matrix, (tal_gaps){open, extend}, &stats, &cost),
                          TAL_OK);
    tal_team_destroy(team);
    return stats;
}

static tal_matrix bases(int match, int mismatch)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_match_mismatch(match, mismatch, &matrix), TAL_OK);
    return matrix;
}

static void expect_near_published(const tal_matrix *matrix, int open, int extend)
{
    tal_stats own = computed(1, matrix, open, extend);
    tal_stats published;
    CU_ASSERT_TRUE_FATAL(tal_stats_look_up(matrix, (tal_gaps){open, extend}, &published));
    CU_ASSERT_DOUBLE_EQUAL(own.lambda, published.lambda, 0.01 * published.lambda);
    CU_ASSERT_DOUBLE_EQUAL(own.k, published.k, 0.12 * published.k);
    CU_ASSERT_TRUE(own.is_known && own.is_computed && own.has_gumbel);
    CU_ASSERT_TRUE(own.lambda_error > 0 && own.lambda_error <= TAL_GUMBEL_ERROR);
    CU_ASSERT_TRUE(own.k_error > 0 && own.k_error <= TAL_GUMBEL_ERROR_K);
}

static void near_the_published_ones(void)
{
    tal_matrix one = bases(1, -2);
    expect_near_published(&one, 2, 2);
    tal_matrix two = bases(2, -3);
    expect_near_published(&two, 5, 2);
    tal_matrix pam;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("PAM30", TAL_PROTEIN, &pam), TAL_OK);
    expect_near_published(&pam, 14, 2);
}

static void same_for_any_team_and_scale(void)
{
    tal_matrix one = bases(1, -2);
    tal_matrix twice = bases(2, -4);
    tal_stats a = computed(1, &one, 3, 2);
    tal_stats b = computed(3, &one, 3, 2);
    tal_stats c = computed(2, &twice, 6, 4);
    CU_ASSERT_EQUAL(memcmp(&a, &b, sizeof(a)), 0);
    CU_ASSERT_DOUBLE_EQUAL(a.lambda, 2 * c.lambda, 1e-4 * a.lambda);
    CU_ASSERT_EQUAL(a.k, c.k);
    CU_ASSERT_DOUBLE_EQUAL(a.a, 2 * c.a, 1e-3 * a.a);
    CU_ASSERT_DOUBLE_EQUAL(a.tau, c.tau, 1e-2 * fabs(a.tau));
}

static void gaps_that_never_open_give_the_exact_ungapped_ones(void)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM80", TAL_PROTEIN, &matrix), TAL_OK);
    tal_stats stats = computed(2, &matrix, 1000, 1000);
    /* As published: 0.343, 0.177, H 0.6568, a 0.5222, alpha 1.918. */
    CU_ASSERT_DOUBLE_EQUAL(stats.lambda_ungapped, 0.343, 0.0005);
    CU_ASSERT_DOUBLE_EQUAL(stats.k_ungapped, 0.177, 0.0015);
    CU_ASSERT_DOUBLE_EQUAL(stats.lambda, 0.343, 0.003);
    CU_ASSERT_DOUBLE_EQUAL(stats.k, 0.177, 0.01);
    CU_ASSERT_DOUBLE_EQUAL(stats.a, 0.5222, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(stats.alpha, 1.918, 0.3);
}

static void any_law_has_what_the_closed_form_gives(void)
{
    const double shares[] = {0.75, 0, 0, 0.25}; /* -2 and 1 */
    double root = tal_karlin_root(-2, 1, shares, 4);
    tal_karlin any;
    CU_ASSERT_EQUAL_FATAL(tal_karlin_of(-2, 1, shares, root, &any), TAL_OK);
    tal_karlin exact = tal_karlin_match_mismatch(1, -2);
    CU_ASSERT_DOUBLE_EQUAL(any.lambda, exact.lambda, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(any.k, exact.k, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(any.h, exact.h, 1e-9);
}

static void expect_refusal(const tal_matrix *matrix, int open, int extend, const char *reason)
{
    tal_team *team = NULL;
    tal_stats stats;
    tal_gumbel_cost cost;
    CU_ASSERT_EQUAL_FATAL(team_of(1, &team), TAL_OK);
    CU_ASSERT_EQUAL(tal_gumbel_find(team, matrix, (tal_gaps){open, extend}, &stats, &cost),
                    TAL_ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), reason));
    tal_status_clear();
    tal_team_destroy(team);
}

static void refused_in_the_linear_phase(void)
{
    tal_matrix one = bases(1, -1);
    expect_refusal(&one, 0, 1, "linear phase");
    expect_refusal(&one, 9, 0, "linear phase");
    tal_matrix much = bases(4, -1);
    expect_refusal(&much, 9, 9, "mean score of unrelated letters is 0.25");
}

const test_case test_cases[] = {
    TEST_CASE(near_the_published_ones),
    TEST_CASE(same_for_any_team_and_scale),
    TEST_CASE(gaps_that_never_open_give_the_exact_ungapped_ones),
    TEST_CASE(any_law_has_what_the_closed_form_gives),
    TEST_CASE(refused_in_the_linear_phase),
    {0},
};
