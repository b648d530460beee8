/* What a lane of a warp can do: its place, shuffles, barriers, atomic additions.
 *
 * The kernels are written once over these names. nvcc gives them the hardware's meaning; the host
 * build takes them from an emulation that runs all lanes of a block in lock step, so that indexing,
 * shuffles, bins, rescue and compaction are tested without a GPU.
 *
 * The packed arithmetic is that of kernels/device_cell.h.
 */
#ifndef TAL_KERNELS_CUDA_LANE_CUH
#define TAL_KERNELS_CUDA_LANE_CUH

#include "kernels/cuda/job.h"
#include "kernels/device_cell.h"

#ifdef __CUDACC__

#define TAL_LANE static __device__ __forceinline__

typedef uint4 tal_quad;

TAL_LANE uint32_t thread_index(void)
{
    return threadIdx.x;
}

TAL_LANE uint32_t thread_count(void)
{
    return blockDim.x;
}

TAL_LANE uint32_t block_index(void)
{
    return blockIdx.x;
}

TAL_LANE uint32_t block_count(void)
{
    return gridDim.x;
}

/* The value of the lane `delta` below in the group of `width` lanes; of this lane where none is. */
TAL_LANE uint32_t shuffle_up(uint32_t value, uint32_t delta, int width)
{
    return __shfl_up_sync(0xffffffffu, value, delta, width);
}

TAL_LANE uint32_t shuffle_xor(uint32_t value, int mask)
{
    return __shfl_xor_sync(0xffffffffu, value, mask);
}

TAL_LANE uint32_t shuffle_from(uint32_t value, int lane)
{
    return __shfl_sync(0xffffffffu, value, lane);
}

TAL_LANE uint32_t vote(bool is_set)
{
    return __ballot_sync(0xffffffffu, is_set);
}

TAL_LANE void warp_barrier(void)
{
    __syncwarp();
}

TAL_LANE void block_barrier(void)
{
    __syncthreads();
}

TAL_LANE uint32_t fetch_add(uint32_t *place, uint32_t value)
{
    return atomicAdd(place, value);
}

TAL_LANE void add_wide(uint64_t *place, uint64_t value)
{
    atomicAdd((unsigned long long *)place, (unsigned long long)value);
}

TAL_LANE void raise_to(int32_t *place, int32_t value)
{
    atomicMax(place, value);
}

TAL_LANE uint32_t read_now(const uint32_t *place)
{
    return *(volatile const uint32_t *)place;
}

TAL_LANE int count_bits(uint32_t value)
{
    return __popc(value);
}

/* The upper word of (high:low) << shift, shift < 32. */
TAL_LANE uint32_t funnel_left(uint32_t low, uint32_t high, uint32_t shift)
{
    return __funnelshift_l(low, high, shift);
}

#define TAL_UNROLL _Pragma("unroll")

#else

#include "lane_emulation.hpp"

#endif

#endif
