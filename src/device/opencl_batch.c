/* Batches of the OpenCL backend: queries in, kernels in their order, results out. */
#include "device/opencl_internal.h"

#include "base/alloc.h"

#include <string.h>

/* The batch's queries into the slot and on their way. */
static tal_status send_queries(tal_opencl *self, tal_opencl_slot *own)
{
    const tal_device_batch *batch = &own->batch;
    uint64_t row = 0;
    for (uint32_t i = 0; i < batch->query_count; i++) {
        const tal_device_query *query = &batch->queries[i];
        memcpy(own->host_profiles + row * TAL_OPENCL_PROFILE_STRIDE, query->profile,
               (size_t)query->len * TAL_OPENCL_PROFILE_STRIDE);
        own->host_rows[i] = row;
        own->host_lens[i] = query->len;
        own->host_cuts[i] = query->cut;
        row += (uint64_t)query->len;
    }
    uint64_t count = batch->query_count;
    own->sent_bytes =
        row * TAL_OPENCL_PROFILE_STRIDE + count * (sizeof(uint64_t) + 2 * sizeof(int32_t));
    tal_status status =
        tal_cl_write(self->cl, own->profiles, own->host_profiles, row * TAL_OPENCL_PROFILE_STRIDE);
    if (status == TAL_OK)
        status = tal_cl_write(self->cl, own->rows, own->host_rows, count * sizeof(uint64_t));
    if (status == TAL_OK)
        status = tal_cl_write(self->cl, own->lens, own->host_lens, count * sizeof(int32_t));
    if (status == TAL_OK)
        status = tal_cl_write(self->cl, own->cuts, own->host_cuts, count * sizeof(int32_t));
    if (status == TAL_OK)
        status = tal_cl_clear(self->cl, own->counters, sizeof(own->host_counters));
    if (status == TAL_OK)
        status = tal_cl_clear(self->cl, own->histogram, sizeof(own->host_histogram));
    return status;
}

static tal_cl_argument memory_of(tal_cl_memory *memory)
{
    return (tal_cl_argument){.memory = memory};
}

static tal_cl_argument word(uint32_t value)
{
    return (tal_cl_argument){.bytes = sizeof(uint32_t), .value = value};
}

static tal_cl_argument long_word(uint64_t value)
{
    return (tal_cl_argument){.bytes = sizeof(uint64_t), .value = value};
}

#define RUN(self, name, arguments, group_count)              \
    tal_cl_run((self)->cl, (self)->kernels[name], arguments, \
               sizeof(arguments) / sizeof((arguments)[0]), group_count, (size_t)(self)->lanes)

static tal_status run_scores(const tal_device *device, tal_opencl *self, tal_opencl_slot *own)
{
    const tal_device_batch *batch = &own->batch;
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    uint32_t open_extend = (uint32_t)(device->params.gap_open + device->params.gap_extend);
    uint32_t extend = (uint32_t)device->params.gap_extend;
    bool is_gapless = batch->task == TAL_DEVICE_GAPLESS;
    enum { OWN_ARGUMENT = 7 }; /* all others are the same for both kernels */
    tal_cl_argument arguments[] = {
        memory_of(self->letters),
        memory_of(self->offsets),
        word(batch->ref_begin),
        word(ref_count),
        memory_of(own->profiles),
        memory_of(own->rows),
        memory_of(own->lens),
        [OWN_ARGUMENT] = word(batch->query_count),
        word(open_extend),
        word(extend),
        memory_of(own->scores),
        memory_of(own->counters),
        memory_of(own->rescues),
        memory_of(self->borders),
        long_word(self->border_columns),
    };
    tal_status status =
        RUN(self, is_gapless ? TAL_OPENCL_GAPLESS : TAL_OPENCL_LOCAL, arguments, self->group_count);
    if (status != TAL_OK)
        return status;
    arguments[OWN_ARGUMENT] = word(is_gapless);
    return RUN(self, TAL_OPENCL_RESCUE, arguments, tal_opencl_wide_groups(self));
}

static tal_status run_counts(tal_opencl *self, tal_opencl_slot *own)
{
    const tal_device_batch *batch = &own->batch;
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    uint32_t pair_count = batch->query_count * ref_count;
    const tal_cl_argument reduce[] = {
        memory_of(own->scores),   word(pair_count),     memory_of(own->histogram),
        memory_of(own->counters), memory_of(own->sums),
    };
    tal_status status = RUN(self, TAL_OPENCL_REDUCE, reduce, self->group_count);
    if (status != TAL_OK)
        return status;
    const tal_cl_argument select[] = {
        memory_of(own->scores),   word(pair_count),     word(batch->ref_begin),
        word(ref_count),          memory_of(own->cuts), memory_of(own->counters),
        word(self->hit_capacity), memory_of(own->hits),
    };
    status = RUN(self, TAL_OPENCL_SELECT, select, self->group_count);
    if (status == TAL_OK)
        status = tal_cl_mark(self->cl, &own->computed);
    if (status == TAL_OK)
        status = tal_cl_read(self->cl, own->counters, own->host_counters,
                             sizeof(own->host_counters), false);
    if (status == TAL_OK)
        status = tal_cl_read(self->cl, own->histogram, own->host_histogram,
                             sizeof(own->host_histogram), false);
    if (status == TAL_OK)
        status = tal_cl_read(self->cl, own->sums, own->host_sums,
                             self->group_count * sizeof(uint64_t), false);
    return status;
}

tal_status tal_opencl_submit(tal_device *device, const tal_device_batch *batch)
{
    tal_opencl *self = device->state;
    tal_opencl_slot *own = &self->slots[self->next];
    own->batch = *batch;
    tal_status status = tal_cl_mark(self->cl, &own->begin);
    if (status == TAL_OK)
        status = send_queries(self, own);
    if (status == TAL_OK)
        status = tal_cl_mark(self->cl, &own->loaded);
    if (status == TAL_OK)
        status = run_scores(device, self, own);
    if (status == TAL_OK)
        status = run_counts(self, own);
    if (status == TAL_OK)
        status = tal_cl_mark(self->cl, &own->end);
    if (status == TAL_OK)
        self->next = (self->next + 1) % TAL_OPENCL_SLOTS;
    return status;
}

tal_status tal_opencl_poll(tal_device *device, bool *out_is_done)
{
    tal_opencl *self = device->state;
    return tal_cl_event_poll(self->cl, self->slots[self->oldest].end, out_is_done);
}

/* Hits that found no room on the device: taken from the dense scores. */
static tal_status find_hits(tal_opencl *self, const tal_opencl_slot *own)
{
    const tal_device_batch *batch = &own->batch;
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    for (uint32_t query = 0; query < batch->query_count; query++)
        for (uint32_t i = 0; i < ref_count; i++) {
            int32_t score = self->scores[(size_t)query * ref_count + i];
            if (score < batch->queries[query].cut)
                continue;
            tal_device_hit hit = {.query = query, .ref = batch->ref_begin + i, .score = score};
            tal_status status = tal_buffer_append(&self->hits, &hit, sizeof(hit));
            if (status != TAL_OK)
                return status;
        }
    return TAL_OK;
}

/* Bring hits, and all scores where they are wanted, to the host. */
static tal_status fetch(tal_device *device, tal_opencl *self, tal_opencl_slot *own)
{
    const tal_device_batch *batch = &own->batch;
    size_t pair_count = (size_t)batch->query_count * (batch->ref_end - batch->ref_begin);
    uint32_t hit_count = own->host_counters[2];
    bool has_room = hit_count <= self->hit_capacity;
    tal_buffer_reset(&self->hits);
    if (batch->wants_all || !has_room) {
        if (self->scores == NULL)
            self->scores = tal_alloc_array((size_t)device->shape.pair_count, sizeof(int32_t));
        if (self->scores == NULL)
            return tal_device_fail(device, TAL_ERR_MEMORY, "opencl: out of memory");
        tal_status status =
            tal_cl_read(self->cl, own->scores, self->scores, pair_count * sizeof(int32_t), true);
        if (status != TAL_OK)
            return status;
    }
    if (!has_room)
        return find_hits(self, own);
    size_t bytes = (size_t)hit_count * sizeof(tal_device_hit);
    tal_status status = tal_buffer_reserve(&self->hits, bytes);
    if (status != TAL_OK)
        return status;
    self->hits.bytes = bytes;
    return tal_cl_read(self->cl, own->hits, self->hits.data, bytes, true);
}

/* Nanoseconds from the end of one event to that of another. */
static uint64_t between(const tal_opencl *self, tal_cl_event *first, tal_cl_event *second)
{
    uint64_t begin = tal_cl_event_ns(self->cl, first);
    uint64_t end = tal_cl_event_ns(self->cl, second);
    return end > begin ? end - begin : 0;
}

/* Work groups of a unit, by those that are started and by local memory. */
static int resident_groups(const tal_device *device, const tal_opencl *self, tal_device_task task)
{
    int units = device->info.unit_count < 1 ? 1 : device->info.unit_count;
    int started = (int)self->group_count / units;
    uint64_t own =
        self->local_bytes[task == TAL_DEVICE_GAPLESS ? TAL_OPENCL_GAPLESS : TAL_OPENCL_LOCAL];
    uint64_t held = own == 0 ? UINT64_MAX : tal_cl_facts_get(self->cl)->local_bytes / own;
    return held < (uint64_t)started ? (int)held : started;
}

tal_status tal_opencl_collect(tal_device *device, tal_device_result *out_result)
{
    tal_opencl *self = device->state;
    tal_opencl_slot *own = &self->slots[self->oldest];
    tal_status status = tal_cl_event_wait(self->cl, own->end);
    if (status == TAL_OK)
        status = fetch(device, self, own);
    if (status != TAL_OK)
        return status;
    uint64_t compute_ns = between(self, own->begin, own->end);
    uint64_t copy_ns =
        between(self, own->begin, own->loaded) + between(self, own->computed, own->end);
    tal_opencl_destroy_events(self->cl, own);
    for (int bin = 0; bin < TAL_DEVICE_BINS; bin++)
        self->histogram[bin] = own->host_histogram[bin];
    tal_device_result result = {
        .tag = own->batch.tag,
        .hits = (const tal_device_hit *)(const void *)self->hits.data,
        .hit_count = self->hits.bytes / sizeof(tal_device_hit),
        .scores = own->batch.wants_all ? self->scores : NULL,
        .histogram = self->histogram,
        .score_max = (int32_t)own->host_counters[3],
        .rescue_count = own->host_counters[1],
        .compute_ns = compute_ns,
        .copy_ns = copy_ns,
        .copy_bytes = own->sent_bytes + sizeof(own->host_counters) + sizeof(own->host_histogram) +
                      self->group_count * sizeof(uint64_t) + self->hits.bytes,
        .resident_groups = resident_groups(device, self, own->batch.task),
    };
    for (size_t i = 0; i < self->group_count; i++)
        result.score_sum += own->host_sums[i];
    self->oldest = (self->oldest + 1) % TAL_OPENCL_SLOTS;
    *out_result = result;
    return TAL_OK;
}
