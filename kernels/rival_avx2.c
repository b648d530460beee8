/* The rival kernel in AVX2; see rival_template.h. */
#include "kernels/rival_register.h"
#include "kernels/vec_avx2.h"

static inline bool vec8_is_negative(vec value)
{
    return _mm256_movemask_epi8(value) == -1;
}

#include "kernels/rival_template.h"

void tal_rival_register_avx2(tal_kernel_table *table)
{
    table->rival = rival;
}
