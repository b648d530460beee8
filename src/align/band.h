/* A band of an alignment matrix, cut into strips of rows, and what a path can score outside it.
 *
 * The cells of a band are those of its strips: strip s holds the rows [s * TAL_BAND_STRIP_ROWS,
 * (s + 1) * TAL_BAND_STRIP_ROWS) and the columns between the diagonals `half_width` before and
 * behind the band's diagonal: a staircase. Rows are query positions, columns reference positions,
 * from 0; the diagonal of a cell is its column minus its row.
 */
#ifndef TAL_ALIGN_BAND_H
#define TAL_ALIGN_BAND_H

#include "base/buffer.h"
#include "base/status.h"
#include "score/matrix.h"
#include "score/stats.h"

enum { TAL_BAND_STRIP_ROWS = 64 };

typedef struct tal_band {
    int32_t diagonal, half_width;
    int32_t row_begin, row_end, column_begin,
        column_end; /* the part of the matrix it is cut from */
} tal_band;

typedef struct tal_band_strip {
    int32_t row_begin, row_end, column_begin, column_end;
} tal_band_strip;

/* Cells of strip `strip` within the band's part of the matrix; it may have no columns. Pure. */
tal_band_strip tal_band_strip_at(const tal_band *band, int32_t strip);

/* The strips that have cells are [*out_begin, *out_end). Pure. */
void tal_band_strips(const tal_band *band, int32_t *out_begin, int32_t *out_end);

/* What one scoring allows outside a band. The rows are cut into windows; a row brings at most its
 * gain, and a path that crosses a whole window where the reference has nothing equal to it loses at
 * least `charge` of the window's gains, for it holds a mismatch or a gap. */
typedef struct tal_band_costs {
    int32_t gain[TAL_CODE_COUNT]; /* the best a query letter can score, at least 0 */
    int32_t charge[2];            /* references of bases only; any */
    int32_t bonus[2]; /* what a path gets for leaving the band: 1, so that it wins ties, and what a
                         gap that began inside has been charged too much */
    int32_t gap_next;
} tal_band_costs;

void tal_band_costs_init(tal_band_costs *costs, const tal_matrix *matrix, tal_gaps gaps);

/* Two ways to cut a query into windows, as short as may be: those that are nowhere in the reference
 * outside the band, and those that are nowhere at all. */
typedef enum tal_band_cut {
    TAL_BAND_CUT_OUTSIDE = 0,
    TAL_BAND_CUT_ANYWHERE,
    TAL_BAND_CUT_COUNT,
} tal_band_cut;

/* Bits of a row. */
enum { TAL_BAND_WINDOW_BEGINS = 1, TAL_BAND_WINDOW_ENDS = 2 };

/* The windows of a query. One worker's memory; all zero is none. */
typedef struct tal_band_outside {
    tal_buffer heads, nexts;              /* uint32_t each: k-mers of the reference, by hash */
    tal_buffer marks[TAL_BAND_CUT_COUNT]; /* uint8_t, by row */
    const uint8_t *ref;
    int32_t ref_len;
    int32_t word_len;
    bool is_proper; /* the reference has bases only */
} tal_band_outside;

void tal_band_outside_deinit(tal_band_outside *outside);

/* Index a reference of nucleotides, which must stay as it is. TAL_ERR_MEMORY. */
tal_status tal_band_outside_index(tal_band_outside *outside, const uint8_t *ref, int32_t ref_len);

/* Cut a query into windows, beside the indexed reference; `band` is of the whole matrix, and not
 * used by TAL_BAND_CUT_ANYWHERE. TAL_ERR_MEMORY. */
tal_status tal_band_outside_cut(tal_band_outside *outside, tal_band_cut cut, const tal_band *band,
                                const uint8_t *query);

/* The most that a path gains from each row on, wherever it goes, when it ends in row end_first or
 * later: row_end + 1 values (int64_t), which may be negative. TAL_ERR_MEMORY. */
tal_status tal_band_gains_after(const tal_band_outside *outside, const tal_band_costs *costs,
                                const uint8_t *query, int32_t row_end, int32_t end_first,
                                tal_buffer *out_gains);

/* The best of the paths that are on one side of the band, row by row. */
typedef struct tal_band_side {
    const tal_band_outside *outside;
    const tal_band_costs *costs;
    const uint8_t *query;
    tal_band_cut cut;
    int32_t begin_limit; /* paths begin in rows before it */
    int32_t end_first;   /* and count from this row on */
    int64_t whole;       /* outside since the window's begin */
    int64_t part;        /* later than that */
    int64_t most;        /* so far, of those that count */
} tal_band_side;

#define TAL_BAND_NO_PATH (INT64_MIN / 4)

static inline int64_t tal_band_side_value(const tal_band_side *side)
{
    return side->whole > side->part ? side->whole : side->part;
}

/* A path leaves the band after the last row that was stepped over. */
static inline void tal_band_side_enter(tal_band_side *side, int64_t score)
{
    score += side->costs->bonus[!side->outside->is_proper];
    side->part = score > side->part ? score : side->part;
}

/* Step over a row; paths may begin there. */
static inline void tal_band_side_step(tal_band_side *side, int32_t row)
{
    const int32_t gain = side->costs->gain[side->query[row]];
    const uint8_t mark = side->outside->marks[side->cut].data[row];
    if (row < side->begin_limit)
        tal_band_side_enter(side, 0);
    if ((mark & TAL_BAND_WINDOW_BEGINS) != 0) {
        side->whole = tal_band_side_value(side);
        side->part = TAL_BAND_NO_PATH;
    }
    side->whole += gain;
    side->part += gain;
    if ((mark & TAL_BAND_WINDOW_ENDS) != 0)
        side->whole -= side->costs->charge[!side->outside->is_proper];
    const int64_t value = tal_band_side_value(side);
    if (row >= side->end_first && value > side->most)
        side->most = value;
}

#endif
