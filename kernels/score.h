/* What each score kernel file offers: it puts its functions into a table.
 *
 * A port to another instruction set is one more vec_*.h, one more score_*.c and one line here, in
 * table.c and in meson.build. The functions of an instruction set may only be called on a CPU that
 * has it.
 */
#ifndef TAL_KERNELS_SCORE_H
#define TAL_KERNELS_SCORE_H

#include "kernels/table.h"

void tal_kernels_register_scalar(tal_kernel_table *table);
void tal_kernels_register_sse41(tal_kernel_table *table);
void tal_kernels_register_avx2(tal_kernel_table *table);
void tal_kernels_register_avx512vbmi(tal_kernel_table *table);

#endif
