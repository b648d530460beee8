/* How the pairs of a query block and a rank's references are cut into items of work.
 *
 * Pure: no communication, no threads; the plan changes the speed and never the result.
 */
#ifndef TAL_SEARCH_PLAN_H
#define TAL_SEARCH_PLAN_H

#include "base/status.h"
#include "seq/seqset.h"

/* The non-empty sequences of a set, longest first, ties in set order: what batches are cut from.
 * *out_order has *out_count entries; release with tal_free. Cost: O(sequences), radix sort. */
tal_status tal_plan_order(const tal_seqset *set, tal_lid **out_order, tal_lid *out_count);

/* One item: a run of the block's queries against one batch of references. */
typedef struct tal_item {
    tal_lid batch; /* references order[batch * 64, ...) */
    tal_lid query_begin, query_end;
} tal_item;

/* The score pass counts in units: unit u is query u % query_count against batch u / query_count, so
 * that runs of units stay with one batch, and batches of long references come first.
 * The item at the front of the units [begin, end), begin < end: what of them belongs to one batch;
 * the rest begins at *out_begin. Pure. */
tal_item tal_plan_first_item(size_t begin, size_t end, tal_lid query_count, size_t *out_begin);

/* How many units there are: 0 without queries or references. */
size_t tal_plan_unit_count(tal_lid order_count, tal_lid query_count);

/* Cut [0, count) into `part_count` contiguous runs of about equal cost.
 * out_begin has part_count + 1 entries; parts may be empty. */
void tal_plan_split(const uint64_t *cost, size_t count, size_t part_count, size_t *out_begin);

#endif
