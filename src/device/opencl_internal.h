/* The state of the OpenCL backend; internal to opencl*.c.
 *
 * A batch goes through one queue: its queries in, then the score kernel over the dense matrix of
 * pairs (which never leaves the device unless asked), the rescue kernel over the pairs that 16 bit
 * could not hold, the reduction, the selection of hits, and the counts out. Two slots: while one
 * batch runs, the host prepares the next.
 */
#ifndef TAL_DEVICE_OPENCL_INTERNAL_H
#define TAL_DEVICE_OPENCL_INTERNAL_H

#include "base/buffer.h"
#include "device/backend.h"
#include "device/opencl_driver.h"

enum {
    TAL_OPENCL_SLOTS = 2,
    TAL_OPENCL_PROFILE_STRIDE = 32,
    TAL_OPENCL_LANE_ROWS = 16,
    TAL_OPENCL_COUNTERS = 4, /* unit, rescues, hits, largest score */
};

typedef enum tal_opencl_kernel {
    TAL_OPENCL_LOCAL = 0,
    TAL_OPENCL_GAPLESS,
    TAL_OPENCL_RESCUE,
    TAL_OPENCL_REDUCE,
    TAL_OPENCL_SELECT,
    TAL_OPENCL_KERNELS
} tal_opencl_kernel;

/* One batch in flight. */
typedef struct tal_opencl_slot {
    tal_cl_memory *profiles, *rows, *lens, *cuts;
    tal_cl_memory *scores, *rescues, *hits;
    tal_cl_memory *counters, *histogram, *sums;
    int8_t *host_profiles; /* what is on its way to the device */
    uint64_t *host_rows;
    int32_t *host_lens, *host_cuts;
    uint32_t host_counters[TAL_OPENCL_COUNTERS]; /* what comes back */
    uint32_t host_histogram[TAL_DEVICE_BINS];
    uint64_t *host_sums;
    tal_cl_event *begin, *loaded, *computed, *end;
    tal_device_batch batch;
    uint64_t sent_bytes;
} tal_opencl_slot;

typedef struct tal_opencl {
    tal_cl *cl;
    tal_cl_kernel *kernels[TAL_OPENCL_KERNELS];
    uint64_t local_bytes[TAL_OPENCL_KERNELS]; /* of a work group */
    int lanes;                                /* work items of a group */
    int group;                                /* lanes of one reference */
    size_t group_count;
    tal_cl_memory *letters, *offsets, *borders;
    uint64_t border_columns; /* of one reference */
    uint32_t hit_capacity;
    tal_opencl_slot slots[TAL_OPENCL_SLOTS];
    int next, oldest;
    tal_buffer hits;
    int32_t *scores; /* of the batch last collected, when all are asked for */
    uint64_t histogram[TAL_DEVICE_BINS];
} tal_opencl;

void tal_opencl_destroy_events(tal_cl *cl, tal_opencl_slot *own);

/* opencl_memory.c */
tal_status tal_opencl_reserve(tal_device *device, const tal_device_shape *shape);
tal_status tal_opencl_upload(tal_device *device, const tal_device_references *references);
/* Give back all of the reservation. */
void tal_opencl_release(tal_opencl *self);
/* Work groups that rescue pairs at the same time. */
size_t tal_opencl_wide_groups(const tal_opencl *self);

/* opencl_batch.c */
tal_status tal_opencl_submit(tal_device *device, const tal_device_batch *batch);
tal_status tal_opencl_poll(tal_device *device, bool *out_is_done);
tal_status tal_opencl_collect(tal_device *device, tal_device_result *out_result);

#endif
