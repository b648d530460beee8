/* What passes over a pair of sequences may leave out, because no alignment of a score runs there.
 *
 * A path that is to score `least` must have at each cell what the residues behind it cannot bring:
 * at most the best that each row, or each column, can score. And a path that is sought backward
 * from its end, of a score that is known, must have what the rows before it cannot bring: at most
 * the best that the pass forward has seen in any of them.
 */
#ifndef TAL_ALIGN_REACH_H
#define TAL_ALIGN_REACH_H

#include "base/status.h"
#include "kernels/wave.h"

/* One worker's; all zero is none. */
typedef struct tal_reach_memory {
    int32_t *values;
    size_t capacity;
    tal_wave_reach reach; /* of the last call */
    int32_t *row_peaks;   /* forward: room for those of a pass */
} tal_reach_memory;

void tal_reach_memory_deinit(tal_reach_memory *memory);

/* The reach of a pass forward, of local alignment, that looks for a score of `least` (at least 1)
 * or more; `zero` is how its kernel keeps 0. fresh_rows may be 0: there is no such score. Lengths
 * are at least 1. TAL_ERR_MEMORY. */
tal_status tal_reach_forward(tal_reach_memory *memory, const int8_t *profile, int32_t query_len,
                             const uint8_t *ref, int32_t ref_len, int32_t least, int32_t zero);

/* The reach of a pass backward from the end of an alignment of `score`, which spans the rows before
 * `query_end`. row_bests: the best score that any alignment has in each row, as far as it may be
 * continued by this one; NULL: not known. Spans will be noted. TAL_ERR_MEMORY. */
tal_status tal_reach_backward(tal_reach_memory *memory, const int32_t *row_bests, int32_t query_end,
                              int32_t score);

#endif
