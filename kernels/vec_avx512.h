/* The vector operations of score_template.h in AVX-512 (F, BW, VL, VBMI): 64 bytes.
 *
 * A profile row is looked up by one byte permutation.
 *
 * Only for files compiled for this instruction set.
 */
#ifndef TAL_KERNELS_VEC_AVX512_H
#define TAL_KERNELS_VEC_AVX512_H

#include <immintrin.h>
#include <stdint.h>

typedef __m512i vec;

static inline vec vec_load(const vec *from)
{
    return _mm512_load_si512((const void *)from);
}

static inline void vec_store(vec *to, vec value)
{
    _mm512_store_si512((void *)to, value);
}

/* 8 bit */

static inline vec vec8_set1(int8_t value)
{
    return _mm512_set1_epi8((char)value);
}

static inline vec vec8_add(vec a, vec b)
{
    return _mm512_adds_epi8(a, b);
}

static inline vec vec8_sub(vec a, vec b)
{
    return _mm512_subs_epi8(a, b);
}

static inline vec vec8_max(vec a, vec b)
{
    return _mm512_max_epi8(a, b);
}

typedef __m512i vec8_row;
typedef __m512i vec8_letters;

static inline vec8_row vec8_row_load(const int8_t *row)
{
    return _mm512_castsi256_si512(_mm256_loadu_si256((const void *)row));
}

static inline vec8_letters vec8_letters_load(const uint8_t *letters)
{
    return _mm512_loadu_si512((const void *)letters);
}

static inline vec vec8_lookup(vec8_row row, vec8_letters letters)
{
    return _mm512_permutexvar_epi8(letters, row);
}

/* 16 bit */

static inline vec vec16_set1(int16_t value)
{
    return _mm512_set1_epi16(value);
}

static inline vec vec16_add(vec a, vec b)
{
    return _mm512_adds_epi16(a, b);
}

static inline vec vec16_sub(vec a, vec b)
{
    return _mm512_subs_epi16(a, b);
}

static inline vec vec16_max(vec a, vec b)
{
    return _mm512_max_epi16(a, b);
}

typedef __m256i vec16_row;
typedef __m256i vec16_letters;

static inline vec16_row vec16_row_load(const int8_t *row)
{
    return _mm256_loadu_si256((const void *)row);
}

static inline vec16_letters vec16_letters_load(const uint8_t *letters)
{
    return _mm256_loadu_si256((const void *)letters);
}

static inline vec vec16_lookup(vec16_row row, vec16_letters letters)
{
    return _mm512_cvtepi8_epi16(_mm256_permutexvar_epi8(letters, row));
}

/* 32 bit */

static inline vec vec32_set1(int32_t value)
{
    return _mm512_set1_epi32(value);
}

static inline vec vec32_add(vec a, vec b)
{
    return _mm512_add_epi32(a, b);
}

static inline vec vec32_sub(vec a, vec b)
{
    return _mm512_sub_epi32(a, b);
}

static inline vec vec32_max(vec a, vec b)
{
    return _mm512_max_epi32(a, b);
}

typedef __m256i vec32_row;
typedef __m256i vec32_letters;

static inline vec32_row vec32_row_load(const int8_t *row)
{
    return _mm256_loadu_si256((const void *)row);
}

static inline vec32_letters vec32_letters_load(const uint8_t *letters)
{
    return _mm256_castsi128_si256(_mm_loadu_si128((const void *)letters));
}

static inline vec vec32_lookup(vec32_row row, vec32_letters letters)
{
    return _mm512_cvtepi8_epi32(_mm256_castsi256_si128(_mm256_permutexvar_epi8(letters, row)));
}

#endif
