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

/* The score pass counts in units: unit u is query u % query_count against batch u / query_count, so
 * that runs of units stay with one batch, and batches of long references come first. The first
 * `pair_count` references are batches of their own, the others stand side by side, 64 a batch. */
typedef struct tal_plan {
    tal_lid order_count, pair_count, query_count;
} tal_plan;

/* How many units there are: 0 without queries or references. */
size_t tal_plan_unit_count(const tal_plan *plan);

/* The item at the front of the units [begin, end), begin < end: what of them belongs to one batch;
 * the rest begins at *out_begin. */
tal_item tal_plan_first_item(const tal_plan *plan, size_t begin, size_t end, size_t *out_begin);

/* Cut [0, count) into `part_count` contiguous runs of about equal cost.
 * out_begin has part_count + 1 entries; parts may be empty. */
void tal_plan_split(const uint64_t *cost, size_t count, size_t part_count, size_t *out_begin);

#endif
