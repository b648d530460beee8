/* What the tests of traceback share; see trace_sample.h. */
#include "align/trace_sample.h"

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void fill_profile(trace_sample *sample, const trace_sample_params *params)
{
    int8_t matrix[32][32];
    for (int a = 0; a < 32; a++)
        for (int b = 0; b < 32; b++)
            matrix[a][b] =
                (int8_t)(a == b ? params->score_max
                                : test_random_in(params->score_min, params->score_max - 1));
    for (size_t i = 0; i < (size_t)params->query_len; i++)
        for (size_t b = 0; b < 32; b++)
            sample->profile[i * 32 + b] =
                params->is_profile_random
                    ? (int8_t)test_random_in(params->score_min, params->score_max)
                    : matrix[sample->query[i]][b];
}

static void fill_related(trace_sample *sample, const trace_sample_params *params)
{
    int64_t i = 0;
    for (int64_t j = 0; j < params->ref_len; j++) {
        int64_t event = test_random_in(0, 39);
        if (event == 0)
            i += test_random_in(1, 12);
        bool is_inserted = event == 1 || (event == 2 && test_random_in(0, 1) == 0);
        if (i < params->query_len && event > 4 && !is_inserted)
            sample->ref[j] = sample->query[i];
        i += !is_inserted;
    }
}

void trace_sample_init(trace_sample *sample, const trace_sample_params *params)
{
    size_t query_len = (size_t)params->query_len, ref_len = (size_t)params->ref_len;
    sample->profile = must(malloc(query_len * 32 + 1));
    sample->query = must(malloc(query_len + 1));
    sample->ref = must(malloc(ref_len + 1));
    for (size_t i = 0; i < query_len; i++)
        sample->query[i] = (uint8_t)test_random_in(0, params->letter_count - 1);
    for (size_t j = 0; j < ref_len; j++)
        sample->ref[j] = (uint8_t)test_random_in(0, params->letter_count - 1);
    if (params->is_ref_related)
        fill_related(sample, params);
    fill_profile(sample, params);
    sample->job = (tal_trace_job){
        .profile = sample->profile,
        .query = sample->query,
        .query_len = params->query_len,
        .ref = sample->ref,
        .ref_len = params->ref_len,
        .mode = params->mode,
        .gaps = params->gaps,
    };
    sample->job.score = (int32_t)trace_sample_optimum(&sample->job);
}

void trace_sample_deinit(trace_sample *sample)
{
    free(sample->profile);
    free(sample->query);
    free(sample->ref);
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t trace_sample_optimum(const tal_trace_job *job)
{
    const int64_t none = INT64_MIN / 4;
    const int64_t open = job->gaps.open, extend = job->gaps.extend;
    const bool is_local = job->mode == TAL_LOCAL;
    const bool is_ref_free = job->mode != TAL_GLOBAL;
    const size_t n = (size_t)job->ref_len;
    int64_t *h = must(calloc(n + 1, sizeof(*h))), *last_h = must(calloc(n + 1, sizeof(*h)));
    int64_t *f = must(calloc(n + 1, sizeof(*h)));
    int64_t best = 0;
    for (size_t j = 0; j <= n; j++) {
        last_h[j] = is_ref_free || j == 0 ? 0 : -open - extend * (int64_t)j;
        f[j] = none;
    }
    for (size_t i = 1; i <= (size_t)job->query_len; i++) {
        int64_t e = none;
        h[0] = is_local ? 0 : -open - extend * (int64_t)i;
        for (size_t j = 1; j <= n; j++) {
            e = max64(e - extend, h[j - 1] - open - extend);
            f[j] = max64(f[j] - extend, last_h[j] - open - extend);
            int64_t pair = last_h[j - 1] + job->profile[(i - 1) * 32 + job->ref[j - 1]];
            h[j] = max64(max64(pair, max64(e, f[j])), is_local ? 0 : none);
            best = max64(best, h[j]);
        }
        int64_t *swap = h;
        h = last_h;
        last_h = swap;
    }
    int64_t optimum = is_local ? best : last_h[n];
    for (size_t j = 0; job->mode == TAL_SEMIGLOBAL && j <= n; j++)
        optimum = max64(optimum, last_h[j]);
    free(h);
    free(last_h);
    free(f);
    return optimum;
}

/* Whether a run is one of ours and, for = and X, what the letters say; steps i and j. */
static bool step_run(const tal_trace_job *job, uint32_t run, int32_t *i, int32_t *j, int64_t *score)
{
    int32_t len = (int32_t)(run >> 4);
    switch (run & 15) {
    case TAL_CIGAR_INSERTION:
        *i += len;
        *score -= job->gaps.open + (int64_t)len * job->gaps.extend;
        return len > 0;
    case TAL_CIGAR_DELETION:
        *j += len;
        *score -= job->gaps.open + (int64_t)len * job->gaps.extend;
        return len > 0;
    case TAL_CIGAR_EQUAL:
    case TAL_CIGAR_DIFF:
        for (int32_t k = 0; k < len; k++, ++*i, ++*j) {
            if (*i >= job->query_len || *j >= job->ref_len)
                return false;
            if ((job->query[*i] == job->ref[*j]) != ((run & 15) == TAL_CIGAR_EQUAL))
                return false;
            *score += job->profile[*i * 32 + job->ref[*j]];
        }
        return len > 0;
    default:
        return false;
    }
}

static bool are_counts_right(const tal_trace_job *job, const tal_alignment *a)
{
    int32_t equal = 0, diff = 0, gaps = 0, gap_columns = 0, positive = 0;
    int32_t i = a->query_begin, j = a->ref_begin;
    for (size_t k = 0; k < a->cigar_count; k++) {
        int32_t len = (int32_t)(a->cigar[k] >> 4);
        uint32_t operation = a->cigar[k] & 15;
        bool is_pair = operation == TAL_CIGAR_EQUAL || operation == TAL_CIGAR_DIFF;
        equal += operation == TAL_CIGAR_EQUAL ? len : 0;
        diff += operation == TAL_CIGAR_DIFF ? len : 0;
        gaps += !is_pair;
        gap_columns += is_pair ? 0 : len;
        for (int32_t p = 0; is_pair && p < len; p++)
            positive += job->profile[(i + p) * 32 + job->ref[j + p]] > 0;
        i += operation == TAL_CIGAR_DELETION ? 0 : len;
        j += operation == TAL_CIGAR_INSERTION ? 0 : len;
    }
    return a->identity_count == equal && a->mismatch_count == diff && a->gap_open_count == gaps &&
           a->gap_column_count == gap_columns && a->positive_count == positive &&
           a->column_count == equal + diff + gap_columns;
}

bool trace_sample_is_consistent(const tal_trace_job *job, const tal_alignment *a)
{
    int32_t i = a->query_begin, j = a->ref_begin;
    int64_t score = 0;
    bool is_right = i >= 0 && j >= 0 && a->score == job->score;
    for (size_t k = 0; is_right && k < a->cigar_count; k++) {
        is_right = step_run(job, a->cigar[k], &i, &j, &score);
        is_right = is_right && (k == 0 || (a->cigar[k] & 15) != (a->cigar[k - 1] & 15));
    }
    is_right = is_right && i == a->query_end && j == a->ref_end && score == job->score;
    is_right = is_right && a->query_end <= job->query_len && a->ref_end <= job->ref_len;
    if (job->mode != TAL_LOCAL)
        is_right = is_right && a->query_begin == 0 && a->query_end == job->query_len;
    if (job->mode == TAL_GLOBAL)
        is_right = is_right && a->ref_begin == 0 && a->ref_end == job->ref_len;
    if (job->mode == TAL_LOCAL && a->cigar_count > 0)
        is_right = is_right && (a->cigar[0] & 15) >= TAL_CIGAR_EQUAL &&
                   (a->cigar[a->cigar_count - 1] & 15) >= TAL_CIGAR_EQUAL;
    return is_right && are_counts_right(job, a);
}

bool trace_sample_is_same(const tal_alignment *a, const tal_alignment *b)
{
    return a->score == b->score && a->query_begin == b->query_begin &&
           a->query_end == b->query_end && a->ref_begin == b->ref_begin &&
           a->ref_end == b->ref_end && a->column_count == b->column_count &&
           a->identity_count == b->identity_count && a->mismatch_count == b->mismatch_count &&
           a->positive_count == b->positive_count && a->gap_open_count == b->gap_open_count &&
           a->gap_column_count == b->gap_column_count && a->cigar_count == b->cigar_count &&
           (a->cigar_count == 0 ||
            memcmp(a->cigar, b->cigar, a->cigar_count * sizeof(*a->cigar)) == 0);
}

void trace_sample_print(const tal_trace_job *job, const tal_alignment *a)
{
    printf("mode %d gaps %d,%d score %d: query %d..%d of %d, reference %d..%d of %d, path ",
           (int)job->mode, job->gaps.open, job->gaps.extend, a->score, a->query_begin, a->query_end,
           job->query_len, a->ref_begin, a->ref_end, job->ref_len);
    for (size_t k = 0; k < a->cigar_count; k++)
        printf("%u%c", a->cigar[k] >> 4, " ID    =X       "[a->cigar[k] & 15]);
    printf("\nquery ");
    for (int32_t i = 0; i < job->query_len && i < 100; i++)
        printf("%d ", job->query[i]);
    printf("\nreference ");
    for (int32_t j = 0; j < job->ref_len && j < 100; j++)
        printf("%d ", job->ref[j]);
    printf("\n");
}
