/* Traceback against libparasail: scores always, ends and paths where only one is best. Skipped
 * where the library is not installed. */
#include "align/trace_sample.h"
#include "harness.h"

#ifdef TEST_HAS_PARASAIL
#include <parasail.h>
#include <parasail/matrices/blosum62.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "align/trace-parasail";

#ifdef TEST_HAS_PARASAIL

enum { LEN_MAX = 400 };
static const char letters[] = "ARNDCQEGHILKMFPSTWYV";

typedef struct parasail_pair {
    trace_sample sample;
    char query[LEN_MAX + 1], ref[LEN_MAX + 1];
} parasail_pair;

static void pair_init(parasail_pair *pair, tal_mode mode, tal_gaps gaps)
{
    const parasail_matrix_t *matrix = &parasail_blosum62;
    trace_sample_params params = {
        .query_len = (int32_t)test_random_in(1, LEN_MAX),
        .ref_len = (int32_t)test_random_in(1, LEN_MAX),
        .letter_count = 20,
        .score_min = -1,
        .score_max = 1,
        .is_ref_related = true,
        .mode = mode,
        .gaps = gaps,
    };
    trace_sample_init(&pair->sample, &params);
    for (int32_t j = 0; j < params.ref_len; j++)
        pair->ref[j] = letters[pair->sample.ref[j]];
    for (int32_t i = 0; i < params.query_len; i++) {
        pair->query[i] = letters[pair->sample.query[i]];
        int row = matrix->mapper[(unsigned char)pair->query[i]];
        for (int code = 0; code < 20; code++) {
            int column = matrix->mapper[(unsigned char)letters[code]];
            pair->sample.profile[i * 32 + code] =
                (int8_t)matrix->matrix[row * matrix->size + column];
        }
    }
    pair->sample.job.score = (int32_t)trace_sample_optimum(&pair->sample.job);
}

/* A value and how many paths have it, more than one as two. */
typedef struct counted {
    int score, count;
} counted;

static counted better(counted a, counted b)
{
    if (a.score != b.score)
        return a.score > b.score ? a : b;
    return (counted){a.score, a.count + b.count < 2 ? a.count + b.count : 2};
}

static counted less(counted a, int cost)
{
    return (counted){a.score - cost, a.count};
}

/* Whether only one local or global alignment has the optimum: Gotoh's recurrences, counting. */
static bool has_one_optimum(const tal_trace_job *job)
{
    static counted h[LEN_MAX + 1][LEN_MAX + 1], e[LEN_MAX + 1][LEN_MAX + 1],
        f[LEN_MAX + 1][LEN_MAX + 1];
    const counted none = {INT32_MIN / 2, 0}, begin = {0, 1};
    const int next = job->gaps.extend, first = job->gaps.open + next;
    const bool is_local = job->mode == TAL_LOCAL;
    int count = 0;
    for (int i = 0; i <= job->query_len; i++) {
        for (int j = 0; j <= job->ref_len; j++) {
            counted best = is_local || (i == 0 && j == 0) ? begin : none;
            e[i][j] = j == 0 ? none : better(less(h[i][j - 1], first), less(e[i][j - 1], next));
            f[i][j] = i == 0 ? none : better(less(h[i - 1][j], first), less(f[i - 1][j], next));
            if (i > 0 && j > 0) {
                int pair = job->profile[(i - 1) * 32 + job->ref[j - 1]];
                best = better(best, less(h[i - 1][j - 1], -pair));
            }
            h[i][j] = better(best, better(e[i][j], f[i][j]));
            count += is_local && h[i][j].score == job->score ? h[i][j].count : 0;
        }
    }
    return (is_local ? count : h[job->query_len][job->ref_len].count) == 1;
}

/* Where the pairs of parasail's path begin. Its local path may run on to the corner of the matrix
 * as a gap that its score does not hold: such a gap is stepped over, and out_first is the run
 * after. */
static void find_first_pair(const parasail_cigar_t *cigar, int32_t *i, int32_t *j, int *out_first)
{
    int k = 0;
    *i = cigar->beg_query;
    *j = cigar->beg_ref;
    for (; k < cigar->len; k++) {
        char operation = parasail_cigar_decode_op(cigar->seq[k]);
        if (operation != 'I' && operation != 'D')
            break;
        *(operation == 'I' ? i : j) += (int32_t)parasail_cigar_decode_len(cigar->seq[k]);
    }
    *out_first = k;
}

/* parasail's path from run `k` at (i, j) on, scored by our profile and gap costs. */
static int64_t score_of_path(const tal_trace_job *job, const parasail_cigar_t *cigar, int k,
                             int32_t i, int32_t j)
{
    int64_t score = 0;
    for (; k < cigar->len; k++) {
        int32_t len = (int32_t)parasail_cigar_decode_len(cigar->seq[k]);
        char operation = parasail_cigar_decode_op(cigar->seq[k]);
        for (int32_t p = 0; p < len; p++) {
            if (operation == '=' || operation == 'X')
                score += job->profile[i * 32 + job->ref[j]];
            i += operation != 'D';
            j += operation != 'I';
        }
        if (operation == 'I' || operation == 'D')
            score -= job->gaps.open + (int64_t)len * job->gaps.extend;
    }
    return score;
}

static bool is_same_path(const tal_alignment *alignment, const parasail_cigar_t *cigar, int first)
{
    if (alignment->cigar_count != (size_t)(cigar->len - first))
        return false;
    for (int k = first; k < cigar->len; k++) {
        char operation = parasail_cigar_decode_op(cigar->seq[k]);
        uint32_t ours = operation == 'I'   ? TAL_CIGAR_INSERTION
                        : operation == 'D' ? TAL_CIGAR_DELETION
                        : operation == '=' ? TAL_CIGAR_EQUAL
                                           : TAL_CIGAR_DIFF;
        if (alignment->cigar[k - first] != (parasail_cigar_decode_len(cigar->seq[k]) << 4 | ours))
            return false;
    }
    return true;
}

/* Whether parasail's path scores the optimum; out_is_same: whether it is ours. */
static bool is_path_good(const tal_trace_job *job, const tal_alignment *alignment,
                         const parasail_cigar_t *cigar, bool *out_is_same)
{
    int32_t i = 0, j = 0;
    int first = 0;
    if (job->mode == TAL_LOCAL)
        find_first_pair(cigar, &i, &j, &first);
    *out_is_same = alignment->query_begin == i && alignment->ref_begin == j &&
                   is_same_path(alignment, cigar, first);
    return score_of_path(job, cigar, first, i, j) == job->score;
}

/* How many of `count` alignments are the same; fails on any difference in score, and in path where
 * only one is best. */
static int compare(tal_mode mode, parasail_function_t *function, int count)
{
    static const tal_gaps choices[] = {{11, 1}, {9, 2}, {6, 1}, {2, 2}};
    int same = 0, unique = 0;
    tal_tracer *tracer = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_tracer_create((size_t)1 << 24, &tracer), TAL_OK);
    for (int k = 0; k < count; k++) {
        parasail_pair pair;
        tal_gaps gaps = choices[k % 4];
        pair_init(&pair, mode, gaps);
        const tal_trace_job *job = &pair.sample.job;
        parasail_result_t *result =
            function(pair.query, job->query_len, pair.ref, job->ref_len, gaps.open + gaps.extend,
                     gaps.extend, &parasail_blosum62);
        parasail_cigar_t *cigar = parasail_result_get_cigar(
            result, pair.query, job->query_len, pair.ref, job->ref_len, &parasail_blosum62);
        tal_alignment alignment = {0};
        CU_ASSERT_EQUAL(parasail_result_get_score(result), job->score);
        CU_ASSERT_EQUAL_FATAL(tal_trace(tracer, job, &alignment), TAL_OK);
        CU_ASSERT(trace_sample_is_consistent(job, &alignment));
        bool is_same = true;
        if (mode != TAL_SEMIGLOBAL) /* where parasail writes the free ends as deletions */
            CU_ASSERT(is_path_good(job, &alignment, cigar, &is_same));
        bool is_same_end = parasail_result_get_end_query(result) == alignment.query_end - 1 &&
                           parasail_result_get_end_ref(result) == alignment.ref_end - 1;
        same += is_same_end && is_same;
        if (mode != TAL_SEMIGLOBAL && has_one_optimum(job)) {
            CU_ASSERT(is_same_end && is_same);
            unique++;
        }
        parasail_cigar_free(cigar);
        parasail_result_free(result);
        trace_sample_deinit(&pair.sample);
    }
    tal_tracer_destroy(tracer);
    printf("%d of %d the same; %d have one optimum\n", same, count, unique);
    CU_ASSERT(mode == TAL_SEMIGLOBAL || unique > count / 6);
    return same;
}

static void local_alignments_agree(void)
{
    CU_ASSERT(compare(TAL_LOCAL, parasail_sw_trace_scan_32, 300) > 150);
}

static void global_alignments_agree(void)
{
    CU_ASSERT(compare(TAL_GLOBAL, parasail_nw_trace_scan_32, 300) > 150);
}

static void semiglobal_ends_agree(void)
{
    CU_ASSERT(compare(TAL_SEMIGLOBAL, parasail_sg_dx_trace_scan_32, 300) > 150);
}

#else

static void local_alignments_agree(void)
{
    test_skip("libparasail is not installed");
}

#endif

const test_case test_cases[] = {
    TEST_CASE(local_alignments_agree),
#ifdef TEST_HAS_PARASAIL
    TEST_CASE(global_alignments_agree),
    TEST_CASE(semiglobal_ends_agree),
#endif
    {0},
};
