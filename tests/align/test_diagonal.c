/* Paths without gaps: runs, score, and that tracing finds the same path with and without them. */
#include "align/diagonal.h"

#include "align/trace.h"
#include "base/cpu.h"
#include "harness.h"
#include "kernels/table.h"
#include "score/matrix.h"
#include "score/profile.h"

#include <string.h>

enum { LEN_MAX = 300 };

const char test_suite_name[] = "align/diagonal";

typedef struct sample {
    _Alignas(64) int8_t profile[LEN_MAX * TAL_PROFILE_STRIDE];
    uint8_t query[LEN_MAX], ref[LEN_MAX];
} sample;

static sample *made(int32_t len, int equal_percent)
{
    static sample s; /* large */
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix), TAL_OK);
    for (int32_t i = 0; i < len; i++) {
        s.query[i] = (uint8_t)test_random_in(0, 19);
        s.ref[i] =
            test_random_in(0, 99) < equal_percent ? s.query[i] : (uint8_t)test_random_in(0, 19);
    }
    tal_profile_build(&matrix, s.query, (size_t)len, s.profile);
    return &s;
}

static void expect_runs(const sample *s, int32_t len, const tal_cigar *cigar)
{
    int32_t at = 0;
    bool is_right = true;
    for (size_t run = 0; run < cigar->count; run++) {
        uint32_t operation = tal_cigar_operation(cigar->runs[run]);
        is_right = is_right &&
                   (run == 0 || operation != tal_cigar_operation(cigar->runs[run - 1])) &&
                   tal_cigar_len(cigar->runs[run]) > 0;
        for (int32_t end = at + tal_cigar_len(cigar->runs[run]); at < end && at < len; at++)
            is_right =
                is_right && operation == (uint32_t)(s->query[at] == s->ref[at] ? TAL_CIGAR_EQUAL
                                                                               : TAL_CIGAR_DIFF);
    }
    CU_ASSERT_TRUE(is_right);
    CU_ASSERT_EQUAL(at, len);
}

static void runs_are_joined_and_cover_every_column(void)
{
    tal_kernel_table table;
    tal_kernel_table_init(&table, tal_cpu_isa_best());
    for (int32_t len = 0; len <= LEN_MAX; len++) {
        const sample *s = made(len, len % 4 == 0 ? 100 : len % 4 * 32);
        const tal_diagonal diagonal = {s->profile, s->query, s->ref, len};
        tal_cigar cigar = {0};
        CU_ASSERT_EQUAL(tal_diagonal_append(&diagonal, table.identity, &cigar), TAL_OK);
        expect_runs(s, len, &cigar);
        int64_t score = 0;
        for (int32_t i = 0; i < len; i++)
            score += s->profile[i * TAL_PROFILE_STRIDE + s->ref[i]];
        CU_ASSERT_EQUAL(tal_diagonal_score(&diagonal), score);
        tal_cigar_deinit(&cigar);
    }
}

/* The best run of the main diagonal: what local alignment finds when gaps cost too much. */
static int32_t best_run(const sample *s, int32_t len)
{
    int32_t best = 0;
    for (int32_t from = 0; from < len; from++) {
        int32_t sum = 0;
        for (int32_t i = from; i < len; i++) {
            sum += s->profile[i * TAL_PROFILE_STRIDE + s->ref[i]];
            best = sum > best ? sum : best;
        }
    }
    return best;
}

static void tracing_finds_the_path_that_the_matrix_gives(void)
{
    for (int round = 0; round < 60; round++) {
        int32_t len = (int32_t)test_random_in(40, LEN_MAX);
        const sample *s = made(len, 40 + round);
        tal_trace_job job = {
            .profile = s->profile,
            .query = s->query,
            .query_len = len,
            .ref = s->ref,
            .ref_len = len,
            .mode = TAL_LOCAL,
            .gaps = {1000, 10},
            .score = best_run(s, len),
        };
        tal_tracer *plain = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_tracer_create(1 << 20, &plain), TAL_OK);
        tal_alignment expected;
        CU_ASSERT_EQUAL_FATAL(tal_trace(plain, &job, &expected), TAL_OK);
        for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
            tal_kernel_table table;
            tal_kernel_table_init(&table, isa);
            tal_tracer *tracer = NULL;
            CU_ASSERT_EQUAL_FATAL(tal_tracer_create(1 << 20, &tracer), TAL_OK);
            tal_tracer_use_kernels(tracer, &table);
            tal_alignment got;
            CU_ASSERT_EQUAL_FATAL(tal_trace(tracer, &job, &got), TAL_OK);
            CU_ASSERT_EQUAL(got.identity_count, expected.identity_count);
            CU_ASSERT_EQUAL(got.query_begin, expected.query_begin);
            CU_ASSERT_EQUAL_FATAL(got.cigar_count, expected.cigar_count);
            CU_ASSERT_EQUAL(memcmp(got.cigar, expected.cigar, got.cigar_count * sizeof(uint32_t)),
                            0);
            tal_tracer_destroy(tracer);
        }
        tal_tracer_destroy(plain);
    }
}

const test_case test_cases[] = {
    TEST_CASE(runs_are_joined_and_cover_every_column),
    TEST_CASE(tracing_finds_the_path_that_the_matrix_gives),
    {0},
};
