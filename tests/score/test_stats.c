/* Parameters, gap costs, and the properties of E-values and score cuts. */
#include "harness.h"

#include "score/karlin.h"
#include "score/stats.h"

#include <math.h>
#include <string.h>

const char test_suite_name[] = "score/stats";

static tal_matrix protein(const char *name)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load(name, TAL_PROTEIN, &matrix), TAL_OK);
    return matrix;
}

static tal_matrix bases(int match, int mismatch)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_match_mismatch(match, mismatch, &matrix), TAL_OK);
    return matrix;
}

static tal_stats found(const tal_matrix *matrix, int open, int extend)
{
    tal_stats stats = {0};
    CU_ASSERT_EQUAL_FATAL(tal_stats_find(matrix, (tal_gaps){open, extend}, &stats), TAL_OK);
    CU_ASSERT_TRUE(stats.is_known);
    return stats;
}

static void expect_failure(tal_status status, const char *part)
{
    CU_ASSERT_EQUAL(status, TAL_ERR_CONFIG);
    if (strstr(tal_status_message(), part) == NULL) {
        CU_FAIL("the message lacks a part");
        printf("\n  message '%s' lacks '%s'\n", tal_status_message(), part);
    }
    tal_status_clear();
}

static void expect_known_default(const tal_matrix *matrix, int open, int extend)
{
    tal_gaps gaps = tal_gaps_default(matrix);
    CU_ASSERT_EQUAL(gaps.open, open);
    CU_ASSERT_EQUAL(gaps.extend, extend);
    tal_stats stats;
    CU_ASSERT_TRUE(tal_stats_look_up(matrix, gaps, &stats));
}

static void default_gaps_are_those_of_blast_and_have_parameters(void)
{
    static const struct {
        const char *name;
        int open, extend;
    } proteins[] = {{"BLOSUM45", 14, 2}, {"BLOSUM50", 13, 2}, {"BLOSUM62", 11, 1},
                    {"BLOSUM80", 10, 1}, {"BLOSUM90", 10, 1}, {"PAM30", 9, 1},
                    {"PAM70", 10, 1},    {"PAM250", 14, 2}};
    for (size_t i = 0; i < sizeof(proteins) / sizeof(proteins[0]); i++) {
        tal_matrix matrix = protein(proteins[i].name);
        expect_known_default(&matrix, proteins[i].open, proteins[i].extend);
    }
    static const int pairs[][4] = {{2, -3, 5, 2}, {1, -3, 5, 2},   {1, -2, 5, 2}, {1, -1, 5, 2},
                                   {3, -4, 5, 2}, {4, -6, 10, 4},  {1, -5, 3, 3}, {2, -5, 2, 4},
                                   {4, -5, 6, 5}, {5, -4, 10, 6},  {3, -2, 5, 5}, {2, -7, 2, 4},
                                   {1, -4, 5, 2}, {10, -8, 20, 12}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        tal_matrix matrix = bases(pairs[i][0], pairs[i][1]);
        expect_known_default(&matrix, pairs[i][2], pairs[i][3]);
    }
}

static void default_gaps_of_matrices_without_parameters_are_usable(void)
{
    tal_matrix matrix = bases(5, -100);
    tal_gaps gaps = tal_gaps_default(&matrix);
    CU_ASSERT_EQUAL(gaps.open, 13);
    CU_ASSERT_EQUAL(gaps.extend, 5);
    CU_ASSERT_EQUAL(tal_gaps_check(&gaps), TAL_OK);
    matrix = protein("PAM30");
    matrix.score[0][0] = 1;
    gaps = tal_gaps_default(&matrix);
    CU_ASSERT_EQUAL(gaps.open, 11);
    CU_ASSERT_EQUAL(gaps.extend, 1);
}

static void gap_costs_are_checked(void)
{
    CU_ASSERT_EQUAL(tal_gaps_check(&(tal_gaps){0, 1}), TAL_OK);
    CU_ASSERT_EQUAL(tal_gaps_check(&(tal_gaps){1, 0}), TAL_OK);
    CU_ASSERT_EQUAL(tal_gaps_check(&(tal_gaps){TAL_GAP_MAX, TAL_GAP_MAX}), TAL_OK);
    expect_failure(tal_gaps_check(&(tal_gaps){0, 0}), "gap costs 0, 0: a gap must cost something");
    expect_failure(tal_gaps_check(&(tal_gaps){-1, 2}), "gap open cost -1: must be 0 to 10000");
    expect_failure(tal_gaps_check(&(tal_gaps){2, -1}), "gap extend cost -1: must be 0 to 10000");
    expect_failure(tal_gaps_check(&(tal_gaps){10001, 1}), "gap open cost 10001");
    expect_failure(tal_gaps_check(&(tal_gaps){1, 10001}), "gap extend cost 10001");
}

static void unknown_combinations_list_the_known_ones(void)
{
    tal_matrix matrix = protein("BLOSUM62");
    tal_stats stats;
    expect_failure(tal_stats_find(&matrix, (tal_gaps){5, 1}, &stats),
                   "no E-values are known for 'BLOSUM62' with gap open/extend costs 5/1: use one "
                   "of 11/2, 10/2, 9/2, 8/2, 7/2, 6/2, 13/1, 12/1, 11/1, 10/1, 9/1, or give "
                   "--min-score");
    expect_failure(tal_stats_find(&matrix, (tal_gaps){0, 0}, &stats), "gap open/extend costs 0/0");
    matrix = bases(4, -6);
    expect_failure(tal_stats_find(&matrix, (tal_gaps){1, 1}, &stats),
                   "use one of 0/8, 8/8, 4/8, 0/8, 6/6, 12/4, 10/4, 8/4, 4/4, or open >= 12 with "
                   "extend >= 8, or give --min-score");
    matrix = bases(7, -3);
    expect_failure(tal_stats_find(&matrix, (tal_gaps){5, 2}, &stats),
                   "for matrix 'match 7 mismatch -3': give --min-score, or use one of BLOSUM45");
    matrix = protein("BLOSUM62");
    matrix.score[3][7]++;
    strcpy(matrix.name, "mine.txt");
    expect_failure(tal_stats_find(&matrix, (tal_gaps){11, 1}, &stats),
                   "matrix 'mine.txt': give --min-score");
    CU_ASSERT_FALSE(tal_stats_look_up(&matrix, (tal_gaps){11, 1}, &stats));
    CU_ASSERT_FALSE(stats.is_known);
    tal_search_space space = {100, 1000, 10};
    CU_ASSERT_TRUE(isnan(tal_stats_bits(&stats, 50)));
    CU_ASSERT_TRUE(isnan(tal_stats_evalue(&stats, &space, 50, 100)));
    CU_ASSERT_EQUAL(tal_stats_score_cut(&stats, &space, 10.0, 100, 1), INT32_MAX);
}

static void description_is_cut_at_the_room_given(void)
{
    tal_matrix matrix = protein("BLOSUM62");
    char text[8];
    memset(text, 'x', sizeof(text));
    tal_stats_describe(&matrix, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "11/2, 1");
    char whole[2048];
    tal_stats_describe(NULL, whole, sizeof(whole));
    CU_ASSERT_PTR_NOT_NULL(strstr(whole, "PAM250; match/mismatch 1/-5 1/-4"));
    CU_ASSERT_PTR_NOT_NULL(strstr(whole, "3/-2 and their multiples"));
}

static void file_with_the_scores_of_a_built_in_matrix_has_its_parameters(void)
{
    tal_matrix matrix = protein("BLOSUM62");
    strcpy(matrix.name, "mine.txt");
    matrix.score[21][21] = -9; /* J */
    tal_stats stats = found(&matrix, 11, 1);
    CU_ASSERT_EQUAL(stats.lambda, 0.267);
    CU_ASSERT_EQUAL(stats.k, 0.041);
    CU_ASSERT_TRUE(stats.has_gumbel);
}

static void multiples_of_a_pair_keep_bits_and_evalue(void)
{
    tal_matrix one = bases(1, -2);
    tal_matrix three = bases(3, -6);
    tal_search_space space = {500, 10000000, 5000};
    static const tal_gaps costs[] = {{2, 1}, {2, 2}, {5, 2}, {100, 100}};
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
        tal_stats a = found(&one, costs[i].open, costs[i].extend);
        tal_stats b = found(&three, 3 * costs[i].open, 3 * costs[i].extend);
        CU_ASSERT_DOUBLE_EQUAL(tal_stats_bits(&a, 40), tal_stats_bits(&b, 120), 1e-9);
        double evalue = tal_stats_evalue(&a, &space, 40, 1000);
        CU_ASSERT_DOUBLE_EQUAL(tal_stats_evalue(&b, &space, 120, 1000) / evalue, 1.0, 1e-9);
    }
}

static void linear_gap_costs_have_parameters(void)
{
    tal_matrix matrix = bases(2, -4);
    tal_stats stats = found(&matrix, 0, 5);
    CU_ASSERT_EQUAL(stats.lambda, 1.28 / 2);
    CU_ASSERT_EQUAL(stats.k, 0.46);
}

static void computed_ungapped_parameters_equal_those_blastn_prints(void)
{
    static const struct {
        int match, mismatch;
        double lambda, k, h;
    } printed[] = {{1, -5, 1.39, 0.747, 1.38},   {1, -4, 1.383, 0.738, 1.36},
                   {1, -3, 1.374, 0.711, 1.31},  {1, -2, 1.33, 0.621, 1.12},
                   {2, -3, 0.634, 0.408, 0.912}, {5, -4, 0.192, 0.176, 0.357}};
    for (size_t i = 0; i < sizeof(printed) / sizeof(printed[0]); i++) {
        tal_karlin karlin = tal_karlin_match_mismatch(printed[i].match, printed[i].mismatch);
        CU_ASSERT_DOUBLE_EQUAL(karlin.lambda, printed[i].lambda, 0.0051 * printed[i].lambda);
        CU_ASSERT_DOUBLE_EQUAL(karlin.k, printed[i].k, 0.0051 * printed[i].k);
        CU_ASSERT_DOUBLE_EQUAL(karlin.h, printed[i].h, 0.0051 * printed[i].h);
    }
    /* Closed forms: +1/-1, and H/lambda (1 - exp(-lambda)) for match 1. */
    tal_karlin one = tal_karlin_match_mismatch(1, -1);
    CU_ASSERT_DOUBLE_EQUAL(one.lambda, log(3.0), 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(one.k, 1.0 / 3, 1e-9);
    tal_karlin two = tal_karlin_match_mismatch(1, -2);
    CU_ASSERT_DOUBLE_EQUAL(two.k, two.h / two.lambda * (1 - exp(-two.lambda)), 1e-9);
}

static void length_adjustment_is_the_largest_that_fits(void)
{
    tal_matrix matrix = bases(2, -3);
    tal_stats stats = found(&matrix, 5, 2);
    for (int i = 0; i < 2000; i++) {
        tal_search_space space = {.query_len = test_random_in(1, 5000)};
        space.sequence_count = (uint64_t)test_random_in(1, 10000);
        space.residue_count = space.sequence_count * (uint64_t)test_random_in(1, 3000);
        int64_t adjustment = tal_stats_length_adjustment(&stats, &space);
        double m = (double)space.query_len;
        double n = (double)space.residue_count;
        double count = (double)space.sequence_count;
        int64_t expected = 0;
        for (int64_t l = 1; (double)l < m && count * (double)l < n; l++) {
            double left = stats.k * (m - (double)l) * (n - count * (double)l);
            if (left >= fmax(m, n) &&
                stats.alpha_a / stats.lambda * log(left) + stats.beta_b >= (double)l)
                expected = l;
        }
        CU_ASSERT_EQUAL(adjustment, expected);
    }
    tal_search_space one = {1, 1, 1};
    CU_ASSERT_EQUAL(tal_stats_length_adjustment(&stats, &one), 0);
    CU_ASSERT_TRUE(tal_stats_evalue(&stats, &one, 2, 1) > 0);
}

static void odd_scores_count_as_even_where_blastn_says_so(void)
{
    tal_matrix matrix = bases(2, -3);
    tal_stats stats = found(&matrix, 5, 2);
    tal_search_space space = {500, 10000000, 5000};
    CU_ASSERT_EQUAL(tal_stats_evalue(&stats, &space, 41, 1000),
                    tal_stats_evalue(&stats, &space, 40, 1000));
    CU_ASSERT_TRUE(tal_stats_bits(&stats, 41) > tal_stats_bits(&stats, 40));
    int32_t cut = tal_stats_score_cut(&stats, &space, 1e-3, 1000, 7);
    CU_ASSERT_EQUAL(cut % 2, 0);
}

/* All combinations a random case may have. */
static tal_stats random_stats(void)
{
    static const char *const names[] = {"BLOSUM45", "BLOSUM50", "BLOSUM62", "BLOSUM80",
                                        "BLOSUM90", "PAM30",    "PAM70",    "PAM250"};
    static const int pairs[][2] = {{1, -1}, {2, -3}, {5, -4}, {1, -5}};
    int64_t choice = test_random_in(0, 11);
    tal_matrix matrix =
        choice < 8 ? protein(names[choice]) : bases(pairs[choice - 8][0], pairs[choice - 8][1]);
    tal_stats stats;
    tal_gaps gaps;
    do {
        gaps = (tal_gaps){(int)test_random_in(5, 25), (int)test_random_in(1, 6)};
    } while (!tal_stats_look_up(&matrix, gaps, &stats));
    return stats;
}

static tal_search_space random_space(void)
{
    tal_search_space space = {.query_len =
                                  (int64_t)pow(10, (double)test_random_in(0, 4000) / 1000)};
    space.sequence_count = (uint64_t)test_random_in(1, 1000000);
    space.residue_count = space.sequence_count * (uint64_t)test_random_in(1, 1000);
    return space;
}

static void evalues_fall_with_the_score(void)
{
    for (int i = 0; i < 300; i++) {
        tal_stats stats = random_stats();
        tal_search_space space = random_space();
        int64_t ref_len = test_random_in(1, 40000);
        double last = INFINITY;
        int32_t rise_score = 0;
        for (int32_t score = 1; score <= 2000; score++) {
            double evalue = tal_stats_evalue(&stats, &space, score, ref_len);
            if (!(evalue >= 0 && evalue <= last) && rise_score == 0)
                rise_score = score;
            last = evalue;
        }
        if (rise_score != 0) {
            CU_FAIL("an E-value rises or is no number");
            printf("\n  lambda %g query %lld ref %lld score %d", stats.lambda,
                   (long long)space.query_len, (long long)ref_len, rise_score);
        }
    }
}

static void score_cut_is_the_smallest_score_that_passes(void)
{
    for (int i = 0; i < 3000; i++) {
        tal_stats stats = random_stats();
        tal_search_space space = random_space();
        int64_t ref_len = test_random_in(1, 40000);
        double limit = pow(10.0, (double)test_random_in(-200, 10));
        int32_t guess = (int32_t)test_random_in(-10, 1000);
        int32_t cut = tal_stats_score_cut(&stats, &space, limit, ref_len, guess);
        CU_ASSERT_TRUE(cut >= 1);
        CU_ASSERT_TRUE(tal_stats_evalue(&stats, &space, cut, ref_len) <= limit);
        CU_ASSERT_TRUE(cut == 1 || tal_stats_evalue(&stats, &space, cut - 1, ref_len) > limit);
        CU_ASSERT_EQUAL(cut, tal_stats_score_cut(&stats, &space, limit, ref_len, cut));
        CU_ASSERT_EQUAL(cut, tal_stats_score_cut(&stats, &space, limit, ref_len, INT32_MAX));
        CU_ASSERT_EQUAL(cut, tal_stats_score_cut(&stats, &space, limit, ref_len, INT32_MIN));
    }
}

static void score_cut_of_odd_limits(void)
{
    tal_matrix matrix = protein("BLOSUM62");
    tal_stats stats = found(&matrix, 11, 1);
    tal_search_space space = {300, 1000000, 3000};
    CU_ASSERT_EQUAL(tal_stats_score_cut(&stats, &space, -1.0, 300, 50), INT32_MAX);
    CU_ASSERT_EQUAL(tal_stats_score_cut(&stats, &space, NAN, 300, 50), INT32_MAX);
    CU_ASSERT_EQUAL(tal_stats_score_cut(&stats, &space, INFINITY, 300, 50), 1);
    CU_ASSERT_EQUAL(tal_stats_score_cut(&stats, &space, 1e300, 300, 50), 1);
    int32_t none = tal_stats_score_cut(&stats, &space, 0.0, 300, 50); /* where E underflows */
    CU_ASSERT_EQUAL(tal_stats_evalue(&stats, &space, none, 300), 0.0);
    CU_ASSERT_EQUAL(tal_stats_evalue(&stats, &space, INT32_MAX, 300), 0.0);
    CU_ASSERT_EQUAL(tal_stats_evalue(&stats, &space, 40, 0),
                    tal_stats_evalue(&stats, &space, 40, 1));
}

/* The score that is worth `bits` by ungapped statistics. */
static double ungapped_score(const tal_stats *stats, double bits)
{
    return (bits * log(2) + log(stats->k_ungapped)) / stats->lambda_ungapped;
}

/* Whatever lengths the pair has, for either kind of statistics; and it is of use where lengths are
 * about the same. */
static void score_floor_is_never_above_the_cut_of_a_pair(void)
{
    for (int i = 0; i < 5000; i++) {
        tal_stats stats = random_stats();
        tal_search_space space = random_space();
        int64_t query_min = test_random_in(1, 2000);
        int64_t ref_min = test_random_in(1, i % 2 == 0 ? 60 : 40000);
        tal_stats_lengths lengths = {.query_min = query_min,
                                     .query_max = query_min + test_random_in(0, i % 3 * 100),
                                     .ref_min = ref_min,
                                     .ref_max = ref_min + test_random_in(0, i % 5 * 30)};
        double limit = pow(10.0, (double)test_random_in(-200, 10));
        int32_t floor = tal_stats_score_floor(&stats, &space, limit, &lengths);
        CU_ASSERT_TRUE(floor >= 1);
        for (int k = 0; k < 5; k++) {
            space.query_len = test_random_in(lengths.query_min, lengths.query_max);
            int64_t ref_len = test_random_in(lengths.ref_min, lengths.ref_max);
            int32_t cut = tal_stats_score_cut(&stats, &space, limit, ref_len, floor);
            CU_ASSERT_TRUE(floor <= cut);
            if (lengths.query_min == lengths.query_max && lengths.ref_min == lengths.ref_max)
                CU_ASSERT_TRUE(floor + 1 >= cut); /* The millionth. */
        }
    }
}

static void filter_scores_are_a_share_of_the_bits_the_evalue_asks_for(void)
{
    tal_matrix matrix = protein("BLOSUM62");
    tal_stats stats = found(&matrix, 11, 1);
    CU_ASSERT_DOUBLE_EQUAL(stats.lambda_ungapped, 0.3176, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(stats.k_ungapped, 0.134, 1e-9);
    tal_search_space space = {
        .query_len = 256, .residue_count = 1 << 22, .sequence_count = 1 << 14};
    for (int share = 0; share <= 4; share++) {
        double score = tal_stats_filter_score(&stats, &space, 1.0 / 1024, share / 4.0);
        CU_ASSERT_DOUBLE_EQUAL(score, ungapped_score(&stats, share / 4.0 * (8 + 22 + 10)), 1e-9);
    }
    CU_ASSERT_EQUAL(tal_stats_filter_score(&stats, &space, 0, 0.5), INFINITY);
    CU_ASSERT_EQUAL(tal_stats_filter_score(&stats, &space, NAN, 0.5), INFINITY);
    tal_stats unknown = {0};
    CU_ASSERT_EQUAL(tal_stats_filter_score(&unknown, &space, 1, 0.5), INFINITY);
    CU_ASSERT_EQUAL(tal_stats_filter_length_part(&unknown, &space, 5), 0);
}

static void filter_scores_rise_by_a_bit_where_references_are_twice_as_long(void)
{
    tal_matrix matrix = bases(2, -3);
    tal_stats stats = found(&matrix, 5, 2);
    tal_search_space space = {.query_len = 9, .residue_count = 1000, .sequence_count = 10};
    CU_ASSERT_DOUBLE_EQUAL(tal_stats_filter_length_part(&stats, &space, 100), 0, 1e-12);
    double bit = log(2) / stats.lambda_ungapped;
    CU_ASSERT_DOUBLE_EQUAL(tal_stats_filter_length_part(&stats, &space, 200), bit, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(tal_stats_filter_length_part(&stats, &space, 50), -bit, 1e-12);
    CU_ASSERT_EQUAL(tal_stats_filter_length_part(&stats, &space, 0),
                    tal_stats_filter_length_part(&stats, &space, 1));
    tal_matrix doubled = bases(4, -6);
    tal_stats coarse = found(&doubled, 10, 4);
    CU_ASSERT_DOUBLE_EQUAL(coarse.lambda_ungapped, stats.lambda_ungapped / 2, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(coarse.k_ungapped, stats.k_ungapped, 1e-12);
}

const test_case test_cases[] = {
    TEST_CASE(default_gaps_are_those_of_blast_and_have_parameters),
    TEST_CASE(default_gaps_of_matrices_without_parameters_are_usable),
    TEST_CASE(gap_costs_are_checked),
    TEST_CASE(unknown_combinations_list_the_known_ones),
    TEST_CASE(description_is_cut_at_the_room_given),
    TEST_CASE(file_with_the_scores_of_a_built_in_matrix_has_its_parameters),
    TEST_CASE(multiples_of_a_pair_keep_bits_and_evalue),
    TEST_CASE(linear_gap_costs_have_parameters),
    TEST_CASE(computed_ungapped_parameters_equal_those_blastn_prints),
    TEST_CASE(length_adjustment_is_the_largest_that_fits),
    TEST_CASE(odd_scores_count_as_even_where_blastn_says_so),
    TEST_CASE(evalues_fall_with_the_score),
    TEST_CASE(score_cut_is_the_smallest_score_that_passes),
    TEST_CASE(score_cut_of_odd_limits),
    TEST_CASE(score_floor_is_never_above_the_cut_of_a_pair),
    TEST_CASE(filter_scores_are_a_share_of_the_bits_the_evalue_asks_for),
    TEST_CASE(filter_scores_rise_by_a_bit_where_references_are_twice_as_long),
    {0},
};
