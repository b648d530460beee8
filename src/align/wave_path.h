/* The canonical path through a box, as path.h, by wave kernels. */
#ifndef TAL_ALIGN_WAVE_PATH_H
#define TAL_ALIGN_WAVE_PATH_H

#include "align/cigar.h"
#include "align/wave.h"

typedef struct tal_wave_box {
    const tal_wave *wave;
    tal_width width;
    tal_wave_border border; /* local: the box is that of the canonical begin and end */
    tal_gaps gaps;
    const int8_t *profile;      /* of the box's first row */
    const uint8_t *query, *ref; /* codes from the box's first row and column on */
    int32_t query_len, ref_len; /* of the box */
} tal_wave_box;

/* The region that a box can use, at most `limit` bytes; 0 when it cannot do with that. */
uint64_t tal_wave_path_bytes(const tal_wave_box *box, uint64_t limit);

/* Append the path to `cigar` from its end to its begin, in a region of tal_wave_path_bytes.
 * *out_is_saturated: cells have passed 16 bit and the path is not to be used; never when the border
 * is local and the best score fits. */
tal_status tal_wave_path_walk(const tal_wave_box *box, tal_wave_memory *memory, uint8_t *region,
                              size_t region_bytes, tal_cigar *cigar, bool *out_is_saturated);

#endif
