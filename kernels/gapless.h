/* What each gapless kernel file offers: it puts its functions into a table; see gapless_template.h.
 */
#ifndef TAL_KERNELS_GAPLESS_H
#define TAL_KERNELS_GAPLESS_H

#include "kernels/table.h"

void tal_kernels_register_gapless_scalar(tal_kernel_table *table);
void tal_kernels_register_gapless_sse41(tal_kernel_table *table);
void tal_kernels_register_gapless_avx2(tal_kernel_table *table);
void tal_kernels_register_gapless_avx512vbmi(tal_kernel_table *table);

#endif
