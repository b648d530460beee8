/* Traceback against the definition of the canonical alignment.
 *
 * The oracle knows nothing of E and F: H(i,j) of a box is the best of a pair and of gaps of every
 * length (Waterman, Smith, Beyer 1976), and the best box is found by trying all.
 */
#include "align/trace.h"

#include "align/trace_sample.h"
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char test_suite_name[] = "align/trace";

#define AMPLE ((size_t)64 << 20)

enum { ORACLE_LEN_MAX = 12 };

/* H of the box that begins at (query_begin, ref_begin), for all its ends. */
typedef struct oracle_box {
    int64_t h[ORACLE_LEN_MAX + 1][ORACLE_LEN_MAX + 1];
} oracle_box;

static int64_t gap_cost(const tal_trace_job *job, int len)
{
    return job->gaps.open + (int64_t)len * job->gaps.extend;
}

static int64_t pair_score(const tal_trace_job *job, int i, int j)
{
    return job->profile[i * 32 + job->ref[j]];
}

static void oracle_fill(const tal_trace_job *job, int query_begin, int ref_begin, oracle_box *box)
{
    for (int i = 0; i <= job->query_len - query_begin; i++) {
        for (int j = 0; j <= job->ref_len - ref_begin; j++) {
            int64_t best = i == 0 && j == 0 ? 0 : INT64_MIN;
            if (i > 0 && j > 0)
                best =
                    box->h[i - 1][j - 1] + pair_score(job, query_begin + i - 1, ref_begin + j - 1);
            for (int k = 1; k <= i; k++)
                if (box->h[i - k][j] - gap_cost(job, k) > best)
                    best = box->h[i - k][j] - gap_cost(job, k);
            for (int k = 1; k <= j; k++)
                if (box->h[i][j - k] - gap_cost(job, k) > best)
                    best = box->h[i][j - k] - gap_cost(job, k);
            box->h[i][j] = best;
        }
    }
}

/* Whether (end, begin) comes before what `best` holds in canonical order. */
static bool oracle_is_before(const tal_alignment *a, const tal_alignment *best)
{
    if (a->ref_end != best->ref_end)
        return a->ref_end < best->ref_end;
    if (a->query_end != best->query_end)
        return a->query_end < best->query_end;
    if (a->ref_begin != best->ref_begin)
        return a->ref_begin > best->ref_begin;
    return a->query_begin > best->query_begin;
}

static bool oracle_is_allowed(const tal_trace_job *job, const tal_alignment *a)
{
    if (job->mode == TAL_LOCAL)
        return true;
    if (a->query_begin != 0 || a->query_end != job->query_len)
        return false;
    return job->mode == TAL_SEMIGLOBAL || (a->ref_begin == 0 && a->ref_end == job->ref_len);
}

/* Try every box. */
static tal_alignment oracle_span(const tal_trace_job *job)
{
    tal_alignment best = {.score = INT32_MIN};
    oracle_box box;
    for (int qb = 0; qb <= job->query_len; qb++) {
        for (int rb = 0; rb <= job->ref_len; rb++) {
            oracle_fill(job, qb, rb, &box);
            for (int qe = qb; qe <= job->query_len; qe++) {
                for (int re = rb; re <= job->ref_len; re++) {
                    tal_alignment a = {.score = (int32_t)box.h[qe - qb][re - rb],
                                       .query_begin = qb,
                                       .query_end = qe,
                                       .ref_begin = rb,
                                       .ref_end = re};
                    if (oracle_is_allowed(job, &a) &&
                        (a.score > best.score ||
                         (a.score == best.score && oracle_is_before(&a, &best))))
                        best = a;
                }
            }
        }
    }
    return best;
}

/* The path as letters from end to begin: 'M', 'I', 'D'. */
static void oracle_path(const tal_trace_job *job, const tal_alignment *span, char *out_letters)
{
    oracle_box box;
    oracle_fill(job, span->query_begin, span->ref_begin, &box);
    int i = span->query_end - span->query_begin, j = span->ref_end - span->ref_begin;
    while (i > 0 || j > 0) {
        int k = 1;
        char letter = 'M';
        if (i == 0 || j == 0 ||
            box.h[i][j] != box.h[i - 1][j - 1] + pair_score(job, span->query_begin + i - 1,
                                                            span->ref_begin + j - 1)) {
            letter = 'I';
            while (k <= i && box.h[i - k][j] - gap_cost(job, k) != box.h[i][j])
                k++;
            if (k > i) {
                letter = 'D';
                for (k = 1; box.h[i][j - k] - gap_cost(job, k) != box.h[i][j];)
                    k++;
            }
        }
        i -= letter == 'D' ? 0 : k;
        j -= letter == 'I' ? 0 : k;
        while (k-- > 0)
            *out_letters++ = letter;
    }
    *out_letters = 0;
}

static bool is_path(const tal_alignment *a, const char *letters)
{
    size_t at = 0;
    for (size_t run = a->cigar_count; run-- > 0;) {
        uint32_t operation = a->cigar[run] & 15;
        char letter = operation == TAL_CIGAR_INSERTION  ? 'I'
                      : operation == TAL_CIGAR_DELETION ? 'D'
                                                        : 'M';
        for (uint32_t k = a->cigar[run] >> 4; k > 0; k--, at++)
            if (letters[at] != letter)
                return false;
    }
    return letters[at] == 0;
}

static tal_gaps random_gaps(void)
{
    static const tal_gaps choices[] = {{1, 1}, {0, 1}, {2, 1}, {1, 0}, {3, 0},
                                       {0, 2}, {5, 2}, {0, 3}, {4, 1}, {11, 1}};
    return choices[test_random_in(0, (int64_t)(sizeof(choices) / sizeof(choices[0])) - 1)];
}

/* Many pairs against the oracle; returns false at the first difference, printed. */
static bool is_as_defined(tal_tracer *tracer, const trace_sample_params *params)
{
    trace_sample sample;
    trace_sample_init(&sample, params);
    tal_alignment alignment = {0};
    bool is_right = tal_trace(tracer, &sample.job, &alignment) == TAL_OK;
    tal_alignment span = oracle_span(&sample.job);
    char letters[2 * ORACLE_LEN_MAX + 1] = "";
    if (params->mode == TAL_LOCAL && span.score == 0)
        span = (tal_alignment){0};
    oracle_path(&sample.job, &span, letters);
    is_right = is_right && alignment.score == span.score &&
               alignment.query_begin == span.query_begin && alignment.query_end == span.query_end &&
               alignment.ref_begin == span.ref_begin && alignment.ref_end == span.ref_end &&
               is_path(&alignment, letters) && trace_sample_is_consistent(&sample.job, &alignment);
    if (!is_right) {
        trace_sample_print(&sample.job, &alignment);
        printf("expected score %d: query %d..%d, reference %d..%d, reversed path %s\n", span.score,
               span.query_begin, span.query_end, span.ref_begin, span.ref_end, letters);
    }
    trace_sample_deinit(&sample);
    return is_right;
}

static void equals_the_definition(int count, bool is_profile_random, size_t memory_bytes)
{
    tal_tracer *tracer = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_tracer_create(memory_bytes, &tracer), TAL_OK);
    tal_kernel_table tables[TAL_ISA_COUNT];
    for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++)
        tal_kernel_table_init(&tables[isa], isa);
    bool is_right = true;
    for (int k = 0; k < count && is_right; k++) {
        tal_tracer_use_kernels(tracer, &tables[k % ((int)tal_cpu_isa_best() + 1)]);
        trace_sample_params params = {
            .query_len = (int32_t)test_random_in(0, ORACLE_LEN_MAX),
            .ref_len = (int32_t)test_random_in(0, ORACLE_LEN_MAX),
            .letter_count = (int)test_random_in(1, 4),
            .score_min = (int)test_random_in(-4, -1),
            .score_max = (int)test_random_in(1, 4),
            .is_profile_random = is_profile_random,
            .is_ref_related = test_random_in(0, 1) == 1,
            .mode = (tal_mode)test_random_in(0, TAL_MODE_COUNT - 1),
            .gaps = random_gaps(),
        };
        is_right = is_as_defined(tracer, &params);
    }
    CU_ASSERT(is_right);
    tal_tracer_destroy(tracer);
}

static void alignment_of_letters_is_the_one_defined(void)
{
    equals_the_definition(3000, false, AMPLE);
}

static void alignment_of_profiles_is_the_one_defined(void)
{
    equals_the_definition(3000, true, AMPLE);
}

static void alignment_in_no_memory_is_the_one_defined(void)
{
    equals_the_definition(1500, true, 0);
}

/* Trace one job by the kernels of one level in this memory. */
static bool is_same_at_level(const tal_trace_job *job, tal_isa isa, size_t memory_bytes,
                             const tal_alignment *expected)
{
    tal_kernel_table table;
    tal_kernel_table_init(&table, isa);
    tal_tracer *tracer = NULL;
    tal_alignment alignment = {0};
    bool is_right = tal_tracer_create(memory_bytes, &tracer) == TAL_OK;
    tal_tracer_use_kernels(tracer, &table);
    is_right = is_right && tal_trace(tracer, job, &alignment) == TAL_OK &&
               trace_sample_is_same(expected, &alignment);
    if (!is_right) {
        printf("%s memory %zu\n", tal_isa_name(isa), memory_bytes);
        trace_sample_print(job, expected);
        trace_sample_print(job, &alignment);
    }
    tal_tracer_destroy(tracer);
    return is_right;
}

/* Trace one job without kernels in ample memory, then by every level in ample and little memory. */
static bool is_same_in_memory(const tal_trace_job *job, size_t memory_bytes)
{
    tal_tracer *ample = NULL;
    tal_alignment expected = {0};
    bool is_right = tal_tracer_create(AMPLE, &ample) == TAL_OK &&
                    tal_trace(ample, job, &expected) == TAL_OK &&
                    trace_sample_is_consistent(job, &expected);
    if (!is_right)
        trace_sample_print(job, &expected);
    for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best() && is_right; isa++)
        is_right = is_same_at_level(job, isa, AMPLE, &expected) &&
                   is_same_at_level(job, isa, memory_bytes, &expected);
    tal_tracer_destroy(ample);
    return is_right;
}

static void little_memory_gives_the_same_alignment(void)
{
    bool is_right = true;
    for (int k = 0; k < 300 && is_right; k++) {
        trace_sample_params params = {
            .query_len = (int32_t)test_random_in(1, 300),
            .ref_len = (int32_t)test_random_in(1, 300),
            .letter_count = (int)test_random_in(2, 20),
            .score_min = (int)test_random_in(-4, -1),
            .score_max = (int)test_random_in(1, 4),
            .is_profile_random = test_random_in(0, 3) == 0,
            .is_ref_related = test_random_in(0, 3) > 0,
            .mode = (tal_mode)(k % TAL_MODE_COUNT),
            .gaps = random_gaps(),
        };
        trace_sample sample;
        trace_sample_init(&sample, &params);
        size_t all = (size_t)params.query_len * (size_t)params.ref_len;
        is_right = is_same_in_memory(&sample.job, 0) && is_same_in_memory(&sample.job, all - 1) &&
                   is_same_in_memory(&sample.job, (size_t)test_random_in(1, (int64_t)all));
        trace_sample_deinit(&sample);
    }
    CU_ASSERT(is_right);
}

/* Families: long, alike, with gaps, at every level; little memory that checkpoints fit in. */
static void long_relatives_are_traced_alike_at_every_level(void)
{
    bool is_right = true;
    for (int k = 0; k < 24 && is_right; k++) {
        trace_sample_params params = {
            .query_len = (int32_t)test_random_in(700, 1600),
            .ref_len = (int32_t)test_random_in(700, 1600),
            .letter_count = 20,
            .score_min = -4,
            .score_max = k % 6 < 3 ? 5 : 100, /* 100: beyond 16 bit */
            .is_ref_related = true,
            .mode = (tal_mode)(k % TAL_MODE_COUNT),
            .gaps = random_gaps(),
        };
        trace_sample sample;
        trace_sample_init(&sample, &params);
        is_right = is_same_in_memory(&sample.job, (size_t)test_random_in(1 << 16, 1 << 20));
        trace_sample_deinit(&sample);
    }
    CU_ASSERT(is_right);
}

static void one_letter_against_many_is_traced(void)
{
    bool is_right = true;
    for (int k = 0; k < 12 && is_right; k++) {
        trace_sample_params params = {
            .query_len = k % 2 == 0 ? 1 : 20000,
            .ref_len = k % 2 == 0 ? 20000 : 1,
            .letter_count = 4,
            .score_min = -3,
            .score_max = 2,
            .mode = (tal_mode)(k / 2 % TAL_MODE_COUNT),
            .gaps = random_gaps(),
        };
        trace_sample sample;
        trace_sample_init(&sample, &params);
        is_right = is_same_in_memory(&sample.job, 0) && is_same_in_memory(&sample.job, 1000);
        trace_sample_deinit(&sample);
    }
    CU_ASSERT(is_right);
}

static void empty_sequences_are_all_gap(void)
{
    tal_tracer *tracer = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_tracer_create(0, &tracer), TAL_OK);
    for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
        for (int k = 0; k < 3; k++) {
            trace_sample_params params = {
                .query_len = k == 1 ? 7 : 0,
                .ref_len = k == 2 ? 5 : 0,
                .letter_count = 4,
                .score_min = -1,
                .score_max = 1,
                .mode = (tal_mode)mode,
                .gaps = {.open = 3, .extend = 2},
            };
            trace_sample sample;
            trace_sample_init(&sample, &params);
            tal_alignment a = {0};
            CU_ASSERT_EQUAL(tal_trace(tracer, &sample.job, &a), TAL_OK);
            CU_ASSERT(trace_sample_is_consistent(&sample.job, &a));
            bool is_insertion = k == 1 && mode != TAL_LOCAL;
            bool is_deletion = k == 2 && mode == TAL_GLOBAL;
            CU_ASSERT_EQUAL(a.cigar_count, is_insertion || is_deletion);
            CU_ASSERT_EQUAL(a.score, is_insertion ? -17 : is_deletion ? -13 : 0);
            if (is_insertion)
                CU_ASSERT_EQUAL(a.cigar[0], 7 << 4 | TAL_CIGAR_INSERTION);
            if (is_deletion)
                CU_ASSERT_EQUAL(a.cigar[0], 5 << 4 | TAL_CIGAR_DELETION);
            trace_sample_deinit(&sample);
        }
    }
    tal_tracer_destroy(tracer);
}

/* Letters A C G T as codes, +2 for equal and -3 for different ones. */
static void fill_nucleotides(const char *letters, uint8_t *out_codes)
{
    for (size_t i = 0; letters[i] != 0; i++)
        out_codes[i] = (uint8_t)(strchr("ACGT", letters[i]) - "ACGT");
}

static void known_alignment_is_counted(void)
{
    /* ACGTACGT--ACGTTACG
     * ACGTACGTTTACGATACG */
    uint8_t query[17], ref[19];
    int8_t profile[16 * 32];
    fill_nucleotides("ACGTACGTACGTTACG", query);
    fill_nucleotides("ACGTACGTTTACGATACG", ref);
    for (int i = 0; i < 16; i++)
        for (int code = 0; code < 32; code++)
            profile[i * 32 + code] = query[i] == code ? 2 : -3;
    const tal_trace_job job = {
        .profile = profile,
        .query = query,
        .query_len = 16,
        .ref = ref,
        .ref_len = 18,
        .mode = TAL_LOCAL,
        .gaps = {.open = 2, .extend = 1},
        .score = 15 * 2 - 3 - 4,
    };
    tal_tracer *tracer = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_tracer_create(AMPLE, &tracer), TAL_OK);
    tal_alignment a = {0};
    CU_ASSERT_EQUAL_FATAL(tal_trace(tracer, &job, &a), TAL_OK);
    CU_ASSERT(trace_sample_is_consistent(&job, &a));
    CU_ASSERT_EQUAL(a.identity_count, 15);
    CU_ASSERT_EQUAL(a.mismatch_count, 1);
    CU_ASSERT_EQUAL(a.positive_count, 15);
    CU_ASSERT_EQUAL(a.gap_open_count, 1);
    CU_ASSERT_EQUAL(a.gap_column_count, 2);
    CU_ASSERT_EQUAL(a.column_count, 18);
    CU_ASSERT_EQUAL(a.query_end - a.query_begin, 16);
    CU_ASSERT_EQUAL(a.ref_end - a.ref_begin, 18);
    tal_tracer_destroy(tracer);
}

static void largest_scores_and_gap_costs_do_not_overflow(void)
{
    for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
        trace_sample_params params = {
            .query_len = 3000,
            .ref_len = mode == TAL_GLOBAL ? 3000 : TEST_AMOUNT(60000),
            .letter_count = 4,
            .score_min = -100,
            .score_max = 100,
            .is_ref_related = true,
            .mode = (tal_mode)mode,
            .gaps = {.open = TAL_GAP_MAX, .extend = TAL_GAP_MAX},
        };
        trace_sample sample;
        trace_sample_init(&sample, &params);
        CU_ASSERT(is_same_in_memory(&sample.job, 0));
        trace_sample_deinit(&sample);
    }
}

static void pair_beyond_the_limits_is_refused(void)
{
    static const int32_t lens[][2] = {
        {TAL_TRACE_SHORTER_MAX + 1, TAL_TRACE_SHORTER_MAX + 1},
        {1, TAL_TRACE_LEN_MAX + 1},
        {TAL_TRACE_LEN_MAX + 1, 0},
        {INT32_MAX, INT32_MAX},
    };
    tal_tracer *tracer = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_tracer_create(0, &tracer), TAL_OK);
    for (size_t k = 0; k < sizeof(lens) / sizeof(lens[0]); k++) {
        const tal_trace_job job = {
            .query_len = lens[k][0],
            .ref_len = lens[k][1],
            .gaps = {.open = 1, .extend = 1},
            .score = 1,
        };
        tal_alignment alignment;
        tal_status_clear();
        CU_ASSERT_EQUAL(tal_trace(tracer, &job, &alignment), TAL_ERR_DATA);
        CU_ASSERT(strstr(tal_status_message(), "cannot align") != NULL);
    }
    tal_tracer_destroy(tracer);
    tal_tracer_destroy(NULL);
}

static void wrong_score_stops_the_program(void)
{
    trace_sample_params params = {.query_len = 20,
                                  .ref_len = 20,
                                  .letter_count = 2,
                                  .score_min = -1,
                                  .score_max = 1,
                                  .gaps = {.open = 2, .extend = 1}};
    tal_kernel_table table;
    tal_kernel_table_init(&table, tal_cpu_isa_best());
    for (int k = 0; k < 2 * TAL_MODE_COUNT; k++) {
        const bool is_best = k >= TAL_MODE_COUNT;
        params.mode = (tal_mode)(k % TAL_MODE_COUNT);
        trace_sample sample;
        trace_sample_init(&sample, &params);
        sample.job.score++;
        (void)fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            const struct rlimit no_core = {0, 0};
            (void)setrlimit(RLIMIT_CORE, &no_core);
            if (freopen("/dev/null", "w", stderr) == NULL)
                _exit(1);
            tal_tracer *tracer = NULL;
            tal_alignment alignment;
            (void)tal_tracer_create(AMPLE, &tracer);
            tal_tracer_use_kernels(tracer, is_best ? &table : NULL);
            (void)tal_trace(tracer, &sample.job, &alignment);
            _exit(0);
        }
        int status = 0;
        CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
        CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        trace_sample_deinit(&sample);
    }
}

const test_case test_cases[] = {
    TEST_CASE(alignment_of_letters_is_the_one_defined),
    TEST_CASE(alignment_of_profiles_is_the_one_defined),
    TEST_CASE(alignment_in_no_memory_is_the_one_defined),
    TEST_CASE(little_memory_gives_the_same_alignment),
    TEST_CASE(long_relatives_are_traced_alike_at_every_level),
    TEST_CASE(one_letter_against_many_is_traced),
    TEST_CASE(empty_sequences_are_all_gap),
    TEST_CASE(known_alignment_is_counted),
    TEST_CASE(largest_scores_and_gap_costs_do_not_overflow),
    TEST_CASE(pair_beyond_the_limits_is_refused),
    TEST_CASE(wrong_score_stops_the_program),
    {0},
};
