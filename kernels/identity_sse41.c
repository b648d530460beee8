/* The identity kernel in SSE4.1: equal bytes compare to -1, which byte counters subtract; before
 * they can overflow they are added to 64-bit sums. */
#include "kernels/identity.h"

#include <immintrin.h>

/* Vectors that a byte counter can count. */
#define BLOCK 255

static size_t identity(const uint8_t *a, const uint8_t *b, size_t len)
{
    const size_t lanes = sizeof(__m128i);
    const __m128i zero = _mm_setzero_si128();
    __m128i sums = zero;
    size_t at = 0;
    while (len - at >= lanes) {
        size_t vectors = (len - at) / lanes < BLOCK ? (len - at) / lanes : BLOCK;
        __m128i counts = zero;
        for (size_t i = 0; i < vectors; i++, at += lanes) {
            __m128i left = _mm_loadu_si128((const __m128i *)(const void *)(a + at));
            __m128i right = _mm_loadu_si128((const __m128i *)(const void *)(b + at));
            counts = _mm_sub_epi8(counts, _mm_cmpeq_epi8(left, right));
        }
        sums = _mm_add_epi64(sums, _mm_sad_epu8(counts, zero));
    }
    uint64_t parts[sizeof(__m128i) / sizeof(uint64_t)];
    _mm_storeu_si128((__m128i *)(void *)parts, sums);
    size_t count = tal_identity_rest(a, b, at, len);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        count += (size_t)parts[i];
    return count;
}

void tal_kernels_register_identity_sse41(tal_kernel_table *table)
{
    table->identity = identity;
}
