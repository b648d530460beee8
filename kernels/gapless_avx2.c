/* The gapless kernel in AVX2; see gapless_template.h. */
#include "kernels/gapless.h"
#include "kernels/vec_avx2.h"

#include "kernels/gapless_template.h"

void tal_kernels_register_gapless_avx2(tal_kernel_table *table)
{
    table->gapless = gapless_local;
}
