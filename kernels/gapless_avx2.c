/* The gapless kernel in AVX2; see gapless_template.h. */
#include "kernels/gapless.h"
#include "kernels/vec_avx2.h"

#define TABLED               8
#define TABLE_ROWS_PER_CLASS 2
#define PEAKS                2
#include "kernels/gapless_template.h"

void tal_kernels_register_gapless_avx2(tal_kernel_table *table)
{
    table->gapless = gapless_local;
}
