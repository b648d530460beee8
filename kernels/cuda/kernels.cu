/* The CUDA kernels by name: one per shape; the host finds them as tal_score_<lanes>x<rows>. */
#include "kernels/cuda/collect.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/cuda/wide.cuh"

#if __CUDA_ARCH__ >= 900
#define SCORE_THREADS TAL_CUDA_THREADS_MAX
#else
#define SCORE_THREADS TAL_CUDA_THREADS_EARLY
#endif

#define SCORE_KERNEL(name, lanes, rows, is_long, is_gapless)                    \
    extern "C" __global__ void __launch_bounds__(SCORE_THREADS, 1)              \
        name##_##lanes##x##rows(const __grid_constant__ tal_cuda_score_job job) \
    {                                                                           \
        extern __shared__ tal_quad profile[];                                   \
        __shared__ uint32_t first;                                              \
        score_kernel<lanes, rows, is_long, is_gapless>(job, profile, &first);   \
    }

#define SHORT_KERNEL(lanes, rows)        SCORE_KERNEL(tal_score, lanes, rows, false, false)
#define LONG_KERNEL(lanes, rows)         SCORE_KERNEL(tal_score_long, lanes, rows, true, false)
#define GAPLESS_KERNEL(lanes, rows)      SCORE_KERNEL(tal_gapless, lanes, rows, false, true)
#define GAPLESS_LONG_KERNEL(lanes, rows) SCORE_KERNEL(tal_gapless_long, lanes, rows, true, true)

TAL_CUDA_SCORE_SHAPES(SHORT_KERNEL)
TAL_CUDA_LONG_SHAPES(LONG_KERNEL)
TAL_CUDA_GAPLESS_SHAPES(GAPLESS_KERNEL)
TAL_CUDA_LONG_SHAPES(GAPLESS_LONG_KERNEL)

extern "C" __global__ void __launch_bounds__(128, 1)
    tal_score_wide(const __grid_constant__ tal_cuda_score_job job)
{
    wide_kernel(job);
}

extern "C" __global__ void __launch_bounds__(256, 1)
    tal_collect_sums(const __grid_constant__ tal_cuda_collect_job job)
{
    __shared__ uint32_t bins[TAL_CUDA_HISTOGRAM_BINS];
    sum_kernel(job, bins);
}

extern "C" __global__ void __launch_bounds__(256, 1)
    tal_collect_hits(const __grid_constant__ tal_cuda_collect_job job)
{
    hit_kernel(job);
}
