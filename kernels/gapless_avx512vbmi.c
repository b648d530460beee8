/* The gapless kernel in AVX-512 VBMI for CPUs with four full 512-bit pipes; see
 * gapless_template.h. Additions have two of the pipes, permutations the other two, and the loads of
 * a third column would hold up both.
 */
#include "kernels/gapless.h"
#include "kernels/vec_avx512.h"

#define TABLED               2
#define TABLE_ROWS_PER_CLASS 8
#define PEAKS                4
#include "kernels/gapless_template.h"

void tal_kernels_register_gapless_avx512vbmi(tal_kernel_table *table)
{
    table->gapless = gapless_local;
}
