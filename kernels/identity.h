/* What each identity kernel file offers: it puts its function into a table. */
#ifndef TAL_KERNELS_IDENTITY_H
#define TAL_KERNELS_IDENTITY_H

#include "kernels/table.h"

void tal_kernels_register_identity_scalar(tal_kernel_table *table);
void tal_kernels_register_identity_sse41(tal_kernel_table *table);
void tal_kernels_register_identity_avx2(tal_kernel_table *table);
void tal_kernels_register_identity_avx512vbmi(tal_kernel_table *table);

/* What is left of a run when no vector fits any more. */
static inline size_t tal_identity_rest(const uint8_t *a, const uint8_t *b, size_t begin, size_t end)
{
    size_t count = 0;
    for (size_t i = begin; i < end; i++)
        count += a[i] == b[i];
    return count;
}

#endif
