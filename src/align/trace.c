/* The alignment behind a score; see trace.h.
 *
 * Three passes, each only as far as needed. Forward over the reference to the first column that
 * holds the score: there is the end. Backward from the end to the first column (last in reference)
 * that holds it: there is the begin. What lies between is a box whose corners are known, and whose
 * best global alignment is the answer: a local alignment never begins or ends with a gap, because
 * dropping that gap would score more (a gap costs at least 1), and no path through the box scores
 * more than the best local one. Sources: Smith and Waterman, J. Mol. Biol. 147 (1981); Gotoh,
 * J. Mol. Biol. 162 (1982); the backward pass after Huang, Hardison, Miller, CABIOS 6 (1990).
 */
#include "align/trace.h"

#include "align/cigar.h"
#include "align/column.h"
#include "align/diagonal.h"
#include "align/narrow_path.h"
#include "align/path.h"
#include "align/trace_wave.h"
#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

struct tal_tracer {
    size_t memory_bytes;
    int32_t *h, *e;
    int8_t *scores;
    uint8_t *region;
    size_t h_bytes, e_bytes, scores_bytes, region_bytes; /* capacities */
    tal_path_scores path_scores;
    tal_cigar cigar, relabelled;
    tal_identity_function identity; /* NULL: gaps are looked for in every box */
    const tal_wave *waves;          /* NULL: the plain columns of this file do it */
    tal_trace_wave_memory wave_memory;
    tal_narrow_memory narrow;
};

tal_status tal_tracer_create(size_t memory_bytes, tal_tracer **out_tracer)
{
    tal_tracer *tracer = tal_alloc_zero(sizeof(*tracer));
    if (tracer == NULL)
        return TAL_ERR_MEMORY;
    tracer->memory_bytes = memory_bytes;
    *out_tracer = tracer;
    return TAL_OK;
}

void tal_tracer_use_kernels(tal_tracer *tracer, const tal_kernel_table *table)
{
    tracer->identity = table == NULL ? NULL : table->identity;
    tracer->waves = table == NULL || table->isa == TAL_ISA_SCALAR ? NULL : table->wave;
}

void tal_tracer_destroy(tal_tracer *tracer)
{
    if (tracer == NULL)
        return;
    tal_narrow_memory_deinit(&tracer->narrow);
    tal_trace_wave_memory_deinit(&tracer->wave_memory);
    tal_cigar_deinit(&tracer->relabelled);
    tal_cigar_deinit(&tracer->cigar);
    tal_free(tracer->region);
    tal_free(tracer->scores);
    tal_free(tracer->e);
    tal_free(tracer->h);
    tal_free(tracer);
}

/* Have at least `bytes` where `memory` is; the contents are lost. NULL when there is no memory. */
static void *renew(void *memory, size_t bytes, size_t *capacity)
{
    if (bytes <= *capacity && memory != NULL)
        return memory;
    tal_free(memory);
    memory = tal_alloc_vector(bytes);
    *capacity = memory == NULL ? 0 : bytes;
    return memory;
}

/* Copy the profile letter by letter for the letters that the reference has. */
static tal_status fill_scores(tal_tracer *tracer, const tal_trace_job *job)
{
    tal_path_scores *scores = &tracer->path_scores;
    bool is_used[TAL_PROFILE_STRIDE] = {false};
    uint8_t code_of_row[TAL_PROFILE_STRIDE];
    const size_t query_len = (size_t)job->query_len;
    size_t count = 0;
    for (int32_t j = 0; j < job->ref_len; j++)
        is_used[job->ref[j] % TAL_PROFILE_STRIDE] = true;
    for (uint8_t code = 0; code < TAL_PROFILE_STRIDE; code++) {
        if (is_used[code]) {
            scores->row_of_code[code] = (uint8_t)count;
            code_of_row[count++] = code;
        }
    }
    tracer->scores = renew(tracer->scores, count * query_len, &tracer->scores_bytes);
    if (tracer->scores == NULL)
        return TAL_ERR_MEMORY;
    for (size_t row = 0; row < count; row++)
        for (size_t i = 0; i < query_len; i++)
            tracer->scores[row * query_len + i] =
                job->profile[i * TAL_PROFILE_STRIDE + code_of_row[row]];
    scores->scores = tracer->scores;
    scores->stride = query_len;
    return TAL_OK;
}

static tal_status prepare(tal_tracer *tracer, const tal_trace_job *job)
{
    const size_t column_bytes = (size_t)job->query_len * sizeof(int32_t);
    tracer->h = renew(tracer->h, column_bytes, &tracer->h_bytes);
    tracer->e = renew(tracer->e, column_bytes, &tracer->e_bytes);
    if (tracer->h == NULL || tracer->e == NULL)
        return TAL_ERR_MEMORY;
    return fill_scores(tracer, job);
}

/* The column of reference position `j` against the first `count` query positions. */
static tal_column column_at(const tal_tracer *tracer, const tal_trace_job *job, int32_t j,
                            int32_t count)
{
    return (tal_column){
        .scores = tal_path_scores_of(&tracer->path_scores, job->ref[j], 0),
        .count = count,
        .gap_first = job->gaps.open + job->gaps.extend,
        .gap_next = job->gaps.extend,
        .h = tracer->h,
        .e = tracer->e,
    };
}

static void find_end_local(const tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out)
{
    const int32_t count = job->query_len;
    for (int32_t i = 0; i < count; i++) {
        tracer->h[i] = 0;
        tracer->e[i] = TAL_COLUMN_DEAD;
    }
    int32_t best = 0, j = 0;
    while (j < job->ref_len && best < job->score) {
        tal_column column = column_at(tracer, job, j++, count);
        best = tal_column_local(&column);
    }
    TAL_ASSERT(best == job->score);
    int32_t i = 0;
    while (tracer->h[i] != best)
        i++;
    out->ref_end = j;
    out->query_end = i + 1;
#ifdef TAL_SLOW_CHECKS
    for (; j < job->ref_len; j++) {
        tal_column column = column_at(tracer, job, j, count);
        TAL_ASSERT(tal_column_local(&column) <= job->score);
    }
#endif
}

static void find_begin_local(const tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out)
{
    const int32_t count = out->query_end;
    for (int32_t i = 0; i < count; i++)
        tracer->h[i] = tracer->e[i] = TAL_COLUMN_DEAD;
    tal_column_live live = {0};
    int32_t best = 0, corner = 0, j = out->ref_end;
    while (best < job->score) {
        TAL_ASSERT(j > 0);
        tal_column column = column_at(tracer, job, --j, count);
        column.corner = corner;
        corner = TAL_COLUMN_DEAD;
        best = tal_column_local_backward(&column, &live);
        TAL_ASSERT(live.begin < live.end);
    }
    TAL_ASSERT(best == job->score);
    int32_t i = live.begin;
    while (tracer->h[i] != best)
        i++;
    out->ref_begin = j;
    out->query_begin = count - 1 - i;
}

/* Semi-global, with a query: the first column whose last row has the score. */
static void find_end_semiglobal(const tal_tracer *tracer, const tal_trace_job *job,
                                tal_alignment *out)
{
    const int32_t *last = &tracer->h[job->query_len - 1];
    tal_path_fill_boundary(job->gaps, job->query_len, tracer->h, tracer->e);
    int32_t j = 0;
    while (j < job->ref_len && *last < job->score) {
        tal_column column = column_at(tracer, job, j++, job->query_len);
        tal_column_global(&column); /* corner = top = 0: free */
    }
    TAL_ASSERT(*last == job->score);
    out->ref_end = j;
    out->query_end = job->query_len;
#ifdef TAL_SLOW_CHECKS
    for (; j < job->ref_len; j++) {
        tal_column column = column_at(tracer, job, j, job->query_len);
        tal_column_global(&column);
        TAL_ASSERT(*last <= job->score);
    }
#endif
}

static void find_begin_semiglobal(const tal_tracer *tracer, const tal_trace_job *job,
                                  tal_alignment *out)
{
    const int32_t *last = &tracer->h[job->query_len - 1];
    tal_path_fill_boundary(job->gaps, job->query_len, tracer->h, tracer->e);
    int32_t j = out->ref_end;
    while (*last < job->score) {
        TAL_ASSERT(j > 0);
        tal_column column = column_at(tracer, job, --j, job->query_len);
        column.corner = tal_path_boundary(job->gaps, out->ref_end - j - 1);
        column.top = tal_path_boundary(job->gaps, out->ref_end - j);
        tal_column_global_backward(&column);
    }
    TAL_ASSERT(*last == job->score);
    out->ref_begin = j;
    out->query_begin = 0;
}

/* Fill begin and end. */
static void find_box(const tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out)
{
    switch (job->mode) {
    case TAL_LOCAL:
        find_end_local(tracer, job, out);
        find_begin_local(tracer, job, out);
        break;
    case TAL_SEMIGLOBAL:
        if (job->query_len > 0) {
            find_end_semiglobal(tracer, job, out);
            find_begin_semiglobal(tracer, job, out);
        }
        break;
    default:
        out->query_end = job->query_len;
        out->ref_end = job->ref_len;
        break;
    }
}

/* Leave the path of the box in tracer->cigar. */
static tal_status find_path(tal_tracer *tracer, const tal_trace_job *job,
                            const tal_alignment *alignment)
{
    const tal_path_box box = {
        .scores = &tracer->path_scores,
        .query = job->query,
        .ref = job->ref,
        .query_begin = alignment->query_begin,
        .query_len = alignment->query_end - alignment->query_begin,
        .ref_begin = alignment->ref_begin,
        .ref_len = alignment->ref_end - alignment->ref_begin,
        .gaps = job->gaps,
    };
    uint64_t limit = tal_path_bytes_min(box.query_len, box.ref_len);
    limit = limit > tracer->memory_bytes ? limit : tracer->memory_bytes;
    uint64_t bytes = tal_path_bytes_full(box.query_len, box.ref_len);
    bytes = bytes < limit ? bytes : limit;
    tracer->region = renew(tracer->region, (size_t)bytes, &tracer->region_bytes);
    if (tracer->region == NULL)
        return TAL_ERR_MEMORY;
    const tal_path_memory memory = {
        .h = tracer->h,
        .e = tracer->e,
        .region = tracer->region,
        .region_bytes = (size_t)bytes,
    };
    tal_cigar_reset(&tracer->cigar);
    tal_status status = tal_path_walk(&box, &memory, &tracer->cigar);
    tal_cigar_reverse(&tracer->cigar);
    return status;
}

/* As find_path, where the box's diagonal has the score; otherwise *out_is_done is false. Then every
 * H on it is the diagonal's, or the score would be passed, and pairs go first: it is the path. */
static tal_status find_path_diagonal(tal_tracer *tracer, const tal_trace_job *job,
                                     const tal_alignment *alignment, bool *out_is_done)
{
    const tal_diagonal diagonal = {
        .profile = job->profile + (size_t)alignment->query_begin * TAL_PROFILE_STRIDE,
        .query = job->query + alignment->query_begin,
        .ref = job->ref + alignment->ref_begin,
        .len = alignment->query_end - alignment->query_begin,
    };
    *out_is_done = tracer->identity != NULL &&
                   diagonal.len == alignment->ref_end - alignment->ref_begin &&
                   tal_diagonal_score(&diagonal) == job->score;
    if (!*out_is_done)
        return TAL_OK;
    tal_cigar_reset(&tracer->cigar);
    return tal_diagonal_append(&diagonal, tracer->identity, &tracer->cigar);
}

/* Whether the box is all that is wanted. */
static bool is_too_short(const tal_trace_job *job, const tal_alignment *box)
{
    return job->mode == TAL_LOCAL && (box->query_end - box->query_begin < job->query_span_min ||
                                      box->ref_end - box->ref_begin < job->ref_span_min);
}

static tal_status trace_plain(tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out)
{
    bool is_done = false;
    tal_status status = prepare(tracer, job);
    if (status != TAL_OK)
        return status;
    find_box(tracer, job, out);
    if (is_too_short(job, out))
        return TAL_OK;
    status = find_path_diagonal(tracer, job, out, &is_done);
    return status != TAL_OK || is_done ? status : find_path(tracer, job, out);
}

/* As find_path, of a local alignment, from the cells that the pass backward has left. *out_is_done
 * is false where the memory is too little for that. */
static tal_status find_path_narrow(tal_tracer *tracer, const tal_trace_job *job,
                                   const tal_alignment *alignment, bool *out_is_done)
{
    const tal_wave_box box = tal_trace_wave_box(tracer->waves, job, alignment);
    const int32_t *span_begins, *span_ends;
    uint64_t bytes = 0;
    tal_trace_wave_spans(&tracer->wave_memory, alignment, &span_begins, &span_ends);
    tal_status status = tal_narrow_path_plan(&box, &tracer->narrow, span_begins, span_ends, &bytes);
    *out_is_done = status == TAL_OK && bytes <= tracer->memory_bytes;
    if (!*out_is_done)
        return status;
    tracer->region = renew(tracer->region, (size_t)bytes, &tracer->region_bytes);
    if (tracer->region == NULL)
        return TAL_ERR_MEMORY;
    tal_cigar_reset(&tracer->cigar);
    status = tal_narrow_path_walk(&box, &tracer->narrow, &tracer->wave_memory.wave, tracer->region,
                                  &tracer->cigar);
    tal_cigar_reverse(&tracer->cigar);
    return status;
}

/* As find_path. *out_is_done is false where the memory is too little for vectors. */
static tal_status find_path_wave(tal_tracer *tracer, const tal_trace_job *job,
                                 const tal_alignment *alignment, bool *out_is_done)
{
    tal_wave_box box = tal_trace_wave_box(tracer->waves, job, alignment);
    for (bool is_saturated = true; is_saturated;) {
        uint64_t bytes = tal_wave_path_bytes(&box, tracer->memory_bytes);
        *out_is_done = bytes > 0;
        if (bytes == 0)
            return TAL_OK;
        tracer->region = renew(tracer->region, (size_t)bytes, &tracer->region_bytes);
        if (tracer->region == NULL)
            return TAL_ERR_MEMORY;
        tal_cigar_reset(&tracer->cigar);
        tal_status status = tal_wave_path_walk(&box, &tracer->wave_memory.wave, tracer->region,
                                               (size_t)bytes, &tracer->cigar, &is_saturated);
        if (status != TAL_OK)
            return status;
        TAL_ASSERT(!is_saturated || box.width == TAL_WIDTH_16);
        box.width = TAL_WIDTH_32;
        box.wave = &tracer->waves[TAL_WIDTH_32];
    }
    tal_cigar_reverse(&tracer->cigar);
    return TAL_OK;
}

static tal_status trace_wave(tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out)
{
    tal_status status = tal_trace_wave_find(tracer->waves, &tracer->wave_memory, job, out);
    bool is_done = status == TAL_OK && is_too_short(job, out);
    if (status == TAL_OK && !is_done)
        status = find_path_diagonal(tracer, job, out, &is_done);
    if (status == TAL_OK && !is_done && job->mode == TAL_LOCAL)
        status = find_path_narrow(tracer, job, out, &is_done);
    if (status == TAL_OK && !is_done)
        status = find_path_wave(tracer, job, out, &is_done);
    if (status != TAL_OK || is_done)
        return status;
    status = prepare(tracer, job);
    return status == TAL_OK ? find_path(tracer, job, out) : status;
}

/* The path with its pairs equal or not by job->ref_letters. */
static tal_status relabel(tal_tracer *tracer, const tal_trace_job *job, const tal_alignment *box)
{
    tal_status status = TAL_OK;
    int32_t i = box->query_begin, j = box->ref_begin;
    tal_cigar_reset(&tracer->relabelled);
    for (size_t run = 0; run < tracer->cigar.count && status == TAL_OK; run++) {
        uint32_t operation = tal_cigar_operation(tracer->cigar.runs[run]);
        int32_t len = tal_cigar_len(tracer->cigar.runs[run]);
        if (operation == TAL_CIGAR_INSERTION || operation == TAL_CIGAR_DELETION) {
            i += operation == TAL_CIGAR_INSERTION ? len : 0;
            j += operation == TAL_CIGAR_DELETION ? len : 0;
            status = tal_cigar_append(&tracer->relabelled, operation, len);
            continue;
        }
        for (int32_t end = i + len; i < end && status == TAL_OK; i++, j++)
            status = tal_cigar_append(
                &tracer->relabelled,
                job->query[i] == job->ref_letters[j] ? TAL_CIGAR_EQUAL : TAL_CIGAR_DIFF, 1);
    }
    return status;
}

int64_t tal_trace_count_columns(const tal_trace_job *job, tal_alignment *alignment)
{
    int64_t score = 0;
    int32_t i = alignment->query_begin, j = alignment->ref_begin;
    uint32_t previous = UINT32_MAX;
    for (size_t run = 0; run < alignment->cigar_count; run++) {
        uint32_t operation = tal_cigar_operation(alignment->cigar[run]);
        int32_t len = tal_cigar_len(alignment->cigar[run]);
        alignment->column_count += len;
        if (operation == TAL_CIGAR_INSERTION || operation == TAL_CIGAR_DELETION) {
            bool is_new = operation != previous;
            alignment->gap_open_count += is_new;
            alignment->gap_column_count += len;
            score -= (is_new ? job->gaps.open : 0) + (int64_t)len * job->gaps.extend;
            i += operation == TAL_CIGAR_INSERTION ? len : 0;
            j += operation == TAL_CIGAR_DELETION ? len : 0;
        } else {
            for (int32_t end = i + len; i < end; i++, j++) {
                int8_t pair = job->profile[(size_t)i * TAL_PROFILE_STRIDE + job->ref[j]];
                alignment->positive_count += pair > 0;
                score += pair;
            }
            alignment->identity_count += operation == TAL_CIGAR_EQUAL ? len : 0;
            alignment->mismatch_count += operation == TAL_CIGAR_DIFF ? len : 0;
        }
        previous = operation;
    }
    TAL_ASSERT(i == alignment->query_end);
    TAL_ASSERT(j == alignment->ref_end);
    return score;
}

static void check_job(const tal_trace_job *job)
{
    TAL_ASSERT(job->mode >= 0);
    TAL_ASSERT(job->mode < TAL_MODE_COUNT);
    TAL_ASSERT(job->query_len >= 0);
    TAL_ASSERT(job->ref_len >= 0);
    TAL_ASSERT(job->gaps.open >= 0);
    TAL_ASSERT(job->gaps.open <= TAL_GAP_MAX);
    TAL_ASSERT(job->gaps.extend >= 0);
    TAL_ASSERT(job->gaps.extend <= TAL_GAP_MAX);
    TAL_ASSERT(job->gaps.open + job->gaps.extend >= 1);
    TAL_ASSERT(job->mode != TAL_LOCAL || job->score >= 0);
}

/* Whether 32 bit hold every cell and count of this pair. */
static bool is_within_limits(const tal_trace_job *job)
{
    bool is_query_shorter = job->query_len < job->ref_len;
    return (is_query_shorter ? job->query_len : job->ref_len) <= TAL_TRACE_SHORTER_MAX &&
           (is_query_shorter ? job->ref_len : job->query_len) <= TAL_TRACE_LEN_MAX;
}

tal_status tal_trace(tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out_alignment)
{
    check_job(job);
    if (!is_within_limits(job))
        return tal_fail(TAL_ERR_DATA,
                        "cannot align a query of %d letters with a reference of %d: the shorter "
                        "may have %d, the longer %d; cut them into pieces",
                        job->query_len, job->ref_len, TAL_TRACE_SHORTER_MAX, TAL_TRACE_LEN_MAX);
    tal_alignment alignment = {.score = job->score};
    if (job->mode == TAL_LOCAL && job->score == 0) {
        *out_alignment = alignment;
        return TAL_OK;
    }
    tal_status status = tracer->waves == NULL ? trace_plain(tracer, job, &alignment)
                                              : trace_wave(tracer, job, &alignment);
    if (status != TAL_OK)
        return status;
    if (is_too_short(job, &alignment)) {
        *out_alignment = alignment;
        return TAL_OK;
    }
    const tal_cigar *cigar = &tracer->cigar;
    if (job->ref_letters != NULL) {
        status = relabel(tracer, job, &alignment);
        if (status != TAL_OK)
            return status;
        cigar = &tracer->relabelled;
    }
    alignment.cigar = cigar->runs;
    alignment.cigar_count = cigar->count;
    int64_t score = tal_trace_count_columns(job, &alignment);
    TAL_ASSERT(score == job->score);
    *out_alignment = alignment;
    return TAL_OK;
}
