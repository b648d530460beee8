/* The cell recurrence of device kernels, two queries side by side; one text for CUDA, OpenCL and
 * the host.
 *
 * A pair holds two 16-bit values: query 0 in the low, query 1 in the high half; both meet the same
 * reference letter. H is kept with a bias B = open + extend, and the floor of local alignment is B
 * itself:
 *     h = max(diagonal + score, B);  h = max(h, e, f);  best = max(best, h)
 *     u = h - B                      one 32-bit subtraction: both halves of h are >= B, no borrow
 *     e = max(e - extend, u);  f = max(f - extend, u)
 * so e and f are never below 0 after their first cell and start from 0, which is below every floor.
 * The score is best - B.
 *
 * Exact while h <= TAL_CELL_LIMIT: a score is at most 100, so a cell that passes the limit is still
 * at most 32767 and is seen by `best` before anything wraps. A half whose best passes the limit is
 * computed again with 32 bit (tal_cell_wide).
 *
 * Source of the packing and of the count of operations: docs/architecture.md, devices.
 */
#ifndef TAL_KERNELS_DEVICE_CELL_H
#define TAL_KERNELS_DEVICE_CELL_H

/* Largest biased H that is exact: 32767 - 100. */
#define TAL_CELL_LIMIT 32667

#if defined(__OPENCL_VERSION__)

typedef short2 tal_pair;
#define TAL_CELL_INLINE static inline
#define TAL_CELL_OUT    __private

TAL_CELL_INLINE tal_pair tal_pair_set1(int value)
{
    return (short2)((short)value);
}

/* max(a + b, c) */
TAL_CELL_INLINE tal_pair tal_pair_add_max(tal_pair a, tal_pair b, tal_pair c)
{
    return max(a + b, c);
}

TAL_CELL_INLINE tal_pair tal_pair_max(tal_pair a, tal_pair b)
{
    return max(a, b);
}

TAL_CELL_INLINE tal_pair tal_pair_max3(tal_pair a, tal_pair b, tal_pair c)
{
    return max(max(a, b), c);
}

/* a - b where no half goes below 0. */
TAL_CELL_INLINE tal_pair tal_pair_sub_plain(tal_pair a, tal_pair b)
{
    return as_short2(as_uint(a) - as_uint(b));
}

#elif defined(__CUDACC__)

typedef unsigned int tal_pair;
#define TAL_CELL_INLINE static __device__ __forceinline__
#define TAL_CELL_OUT

TAL_CELL_INLINE tal_pair tal_pair_set1(int value)
{
    return ((unsigned int)value & 0xffffu) * 0x10001u;
}

TAL_CELL_INLINE tal_pair tal_pair_add_max(tal_pair a, tal_pair b, tal_pair c)
{
    return __viaddmax_s16x2(a, b, c);
}

TAL_CELL_INLINE tal_pair tal_pair_max(tal_pair a, tal_pair b)
{
    return __vmaxs2(a, b);
}

TAL_CELL_INLINE tal_pair tal_pair_max3(tal_pair a, tal_pair b, tal_pair c)
{
    return __vimax3_s16x2(a, b, c);
}

TAL_CELL_INLINE tal_pair tal_pair_sub_plain(tal_pair a, tal_pair b)
{
    return a - b;
}

#else

#include <stdint.h>

typedef uint32_t tal_pair;
#define TAL_CELL_INLINE static inline
#define TAL_CELL_OUT

TAL_CELL_INLINE tal_pair tal_pair_join(int low, int high)
{
    return ((uint32_t)low & 0xffffu) | (uint32_t)high << 16;
}

TAL_CELL_INLINE int tal_pair_half(tal_pair a, int half)
{
    return (int16_t)(uint16_t)(half == 0 ? a : a >> 16);
}

TAL_CELL_INLINE tal_pair tal_pair_set1(int value)
{
    return tal_pair_join(value, value);
}

TAL_CELL_INLINE tal_pair tal_pair_max(tal_pair a, tal_pair b)
{
    int low = tal_pair_half(a, 0) > tal_pair_half(b, 0) ? tal_pair_half(a, 0) : tal_pair_half(b, 0);
    int high =
        tal_pair_half(a, 1) > tal_pair_half(b, 1) ? tal_pair_half(a, 1) : tal_pair_half(b, 1);
    return tal_pair_join(low, high);
}

/* Halves wrap as they do on devices. */
TAL_CELL_INLINE tal_pair tal_pair_add_max(tal_pair a, tal_pair b, tal_pair c)
{
    tal_pair sum = tal_pair_join(tal_pair_half(a, 0) + tal_pair_half(b, 0),
                                 tal_pair_half(a, 1) + tal_pair_half(b, 1));
    return tal_pair_max(sum, c);
}

TAL_CELL_INLINE tal_pair tal_pair_max3(tal_pair a, tal_pair b, tal_pair c)
{
    return tal_pair_max(tal_pair_max(a, b), c);
}

TAL_CELL_INLINE tal_pair tal_pair_sub_plain(tal_pair a, tal_pair b)
{
    return a - b;
}

#endif

/* H of one cell, without entering it into a best. `floor_pair` is B in both halves (also what
 * opening costs), `minus_extend` is -extend in both. *e and *f go from this cell's to those of the
 * cells to the right and below. */
TAL_CELL_INLINE tal_pair tal_cell_pair(tal_pair diagonal, tal_pair score, tal_pair floor_pair,
                                       tal_pair minus_extend, TAL_CELL_OUT tal_pair *e,
                                       TAL_CELL_OUT tal_pair *f)
{
    tal_pair h = tal_pair_add_max(diagonal, score, floor_pair);
    h = tal_pair_max3(h, *e, *f);
    tal_pair opened = tal_pair_sub_plain(h, floor_pair);
    *e = tal_pair_add_max(*e, minus_extend, opened);
    *f = tal_pair_add_max(*f, minus_extend, opened);
    return h;
}

/* The gapless cell: the run on this diagonal up to here, floor 0, limit as above. */
TAL_CELL_INLINE tal_pair tal_cell_pair_gapless(tal_pair diagonal, tal_pair score)
{
    return tal_pair_add_max(diagonal, score, tal_pair_set1(0));
}

/* The same cell in 32 bit for one query, without bias: floor 0. */
TAL_CELL_INLINE int tal_cell_wide(int diagonal, int score, int open_extend, int extend,
                                  TAL_CELL_OUT int *e, TAL_CELL_OUT int *f)
{
    int h = diagonal + score > 0 ? diagonal + score : 0;
    h = h > *e ? h : *e;
    h = h > *f ? h : *f;
    int opened = h - open_extend;
    *e = *e - extend > opened ? *e - extend : opened;
    *f = *f - extend > opened ? *f - extend : opened;
    return h;
}

#endif
