/* How the vector score kernels divide their scratch; see score_template.h. */
#ifndef TAL_KERNELS_SCORE_SCRATCH_H
#define TAL_KERNELS_SCORE_SCRATCH_H

#include "kernels/row_class.h"

enum {
    /* Query rows per strip: H and E of a strip are at most 128 KiB and stay in L2, while what begins
     * and ends a strip is spread over many rows. */
    TAL_SCORE_STRIP_ROWS = 1024,
    TAL_SCORE_VECTOR_BYTES = 64, /* the widest */
};

/* Where each part begins, in bytes from the start; all at whole vectors. */
typedef struct tal_score_scratch {
    size_t table;     /* scores of each row class in TAL_BATCH_COLUMN_STEP columns */
    size_t h_e;       /* H and E of each row of a strip */
    size_t carry;     /* H and F of each column, from strip to strip */
    size_t row_class; /* of each query row */
    size_t bytes;
} tal_score_scratch;

static inline tal_score_scratch tal_score_scratch_cut(int32_t query_len, int32_t longest)
{
    const size_t vector = TAL_SCORE_VECTOR_BYTES;
    size_t strip_rows = query_len < TAL_SCORE_STRIP_ROWS ? (size_t)query_len : TAL_SCORE_STRIP_ROWS;
    size_t columns =
        query_len > TAL_SCORE_STRIP_ROWS ? (size_t)longest + TAL_BATCH_COLUMN_STEP - 1 : 0;
    tal_score_scratch scratch = {.table = 0};
    scratch.h_e = scratch.table + TAL_ROW_CLASS_MAX * TAL_BATCH_COLUMN_STEP * vector;
    scratch.carry = scratch.h_e + strip_rows * 2 * vector;
    scratch.row_class = scratch.carry + columns * 2 * vector;
    scratch.bytes = scratch.row_class + (size_t)query_len;
    return scratch;
}

#endif
