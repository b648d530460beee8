/* The memory and the borders of a wave kernel's job; see kernels/wave.h. */
#ifndef TAL_ALIGN_WAVE_H
#define TAL_ALIGN_WAVE_H

#include "base/status.h"
#include "kernels/wave.h"
#include "score/stats.h"

/* One worker's; all zero is none. */
typedef struct tal_wave_memory {
    void *memory;
    size_t bytes;
} tal_wave_memory;

void tal_wave_memory_deinit(tal_wave_memory *memory);

/* Where paths may begin. */
typedef enum tal_wave_border {
    TAL_WAVE_BORDER_LOCAL,      /* anywhere; kept 0 is the smallest value */
    TAL_WAVE_BORDER_GLOBAL,     /* the corner, along the border at the cost of a gap */
    TAL_WAVE_BORDER_SEMIGLOBAL, /* as global, but free along row 0 */
    TAL_WAVE_BORDER_CORNER,     /* the corner, and never with a gap */
} tal_wave_border;

typedef struct tal_wave_block {
    tal_wave_border border;
    tal_width width;
    tal_gaps gaps;
    int32_t row_count;
    int32_t column_begin, column_end; /* columns (begin, end], counted from 1 */
} tal_wave_block;

/* Set up everything of a job but profile, letters and what a kind needs alone: arrays in `memory`
 * with the borders of the block; the left ones are right when the block begins at column 0 and
 * otherwise the caller's. Values that do not fit are clamped to the smallest. Valid until the next
 * call with this memory. */
tal_status tal_wave_begin(tal_wave_memory *memory, const tal_wave_block *block,
                          tal_wave_job *out_job);

/* Whether 16 bit hold every H from below: of a whole block of these lengths that no pair scores
 * below `score_min` in. Local: always. */
bool tal_wave_fits_16(tal_wave_border border, tal_gaps gaps, int32_t score_min, int64_t row_count,
                      int64_t column_count);

/* How local alignment of this width keeps 0. */
static inline int32_t tal_wave_zero(tal_width width)
{
    return width == TAL_WIDTH_16 ? INT16_MIN : 0;
}

/* Value i of an array. */
static inline int32_t tal_wave_value(const void *array, tal_width width, int32_t i)
{
    return width == TAL_WIDTH_16 ? ((const int16_t *)array)[i] : ((const int32_t *)array)[i];
}

static inline size_t tal_wave_value_bytes(tal_width width)
{
    return width == TAL_WIDTH_16 ? sizeof(int16_t) : sizeof(int32_t);
}

#endif
