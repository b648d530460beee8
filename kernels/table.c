/* The ladder of instruction sets; see table.h. */
#include "kernels/table.h"

#include "kernels/gapless.h"
#include "kernels/score.h"

#include <string.h>

/* Scratch holds H and E of every query row, each at most one 64-byte vector. */
#define SCRATCH_BYTES_PER_ROW 128

void tal_kernel_table_init(tal_kernel_table *table, tal_isa isa)
{
    memset(table, 0, sizeof(*table));
    table->isa = isa;
    tal_kernels_register_scalar(table);
    tal_kernels_register_gapless_scalar(table);
#if defined(__x86_64__)
    if (isa < TAL_ISA_SSE41)
        return;
    tal_kernels_register_sse41(table);
    tal_kernels_register_gapless_sse41(table);
    if (isa < TAL_ISA_AVX2)
        return;
    tal_kernels_register_avx2(table);
    tal_kernels_register_gapless_avx2(table);
    if (isa < TAL_ISA_AVX512VBMI)
        return;
    tal_kernels_register_avx512vbmi(table);
    tal_kernels_register_gapless_avx512vbmi(table);
#endif
}

size_t tal_kernel_scratch_bytes(int32_t query_len)
{
    return (size_t)query_len * SCRATCH_BYTES_PER_ROW;
}

size_t tal_gapless_scratch_bytes(int32_t query_len)
{
    return (size_t)query_len * TAL_BATCH_LANES; /* a cell of every lane for each row */
}
