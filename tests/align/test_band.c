/* Bands: what is proven in one is what the matrix says, and bounds are bounds. */
#include "harness.h"

#include "align/band_trace.h"
#include "align/ladder.h"
#include "align/trace_sample.h"
#include "base/alloc.h"
#include "score/profile.h"

#include <stdio.h>
#include <string.h>

enum { LEN_MAX = 900, ROUNDS = TEST_AMOUNT(1500) };

const char test_suite_name[] = "align/band";

typedef struct pair {
    uint8_t query[LEN_MAX], ref[2 * LEN_MAX];
    int32_t query_len, ref_len, diagonal;
} pair;

static uint8_t random_base(int letters)
{
    return (uint8_t)test_random_in(0, letters - 1);
}

/* The reference is the query with changes, inserted and lost runs, and more at its ends. Repeats,
 * and sequences of two letters, make alignments of equal score. */
static void make_pair(pair *out, int changes)
{
    const int letters = test_random_in(0, 3) == 0 ? 2 : 4;
    const int32_t before = (int32_t)test_random_in(0, 3) * (int32_t)test_random_in(0, 40);
    out->query_len = (int32_t)test_random_in(1, LEN_MAX);
    out->ref_len = 0;
    for (int32_t i = 0; i < out->query_len; i++)
        out->query[i] = random_base(letters);
    if (test_random_in(0, 2) == 0) /* A repeat. */
        memmove(out->query + out->query_len / 2, out->query + out->query_len / 5,
                (size_t)out->query_len / 4);
    for (int32_t i = 0; i < before; i++)
        out->ref[out->ref_len++] = random_base(letters);
    const int32_t begin = (int32_t)test_random_in(0, out->query_len / 5);
    out->diagonal = before - begin + (int32_t)test_random_in(-20, 20);
    for (int32_t i = begin; i < out->query_len && out->ref_len < 2 * LEN_MAX - 120; i++) {
        const int64_t event = test_random_in(0, 399);
        if (event == 0)
            i += (int32_t)test_random_in(0, 30);
        for (int64_t n = event == 1 ? test_random_in(1, 30) : 0; n > 0; n--)
            out->ref[out->ref_len++] = random_base(letters);
        if (i < out->query_len)
            out->ref[out->ref_len++] =
                test_random_in(0, 99) < changes ? random_base(letters) : out->query[i];
    }
    if (test_random_in(0, 3) == 0) /* The last of the ambiguous bases. */
        out->ref[out->ref_len / 2] = out->query[out->query_len / 3] = 14;
    for (int64_t n = test_random_in(0, 60) + (out->ref_len == 0); n > 0; n--)
        out->ref[out->ref_len++] = random_base(letters);
}

typedef struct judge {
    tal_ladder ladder;
    tal_ladder_scratch scratch;
    tal_tracer *tracer, *other;
    tal_band_aligner aligner;
    tal_band_scoring scoring;
    int8_t *profile;
    int proven, sharp; /* proven alignments; bounds that are the score */
} judge;

static void judge_init(judge *self)
{
    *self = (judge){0};
    self->profile = tal_alloc_vector(LEN_MAX * TAL_PROFILE_STRIDE);
    CU_ASSERT_FATAL(self->profile != NULL);
    CU_ASSERT_FATAL(tal_tracer_create(1 << 22, &self->tracer) == TAL_OK);
    CU_ASSERT_FATAL(tal_tracer_create(64 << 20, &self->other) == TAL_OK);
}

static void judge_deinit(judge *self)
{
    tal_tracer_destroy(self->other);
    tal_tracer_destroy(self->tracer);
    tal_ladder_scratch_deinit(&self->scratch);
    tal_band_aligner_deinit(&self->aligner);
    tal_free(self->profile);
}

static void set_scores(judge *self, const tal_matrix *matrix, tal_gaps gaps, int round)
{
    const tal_isa isa = (tal_isa)(round % ((int)tal_cpu_isa_best() + 1));
    self->ladder = (tal_ladder){
        .mode = TAL_LOCAL,
        .gaps = gaps,
        .score_max = matrix->score_max,
        .score_min = matrix->score_min,
    };
    tal_kernel_table_init(&self->ladder.table, isa);
    tal_tracer_use_kernels(self->tracer, &self->ladder.table);
    tal_tracer_use_kernels(self->other, &self->ladder.table);
    tal_band_scoring_init(&self->scoring, matrix, gaps);
}

/* The same alignment when little more than the best paths is looked at; and nothing is found where
 * more is asked for than there is. */
static void trace_with_bests(judge *self, const pair *one, const tal_trace_job *plain,
                             const tal_alignment *expected)
{
    tal_trace_job job = *plain;
    tal_alignment alignment = {0};
    tal_ladder_peak peak = {0};
    const int32_t leasts[] = {plain->score, plain->score / 2, plain->score + 1};
    for (size_t i = 0; i < sizeof(leasts) / sizeof(*leasts); i++) {
        CU_ASSERT(tal_ladder_find_peak(&self->ladder, &self->scratch, self->profile, one->query_len,
                                       one->ref, one->ref_len, leasts[i], &peak) == TAL_OK);
        if (leasts[i] > plain->score) {
            CU_ASSERT(peak.score < leasts[i]);
            continue;
        }
        CU_ASSERT(peak.score == plain->score);
        job.query_end = peak.query_end;
        job.ref_end = peak.ref_end;
        job.row_bests = peak.row_bests;
        CU_ASSERT(tal_trace(self->other, &job, &alignment) == TAL_OK);
        CU_ASSERT(trace_sample_is_same(&alignment, expected));
    }
}

/* The whole matrix's answer. */
static void trace_in_full(judge *self, const pair *one, tal_trace_job *job, tal_alignment *out)
{
    *job = (tal_trace_job){
        .profile = self->profile,
        .query = one->query,
        .query_len = one->query_len,
        .ref = one->ref,
        .ref_len = one->ref_len,
        .mode = TAL_LOCAL,
        .gaps = self->ladder.gaps,
    };
    tal_ladder_peak peak = {0};
    CU_ASSERT(tal_ladder_find_peak(&self->ladder, &self->scratch, self->profile, one->query_len,
                                   one->ref, one->ref_len, 0, &peak) == TAL_OK);
    job->score = peak.score;
    CU_ASSERT(tal_trace(self->tracer, job, out) == TAL_OK);
    if (one->query_len % 4 == 0)
        trace_with_bests(self, one, job, out);
    CU_ASSERT(peak.score == 0 ||
              (peak.query_end == out->query_end && peak.ref_end == out->ref_end));
}

static void try_pair(judge *self, const tal_matrix *matrix, const pair *one, int round)
{
    tal_trace_job job;
    tal_alignment traced, banded = {0};
    bool is_proven = false;
    int64_t bound = 0;
    tal_profile_build(matrix, one->query, (size_t)one->query_len, self->profile);
    trace_in_full(self, one, &job, &traced);
    const tal_band_pair in_band = {
        .query = one->query,
        .ref = one->ref,
        .query_len = one->query_len,
        .ref_len = one->ref_len,
        .band = {.diagonal = one->diagonal,
                 .half_width = (int32_t)test_random_in(1, 100),
                 .row_end = one->query_len,
                 .column_end = one->ref_len},
        .waves = self->ladder.table.wave,
    };
    CU_ASSERT(tal_band_aligner_begin(&self->aligner, &in_band) == TAL_OK);
    CU_ASSERT(tal_band_aligner_choose(&self->aligner, &in_band) == TAL_OK);
    const int32_t span = traced.query_end - traced.query_begin;
    for (int32_t rows_min = 0; rows_min <= span; rows_min += 1 + span / 3) {
        CU_ASSERT(tal_band_bound(&self->aligner, &in_band, &self->scoring, self->profile, rows_min,
                                 INT64_MAX, &bound) == TAL_OK);
        CU_ASSERT(bound >= traced.score);
        self->sharp += bound == traced.score;
        CU_ASSERT(tal_band_bound(&self->aligner, &in_band, &self->scoring, self->profile, rows_min,
                                 traced.score, &bound) == TAL_OK);
        CU_ASSERT(bound >= traced.score);
        CU_ASSERT(tal_band_bound_by_words(&self->aligner, &in_band, &self->scoring, rows_min) >=
                  traced.score);
    }
    CU_ASSERT(tal_band_trace(&self->aligner, &in_band, &self->scoring, &job, &is_proven, &banded) ==
              TAL_OK);
    if (!is_proven)
        return;
    self->proven++;
    const bool holds = trace_sample_is_same(&banded, &traced);
    CU_ASSERT(holds);
    if (!holds)
        printf("\nround %d: score %d, not %d\n", round, banded.score, traced.score);
}

static void what_is_proven_in_a_band_is_what_the_matrix_says(void)
{
    static const tal_gaps gaps[] = {{5, 2}, {0, 4}, {2, 1}, {0, 1}, {10, 1}};
    tal_matrix matrix;
    judge self;
    judge_init(&self);
    CU_ASSERT_FATAL(tal_matrix_match_mismatch(2, -3, &matrix) == TAL_OK);
    for (int round = 0; round < ROUNDS; round++) {
        static pair one;
        set_scores(&self, &matrix, gaps[test_random_in(0, 4)], round);
        make_pair(&one, round % 15);
        try_pair(&self, &matrix, &one, round);
    }
    CU_ASSERT(self.proven > ROUNDS / 4);
    CU_ASSERT(self.sharp > ROUNDS / 4);
    judge_deinit(&self);
}

/* Scores that are negative where fewer than nine of ten columns are identical. */
static void strict_scores_are_bounded(void)
{
    tal_matrix matrix;
    judge self;
    judge_init(&self);
    CU_ASSERT_FATAL(tal_matrix_match_mismatch(1, -9, &matrix) == TAL_OK);
    for (int round = 0; round < ROUNDS; round++) {
        static pair one;
        set_scores(&self, &matrix, (tal_gaps){0, 9}, round);
        make_pair(&one, round % 15);
        try_pair(&self, &matrix, &one, round);
    }
    judge_deinit(&self);
}

/* The rows of a strict alignment of the whole query, by the plain recurrence without restarts: the
 * bound of paths that span all rows is not below it. */
static int64_t best_of_all_rows(const pair *one, const tal_matrix *matrix, int64_t gap)
{
    static int64_t h[2 * LEN_MAX + 1];
    int64_t best = INT64_MIN / 2;
    for (int32_t j = 0; j <= one->ref_len; j++)
        h[j] = 0;
    for (int32_t i = 0; i < one->query_len; i++) {
        int64_t corner = h[0];
        h[0] = INT64_MIN / 2;
        for (int32_t j = 1; j <= one->ref_len; j++) {
            const int64_t pair_score = corner + matrix->score[one->query[i]][one->ref[j - 1]];
            /* The first row is a pair: a local path never begins with a gap. */
            int64_t most = i > 0 && h[j] - gap > pair_score ? h[j] - gap : pair_score;
            most = h[j - 1] - gap > most ? h[j - 1] - gap : most;
            corner = h[j];
            h[j] = most;
        }
    }
    for (int32_t j = 1; j <= one->ref_len; j++)
        best = h[j] > best ? h[j] : best;
    return best;
}

static void paths_over_all_rows_are_bounded(void)
{
    tal_matrix matrix;
    judge self;
    int refused = 0;
    judge_init(&self);
    CU_ASSERT_FATAL(tal_matrix_match_mismatch(1, -9, &matrix) == TAL_OK);
    for (int round = 0; round < ROUNDS; round++) {
        static pair one;
        set_scores(&self, &matrix, (tal_gaps){0, 9}, round);
        make_pair(&one, round % 40);
        tal_profile_build(&matrix, one.query, (size_t)one.query_len, self.profile);
        const tal_band_pair in_band = {
            .query = one.query,
            .ref = one.ref,
            .query_len = one.query_len,
            .ref_len = one.ref_len,
            .band = {.diagonal = one.diagonal,
                     .half_width = (int32_t)test_random_in(1, 100),
                     .row_end = one.query_len,
                     .column_end = one.ref_len},
            .waves = self.ladder.table.wave,
        };
        int64_t bound = 0;
        const int64_t best = best_of_all_rows(&one, &matrix, 9);
        CU_ASSERT(tal_band_aligner_begin(&self.aligner, &in_band) == TAL_OK);
        CU_ASSERT(tal_band_aligner_choose(&self.aligner, &in_band) == TAL_OK);
        CU_ASSERT(tal_band_bound(&self.aligner, &in_band, &self.scoring, self.profile,
                                 one.query_len, 0, &bound) == TAL_OK);
        CU_ASSERT(bound >= best);
        CU_ASSERT(tal_band_bound_by_words(&self.aligner, &in_band, &self.scoring, one.query_len) >=
                  best);
        refused += bound < 0;
    }
    CU_ASSERT(refused > ROUNDS / 4);
    judge_deinit(&self);
}

const test_case test_cases[] = {
    TEST_CASE(what_is_proven_in_a_band_is_what_the_matrix_says),
    TEST_CASE(strict_scores_are_bounded),
    TEST_CASE(paths_over_all_rows_are_bounded),
    {0},
};
