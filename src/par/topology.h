/* The machine: processors, caches, memory, NUMA nodes. The only place that knows hwloc. */
#ifndef TAL_PAR_TOPOLOGY_H
#define TAL_PAR_TOPOLOGY_H

#include "base/status.h"
#include "base/types.h"

enum { TAL_CACHES_MAX = 8, TAL_CPUSET_BYTES = 512 };

/* One kind of cache. */
typedef struct tal_cache {
    int level;                /* from 1 */
    char kind;                /* 'd' data, 'i' instructions, ' ' both */
    int count;                /* of the machine */
    uint64_t bytes;           /* of one */
    int line_bytes;           /* 0: unknown */
    int sharing_thread_count; /* hardware threads that share one */
} tal_cache;

typedef struct tal_topology {
    char cpu_model[128]; /* "" when unknown */
    int package_count, core_count, thread_count, numa_count;
    uint64_t memory_bytes; /* of all NUMA nodes; 0 when unknown */
    tal_cache caches[TAL_CACHES_MAX];
    int cache_count;
} tal_topology;

/* Look at this machine, or at the hwloc synthetic description `synthetic` when it is not NULL
 * ("pack:2 core:4 pu:2"). Cost: milliseconds; reads the operating system's tables. */
tal_status tal_topology_load(const char *synthetic, tal_topology *out_topology);

/* One hardware thread, with the numbers of what it shares with others (hwloc's logical indices). */
typedef struct tal_cpu {
    int id;                         /* the operating system's number */
    int core, cache, numa, package; /* cache: the largest it has; its NUMA node where it has none */
    int kind;                       /* higher is faster; 0 where all cores are alike */
    int thread;                     /* 0: the first of those listed of its core */
} tal_cpu;

/* Which CPUs to list. */
typedef struct tal_cpu_source {
    const char *synthetic; /* as for tal_topology_load */
    const char *allowed;   /* "0-3,8": these alone; NULL: what the calling thread may use (this
                              machine), or all (synthetic) */
    const char *fast;      /* synthetic only: these are of a faster kind than the others, or NULL */
} tal_cpu_source;

/* The CPUs in the machine's order: hardware threads of a core stand together, cores of a cache,
 * caches of a NUMA node. At least one; *out_cpus has *out_count entries; release with tal_free.
 * Cost: milliseconds. */
tal_status tal_topology_list_cpus(const tal_cpu_source *source, tal_cpu **out_cpus, int *out_count);

/* The NUMA node of all these CPUs; -1: they are of several. */
int tal_topology_numa_of(const tal_cpu *cpus, int count);

/* The address of a device on the PCI bus; `bus` is negative where it is not known. */
typedef struct tal_pci_address {
    int domain, bus, slot;
} tal_pci_address;

/* The NUMA node that each device is nearest to, into out_numa; -1: not known, or near several. Of
 * this machine, or of that in hwloc's XML `xml` when it is not NULL. Cost: milliseconds. */
void tal_topology_find_numa(const char *xml, const tal_pci_address *addresses, int count,
                            int *out_numa);

/* The CPUs this process is bound to as "0-3,8": "" when the operating system does not say, ended by
 * "..." when `bytes` (at least 16) do not hold all. */
void tal_topology_cpuset(char *out_text, size_t bytes);

#endif
