/* How the vector score kernels divide their scratch; see score_template.h. */
#ifndef TAL_KERNELS_SCORE_SCRATCH_H
#define TAL_KERNELS_SCORE_SCRATCH_H

#include "kernels/row_class.h"

enum {
    /* Query rows per strip: H and E of a strip are at most 128 KiB and stay in L2, while what
     * begins and ends a strip is spread over many rows. */
    TAL_SCORE_STRIP_ROWS = 1024,
    /* More columns than this, and more than there are rows, would ask for more memory between
     * strips (8 MiB) than one strip of all rows does. */
    TAL_SCORE_CARRY_COLUMNS = 65536,
    TAL_SCORE_VECTOR_BYTES = 64, /* the widest */
};

/* How many strips of about equal height a query is cut into. */
static inline int32_t tal_score_strip_count(int32_t query_len, int32_t longest)
{
    if (longest > TAL_SCORE_CARRY_COLUMNS && longest > query_len)
        return 1;
    return (query_len - 1) / TAL_SCORE_STRIP_ROWS + 1;
}

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
    int32_t strip_count = tal_score_strip_count(query_len, longest);
    size_t strip_rows = (size_t)((query_len - 1) / strip_count + 1);
    size_t columns = strip_count > 1 ? (size_t)longest + TAL_BATCH_COLUMN_STEP - 1 : 0;
    tal_score_scratch scratch = {.table = 0};
    scratch.h_e = scratch.table + TAL_ROW_CLASS_MAX * TAL_BATCH_COLUMN_STEP * vector;
    scratch.carry = scratch.h_e + strip_rows * 2 * vector;
    scratch.row_class = scratch.carry + columns * 2 * vector;
    scratch.bytes = scratch.row_class + (size_t)query_len;
    return scratch;
}

#endif
