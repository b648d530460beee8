/* The score ladder against a textbook Gotoh in 64 bit. */
#include "harness.h"

#include "align/ladder.h"
#include "base/alloc.h"
#include "base/cpu.h"
#include "score/profile.h"

#include <stdio.h>
#include <string.h>

enum { LETTERS = 20, QUERY_MAX = 1200 };

const char test_suite_name[] = "align/ladder";

#define NEVER (INT64_MIN / 4)

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t cost(tal_gaps gaps, int64_t len)
{
    return len == 0 ? 0 : gaps.open + len * gaps.extend;
}

typedef struct pair {
    const uint8_t *query, *ref;
    int64_t query_len, ref_len;
} pair;

/* h, d: query position falling, one column of H and of gaps that end in the reference. */
static int64_t gotoh(const tal_matrix *matrix, tal_mode mode, tal_gaps gaps, pair p)
{
    int64_t *h = tal_alloc_array((size_t)p.query_len + 1, sizeof(*h));
    int64_t *d = tal_alloc_array((size_t)p.query_len + 1, sizeof(*d));
    for (int64_t i = 0; i <= p.query_len; i++) {
        h[i] = mode == TAL_LOCAL ? 0 : -cost(gaps, i);
        d[i] = NEVER;
    }
    int64_t best = mode == TAL_LOCAL ? 0 : h[p.query_len];
    for (int64_t j = 1; j <= p.ref_len; j++) {
        int64_t corner = h[0];
        int64_t insertion = NEVER;
        h[0] = mode == TAL_GLOBAL ? -cost(gaps, j) : 0;
        for (int64_t i = 1; i <= p.query_len; i++) {
            d[i] = max64(d[i], h[i] - gaps.open) - gaps.extend;
            insertion = max64(insertion, h[i - 1] - gaps.open) - gaps.extend;
            int64_t cell = corner + matrix->score[p.query[i - 1]][p.ref[j - 1]];
            cell = max64(cell, max64(d[i], insertion));
            cell = mode == TAL_LOCAL ? max64(cell, 0) : cell;
            corner = h[i];
            h[i] = cell;
            best = mode == TAL_LOCAL ? max64(best, cell) : best;
        }
        best = mode == TAL_SEMIGLOBAL ? max64(best, h[p.query_len]) : best;
    }
    int64_t score = mode == TAL_GLOBAL ? h[p.query_len] : best;
    tal_free(d);
    tal_free(h);
    return score;
}

static void matrix_random(tal_matrix *matrix, int low, int high)
{
    memset(matrix, TAL_PAD_SCORE, sizeof(*matrix));
    matrix->score_min = low;
    matrix->score_max = high;
    for (int a = 0; a < LETTERS; a++)
        for (int b = 0; b < LETTERS; b++)
            matrix->score[a][b] = (int8_t)test_random_in(low, high);
}

/* Matches score `match`, others `mismatch`. */
static void matrix_match(tal_matrix *matrix, int match, int mismatch)
{
    matrix_random(matrix, mismatch, mismatch);
    matrix->score_max = match;
    for (int a = 0; a < LETTERS; a++)
        matrix->score[a][a] = (int8_t)match;
}

static void sequence_random(uint8_t *codes, int64_t len)
{
    for (int64_t i = 0; i < len; i++)
        codes[i] = (uint8_t)test_random_in(0, LETTERS - 1);
}

/* A noisy copy, so that high scores appear. */
static void sequence_mutate(uint8_t *codes, const uint8_t *from, int64_t len, int percent)
{
    for (int64_t i = 0; i < len; i++)
        codes[i] =
            test_random_in(0, 99) < percent ? (uint8_t)test_random_in(0, LETTERS - 1) : from[i];
}

static void set_append(tal_seqset *set, const uint8_t *codes, int64_t len)
{
    CU_ASSERT_EQUAL_FATAL(
        tal_seqset_append(set, tal_seqset_count(set), codes, (size_t)len, "ref", 3), TAL_OK);
}

/* All sequences of the set (at most 64), longest first. */
static void batch_all(tal_batch *batch, const tal_seqset *set)
{
    tal_lid lids[TAL_BATCH_LANES];
    int count = (int)tal_seqset_count(set);
    for (int i = 0; i < count; i++) {
        int place = i;
        for (; place > 0 && tal_seqset_len(set, lids[place - 1]) < tal_seqset_len(set, (tal_lid)i);
             place--)
            lids[place] = lids[place - 1];
        lids[place] = (tal_lid)i;
    }
    CU_ASSERT_EQUAL_FATAL(tal_batch_fill(batch, set, lids, count), TAL_OK);
}

static tal_ladder ladder_of(tal_isa isa, tal_mode mode, tal_gaps gaps, const tal_matrix *matrix)
{
    tal_ladder ladder = {
        .mode = mode, .gaps = gaps, .score_max = matrix->score_max, .score_min = matrix->score_min};
    tal_kernel_table_init(&ladder.table, isa);
    return ladder;
}

typedef struct search {
    const tal_matrix *matrix;
    tal_gaps gaps;
    tal_mode mode;
    const uint8_t *query;
    int32_t query_len;
} search;

/* Score with one level; adds to *rescues of the two wider rungs. */
static tal_status score(const search *s, tal_isa isa, const tal_seqset *set, const tal_batch *batch,
                        uint64_t rescues[2], int32_t *out_scores)
{
    tal_ladder ladder = ladder_of(isa, s->mode, s->gaps, s->matrix);
    tal_ladder_scratch scratch = {0};
    int8_t *profile = tal_alloc_vector((size_t)s->query_len * TAL_PROFILE_STRIDE);
    tal_profile_build(s->matrix, s->query, (size_t)s->query_len, profile);
    tal_status status =
        tal_ladder_score(&ladder, &scratch, profile, s->query_len, set, batch, out_scores);
    rescues[0] = scratch.rescue_16;
    rescues[1] = scratch.rescue_32;
    tal_ladder_scratch_deinit(&scratch);
    tal_free(profile);
    return status;
}

/* Every level of this CPU gives the oracle's scores, and all the same number of rescues. */
static void expect_oracle(const search *s, const tal_seqset *set, uint64_t out_rescues[2])
{
    tal_batch batch = {0};
    batch_all(&batch, set);
    int32_t expected[TAL_BATCH_LANES];
    for (int lane = 0; lane < batch.lane_count; lane++) {
        pair p = {s->query, tal_seqset_residues(set, batch.lids[lane]), s->query_len,
                  batch.lane_len[lane]};
        expected[lane] = (int32_t)gotoh(s->matrix, s->mode, s->gaps, p);
    }
    for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
        int32_t scores[TAL_BATCH_LANES];
        uint64_t rescues[2];
        CU_ASSERT_EQUAL_FATAL(score(s, isa, set, &batch, rescues, scores), TAL_OK);
        for (int lane = 0; lane < batch.lane_count; lane++) {
            if (scores[lane] == expected[lane])
                continue;
            printf("\n%s mode %d query %d lane %d (%d residues) gaps %d %d: %d, not %d\n",
                   tal_isa_name(isa), (int)s->mode, s->query_len, lane, batch.lane_len[lane],
                   s->gaps.open, s->gaps.extend, scores[lane], expected[lane]);
            CU_FAIL("score differs from the oracle");
        }
        if (isa > TAL_ISA_SCALAR) {
            CU_ASSERT_EQUAL(rescues[0], out_rescues[0]);
            CU_ASSERT_EQUAL(rescues[1], out_rescues[1]);
        }
        memcpy(out_rescues, rescues, sizeof(rescues));
    }
    tal_batch_deinit(&batch);
}

/* A set of `count` noisy copies and strangers of the query, lengths up to twice its own. */
static tal_seqset *set_related(const uint8_t *query, int32_t query_len, int count)
{
    static uint8_t codes[2 * QUERY_MAX];
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    for (int i = 0; i < count; i++) {
        int64_t len = test_random_in(0, 2 * query_len);
        sequence_random(codes, len);
        int64_t shared = test_random_in(0, len < query_len ? len : query_len);
        if (i % 2 == 0)
            sequence_mutate(codes + test_random_in(0, len - shared), query, shared, 5 * i % 40);
        set_append(set, codes, len);
    }
    return set;
}

/* So few that most levels score them one by one, in all modes, with lengths that differ a lot. */
static void few_references_equal_the_oracle(void)
{
    tal_matrix matrix;
    matrix_random(&matrix, -8, 9);
    for (int count = 1; count <= 12; count++) {
        uint8_t query[QUERY_MAX], ref[4000];
        int32_t query_len = (int32_t)test_random_in(1, QUERY_MAX / 2);
        sequence_random(query, query_len);
        tal_seqset *set = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
        for (int i = 0; i < count; i++) {
            int64_t len = test_random_in(0, i == 0 ? 4000 : 300);
            sequence_random(ref, len);
            set_append(set, ref, len);
        }
        uint64_t rescues[2];
        for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
            search s = {&matrix, {10, 1}, (tal_mode)mode, query, query_len};
            expect_oracle(&s, set, rescues);
        }
        tal_seqset_destroy(set);
    }
}

static void random_searches_equal_the_oracle(void)
{
    static const int ranges[][2] = {{-4, 11}, {-100, 100}, {-1, 5}, {-20, -1}, {0, 3}};
    uint8_t query[150];
    uint64_t rescues[2];
    for (int round = 0; round < 60; round++) {
        tal_matrix matrix;
        const int *range = ranges[round % 5];
        matrix_random(&matrix, range[0], range[1]);
        int32_t query_len = (int32_t)test_random_in(0, 150);
        sequence_random(query, query_len);
        tal_seqset *set = set_related(query, query_len, (int)test_random_in(1, 64));
        int gap_max = round % 3 == 0 ? TAL_GAP_MAX : 20;
        tal_gaps gaps = {(int)test_random_in(0, gap_max), (int)test_random_in(1, gap_max)};
        if (round % 7 == 0)
            gaps = (tal_gaps){0, 1};
        if (round % 7 == 1)
            gaps = (tal_gaps){5, 0};
        for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
            search s = {&matrix, gaps, (tal_mode)mode, query, query_len};
            expect_oracle(&s, set, rescues);
        }
        tal_seqset_destroy(set);
    }
}

/* Self-comparison of `len` residues at `match` each; the scores climb through the widths. */
static void expect_self(tal_mode mode, int32_t len, int match, uint64_t rescue_16,
                        uint64_t rescue_32)
{
    static uint8_t query[QUERY_MAX];
    tal_matrix matrix;
    matrix_match(&matrix, match, -3);
    sequence_random(query, len);
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    uint8_t stranger[3] = {0, 1, 2};
    set_append(set, stranger, 1);
    set_append(set, query, len);
    set_append(set, stranger, 3);
    set_append(set, query, len);
    search s = {&matrix, {11, 1}, mode, query, len};
    uint64_t rescues[2];
    expect_oracle(&s, set, rescues);
    CU_ASSERT_EQUAL(rescues[0], rescue_16);
    CU_ASSERT_EQUAL(rescues[1], rescue_32);
    tal_seqset_destroy(set);
}

static void lanes_beyond_a_width_and_only_they_are_rescued(void)
{
    expect_self(TAL_LOCAL, 127, 2, 0, 0);    /* 254 */
    expect_self(TAL_LOCAL, 85, 3, 2, 0);     /* 255 */
    expect_self(TAL_LOCAL, 1170, 56, 2, 0);  /* 65520 */
    expect_self(TAL_LOCAL, 1110, 59, 2, 0);  /* 65490 */
    expect_self(TAL_LOCAL, 1111, 59, 2, 2);  /* 65549 */
    expect_self(TAL_GLOBAL, 1129, 29, 0, 0); /* 32741 */
    expect_self(TAL_GLOBAL, 1130, 29, 0, 2); /* 32770 */
    expect_self(TAL_SEMIGLOBAL, 1129, 29, 0, 0);
    expect_self(TAL_SEMIGLOBAL, 1130, 29, 0, 2);
}

/* Lanes of equal length, of which one in three each needs 8, 16 and 32 bit. */
static void scattered_lanes_get_their_own_scores_back_from_both_rescues(void)
{
    enum { LEN = 1150 };
    static uint8_t query[LEN];
    static uint8_t codes[LEN];
    tal_matrix matrix;
    matrix_match(&matrix, 60, -60);
    sequence_random(query, LEN);
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    for (int lane = 0; lane < 12; lane++) {
        for (int i = 0; i < LEN; i++)
            codes[i] = LETTERS; /* Scores as a pad against everything. */
        int shared[] = {lane % 4, 500 + lane, LEN - lane};
        memcpy(codes, query, (size_t)shared[lane % 3]);
        set_append(set, codes, LEN);
    }
    search s = {&matrix, {1000, 1000}, TAL_LOCAL, query, LEN};
    uint64_t rescues[2];
    expect_oracle(&s, set, rescues);
    CU_ASSERT_EQUAL(rescues[1], 4);
    s.gaps = (tal_gaps){100, 27};
    expect_oracle(&s, set, rescues);
    CU_ASSERT_EQUAL(rescues[0], 8);
    CU_ASSERT_EQUAL(rescues[1], 4);
    tal_seqset_destroy(set);
}

static void gap_costs_too_large_for_8_bit_begin_at_16(void)
{
    uint8_t query[100];
    sequence_random(query, 100);
    tal_seqset *set = set_related(query, 100, 64);
    tal_matrix matrix;
    matrix_match(&matrix, 5, -4);
    for (int open = 125; open <= 129; open++) {
        search s = {&matrix, {open, 1}, TAL_LOCAL, query, 100};
        uint64_t rescues[2];
        expect_oracle(&s, set, rescues);
        CU_ASSERT_EQUAL(rescues[0] > 0, open + 1 <= 127);
    }
    tal_seqset_destroy(set);
}

/* Around the lengths where 16 bit stops being provably enough from below. */
static void low_scores_are_exact_where_16_bit_ends(void)
{
    static uint8_t query[400];
    tal_matrix matrix;
    matrix_match(&matrix, 1, -90);
    sequence_random(query, 400);
    uint64_t rescues[2];
    for (int32_t query_len = 350; query_len <= 400; query_len += 5) {
        tal_seqset *set = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
        static uint8_t other[400];
        for (int lane = 0; lane < 10; lane++) {
            memset(other, (query[0] + 1) % LETTERS, sizeof(other));
            set_append(set, other, 400 - lane * 39);
        }
        for (int mode = TAL_GLOBAL; mode <= TAL_SEMIGLOBAL; mode++) {
            search s = {
                &matrix, {50, mode == TAL_GLOBAL ? 43 : 86}, (tal_mode)mode, query, query_len};
            expect_oracle(&s, set, rescues);
            s.gaps = (tal_gaps){TAL_GAP_MAX, TAL_GAP_MAX};
            expect_oracle(&s, set, rescues);
        }
        tal_seqset_destroy(set);
    }
}

static void empty_query_and_empty_references_score_as_gaps(void)
{
    uint8_t query[7] = {0, 1, 2, 3, 4, 5, 6};
    tal_matrix matrix;
    matrix_match(&matrix, 5, -4);
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    set_append(set, query, 0);
    set_append(set, query, 0);
    tal_batch batch = {0};
    batch_all(&batch, set);
    static const int32_t expected[TAL_MODE_COUNT] = {0, -18, -18};
    uint64_t rescues[2];
    for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
        for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
            int32_t scores[TAL_BATCH_LANES] = {99, 99, 99};
            search s = {&matrix, {11, 1}, (tal_mode)mode, query, 7};
            CU_ASSERT_EQUAL(score(&s, isa, set, &batch, rescues, scores), TAL_OK);
            CU_ASSERT_EQUAL(scores[0], expected[mode]);
            CU_ASSERT_EQUAL(scores[1], expected[mode]);
            CU_ASSERT_EQUAL(scores[2], 99);
            s.query_len = 0;
            CU_ASSERT_EQUAL(score(&s, isa, set, &batch, rescues, scores), TAL_OK);
            CU_ASSERT_EQUAL(scores[0], 0);
        }
    }
    set_append(set, query, 7);
    batch_all(&batch, set);
    for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
        int32_t scores[TAL_BATCH_LANES];
        search s = {&matrix, {11, 1}, (tal_mode)mode, query, 0};
        CU_ASSERT_EQUAL(score(&s, TAL_ISA_SCALAR, set, &batch, rescues, scores), TAL_OK);
        CU_ASSERT_EQUAL(scores[0], mode == TAL_GLOBAL ? -18 : 0);
        CU_ASSERT_EQUAL(scores[1], 0);
    }
    tal_batch_deinit(&batch);
    tal_seqset_destroy(set);
}

static void fits_ends_at_two_to_the_thirtieth(void)
{
    tal_matrix matrix;
    matrix_match(&matrix, 64, -4);
    int64_t limit = (INT64_C(1) << 30) / 64;
    tal_ladder ladder = ladder_of(TAL_ISA_SCALAR, TAL_LOCAL, (tal_gaps){11, 1}, &matrix);
    CU_ASSERT_TRUE(tal_ladder_fits(&ladder, limit, INT32_MAX));
    CU_ASSERT_TRUE(tal_ladder_fits(&ladder, INT32_MAX, limit));
    CU_ASSERT_FALSE(tal_ladder_fits(&ladder, limit + 1, limit + 1));
    ladder.mode = TAL_SEMIGLOBAL;
    ladder.gaps = (tal_gaps){0, 8192};
    CU_ASSERT_TRUE(tal_ladder_fits(&ladder, 131072, 1));
    CU_ASSERT_FALSE(tal_ladder_fits(&ladder, 131073, 1));
    CU_ASSERT_TRUE(tal_ladder_fits(&ladder, 1, INT32_MAX));
    ladder.mode = TAL_GLOBAL;
    CU_ASSERT_TRUE(tal_ladder_fits(&ladder, 1, 131071));
    CU_ASSERT_FALSE(tal_ladder_fits(&ladder, 1, 131072));
    CU_ASSERT_TRUE(tal_ladder_fits(&ladder, 0, 0));
}

static void what_does_not_fit_is_refused_with_the_reference_named(void)
{
    uint8_t query[2] = {0, 1};
    tal_matrix matrix;
    matrix_match(&matrix, 5, -4);
    static uint8_t codes[110000];
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    set_append(set, codes, sizeof(codes));
    tal_batch batch = {0};
    batch_all(&batch, set);
    int32_t scores[TAL_BATCH_LANES] = {7};
    uint64_t rescues[2];
    search s = {&matrix, {TAL_GAP_MAX, TAL_GAP_MAX}, TAL_GLOBAL, query, 2};
    tal_status_clear();
    CU_ASSERT_EQUAL(score(&s, TAL_ISA_SCALAR, set, &batch, rescues, scores), TAL_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "'ref' of 110000"));
    CU_ASSERT_EQUAL(scores[0], 7);
    tal_status_clear();
    s.mode = TAL_LOCAL;
    CU_ASSERT_EQUAL(score(&s, TAL_ISA_SCALAR, set, &batch, rescues, scores), TAL_OK);
    tal_batch_deinit(&batch);
    tal_seqset_destroy(set);
}

const test_case test_cases[] = {
    TEST_CASE(random_searches_equal_the_oracle),
    TEST_CASE(few_references_equal_the_oracle),
    TEST_CASE(lanes_beyond_a_width_and_only_they_are_rescued),
    TEST_CASE(scattered_lanes_get_their_own_scores_back_from_both_rescues),
    TEST_CASE(gap_costs_too_large_for_8_bit_begin_at_16),
    TEST_CASE(low_scores_are_exact_where_16_bit_ends),
    TEST_CASE(empty_query_and_empty_references_score_as_gaps),
    TEST_CASE(fits_ends_at_two_to_the_thirtieth),
    TEST_CASE(what_does_not_fit_is_refused_with_the_reference_named),
    {0},
};
