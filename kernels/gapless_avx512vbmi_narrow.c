/* The gapless kernel in AVX-512 VBMI for CPUs that are not known to have four full 512-bit pipes;
 * see gapless_template.h. Where a 512-bit operation takes a pipe twice, permutations are dearer
 * than loads.
 */
#include "kernels/gapless.h"
#include "kernels/vec_avx512.h"

#define TABLED               5
#define TABLE_ROWS_PER_CLASS 8
#define PEAKS                4
#include "kernels/gapless_template.h"

void tal_kernels_register_gapless_avx512vbmi_narrow(tal_kernel_table *table)
{
    table->gapless = gapless_local;
}
