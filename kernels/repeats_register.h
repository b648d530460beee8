/* What each repeats kernel file offers: it puts its function into a table. */
#ifndef TAL_KERNELS_REPEATS_REGISTER_H
#define TAL_KERNELS_REPEATS_REGISTER_H

#include "kernels/table.h"

void tal_repeats_register_scalar(tal_kernel_table *table);
void tal_repeats_register_avx2(tal_kernel_table *table);
void tal_repeats_register_avx512vbmi(tal_kernel_table *table);

/* Floats from one letter's ratios to the next one's: those of the residues, their predecessors and
 * the rest of a vector. */
static inline size_t tal_repeats_stride(int32_t residues)
{
    return (size_t)residues + TAL_REPEATS_PADS;
}

#endif
