/* The vector operations of score_template.h in SSE4.1: 16 bytes.
 *
 * Only for files compiled for this instruction set.
 */
#ifndef TAL_KERNELS_VEC_SSE41_H
#define TAL_KERNELS_VEC_SSE41_H

#include "kernels/vec_lookup.h"

typedef __m128i vec;

static inline vec vec_load(const vec *from)
{
    return _mm_load_si128(from);
}

static inline void vec_store(vec *to, vec value)
{
    _mm_store_si128(to, value);
}

/* 8 bit */

static inline vec vec8_set1(int8_t value)
{
    return _mm_set1_epi8((char)value);
}

static inline vec vec8_add(vec a, vec b)
{
    return _mm_adds_epi8(a, b);
}

static inline vec vec8_sub(vec a, vec b)
{
    return _mm_subs_epi8(a, b);
}

static inline vec vec8_max(vec a, vec b)
{
    return _mm_max_epi8(a, b);
}

typedef lookup_row vec8_row;
typedef lookup_letters vec8_letters;

static inline vec8_row vec8_row_load(const int8_t *row)
{
    return lookup_row_load(row);
}

static inline vec8_letters vec8_letters_load(const uint8_t *letters)
{
    return lookup_letters_load_16(letters);
}

static inline vec vec8_lookup(vec8_row row, vec8_letters letters)
{
    return lookup_scores(row, letters);
}

/* 16 bit */

static inline vec vec16_set1(int16_t value)
{
    return _mm_set1_epi16(value);
}

static inline vec vec16_add(vec a, vec b)
{
    return _mm_adds_epi16(a, b);
}

static inline vec vec16_sub(vec a, vec b)
{
    return _mm_subs_epi16(a, b);
}

static inline vec vec16_max(vec a, vec b)
{
    return _mm_max_epi16(a, b);
}

typedef lookup_row vec16_row;
typedef lookup_letters vec16_letters;

static inline vec16_row vec16_row_load(const int8_t *row)
{
    return lookup_row_load(row);
}

static inline vec16_letters vec16_letters_load(const uint8_t *letters)
{
    return lookup_letters_load_8(letters);
}

static inline vec vec16_lookup(vec16_row row, vec16_letters letters)
{
    return _mm_cvtepi8_epi16(lookup_scores(row, letters));
}

/* 32 bit */

static inline vec vec32_set1(int32_t value)
{
    return _mm_set1_epi32(value);
}

static inline vec vec32_add(vec a, vec b)
{
    return _mm_add_epi32(a, b);
}

static inline vec vec32_sub(vec a, vec b)
{
    return _mm_sub_epi32(a, b);
}

static inline vec vec32_max(vec a, vec b)
{
    return _mm_max_epi32(a, b);
}

typedef lookup_row vec32_row;
typedef lookup_letters vec32_letters;

static inline vec32_row vec32_row_load(const int8_t *row)
{
    return lookup_row_load(row);
}

static inline vec32_letters vec32_letters_load(const uint8_t *letters)
{
    return lookup_letters_load_4(letters);
}

static inline vec vec32_lookup(vec32_row row, vec32_letters letters)
{
    return _mm_cvtepi8_epi32(lookup_scores(row, letters));
}

#endif
