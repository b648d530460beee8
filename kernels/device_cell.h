/* The cell recurrence of device kernels, two queries side by side: for CUDA and the host, and for
 * OpenCL.
 *
 * A pair holds two 16-bit numbers: query 0 in the low, query 1 in the high half; both meet the same
 * reference letter. A half that passes the limit of its form is computed again with 32 bit
 * (tal_cell_wide).
 *
 * Halves (CUDA, host). A number from 0 to TAL_HALF_LIMIT is the same 16 bits as an integer and as
 * the binary16 number of so many times 2^-24 (the subnormal numbers and the first normal ones). So
 * additions with a floor at 0, which round-to-nearest gives exactly and a GPU does beside its
 * integer pipe, take turns with integer maxima, which have three operands: h = max(diagonal +
 * score, 0)   binary16     h = max(h, e, f)              integer u = max(h - open - extend, 0)
 * binary16     e = max(e - extend, u)        integer f = max(f - extend, u)        integer A floor
 * of 0 under e and f changes no h. Scores are codes: sign and magnitude. A sum beyond the limit is
 * rounded, but never to less than TAL_HALF_LIMIT + 1, never falls again by additions of what is not
 * negative, and never becomes infinite minus infinite: `best` shows it.
 *
 * Biased integers (OpenCL). H is kept with a bias B = open + extend, and the floor of local
 * alignment is B itself:
 *     h = max(diagonal + score, B);  h = max(h, e, f);  best = max(best, h)
 *     u = h - B                      one 32-bit subtraction: both halves of h are >= B, no borrow
 *     e = max(e - extend, u);  f = max(f - extend, u)
 * so e and f are never below 0 after their first cell and start from 0, which is below every floor.
 * The score is best - B. Exact while h <= TAL_CELL_LIMIT: a score is at most 100, so a cell that
 * passes the limit is still at most 32767 and is seen by `best` before anything wraps.
 *
 * Source of the packing and of the count of operations: docs/architecture.md, devices.
 */
#ifndef TAL_KERNELS_DEVICE_CELL_H
#define TAL_KERNELS_DEVICE_CELL_H

#if defined(__OPENCL_VERSION__)

/* Largest biased H that is exact: 32767 - 100. */
#define TAL_CELL_LIMIT 32667

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

/* The gapless cell: the run on this diagonal up to here, floor 0, same limit. */
TAL_CELL_INLINE tal_pair tal_cell_pair_gapless(tal_pair diagonal, tal_pair score)
{
    return tal_pair_add_max(diagonal, score, tal_pair_set1(0));
}

#else

/* Largest number that is exact in a half. */
#define TAL_HALF_LIMIT 2047

#if defined(__CUDACC__)

typedef unsigned int tal_pair;
#define TAL_CELL_INLINE static __device__ __forceinline__
#define TAL_CELL_OUT

#else

#include <stdint.h>

typedef uint32_t tal_pair;
#define TAL_CELL_INLINE static inline
#define TAL_CELL_OUT

#endif

/* A number of -TAL_HALF_LIMIT to TAL_HALF_LIMIT as it is added to halves. */
TAL_CELL_INLINE tal_pair tal_half_code(int value)
{
    return value < 0 ? 0x8000u | (tal_pair)-value : (tal_pair)value;
}

TAL_CELL_INLINE tal_pair tal_half_join(tal_pair low, tal_pair high)
{
    return (low & 0xffffu) | high << 16;
}

TAL_CELL_INLINE tal_pair tal_half_twice(tal_pair half)
{
    return tal_half_join(half, half);
}

/* Of a pair of numbers that are not negative. */
TAL_CELL_INLINE int tal_half_of(tal_pair pair, int side)
{
    return (int)(side == 0 ? pair & 0xffffu : pair >> 16);
}

#if defined(__CUDACC__)

/* max(a + b, 0); b: codes. */
TAL_CELL_INLINE tal_pair tal_half_add_floor(tal_pair a, tal_pair b)
{
    tal_pair sum;
#if __CUDA_ARCH__ >= 800
    asm("fma.rn.relu.f16x2 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(0x3c003c00u), "r"(b));
#else
    asm("add.rn.sat.f16x2 %0, %1, %2;" : "=r"(sum) : "r"(a), "r"(b)); /* To at most 1: 2^24. */
#endif
    return sum;
}

/* Integer maxima of pairs are one instruction from 9.0 on, those of binary16 from 8.0 on. */
TAL_CELL_INLINE tal_pair tal_half_max(tal_pair a, tal_pair b)
{
#if __CUDA_ARCH__ >= 800 && __CUDA_ARCH__ < 900
    tal_pair larger;
    asm("max.f16x2 %0, %1, %2;" : "=r"(larger) : "r"(a), "r"(b));
    return larger;
#else
    return __vmaxs2(a, b);
#endif
}

#else

/* A half's bits as multiples of 2^-24, and the bits of the nearest half, ties to even. */
TAL_CELL_INLINE int64_t tal_half_units(tal_pair bits)
{
    uint32_t exponent = bits >> 10 & 31;
    int64_t fraction = bits & 1023;
    int64_t units = exponent == 0 ? fraction : (1024 + fraction) << (exponent - 1);
    return bits & 0x8000u ? -units : units;
}

TAL_CELL_INLINE tal_pair tal_half_nearest(int64_t units)
{
    uint32_t shift = 0;
    while (units >> shift > TAL_HALF_LIMIT)
        shift++;
    uint32_t kept = (uint32_t)(units >> shift);
    int64_t rest = units - ((int64_t)kept << shift);
    int64_t middle = shift == 0 ? 1 : INT64_C(1) << (shift - 1);
    kept += rest > middle || (rest == middle && kept % 2 == 1);
    return (shift << 10) + kept; /* Where it becomes 2048 that is the next exponent. */
}

TAL_CELL_INLINE tal_pair tal_half_add_floor(tal_pair a, tal_pair b)
{
    tal_pair sums[2];
    for (int side = 0; side < 2; side++) {
        int64_t sum = tal_half_units(a >> 16 * side & 0xffffu) + tal_half_units(b >> 16 * side);
        sums[side] = sum <= 0 ? 0 : sum <= TAL_HALF_LIMIT ? (tal_pair)sum : tal_half_nearest(sum);
    }
    return tal_half_join(sums[0], sums[1]);
}

TAL_CELL_INLINE tal_pair tal_half_max(tal_pair a, tal_pair b)
{
    tal_pair low = (a & 0xffffu) > (b & 0xffffu) ? a : b;
    return tal_half_join(low, (a >> 16 > b >> 16 ? a : b) >> 16);
}

#endif

#if defined(__CUDACC__) && __CUDA_ARCH__ >= 900

TAL_CELL_INLINE tal_pair tal_half_max3(tal_pair a, tal_pair b, tal_pair c)
{
    return __vimax3_s16x2(a, b, c);
}

/* What tal_half_extend takes for a cost. */
TAL_CELL_INLINE tal_pair tal_half_extend_code(int extend)
{
    return tal_half_twice((tal_pair)-extend);
}

/* max(a - extend, b), b not negative. */
TAL_CELL_INLINE tal_pair tal_half_extend(tal_pair a, tal_pair code, tal_pair b)
{
    return __viaddmax_s16x2(a, code, b);
}

#else /* the same by what there is */

TAL_CELL_INLINE tal_pair tal_half_max3(tal_pair a, tal_pair b, tal_pair c)
{
    return tal_half_max(tal_half_max(a, b), c);
}

TAL_CELL_INLINE tal_pair tal_half_extend_code(int extend)
{
    return tal_half_twice(tal_half_code(-extend));
}

TAL_CELL_INLINE tal_pair tal_half_extend(tal_pair a, tal_pair code, tal_pair b)
{
    return tal_half_max(tal_half_add_floor(a, code), b);
}

#endif

/* H of one cell, without entering it into a best. `score` and `first` are codes, the latter of
 * -open - extend; `extend` is tal_half_extend_code(extend). *e and *f go from this cell's to those
 * of the cells to the right and below. */
TAL_CELL_INLINE tal_pair tal_half_cell(tal_pair diagonal, tal_pair score, tal_pair first,
                                       tal_pair extend, tal_pair *e, tal_pair *f)
{
    tal_pair h = tal_half_max3(tal_half_add_floor(diagonal, score), *e, *f);
    tal_pair opened = tal_half_add_floor(h, first);
    *e = tal_half_extend(*e, extend, opened);
    *f = tal_half_extend(*f, extend, opened);
    return h;
}

#endif

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
