/* Gotoh's recurrences (J. Mol. Biol. 162, 1982) column by column in 32 bit; see column.h.
 *
 * Plain loops on plain pointers with nothing but maxima inside. The only chain from row to row is
 * F; e[r] becomes column j's E when the row is reached, from column j - 1's H and E, so one array
 * each suffices. No bands, no pruning except dead rows of the backward local pass.
 */
#include "align/column.h"

static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

int32_t tal_column_local(const tal_column *column)
{
    const int8_t *restrict scores = column->scores;
    int32_t *restrict h = column->h, *restrict e = column->e;
    const int32_t count = column->count, first = column->gap_first, next = column->gap_next;
    int32_t diagonal = 0, f = TAL_COLUMN_DEAD, best = 0;
    for (int32_t r = 0; r < count; r++) {
        int32_t left = h[r];
        int32_t gap = larger(e[r] - next, left - first);
        int32_t free_of_f = larger(larger(diagonal + scores[r], 0), gap);
        int32_t here = larger(free_of_f, f);
        /* Opening from H where H is F never beats extending it: the chain need not wait for H. */
        f = larger(f - next, free_of_f - first);
        diagonal = left;
        h[r] = here;
        e[r] = gap;
        best = larger(best, free_of_f); /* F is never the largest: it cost a gap */
    }
    return best;
}

/* `step` is 1, or -1 to read the scores backward; a constant where this is inlined. */
static inline void global_rows(const tal_column *column, const int8_t *scores_of_row_0,
                               ptrdiff_t step)
{
    const int8_t *restrict scores = scores_of_row_0;
    int32_t *restrict h = column->h, *restrict e = column->e;
    const int32_t count = column->count, first = column->gap_first, next = column->gap_next;
    int32_t diagonal = column->corner, f = column->top - first;
    for (int32_t r = 0; r < count; r++) {
        int32_t left = h[r];
        int32_t gap = larger(e[r] - next, left - first);
        int32_t free_of_f = larger(diagonal + scores[r * step], gap);
        h[r] = larger(free_of_f, f);
        f = larger(f - next, free_of_f - first);
        diagonal = left;
        e[r] = gap;
    }
}

void tal_column_global(const tal_column *column)
{
    global_rows(column, column->scores, 1);
}

void tal_column_global_backward(const tal_column *column)
{
    global_rows(column, column->scores + (column->count == 0 ? 0 : column->count - 1), -1);
}

void tal_column_global_directions(const tal_column *column, uint8_t *out_directions)
{
    const int8_t *restrict scores = column->scores;
    uint8_t *restrict directions = out_directions;
    int32_t *restrict h = column->h, *restrict e = column->e;
    const int32_t count = column->count, first = column->gap_first, next = column->gap_next;
    /* Where opening is free, opening from H where H is F costs the same as extending F. */
    const unsigned f_may_extend = first > next ? TAL_DIRECTION_F_EXTENDS : 0;
    int32_t diagonal = column->corner, f = column->top - first;
    unsigned f_extends = 0;
    for (int32_t r = 0; r < count; r++) {
        int32_t left = h[r];
        int32_t gap_extended = e[r] - next, gap_opened = left - first;
        int32_t gap = larger(gap_extended, gap_opened);
        int32_t pair = diagonal + scores[r];
        int32_t free_of_f = larger(pair, gap);
        int32_t f_extended = f - next, f_opened = free_of_f - first;
        unsigned bits = (unsigned)(f > pair) * TAL_DIRECTION_F;
        bits |= (unsigned)(gap > larger(pair, f)) * TAL_DIRECTION_E;
        bits |= (unsigned)(gap_extended > gap_opened) * TAL_DIRECTION_E_EXTENDS;
        directions[r] = (uint8_t)(bits | f_extends);
        h[r] = larger(free_of_f, f);
        e[r] = gap;
        diagonal = left;
        f_extends = f_extended > f_opened ? f_may_extend : 0;
        f = larger(f_extended, f_opened);
    }
}

int32_t tal_column_local_backward(const tal_column *column, tal_column_live *live)
{
    const int32_t count = column->count, first = column->gap_first, next = column->gap_next;
    const int8_t *restrict scores = column->scores + (count == 0 ? 0 : count - 1);
    int32_t *restrict h = column->h, *restrict e = column->e;
    int32_t begin = live->begin, end = live->end < count ? live->end + 1 : count;
    int32_t diagonal = begin == 0 ? column->corner : h[begin - 1];
    int32_t f = TAL_COLUMN_DEAD, best = TAL_COLUMN_DEAD;
    int32_t r = begin;
    for (; r < end || (r < count && f > 0); r++) {
        int32_t left = h[r];
        int32_t gap = larger(e[r] - next, left - first);
        int32_t free_of_f = larger(diagonal + scores[-(ptrdiff_t)r], gap);
        int32_t here = larger(free_of_f, f);
        here = here > 0 ? here : TAL_COLUMN_DEAD;
        f = larger(f - next, free_of_f - first); /* from a dead cell at most 0: as good as dead */
        diagonal = left;
        h[r] = here;
        e[r] = gap;
        best = larger(best, here);
    }
    while (begin < r && h[begin] <= 0)
        begin++;
    while (begin < r && h[r - 1] <= 0)
        r--;
    *live = (tal_column_live){.begin = begin, .end = r};
    return best;
}
