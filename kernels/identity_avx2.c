/* The identity kernel in AVX2: equal bytes compare to -1, which byte counters subtract; before
 * they can overflow they are added to 64-bit sums. */
#include "kernels/identity.h"

#include <immintrin.h>

/* Vectors that a byte counter can count. */
#define BLOCK 255

static size_t identity(const uint8_t *a, const uint8_t *b, size_t len)
{
    const size_t lanes = sizeof(__m256i);
    const __m256i zero = _mm256_setzero_si256();
    __m256i sums = zero;
    size_t at = 0;
    while (len - at >= lanes) {
        size_t vectors = (len - at) / lanes < BLOCK ? (len - at) / lanes : BLOCK;
        __m256i counts = zero;
        for (size_t i = 0; i < vectors; i++, at += lanes) {
            __m256i left = _mm256_loadu_si256((const __m256i *)(const void *)(a + at));
            __m256i right = _mm256_loadu_si256((const __m256i *)(const void *)(b + at));
            counts = _mm256_sub_epi8(counts, _mm256_cmpeq_epi8(left, right));
        }
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(counts, zero));
    }
    uint64_t parts[sizeof(__m256i) / sizeof(uint64_t)];
    _mm256_storeu_si256((__m256i *)(void *)parts, sums);
    size_t count = tal_identity_rest(a, b, at, len);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        count += (size_t)parts[i];
    return count;
}

void tal_kernels_register_identity_avx2(tal_kernel_table *table)
{
    table->identity = identity;
}
