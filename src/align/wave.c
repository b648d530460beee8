/* Memory and borders of wave jobs; see wave.h. */
#include "align/wave.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

void tal_wave_memory_deinit(tal_wave_memory *memory)
{
    tal_free(memory->memory);
    *memory = (tal_wave_memory){0};
}

/* Write first, first - step, ... but nothing below what the width keeps. */
static void fill(void *array, tal_width width, int32_t count, int64_t first, int64_t step)
{
    const int64_t low = width == TAL_WIDTH_16 ? INT16_MIN : TAL_WAVE_DEAD;
    int16_t *narrow = array;
    int32_t *wide = array;
    if (first < low)
        first = low;
    if (step == 0 || first == low) {
        for (int32_t i = 0; width == TAL_WIDTH_16 && i < count; i++)
            narrow[i] = (int16_t)first;
        for (int32_t i = 0; width == TAL_WIDTH_32 && i < count; i++)
            wide[i] = (int32_t)first;
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        int64_t value = first - i * step;
        value = value < low ? low : value;
        if (width == TAL_WIDTH_16)
            narrow[i] = (int16_t)value;
        else
            wide[i] = (int32_t)value;
    }
}

/* Lay the arrays one after the other, each on a line of its own. */
static tal_status lay_out(tal_wave_memory *memory, const tal_wave_block *block,
                          tal_wave_job *out_job)
{
    const size_t element = tal_wave_value_bytes(block->width);
    const size_t rows = (size_t)block->row_count + TAL_WAVE_PAD;
    const size_t columns = (size_t)(block->column_end - block->column_begin) + 1 + 2 * TAL_WAVE_PAD;
    const size_t left_bytes = (rows * element + 63) / 64 * 64;
    const size_t row_bytes = (columns * element + 63) / 64 * 64;
    const size_t bytes = TAL_WAVE_SCRATCH_BYTES + 2 * left_bytes + 2 * row_bytes;
    if (bytes > memory->bytes) {
        tal_wave_memory_deinit(memory);
        memory->memory = tal_alloc_vector(bytes);
        if (memory->memory == NULL)
            return TAL_ERR_MEMORY;
        memory->bytes = bytes;
    }
    uint8_t *at = memory->memory;
    *out_job = (tal_wave_job){.scratch = at};
    at += TAL_WAVE_SCRATCH_BYTES;
    out_job->left_h = at;
    out_job->left_e = at + left_bytes;
    at += 2 * left_bytes + TAL_WAVE_PAD * element;
    out_job->row_h = at;
    out_job->row_f = at + row_bytes;
    return TAL_OK;
}

tal_status tal_wave_begin(tal_wave_memory *memory, const tal_wave_block *block,
                          tal_wave_job *out_job)
{
    TAL_ASSERT(block->row_count >= 1);
    TAL_ASSERT(block->column_end > block->column_begin);
    tal_wave_job job;
    tal_status status = lay_out(memory, block, &job);
    if (status != TAL_OK)
        return status;
    const tal_width width = block->width;
    const int64_t open = block->gaps.open, extend = block->gaps.extend, begin = block->column_begin;
    const int32_t rows = block->row_count, columns = block->column_end - block->column_begin;
    const int64_t zero = block->border == TAL_WAVE_BORDER_LOCAL ? tal_wave_zero(width) : 0;
    const int64_t dead = INT64_MIN / 2;
    const bool is_corner = block->border == TAL_WAVE_BORDER_CORNER;
    const bool has_row = block->border == TAL_WAVE_BORDER_GLOBAL;
    const bool has_left = has_row || block->border == TAL_WAVE_BORDER_SEMIGLOBAL;
    /* H(i,0) and H(0,j) from 1 on. */
    const int64_t left = is_corner ? dead : has_left ? -open - extend : zero;
    const int64_t row = is_corner ? dead : has_row ? -open - (begin + 1) * extend : zero;
    fill(job.left_h, width, rows, left, has_left ? extend : 0);
    fill(job.left_e, width, rows, left - open - extend, has_left ? extend : 0);
    fill(job.row_h, width, 1, begin == 0 ? zero : row + (has_row ? extend : 0), 0);
    size_t one = tal_wave_value_bytes(width);
    fill((uint8_t *)job.row_h + one, width, columns, row, has_row ? extend : 0);
    fill((uint8_t *)job.row_f + one, width, columns, row - open - extend, has_row ? extend : 0);
    job.row_count = rows;
    job.column_count = columns;
    job.gap_open = block->gaps.open;
    job.gap_extend = block->gaps.extend;
    job.floor = block->border == TAL_WAVE_BORDER_LOCAL ? 0 : TAL_WAVE_DEAD;
    *out_job = job;
    return TAL_OK;
}

bool tal_wave_fits_16(tal_wave_border border, tal_gaps gaps, int32_t score_min, int64_t row_count,
                      int64_t column_count)
{
    if (border == TAL_WAVE_BORDER_LOCAL)
        return true;
    int64_t longer = row_count < column_count ? column_count : row_count;
    int64_t shorter = row_count < column_count ? row_count : column_count;
    int64_t lowest = -gaps.open - row_count * gaps.extend;
    if (border != TAL_WAVE_BORDER_SEMIGLOBAL) {
        lowest -= gaps.open + column_count * gaps.extend;
        int64_t by_pairs = (score_min < 0 ? shorter * score_min : 0) - gaps.open;
        by_pairs -= longer * gaps.extend;
        lowest = by_pairs > lowest ? by_pairs : lowest;
    }
    return lowest >= INT16_MIN + 127 + gaps.open + gaps.extend;
}
