/* The OpenCL kernels, embedded by the build; internal to src/device. */
#ifndef TAL_DEVICE_OPENCL_SOURCE_H
#define TAL_DEVICE_OPENCL_SOURCE_H

/* kernels/device_cell.h and kernels/opencl, one after the other; ended by NUL. */
extern const char tal_opencl_source[];

#endif
