/* How pairs are cut into items of work; see plan.h. */
#include "search/plan.h"

#include "base/alloc.h"
#include "base/check.h"
#include "kernels/contract.h"

#include <string.h>

enum { DIGIT_BITS = 16, DIGIT_COUNT = 1 << DIGIT_BITS };

/* One stable counting pass of a radix sort of `from` into `to`, by 16 bits of ~len (longest first).
 */
static void sort_pass(const tal_seqset *set, const tal_lid *from, tal_lid count, int shift,
                      size_t *begin, tal_lid *to)
{
    memset(begin, 0, (DIGIT_COUNT + 1) * sizeof(*begin));
    for (tal_lid i = 0; i < count; i++) {
        uint32_t key = ~(uint32_t)tal_seqset_len(set, from[i]);
        begin[((key >> shift) & (DIGIT_COUNT - 1)) + 1]++;
    }
    for (size_t digit = 0; digit < DIGIT_COUNT; digit++)
        begin[digit + 1] += begin[digit];
    for (tal_lid i = 0; i < count; i++) {
        uint32_t key = ~(uint32_t)tal_seqset_len(set, from[i]);
        to[begin[(key >> shift) & (DIGIT_COUNT - 1)]++] = from[i];
    }
}

tal_status tal_plan_order(const tal_seqset *set, tal_lid **out_order, tal_lid *out_count)
{
    tal_lid total = tal_seqset_count(set);
    tal_lid *order = tal_alloc_array(total, sizeof(*order));
    tal_lid *other = tal_alloc_array(total, sizeof(*other));
    size_t *begin = tal_alloc_array(DIGIT_COUNT + 1, sizeof(*begin));
    tal_status status = TAL_ERR_MEMORY;
    if (order == NULL || other == NULL || begin == NULL)
        goto done;

    tal_lid count = 0;
    for (tal_lid lid = 0; lid < total; lid++)
        if (tal_seqset_len(set, lid) > 0)
            order[count++] = lid;
    sort_pass(set, order, count, 0, begin, other);
    sort_pass(set, other, count, DIGIT_BITS, begin, order);
    *out_order = order;
    *out_count = count;
    order = NULL; /* Now the caller's. */
    status = TAL_OK;
done:
    tal_free(begin);
    tal_free(other);
    tal_free(order);
    return status;
}

void tal_plan_split(const uint64_t *cost, size_t count, size_t part_count, size_t *out_begin)
{
    TAL_ASSERT(part_count >= 1);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += cost[i];
    size_t i = 0;
    uint64_t before = 0;
    for (size_t part = 0; part < part_count; part++) {
        out_begin[part] = i;
        /* 128-bit product: costs are cells, parts are thousands. */
        __extension__ typedef unsigned __int128 wide;
        uint64_t end = (uint64_t)((wide)total * (part + 1) / part_count);
        while (i < count && before + cost[i] / 2 < end)
            before += cost[i++];
    }
    out_begin[part_count] = count;
}

/* The least work worth an item of its own, in cells: about a millisecond. */
#define ITEM_CELLS_MIN ((uint64_t)1 << 24)
/* Items per worker that leave at most a few per cent of idle time at the end. */
enum { ITEMS_PER_WORKER = 32 };

tal_lid tal_plan_pair_count(const tal_seqset *set, const tal_lid *order, tal_lid order_count,
                            tal_ladder_rates rates)
{
    if (rates.pair_cost == 0)
        return 0;
    /* batched[p % lanes]: the cost of references [p, order_count) in batches, from the last down.
     */
    uint64_t batched[TAL_BATCH_LANES] = {0};
    TAL_ASSERT(rates.lanes <= TAL_BATCH_LANES);
    uint64_t paired = 0;
    for (tal_lid i = 0; i < order_count; i++)
        paired += tal_ladder_pair_cost(rates, tal_seqset_len(set, order[i]));
    uint64_t least = paired; /* All of them one by one. */
    tal_lid best = order_count;
    for (tal_lid p = order_count; p-- > 0;) {
        int32_t len = tal_seqset_len(set, order[p]);
        paired -= tal_ladder_pair_cost(rates, len);
        uint64_t *rest = &batched[p % rates.lanes];
        *rest += (uint64_t)len * rates.lanes * TAL_LADDER_COST_UNIT;
        if (paired + *rest <= least) {
            least = paired + *rest;
            best = p;
        }
    }
    return best;
}

typedef struct planner {
    const tal_seqset *references;
    const tal_lid *order;
    tal_lid order_count;
    tal_lid pair_count;
    tal_lid query_count;
    uint64_t query_residue_count;
    uint64_t item_cells;
} planner;

/* The first reference of a batch; pairs are batches of one. */
static tal_lid batch_first(const planner *plan, tal_lid batch)
{
    return batch < plan->pair_count
               ? batch
               : plan->pair_count + (batch - plan->pair_count) * TAL_BATCH_LANES;
}

static tal_lid batch_lanes(const planner *plan, tal_lid batch)
{
    tal_lid left = plan->order_count - batch_first(plan, batch);
    tal_lid most = batch < plan->pair_count ? 1 : TAL_BATCH_LANES;
    return left < most ? left : most;
}

/* Cells of one batch, pads included: what its lanes cost. */
static uint64_t batch_cells(const planner *plan, tal_lid batch)
{
    tal_lid first = plan->order[batch_first(plan, batch)];
    uint64_t lanes = batch < plan->pair_count ? 4 : TAL_BATCH_LANES; /* a pair costs some lanes */
    return (uint64_t)tal_seqset_len(plan->references, first) * lanes * plan->query_residue_count;
}

static size_t batch_parts(const planner *plan, tal_lid batch)
{
    uint64_t parts = batch_cells(plan, batch) / plan->item_cells + 1;
    return (size_t)(parts < plan->query_count ? parts : plan->query_count);
}

tal_status tal_plan_items(const tal_seqset *queries, const tal_seqset *references,
                          const tal_lid *order, tal_lid order_count, tal_lid pair_count,
                          int worker_count, tal_item **out_items, size_t *out_count)
{
    planner plan = {
        .references = references,
        .order = order,
        .order_count = order_count,
        .pair_count = pair_count,
        .query_count = tal_seqset_count(queries),
        .query_residue_count = tal_seqset_residue_count(queries),
    };
    TAL_ASSERT(pair_count <= order_count);
    tal_lid batch_count =
        pair_count + (order_count - pair_count + TAL_BATCH_LANES - 1) / TAL_BATCH_LANES;
    uint64_t cells = 0;
    for (tal_lid batch = 0; batch < batch_count; batch++)
        cells += batch_cells(&plan, batch);
    plan.item_cells = cells / ((uint64_t)worker_count * ITEMS_PER_WORKER) + 1;
    if (plan.item_cells < ITEM_CELLS_MIN)
        plan.item_cells = ITEM_CELLS_MIN;

    size_t item_count = 0;
    for (tal_lid batch = 0; batch < batch_count; batch++)
        item_count += batch_parts(&plan, batch);
    tal_status status = TAL_ERR_MEMORY;
    tal_item *items = tal_alloc_array(item_count, sizeof(*items));
    uint64_t *cost = tal_alloc_array(plan.query_count, sizeof(*cost));
    size_t *begin = tal_alloc_array((size_t)plan.query_count + 2, sizeof(*begin));
    if (items == NULL || cost == NULL || begin == NULL)
        goto done;

    for (tal_lid query = 0; query < plan.query_count; query++)
        cost[query] = (uint64_t)tal_seqset_len(queries, query);
    size_t at = 0;
    size_t parts_before = 0;
    for (tal_lid batch = 0; batch < batch_count; batch++) {
        size_t parts = batch_parts(&plan, batch);
        if (parts != parts_before && parts > 0)
            tal_plan_split(cost, plan.query_count, parts, begin);
        parts_before = parts;
        for (size_t part = 0; part < parts; part++)
            items[at++] = (tal_item){.first = batch_first(&plan, batch),
                                     .lane_count = batch_lanes(&plan, batch),
                                     .query_begin = (tal_lid)begin[part],
                                     .query_end = (tal_lid)begin[part + 1]};
    }
    TAL_ASSERT(at == item_count);
    *out_items = items;
    *out_count = item_count;
    items = NULL; /* Now the caller's. */
    status = TAL_OK;
done:
    tal_free(begin);
    tal_free(cost);
    tal_free(items);
    return status;
}
