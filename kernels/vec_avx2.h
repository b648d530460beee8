/* The vector operations of score_template.h in AVX2: 32 bytes.
 *
 * Only for files compiled for this instruction set.
 */
#ifndef TAL_KERNELS_VEC_AVX2_H
#define TAL_KERNELS_VEC_AVX2_H

#include "kernels/vec_lookup.h"

typedef __m256i vec;

static inline vec vec_load(const vec *from)
{
    return _mm256_load_si256(from);
}

static inline void vec_store(vec *to, vec value)
{
    _mm256_store_si256(to, value);
}

/* As lookup_row and lookup_letters of vec_lookup.h, for 32 letters: a byte shuffle looks up each
 * 16-byte half on its own, so that both halves hold the same scores. */
typedef struct lookup_row_32 {
    __m256i low, high;
} lookup_row_32;

typedef struct lookup_letters_32 {
    __m256i low, high;
} lookup_letters_32;

static inline lookup_row_32 lookup_row_32_load(const int8_t *row)
{
    const __m128i *half = (const void *)row;
    return (lookup_row_32){_mm256_broadcastsi128_si256(_mm_loadu_si128(half)),
                           _mm256_broadcastsi128_si256(_mm_loadu_si128(half + 1))};
}

static inline lookup_letters_32 lookup_letters_32_load(const uint8_t *letters)
{
    __m256i all = _mm256_loadu_si256((const void *)letters);
    return (lookup_letters_32){_mm256_add_epi8(all, _mm256_set1_epi8(0x70)),
                               _mm256_sub_epi8(all, _mm256_set1_epi8(16))};
}

/* 8 bit */

static inline vec vec8_set1(int8_t value)
{
    return _mm256_set1_epi8((char)value);
}

static inline vec vec8_add(vec a, vec b)
{
    return _mm256_adds_epi8(a, b);
}

static inline vec vec8_sub(vec a, vec b)
{
    return _mm256_subs_epi8(a, b);
}

static inline vec vec8_max(vec a, vec b)
{
    return _mm256_max_epi8(a, b);
}

typedef lookup_row_32 vec8_row;
typedef lookup_letters_32 vec8_letters;

static inline vec8_row vec8_row_load(const int8_t *row)
{
    return lookup_row_32_load(row);
}

static inline vec8_letters vec8_letters_load(const uint8_t *letters)
{
    return lookup_letters_32_load(letters);
}

static inline vec vec8_lookup(vec8_row row, vec8_letters letters)
{
    return _mm256_or_si256(_mm256_shuffle_epi8(row.low, letters.low),
                           _mm256_shuffle_epi8(row.high, letters.high));
}

/* 16 bit */

static inline vec vec16_set1(int16_t value)
{
    return _mm256_set1_epi16(value);
}

static inline vec vec16_add(vec a, vec b)
{
    return _mm256_adds_epi16(a, b);
}

static inline vec vec16_sub(vec a, vec b)
{
    return _mm256_subs_epi16(a, b);
}

static inline vec vec16_max(vec a, vec b)
{
    return _mm256_max_epi16(a, b);
}

typedef lookup_row vec16_row;
typedef lookup_letters vec16_letters;

static inline vec16_row vec16_row_load(const int8_t *row)
{
    return lookup_row_load(row);
}

static inline vec16_letters vec16_letters_load(const uint8_t *letters)
{
    return lookup_letters_load_16(letters);
}

static inline vec vec16_lookup(vec16_row row, vec16_letters letters)
{
    return _mm256_cvtepi8_epi16(lookup_scores(row, letters));
}

/* 32 bit */

static inline vec vec32_set1(int32_t value)
{
    return _mm256_set1_epi32(value);
}

static inline vec vec32_add(vec a, vec b)
{
    return _mm256_add_epi32(a, b);
}

static inline vec vec32_sub(vec a, vec b)
{
    return _mm256_sub_epi32(a, b);
}

static inline vec vec32_max(vec a, vec b)
{
    return _mm256_max_epi32(a, b);
}

typedef lookup_row vec32_row;
typedef lookup_letters vec32_letters;

static inline vec32_row vec32_row_load(const int8_t *row)
{
    return lookup_row_load(row);
}

static inline vec32_letters vec32_letters_load(const uint8_t *letters)
{
    return lookup_letters_load_8(letters);
}

static inline vec vec32_lookup(vec32_row row, vec32_letters letters)
{
    return _mm256_cvtepi8_epi32(lookup_scores(row, letters));
}

#endif
