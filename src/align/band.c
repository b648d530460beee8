/* Bands and what lies outside them; see band.h.
 *
 * A window that a path crosses without error stands letter by letter in the reference (Groot
 * Koerkamp and Ivanov, "Exact global alignment using A* with chaining seed heuristic and match
 * pruning", 2024, bound paths so).
 *
 * Why the charge is safe. An error is a pair of unequal letters, which loses `unequal`; a deletion
 * between two rows of the window, which loses a gap's first residue; or rows without pair, each of
 * which loses its gain and a gap's further residue, `skipped`, and its gap besides `open` once. A
 * gap across several windows pays `open` in the first; with charge <= skipped + open / 2 its first
 * two windows pay for both, and further ones, whose rows it all skips, pay for themselves. A gap
 * that began inside the band paid there: the bonus gives back what its first window lacks.
 */
#include "align/band.h"

#include <string.h>

enum {
    BASE_COUNT = 4,
    WORD_MIN = 6,
    WORD_MAX = 15,
    WORD_SHARE = 2,  /* there are so many times more words than the reference has letters */
    CHAIN_MAX = 64,  /* places looked at before a window counts as present */
    WINDOW_MAX = 64, /* rows; what is longer counts as present */
};
#define NO_POSITION UINT32_MAX

static int32_t clamp(int64_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : (int32_t)value;
}

tal_band_strip tal_band_strip_at(const tal_band *band, int32_t strip)
{
    const int64_t begin = (int64_t)strip * TAL_BAND_STRIP_ROWS, end = begin + TAL_BAND_STRIP_ROWS;
    return (tal_band_strip){
        .row_begin = clamp(begin, band->row_begin, band->row_end),
        .row_end = clamp(end, band->row_begin, band->row_end),
        .column_begin =
            clamp(begin + band->diagonal - band->half_width, band->column_begin, band->column_end),
        .column_end =
            clamp(end + band->diagonal + band->half_width, band->column_begin, band->column_end),
    };
}

static bool is_empty(const tal_band *band, int32_t strip)
{
    const tal_band_strip cells = tal_band_strip_at(band, strip);
    return cells.column_begin >= cells.column_end || cells.row_begin >= cells.row_end;
}

void tal_band_strips(const tal_band *band, int32_t *out_begin, int32_t *out_end)
{
    int32_t begin = band->row_begin / TAL_BAND_STRIP_ROWS;
    int32_t end = (band->row_end + TAL_BAND_STRIP_ROWS - 1) / TAL_BAND_STRIP_ROWS;
    while (begin < end && is_empty(band, begin))
        begin++;
    while (begin < end && is_empty(band, end - 1))
        end--;
    *out_begin = begin;
    *out_end = end;
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

void tal_band_costs_init(tal_band_costs *costs, const tal_matrix *matrix, tal_gaps gaps)
{
    *costs = (tal_band_costs){.gap_next = gaps.extend};
    for (int a = 0; a < TAL_CODE_COUNT; a++)
        for (int b = 0; b < TAL_NUCLEOTIDE_LETTER_COUNT; b++)
            if (matrix->score[a][b] > costs->gain[a])
                costs->gain[a] = matrix->score[a][b];
    for (int is_any = 0; is_any < 2; is_any++) {
        const int letters = is_any ? TAL_NUCLEOTIDE_LETTER_COUNT : BASE_COUNT;
        int32_t unequal = INT32_MAX, skipped = INT32_MAX;
        for (int a = 0; a < BASE_COUNT; a++) {
            skipped = least(skipped, costs->gain[a] + gaps.extend);
            for (int b = 0; b < letters; b++)
                if (b != a)
                    unequal = least(unequal, costs->gain[a] - matrix->score[a][b]);
        }
        int32_t charge = least(unequal, gaps.open + gaps.extend);
        charge = least(charge, skipped + gaps.open / 2);
        charge = least(charge, skipped * WORD_MIN);
        charge = charge > 0 ? charge : 0;
        costs->charge[is_any] = charge;
        costs->bonus[is_any] = 1 + (charge > skipped ? charge - skipped : 0);
    }
}

void tal_band_outside_deinit(tal_band_outside *outside)
{
    tal_buffer_deinit(&outside->heads);
    tal_buffer_deinit(&outside->nexts);
    for (int cut = 0; cut < TAL_BAND_CUT_COUNT; cut++)
        tal_buffer_deinit(&outside->marks[cut]);
}

/* Room for `count` values, contents lost. NULL: no memory. */
static uint32_t *renew(tal_buffer *buffer, size_t count)
{
    tal_buffer_reset(buffer);
    return tal_buffer_reserve(buffer, count * sizeof(uint32_t)) == TAL_OK
               ? (uint32_t *)(void *)buffer->data
               : NULL;
}

/* Heads of the index: a power of 2 above twice the reference's length. */
static uint32_t head_count_of(int32_t ref_len)
{
    uint32_t count = 256;
    while (count < UINT32_C(1) << 30 && count < 2 * (uint32_t)ref_len)
        count *= 2;
    return count;
}

static uint32_t head_of(uint32_t word, uint32_t head_count)
{
    return (uint32_t)((uint64_t)(word * UINT32_C(0x9e3779b1)) * head_count >> 32);
}

tal_status tal_band_outside_index(tal_band_outside *outside, const uint8_t *ref, int32_t ref_len)
{
    outside->ref = ref;
    outside->ref_len = ref_len;
    outside->word_len = WORD_MIN;
    while (outside->word_len < WORD_MAX &&
           UINT64_C(1) << (2 * outside->word_len) < WORD_SHARE * (uint64_t)ref_len)
        outside->word_len++;
    const uint32_t head_count = head_count_of(ref_len);
    uint32_t *heads = renew(&outside->heads, head_count);
    uint32_t *nexts = renew(&outside->nexts, (size_t)ref_len);
    if (heads == NULL || nexts == NULL)
        return TAL_ERR_MEMORY;
    outside->heads.bytes = head_count * sizeof(uint32_t);
    memset(heads, 0xff, outside->heads.bytes); /* NO_POSITION */
    const uint32_t mask = (UINT32_C(1) << (2 * outside->word_len)) - 1;
    uint32_t word = 0;
    int32_t run = 0; /* bases in a row */
    outside->is_proper = true;
    for (int32_t i = 0; i < ref_len; i++) {
        const bool is_base = ref[i] < BASE_COUNT;
        outside->is_proper &= is_base;
        run = is_base ? run + 1 : 0;
        word = (word << 2 | (ref[i] & 3)) & mask;
        if (run < outside->word_len)
            continue;
        const int32_t begin = i + 1 - outside->word_len;
        uint32_t *head = &heads[head_of(word, head_count)];
        nexts[begin] = *head;
        *head = (uint32_t)begin;
    }
    return TAL_OK;
}

static bool has_cell(const tal_band *band, int32_t row, int32_t column)
{
    const tal_band_strip cells = tal_band_strip_at(band, row / TAL_BAND_STRIP_ROWS);
    return column >= cells.column_begin && column < cells.column_end;
}

static bool are_bases(const uint8_t *letters, int32_t count)
{
    bool are = true;
    for (int32_t i = 0; i < count; i++)
        are &= letters[i] < BASE_COUNT;
    return are;
}

/* The rows of the shortest window at `row` that is absent from the reference, or, where `band` is
 * given, from the pairs outside it: a path outside has none of its cells. 0: there is none. */
static int32_t find_window(const tal_band_outside *outside, const tal_band *band,
                           const uint8_t *query, int32_t row, int32_t row_end)
{
    const uint32_t *heads = (const uint32_t *)(const void *)outside->heads.data;
    const uint32_t *nexts = (const uint32_t *)(const void *)outside->nexts.data;
    const uint32_t head_count = (uint32_t)(outside->heads.bytes / sizeof(uint32_t));
    const int32_t limit = row_end - row < WINDOW_MAX ? row_end - row : WINDOW_MAX;
    uint32_t word = 0;
    if (limit < outside->word_len || !are_bases(query + row, outside->word_len))
        return 0;
    for (int32_t i = row; i < row + outside->word_len; i++)
        word = word << 2 | query[i];
    int32_t longest = outside->word_len - 1; /* that is present */
    int chain = 0;
    for (uint32_t at = heads[head_of(word, head_count)]; at != NO_POSITION; at = nexts[at]) {
        if (++chain > CHAIN_MAX)
            return 0;
        const uint8_t *ref = outside->ref + at;
        const int32_t left = outside->ref_len - (int32_t)at;
        const int32_t end = limit < left ? limit : left;
        int32_t equal = 0;
        while (equal < end && ref[equal] == query[row + equal])
            equal++;
        if (equal > longest && (band == NULL || !has_cell(band, row, (int32_t)at)))
            longest = equal;
    }
    return longest < limit && are_bases(query + row, longest + 1) ? longest + 1 : 0;
}

tal_status tal_band_outside_cut(tal_band_outside *outside, tal_band_cut cut, const tal_band *band,
                                const uint8_t *query)
{
    tal_buffer *marks = &outside->marks[cut];
    tal_buffer_reset(marks);
    tal_status status = tal_buffer_reserve(marks, (size_t)band->row_end);
    if (status != TAL_OK)
        return status;
    memset(marks->data, 0, (size_t)band->row_end);
    for (int32_t row = 0; row < band->row_end;) {
        const int32_t rows = find_window(outside, cut == TAL_BAND_CUT_OUTSIDE ? band : NULL, query,
                                         row, band->row_end);
        marks->data[row] |= TAL_BAND_WINDOW_BEGINS;
        if (rows > 0)
            marks->data[row + rows - 1] |= TAL_BAND_WINDOW_ENDS;
        row += rows > 0 ? rows : WORD_MIN;
    }
    return TAL_OK;
}

tal_status tal_band_gains_after(const tal_band_outside *outside, const tal_band_costs *costs,
                                const uint8_t *query, int32_t row_end, int32_t end_first,
                                tal_buffer *out_gains)
{
    const uint8_t *marks = outside->marks[TAL_BAND_CUT_ANYWHERE].data;
    const int64_t charge = costs->charge[!outside->is_proper];
    const int64_t bonus = costs->bonus[!outside->is_proper];
    tal_buffer_reset(out_gains);
    tal_status status = tal_buffer_reserve(out_gains, ((size_t)row_end + 1) * sizeof(int64_t));
    if (status != TAL_OK)
        return status;
    int64_t *gains = (int64_t *)(void *)out_gains->data;
    int64_t after = 0;       /* from the window's end on */
    int64_t within = 0;      /* the gains of the window's rows from here on */
    bool is_charged = false; /* the window here */
    bool may_end = row_end > end_first;
    gains[row_end] = bonus;
    for (int32_t row = row_end - 1; row >= 0; row--) {
        if ((marks[row] & TAL_BAND_WINDOW_ENDS) != 0) {
            is_charged = true;
            may_end = row >= end_first;
        }
        within += costs->gain[query[row]];
        const int64_t beyond = may_end && after < 0 ? 0 : after;
        gains[row] = within + beyond + bonus;
        if ((marks[row] & TAL_BAND_WINDOW_BEGINS) == 0)
            continue;
        const int64_t crossed = within + after - (is_charged ? charge : 0);
        after = may_end && within > crossed ? within : crossed;
        gains[row] = after + bonus;
        within = 0;
        is_charged = false;
        may_end = row > end_first;
    }
    return TAL_OK;
}
