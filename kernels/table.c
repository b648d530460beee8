/* The ladder of instruction sets; see table.h. */
#include "kernels/table.h"

#include "kernels/gapless.h"
#include "kernels/identity.h"
#include "kernels/pace_register.h"
#include "kernels/repeats_register.h"
#include "kernels/rival_register.h"
#include "kernels/score.h"
#include "kernels/score_scratch.h"
#include "kernels/wave_register.h"

#include <string.h>

void tal_kernel_table_init(tal_kernel_table *table, tal_isa isa)
{
    memset(table, 0, sizeof(*table));
    table->isa = isa;
    tal_kernels_register_scalar(table);
    tal_kernels_register_gapless_scalar(table);
    tal_kernels_register_identity_scalar(table);
    tal_wave_register_scalar(table);
    tal_pace_register_scalar(table);
    tal_rival_register_scalar(table);
    tal_repeats_register_scalar(table);
#if defined(__x86_64__)
    if (isa < TAL_ISA_SSE41)
        return;
    tal_kernels_register_sse41(table);
    tal_kernels_register_gapless_sse41(table);
    tal_kernels_register_identity_sse41(table);
    tal_wave_register_sse41(table);
    tal_pace_register_sse41(table);
    tal_rival_register_sse41(table);
    if (isa < TAL_ISA_AVX2)
        return;
    tal_kernels_register_avx2(table);
    tal_kernels_register_gapless_avx2(table);
    tal_kernels_register_identity_avx2(table);
    tal_wave_register_avx2(table);
    tal_pace_register_avx2(table);
    tal_rival_register_avx2(table);
    tal_repeats_register_avx2(table);
    if (isa < TAL_ISA_AVX512VBMI)
        return;
    tal_kernels_register_avx512vbmi(table);
    if (tal_cpu_has_four_full_pipes())
        tal_kernels_register_gapless_avx512vbmi(table);
    else
        tal_kernels_register_gapless_avx512vbmi_narrow(table);
    tal_kernels_register_identity_avx512vbmi(table);
    tal_wave_register_avx512vbmi(table);
    tal_pace_register_avx512vbmi(table);
    tal_rival_register_avx512vbmi(table);
    tal_repeats_register_avx512vbmi(table);
#endif
}

size_t tal_kernel_scratch_bytes(int32_t query_len, int32_t longest)
{
    size_t scalar = (size_t)query_len * 2 * sizeof(int32_t);
    size_t vector = tal_score_scratch_cut(query_len, longest).bytes;
    return ((scalar > vector ? scalar : vector) + 63) / 64 * 64;
}

size_t tal_gapless_scratch_bytes(int32_t query_len)
{
    return tal_gapless_scratch_cut(query_len).bytes;
}
