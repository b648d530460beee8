/* Score lookup for 16 letters by two byte shuffles (SSSE3); shared by SSE4.1 and AVX2.
 *
 * A byte shuffle takes the low four bits of an index and gives 0 where bit 7 is set. Letters are
 * 0..31: letter + 0x70 has bit 7 set for 16..31, letter - 16 for 0..15, and both keep the low four
 * bits; so the two halves of a profile row are looked up and joined by or.
 */
#ifndef TAL_KERNELS_VEC_LOOKUP_H
#define TAL_KERNELS_VEC_LOOKUP_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef struct lookup_row {
    __m128i low, high; /* scores of letters 0..15, 16..31 */
} lookup_row;

typedef struct lookup_letters {
    __m128i low, high; /* indices into the two halves */
} lookup_letters;

static inline lookup_row lookup_row_load(const int8_t *row)
{
    const __m128i *half = (const void *)row;
    return (lookup_row){_mm_loadu_si128(half), _mm_loadu_si128(half + 1)};
}

static inline lookup_letters lookup_letters_split(__m128i letters)
{
    return (lookup_letters){_mm_add_epi8(letters, _mm_set1_epi8(0x70)),
                            _mm_sub_epi8(letters, _mm_set1_epi8(16))};
}

static inline lookup_letters lookup_letters_load_16(const uint8_t *letters)
{
    return lookup_letters_split(_mm_loadu_si128((const void *)letters));
}

static inline lookup_letters lookup_letters_load_8(const uint8_t *letters)
{
    return lookup_letters_split(_mm_loadl_epi64((const void *)letters));
}

static inline lookup_letters lookup_letters_load_4(const uint8_t *letters)
{
    int32_t four;
    memcpy(&four, letters, sizeof(four));
    return lookup_letters_split(_mm_cvtsi32_si128(four));
}

static inline __m128i lookup_scores(lookup_row row, lookup_letters letters)
{
    return _mm_or_si128(_mm_shuffle_epi8(row.low, letters.low),
                        _mm_shuffle_epi8(row.high, letters.high));
}

#endif
