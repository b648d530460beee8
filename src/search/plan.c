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

static size_t batch_count(const tal_plan *plan)
{
    tal_lid batched = plan->order_count - plan->pair_count;
    return plan->pair_count + ((size_t)batched + TAL_BATCH_LANES - 1) / TAL_BATCH_LANES;
}

size_t tal_plan_unit_count(const tal_plan *plan)
{
    TAL_ASSERT(plan->pair_count <= plan->order_count);
    return batch_count(plan) * plan->query_count; /* Below 2^32 * 2^32. */
}

tal_item tal_plan_first_item(const tal_plan *plan, size_t begin, size_t end, size_t *out_begin)
{
    TAL_ASSERT(begin < end);
    size_t batch = begin / plan->query_count;
    size_t batch_begin = batch * plan->query_count;
    size_t batch_end = batch_begin + plan->query_count;
    size_t stop = end < batch_end ? end : batch_end;
    bool is_pair = batch < plan->pair_count;
    size_t first =
        is_pair ? batch : plan->pair_count + (batch - plan->pair_count) * TAL_BATCH_LANES;
    size_t lanes = is_pair ? 1 : TAL_BATCH_LANES;
    if (lanes > plan->order_count - first)
        lanes = plan->order_count - first;
    *out_begin = stop;
    return (tal_item){.first = (tal_lid)first,
                      .lane_count = (tal_lid)lanes,
                      .query_begin = (tal_lid)(begin - batch_begin),
                      .query_end = (tal_lid)(stop - batch_begin)};
}
