/* What each pace file offers: it puts its functions into a table; see pace.h. */
#ifndef TAL_KERNELS_PACE_REGISTER_H
#define TAL_KERNELS_PACE_REGISTER_H

#include "kernels/table.h"

void tal_pace_register_scalar(tal_kernel_table *table);
void tal_pace_register_sse41(tal_kernel_table *table);
void tal_pace_register_avx2(tal_kernel_table *table);
void tal_pace_register_avx512vbmi(tal_kernel_table *table);

#endif
