/* Scores of a query against a batch, exact: 8 bit first, saturated lanes again wider. */
#ifndef TAL_ALIGN_LADDER_H
#define TAL_ALIGN_LADDER_H

#include "base/status.h"
#include "kernels/contract.h"
#include "kernels/table.h"
#include "score/matrix.h"
#include "score/stats.h"
#include "seq/seqset.h"

/* References side by side, ready for kernels; see kernels/contract.h. */
typedef struct tal_batch {
    tal_lid lids[TAL_BATCH_LANES]; /* lane -> sequence of the set it was filled from */
    int32_t lane_len[TAL_BATCH_LANES];
    int32_t lane_count;
    uint8_t *letters;
    size_t letters_capacity; /* bytes */
} tal_batch;

/* All zero is an empty batch. */
void tal_batch_deinit(tal_batch *batch);

/* Interleave `count` (1..64) sequences, longest first (asserted). Grows the memory when needed. */
tal_status tal_batch_fill(tal_batch *batch, const tal_seqset *set, const tal_lid *lids, int count);

/* What a ladder needs to know; the same for all workers, read-only. */
typedef struct tal_ladder {
    tal_kernel_table table;
    tal_mode mode;
    tal_gaps gaps;
    int score_max, score_min; /* of the matrix */
} tal_ladder;

/* One worker's memory and counts. */
typedef struct tal_ladder_scratch {
    void *memory;
    size_t bytes;
    tal_batch rescue;   /* flagged lanes gathered */
    uint64_t rescue_16; /* lanes rerun at 16 bit since the start */
    uint64_t rescue_32;
} tal_ladder_scratch;

void tal_ladder_scratch_deinit(tal_ladder_scratch *scratch);

/* Exact scores of all lanes. profile: query_len rows aligned to 64 bytes; out_scores: 64 entries.
 * Lanes of empty references and an empty query score 0 (local), or the cost of the gap that aligns
 * the other to nothing (global; semi-global when the query is not empty).
 * Threads: any, each with its own scratch. */
tal_status tal_ladder_score(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                            const int8_t *profile, int32_t query_len, const tal_seqset *set,
                            const tal_batch *batch, int32_t *out_scores);

/* The largest product of lengths and scores that 32 bit holds: false when a query and a reference
 * of these lengths might pass 2^30. */
bool tal_ladder_fits(const tal_ladder *ladder, int64_t query_len, int64_t ref_len);

#endif
