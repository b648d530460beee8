/* The OpenCL backend: memory, slots and the order of kernels; see kernels/opencl.
 *
 * A batch goes through one queue: its queries in, then the score kernel over the dense matrix of
 * pairs (which never leaves the device unless asked), the rescue kernel over the pairs that 16 bit
 * could not hold, the reduction, the selection of hits, and the counts out. Two slots: while one
 * batch runs, the host prepares the next.
 */
#include "device/opencl_driver.h"
#include "device/opencl_source.h"

#include "base/alloc.h"
#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

enum {
    SLOTS = 2,
    PROFILE_STRIDE = 32,
    GROUP_LANES = 16, /* lanes of one reference, where a work group has as many */
    LANE_ROWS = 16,
    WIDE_ROWS = 8, /* as rescue.cl */
    WIDE_GROUPS_MAX = 64,
    GROUPS_PER_UNIT = 8, /* work groups of a compute unit; of a processor: 1 */
    GROUP_SIZE_DEFAULT = 256,
    PAIRS_MAX = 1 << 30, /* pairs are counted in 32 bit on the device */
    COUNTERS = 4,        /* unit, rescues, hits, largest score */
};

/* Borders of long queries: two pairs, or two wide values, a column. */
#define BORDER_BYTES 8

typedef enum kernel_name {
    KERNEL_LOCAL = 0,
    KERNEL_GAPLESS,
    KERNEL_RESCUE,
    KERNEL_REDUCE,
    KERNEL_SELECT,
    KERNEL_COUNT
} kernel_name;

/* One batch in flight. */
typedef struct slot {
    tal_cl_memory *profiles, *rows, *lens, *cuts;
    tal_cl_memory *scores, *rescues, *hits;
    tal_cl_memory *counters, *histogram, *sums;
    int8_t *host_profiles; /* what is on its way to the device */
    uint64_t *host_rows;
    int32_t *host_lens, *host_cuts;
    uint32_t host_counters[COUNTERS]; /* what comes back */
    uint32_t host_histogram[TAL_DEVICE_BINS];
    uint64_t *host_sums;
    tal_cl_event *begin, *loaded, *computed, *end;
    tal_device_batch batch;
    uint64_t sent_bytes;
} slot;

typedef struct opencl_state {
    tal_cl *cl;
    tal_cl_kernel *kernels[KERNEL_COUNT];
    uint64_t local_bytes[KERNEL_COUNT]; /* of a work group */
    int lanes;                          /* work items of a group */
    int group;                          /* lanes of one reference */
    size_t group_count;
    tal_cl_memory *letters, *offsets, *borders;
    uint64_t border_columns; /* of one reference */
    uint32_t hit_capacity;
    slot slots[SLOTS];
    int next, oldest;
    tal_buffer hits;
    int32_t *scores; /* of the batch last collected, when all are asked for */
    uint64_t histogram[TAL_DEVICE_BINS];
} opencl_state;

static const char *const kernel_names[KERNEL_COUNT] = {"tal_score_local", "tal_score_gapless",
                                                       "tal_rescue", "tal_reduce", "tal_select"};

static void destroy_events(tal_cl *cl, slot *own)
{
    tal_cl_event **const events[] = {&own->begin, &own->loaded, &own->computed, &own->end};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        tal_cl_event_destroy(cl, *events[i]);
        *events[i] = NULL;
    }
}

static void slot_release(tal_cl *cl, slot *own)
{
    tal_cl_memory *const memory[] = {own->profiles,  own->rows,    own->lens, own->cuts,
                                     own->scores,    own->rescues, own->hits, own->counters,
                                     own->histogram, own->sums};
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        tal_cl_memory_destroy(cl, memory[i]);
    destroy_events(cl, own);
    tal_free(own->host_profiles);
    tal_free(own->host_rows);
    tal_free(own->host_lens);
    tal_free(own->host_cuts);
    tal_free(own->host_sums);
    *own = (slot){0};
}

/* Everything a reservation took. */
static void release(opencl_state *self)
{
    for (int i = 0; i < SLOTS; i++)
        slot_release(self->cl, &self->slots[i]);
    tal_cl_memory_destroy(self->cl, self->letters);
    tal_cl_memory_destroy(self->cl, self->offsets);
    tal_cl_memory_destroy(self->cl, self->borders);
    self->letters = self->offsets = self->borders = NULL;
    tal_free(self->scores);
    self->scores = NULL;
    self->next = self->oldest = 0;
}

static void opencl_close(tal_device *device)
{
    opencl_state *self = device->state;
    if (self == NULL)
        return;
    if (self->cl != NULL) {
        if (device->in_flight > 0)
            (void)tal_cl_finish(self->cl); /* Its memory goes either way. */
        release(self);
        for (int i = 0; i < KERNEL_COUNT; i++)
            tal_cl_kernel_destroy(self->cl, self->kernels[i]);
        tal_cl_close(self->cl);
    }
    tal_buffer_deinit(&self->hits);
    tal_free(self);
}

/* The kernels' text, after what tests put before it; to be freed. NULL: out of memory. */
static char *make_source(const char *prelude)
{
    prelude = prelude == NULL ? "" : prelude;
    size_t bytes = strlen(prelude) + strlen(tal_opencl_source) + 1;
    char *source = tal_alloc(bytes);
    if (source != NULL)
        (void)snprintf(source, bytes, "%s%s", prelude, tal_opencl_source); /* Fits. */
    return source;
}

/* Compile for work groups of `lanes`; *out_lanes_max is what the kernels can run with. */
static tal_status build(const tal_device *device, opencl_state *self, int lanes,
                        bool has_sub_groups, int *out_lanes_max)
{
    for (int i = 0; i < KERNEL_COUNT; i++) {
        tal_cl_kernel_destroy(self->cl, self->kernels[i]);
        self->kernels[i] = NULL;
    }
    self->group = GROUP_LANES;
    while (self->group > lanes)
        self->group /= 2;
    self->lanes = lanes / self->group * self->group;
    bool is_of_device = has_sub_groups && device->params.opencl_prelude == NULL;
    const char *language = !is_of_device                               ? "CL1.2"
                           : tal_cl_facts_get(self->cl)->version >= 30 ? "CL3.0"
                                                                       : "CL2.0";
    char options[200];
    (void)snprintf(options, sizeof(options),
                   "-cl-std=%s -D GROUP=%d -D ROWS=%d -D LANES=%d -D CODES=%d%s", language,
                   self->group, LANE_ROWS, self->lanes, device->params.code_count,
                   has_sub_groups ? " -D SUBGROUPS" : "");
    char *source = make_source(device->params.opencl_prelude);
    tal_status status = source == NULL ? TAL_ERR_MEMORY : tal_cl_build(self->cl, source, options);
    tal_free(source);
    *out_lanes_max = self->lanes;
    for (int i = 0; i < KERNEL_COUNT && status == TAL_OK; i++) {
        size_t lanes_max = 0;
        status = tal_cl_kernel_create(self->cl, kernel_names[i], &self->kernels[i], &lanes_max,
                                      &self->local_bytes[i]);
        if (status == TAL_OK && lanes_max < (size_t)*out_lanes_max)
            *out_lanes_max = (int)lanes_max;
    }
    return status;
}

/* The size of the score kernels' sub-groups if they divide the work group and are divided by the
 * lanes of a reference; else 0. */
static int usable_sub_group(const tal_device *device, opencl_state *self)
{
    size_t size = (size_t)device->params.opencl_sub_group_size;
    if (device->params.opencl_prelude == NULL)
        size = tal_cl_sub_group_size(self->cl, self->kernels[KERNEL_LOCAL], (size_t)self->lanes);
    bool is_usable = size > 0 && size % (size_t)self->group == 0 && (size_t)self->lanes % size == 0;
    return is_usable ? (int)size : 0;
}

/* Kernels that use sub-groups, where the device has fitting ones. */
static bool build_with_sub_groups(tal_device *device, opencl_state *self, int lanes)
{
    if (!tal_cl_facts_get(self->cl)->has_sub_groups && device->params.opencl_prelude == NULL)
        return false;
    int lanes_max;
    if (build(device, self, lanes, true, &lanes_max) != TAL_OK || lanes_max < self->lanes)
        return false;
    device->info.sub_group_size = usable_sub_group(device, self);
    return device->info.sub_group_size > 0;
}

/* The configured size of work groups, less where device or kernels allow no more. */
static tal_status build_kernels(tal_device *device, opencl_state *self)
{
    const tal_cl_facts *facts = tal_cl_facts_get(self->cl);
    int lanes = device->params.opencl_work_group_size;
    lanes = lanes == 0 ? GROUP_SIZE_DEFAULT : lanes;
    if ((size_t)lanes > facts->group_size_max)
        lanes = (int)facts->group_size_max;
    if (build_with_sub_groups(device, self, lanes))
        return TAL_OK;
    for (;;) {
        int lanes_max;
        tal_status status = build(device, self, lanes, false, &lanes_max);
        if (status != TAL_OK || lanes_max >= self->lanes)
            return status;
        if (lanes_max < 1)
            return tal_device_fail(device, TAL_ERR_CONFIG,
                                   "opencl: '%s' cannot run the kernels: too little local memory",
                                   device->info.name);
        lanes = lanes_max;
    }
}

static tal_status opencl_open(tal_device *device)
{
    opencl_state *self = tal_alloc_zero(sizeof(*self));
    device->state = self;
    if (self == NULL)
        return tal_device_fail(device, TAL_ERR_MEMORY, "opencl: out of memory");
    tal_status status = tal_cl_open(device, &self->cl);
    if (status != TAL_OK)
        return status;
    const tal_cl_facts *facts = tal_cl_facts_get(self->cl);
    if (!facts->has_compiler)
        return tal_device_fail(device, TAL_ERR_CONFIG, "opencl: '%s' has no compiler for kernels",
                               device->info.name);
    self->lanes = device->params.opencl_work_group_size;
    status = device->params.is_probe ? TAL_OK : build_kernels(device, self);
    if (status != TAL_OK)
        return status;
    tal_device_info *info = &device->info;
    info->memory_bytes = facts->memory_bytes;
    info->budget_bytes = device->params.memory_bytes;
    if (info->budget_bytes == 0 || info->budget_bytes > info->memory_bytes)
        info->budget_bytes = info->memory_bytes;
    info->unit_count = facts->unit_count;
    info->group_size = self->lanes;
    info->slot_count = SLOTS;
    info->is_cpu = facts->is_cpu;
    self->group_count = (size_t)facts->unit_count * (facts->is_cpu ? 1 : GROUPS_PER_UNIT);
    self->group_count = self->group_count < 1 ? 1 : self->group_count;
    return TAL_OK;
}

/* Sizes of everything a shape needs, in bytes. */
typedef struct needs {
    uint64_t letters, offsets, borders;
    uint64_t profiles, rows, lens, scores, rescues, hits, sums;
    uint64_t total;
} needs;

static size_t wide_group_count(const opencl_state *self)
{
    return self->group_count < WIDE_GROUPS_MAX ? self->group_count : WIDE_GROUPS_MAX;
}

/* Hits that have room; more are read from the dense scores. */
static uint32_t hit_capacity(const tal_device_shape *shape)
{
    return (uint32_t)(shape->pair_count / 8 + 1024);
}

static needs count_needs(const opencl_state *self, const tal_device_shape *shape)
{
    needs need = {
        .letters = shape->ref_residue_count,
        .offsets = ((uint64_t)shape->ref_count + 1) * sizeof(uint64_t),
        .profiles = shape->query_residue_count * PROFILE_STRIDE,
        .rows = (uint64_t)shape->query_count * sizeof(uint64_t),
        .lens = (uint64_t)shape->query_count * sizeof(int32_t),
        .scores = shape->pair_count * sizeof(int32_t),
        .rescues = shape->pair_count * sizeof(uint32_t),
        .hits = (uint64_t)hit_capacity(shape) * sizeof(tal_device_hit),
        .sums = (uint64_t)self->group_count * sizeof(uint64_t),
    };
    uint64_t tile = (uint64_t)self->group * LANE_ROWS;
    uint64_t columns = (uint64_t)shape->ref_len_max * BORDER_BYTES;
    uint64_t groups = (uint64_t)self->group_count * (uint64_t)(self->lanes / self->group);
    if ((uint64_t)shape->query_len_max > tile)
        need.borders = columns * groups;
    uint64_t wide = columns * wide_group_count(self);
    if (shape->query_len_max > self->lanes * WIDE_ROWS && wide > need.borders)
        need.borders = wide;
    need.total = need.letters + need.offsets + need.borders +
                 SLOTS * (need.profiles + need.rows + 2 * need.lens + need.scores + need.rescues +
                          need.hits + need.sums + 8 * TAL_DEVICE_BINS);
    return need;
}

static tal_status slot_reserve(opencl_state *self, slot *own, const tal_device_shape *shape,
                               const needs *need)
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

static tal_status opencl_reserve(tal_device *device, const tal_device_shape *shape)
{
    opencl_state *self = device->state;
    release(self);
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
    for (int i = 0; i < SLOTS && status == TAL_OK; i++)
        status = slot_reserve(self, &self->slots[i], shape, &need);
    if (status != TAL_OK)
        release(self);
    return status;
}

static tal_status opencl_upload(tal_device *device, const tal_device_references *references)
{
    opencl_state *self = device->state;
    uint64_t offset_bytes = ((uint64_t)references->count + 1) * sizeof(uint64_t);
    tal_status status = tal_cl_write(self->cl, self->letters, references->letters,
                                     references->offsets[references->count]);
    if (status == TAL_OK)
        status = tal_cl_write(self->cl, self->offsets, references->offsets, offset_bytes);
    return status == TAL_OK ? tal_cl_finish(self->cl) : status;
}

/* The batch's queries into the slot and on their way. */
static tal_status send_queries(opencl_state *self, slot *own)
{
    const tal_device_batch *batch = &own->batch;
    uint64_t row = 0;
    for (uint32_t i = 0; i < batch->query_count; i++) {
        const tal_device_query *query = &batch->queries[i];
        memcpy(own->host_profiles + row * PROFILE_STRIDE, query->profile,
               (size_t)query->len * PROFILE_STRIDE);
        own->host_rows[i] = row;
        own->host_lens[i] = query->len;
        own->host_cuts[i] = query->cut;
        row += (uint64_t)query->len;
    }
    uint64_t count = batch->query_count;
    own->sent_bytes = row * PROFILE_STRIDE + count * (sizeof(uint64_t) + 2 * sizeof(int32_t));
    tal_status status =
        tal_cl_write(self->cl, own->profiles, own->host_profiles, row * PROFILE_STRIDE);
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

static tal_status run_scores(const tal_device *device, opencl_state *self, slot *own)
{
    const tal_device_batch *batch = &own->batch;
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    uint32_t open_extend = (uint32_t)(device->params.gap_open + device->params.gap_extend);
    uint32_t extend = (uint32_t)device->params.gap_extend;
    bool is_gapless = batch->task == TAL_DEVICE_GAPLESS;
    const tal_cl_argument score[] = {
        memory_of(self->letters),
        memory_of(self->offsets),
        word(batch->ref_begin),
        word(ref_count),
        memory_of(own->profiles),
        memory_of(own->rows),
        memory_of(own->lens),
        word(batch->query_count),
        word(open_extend),
        word(extend),
        memory_of(own->scores),
        memory_of(own->counters),
        memory_of(own->rescues),
        memory_of(self->borders),
        long_word(self->border_columns),
    };
    tal_status status =
        RUN(self, is_gapless ? KERNEL_GAPLESS : KERNEL_LOCAL, score, self->group_count);
    if (status != TAL_OK)
        return status;
    const tal_cl_argument rescue[] = {
        memory_of(self->letters),
        memory_of(self->offsets),
        word(batch->ref_begin),
        word(ref_count),
        memory_of(own->profiles),
        memory_of(own->rows),
        memory_of(own->lens),
        word(is_gapless),
        word(open_extend),
        word(extend),
        memory_of(own->scores),
        memory_of(own->counters),
        memory_of(own->rescues),
        memory_of(self->borders),
        long_word(self->border_columns),
    };
    return RUN(self, KERNEL_RESCUE, rescue, wide_group_count(self));
}

static tal_status run_counts(opencl_state *self, slot *own)
{
    const tal_device_batch *batch = &own->batch;
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    uint32_t pair_count = batch->query_count * ref_count;
    const tal_cl_argument reduce[] = {
        memory_of(own->scores),   word(pair_count),     memory_of(own->histogram),
        memory_of(own->counters), memory_of(own->sums),
    };
    tal_status status = RUN(self, KERNEL_REDUCE, reduce, self->group_count);
    if (status != TAL_OK)
        return status;
    const tal_cl_argument select[] = {
        memory_of(own->scores),   word(pair_count),     word(batch->ref_begin),
        word(ref_count),          memory_of(own->cuts), memory_of(own->counters),
        word(self->hit_capacity), memory_of(own->hits),
    };
    status = RUN(self, KERNEL_SELECT, select, self->group_count);
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

static tal_status opencl_submit(tal_device *device, const tal_device_batch *batch)
{
    opencl_state *self = device->state;
    slot *own = &self->slots[self->next];
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
        self->next = (self->next + 1) % SLOTS;
    return status;
}

static tal_status opencl_poll(tal_device *device, bool *out_is_done)
{
    opencl_state *self = device->state;
    return tal_cl_event_poll(self->cl, self->slots[self->oldest].end, out_is_done);
}

/* Hits that found no room on the device: taken from the dense scores. */
static tal_status find_hits(opencl_state *self, const slot *own)
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
static tal_status fetch(tal_device *device, opencl_state *self, slot *own)
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
static uint64_t between(const opencl_state *self, tal_cl_event *first, tal_cl_event *second)
{
    uint64_t begin = tal_cl_event_ns(self->cl, first);
    uint64_t end = tal_cl_event_ns(self->cl, second);
    return end > begin ? end - begin : 0;
}

/* Work groups of a unit, by those that are started and by local memory. */
static int resident_groups(const tal_device *device, const opencl_state *self, tal_device_task task)
{
    int units = device->info.unit_count < 1 ? 1 : device->info.unit_count;
    int started = (int)self->group_count / units;
    uint64_t own = self->local_bytes[task == TAL_DEVICE_GAPLESS ? KERNEL_GAPLESS : KERNEL_LOCAL];
    uint64_t held = own == 0 ? UINT64_MAX : tal_cl_facts_get(self->cl)->local_bytes / own;
    return held < (uint64_t)started ? (int)held : started;
}

static tal_status opencl_collect(tal_device *device, tal_device_result *out_result)
{
    opencl_state *self = device->state;
    slot *own = &self->slots[self->oldest];
    tal_status status = tal_cl_event_wait(self->cl, own->end);
    if (status == TAL_OK)
        status = fetch(device, self, own);
    if (status != TAL_OK)
        return status;
    uint64_t compute_ns = between(self, own->begin, own->end);
    uint64_t copy_ns =
        between(self, own->begin, own->loaded) + between(self, own->computed, own->end);
    destroy_events(self->cl, own);
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
    self->oldest = (self->oldest + 1) % SLOTS;
    *out_result = result;
    return TAL_OK;
}

const tal_device_backend *tal_device_backend_opencl(void)
{
    static const tal_device_backend backend = {
        .kind = TAL_DEVICE_OPENCL,
        .open = opencl_open,
        .close = opencl_close,
        .reserve = opencl_reserve,
        .upload = opencl_upload,
        .submit = opencl_submit,
        .poll = opencl_poll,
        .collect = opencl_collect,
    };
    return &backend;
}
