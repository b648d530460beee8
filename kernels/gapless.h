/* What each gapless kernel file offers: it puts its functions into a table; see gapless_template.h.
 */
#ifndef TAL_KERNELS_GAPLESS_H
#define TAL_KERNELS_GAPLESS_H

#include "kernels/row_class.h"
#include "kernels/table.h"

/* Columns that vector kernels take at a time. */
enum { TAL_GAPLESS_COLUMNS = 8 };

/* How vector kernels divide their scratch: where each part begins, in bytes, at whole vectors. */
typedef struct tal_gapless_scratch {
    size_t table;     /* scores of each row class in the columns of a pass */
    size_t kept;      /* a cell of every row */
    size_t row_class; /* of each row */
    size_t bytes;
} tal_gapless_scratch;

static inline tal_gapless_scratch tal_gapless_scratch_cut(int32_t query_len)
{
    tal_gapless_scratch scratch = {.table = 0};
    scratch.kept = scratch.table + TAL_ROW_CLASS_MAX * TAL_GAPLESS_COLUMNS * TAL_BATCH_LANES;
    scratch.row_class = scratch.kept + (size_t)query_len * TAL_BATCH_LANES;
    scratch.bytes = scratch.row_class + ((size_t)query_len + 63) / 64 * 64;
    return scratch;
}

void tal_kernels_register_gapless_scalar(tal_kernel_table *table);
void tal_kernels_register_gapless_sse41(tal_kernel_table *table);
void tal_kernels_register_gapless_avx2(tal_kernel_table *table);
void tal_kernels_register_gapless_avx512vbmi(tal_kernel_table *table);
void tal_kernels_register_gapless_avx512vbmi_narrow(tal_kernel_table *table);

#endif
