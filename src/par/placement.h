/* Which worker runs on which CPU. Pure: tested on machines described in text. */
#ifndef TAL_PAR_PLACEMENT_H
#define TAL_PAR_PLACEMENT_H

#include "base/status.h"
#include "base/types.h"
#include "par/topology.h"

/* In the order of the configuration's choices. */
typedef enum tal_affinity {
    TAL_AFFINITY_COMPACT = 0, /* close together: the rank's first cores */
    TAL_AFFINITY_SCATTER,     /* apart: over packages, then NUMA nodes, then caches, then cores */
    TAL_AFFINITY_NUMA,        /* contiguous runs of workers, one run per NUMA node */
} tal_affinity;

typedef struct tal_placement_params {
    const tal_cpu *cpus;  /* what the rank may use, as tal_topology_list_cpus gives them */
    int cpu_count;        /* >= 1 */
    int rank, rank_count; /* this one among the ranks that may use the same CPUs */
    int worker_count;     /* >= 1 */
    tal_affinity mode;
} tal_placement_params;

/* The CPU of each worker; out_places has worker_count entries.
 *
 * Ranks that share CPUs get disjoint parts of them: whole cores of each kind while there are as
 * many as ranks, then hardware threads; more ranks than hardware threads share. Within its part a
 * rank uses every core once before it uses a core's second hardware thread, and faster cores first;
 * more workers than CPUs go round again. Cost: O(n log n). */
tal_status tal_placement_find(const tal_placement_params *params, tal_cpu *out_places);

/* How far apart two CPUs are. */
typedef enum tal_distance {
    TAL_DISTANCE_CORE = 0,
    TAL_DISTANCE_CACHE,
    TAL_DISTANCE_NUMA,
    TAL_DISTANCE_PACKAGE,
    TAL_DISTANCE_FAR,
} tal_distance;

tal_distance tal_placement_distance(const tal_cpu *a, const tal_cpu *b);

/* The other workers in the order in which `worker` asks them for work: nearest first, and those
 * equally near starting after itself, so that thieves spread. out_victims has count - 1 entries;
 * places NULL: nothing is known. Cost: O(count). */
void tal_placement_order_victims(const tal_cpu *places, int count, int worker,
                                 uint16_t *out_victims);

#endif
