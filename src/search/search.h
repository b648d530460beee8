/* Exact or filtered search of query blocks against this rank's references: the pipeline of one
 * block.
 *
 * Score every pair (filtered: every pair whose gapless score reaches a cut), keep each query's best
 * over all ranks, trace those on the rank that holds the reference, and hand every hit to the rank
 * that owns its query. The result does not depend on the number of ranks and threads, the
 * instruction set, or how queries are cut into blocks.
 */
#ifndef TAL_SEARCH_SEARCH_H
#define TAL_SEARCH_SEARCH_H

#include "base/cpu.h"
#include "comm/comm.h"
#include "device/device.h"
#include "kernels/contract.h"
#include "par/accum.h"
#include "par/team.h"
#include "score/composition.h"
#include "score/matrix.h"
#include "score/stats.h"
#include "search/expand.h"
#include "search/hit.h"
#include "search/mirror.h"
#include "search/tiles.h"
#include "seq/seqset.h"

/* Counters of a search; a histogram bin for every full score from 0, the last one for all above. */
enum {
    TAL_COUNT_PAIRS = 0,    /* query strand x reference, both not empty */
    TAL_COUNT_CELLS,        /* query residues x reference residues of these pairs */
    TAL_COUNT_SCORED_PAIRS, /* pairs and cells scored in full: all, or those that passed the filter
                             */
    TAL_COUNT_SCORED_CELLS,
    TAL_COUNT_CANDIDATES,     /* pairs that passed the score and E-value cut */
    TAL_COUNT_HITS,           /* alignments reported */
    TAL_COUNT_RESCUE_16,      /* pairs computed again with 16 bits */
    TAL_COUNT_RESCUE_32,      /* pairs computed again with 32 bits */
    TAL_COUNT_DEVICE_CELLS,   /* cells that a device computed, of all cells */
    TAL_COUNT_MIRRORED_PAIRS, /* pairs and cells not scored: as the other way round (mirror.h) */
    TAL_COUNT_MIRRORED_CELLS,
    TAL_COUNT_QUERY_RESIDUES,
    TAL_COUNT_EXPANDED_CLUSTERS, /* query x cluster that were expanded */
    TAL_COUNT_EXPANDED_PAIRS,    /* of the pairs and cells: with members */
    TAL_COUNT_EXPANDED_CELLS,
    TAL_COUNT_ALIGNED_COLUMNS, /* of the alignments reported */
    TAL_COUNT_HISTOGRAM,
    TAL_HISTOGRAM_BINS = 1024,
    TAL_COUNT_COUNT = TAL_COUNT_HISTOGRAM + TAL_HISTOGRAM_BINS,
};

/* What is done about sequences that are not made like the average protein. */
typedef enum tal_composition_mode {
    TAL_COMPOSITION_NONE = 0,
    TAL_COMPOSITION_BIAS,   /* the query's profile is corrected (score/bias.h) */
    TAL_COMPOSITION_ADJUST, /* lambda is scaled for each pair (score/composition.h): the score
                               stays, bits and E-value, and so what is reported, change */
} tal_composition_mode;

/* Reversed references take off what is above the score that a pair has by chance once in so many;
 * see significance.c. */
#define TAL_REVERSED_EVALUE 0.05

/* The filter_share at which 99 % of the hits at E <= 0.001 are found. */
#define TAL_FILTER_SHARE_DEFAULT 0.53

typedef struct tal_search_params {
    tal_isa isa;
    tal_mode mode;
    const tal_matrix *matrix;
    tal_gaps gaps;
    tal_stats stats;
    tal_composition_mode composition; /* proteins; ADJUST needs stats.is_known and `scaling` */
    tal_scaling scaling;
    bool has_reversed_null; /* E-values by the reversed-sequence null model; proteins, local, needs
                               stats.is_known */
    double evalue;          /* largest E-value reported; INFINITY: no cut (needed when !is_known) */
    int32_t score_min;      /* smallest score reported; INT32_MIN: no cut */
    /* Filtered: score in full only pairs whose gapless score (kernels/contract.h) reaches
     * filter_cut, or when that is negative, tal_stats_filter_score of `evalue` and filter_share;
     * local only. Cuts above TAL_GAPLESS_SCORE_MAX count as that. */
    bool is_filtered;
    int32_t filter_cut;
    double filter_share;
    uint64_t hit_limit;       /* best hits kept per query; 0: all */
    bool has_plus, has_minus; /* strands of the query to search; protein: plus */
    uint64_t residue_count;   /* of the whole reference set */
    uint64_t sequence_count;
    uint64_t len_max;
    /* Ranks that are done help others (tiles.h): needs run_begin, runs of the references that are
     * each sorted by length, TAL_TILE_RUNS + 1 entries as tal_seqset_sort_runs gives them; or that
     * the references are on disk: in `spill`, the set given being empty. The same on all ranks but
     * for the contents; views. */
    bool has_sharing;
    const tal_lid *run_begin;
    tal_spill *spill;
    bool is_other_first; /* for tests: others' tiles before one's own */
    double slow_down;    /* for tests: this rank takes so many times as long; 0, 1: it does not */
    /* The queries are the references, in the same order and masked alike, and scores are symmetric:
     * each pair is scored once (mirror.h). Exact, local, in memory, no device on any rank. */
    bool is_mirrored;
    /* Give to tal_search_add_mirrors this rank's share of what tal_search_mirrors left, on any
     * rank, after earlier blocks, for the queries [query_begin, query_end). NULL: nothing. */
    tal_status (*read_mirrors)(void *context, tal_search *search, tal_gid query_begin,
                               tal_gid query_end);
    void *mirror_context;
    size_t trace_bytes;             /* memory of one worker's traceback */
    const tal_expansion *expansion; /* the references stand for others; not filtered. NULL: they do
                                     * not. A view */
    tal_device *device;    /* computes beside the team; NULL: none. A view, ours while we live */
    uint32_t device_batch; /* references of one batch of the device; >= 1 */
    /* Called by worker 0 of rank 0 now and then, with the share of the block done; may be NULL. */
    void (*progress)(void *context, double share);
    void *progress_context;
} tal_search_params;

/* Seconds this rank spent, since creation. */
typedef struct tal_search_times {
    double score, wait, trace, exchange;
} tal_search_times;

/* Views params->matrix and references. Collective; not agreed. */
tal_status tal_search_create(tal_comm *comm, tal_team *team, const tal_search_params *params,
                             const tal_seqset *references, tal_search **out_search);
/* Accepts NULL on all ranks alike. Collective. */
void tal_search_destroy(tal_search *search);

/* Search one block: the hits of the queries this rank owns, a contiguous run that rises with rank.
 * Query gids are kept in the hits. Views, valid until the next block. Collective; agreed status. */
tal_status tal_search_block(tal_search *search, const tal_seqset *queries,
                            tal_block_hits *out_hits);

/* For read_mirrors only. */
tal_status tal_search_add_mirrors(tal_search *search, const tal_mirror *records, size_t count);

/* What the last block found for later ones, this rank's part, in order. A view, valid until the
 * next block. */
const tal_mirror *tal_search_mirrors(const tal_search *search, size_t *out_count);

/* out_values has TAL_COUNT_COUNT entries: this rank's sums. */
void tal_search_counts(const tal_search *search, uint64_t *out_values);

tal_tiles_counts tal_search_tiles(const tal_search *search);

tal_search_times tal_search_times_get(const tal_search *search);

#endif
