/* The repeats kernel in AVX-512; see repeats_template.h. */
#include "kernels/repeats_register.h"

#include <immintrin.h>

#define VF_LANES 16
#define vf_load  _mm512_loadu_ps
#define vf_store _mm512_storeu_ps
#define vf_set1  _mm512_set1_ps
#define vf_add   _mm512_add_ps
#define vf_mul   _mm512_mul_ps

typedef __m512 vf;
typedef __m512i vf_codes;

static inline vf_codes vf_load_codes(const uint8_t *bytes)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)bytes));
}

static inline vf vf_look_up(const float *table, vf_codes codes)
{
    return _mm512_permutex2var_ps(vf_load(table), codes, vf_load(table + 16));
}

static inline float vf_sum(const vf *v)
{
    const __m256 upper =
        _mm256_castsi256_ps(_mm512_extracti64x4_epi64(_mm512_castps_si512(v[0]), 1));
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v[0]), upper);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#include "kernels/repeats_template.h"

void tal_repeats_register_avx512vbmi(tal_kernel_table *table)
{
    table->repeats = repeats;
}
