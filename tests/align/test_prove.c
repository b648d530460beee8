/* Proofs of alignments without gaps: what is proven is what the matrix says. */
#include "harness.h"

#include "align/ladder.h"
#include "align/prove.h"
#include "align/trace_sample.h"
#include "base/alloc.h"
#include "score/profile.h"

#include <stdio.h>
#include <string.h>

enum { LEN_MAX = 260 };

const char test_suite_name[] = "align/prove";

typedef struct pair {
    uint8_t query[LEN_MAX], ref[2 * LEN_MAX];
    int32_t query_len, ref_len, diagonal;
} pair;

/* The reference is the query with changes, a few inserted or lost letters, and more at its ends. */
static void make_pair(pair *out, int letters, int changes, bool has_gaps)
{
    const int32_t before = (int32_t)test_random_in(0, 3) * (int32_t)test_random_in(0, 12);
    out->query_len = (int32_t)test_random_in(1, LEN_MAX);
    out->ref_len = 0;
    for (int32_t i = 0; i < out->query_len; i++)
        out->query[i] = (uint8_t)test_random_in(0, letters - 1);
    if (test_random_in(0, 3) == 0) /* A repeat. */
        memmove(out->query + out->query_len / 2, out->query, (size_t)out->query_len / 4);
    for (int32_t i = 0; i < before; i++)
        out->ref[out->ref_len++] = (uint8_t)test_random_in(0, letters - 1);
    const int32_t begin = (int32_t)test_random_in(0, out->query_len / 5);
    out->diagonal = before - begin;
    for (int32_t i = begin; i < out->query_len; i++) {
        if (has_gaps && test_random_in(0, 80) == 0)
            continue;
        out->ref[out->ref_len++] = test_random_in(0, 99) < changes
                                       ? (uint8_t)test_random_in(0, letters - 1)
                                       : out->query[i];
    }
    if (test_random_in(0, 4) == 0) /* X, or the last of the ambiguous bases. */
        out->ref[out->ref_len / 2] = letters == 20 ? 22 : 14;
    out->ref_len += out->ref_len == 0;
}

typedef struct judge {
    tal_ladder ladder;
    tal_ladder_scratch scratch;
    tal_tracer *tracer;
    tal_prover prover;
    tal_prover_memory memory;
    int8_t *profile;
} judge;

/* Returns whether it was proven. */
static bool try_pair(judge *self, const tal_matrix *matrix, const pair *one, int round)
{
    tal_profile_build(matrix, one->query, (size_t)one->query_len, self->profile);
    const tal_prove_job job = {
        .profile = self->profile,
        .query = one->query,
        .ref = one->ref,
        .query_len = one->query_len,
        .ref_len = one->ref_len,
        .diagonal = one->diagonal,
    };
    tal_alignment proven, traced;
    bool is_proven = false;
    tal_prove_find_segment(&job, &proven);
    CU_ASSERT(tal_prove(&self->prover, &self->memory, &job, &proven, &is_proven) == TAL_OK);
    if (!is_proven)
        return false;
    tal_trace_job trace = {
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
    trace.score = peak.score;
    CU_ASSERT(tal_trace(self->tracer, &trace, &traced) == TAL_OK);
    CU_ASSERT_EQUAL(peak.query_end, traced.query_end);
    CU_ASSERT_EQUAL(peak.ref_end, traced.ref_end);
    trace.query_end = peak.query_end;
    trace.ref_end = peak.ref_end;
    CU_ASSERT(tal_trace(self->tracer, &trace, &traced) == TAL_OK);
    bool holds = trace_sample_is_same(&proven, &traced);
    CU_ASSERT(holds);
    if (!holds)
        printf("\nround %d: score %d, not %d\n", round, proven.score, traced.score);
    return true;
}

/* Pairs of this matrix under many gap costs; returns how many were proven. */
static int try_matrix(const tal_matrix *matrix, int letters)
{
    judge self = {0};
    int proven = 0;
    self.profile = tal_alloc_vector(LEN_MAX * TAL_PROFILE_STRIDE);
    CU_ASSERT_FATAL(self.profile != NULL);
    CU_ASSERT_FATAL(tal_tracer_create(1 << 20, &self.tracer) == TAL_OK);
    for (int round = 0; round < 3000; round++) {
        static pair one;
        const tal_isa isa = (tal_isa)(round % ((int)tal_cpu_isa_best() + 1));
        self.ladder = (tal_ladder){
            .mode = TAL_LOCAL,
            .gaps = {(int)test_random_in(0, 12), (int)test_random_in(1, 3)},
            .score_max = matrix->score_max,
            .score_min = matrix->score_min,
        };
        tal_kernel_table_init(&self.ladder.table, isa);
        tal_prover_init(&self.prover, &self.ladder.table, matrix, self.ladder.gaps);
        make_pair(&one, letters, round % 30, round % 4 == 0);
        proven += try_pair(&self, matrix, &one, round);
    }
    tal_tracer_destroy(self.tracer);
    tal_ladder_scratch_deinit(&self.scratch);
    tal_prover_memory_deinit(&self.memory);
    tal_free(self.profile);
    return proven;
}

static void what_is_proven_is_what_the_matrix_says(void)
{
    tal_matrix matrix;
    CU_ASSERT_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    CU_ASSERT(try_matrix(&matrix, 20) > 300);
    CU_ASSERT_FATAL(tal_matrix_match_mismatch(2, -3, &matrix) == TAL_OK);
    CU_ASSERT(try_matrix(&matrix, 4) > 300);
}

static void nothing_is_proven_where_there_is_no_diagonal_or_no_score(void)
{
    tal_matrix matrix;
    CU_ASSERT_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    tal_kernel_table table;
    tal_prover prover;
    tal_prover_memory memory = {0};
    tal_alignment alignment;
    bool is_proven = true;
    _Alignas(64) int8_t profile[3 * TAL_PROFILE_STRIDE];
    const uint8_t query[] = {0, 1, 2}, ref[] = {13, 13, 13};
    tal_kernel_table_init(&table, TAL_ISA_SCALAR);
    tal_prover_init(&prover, &table, &matrix, (tal_gaps){11, 1});
    tal_profile_build(&matrix, query, 3, profile);
    tal_prove_job job = {
        .profile = profile, .query = query, .ref = ref, .query_len = 3, .ref_len = 3};
    static const int32_t diagonals[] = {0, 3, -3, 1000, -1000};
    for (size_t i = 0; i < sizeof(diagonals) / sizeof(*diagonals); i++) {
        job.diagonal = diagonals[i];
        tal_prove_find_segment(&job, &alignment);
        CU_ASSERT(tal_prove(&prover, &memory, &job, &alignment, &is_proven) == TAL_OK);
        CU_ASSERT(!is_proven);
    }
    tal_prover_memory_deinit(&memory);
}

const test_case test_cases[] = {
    TEST_CASE(what_is_proven_is_what_the_matrix_says),
    TEST_CASE(nothing_is_proven_where_there_is_no_diagonal_or_no_score),
    {0},
};
