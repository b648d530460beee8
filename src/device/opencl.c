/* The OpenCL backend: devices, kernels and what they can run with; see kernels/opencl. */
#include "device/opencl_internal.h"
#include "device/opencl_source.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

enum {
    GROUP_LANES = 16,    /* lanes of one reference, where a work group has as many */
    GROUPS_PER_UNIT = 8, /* work groups of a compute unit; of a processor: 1 */
    GROUP_SIZE_DEFAULT = 256,
};

static const char *const kernel_names[TAL_OPENCL_KERNELS] = {
    "tal_score_local", "tal_score_gapless", "tal_rescue", "tal_reduce", "tal_select"};

static void opencl_close(tal_device *device)
{
    tal_opencl *self = device->state;
    if (self == NULL)
        return;
    if (self->cl != NULL) {
        if (device->in_flight > 0)
            (void)tal_cl_finish(self->cl); /* Its memory goes either way. */
        tal_opencl_release(self);
        for (int i = 0; i < TAL_OPENCL_KERNELS; i++)
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
static tal_status build(const tal_device *device, tal_opencl *self, int lanes, bool has_sub_groups,
                        int *out_lanes_max)
{
    for (int i = 0; i < TAL_OPENCL_KERNELS; i++) {
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
                   self->group, TAL_OPENCL_LANE_ROWS, self->lanes, device->params.code_count,
                   has_sub_groups ? " -D SUBGROUPS" : "");
    char *source = make_source(device->params.opencl_prelude);
    tal_status status = source == NULL ? TAL_ERR_MEMORY : tal_cl_build(self->cl, source, options);
    tal_free(source);
    *out_lanes_max = self->lanes;
    for (int i = 0; i < TAL_OPENCL_KERNELS && status == TAL_OK; i++) {
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
static int usable_sub_group(const tal_device *device, tal_opencl *self)
{
    size_t size = (size_t)device->params.opencl_sub_group_size;
    if (device->params.opencl_prelude == NULL)
        size =
            tal_cl_sub_group_size(self->cl, self->kernels[TAL_OPENCL_LOCAL], (size_t)self->lanes);
    bool is_usable = size > 0 && size % (size_t)self->group == 0 && (size_t)self->lanes % size == 0;
    return is_usable ? (int)size : 0;
}

/* Kernels that use sub-groups, where the device has fitting ones. */
static bool build_with_sub_groups(tal_device *device, tal_opencl *self, int lanes)
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
static tal_status build_kernels(tal_device *device, tal_opencl *self)
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
    tal_opencl *self = tal_alloc_zero(sizeof(*self));
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
    info->slot_count = TAL_OPENCL_SLOTS;
    info->is_cpu = facts->is_cpu;
    self->group_count = (size_t)facts->unit_count * (facts->is_cpu ? 1 : GROUPS_PER_UNIT);
    self->group_count = self->group_count < 1 ? 1 : self->group_count;
    return TAL_OK;
}

const tal_device_backend *tal_device_backend_opencl(void)
{
    static const tal_device_backend backend = {
        .kind = TAL_DEVICE_OPENCL,
        .open = opencl_open,
        .close = opencl_close,
        .reserve = tal_opencl_reserve,
        .upload = tal_opencl_upload,
        .submit = tal_opencl_submit,
        .poll = tal_opencl_poll,
        .collect = tal_opencl_collect,
    };
    return &backend;
}
