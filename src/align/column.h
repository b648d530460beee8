/* One column of the alignment matrix at a time: the hot loops of traceback.
 *
 * A column is one reference letter against all rows (query positions). h and e hold column j - 1
 * when a function is called and column j when it returns; row r of them is the cell after query
 * position r, and the boundary row before the first position is passed in `corner` (column j - 1)
 * and `top` (column j). The recurrences are those of kernels/contract.h.
 *
 * The backward functions do the same on both sequences reversed: row r is query position
 * count - 1 - r, so that h[r] is the best score of a path that begins there and ends at the corner.
 */
#ifndef TAL_ALIGN_COLUMN_H
#define TAL_ALIGN_COLUMN_H

#include "base/types.h"

/* No path leads here. Below every score that can occur (real ones stay within +-2^30, and those
 * grown from a clamped boundary fall by at most 100 per pair), with room to subtract a gap. */
#define TAL_COLUMN_DEAD (-2000000000)

/* Direction bits of a cell: where H came from, and whether E and F extend a gap. On equal values H
 * prefers diagonal, then F, then E; E and F prefer to open. */
enum {
    TAL_DIRECTION_F = 1, /* H is F, an insertion (consumes query), unless it is E */
    TAL_DIRECTION_E = 2, /* H is E, a deletion (consumes reference); neither: H is the diagonal */
    TAL_DIRECTION_E_EXTENDS = 4,
    TAL_DIRECTION_F_EXTENDS = 8,
};

typedef struct tal_column {
    const int8_t *scores; /* of this column's letter against query positions 0..count-1 */
    int32_t count;        /* rows, >= 0 */
    int32_t gap_first;    /* cost of the first residue of a gap: open + extend */
    int32_t gap_next;     /* of each further one: extend */
    int32_t corner, top;
    int32_t *h, *e;
} tal_column;

/* Rows that a backward local column may still grow from; [0, 0) before the first column. */
typedef struct tal_column_live {
    int32_t begin, end;
} tal_column_live;

/* Local: boundary rows are 0 (corner and top are not read). Returns the largest H, at least 0. */
int32_t tal_column_local(const tal_column *column);

/* Global: the boundary is the caller's. */
void tal_column_global(const tal_column *column);

/* Global, and the direction bits of each row. */
void tal_column_global_directions(const tal_column *column, uint8_t *out_directions);

void tal_column_global_backward(const tal_column *column);

/* Local paths that begin at the corner: cells that fall to 0 or below are dead, because no best
 * alignment ends in a part that scores nothing. Only live rows are visited. Before the first column
 * all h and e are TAL_COLUMN_DEAD and the corner is 0; afterwards it is TAL_COLUMN_DEAD. Returns
 * the largest H. */
int32_t tal_column_local_backward(const tal_column *column, tal_column_live *live);

#endif
