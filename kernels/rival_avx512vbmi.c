/* The rival kernel in AVX-512 VBMI; see rival_template.h. */
#include "kernels/rival_register.h"
#include "kernels/vec_avx512.h"

static inline bool vec8_is_negative(vec value)
{
    return _mm512_movepi8_mask(value) == UINT64_MAX;
}

#include "kernels/rival_template.h"

void tal_rival_register_avx512vbmi(tal_kernel_table *table)
{
    table->rival = rival;
}
