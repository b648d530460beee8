/* The machine through hwloc; see topology.h. */
#include "par/topology.h"

#include "base/alloc.h"
#include "base/check.h"

#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* hwloc sums what the NUMA nodes had at boot: memory added since is missing there. */
static uint64_t memory_bytes(hwloc_topology_t topology, bool is_synthetic)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (is_synthetic || pages <= 0 || page_bytes <= 0)
        return hwloc_get_root_obj(topology)->total_memory;
    return (uint64_t)pages * (uint64_t)page_bytes;
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
        .memory_bytes = memory_bytes(topology, synthetic != NULL),
    };
    copy_cpu_model(topology, &result);
    copy_caches(topology, &result);
    *out_topology = result;
done:
    hwloc_topology_destroy(topology);
    return status;
}

/* The number of the largest cache above a hardware thread; of its NUMA node where it has none. */
static int find_cache(hwloc_obj_t thread, int numa)
{
    int found = numa;
    for (hwloc_obj_t above = thread->parent; above != NULL; above = above->parent)
        if (hwloc_obj_type_is_dcache(above->type))
            found = (int)above->logical_index;
    return found;
}

static int index_above(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_obj_t thread,
                       int fallback)
{
    hwloc_obj_t above = hwloc_get_ancestor_obj_by_type(topology, type, thread);
    return above == NULL ? fallback : (int)above->logical_index;
}

static tal_cpu describe_cpu(hwloc_topology_t topology, hwloc_obj_t thread)
{
    hwloc_obj_t node = NULL;
    int node_bit = thread->nodeset == NULL ? -1 : hwloc_bitmap_first(thread->nodeset);
    if (node_bit >= 0)
        node = hwloc_get_numanode_obj_by_os_index(topology, (unsigned)node_bit);
    int numa = node == NULL ? 0 : (int)node->logical_index;
    int kind = hwloc_cpukinds_get_by_cpuset(topology, thread->cpuset, 0);
    return (tal_cpu){
        .id = (int)thread->os_index,
        .core = index_above(topology, HWLOC_OBJ_CORE, thread, (int)thread->logical_index),
        .cache = find_cache(thread, numa),
        .numa = numa,
        .package = index_above(topology, HWLOC_OBJ_PACKAGE, thread, 0),
        .kind = kind < 0 ? 0 : kind,
    };
}

/* Tell a synthetic machine that `text` names CPUs of a faster kind. */
static tal_status register_fast(hwloc_topology_t topology, const char *text)
{
    hwloc_bitmap_t fast = hwloc_bitmap_alloc();
    hwloc_bitmap_t slow = hwloc_bitmap_alloc();
    bool is_done =
        fast != NULL && slow != NULL && hwloc_bitmap_list_sscanf(fast, text) == 0 &&
        hwloc_bitmap_andnot(slow, hwloc_topology_get_topology_cpuset(topology), fast) == 0 &&
        hwloc_cpukinds_register(topology, slow, 0, 0, NULL, 0) == 0 &&
        hwloc_cpukinds_register(topology, fast, 1, 0, NULL, 0) == 0;
    hwloc_bitmap_free(slow);
    hwloc_bitmap_free(fast);
    return is_done ? TAL_OK : tal_fail(TAL_ERR_INTERNAL, "hwloc does not take '%s'", text);
}

/* Which CPUs may be used, into `allowed`: all where nobody says. */
static tal_status find_allowed(hwloc_topology_t topology, const tal_cpu_source *source,
                               hwloc_bitmap_t allowed)
{
    hwloc_bitmap_fill(allowed);
    if (source->allowed != NULL) {
        if (hwloc_bitmap_list_sscanf(allowed, source->allowed) != 0)
            return tal_fail(TAL_ERR_INTERNAL, "hwloc does not take '%s'", source->allowed);
    } else if (source->synthetic == NULL &&
               hwloc_get_cpubind(topology, allowed, HWLOC_CPUBIND_THREAD) != 0) {
        hwloc_bitmap_fill(allowed); /* The system does not say: what hwloc shows may be used. */
    }
    return TAL_OK;
}

/* `cpus` has room for all hardware threads. Returns how many are allowed. */
static int list_allowed(hwloc_topology_t topology, hwloc_bitmap_t allowed, tal_cpu *cpus)
{
    int count = 0;
    hwloc_obj_t thread = NULL;
    while ((thread = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, thread)) != NULL) {
        if (!hwloc_bitmap_isset(allowed, thread->os_index))
            continue;
        tal_cpu *cpu = &cpus[count];
        *cpu = describe_cpu(topology, thread);
        if (count > 0 && cpu[-1].core == cpu->core)
            cpu->thread = cpu[-1].thread + 1;
        count++;
    }
    return count;
}

tal_status tal_topology_list_cpus(const tal_cpu_source *source, tal_cpu **out_cpus, int *out_count)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return tal_fail(TAL_ERR_MEMORY, "out of memory: hwloc cannot start");
    tal_cpu *cpus = NULL;
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    tal_status status = TAL_OK;
    if (allowed == NULL)
        status = tal_fail(TAL_ERR_MEMORY, "out of memory: hwloc cannot hold a set of CPUs");
    else if (source->synthetic != NULL &&
             hwloc_topology_set_synthetic(topology, source->synthetic) != 0)
        status = tal_fail(TAL_ERR_INTERNAL, "hwloc does not understand '%s'", source->synthetic);
    else if (hwloc_topology_load(topology) != 0)
        status = tal_fail(TAL_ERR_INTERNAL, "hwloc cannot read this machine's topology");
    if (status == TAL_OK && source->synthetic != NULL && source->fast != NULL)
        status = register_fast(topology, source->fast);
    if (status == TAL_OK)
        status = find_allowed(topology, source, allowed);
    if (status != TAL_OK)
        goto done;
    cpus = tal_alloc_array((size_t)count_objects(topology, HWLOC_OBJ_PU), sizeof(*cpus));
    if (cpus == NULL) {
        status = TAL_ERR_MEMORY;
        goto done;
    }
    int count = list_allowed(topology, allowed, cpus);
    if (count == 0) {
        status = tal_fail(TAL_ERR_INTERNAL, "hwloc shows no CPU that this process may use");
        goto done;
    }
    *out_count = count;
    *out_cpus = cpus;
    cpus = NULL; /* Now the caller's. */
done:
    tal_free(cpus);
    hwloc_bitmap_free(allowed);
    hwloc_topology_destroy(topology);
    return status;
}

int tal_topology_numa_of(const tal_cpu *cpus, int count)
{
    for (int i = 1; i < count; i++)
        if (cpus[i].numa != cpus[0].numa)
            return -1;
    return count == 0 ? -1 : cpus[0].numa;
}

static int find_numa(hwloc_topology_t topology, const tal_pci_address *address)
{
    hwloc_obj_t device = hwloc_get_pcidev_by_busid(
        topology, (unsigned)address->domain, (unsigned)address->bus, (unsigned)address->slot, 0);
    hwloc_obj_t above = device == NULL ? NULL : hwloc_get_non_io_ancestor_obj(topology, device);
    if (above == NULL || above->nodeset == NULL || hwloc_bitmap_weight(above->nodeset) != 1)
        return -1;
    hwloc_obj_t node =
        hwloc_get_numanode_obj_by_os_index(topology, (unsigned)hwloc_bitmap_first(above->nodeset));
    return node == NULL ? -1 : (int)node->logical_index;
}

void tal_topology_find_numa(const char *xml, const tal_pci_address *addresses, int count,
                            int *out_numa)
{
    for (int i = 0; i < count; i++)
        out_numa[i] = -1;
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return;
    bool is_loaded =
        (xml == NULL || hwloc_topology_set_xmlbuffer(topology, xml, (int)strlen(xml) + 1) == 0) &&
        hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_IMPORTANT) == 0 &&
        hwloc_topology_load(topology) == 0;
    for (int i = 0; i < count && is_loaded; i++)
        if (addresses[i].bus >= 0)
            out_numa[i] = find_numa(topology, &addresses[i]);
    hwloc_topology_destroy(topology);
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
