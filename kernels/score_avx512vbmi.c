/* The score kernels in AVX-512 VBMI; see score_template.h. */
#include "kernels/score.h"
#include "kernels/score_scratch.h"
#include "kernels/vec_avx512.h"

#define TABLE_ROWS_PER_CLASS 8

#define WIDTH 8
#include "kernels/score_template.h"
#undef WIDTH
#undef TABLE_ROWS_PER_CLASS
#define TABLE_ROWS_PER_CLASS 3
#define WIDTH                16
#include "kernels/score_template.h"
#undef WIDTH
#define WIDTH 32
#include "kernels/score_template.h"

void tal_kernels_register_avx512vbmi(tal_kernel_table *table)
{
    table->score[TAL_LOCAL][TAL_WIDTH_8] = score_local_8;
    table->score[TAL_LOCAL][TAL_WIDTH_16] = score_local_16;
    table->score[TAL_LOCAL][TAL_WIDTH_32] = score_local_32;
    table->score[TAL_GLOBAL][TAL_WIDTH_16] = score_global_16;
    table->score[TAL_GLOBAL][TAL_WIDTH_32] = score_global_32;
    table->score[TAL_SEMIGLOBAL][TAL_WIDTH_16] = score_semiglobal_16;
    table->score[TAL_SEMIGLOBAL][TAL_WIDTH_32] = score_semiglobal_32;
}
