/* The path through a box from the cells that may lie on it; see narrow_path.h.
 *
 * Strips of rows, each with the columns that its rows need together. What lies outside counts as 0,
 * the least that local alignment knows, so that no cell is overvalued. A cell on the canonical path
 * has its value by paths that are, continued as the canonical one is, best paths of the box: they
 * lie inside. So it has its true value, and each step into it that is as good as the best one is
 * seen to be; steps that are worse stay worse. The walk back takes the steps it would take in the
 * whole box (wave_path.c has why local borders do for that).
 */
#include "align/narrow_path.h"

#include "align/trace.h"
#include "base/check.h"

#include <string.h>

/* Rows [row_begin, + row_count) of the box and its columns [column_begin, column_end). */
typedef struct narrow_strip {
    int32_t row_begin, row_count, column_begin, column_end;
    uint64_t directions_at;
} narrow_strip;

void tal_narrow_memory_deinit(tal_narrow_memory *memory)
{
    tal_buffer_deinit(&memory->strips);
    tal_buffer_deinit(&memory->rows);
}

static const narrow_strip *strips_of(const tal_narrow_memory *memory)
{
    return (const narrow_strip *)(const void *)memory->strips.data;
}

static uint64_t direction_bytes(const tal_wave_box *box, const narrow_strip *strip)
{
    return tal_wave_direction_bytes(box->wave, strip->row_count,
                                    strip->column_end - strip->column_begin);
}

tal_status tal_narrow_path_plan(const tal_wave_box *box, tal_narrow_memory *memory,
                                const int32_t *span_begins, const int32_t *span_ends,
                                uint64_t *out_bytes)
{
    TAL_ASSERT(box->border == TAL_WAVE_BORDER_LOCAL);
    *out_bytes = 0;
    tal_buffer_reset(&memory->strips);
    for (int32_t row = 0; row < box->query_len; row += box->wave->strip_rows) {
        const int32_t left = box->query_len - row;
        narrow_strip strip = {
            .row_begin = row,
            .row_count = left < box->wave->strip_rows ? left : box->wave->strip_rows,
            .column_begin = box->ref_len,
            .directions_at = *out_bytes,
        };
        for (int32_t i = row; i < row + strip.row_count; i++) {
            if (span_begins[i] < strip.column_begin)
                strip.column_begin = span_begins[i];
            if (span_ends[i] > strip.column_end)
                strip.column_end = span_ends[i];
        }
        TAL_ASSERT(strip.column_begin >= 0);
        TAL_ASSERT(strip.column_end <= box->ref_len);
        TAL_ASSERT(strip.column_begin < strip.column_end);
        *out_bytes += direction_bytes(box, &strip);
        tal_status status = tal_buffer_append(&memory->strips, &strip, sizeof(strip));
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

static size_t row_bytes(const tal_wave_box *box, const narrow_strip *strip)
{
    return ((size_t)(strip->column_end - strip->column_begin) + 1) *
           tal_wave_value_bytes(box->width);
}

/* Keep what the strip gives to the one below: H, then F, of the columns from its left border on. */
static tal_status keep_rows(const tal_wave_box *box, tal_narrow_memory *memory,
                            const narrow_strip *strip, const tal_wave_job *job)
{
    tal_buffer_reset(&memory->rows);
    tal_status status = tal_buffer_append(&memory->rows, job->row_h, row_bytes(box, strip));
    if (status == TAL_OK)
        status = tal_buffer_append(&memory->rows, job->row_f, row_bytes(box, strip));
    return status;
}

/* Take what the strip above gave, as far as it reaches; the rest stays what it is at the border. */
static void take_rows(const tal_wave_box *box, const tal_narrow_memory *memory,
                      const narrow_strip *above, const narrow_strip *strip, tal_wave_job *job)
{
    const size_t element = tal_wave_value_bytes(box->width);
    /* Columns from 1, the left border of the strip included. */
    int32_t begin = above->column_begin + 1, end = above->column_end + 1;
    begin = begin > strip->column_begin ? begin : strip->column_begin;
    end = end < strip->column_end + 1 ? end : strip->column_end + 1;
    if (begin >= end)
        return;
    const size_t bytes = (size_t)(end - begin) * element;
    const size_t from = (size_t)(begin - above->column_begin) * element;
    const size_t to = (size_t)(begin - strip->column_begin) * element;
    const uint8_t *rows = memory->rows.data;
    memcpy((uint8_t *)job->row_h + to, rows + from, bytes);
    memcpy((uint8_t *)job->row_f + to, rows + row_bytes(box, above) + from, bytes);
}

/* The directions of one strip; `above` is NULL for the first. */
static tal_status fill_strip(const tal_wave_box *box, tal_narrow_memory *memory,
                             tal_wave_memory *wave_memory, uint8_t *region,
                             const narrow_strip *above, const narrow_strip *strip)
{
    tal_wave_job job;
    const tal_wave_block block = {
        .border = box->border,
        .width = box->width,
        .gaps = box->gaps,
        .row_count = strip->row_count,
        .column_end = strip->column_end - strip->column_begin,
    };
    tal_status status = tal_wave_begin(wave_memory, &block, &job);
    if (status != TAL_OK)
        return status;
    job.profile = box->profile + (size_t)strip->row_begin * TAL_PROFILE_STRIDE;
    job.profile_step = TAL_PROFILE_STRIDE;
    job.letters = box->ref + strip->column_begin;
    job.letter_step = 1;
    job.directions = region + strip->directions_at;
    if (above != NULL)
        take_rows(box, memory, above, strip, &job);
    box->wave->directions(&job);
    TAL_ASSERT(box->width != TAL_WIDTH_16 || job.peak < INT16_MAX);
    return keep_rows(box, memory, strip, &job);
}

/* The direction bits of a cell of the box, from 0. */
static unsigned bits_at(const tal_wave_box *box, const tal_narrow_memory *memory,
                        const uint8_t *region, int32_t row, int32_t column)
{
    const narrow_strip *strip = &strips_of(memory)[row / box->wave->strip_rows];
    TAL_ASSERT(column >= strip->column_begin);
    TAL_ASSERT(column < strip->column_end);
    return region[strip->directions_at +
                  tal_wave_direction_at(box->wave, strip->row_count,
                                        strip->column_end - strip->column_begin,
                                        row - strip->row_begin, column - strip->column_begin)];
}

static tal_status walk_back(const tal_wave_box *box, const tal_narrow_memory *memory,
                            const uint8_t *region, tal_cigar *cigar)
{
    int32_t i = box->query_len, j = box->ref_len;
    enum { IN_H, IN_E, IN_F } state = IN_H;
    tal_status status = TAL_OK;
    while (status == TAL_OK && i > 0 && j > 0) {
        const unsigned bits = bits_at(box, memory, region, i - 1, j - 1);
        if ((state == IN_E && (bits & TAL_WAVE_E_EXTENDS) == 0) ||
            (state == IN_F && (bits & TAL_WAVE_F_EXTENDS) == 0))
            state = IN_H;
        if (state == IN_H && (bits & (TAL_WAVE_E | TAL_WAVE_F)) != 0)
            state = (bits & TAL_WAVE_E) != 0 ? IN_E : IN_F;
        uint32_t operation = state == IN_E ? TAL_CIGAR_DELETION : TAL_CIGAR_INSERTION;
        i -= state != IN_E;
        j -= state != IN_F;
        if (state == IN_H)
            operation = box->query[i] == box->ref[j] ? TAL_CIGAR_EQUAL : TAL_CIGAR_DIFF;
        status = tal_cigar_append(cigar, operation, 1);
    }
    TAL_ASSERT(status != TAL_OK || (i == 0 && j == 0));
    return status;
}

tal_status tal_narrow_path_walk(const tal_wave_box *box, tal_narrow_memory *memory,
                                tal_wave_memory *wave_memory, uint8_t *region, tal_cigar *cigar)
{
    const narrow_strip *strips = strips_of(memory);
    const size_t count = memory->strips.bytes / sizeof(*strips);
    tal_status status = TAL_OK;
    for (size_t i = 0; status == TAL_OK && i < count; i++)
        status = fill_strip(box, memory, wave_memory, region, i == 0 ? NULL : &strips[i - 1],
                            &strips[i]);
    return status == TAL_OK ? walk_back(box, memory, region, cigar) : status;
}
