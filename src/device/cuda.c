/* The CUDA backend: device, context, kernels, streams; see device.h.
 *
 * Batches are cuda_batch.c's, memory is cuda_memory.c's, the choice of kernels cuda_plan.c's.
 * The context is the primary one of the device, so that other libraries of the process share it.
 */
#include "device/cuda_internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

/* The share of free memory that is taken when the caller gives no budget. */
#define FREE_SHARE(bytes) ((bytes) / 10 * 9)
#define THREADS_DEFAULT   256
#define STREAMS_DEFAULT   4
/* The driver's own and static shared memory of a block; what is left holds two profiles. */
#define SHARED_RESERVED 1280

tal_status tal_cuda_check(tal_cuda *cuda, int error, const char *what)
{
    if (error == TAL_CUDA_OK)
        return TAL_OK;
    const char *name = NULL;
    if (cuda->driver.error_name == NULL || cuda->driver.error_name(error, &name) != TAL_CUDA_OK)
        name = NULL;
    return tal_device_fail(
        cuda->device, error == TAL_CUDA_OUT_OF_MEMORY ? TAL_ERR_MEMORY : TAL_ERR_IO,
        "cuda: cannot %s: error %d (%s)", what, error, name == NULL ? "unknown" : name);
}

static void close_slots(tal_cuda *cuda)
{
    const tal_cuda_driver *driver = &cuda->driver;
    for (int i = 0; i < TAL_DEVICE_SLOTS_MAX; i++) {
        tal_cuda_slot *slot = &cuda->slots[i];
        void *events[] = {slot->begin,  slot->loaded,   slot->fork,
                          slot->joined, slot->computed, slot->done};
        for (size_t k = 0; k < sizeof(events) / sizeof(events[0]); k++)
            if (events[k] != NULL)
                (void)driver->event_destroy(events[k]); /* Nothing to do about a failure. */
        if (slot->side != NULL)
            (void)driver->stream_destroy(slot->side); /* As above. */
        if (slot->stream != NULL)
            (void)driver->stream_destroy(slot->stream); /* As above. */
    }
}

static void cuda_close(tal_device *device)
{
    tal_cuda *cuda = device->state;
    if (cuda == NULL)
        return;
    if (cuda->context != NULL) {
        /* A lost device fails everything from here on; nothing can be done about it. */
        (void)cuda->driver.context_set(cuda->context);
        (void)cuda->driver.context_synchronize();
        tal_cuda_release(cuda);
        close_slots(cuda);
        if (cuda->last_done != NULL)
            (void)cuda->driver.event_destroy(cuda->last_done);
        if (cuda->module != NULL)
            (void)cuda->driver.module_unload(cuda->module);
        (void)cuda->driver.context_set(NULL);
        (void)cuda->driver.context_release(cuda->idx);
    }
    tal_buffer_deinit(&cuda->result_hits);
    tal_buffer_deinit(&cuda->result_scores);
    tal_free(cuda);
}

/* Where devices are on the bus; what the driver does not say stays unknown. */
static void find_addresses(const tal_cuda_driver *driver, int count, tal_pci_address *out_addresses)
{
    for (int i = 0; i < count && i < TAL_DEVICES_MAX; i++) {
        tal_pci_address own = {.bus = -1};
        int device;
        if (driver->device(&device, i) != TAL_CUDA_OK ||
            driver->device_attribute(&own.domain, TAL_CUDA_PCI_DOMAIN, device) != TAL_CUDA_OK ||
            driver->device_attribute(&own.slot, TAL_CUDA_PCI_DEVICE, device) != TAL_CUDA_OK ||
            driver->device_attribute(&own.bus, TAL_CUDA_PCI_BUS, device) != TAL_CUDA_OK)
            own.bus = -1;
        out_addresses[i] = own;
    }
}

/* Choose the device and describe it. */
static tal_status choose(tal_cuda *cuda)
{
    tal_device *device = cuda->device;
    const tal_cuda_driver *driver = &cuda->driver;
    tal_device_info *info = &device->info;
    int count = 0;
    int version = 0;
    int minor = 0;
    int handle_idx = 0;
    tal_status status = tal_cuda_check(cuda, driver->init(0), "start the driver");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, driver->device_count(&count), "count devices");
    if (status != TAL_OK)
        return status;
    tal_pci_address addresses[TAL_DEVICES_MAX];
    find_addresses(driver, count, addresses);
    status = tal_device_choose_idx(device, count, addresses, &handle_idx);
    if (status != TAL_OK)
        return status;
    status = tal_cuda_check(cuda, driver->device(&cuda->idx, handle_idx), "find the device");
    if (status == TAL_OK)
        status =
            tal_cuda_check(cuda, driver->device_name(info->name, sizeof(info->name), cuda->idx),
                           "ask for the name");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, driver->version(&version), "ask for the version");
    const struct {
        int attribute;
        int *value;
    } asked[] = {{TAL_CUDA_MULTIPROCESSORS, &info->unit_count},
                 {TAL_CUDA_UNIT_THREADS, &info->unit_threads},
                 {TAL_CUDA_CAPABILITY_MAJOR, &cuda->capability},
                 {TAL_CUDA_CAPABILITY_MINOR, &minor}};
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]) && status == TAL_OK; i++)
        status = tal_cuda_check(
            cuda, driver->device_attribute(asked[i].value, asked[i].attribute, cuda->idx),
            "ask for an attribute");
    (void)snprintf(info->platform, sizeof(info->platform),
                   "CUDA driver %d.%d, capability %d.%d, device %d", version / 1000,
                   version % 1000 / 10, cuda->capability, minor, handle_idx); /* May truncate. */
    return status;
}

/* Threads and shared memory of a block, batches in flight, the budget: what was asked for, within
 * what the device can do. */
static tal_status limit(tal_cuda *cuda)
{
    tal_device *device = cuda->device;
    const tal_device_params *params = &device->params;
    int shared = 0;
    size_t free_bytes = 0;
    size_t total_bytes = 0;
    tal_status status = tal_cuda_check(
        cuda, cuda->driver.device_attribute(&shared, TAL_CUDA_SHARED_BYTES_OPTIN, cuda->idx),
        "ask for the shared memory");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, cuda->driver.memory_info(&free_bytes, &total_bytes),
                                "ask for the memory");
    if (status != TAL_OK)
        return status;
    int threads =
        params->cuda_threads_per_block > 0 ? params->cuda_threads_per_block : THREADS_DEFAULT;
    threads = threads / TAL_CUDA_WARP * TAL_CUDA_WARP;
    threads = threads < TAL_CUDA_WARP ? TAL_CUDA_WARP : threads;
    int threads_max = cuda->capability >= 9 ? TAL_CUDA_THREADS_MAX : TAL_CUDA_THREADS_EARLY;
    cuda->threads = threads > threads_max ? threads_max : threads;

    size_t most = (size_t)shared - 64; /* two words of the kernel's own */
    size_t wanted = (size_t)params->cuda_shared_memory_kb * 1024;
    if (wanted == 0)
        wanted = most / 2 > SHARED_RESERVED ? most / 2 - SHARED_RESERVED : most;
    wanted = wanted > most ? most : wanted;
    cuda->shared_bytes = wanted > TAL_CUDA_SHARED_BYTES_MIN ? wanted : TAL_CUDA_SHARED_BYTES_MIN;

    int streams = params->cuda_streams > 0 ? params->cuda_streams : STREAMS_DEFAULT;
    cuda->slot_count = streams > TAL_DEVICE_SLOTS_MAX ? TAL_DEVICE_SLOTS_MAX : streams;
    tal_device_info *info = &device->info;
    uint64_t usable = FREE_SHARE((uint64_t)free_bytes);
    info->memory_bytes = total_bytes;
    info->budget_bytes =
        params->memory_bytes != 0 && params->memory_bytes < usable ? params->memory_bytes : usable;
    info->group_size = cuda->threads;
    info->slot_count = cuda->slot_count;
    return TAL_OK;
}

/* Find one kernel; kernels of profiles may take all the shared memory of a block. */
static tal_status find_kernel(tal_cuda *cuda, const char *prefix, const tal_cuda_shape *shape,
                              void **out_kernel)
{
    char name[64];
    if (shape != NULL)
        (void)snprintf(name, sizeof(name), "%s_%dx%d", prefix, shape->lanes, shape->rows);
    else
        (void)snprintf(name, sizeof(name), "%s", prefix); /* Fits. */
    tal_status status = tal_cuda_check(
        cuda, cuda->driver.module_function(out_kernel, cuda->module, name), "find a kernel");
    if (status != TAL_OK || shape == NULL)
        return status;
    return tal_cuda_check(cuda,
                          cuda->driver.function_set(*out_kernel, TAL_CUDA_FUNCTION_SHARED_MAX,
                                                    (int)cuda->shared_bytes),
                          "give a kernel its shared memory");
}

static tal_status find_kernels(tal_cuda *cuda)
{
    int error = cuda->driver.module_load(&cuda->module, tal_cuda_image);
    if (tal_cuda_image_bytes == 0 && error != TAL_CUDA_OK)
        return tal_device_fail(cuda->device, TAL_ERR_CONFIG,
                               "cuda: this program was built without CUDA kernels (no nvcc)");
    tal_status status = tal_cuda_check(cuda, error, "load the kernels");
    int extend = cuda->device->params.gap_extend;
    bool is_known = cuda->capability == 9 && extend >= 1 && extend <= TAL_CUDA_EXTEND_KNOWN;
    char score[32];
    char score_long[32];
    (void)snprintf(score, sizeof(score), is_known ? "tal_score_%d" : "tal_score", extend);
    (void)snprintf(score_long, sizeof(score_long),
                   is_known ? "tal_score_long_%d" : "tal_score_long", extend);
    const struct {
        const char *prefix;
        const tal_cuda_shape *shapes;
        int count;
        void **kernels;
    } kinds[] = {
        {score, tal_cuda_score_shapes, TAL_CUDA_SCORE_SHAPE_COUNT, cuda->score},
        {score_long, tal_cuda_long_shapes, TAL_CUDA_LONG_SHAPE_COUNT, cuda->score_long},
        {"tal_gapless", tal_cuda_gapless_shapes, TAL_CUDA_GAPLESS_SHAPE_COUNT, cuda->gapless},
        {"tal_gapless_long", tal_cuda_long_shapes, TAL_CUDA_LONG_SHAPE_COUNT, cuda->gapless_long},
        {"tal_score_wide", NULL, 1, &cuda->wide},
        {"tal_collect_sums", NULL, 1, &cuda->sums},
        {"tal_collect_hits", NULL, 1, &cuda->hits},
    };
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
        for (int i = 0; i < kinds[kind].count && status == TAL_OK; i++)
            status = find_kernel(cuda, kinds[kind].prefix,
                                 kinds[kind].shapes == NULL ? NULL : &kinds[kind].shapes[i],
                                 &kinds[kind].kernels[i]);
    return status;
}

static tal_status open_slots(tal_cuda *cuda)
{
    const tal_cuda_driver *driver = &cuda->driver;
    int error = driver->event_create(&cuda->last_done, 0);
    for (int i = 0; i < cuda->slot_count && error == TAL_CUDA_OK; i++) {
        tal_cuda_slot *slot = &cuda->slots[i];
        error = driver->stream_create(&slot->stream, TAL_CUDA_STREAM_NON_BLOCKING);
        if (error == TAL_CUDA_OK)
            error = driver->stream_create(&slot->side, TAL_CUDA_STREAM_NON_BLOCKING);
        void **events[] = {&slot->begin,  &slot->loaded,   &slot->fork,
                           &slot->joined, &slot->computed, &slot->done};
        for (size_t k = 0; k < sizeof(events) / sizeof(events[0]) && error == TAL_CUDA_OK; k++)
            error = driver->event_create(events[k], 0);
    }
    return tal_cuda_check(cuda, error, "make streams");
}

static tal_status cuda_open(tal_device *device)
{
    tal_cuda *cuda = tal_alloc_zero(sizeof(*cuda));
    device->state = cuda;
    if (cuda == NULL)
        return tal_device_fail(device, TAL_ERR_MEMORY, "cuda: out of memory");
    cuda->device = device;
    char reason[200];
    if (!tal_cuda_driver_load(&cuda->driver, reason, sizeof(reason)))
        return tal_device_fail(device, TAL_ERR_CONFIG, "cuda: no driver: %s", reason);
    tal_status status = choose(cuda);
    if (status != TAL_OK)
        return status;
    status = tal_cuda_check(cuda, cuda->driver.context_retain(&cuda->context, cuda->idx),
                            "make a context");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, cuda->driver.context_set(cuda->context), "enter the context");
    if (status == TAL_OK)
        status = limit(cuda);
    if (status == TAL_OK)
        status = find_kernels(cuda);
    if (status == TAL_OK)
        status = open_slots(cuda);
    return status;
}

const tal_device_backend *tal_device_backend_cuda(void)
{
    static const tal_device_backend backend = {
        .kind = TAL_DEVICE_CUDA,
        .open = cuda_open,
        .close = cuda_close,
        .reserve = tal_cuda_reserve,
        .upload = tal_cuda_upload,
        .submit = tal_cuda_submit,
        .poll = tal_cuda_poll,
        .collect = tal_cuda_collect,
    };
    return &backend;
}
