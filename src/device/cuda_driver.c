/* Finding CUDA's driver; see cuda_driver.h. */
#include "device/cuda_driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#ifdef TAL_HAS_CUDA_H
#include <cuda.h>

/* The numbers and sizes of cuda_driver.h are the driver's. */
_Static_assert(sizeof(CUdeviceptr) == sizeof(tal_cuda_address), "addresses");
_Static_assert(sizeof(CUdevice) == sizeof(int) && sizeof(CUresult) == sizeof(int), "numbers");
_Static_assert(sizeof(CUstream) == sizeof(void *) && sizeof(CUevent) == sizeof(void *), "handles");
_Static_assert(TAL_CUDA_OK == (int)CUDA_SUCCESS, "success");
_Static_assert(TAL_CUDA_OUT_OF_MEMORY == (int)CUDA_ERROR_OUT_OF_MEMORY, "memory");
_Static_assert(TAL_CUDA_INVALID_IMAGE == (int)CUDA_ERROR_INVALID_IMAGE, "image");
_Static_assert(TAL_CUDA_NO_BINARY == (int)CUDA_ERROR_NO_BINARY_FOR_GPU, "binary");
_Static_assert(TAL_CUDA_NOT_READY == (int)CUDA_ERROR_NOT_READY, "ready");
_Static_assert(TAL_CUDA_MULTIPROCESSORS == (int)CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, "units");
_Static_assert(TAL_CUDA_UNIT_THREADS == (int)CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR,
               "threads");
_Static_assert(TAL_CUDA_PCI_BUS == (int)CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, "bus");
_Static_assert(TAL_CUDA_PCI_DEVICE == (int)CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, "bus");
_Static_assert(TAL_CUDA_PCI_DOMAIN == (int)CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, "bus");
_Static_assert(TAL_CUDA_CAPABILITY_MAJOR == (int)CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
               "capability");
_Static_assert(TAL_CUDA_CAPABILITY_MINOR == (int)CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
               "capability");
_Static_assert(TAL_CUDA_SHARED_BYTES_OPTIN ==
                   (int)CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
               "shared memory");
_Static_assert(TAL_CUDA_FUNCTION_SHARED_MAX == (int)CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
               "shared memory");
_Static_assert(TAL_CUDA_STREAM_NON_BLOCKING == (int)CU_STREAM_NON_BLOCKING, "streams");
#endif

bool tal_cuda_driver_load(tal_cuda_driver *out_driver, char *out_reason, size_t reason_bytes)
{
    static const char name[] = "libcuda.so.1";
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        (void)snprintf(out_reason, reason_bytes, "%s", dlerror()); /* May truncate. */
        return false;
    }
    tal_cuda_driver driver = {.library = library};
#define FIND(field, symbol, arguments)                                                            \
    {                                                                                             \
        void *found = dlsym(library, symbol);                                                     \
        if (found == NULL) {                                                                      \
            (void)snprintf(out_reason, reason_bytes, "%s has no %s: the driver is too old", name, \
                           symbol);                                                               \
            return false;                                                                         \
        }                                                                                         \
        memcpy(&driver.field, &found, sizeof(found));                                             \
    }
    TAL_CUDA_DRIVER_FUNCTIONS(FIND)
#undef FIND
    *out_driver = driver;
    return true;
}
