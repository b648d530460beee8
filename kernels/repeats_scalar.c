/* The repeats kernel in vectors of four, which the compiler makes of what there is: what SSE4.1
 * adds would not help. See repeats_template.h. */
#include "kernels/repeats_register.h"

#include <string.h>

#define VF_LANES 4

typedef float vf __attribute__((vector_size(16)));
typedef const uint8_t *vf_codes;

static inline vf vf_load(const float *from)
{
    vf a;
    memcpy(&a, from, sizeof(a));
    return a;
}

static inline void vf_store(float *to, vf a)
{
    memcpy(to, &a, sizeof(a));
}

static inline vf vf_set1(float a)
{
    return (vf){a, a, a, a};
}

static inline vf vf_add(vf a, vf b)
{
    return a + b;
}

static inline vf vf_mul(vf a, vf b)
{
    return a * b;
}

static inline vf_codes vf_load_codes(const uint8_t *bytes)
{
    return bytes;
}

static inline vf vf_look_up(const float *table, vf_codes codes)
{
    return (vf){table[codes[0]], table[codes[1]], table[codes[2]], table[codes[3]]};
}

static inline float vf_sum(const vf *v)
{
    const vf four = (v[0] + v[2]) + (v[1] + v[3]);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

#include "kernels/repeats_template.h"

void tal_repeats_register_scalar(tal_kernel_table *table)
{
    table->repeats = repeats;
}

size_t tal_repeats_scratch_bytes(int32_t len)
{
    const int32_t span = len < TAL_REPEATS_SPAN ? len : TAL_REPEATS_SPAN;
    const size_t layouts = len > span ? 2 : 1;
    return layouts * TAL_REPEATS_CODES * tal_repeats_stride(span) * sizeof(float);
}
