/* Which worker runs on which CPU; see placement.h. */
#include "par/placement.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* A CPU with the keys it is sorted by. */
typedef struct candidate {
    tal_cpu cpu;
    int position;      /* in the machine's order */
    int core_in_kind;  /* counts cores of its kind */
    int core_in_cache; /* these count what lies before it within the next larger thing */
    int cache_in_numa;
    int numa_in_package;
} candidate;

static int compare_ints(int a, int b)
{
    return (a > b) - (a < b);
}

/* Every core once, fast ones first, then second hardware threads; near ones next to each other. */
static int compare_compact(const void *left, const void *right)
{
    const candidate *a = left;
    const candidate *b = right;
    int order = compare_ints(a->cpu.thread, b->cpu.thread);
    if (order == 0)
        order = compare_ints(b->cpu.kind, a->cpu.kind);
    return order != 0 ? order : compare_ints(a->position, b->position);
}

/* As compact, but neighbours in the order are far apart in the machine. */
static int compare_scatter(const void *left, const void *right)
{
    const candidate *a = left;
    const candidate *b = right;
    int order = compare_ints(a->cpu.thread, b->cpu.thread);
    if (order == 0)
        order = compare_ints(b->cpu.kind, a->cpu.kind);
    if (order == 0)
        order = compare_ints(a->core_in_cache, b->core_in_cache);
    if (order == 0)
        order = compare_ints(a->cache_in_numa, b->cache_in_numa);
    if (order == 0)
        order = compare_ints(a->numa_in_package, b->numa_in_package);
    return order != 0 ? order : compare_ints(a->position, b->position);
}

static int compare_numa(const void *left, const void *right)
{
    const candidate *a = left;
    const candidate *b = right;
    int order = compare_ints(a->cpu.numa, b->cpu.numa);
    return order != 0 ? order : compare_compact(left, right);
}

/* Number what each CPU has before it. The list is in the machine's order: what belongs together
 * stands together. */
static void count_before(candidate *list, int count)
{
    for (int i = 1; i < count; i++) {
        const candidate *last = &list[i - 1];
        candidate *next = &list[i];
        bool is_same_core = next->cpu.core == last->cpu.core;
        bool is_same_package = next->cpu.package == last->cpu.package;
        bool is_same_numa = is_same_package && next->cpu.numa == last->cpu.numa;
        bool is_same_cache = is_same_numa && next->cpu.cache == last->cpu.cache;
        next->core_in_cache = is_same_cache ? last->core_in_cache + (is_same_core ? 0 : 1) : 0;
        next->cache_in_numa = is_same_numa ? last->cache_in_numa + (is_same_cache ? 0 : 1) : 0;
        next->numa_in_package =
            is_same_package ? last->numa_in_package + (is_same_numa ? 0 : 1) : 0;
    }
}

/* Number the cores of each kind; returns the number of kinds' largest value + 1. */
static void count_cores(candidate *list, int count, int kind, int *out_cores)
{
    int cores = 0;
    int last_core = -1;
    for (int i = 0; i < count; i++) {
        if (list[i].cpu.kind != kind)
            continue;
        if (list[i].cpu.core != last_core)
            cores++;
        last_core = list[i].cpu.core;
        list[i].core_in_kind = cores - 1;
    }
    *out_cores = cores;
}

/* Keep the rank's share: [rank * cores / ranks, (rank + 1) * cores / ranks) of each kind. */
static int keep_cores(candidate *list, int count, const tal_placement_params *params)
{
    int kind_max = 0;
    for (int i = 0; i < count; i++)
        kind_max = list[i].cpu.kind > kind_max ? list[i].cpu.kind : kind_max;
    bool *is_kept = tal_alloc_zero((size_t)count);
    if (is_kept == NULL)
        return -1;
    for (int kind = 0; kind <= kind_max; kind++) {
        int cores;
        count_cores(list, count, kind, &cores);
        int64_t begin = (int64_t)params->rank * cores / params->rank_count;
        int64_t end = (int64_t)(params->rank + 1) * cores / params->rank_count;
        for (int i = 0; i < count; i++)
            if (list[i].cpu.kind == kind)
                is_kept[i] = list[i].core_in_kind >= begin && list[i].core_in_kind < end;
    }
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (is_kept[i])
            list[kept++] = list[i];
    tal_free(is_kept);
    return kept;
}

/* The smallest number of cores of one kind: whole cores can be shared out when ranks are fewer. */
static int fewest_cores(candidate *list, int count)
{
    int fewest = count;
    int kind_max = 0;
    for (int i = 0; i < count; i++)
        kind_max = list[i].cpu.kind > kind_max ? list[i].cpu.kind : kind_max;
    for (int kind = 0; kind <= kind_max; kind++) {
        int cores;
        count_cores(list, count, kind, &cores);
        if (cores > 0 && cores < fewest)
            fewest = cores;
    }
    return fewest;
}

/* The rank's part of the list, moved to its front. Returns its size, -1: out of memory. */
static int keep_share(candidate *list, int count, const tal_placement_params *params)
{
    if (params->rank_count == 1)
        return count;
    if (fewest_cores(list, count) >= params->rank_count)
        return keep_cores(list, count, params);
    /* Few cores of some kind: contiguous hardware threads, or one of them for several ranks. */
    int64_t begin = (int64_t)params->rank * count / params->rank_count;
    int64_t end = (int64_t)(params->rank + 1) * count / params->rank_count;
    if (count < params->rank_count) {
        begin = params->rank % count;
        end = begin + 1;
    }
    memmove(list, list + begin, (size_t)(end - begin) * sizeof(*list));
    return (int)(end - begin);
}

/* Contiguous runs of workers per node, as long as the node's share of the CPUs. */
static void place_numa(const candidate *list, int count, int worker_count, tal_cpu *out_places)
{
    int node_begin = 0;
    int in_node = 0;
    for (int worker = 0; worker < worker_count; worker++) {
        /* The middle of the worker's share of the CPUs says the node. */
        int at = (int)(((int64_t)2 * worker + 1) * count / ((int64_t)2 * worker_count));
        int begin = at;
        while (begin > 0 && list[begin - 1].cpu.numa == list[at].cpu.numa)
            begin--;
        int end = at + 1;
        while (end < count && list[end].cpu.numa == list[at].cpu.numa)
            end++;
        if (begin != node_begin)
            in_node = 0;
        node_begin = begin;
        out_places[worker] = list[begin + in_node++ % (end - begin)].cpu;
    }
}

tal_status tal_placement_find(const tal_placement_params *params, tal_cpu *out_places)
{
    TAL_ASSERT(params->cpu_count >= 1);
    TAL_ASSERT(params->worker_count >= 1);
    TAL_ASSERT(params->rank >= 0);
    TAL_ASSERT(params->rank < params->rank_count);
    candidate *list = tal_alloc_zero((size_t)params->cpu_count * sizeof(*list));
    if (list == NULL)
        return TAL_ERR_MEMORY;
    for (int i = 0; i < params->cpu_count; i++) {
        list[i].cpu = params->cpus[i];
        list[i].position = i;
    }
    int count = keep_share(list, params->cpu_count, params);
    if (count < 0) {
        tal_free(list);
        return TAL_ERR_MEMORY;
    }
    TAL_ASSERT(count >= 1);
    count_before(list, count);
    if (params->mode == TAL_AFFINITY_NUMA) {
        qsort(list, (size_t)count, sizeof(*list), compare_numa);
        place_numa(list, count, params->worker_count, out_places);
    } else {
        qsort(list, (size_t)count, sizeof(*list),
              params->mode == TAL_AFFINITY_COMPACT ? compare_compact : compare_scatter);
        for (int worker = 0; worker < params->worker_count; worker++)
            out_places[worker] = list[worker % count].cpu;
    }
    tal_free(list);
    return TAL_OK;
}

tal_distance tal_placement_distance(const tal_cpu *a, const tal_cpu *b)
{
    if (a->core == b->core)
        return TAL_DISTANCE_CORE;
    if (a->numa == b->numa)
        return a->cache == b->cache ? TAL_DISTANCE_CACHE : TAL_DISTANCE_NUMA;
    return a->package == b->package ? TAL_DISTANCE_PACKAGE : TAL_DISTANCE_FAR;
}

void tal_placement_order_victims(const tal_cpu *places, int count, int worker,
                                 uint16_t *out_victims)
{
    TAL_ASSERT(count <= UINT16_MAX);
    size_t at = 0;
    for (int distance = TAL_DISTANCE_CORE; distance <= TAL_DISTANCE_FAR; distance++)
        for (int step = 1; step < count; step++) {
            int other = (worker + step) % count;
            int is = places == NULL ? TAL_DISTANCE_FAR
                                    : (int)tal_placement_distance(&places[worker], &places[other]);
            if (is == distance)
                out_victims[at++] = (uint16_t)other;
        }
    TAL_ASSERT(at == (size_t)count - 1);
}
