/* What each wave kernel file offers: it puts its functions into a table; see score.h. */
#ifndef TAL_KERNELS_WAVE_REGISTER_H
#define TAL_KERNELS_WAVE_REGISTER_H

#include "kernels/table.h"

void tal_wave_register_scalar(tal_kernel_table *table);
void tal_wave_register_sse41(tal_kernel_table *table);
void tal_wave_register_avx2(tal_kernel_table *table);
void tal_wave_register_avx512vbmi(tal_kernel_table *table);

#endif
