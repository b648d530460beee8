/* What wave_template.h needs beyond vec_avx512.h. */
#ifndef TAL_KERNELS_WAVE_VEC_AVX512_H
#define TAL_KERNELS_WAVE_VEC_AVX512_H

#include "kernels/vec_avx512.h"

#define VEC_BYTES 64
/* Vectors of rows that are computed together, so that one hides the latency of the others. */
#define VEC_STRIP 4

/* A score byte for each lane: those of `b` where the lane number modulo 4 is k. */
static inline vec wave_select_1(int k, vec a, vec b)
{
    return _mm512_mask_mov_epi8(a, UINT64_C(0x1111111111111111) << k, b);
}

/* Those of `b` where lane / 4 modulo 4 is k. */
static inline vec wave_select_4(int k, vec a, vec b)
{
    return _mm512_mask_mov_epi8(a, UINT64_C(0x000f000f000f000f) << (4 * k), b);
}

/* Those of `b` where lane / 16 is odd. */
static inline vec wave_select_16(vec a, vec b)
{
    return _mm512_mask_mov_epi8(a, UINT64_C(0xffff0000ffff0000), b);
}

/* 16 bit */

typedef __mmask32 vec16_mask;

static inline vec vec16_loadu(const int16_t *from)
{
    return _mm512_loadu_si512((const void *)from);
}

static inline vec vec16_scores(const uint8_t *bytes)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)bytes));
}

/* Lane 0 is the last lane of `above`, lane k is lane k - 1 of `here`. */
static inline vec vec16_shift_in(vec above, vec here)
{
    const vec from = _mm512_set_epi16(30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                                      15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 63);
    return _mm512_permutex2var_epi16(here, from, above);
}

static inline vec16_mask vec16_gt(vec a, vec b)
{
    return _mm512_cmpgt_epi16_mask(a, b);
}

static inline vec16_mask vec16_and(vec16_mask a, vec16_mask b)
{
    return _kand_mask32(a, b);
}

static inline vec vec16_blend(vec16_mask mask, vec if_not, vec if_so)
{
    return _mm512_mask_mov_epi16(if_not, mask, if_so);
}

static inline int vec16_any(vec16_mask mask)
{
    return mask != 0;
}

/* Bits 1, 2, 4, 8 of a byte for each lane. */
static inline void vec16_store_bits(uint8_t *to, vec16_mask bit_0, vec16_mask bit_1,
                                    vec16_mask bit_2, vec16_mask bit_3)
{
    vec bits = _mm512_maskz_set1_epi16(bit_0, 1);
    bits = _mm512_mask_add_epi16(bits, bit_1, bits, _mm512_set1_epi16(2));
    bits = _mm512_mask_add_epi16(bits, bit_2, bits, _mm512_set1_epi16(4));
    bits = _mm512_mask_add_epi16(bits, bit_3, bits, _mm512_set1_epi16(8));
    _mm256_storeu_si256((void *)to, _mm512_cvtepi16_epi8(bits));
}

/* 32 bit */

typedef __mmask16 vec32_mask;

static inline vec vec32_loadu(const int32_t *from)
{
    return _mm512_loadu_si512((const void *)from);
}

static inline vec vec32_scores(const uint8_t *bytes)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)bytes));
}

static inline vec vec32_shift_in(vec above, vec here)
{
    return _mm512_alignr_epi32(here, above, 15);
}

static inline vec32_mask vec32_gt(vec a, vec b)
{
    return _mm512_cmpgt_epi32_mask(a, b);
}

static inline vec32_mask vec32_and(vec32_mask a, vec32_mask b)
{
    return _kand_mask16(a, b);
}

static inline vec vec32_blend(vec32_mask mask, vec if_not, vec if_so)
{
    return _mm512_mask_mov_epi32(if_not, mask, if_so);
}

static inline int vec32_any(vec32_mask mask)
{
    return mask != 0;
}

static inline void vec32_store_bits(uint8_t *to, vec32_mask bit_0, vec32_mask bit_1,
                                    vec32_mask bit_2, vec32_mask bit_3)
{
    vec bits = _mm512_maskz_set1_epi32(bit_0, 1);
    bits = _mm512_mask_add_epi32(bits, bit_1, bits, _mm512_set1_epi32(2));
    bits = _mm512_mask_add_epi32(bits, bit_2, bits, _mm512_set1_epi32(4));
    bits = _mm512_mask_add_epi32(bits, bit_3, bits, _mm512_set1_epi32(8));
    _mm_storeu_si128((void *)to, _mm512_cvtepi32_epi8(bits));
}

#endif
