/* CUDA's driver interface, found at run time: one program for nodes with and without GPUs.
 *
 * The declarations follow the driver's binary interface, which is stable, so that neither CUDA's
 * headers nor its libraries are needed to build; cuda_driver.c checks them against cuda.h where
 * that is installed. Handles are opaque addresses; every function returns 0 or an error number.
 */
#ifndef TAL_DEVICE_CUDA_DRIVER_H
#define TAL_DEVICE_CUDA_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TAL_CUDA_OK = 0,
    TAL_CUDA_OUT_OF_MEMORY = 2,
    TAL_CUDA_INVALID_IMAGE = 200,
    TAL_CUDA_NO_BINARY = 209,
    TAL_CUDA_NOT_READY = 600,
};

/* Attributes of a device. */
enum {
    TAL_CUDA_MULTIPROCESSORS = 16,
    TAL_CUDA_PCI_BUS = 33,
    TAL_CUDA_PCI_DEVICE = 34,
    TAL_CUDA_UNIT_THREADS = 39, /* of a multiprocessor at most */
    TAL_CUDA_PCI_DOMAIN = 50,
    TAL_CUDA_CAPABILITY_MAJOR = 75,
    TAL_CUDA_CAPABILITY_MINOR = 76,
    TAL_CUDA_SHARED_BYTES_OPTIN = 97, /* of a block at most */
};

/* Attribute of a function; flags. */
enum {
    TAL_CUDA_FUNCTION_SHARED_MAX = 8,
    TAL_CUDA_STREAM_NON_BLOCKING = 1,
};

typedef uint64_t tal_cuda_address; /* of device memory */

/* Every function used: field, exported name, arguments. */
#define TAL_CUDA_DRIVER_FUNCTIONS(X)                                                              \
    X(init, "cuInit", (unsigned flags))                                                           \
    X(version, "cuDriverGetVersion", (int *out_version))                                          \
    X(error_name, "cuGetErrorName", (int error, const char **out_name))                           \
    X(device_count, "cuDeviceGetCount", (int *out_count))                                         \
    X(device, "cuDeviceGet", (int *out_device, int idx))                                          \
    X(device_name, "cuDeviceGetName", (char *out_name, int capacity, int device))                 \
    X(device_attribute, "cuDeviceGetAttribute", (int *out_value, int attribute, int device))      \
    X(context_retain, "cuDevicePrimaryCtxRetain", (void **out_context, int device))               \
    X(context_release, "cuDevicePrimaryCtxRelease_v2", (int device))                              \
    X(context_set, "cuCtxSetCurrent", (void *context))                                            \
    X(context_synchronize, "cuCtxSynchronize", (void))                                            \
    X(memory_info, "cuMemGetInfo_v2", (size_t * out_free, size_t * out_total))                    \
    X(memory_alloc, "cuMemAlloc_v2", (tal_cuda_address * out_address, size_t bytes))              \
    X(memory_free, "cuMemFree_v2", (tal_cuda_address address))                                    \
    X(host_alloc, "cuMemHostAlloc", (void **out_memory, size_t bytes, unsigned flags))            \
    X(host_free, "cuMemFreeHost", (void *memory))                                                 \
    X(copy_to, "cuMemcpyHtoDAsync_v2",                                                            \
      (tal_cuda_address to, const void *from, size_t bytes, void *stream))                        \
    X(copy_from, "cuMemcpyDtoHAsync_v2",                                                          \
      (void *to, tal_cuda_address from, size_t bytes, void *stream))                              \
    X(fill, "cuMemsetD8Async",                                                                    \
      (tal_cuda_address to, unsigned char value, size_t bytes, void *stream))                     \
    X(stream_create, "cuStreamCreate", (void **out_stream, unsigned flags))                       \
    X(stream_destroy, "cuStreamDestroy_v2", (void *stream))                                       \
    X(stream_synchronize, "cuStreamSynchronize", (void *stream))                                  \
    X(stream_wait, "cuStreamWaitEvent", (void *stream, void *event, unsigned flags))              \
    X(event_create, "cuEventCreate", (void **out_event, unsigned flags))                          \
    X(event_destroy, "cuEventDestroy_v2", (void *event))                                          \
    X(event_record, "cuEventRecord", (void *event, void *stream))                                 \
    X(event_query, "cuEventQuery", (void *event))                                                 \
    X(event_synchronize, "cuEventSynchronize", (void *event))                                     \
    X(event_elapsed, "cuEventElapsedTime", (float *out_ms, void *begin, void *end))               \
    X(module_load, "cuModuleLoadData", (void **out_module, const void *image))                    \
    X(module_unload, "cuModuleUnload", (void *module))                                            \
    X(module_function, "cuModuleGetFunction",                                                     \
      (void **out_function, void *module, const char *name))                                      \
    X(function_set, "cuFuncSetAttribute", (void *function, int attribute, int value))             \
    X(occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor",                                   \
      (int *out_blocks, void *function, int threads, size_t shared_bytes))                        \
    X(launch, "cuLaunchKernel",                                                                   \
      (void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,       \
       unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **arguments, \
       void **extra))

typedef struct tal_cuda_driver {
    void *library;
#define TAL_CUDA_DRIVER_FIELD(field, name, arguments) int(*field) arguments;
    TAL_CUDA_DRIVER_FUNCTIONS(TAL_CUDA_DRIVER_FIELD)
#undef TAL_CUDA_DRIVER_FIELD
} tal_cuda_driver;

/* Load libcuda.so.1 and find all functions; false with the reason in out_reason otherwise. The
 * library stays loaded: drivers do not like to be taken away. */
bool tal_cuda_driver_load(tal_cuda_driver *out_driver, char *out_reason, size_t reason_bytes);

#endif
