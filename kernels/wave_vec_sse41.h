/* What wave_template.h needs beyond vec_sse41.h. */
#ifndef TAL_KERNELS_WAVE_VEC_SSE41_H
#define TAL_KERNELS_WAVE_VEC_SSE41_H

#include "kernels/vec_sse41.h"

#define VEC_BYTES 16
/* Vectors of rows that are computed together, so that one hides the latency of the others. */
#define VEC_STRIP 4

/* A score byte for each lane: those of `b` where the lane number modulo 4 is k. */
static inline vec wave_select_1(int k, vec a, vec b)
{
    return _mm_blendv_epi8(a, b, _mm_set1_epi32((int)(0xffu << (8 * k))));
}

/* Those of `b` where lane / 4 is odd. */
static inline vec wave_select_odd_4(vec a, vec b)
{
    return _mm_blendv_epi8(a, b, _mm_set1_epi64x((long long)0xffffffff00000000));
}

/* 16 bit */

typedef __m128i vec16_mask;

static inline vec vec16_loadu(const int16_t *from)
{
    return _mm_loadu_si128((const void *)from);
}

static inline vec vec16_scores(const uint8_t *bytes)
{
    return _mm_cvtepi8_epi16(_mm_loadl_epi64((const void *)bytes));
}

/* Lane 0 is the last lane of `above`, lane k is lane k - 1 of `here`. */
static inline vec vec16_shift_in(vec above, vec here)
{
    return _mm_alignr_epi8(here, above, 14);
}

static inline vec16_mask vec16_gt(vec a, vec b)
{
    return _mm_cmpgt_epi16(a, b);
}

static inline vec16_mask vec16_and(vec16_mask a, vec16_mask b)
{
    return _mm_and_si128(a, b);
}

static inline vec vec16_blend(vec16_mask mask, vec if_not, vec if_so)
{
    return _mm_blendv_epi8(if_not, if_so, mask);
}

static inline int vec16_any(vec16_mask mask)
{
    return _mm_movemask_epi8(mask) != 0;
}

/* -(1, 2, 4, 8) where the masks are set; Horner's rule. */
static inline void vec16_store_bits(uint8_t *to, vec16_mask bit_0, vec16_mask bit_1,
                                    vec16_mask bit_2, vec16_mask bit_3)
{
    vec bits = _mm_add_epi16(_mm_add_epi16(bit_3, bit_3), bit_2);
    bits = _mm_add_epi16(_mm_add_epi16(bits, bits), bit_1);
    bits = _mm_add_epi16(_mm_add_epi16(bits, bits), bit_0);
    bits = _mm_sub_epi16(_mm_setzero_si128(), bits);
    _mm_storel_epi64((void *)to, _mm_packus_epi16(bits, bits));
}

/* 32 bit */

typedef __m128i vec32_mask;

static inline vec vec32_loadu(const int32_t *from)
{
    return _mm_loadu_si128((const void *)from);
}

static inline vec vec32_scores(const uint8_t *bytes)
{
    int32_t four;
    memcpy(&four, bytes, sizeof(four));
    return _mm_cvtepi8_epi32(_mm_cvtsi32_si128(four));
}

static inline vec vec32_shift_in(vec above, vec here)
{
    return _mm_alignr_epi8(here, above, 12);
}

static inline vec32_mask vec32_gt(vec a, vec b)
{
    return _mm_cmpgt_epi32(a, b);
}

static inline vec32_mask vec32_and(vec32_mask a, vec32_mask b)
{
    return _mm_and_si128(a, b);
}

static inline vec vec32_blend(vec32_mask mask, vec if_not, vec if_so)
{
    return _mm_blendv_epi8(if_not, if_so, mask);
}

static inline int vec32_any(vec32_mask mask)
{
    return _mm_movemask_epi8(mask) != 0;
}

static inline void vec32_store_bits(uint8_t *to, vec32_mask bit_0, vec32_mask bit_1,
                                    vec32_mask bit_2, vec32_mask bit_3)
{
    vec bits = _mm_add_epi32(_mm_add_epi32(bit_3, bit_3), bit_2);
    bits = _mm_add_epi32(_mm_add_epi32(bits, bits), bit_1);
    bits = _mm_add_epi32(_mm_add_epi32(bits, bits), bit_0);
    bits = _mm_sub_epi32(_mm_setzero_si128(), bits);
    vec words = _mm_packs_epi32(bits, bits);
    int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(to, &four, sizeof(four));
}

#endif
