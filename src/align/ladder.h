/* Scores of a query against a batch, exact: 8 bit first, saturated lanes again wider. */
#ifndef TAL_ALIGN_LADDER_H
#define TAL_ALIGN_LADDER_H

#include "align/batch.h"
#include "align/reach.h"
#include "align/wave.h"
#include "base/status.h"
#include "kernels/contract.h"
#include "kernels/table.h"
#include "score/matrix.h"
#include "score/stats.h"
#include "seq/seqset.h"

/* What a ladder needs to know; the same for all workers, read-only. Gap costs as tal_gaps_check
 * accepts them. */
typedef struct tal_ladder {
    tal_kernel_table table;
    tal_mode mode;
    tal_gaps gaps;
    int score_max, score_min; /* no profile of a query scores outside [score_min, score_max] */
} tal_ladder;

/* One worker's memory and counts. */
typedef struct tal_ladder_scratch {
    void *memory; /* of the kernels */
    size_t bytes;
    tal_batch rescue;     /* flagged lanes gathered */
    tal_wave_memory wave; /* of lanes that are scored as pairs */
    tal_reach_memory reach;
    uint64_t rescue_16; /* lanes rerun at 16 bit since the start */
    uint64_t rescue_32;
} tal_ladder_scratch;

void tal_ladder_scratch_deinit(tal_ladder_scratch *scratch);

/* What work costs: cells of a batch, pads and unused lanes included, against cells of a pair on its
 * own (kernels/wave.h). Measured, see docs/performance.md; they decide the speed only. */
typedef struct tal_ladder_rates {
    uint32_t lanes;     /* references of a vector */
    uint32_t pair_cost; /* of a cell of a pair, in TAL_LADDER_COST_UNIT-th cells; 0: never pairs */
} tal_ladder_rates;

enum {
    TAL_LADDER_COST_UNIT = 16,
    TAL_LADDER_PAIR_COLUMNS = 160, /* what a pair costs beside its columns */
};

/* Those of the first rung. */
tal_ladder_rates tal_ladder_rates_of(const tal_ladder *ladder);

/* The cost of a reference scored on its own, for each query residue; a batch's is
 * TAL_LADDER_COST_UNIT for each of `lanes` lanes and column of its longest. */
static inline uint64_t tal_ladder_pair_cost(tal_ladder_rates rates, int32_t ref_len)
{
    return ((uint64_t)ref_len + TAL_LADDER_PAIR_COLUMNS) * rates.pair_cost;
}

/* Exact scores of all lanes. profile: query_len >= 0 rows aligned to 64 bytes; out_scores: 64
 * entries aligned to nothing, those from lane_count on stay as they are; `set` is the one the batch
 * was filled from.
 * Lanes of empty references and an empty query score 0 (local), or the cost of the gap that aligns
 * the other to nothing (global; semi-global when the query is not empty).
 * The first rung is the narrowest width whose preconditions (kernels/contract.h) the gap costs and
 * lengths are proven to meet; lanes it flags are gathered and run again on the next one. A rung
 * that costs less lane by lane is taken so: one long reference, or few. What it counts is the same.
 * TAL_ERR_DATA when the longest lane does not fit (tal_ladder_fits), TAL_ERR_MEMORY.
 * Threads: any, each with its own scratch. */
tal_status tal_ladder_score(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                            const int8_t *profile, int32_t query_len, const tal_seqset *set,
                            const tal_batch *batch, int32_t *out_scores);

/* The best local score of one pair. */
typedef struct tal_ladder_peak {
    int32_t score;
    int32_t query_end, ref_end; /* of the canonical alignment (align/trace.h); 0: not known, the
                                   reference is very long */
    /* What traceback wants to know (tal_trace_job), of each query position; the scratch's, until
     * its next call. NULL where the end is not known. */
    const int32_t *row_bests;
} tal_ladder_peak;

/* Find it, exactly, or see that it is less than `least`: then the score is some smaller one, and
 * nothing else is known. The larger `least`, the less it costs. Mode local, lengths >= 1; profile,
 * limits and failures as above, but the caller has asked tal_ladder_fits. */
tal_status tal_ladder_find_peak(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                                const int8_t *profile, int32_t query_len, const uint8_t *ref,
                                int32_t ref_len, int32_t least, tal_ladder_peak *out_peak);

/* Gapless scores (kernels/contract.h) of all lanes, 0..TAL_GAPLESS_SCORE_MAX: what filters ask for.
 * Same arguments; never fails but for memory. */
tal_status tal_ladder_gapless(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                              const int8_t *profile, int32_t query_len, const tal_batch *batch,
                              int32_t *out_scores);

/* Whether 32 bit holds every value: false when a query and a reference of these lengths might pass
 * 2^30 in either direction. */
bool tal_ladder_fits(const tal_ladder *ladder, int64_t query_len, int64_t ref_len);

#endif
