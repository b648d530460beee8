/* The CUDA kernels by name: one per shape; the host finds them as tal_score_<lanes>x<rows>, and as
 * tal_score_<extend>_<lanes>x<rows> where extending a gap costs what the kernel was compiled for.
 */
#include "kernels/cuda/collect.cuh"
#include "kernels/cuda/score.cuh"
#include "kernels/cuda/wide.cuh"

#if __CUDA_ARCH__ >= 900
#define SCORE_THREADS(rows) \
    ((rows) > TAL_CUDA_ROWS_DENSE ? TAL_CUDA_THREADS_SPARSE : TAL_CUDA_THREADS_MAX)
#else
#define SCORE_THREADS(rows) TAL_CUDA_THREADS_EARLY
#endif

#define SCORE_KERNEL(name, lanes, rows, is_long, is_gapless, extend)                      \
    extern "C" __global__ void __launch_bounds__(SCORE_THREADS(is_gapless ? 0 : rows), 1) \
        name##_##lanes##x##rows(const __grid_constant__ tal_cuda_score_job job)           \
    {                                                                                     \
        extern __shared__ tal_quad profile[];                                             \
        __shared__ uint32_t first;                                                        \
        score_kernel<lanes, rows, is_long, is_gapless, extend>(job, profile, &first);     \
    }

#define SHORT_KERNEL(lanes, rows)        SCORE_KERNEL(tal_score, lanes, rows, false, false, 0)
#define SHORT_1_KERNEL(lanes, rows)      SCORE_KERNEL(tal_score_1, lanes, rows, false, false, 1)
#define SHORT_2_KERNEL(lanes, rows)      SCORE_KERNEL(tal_score_2, lanes, rows, false, false, 2)
#define LONG_KERNEL(lanes, rows)         SCORE_KERNEL(tal_score_long, lanes, rows, true, false, 0)
#define LONG_1_KERNEL(lanes, rows)       SCORE_KERNEL(tal_score_long_1, lanes, rows, true, false, 1)
#define LONG_2_KERNEL(lanes, rows)       SCORE_KERNEL(tal_score_long_2, lanes, rows, true, false, 2)
#define GAPLESS_KERNEL(lanes, rows)      SCORE_KERNEL(tal_gapless, lanes, rows, false, true, 0)
#define GAPLESS_LONG_KERNEL(lanes, rows) SCORE_KERNEL(tal_gapless_long, lanes, rows, true, true, 0)

TAL_CUDA_SCORE_SHAPES(SHORT_KERNEL)
TAL_CUDA_LONG_SHAPES(LONG_KERNEL)
/* Known extensions: earlier there are no immediates, later they cost too many registers. */
#if __CUDA_ARCH__ >= 900 && __CUDA_ARCH__ < 1000
TAL_CUDA_SCORE_SHAPES(SHORT_1_KERNEL)
TAL_CUDA_SCORE_SHAPES(SHORT_2_KERNEL)
TAL_CUDA_LONG_SHAPES(LONG_1_KERNEL)
TAL_CUDA_LONG_SHAPES(LONG_2_KERNEL)
#endif
TAL_CUDA_GAPLESS_SHAPES(GAPLESS_KERNEL)
TAL_CUDA_LONG_SHAPES(GAPLESS_LONG_KERNEL)

extern "C" __global__ void __launch_bounds__(TAL_CUDA_WIDE_THREADS, 1)
    tal_score_wide(const __grid_constant__ tal_cuda_score_job job)
{
    __shared__ tal_quad profiles[TAL_CUDA_WIDE_THREADS / TAL_CUDA_WARP * WIDE_PROFILE_QUADS];
    wide_kernel(job, profiles);
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
