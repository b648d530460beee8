/* Memory of the OpenCL backend: what a shape needs, its reservation, and the references. */
#include "device/opencl_internal.h"

#include "base/alloc.h"

enum {
    WIDE_ROWS = 8, /* as rescue.cl */
    WIDE_GROUPS_MAX = 64,
    PAIRS_MAX = 1 << 30, /* pairs are counted in 32 bit on the device */
};

/* Borders of long queries: two pairs, or two wide values, a column. */
#define BORDER_BYTES 8

void tal_opencl_destroy_events(tal_cl *cl, tal_opencl_slot *own)
{
    tal_cl_event **const events[] = {&own->begin, &own->loaded, &own->computed, &own->end};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        tal_cl_event_destroy(cl, *events[i]);
        *events[i] = NULL;
    }
}

static void slot_release(tal_cl *cl, tal_opencl_slot *own)
{
    tal_cl_memory *const memory[] = {own->profiles,  own->rows,    own->lens, own->cuts,
                                     own->scores,    own->rescues, own->hits, own->counters,
                                     own->histogram, own->sums};
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        tal_cl_memory_destroy(cl, memory[i]);
    tal_opencl_destroy_events(cl, own);
    tal_free(own->host_profiles);
    tal_free(own->host_rows);
    tal_free(own->host_lens);
    tal_free(own->host_cuts);
    tal_free(own->host_sums);
    *own = (tal_opencl_slot){0};
}

/* Everything a reservation took. */
void tal_opencl_release(tal_opencl *self)
{
    for (int i = 0; i < TAL_OPENCL_SLOTS; i++)
        slot_release(self->cl, &self->slots[i]);
    tal_cl_memory_destroy(self->cl, self->letters);
    tal_cl_memory_destroy(self->cl, self->offsets);
    tal_cl_memory_destroy(self->cl, self->borders);
    self->letters = self->offsets = self->borders = NULL;
    tal_free(self->scores);
    self->scores = NULL;
    self->next = self->oldest = 0;
}

/* Sizes of everything a shape needs, in bytes. */
typedef struct needs {
    uint64_t letters, offsets, borders;
    uint64_t profiles, rows, lens, scores, rescues, hits, sums;
    uint64_t total;
} needs;

size_t tal_opencl_wide_groups(const tal_opencl *self)
{
    return self->group_count < WIDE_GROUPS_MAX ? self->group_count : WIDE_GROUPS_MAX;
}

/* Hits that have room; more are read from the dense scores. */
static uint32_t hit_capacity(const tal_device_shape *shape)
{
    return (uint32_t)(shape->pair_count / 8 + 1024);
}

static needs count_needs(const tal_opencl *self, const tal_device_shape *shape)
{
    needs need = {
        .letters = shape->ref_residue_count,
        .offsets = ((uint64_t)shape->ref_count + 1) * sizeof(uint64_t),
        .profiles = shape->query_residue_count * TAL_OPENCL_PROFILE_STRIDE,
        .rows = (uint64_t)shape->query_count * sizeof(uint64_t),
        .lens = (uint64_t)shape->query_count * sizeof(int32_t),
        .scores = shape->pair_count * sizeof(int32_t),
        .rescues = shape->pair_count * sizeof(uint32_t),
        .hits = (uint64_t)hit_capacity(shape) * sizeof(tal_device_hit),
        .sums = (uint64_t)self->group_count * sizeof(uint64_t),
    };
    uint64_t tile = (uint64_t)self->group * TAL_OPENCL_LANE_ROWS;
    uint64_t columns = (uint64_t)shape->ref_len_max * BORDER_BYTES;
    uint64_t groups = (uint64_t)self->group_count * (uint64_t)(self->lanes / self->group);
    if ((uint64_t)shape->query_len_max > tile)
        need.borders = columns * groups;
    uint64_t wide = columns * tal_opencl_wide_groups(self);
    if (shape->query_len_max > self->lanes * WIDE_ROWS && wide > need.borders)
        need.borders = wide;
    need.total = need.letters + need.offsets + need.borders +
                 TAL_OPENCL_SLOTS * (need.profiles + need.rows + 2 * need.lens + need.scores +
                                     need.rescues + need.hits + need.sums + 8 * TAL_DEVICE_BINS);
    return need;
}

static tal_status slot_reserve(tal_opencl *self, tal_opencl_slot *own,
                               const tal_device_shape *shape, const needs *need)
{
    const struct {
        tal_cl_memory **memory;
        uint64_t bytes;
    } all[] = {
        {&own->profiles, need->profiles}, {&own->rows, need->rows},
        {&own->lens, need->lens},         {&own->cuts, need->lens},
        {&own->scores, need->scores},     {&own->rescues, need->rescues},
        {&own->hits, need->hits},         {&own->counters, sizeof(own->host_counters)},
        {&own->sums, need->sums},         {&own->histogram, sizeof(own->host_histogram)},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        tal_status status = tal_cl_memory_create(self->cl, all[i].bytes, all[i].memory);
        if (status != TAL_OK)
            return status;
    }
    own->host_profiles = tal_alloc((size_t)need->profiles);
    own->host_rows = tal_alloc_array(shape->query_count, sizeof(*own->host_rows));
    own->host_lens = tal_alloc_array(shape->query_count, sizeof(*own->host_lens));
    own->host_cuts = tal_alloc_array(shape->query_count, sizeof(*own->host_cuts));
    own->host_sums = tal_alloc_array(self->group_count, sizeof(*own->host_sums));
    if (own->host_profiles == NULL || own->host_rows == NULL || own->host_lens == NULL ||
        own->host_cuts == NULL || own->host_sums == NULL)
        return TAL_ERR_MEMORY;
    return TAL_OK;
}

tal_status tal_opencl_reserve(tal_device *device, const tal_device_shape *shape)
{
    tal_opencl *self = device->state;
    tal_opencl_release(self);
    if (shape->pair_count > PAIRS_MAX)
        return tal_device_fail(device, TAL_ERR_MEMORY, "opencl: a batch of %llu pairs; at most %d",
                               (unsigned long long)shape->pair_count, PAIRS_MAX);
    needs need = count_needs(self, shape);
    if (need.total > device->info.budget_bytes)
        return tal_device_fail(device, TAL_ERR_MEMORY,
                               "opencl: %llu MiB are needed and the budget (gpu_memory_gb) is %llu",
                               (unsigned long long)(need.total >> 20) + 1,
                               (unsigned long long)(device->info.budget_bytes >> 20));
    self->border_columns = need.borders > 0 ? (uint64_t)shape->ref_len_max : 0;
    self->hit_capacity = hit_capacity(shape);
    tal_status status = tal_cl_memory_create(self->cl, need.letters, &self->letters);
    if (status == TAL_OK)
        status = tal_cl_memory_create(self->cl, need.offsets, &self->offsets);
    if (status == TAL_OK)
        status = tal_cl_memory_create(self->cl, need.borders, &self->borders);
    for (int i = 0; i < TAL_OPENCL_SLOTS && status == TAL_OK; i++)
        status = slot_reserve(self, &self->slots[i], shape, &need);
    if (status != TAL_OK)
        tal_opencl_release(self);
    return status;
}

tal_status tal_opencl_upload(tal_device *device, const tal_device_references *references)
{
    tal_opencl *self = device->state;
    uint64_t offset_bytes = ((uint64_t)references->count + 1) * sizeof(uint64_t);
    tal_status status = tal_cl_write(self->cl, self->letters, references->letters,
                                     references->offsets[references->count]);
    if (status == TAL_OK)
        status = tal_cl_write(self->cl, self->offsets, references->offsets, offset_bytes);
    return status == TAL_OK ? tal_cl_finish(self->cl) : status;
}
