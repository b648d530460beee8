/* How units are dealt in items; see schedule.h.
 *
 * Guided self-scheduling: Polychronopoulos and Kuck (1987), with half a worker's share per item.
 */
#include "par/schedule.h"

#include "base/check.h"

/* An adaptive item is at most this part of a worker's share of what is left. */
enum { TAIL_PARTS = 4, GUIDED_PARTS = 2 };

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

uint64_t tal_schedule_units(uint64_t sequences, uint64_t unit_sequences)
{
    TAL_ASSERT(unit_sequences >= 1);
    uint64_t units = sequences / unit_sequences;
    if (sequences % unit_sequences >= (unit_sequences + 1) / 2)
        units++;
    return clamp(units, 1, TAL_RANGE_UNITS_MAX);
}

void tal_schedule_init(tal_schedule *schedule, const tal_schedule_params *params, tal_deal *deals)
{
    TAL_ASSERT(params->unit_count <= TAL_UNITS_MAX);
    TAL_ASSERT(params->chunk_min >= 1);
    TAL_ASSERT(params->chunk_min <= params->chunk_max);
    TAL_ASSERT(params->chunk_max <= TAL_RANGE_UNITS_MAX);
    TAL_ASSERT(params->chunk >= 1);
    TAL_ASSERT(params->chunk <= TAL_RANGE_UNITS_MAX);
    schedule->params = *params;
    schedule->deals = deals;
    atomic_store_explicit(&schedule->next, 0, memory_order_relaxed);
    for (int i = 0; i < params->worker_count; i++)
        atomic_store_explicit(&deals[i].taken, 0, memory_order_relaxed);
}

/* Items of a worker's static deal: item i belongs to worker i % workers. */
static uint64_t deal_count(const tal_schedule_params *params, int owner)
{
    uint64_t items = (params->unit_count + params->chunk - 1) / params->chunk;
    uint64_t workers = (uint64_t)params->worker_count;
    return items / workers + ((uint64_t)owner < items % workers ? 1 : 0);
}

uint64_t tal_schedule_deal_left(tal_schedule *schedule, int owner)
{
    uint64_t count = deal_count(&schedule->params, owner);
    uint64_t taken = atomic_load_explicit(&schedule->deals[owner].taken, memory_order_relaxed);
    return taken < count ? count - taken : 0;
}

static size_t take_static(tal_schedule *schedule, int owner, size_t limit, tal_range *out_ranges)
{
    const tal_schedule_params *params = &schedule->params;
    if (tal_schedule_deal_left(schedule, owner) == 0)
        return 0;
    uint64_t count = deal_count(params, owner);
    uint64_t first =
        atomic_fetch_add_explicit(&schedule->deals[owner].taken, limit, memory_order_relaxed);
    size_t taken = 0;
    for (; taken < limit && first + taken < count; taken++) {
        uint64_t item = (first + taken) * (uint64_t)params->worker_count + (uint64_t)owner;
        uint64_t begin = item * params->chunk;
        uint64_t end = begin + params->chunk;
        out_ranges[taken] = (tal_range){begin, end < params->unit_count ? end : params->unit_count};
    }
    return taken;
}

/* How large the next items are when `left` units are undealt, and how many to take. */
static uint64_t size_items(const tal_schedule_params *params, uint64_t chunk, uint64_t left,
                           size_t *limit)
{
    uint64_t share = left / (uint64_t)params->worker_count;
    if (params->balance == TAL_BALANCE_GUIDED) {
        *limit = 1;
        uint64_t least = params->is_adaptive ? params->chunk_min : params->chunk;
        uint64_t most = params->chunk_max > least ? params->chunk_max : least;
        return clamp(share / GUIDED_PARTS, least, most);
    }
    if (params->is_adaptive && chunk > share / TAIL_PARTS)
        chunk = clamp(share / TAIL_PARTS, params->chunk_min, chunk);
    if (share / TAIL_PARTS < chunk * *limit)
        *limit = 1; /* Near the end one at a time. */
    return chunk;
}

size_t tal_schedule_take(tal_schedule *schedule, int owner, uint64_t chunk, size_t limit,
                         tal_range *out_ranges)
{
    const tal_schedule_params *params = &schedule->params;
    if (params->balance == TAL_BALANCE_STATIC)
        return take_static(schedule, owner, limit, out_ranges);
    uint64_t next = atomic_load_explicit(&schedule->next, memory_order_relaxed);
    if (next >= params->unit_count)
        return 0;
    uint64_t size = size_items(params, chunk, params->unit_count - next, &limit);
    /* Every worker adds once past the end at most: no overflow. */
    uint64_t begin = atomic_fetch_add_explicit(&schedule->next, size * limit, memory_order_relaxed);
    size_t taken = 0;
    for (; taken < limit && begin < params->unit_count; taken++) {
        uint64_t end = begin + size < params->unit_count ? begin + size : params->unit_count;
        out_ranges[taken] = (tal_range){begin, end};
        begin = end;
    }
    return taken;
}

uint64_t tal_schedule_adapt(const tal_schedule_params *params, uint64_t chunk, uint64_t units,
                            uint64_t elapsed_ns)
{
    TAL_ASSERT(units >= 1);
    uint64_t unit_ns = elapsed_ns / units + 1;
    uint64_t wanted = clamp(TAL_ITEM_TARGET_NS / unit_ns, chunk / 2, chunk * 2);
    return clamp(wanted, params->chunk_min, params->chunk_max);
}
