/* The device of a run; see gpu.h. */
#include "app/gpu.h"

#include "base/alloc.h"
#include "base/log.h"
#include "conf/environment.h"
#include "conf/text.h"

enum { LABEL_COLUMNS = 22 };

static tal_device_kind choose_kind(const tal_conf *conf)
{
    static const tal_device_kind kinds[] = {TAL_DEVICE_AUTO, TAL_DEVICE_CUDA, TAL_DEVICE_OPENCL,
                                            TAL_DEVICE_HOST};
    return kinds[tal_conf_choice(conf, "parallel.gpu.gpu_backend")];
}

/* What the configuration says of devices, and of rank 0 of a node how ranks share them; gap costs
 * and code_count are left for the caller. */
static tal_device_params read_params(const tal_run *run)
{
    const tal_conf *conf = tal_run_conf(run);
    double memory = tal_conf_real(conf, "parallel.gpu.gpu_memory_gb") * 1024 * 1024 * 1024;
    return (tal_device_params){
        .kind = choose_kind(conf),
        .device_idx = (int)tal_conf_int(conf, "parallel.gpu.gpu_device"),
        .node_rank = tal_comm_node_rank(tal_run_comm(run)),
        .memory_bytes = (uint64_t)memory,
        .isa = tal_run_isa(run),
        .cuda_threads_per_block = (int)tal_conf_int(conf, "parallel.gpu.cuda_threads_per_block"),
        .cuda_shared_memory_kb = (int)tal_conf_int(conf, "parallel.gpu.cuda_shared_memory_kb"),
        .cuda_streams = (int)tal_conf_int(conf, "parallel.gpu.cuda_streams"),
        .opencl_platform = (int)tal_conf_int(conf, "parallel.gpu.opencl_platform"),
        .opencl_work_group_size = (int)tal_conf_int(conf, "parallel.gpu.opencl_work_group_size"),
    };
}

/* The launch that shall fail, for tests. */
static tal_status read_failure(tal_device_params *params)
{
    const char *text = tal_variable_find(TAL_VARIABLE_DEVICE_FAIL);
    int64_t number = 0;
    if (text != NULL && (!tal_text_parse_int(text, &number) || number < 0))
        return tal_fail(TAL_ERR_CONFIG, "%s is '%s'; it must be a whole number of at least 0",
                        tal_variable_name(TAL_VARIABLE_DEVICE_FAIL), text);
    params->fail_at = (uint64_t)number;
    return TAL_OK;
}

static void find_places(const tal_pci_address *addresses, int count, int *out_places)
{
    tal_topology_find_numa(NULL, addresses, count, out_places);
}

/* Where this rank's processors are. */
static int own_place(void)
{
    tal_cpu *cpus;
    int count;
    if (tal_topology_list_cpus(&(tal_cpu_source){0}, &cpus, &count) != TAL_OK)
        return TAL_PLACE_UNKNOWN; /* Then it takes devices in turn. */
    int place = tal_topology_numa_of(cpus, count);
    tal_free(cpus);
    return place < 0 ? TAL_PLACE_UNKNOWN : place;
}

/* Open what the parameters say, or say in the log why the search goes without. */
static tal_status open_device(tal_device_params params, tal_device **out_device)
{
    tal_status status = read_failure(&params);
    if (status != TAL_OK)
        return status;
    if (params.gap_open + params.gap_extend > TAL_DEVICE_GAP_MAX) {
        tal_log(TAL_LOG_WARN,
                "use_gpu: gap costs above %d are not for devices; the processors "
                "compute alone",
                TAL_DEVICE_GAP_MAX);
        return TAL_OK;
    }
    tal_device *device;
    status = tal_device_open(&params, &device);
    if (device == NULL)
        return status;
    if (status != TAL_OK) {
        tal_log(TAL_LOG_WARN, "use_gpu: no device can be used, the processors compute alone: %s",
                tal_device_message(device));
        tal_device_close(device);
        return TAL_OK;
    }
    const tal_device_info *info = tal_device_describe(device);
    tal_log(TAL_LOG_INFO, "device: %s", info->text);
    if (info->is_cpu)
        tal_log(TAL_LOG_INFO,
                "device: it is the processor itself, for which the %s kernels are "
                "faster",
                tal_isa_name(params.isa));
    *out_device = device;
    return TAL_OK;
}

tal_status tal_gpu_open(const tal_run *run, int gap_open, int gap_extend, int code_count,
                        tal_device **out_device)
{
    *out_device = NULL;
    bool is_wanted = tal_conf_bool(tal_run_conf(run), "parallel.gpu.use_gpu");
    tal_comm *comm = tal_run_comm(run);
    int *places = tal_alloc_array((size_t)tal_comm_node_size(comm), sizeof(*places));
    tal_status status = tal_comm_agree(comm, places == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK)
        tal_comm_node_gather(comm, is_wanted ? own_place() : TAL_PLACE_ABSENT, places);
    if (status == TAL_OK && is_wanted) {
        tal_device_params params = read_params(run);
        params.gap_open = gap_open;
        params.gap_extend = gap_extend;
        params.code_count = code_count;
        params.rank_places = places;
        params.rank_count = tal_comm_node_size(comm);
        params.find_places = find_places;
        status = open_device(params, out_device);
    }
    tal_free(places);
    return status;
}

tal_status tal_gpu_open_for_bench(const tal_run *run, int gap_open, int gap_extend, int code_count,
                                  tal_device **out_device)
{
    tal_device_params params = read_params(run);
    params.gap_open = gap_open;
    params.gap_extend = gap_extend;
    params.code_count = code_count;
    tal_device *device;
    tal_status status = tal_device_open(&params, &device);
    if (status == TAL_OK)
        *out_device = device;
    else if (device != NULL)
        status = tal_fail(status, "no device can be used: %s", tal_device_message(device));
    if (status != TAL_OK)
        tal_device_close(device);
    return status;
}

static tal_status append_device(tal_buffer *text, const char *label, tal_device_params params)
{
    tal_device *device;
    params.is_probe = true;
    params.gap_open = 1;
    params.gap_extend = 1;
    params.code_count = 1;
    tal_status status = tal_device_open(&params, &device);
    if (device == NULL)
        return status;
    status = tal_buffer_printf(text, "  %-*s%s\n", LABEL_COLUMNS, label,
                               status == TAL_OK ? tal_device_describe(device)->text
                                                : tal_device_message(device));
    tal_device_close(device);
    return status;
}

tal_status tal_gpu_append_report(const tal_run *run, tal_buffer *text)
{
    static const tal_device_kind kinds[] = {TAL_DEVICE_CUDA, TAL_DEVICE_OPENCL};
    tal_device_params params = read_params(run);
    tal_device_kind chosen = params.kind;
    tal_status status = tal_buffer_append_text(text, "\nDevices of rank 0\n");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status == TAL_OK; i++) {
        params.kind = kinds[i];
        status = append_device(text, tal_device_kind_name(kinds[i]), params);
    }
    if (status != TAL_OK)
        return status;
    if (!tal_conf_bool(tal_run_conf(run), "parallel.gpu.use_gpu"))
        return tal_buffer_printf(text, "  %-*s%s\n", LABEL_COLUMNS, "in use",
                                 "none: use_gpu is false");
    params.kind = chosen;
    return append_device(text, "in use", params);
}
