/* What the phases of a block share. */
#ifndef TAL_SEARCH_SEARCH_INTERNAL_H
#define TAL_SEARCH_SEARCH_INTERNAL_H

#include "align/ladder.h"
#include "align/trace.h"
#include "base/buffer.h"
#include "search/candidates.h"
#include "search/codec.h"
#include "search/device_pass.h"
#include "search/mirror.h"
#include "search/pending.h"
#include "search/plan.h"
#include "search/search.h"

/* A query's profiles: one per strand searched. */
typedef struct tal_query_view {
    const int8_t *profile[2];    /* plus, minus; NULL when not searched */
    tal_composition composition; /* masked residues do not count; proteins */
    const uint8_t *codes[2];     /* not masked; what is scored are profiles */
} tal_query_view;

/* The second pass of an expanded search (expand.c). */
typedef struct tal_expander tal_expander;

/* One worker's own memory. */
typedef struct tal_search_worker {
    _Alignas(TAL_LINE_BYTES) tal_batch batch;
    tal_lid batch_first; /* which references are in `batch`: order[batch_first, ...) */
    bool has_batch;
    double filter_parts[TAL_BATCH_LANES]; /* the batch's parts of the filter's cut, by lane */
    tal_batch gathered;                   /* references of many batches that passed the filter */
    tal_ladder_scratch ladder;
    tal_tracer *tracer;
    tal_buffer letters;    /* of a reference: as they were before masking, or reversed */
    tal_buffer traced;     /* encoded hits: tal_hit, CIGAR runs, letters, padded to 8 bytes */
    uint64_t *histogram;   /* TAL_HISTOGRAM_BINS, of the current item */
    tal_buffer mirrored;   /* tal_mirror, of the current block */
    size_t mirrored_bound; /* bytes; above: cut to the best */
} tal_search_worker;

struct tal_search {
    tal_comm *comm;
    tal_team *team;
    tal_search_params params;
    tal_ladder ladder;
    /* What is scored now: this rank's references, or some of them, or some of another rank's. */
    const tal_seqset *references;
    const tal_lid *order; /* references, longest first, without empty ones */
    tal_lid order_count, pair_count;
    uint32_t holder;
    const tal_lid *holder_lids; /* NULL: as here */
    /* All of this rank's. */
    const tal_seqset *own_references;
    tal_lid *own_order;
    tal_lid own_order_count, own_pair_count;
    tal_tiles *tiles;
    tal_search_worker *workers;
    tal_accum *accum;
    tal_candidates *candidates;   /* expanded: a view of the expander's */
    tal_device_pass *device_pass; /* NULL: no device */
    tal_pending *pending;         /* filtered and expanded only */
    tal_expander *expander;       /* NULL: not expanded */
    bool is_relaxed;              /* first pass of an expanded search */
    tal_mirrors *mirrors;         /* NULL: each pair is scored as often as it is asked for */
    tal_search_times times;

    /* The current block. */
    const tal_seqset *queries;
    tal_query_view *views;
    tal_lid view_capacity;
    int8_t *profiles;
    uint8_t *codes;          /* of all strands: as they were before masking, and as scored */
    size_t profile_capacity; /* rows */
    double *filter_cuts;     /* the queries' parts of the filter's cut; filtered only */
    uint64_t *query_hits;    /* hits of each query over all ranks, after selection; one more: those
                              * that were found elsewhere than where their reference is */
    tal_buffer moved;        /* tal_moved_candidate: found by others in this rank's references */
    tal_buffer received;     /* encoded hits of the queries this rank owns */
    tal_hit_rows rows;       /* the same, in order */
};

/* A candidate on its way to the rank that holds its reference. */
typedef struct tal_moved_candidate {
    tal_candidate candidate;
    uint64_t query; /* in the block */
} tal_moved_candidate;
_Static_assert(sizeof(tal_moved_candidate) == 32, "candidates cross ranks as bytes: no padding");

/* What an item of work counts before it goes into the worker's counters. */
typedef struct tal_tally {
    uint64_t pairs, cells;                   /* of the search */
    uint64_t scored_pairs, scored_cells;     /* scored in full */
    uint64_t mirrored_pairs, mirrored_cells; /* of the search, not scored */
    uint64_t candidates;
} tal_tally;

/* Profiles of all queries and strands. */
tal_status tal_search_prepare(tal_search *search);

/* Score all pairs; candidates hold this rank's best of each query. */
tal_status tal_search_score(tal_search *search);

/* How many of the longest references of what is scored now are scored one at a time; see plan.h. */
tal_lid tal_search_pair_count(const tal_search *search);

/* Score this view from now on; NULL: all of this rank's references. */
void tal_search_use(tal_search *search, const tal_tile_view *view);

/* What E-values of this query refer to. */
tal_search_space tal_search_space_of(const tal_search *search, tal_lid query);

/* What scoring a reversed reference takes: the caller's alone, all zero at first. */
typedef struct tal_search_scratch {
    tal_ladder_scratch *ladder; /* its counts stay as they are */
    tal_buffer *letters;
} tal_search_scratch;

/* A worker's. */
tal_search_scratch tal_search_scratch_of(tal_search_worker *own);

/* The score that a pair's bits and E-value are of: scaled where composition is adjusted for, less
 * what the reversed reference scores beyond chance. TAL_ERR_MEMORY. Threads: any. */
tal_status tal_search_scale(const tal_search *search, const tal_search_scratch *scratch,
                            tal_lid query, tal_lid lid, int32_t score, double *out_scaled);

/* Whether a score that passes the cut unscaled passes it scaled: then the pair is reported if it is
 * among the best. A scaled score is never larger, so that no other passes. Relaxed searches do not
 * look at reversed references. TAL_ERR_MEMORY. Threads: any. */
tal_status tal_search_find_significance(const tal_search *search, const tal_search_scratch *scratch,
                                        tal_lid query, tal_lid lid, int32_t score,
                                        bool *out_is_significant);

/* The same for a pair whose reference `lid` is the query and whose query is the reference. */
tal_status tal_search_find_mirror_significance(const tal_search *search,
                                               const tal_search_scratch *scratch, tal_lid query,
                                               tal_lid lid, int32_t score,
                                               bool *out_is_significant);

/* Make a pair a candidate if its score passes the cuts; counts it in *candidate_count. Threads:
 * any. */
tal_status tal_search_enter(tal_search *search, const tal_search_scratch *scratch, tal_lid query,
                            int strand, tal_lid lid, int32_t score, uint64_t *candidate_count);

/* The shortest and the longest reference of a batch, at least 1. Threads: any. */
void tal_search_find_lengths(const tal_batch *batch, int32_t *out_min, int32_t *out_max);

/* The score that the cuts are applied to: a larger one while a search is relaxed. Threads: any. */
int32_t tal_search_tested(const tal_search *search, int32_t score);

/* Score a batch against a query and strand in full and enter the lanes of the mask `lanes` that
 * pass the cuts. */
tal_status tal_search_score_lanes(tal_search *search, tal_search_worker *own,
                                  const tal_batch *batch, tal_lid query, int strand, uint64_t lanes,
                                  tal_tally *tally);

/* Add a tally and what the worker counted besides to its padded counters: once per item. */
void tal_search_count(tal_search *search, int worker, const tal_tally *tally);

/* The filter (filter.c): once per block; once for each batch the worker fills; this batch against
 * one query and strand; and, after all of them, the pairs still waiting to be scored in full. */
tal_status tal_filter_begin(tal_search *search);
void tal_filter_begin_batch(const tal_search *search, tal_search_worker *own);
tal_status tal_filter_score(tal_search *search, tal_search_worker *own, tal_lid query, int strand,
                            tal_tally *tally);
tal_status tal_filter_end(tal_search *search);

/* Score up to 64 references for a query and strand in full, from whatever batches; and those that
 * still wait in the lists of search->pending. */
tal_status tal_search_score_gathered(tal_search *search, tal_search_worker *own, tal_lid query,
                                     int strand, const tal_lid *lids, int count, tal_tally *tally);
tal_status tal_search_score_pending(tal_search *search);

/* Expanded searches. Widens the strands that are scored. */
tal_status tal_expander_create(tal_search *search, tal_expander **out_expander);
/* Accepts NULL. */
void tal_expander_destroy(tal_expander *expander);
/* Before the first pass: its table of candidates, its cut. */
void tal_expand_begin(tal_search *search);
/* After it: candidates are then those of representatives and members by the cuts asked for.
 * Collective; agreed status. */
tal_status tal_expand_score(tal_search *search);
/* Trace the members among the candidates. Collective; agreed status. */
tal_status tal_expand_trace(tal_search *search);
/* Where the member at this place among candidates is in memory; UINT32_MAX: it is not, or this is a
 * representative. */
tal_lid tal_expand_find(const tal_search *search, tal_lid lid);

/* Whether a pair of this gapless score passes (a device's score: whether it may pass); the smallest
 * score with which any reference of at least ref_len residues might. Threads: any. */
bool tal_filter_passes(const tal_search *search, tal_lid query, tal_lid lid, int32_t score);
int32_t tal_filter_cut(const tal_search *search, tal_lid query, int32_t ref_len);

/* Cut candidates to each query's best over all ranks; fills query_hits; moves those of others'
 * references to their holders. Collective; agreed. */
tal_status tal_search_select(tal_search *search);

/* Candidates of others' references to their holders. Collective; agreed. */
tal_status tal_search_move(tal_search *search);

/* Trace this rank's remaining candidates into the workers' buffers. */
tal_status tal_search_trace(tal_search *search);

/* Trace those that are members in memory (tal_expand_find), which are in use. */
tal_status tal_search_trace_members(tal_search *search);

/* Move traced hits to the owners of their queries and sort them. Collective; agreed. */
tal_status tal_search_gather(tal_search *search, tal_block_hits *out_hits);

#endif
