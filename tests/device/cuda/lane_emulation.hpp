/* What a lane of a warp can do, on the host: all threads of a block run as fibers in lock step.
 *
 * See kernels/cuda/lane.cuh, whose names these are. A shuffle, a vote and a barrier wait until all
 * lanes of the warp have come to the same one; a lane that does not come, or comes to another, ends
 * the program with a message: on a device it would hang or read nonsense.
 */
#ifndef LANE_EMULATION_HPP
#define LANE_EMULATION_HPP

#include <cstddef>
#include <cstdint>

#define TAL_LANE static inline
/* The host's compiler may do as it likes. */
#define TAL_UNROLL

struct alignas(16) tal_quad {
    uint32_t x, y, z, w;
};

uint32_t thread_index(void);
uint32_t thread_count(void);
uint32_t block_index(void);
uint32_t block_count(void);
uint32_t shuffle_up(uint32_t value, uint32_t delta, int width);
uint32_t shuffle_xor(uint32_t value, int mask);
uint32_t shuffle_from(uint32_t value, int lane);
uint32_t vote(bool is_set);
void warp_barrier(void);
void block_barrier(void);

/* Fibers never run at the same time. */
static inline uint32_t fetch_add(uint32_t *place, uint32_t value)
{
    uint32_t before = *place;
    *place += value;
    return before;
}

static inline void add_wide(uint64_t *place, uint64_t value)
{
    *place += value;
}

static inline void raise_to(int32_t *place, int32_t value)
{
    *place = value > *place ? value : *place;
}

static inline uint32_t read_now(const uint32_t *place)
{
    return *place;
}

static inline int count_bits(uint32_t value)
{
    return __builtin_popcount(value);
}

static inline uint32_t funnel_left(uint32_t low, uint32_t high, uint32_t shift)
{
    return (uint32_t)((((uint64_t)high << 32 | low) << shift) >> 32);
}

#endif
