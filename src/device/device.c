/* Devices: choice, contract checks, failure; see device.h. The work is done by backends. */
#include "device/backend.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *tal_device_kind_name(tal_device_kind kind)
{
    static const char *const names[TAL_DEVICE_KIND_COUNT] = {"auto", "cuda", "opencl", "host"};
    return names[kind];
}

tal_status tal_device_fail(tal_device *device, tal_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(device->message, sizeof(device->message), format,
                    arguments); /* May truncate. */
    va_end(arguments);
    return status;
}

/* By place, where ranks are known and the choice is free; else -1. */
static int choose_by_place(const tal_device *device, int device_count,
                           const tal_pci_address *addresses)
{
    const tal_device_params *params = &device->params;
    if (params->device_idx != 0 || params->rank_places == NULL || params->find_places == NULL)
        return -1;
    int count = device_count < TAL_DEVICES_MAX ? device_count : TAL_DEVICES_MAX;
    int places[TAL_DEVICES_MAX];
    int *devices = tal_alloc_array((size_t)params->rank_count, sizeof(*devices));
    if (devices == NULL)
        return -1; /* In turn is as right. */
    params->find_places(addresses, count, places);
    tal_device_deal(params->rank_places, params->rank_count, places, count, devices);
    int own = devices[params->node_rank];
    tal_free(devices);
    return own;
}

tal_status tal_device_choose_idx(tal_device *device, int device_count,
                                 const tal_pci_address *addresses, int *out_idx)
{
    int wanted = device->params.device_idx;
    if (device_count == 0)
        return tal_device_fail(device, TAL_ERR_CONFIG, "%s: no device found",
                               tal_device_kind_name(device->backend->kind));
    if (wanted < 0 || wanted >= device_count)
        return tal_device_fail(
            device, TAL_ERR_CONFIG, "%s: there is no device %d, only 0 to %d; change gpu_device",
            tal_device_kind_name(device->backend->kind), wanted, device_count - 1);
    int by_place = choose_by_place(device, device_count, addresses);
    *out_idx = by_place >= 0 ? by_place : (wanted + device->params.node_rank) % device_count;
    return TAL_OK;
}

/* Try one backend; on failure the device is as before but for its message. */
static tal_status open_backend(tal_device *device, const tal_device_backend *backend)
{
    device->backend = backend;
    device->info = (tal_device_info){.kind = backend->kind, .slot_count = 1};
    tal_status status = backend->open(device);
    if (status != TAL_OK) {
        backend->close(device);
        device->backend = NULL;
        device->state = NULL;
        device->info = (tal_device_info){.kind = backend->kind};
        return status;
    }
    tal_device_info *info = &device->info;
    info->kind = backend->kind;
    TAL_ASSERT(info->slot_count >= 1);
    TAL_ASSERT(info->slot_count <= TAL_DEVICE_SLOTS_MAX);
    char shuffles[48] = "";
    if (info->sub_group_size > 0)
        (void)snprintf(shuffles, sizeof(shuffles), " in sub-groups of %d", info->sub_group_size);
    (void)snprintf(info->text, sizeof(info->text),
                   "%s: %s (%s), %d units, groups of %d%s, %.3g of %.3g GiB",
                   tal_device_kind_name(info->kind), info->name, info->platform, info->unit_count,
                   info->group_size, shuffles, (double)info->budget_bytes / (1 << 30),
                   (double)info->memory_bytes / (1 << 30)); /* May truncate. */
    device->message[0] = '\0';
    return TAL_OK;
}

static tal_status open_first(tal_device *device)
{
    const tal_device_backend *const backends[] = {tal_device_backend_cuda(),
                                                  tal_device_backend_opencl()};
    char reasons[sizeof(device->message)] = "";
    size_t used = 0;
    tal_status status = TAL_ERR_CONFIG;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        status = open_backend(device, backends[i]);
        if (status == TAL_OK)
            return TAL_OK;
        int more = snprintf(reasons + used, sizeof(reasons) - used, "%s%s", i == 0 ? "" : "; ",
                            device->message);
        used += more < 0 ? 0 : (size_t)more;
        used = used < sizeof(reasons) ? used : sizeof(reasons) - 1;
    }
    return tal_device_fail(device, status, "%s", reasons);
}

tal_status tal_device_open(const tal_device_params *params, tal_device **out_device)
{
    TAL_ASSERT(params->gap_open >= 0 && params->gap_extend >= 0);
    TAL_ASSERT(params->gap_open + params->gap_extend >= 1);
    TAL_ASSERT(params->gap_open + params->gap_extend <= TAL_DEVICE_GAP_MAX);
    TAL_ASSERT(params->code_count >= 1 && params->code_count <= 31);
    tal_device *device = tal_alloc_zero(sizeof(*device));
    *out_device = device;
    if (device == NULL)
        return TAL_ERR_MEMORY;
    device->params = *params;
    switch (params->kind) {
    case TAL_DEVICE_CUDA:
        return open_backend(device, tal_device_backend_cuda());
    case TAL_DEVICE_OPENCL:
        return open_backend(device, tal_device_backend_opencl());
    case TAL_DEVICE_HOST:
        return open_backend(device, tal_device_backend_host());
    default:
        return open_first(device);
    }
}

void tal_device_close(tal_device *device)
{
    if (device == NULL)
        return;
    if (device->backend != NULL)
        device->backend->close(device);
    tal_free(device);
}

const char *tal_device_message(const tal_device *device)
{
    return device->message;
}

const tal_device_info *tal_device_describe(const tal_device *device)
{
    return &device->info;
}

int tal_device_in_flight(const tal_device *device)
{
    return device->in_flight;
}

/* Remember a lost device; its batches are gone. */
static tal_status note(tal_device *device, tal_status status)
{
    if (status == TAL_ERR_IO) {
        device->is_lost = true;
        device->in_flight = 0;
    }
    return status;
}

tal_status tal_device_reserve(tal_device *device, const tal_device_shape *shape)
{
    TAL_ASSERT(device->in_flight == 0);
    TAL_ASSERT(!device->params.is_probe);
    TAL_ASSERT(shape->ref_count >= 1 && shape->query_count >= 1);
    TAL_ASSERT(shape->ref_len_max >= 1 && shape->query_len_max >= 1);
    device->ref_count = 0;
    device->shape = (tal_device_shape){0};
    if (device->is_lost)
        return TAL_ERR_IO;
    tal_status status = note(device, device->backend->reserve(device, shape));
    if (status == TAL_OK)
        device->shape = *shape;
    return status;
}

tal_status tal_device_upload(tal_device *device, const tal_device_references *references)
{
    TAL_ASSERT(device->in_flight == 0);
    TAL_ASSERT(references->count >= 1 && references->count <= device->shape.ref_count);
    TAL_ASSERT(references->offsets[references->count] <= device->shape.ref_residue_count);
    TAL_ASSERT(references->offsets[1] <= (uint64_t)device->shape.ref_len_max);
    if (device->is_lost)
        return TAL_ERR_IO;
    tal_status status = note(device, device->backend->upload(device, references));
    device->ref_count = status == TAL_OK ? references->count : 0;
    return status;
}

static void check_batch(const tal_device *device, const tal_device_batch *batch)
{
    const tal_device_shape *shape = &device->shape;
    uint64_t residues = 0;
    TAL_ASSERT(batch->task < TAL_DEVICE_TASK_COUNT);
    TAL_ASSERT(batch->query_count >= 1 && batch->query_count <= shape->query_count);
    TAL_ASSERT(batch->ref_begin < batch->ref_end && batch->ref_end <= device->ref_count);
    TAL_ASSERT((uint64_t)batch->query_count * (batch->ref_end - batch->ref_begin) <=
               shape->pair_count);
    for (uint32_t i = 0; i < batch->query_count; i++) {
        const tal_device_query *query = &batch->queries[i];
        TAL_ASSERT(query->len >= 1 && query->cut >= 0);
        TAL_ASSERT(query->len <= (i == 0 ? shape->query_len_max : batch->queries[i - 1].len));
        residues += (uint64_t)query->len;
    }
    TAL_ASSERT(residues <= shape->query_residue_count);
}

tal_status tal_device_submit(tal_device *device, const tal_device_batch *batch)
{
    TAL_ASSERT(device->in_flight < device->info.slot_count);
    if (device->is_lost)
        return TAL_ERR_IO;
    check_batch(device, batch);
    device->submit_count++;
    if (device->submit_count == device->params.fail_at)
        return note(device, tal_device_fail(device, TAL_ERR_IO,
                                            "%s: launch %llu failed as asked (TALARIA_DEVICE_FAIL)",
                                            tal_device_kind_name(device->info.kind),
                                            (unsigned long long)device->submit_count));
    tal_status status = note(device, device->backend->submit(device, batch));
    if (status == TAL_OK)
        device->in_flight++;
    return status;
}

tal_status tal_device_poll(tal_device *device, bool *out_is_done)
{
    if (device->is_lost)
        return TAL_ERR_IO;
    TAL_ASSERT(device->in_flight >= 1);
    return note(device, device->backend->poll(device, out_is_done));
}

tal_status tal_device_collect(tal_device *device, tal_device_result *out_result)
{
    if (device->is_lost)
        return TAL_ERR_IO;
    TAL_ASSERT(device->in_flight >= 1);
    tal_status status = device->backend->collect(device, out_result);
    if (status == TAL_OK)
        device->in_flight--;
    return note(device, status);
}
