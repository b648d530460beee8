/* The score kernels in SSE4.1; see score_template.h. */
#include "kernels/score.h"
#include "kernels/score_scratch.h"
#include "kernels/vec_sse41.h"

#define TABLE_ROWS_PER_CLASS 2

#define WIDTH 8
#include "kernels/score_template.h"
#undef WIDTH
#define WIDTH 16
#include "kernels/score_template.h"
#undef WIDTH
#define WIDTH 32
#include "kernels/score_template.h"

void tal_kernels_register_sse41(tal_kernel_table *table)
{
    table->score[TAL_LOCAL][TAL_WIDTH_8] = score_local_8;
    table->score[TAL_LOCAL][TAL_WIDTH_16] = score_local_16;
    table->score[TAL_LOCAL][TAL_WIDTH_32] = score_local_32;
    table->score[TAL_GLOBAL][TAL_WIDTH_16] = score_global_16;
    table->score[TAL_GLOBAL][TAL_WIDTH_32] = score_global_32;
    table->score[TAL_SEMIGLOBAL][TAL_WIDTH_16] = score_semiglobal_16;
    table->score[TAL_SEMIGLOBAL][TAL_WIDTH_32] = score_semiglobal_32;
}
