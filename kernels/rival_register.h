/* What each rival kernel file offers: it puts its function into a table. */
#ifndef TAL_KERNELS_RIVAL_REGISTER_H
#define TAL_KERNELS_RIVAL_REGISTER_H

#include "kernels/table.h"

void tal_rival_register_scalar(tal_kernel_table *table);
void tal_rival_register_sse41(tal_kernel_table *table);
void tal_rival_register_avx2(tal_kernel_table *table);
void tal_rival_register_avx512vbmi(tal_kernel_table *table);

#endif
