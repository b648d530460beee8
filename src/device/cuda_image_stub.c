/* In place of the compiled kernels where there was no nvcc; see cuda_internal.h. */
#include "device/cuda_internal.h"

/* No driver takes this for an image. */
const unsigned char tal_cuda_image[64] = {0};
const uint64_t tal_cuda_image_bytes = 0;
