/* The machine through hwloc; see topology.h. */
#include "par/topology.h"

#include "base/check.h"

#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { CPUS_MAX = 1 << 16 };

static void copy_cpu_model(hwloc_topology_t topology, tal_topology *out)
{
    hwloc_obj_t package = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PACKAGE, 0);
    const char *model = package == NULL ? NULL : hwloc_obj_get_info_by_name(package, "CPUModel");
    if (model == NULL)
        model = hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), "CPUModel");
    (void)snprintf(out->cpu_model, sizeof(out->cpu_model), "%s", model == NULL ? "" : model);
}

static void copy_caches(hwloc_topology_t topology, tal_topology *out)
{
    static const hwloc_obj_type_t types[TAL_CACHES_MAX] = {
        HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L2ICACHE,
        HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L3ICACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE};
    for (int i = 0; i < TAL_CACHES_MAX; i++) {
        int count = hwloc_get_nbobjs_by_type(topology, types[i]);
        if (count < 1)
            continue;
        hwloc_obj_t cache = hwloc_get_obj_by_type(topology, types[i], 0);
        char kind = cache->attr->cache.type == HWLOC_OBJ_CACHE_UNIFIED ? ' '
                    : cache->attr->cache.type == HWLOC_OBJ_CACHE_DATA  ? 'd'
                                                                       : 'i';
        out->caches[out->cache_count++] = (tal_cache){
            .level = (int)cache->attr->cache.depth,
            .kind = kind,
            .count = count,
            .bytes = cache->attr->cache.size,
            .line_bytes = (int)cache->attr->cache.linesize,
            .sharing_thread_count = hwloc_bitmap_weight(cache->cpuset),
        };
    }
}

static int count_objects(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int count = hwloc_get_nbobjs_by_type(topology, type);
    return count < 0 ? 0 : count; /* Negative: at several depths, which these types are not. */
}

tal_status tal_topology_load(const char *synthetic, tal_topology *out_topology)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return tal_fail(TAL_ERR_MEMORY, "out of memory: hwloc cannot start");
    tal_status status = TAL_OK;
    if (synthetic != NULL && hwloc_topology_set_synthetic(topology, synthetic) != 0) {
        status = tal_fail(TAL_ERR_INTERNAL, "hwloc does not understand '%s'", synthetic);
        goto done;
    }
    (void)hwloc_topology_set_icache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (hwloc_topology_load(topology) != 0) {
        status = tal_fail(TAL_ERR_INTERNAL, "hwloc cannot read this machine's topology");
        goto done;
    }
    tal_topology result = {
        .package_count = count_objects(topology, HWLOC_OBJ_PACKAGE),
        .core_count = count_objects(topology, HWLOC_OBJ_CORE),
        .thread_count = count_objects(topology, HWLOC_OBJ_PU),
        .numa_count = count_objects(topology, HWLOC_OBJ_NUMANODE),
        .memory_bytes = hwloc_get_root_obj(topology)->total_memory,
    };
    copy_cpu_model(topology, &result);
    copy_caches(topology, &result);
    *out_topology = result;
done:
    hwloc_topology_destroy(topology);
    return status;
}

/* Append ",first-last" or say that there is no room. */
static bool append_run(char *text, size_t bytes, int first, int last)
{
    char run[32];
    size_t used = strlen(text);
    int len = first == last
                  ? snprintf(run, sizeof(run), "%s%d", used == 0 ? "" : ",", first)
                  : snprintf(run, sizeof(run), "%s%d-%d", used == 0 ? "" : ",", first, last);
    if (used + (size_t)len + 4 > bytes) { /* Keep room for the dots. */
        memcpy(text + used, "...", 4);
        return false;
    }
    memcpy(text + used, run, (size_t)len + 1);
    return true;
}

void tal_topology_cpuset(char *out_text, size_t bytes)
{
    TAL_ASSERT(bytes >= 16);
    out_text[0] = '\0';
    cpu_set_t *cpus = CPU_ALLOC(CPUS_MAX);
    if (cpus == NULL)
        return;
    size_t cpus_bytes = CPU_ALLOC_SIZE(CPUS_MAX);
    CPU_ZERO_S(cpus_bytes, cpus);
    if (sched_getaffinity(0, cpus_bytes, cpus) == 0) {
        int first = -1;
        for (int cpu = 0; cpu <= CPUS_MAX; cpu++) {
            bool is_in = cpu < CPUS_MAX && CPU_ISSET_S((size_t)cpu, cpus_bytes, cpus);
            if (is_in && first < 0)
                first = cpu;
            if (is_in || first < 0)
                continue;
            if (!append_run(out_text, bytes, first, cpu - 1))
                break;
            first = -1;
        }
    }
    CPU_FREE(cpus);
}
