/* How the pairs of a query block and a rank's references are cut into items of work.
 *
 * Pure: no communication, no threads; the plan changes the speed and never the result.
 */
#ifndef TAL_SEARCH_PLAN_H
#define TAL_SEARCH_PLAN_H

#include "align/ladder.h"
#include "base/status.h"
#include "seq/seqset.h"

/* The non-empty sequences of a set, longest first, ties in set order: what batches are cut from.
 * *out_order has *out_count entries; release with tal_free. Cost: O(sequences), radix sort. */
tal_status tal_plan_order(const tal_seqset *set, tal_lid **out_order, tal_lid *out_count);

/* How many of the longest references to score one at a time, so that none holds the other lanes of
 * a batch: the count for which the work, by the rates of the ladder, is least. Cost:
 * O(sequences). */
tal_lid tal_plan_pair_count(const tal_seqset *set, const tal_lid *order, tal_lid order_count,
                            tal_ladder_rates rates);

/* One item: a run of the block's queries against one batch of references. */
typedef struct tal_item {
    tal_lid first; /* references order[first, + lane_count) */
    tal_lid lane_count;
    tal_lid query_begin, query_end;
} tal_item;

/* Items in the order they should start: the first `pair_count` references one by one, then batches,
 * long references first. Batches whose work is
 * above the target are split over runs of queries of about equal residues. `worker_count` bounds
 * the share of the whole that one item may be, so that the last items do not keep one worker busy
 * alone. Empty queries are in no item's way: they cost nothing.
 * *out_items has *out_count entries; release with tal_free. */
tal_status tal_plan_items(const tal_seqset *queries, const tal_seqset *references,
                          const tal_lid *order, tal_lid order_count, tal_lid pair_count,
                          int worker_count, tal_item **out_items, size_t *out_count);

/* Cut [0, count) into `part_count` contiguous runs of about equal cost.
 * out_begin has part_count + 1 entries; parts may be empty. */
void tal_plan_split(const uint64_t *cost, size_t count, size_t part_count, size_t *out_begin);

#endif
