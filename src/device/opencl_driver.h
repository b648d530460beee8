/* An OpenCL device, its queue and its memory, without OpenCL's own types; internal to src/device.
 *
 * libOpenCL is loaded at run time. Functions that can fail leave the cause in the tal_device and
 * return TAL_ERR_CONFIG (not there), TAL_ERR_MEMORY (does not fit) or TAL_ERR_IO (the driver
 * refuses: the device is lost), TAL_ERR_INTERNAL (our kernels do not compile). The queue runs
 * commands in order.
 */
#ifndef TAL_DEVICE_OPENCL_DRIVER_H
#define TAL_DEVICE_OPENCL_DRIVER_H

#include "device/backend.h"

typedef struct tal_cl tal_cl;               /* device, context, queue */
typedef struct tal_cl_memory tal_cl_memory; /* device memory */
typedef struct tal_cl_kernel tal_cl_kernel;
typedef struct tal_cl_event tal_cl_event; /* the end of a command */

typedef struct tal_cl_facts {
    uint64_t memory_bytes;
    uint64_t allocation_bytes_max; /* of one piece of memory */
    uint64_t local_bytes;          /* of one work group */
    size_t group_size_max;
    int unit_count;
    bool is_cpu;
    bool has_compiler;
    bool has_sub_groups; /* with shuffles */
    int version;         /* of the kernels' language: 10 * major + minor */
} tal_cl_facts;

/* Load the library, choose platform and device as device->params say, make a queue. Fills name and
 * platform of device->info. */
tal_status tal_cl_open(tal_device *device, tal_cl **out_cl);
void tal_cl_close(tal_cl *cl); /* Accepts NULL. */

const tal_cl_facts *tal_cl_facts_get(const tal_cl *cl);

/* Compile; the compiler's first words stand in the message when it fails. */
tal_status tal_cl_build(tal_cl *cl, const char *source, const char *options);

/* A kernel of what was built; `out_group_size_max` is what it can run with, `out_local_bytes` what
 * a work group of it takes. */
tal_status tal_cl_kernel_create(tal_cl *cl, const char *name, tal_cl_kernel **out_kernel,
                                size_t *out_group_size_max, uint64_t *out_local_bytes);
/* Work items of a sub-group of this kernel in work groups of group_size; 0: not known. */
size_t tal_cl_sub_group_size(tal_cl *cl, tal_cl_kernel *kernel, size_t group_size);
void tal_cl_kernel_destroy(tal_cl *cl, tal_cl_kernel *kernel);

/* `bytes` may be 0: then a few bytes are taken, for kernels need something to point at. */
tal_status tal_cl_memory_create(tal_cl *cl, uint64_t bytes, tal_cl_memory **out_memory);
void tal_cl_memory_destroy(tal_cl *cl, tal_cl_memory *memory);

/* Copies are queued; `data` must live until the queue has passed them, unless it waits. */
tal_status tal_cl_write(tal_cl *cl, tal_cl_memory *memory, const void *data, uint64_t bytes);
tal_status tal_cl_read(tal_cl *cl, tal_cl_memory *memory, void *data, uint64_t bytes, bool waits);
tal_status tal_cl_clear(tal_cl *cl, tal_cl_memory *memory, uint64_t bytes);

/* One argument of a kernel: memory, or a value. */
typedef struct tal_cl_argument {
    tal_cl_memory *memory; /* NULL: a value */
    size_t bytes;
    uint64_t value; /* its first `bytes` bytes (4 or 8), little end first */
} tal_cl_argument;

/* Queue a kernel over group_count work groups of group_size. */
tal_status tal_cl_run(tal_cl *cl, tal_cl_kernel *kernel, const tal_cl_argument *arguments,
                      size_t argument_count, size_t group_count, size_t group_size);

/* An event at the end of what was queued so far; the queue starts running. */
tal_status tal_cl_mark(tal_cl *cl, tal_cl_event **out_event);
tal_status tal_cl_event_poll(tal_cl *cl, tal_cl_event *event, bool *out_is_done);
tal_status tal_cl_event_wait(tal_cl *cl, tal_cl_event *event);
/* When the device ended it, in its own nanoseconds; 0 when it does not say. */
uint64_t tal_cl_event_ns(tal_cl *cl, tal_cl_event *event);
void tal_cl_event_destroy(tal_cl *cl, tal_cl_event *event);

/* Wait for all that was queued. */
tal_status tal_cl_finish(tal_cl *cl);

#endif
