/* The contract of the wave kernels: one pair of sequences, exact, any cells of the matrix.
 *
 * Where the score kernels (contract.h) hold one reference in each lane, a wave kernel holds one row
 * (query position) in each lane and walks down the columns (reference positions), every lane one
 * column behind the lane above it: an anti-diagonal. So one long pair fills a vector, E and F are
 * exact as they come, and nothing has to be corrected afterwards. For sequences too long for a
 * batch, and for all passes of traceback.
 *
 * The recurrence is that of contract.h with the modes left to the caller, who writes the borders:
 * Rows and columns count from 1, border row and column are 0.
 *   left_h[i - 1] = H(i,0)    left_e[i - 1] = E(i,1)    row_h[j] = H(0,j)    row_f[j] = F(1,j)
 * and gets back the far borders in the same arrays, E(i,n+1), F(m+1,j) for the m x n block; but
 * row_h[0] becomes H(m,0). So blocks of columns may be chained: their left arrays pass on.
 *
 * Elements are int16_t (width 16) or int32_t (width 32). At 16 bit all sums saturate: a value of
 * -32768 means "this or less", which is the zero of local alignment when the caller keeps 0 there,
 * and otherwise no path. At 32 bit no H falls below `floor`: 0 for local alignment, otherwise
 * TAL_WAVE_DEAD; border values may be anything from TAL_WAVE_DEAD - 2 * TAL_KERNEL_GAP_MAX up.
 *
 * left_h, left_e: TAL_WAVE_PAD elements more than rows. row_h, row_f: TAL_WAVE_PAD elements are
 * read, some written, before index 0 and after index column_count; their values do not matter.
 * Scores of a profile row lie in -127..100. Kernels read nothing outside the rows of the profile
 * and the letters given.
 */
#ifndef TAL_KERNELS_WAVE_H
#define TAL_KERNELS_WAVE_H

#include "kernels/contract.h"

enum { TAL_WAVE_PAD = 192 };

/* No path leads here, at 32 bit. */
#define TAL_WAVE_DEAD (-(INT32_C(3) << 29))

/* Direction bits of a cell (i,j). On equal values H prefers the pair, then F, then E; E and F
 * prefer to open. */
enum {
    TAL_WAVE_F = 1,         /* H(i,j) is F, unless it is E */
    TAL_WAVE_E = 2,         /* H(i,j) is E; neither: the pair (or the floor) */
    TAL_WAVE_E_EXTENDS = 4, /* E(i,j+1) extends E(i,j) */
    TAL_WAVE_F_EXTENDS = 8, /* F(i+1,j) extends F(i,j) */
};

/* What `peak` and `find` may leave out: cells that no wanted path runs through. A wanted path
 * begins with a pair in the first fresh_rows rows and fresh_columns columns, and in each of its
 * cells H is at least what the cell's row needs, and its column. Needs rise or stay from one to the
 * next; paths that are not wanted may be found or not. left_h holds no H that is needed, row_h none
 * but row_h[0]. */
typedef struct tal_wave_reach {
    const int32_t *row_needs;    /* of each row */
    const int32_t *column_needs; /* of each column; NULL: nothing */
    int32_t fresh_rows, fresh_columns;
    /* Out, of each row; NULL: not wanted. The columns [begin, end), from 0, that were computed. */
    int32_t *span_begins, *span_ends;
} tal_wave_reach;

typedef struct tal_wave_job {
    const int8_t *profile; /* of row 1; row i is at profile + (i - 1) * profile_step */
    ptrdiff_t profile_step;
    const uint8_t *letters; /* of column 1; column j is at letters + (j - 1) * letter_step */
    ptrdiff_t letter_step;
    int32_t row_count, column_count; /* >= 1 */
    int32_t gap_open, gap_extend;
    int32_t floor; /* 32 bit only */
    void *left_h, *left_e, *row_h, *row_f;
    void *scratch; /* TAL_WAVE_SCRATCH_BYTES, aligned to 64 bytes */

    /* `find` only: the cell of this value in the first column, of those in the first row. No cell
     * may be larger. After a find the far borders are undefined, and after a peak with a reach. */
    int32_t target;
    const tal_wave_reach *reach; /* `peak` and `find`; NULL: every cell is computed */
    int32_t *row_peaks; /* out, of `peak`: the largest H of each row, of the cells that were
                           computed, or the smallest element; NULL: not wanted */

    uint8_t *directions; /* `directions` only: tal_wave_direction_bytes */

    /* Out. */
    int32_t peak; /* the largest H, left border counted or not (`peak`: not); none of `find`. 32767
                     at 16 bit: saturated, all is undefined */
    int32_t found_row, found_column; /* of `find`; column 0: none. Of `peak`: the cell of the
                                        largest H, chosen alike */
} tal_wave_job;

enum {
    TAL_WAVE_SCRATCH_BYTES = 40 << 10,
    TAL_WAVE_PEAK_COLUMNS_MAX = 65000, /* of `peak`, which counts steps in 16 bit */
};

typedef void (*tal_wave_function)(tal_wave_job *job);

/* The kernels of one width. */
typedef struct tal_wave {
    tal_wave_function score, peak, find, directions;
    int32_t lanes;      /* rows of a vector */
    int32_t strip_rows; /* rows that are computed together: a multiple of lanes */
} tal_wave;

/* Rows of the strip that begins with row `begin` (from 0), rounded up to whole vectors. */
static inline int32_t tal_wave_strip_rows(const tal_wave *wave, int32_t row_count, int32_t begin)
{
    int32_t rows = row_count - begin < wave->strip_rows ? row_count - begin : wave->strip_rows;
    return (rows + wave->lanes - 1) / wave->lanes * wave->lanes;
}

/* Bytes of directions of a block: a byte for each cell and for the skew of each strip. */
static inline uint64_t tal_wave_direction_bytes(const tal_wave *wave, int32_t row_count,
                                                int32_t column_count)
{
    int32_t begin = (row_count - 1) / wave->strip_rows * wave->strip_rows;
    uint64_t strips = (uint64_t)(begin / wave->strip_rows);
    uint64_t whole = (uint64_t)column_count + (uint64_t)wave->strip_rows - 1;
    uint64_t last_rows = (uint64_t)tal_wave_strip_rows(wave, row_count, begin);
    return strips * whole * (uint64_t)wave->strip_rows +
           ((uint64_t)column_count + last_rows - 1) * last_rows;
}

/* Where the directions of cell (row + 1, column + 1) lie. */
static inline size_t tal_wave_direction_at(const tal_wave *wave, int32_t row_count,
                                           int32_t column_count, int32_t row, int32_t column)
{
    int32_t begin = row / wave->strip_rows * wave->strip_rows;
    size_t base = (size_t)begin * ((size_t)column_count + (size_t)wave->strip_rows - 1);
    size_t rows = (size_t)tal_wave_strip_rows(wave, row_count, begin);
    size_t lane = (size_t)(row - begin);
    return base + ((size_t)column + lane) * rows + lane;
}

#endif
