/* The repeats kernel in AVX2; see repeats_template.h. */
#include "kernels/repeats_register.h"

#include <immintrin.h>

#define VF_LANES 8
#define vf_load  _mm256_loadu_ps
#define vf_store _mm256_storeu_ps
#define vf_set1  _mm256_set1_ps
#define vf_add   _mm256_add_ps
#define vf_mul   _mm256_mul_ps

typedef __m256 vf;

/* Codes, and signs that say which eight of the table one is in. */
typedef struct vf_codes {
    __m256i codes;
    __m256 in_odd, in_upper;
} vf_codes;

static inline vf_codes vf_load_codes(const uint8_t *bytes)
{
    const __m256i codes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)bytes));
    return (vf_codes){codes, _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28)),
                      _mm256_castsi256_ps(_mm256_slli_epi32(codes, 27))};
}

static inline vf vf_look_up(const float *table, vf_codes of)
{
    const vf in_0 = _mm256_permutevar8x32_ps(vf_load(table), of.codes);
    const vf in_1 = _mm256_permutevar8x32_ps(vf_load(table + 8), of.codes);
    const vf in_2 = _mm256_permutevar8x32_ps(vf_load(table + 16), of.codes);
    const vf in_3 = _mm256_permutevar8x32_ps(vf_load(table + 24), of.codes);
    return _mm256_blendv_ps(_mm256_blendv_ps(in_0, in_1, of.in_odd),
                            _mm256_blendv_ps(in_2, in_3, of.in_odd), of.in_upper);
}

static inline float vf_sum(const vf *v)
{
    const vf eight = _mm256_add_ps(v[0], v[1]);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#include "kernels/repeats_template.h"

void tal_repeats_register_avx2(tal_kernel_table *table)
{
    table->repeats = repeats;
}
