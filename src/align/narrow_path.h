/* The canonical path through a box, as wave_path.h, from those cells only that may lie on it. */
#ifndef TAL_ALIGN_NARROW_PATH_H
#define TAL_ALIGN_NARROW_PATH_H

#include "align/wave_path.h"
#include "base/buffer.h"

/* One worker's memory; all zero is none. */
typedef struct tal_narrow_memory {
    tal_buffer strips, rows;
} tal_narrow_memory;

void tal_narrow_memory_deinit(tal_narrow_memory *memory);

/* Plan for a local box. All paths of its score from its begin to its end keep to the columns
 * [span_begins[i], span_ends[i]), from 0, of each row i of the box. *out_bytes: the region that its
 * directions take. TAL_ERR_MEMORY. */
tal_status tal_narrow_path_plan(const tal_wave_box *box, tal_narrow_memory *memory,
                                const int32_t *span_begins, const int32_t *span_ends,
                                uint64_t *out_bytes);

/* Append the path of the box that was planned for to `cigar`, from its end to its begin.
 * TAL_ERR_MEMORY. */
tal_status tal_narrow_path_walk(const tal_wave_box *box, tal_narrow_memory *memory,
                                tal_wave_memory *wave_memory, uint8_t *region, tal_cigar *cigar);

#endif
