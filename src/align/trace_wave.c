/* Begin and end of an alignment by wave kernels; see trace.c for the passes.
 *
 * The narrowest width that is exact: a local score is known and nothing is larger, so 16 bit hold
 * all from the front up to 65534, kept from -32768 on, and from the back up to 32766, kept as they
 * are: a path that does not begin at the corner gains at most the best score above -32768 and stays
 * below 0. In the other modes the kernel tells when it was too much.
 */
#include "align/trace_wave.h"

#include "base/check.h"

#define LOCAL_MAX_16 65534
#define SCORE_MAX_16 32766
/* Lowest score of a pair. */
#define PAIR_MIN (-127)

/* A pass over the first `rows` query positions and `columns` reference positions, from their begin
 * or, backward, from their end. */
static tal_status begin_pass(tal_wave_memory *memory, const tal_trace_job *job,
                             tal_wave_block block, bool is_backward, tal_wave_job *out_pass)
{
    block.gaps = job->gaps;
    tal_status status = tal_wave_begin(memory, &block, out_pass);
    if (status != TAL_OK)
        return status;
    size_t row = is_backward ? (size_t)block.row_count - 1 : 0;
    out_pass->profile = job->profile + row * TAL_PROFILE_STRIDE;
    out_pass->profile_step = is_backward ? -TAL_PROFILE_STRIDE : TAL_PROFILE_STRIDE;
    out_pass->letters = job->ref + (is_backward ? block.column_end - 1 : 0);
    out_pass->letter_step = is_backward ? -1 : 1;
    return TAL_OK;
}

void tal_trace_wave_memory_deinit(tal_trace_wave_memory *memory)
{
    tal_wave_memory_deinit(&memory->wave);
    tal_reach_memory_deinit(&memory->forward);
    tal_reach_memory_deinit(&memory->backward);
}

static tal_status find_end_local(const tal_wave *waves, tal_trace_wave_memory *memory,
                                 const tal_trace_job *job, tal_alignment *out)
{
    const tal_width width = job->score <= LOCAL_MAX_16 ? TAL_WIDTH_16 : TAL_WIDTH_32;
    const int32_t zero = tal_wave_zero(width);
    tal_wave_job pass;
    const tal_wave_block block = {
        .border = TAL_WAVE_BORDER_LOCAL,
        .width = width,
        .row_count = job->query_len,
        .column_end = job->ref_len,
    };
    tal_status status = begin_pass(&memory->wave, job, block, false, &pass);
    if (status == TAL_OK)
        status = tal_reach_forward(&memory->forward, job->profile, job->query_len, job->ref,
                                   job->ref_len, job->score, zero);
    if (status != TAL_OK)
        return status;
    pass.target = job->score + zero;
    pass.reach = &memory->forward.reach;
    waves[width].find(&pass);
    TAL_ASSERT(pass.found_column > 0);
    out->query_end = pass.found_row;
    out->ref_end = pass.found_column;
    return TAL_OK;
}

static tal_status find_begin_local(const tal_wave *waves, tal_trace_wave_memory *memory,
                                   const tal_trace_job *job, tal_alignment *out)
{
    const tal_width width = job->score <= SCORE_MAX_16 ? TAL_WIDTH_16 : TAL_WIDTH_32;
    tal_wave_job pass;
    const tal_wave_block block = {
        .border = TAL_WAVE_BORDER_CORNER,
        .width = width,
        .row_count = out->query_end,
        .column_end = out->ref_end,
    };
    tal_status status = begin_pass(&memory->wave, job, block, true, &pass);
    if (status == TAL_OK)
        status = tal_reach_backward(&memory->backward, job->row_bests, out->query_end, job->score);
    if (status != TAL_OK)
        return status;
    pass.target = job->score;
    pass.reach = &memory->backward.reach;
    waves[width].find(&pass);
    TAL_ASSERT(pass.found_column > 0);
    out->query_begin = out->query_end - pass.found_row;
    out->ref_begin = out->ref_end - pass.found_column;
    return TAL_OK;
}

static tal_status find_local(const tal_wave *waves, tal_trace_wave_memory *memory,
                             const tal_trace_job *job, tal_alignment *out)
{
    tal_status status = TAL_OK;
    out->query_end = job->query_end;
    out->ref_end = job->ref_end;
    if (job->ref_end == 0)
        status = find_end_local(waves, memory, job, out);
    return status == TAL_OK ? find_begin_local(waves, memory, job, out) : status;
}

/* The pass backward saw the box's rows and columns from its end. */
void tal_trace_wave_spans(const tal_trace_wave_memory *memory, const tal_alignment *alignment,
                          const int32_t **out_begins, const int32_t **out_ends)
{
    const tal_wave_reach *reach = &memory->backward.reach;
    const int32_t rows = alignment->query_end - alignment->query_begin;
    const int32_t columns = alignment->ref_end - alignment->ref_begin;
    for (int32_t low = 0, high = rows - 1; low <= high; low++, high--) {
        const int32_t begin = reach->span_begins[low], end = reach->span_ends[low];
        const int32_t high_begin = reach->span_begins[high], high_end = reach->span_ends[high];
        reach->span_begins[low] = high_end < columns ? columns - high_end : 0;
        reach->span_ends[low] = columns - high_begin;
        reach->span_begins[high] = end < columns ? columns - end : 0;
        reach->span_ends[high] = columns - begin;
    }
    *out_begins = reach->span_begins;
    *out_ends = reach->span_ends;
}

/* The first column whose last row has the score, 0 included. */
static tal_status find_column(const tal_wave *waves, tal_wave_memory *memory,
                              const tal_trace_job *job, tal_wave_border border, int32_t columns,
                              int32_t *out_column)
{
    const bool is_backward = border == TAL_WAVE_BORDER_GLOBAL;
    const int32_t rows = job->query_len;
    tal_width width = TAL_WIDTH_16;
    if (job->score > SCORE_MAX_16 || !tal_wave_fits_16(border, job->gaps, PAIR_MIN, rows, columns))
        width = TAL_WIDTH_32;
    tal_wave_job pass;
    for (;; width = TAL_WIDTH_32) {
        const tal_wave_block block = {
            .border = border, .width = width, .row_count = rows, .column_end = columns};
        tal_status status = begin_pass(memory, job, block, is_backward, &pass);
        if (status != TAL_OK)
            return status;
        waves[width].score(&pass);
        if (width == TAL_WIDTH_32 || pass.peak < INT16_MAX)
            break;
    }
    int32_t column = 0;
    while (column < columns && tal_wave_value(pass.row_h, width, column) != job->score)
        column++;
    TAL_ASSERT(tal_wave_value(pass.row_h, width, column) == job->score);
    *out_column = column;
    return TAL_OK;
}

static tal_status find_semiglobal(const tal_wave *waves, tal_wave_memory *memory,
                                  const tal_trace_job *job, tal_alignment *out)
{
    int32_t end = 0, back = 0;
    tal_status status = TAL_OK;
    if (job->ref_len > 0)
        status = find_column(waves, memory, job, TAL_WAVE_BORDER_SEMIGLOBAL, job->ref_len, &end);
    if (status == TAL_OK && end > 0)
        status = find_column(waves, memory, job, TAL_WAVE_BORDER_GLOBAL, end, &back);
    if (status != TAL_OK)
        return status;
    out->ref_end = end;
    out->ref_begin = end - back;
    out->query_end = job->query_len;
    return TAL_OK;
}

tal_status tal_trace_wave_find(const tal_wave *waves, tal_trace_wave_memory *memory,
                               const tal_trace_job *job, tal_alignment *out_alignment)
{
    switch (job->mode) {
    case TAL_LOCAL:
        return find_local(waves, memory, job, out_alignment);
    case TAL_SEMIGLOBAL:
        return job->query_len > 0 ? find_semiglobal(waves, &memory->wave, job, out_alignment)
                                  : TAL_OK;
    default:
        out_alignment->query_end = job->query_len;
        out_alignment->ref_end = job->ref_len;
        return TAL_OK;
    }
}

tal_wave_box tal_trace_wave_box(const tal_wave *waves, const tal_trace_job *job,
                                const tal_alignment *alignment)
{
    const bool is_local = job->mode == TAL_LOCAL;
    tal_wave_box box = {
        .border = is_local ? TAL_WAVE_BORDER_LOCAL : TAL_WAVE_BORDER_GLOBAL,
        .gaps = job->gaps,
        .profile = job->profile + (size_t)alignment->query_begin * TAL_PROFILE_STRIDE,
        .query = job->query + alignment->query_begin,
        .ref = job->ref + alignment->ref_begin,
        .query_len = alignment->query_end - alignment->query_begin,
        .ref_len = alignment->ref_end - alignment->ref_begin,
    };
    bool is_narrow = job->score <= (is_local ? LOCAL_MAX_16 : SCORE_MAX_16) &&
                     tal_wave_fits_16(box.border, job->gaps, PAIR_MIN, box.query_len, box.ref_len);
    box.width = is_narrow ? TAL_WIDTH_16 : TAL_WIDTH_32;
    box.wave = &waves[box.width];
    return box;
}
