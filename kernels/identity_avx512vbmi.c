/* The identity kernel in AVX-512: the compare gives a mask, whose bits are counted; the last vector
 * loads only what is left. */
#include "kernels/identity.h"

#include <immintrin.h>

static size_t identity(const uint8_t *a, const uint8_t *b, size_t len)
{
    const size_t lanes = sizeof(__m512i);
    size_t count = 0;
    size_t at = 0;
    for (; len - at >= lanes; at += lanes) {
        __m512i left = _mm512_loadu_si512((const void *)(a + at));
        __m512i right = _mm512_loadu_si512((const void *)(b + at));
        count += (size_t)_mm_popcnt_u64(_mm512_cmpeq_epi8_mask(left, right));
    }
    if (at < len) {
        __mmask64 valid = _cvtu64_mask64((UINT64_C(1) << (len - at)) - 1);
        __m512i left = _mm512_maskz_loadu_epi8(valid, a + at);
        __m512i right = _mm512_maskz_loadu_epi8(valid, b + at);
        count += (size_t)_mm_popcnt_u64(_mm512_mask_cmpeq_epi8_mask(valid, left, right));
    }
    return count;
}

void tal_kernels_register_identity_avx512vbmi(tal_kernel_table *table)
{
    table->identity = identity;
}
