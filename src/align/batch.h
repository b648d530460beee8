/* References side by side, ready for kernels; see kernels/contract.h. */
#ifndef TAL_ALIGN_BATCH_H
#define TAL_ALIGN_BATCH_H

#include "base/status.h"
#include "kernels/contract.h"
#include "seq/seqset.h"

typedef struct tal_batch {
    tal_lid lids[TAL_BATCH_LANES]; /* lane -> sequence of the set it was filled from */
    int32_t lane_len[TAL_BATCH_LANES];
    int32_t lane_count;
    uint8_t *letters;
    size_t letters_capacity; /* bytes */
} tal_batch;

/* All zero is an empty batch. */
void tal_batch_deinit(tal_batch *batch);

/* Interleave `count` (1..64) sequences, longest first (asserted); `lids` may point into
 * batch->lids. Grows the memory when needed; on failure the batch is empty. Cost: O(64 * longest).
 */
tal_status tal_batch_fill(tal_batch *batch, const tal_seqset *set, const tal_lid *lids, int count);

#endif
