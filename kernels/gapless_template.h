/* The gapless kernel for one instruction set; included by gapless_ISA.c.
 *
 * Needs the 8-bit operations of a vec_*.h, and TABLED, TABLE_ROWS_PER_CLASS and PEAKS (below). A
 * cell is the saturating sum of its diagonal neighbour and the pair's score, 0 kept as -128; the
 * maximum is taken of every other row (contract.h says what that costs). All that a row must keep
 * for the columns to come is the last column's value: several columns per pass, so that it is
 * loaded and stored once per WIDE cells. Columns that are no multiple of WIDE end with a narrower
 * pass. The best is kept in PEAKS (2 or 4) registers, or the chain of maxima would take longer than
 * the rest.
 *
 * Scores: with TABLE_ROWS_PER_CLASS query rows per different row (row_class.h) or more, the scores
 * of the first TABLED columns of a pass are looked up once per different row into a table in L1,
 * and cells only load. Fewer than all where looking up is one instruction: the two then share the
 * load and the permutation pipes.
 */
#include "kernels/row_class.h"

#define LANES  ((int)sizeof(vec))
#define ZERO   INT8_MIN
#define WIDE   TAL_GAPLESS_COLUMNS
#define NARROW TAL_BATCH_COLUMN_STEP
#define INLINE static inline __attribute__((always_inline))
_Static_assert(WIDE % NARROW == 0, "wide passes leave whole narrow ones");
_Static_assert(TABLED <= WIDE, "a table has the columns of a pass");

/* Where the parts of the scratch begin. */
typedef struct parts {
    vec *kept;  /* of each row: the last column done */
    vec *table; /* TABLED scores of each class; NULL: no table */
    uint8_t *row_class;
    tal_row_classes classes;
} parts;

/* What a pass keeps in registers: single members and no arrays, which gcc would keep in memory. */
typedef struct pass {
    vec8_letters letters_0, letters_1, letters_2, letters_3;
    vec8_letters letters_4, letters_5, letters_6, letters_7;
    vec left; /* the cell left above the first column */
    vec cell_0, cell_1, cell_2, cell_3, cell_4, cell_5, cell_6, cell_7; /* of the row above */
    vec peak_0, peak_1, peak_2, peak_3; /* the largest cells seen; with PEAKS 2 two do not change */
} pass;
_Static_assert(WIDE == 8 && NARROW == 4, "the columns of a pass");

/* The scores of a row in one column. */
INLINE vec score_of(const vec *table, int tabled, int column, vec8_row row, vec8_letters letters)
{
    return column < tabled ? vec_load(table + column) : vec8_lookup(row, letters);
}

/* One row. *kept goes from the value before the first column to that of the last column; `tabled`
 * columns (a constant) have their scores in `table`. */
INLINE void advance_row(pass *p, int columns, int tabled, const int8_t *profile, const vec *table,
                        vec *kept)
{
    const vec8_row row = vec8_row_load(profile);
    if (columns == WIDE) {
        p->cell_7 = vec8_add(p->cell_6, score_of(table, tabled, 7, row, p->letters_7));
        p->cell_6 = vec8_add(p->cell_5, score_of(table, tabled, 6, row, p->letters_6));
        p->cell_5 = vec8_add(p->cell_4, score_of(table, tabled, 5, row, p->letters_5));
        p->cell_4 = vec8_add(p->cell_3, score_of(table, tabled, 4, row, p->letters_4));
    }
    p->cell_3 = vec8_add(p->cell_2, score_of(table, tabled, 3, row, p->letters_3));
    p->cell_2 = vec8_add(p->cell_1, score_of(table, tabled, 2, row, p->letters_2));
    p->cell_1 = vec8_add(p->cell_0, score_of(table, tabled, 1, row, p->letters_1));
    p->cell_0 = vec8_add(p->left, score_of(table, tabled, 0, row, p->letters_0));
    p->left = vec_load(kept);
    vec_store(kept, columns == WIDE ? p->cell_7 : p->cell_3);
}

INLINE void take_peaks(pass *p, int columns)
{
    vec *third = PEAKS == 4 ? &p->peak_2 : &p->peak_0;
    vec *fourth = PEAKS == 4 ? &p->peak_3 : &p->peak_1;
    p->peak_0 = vec8_max(p->peak_0, p->cell_0);
    p->peak_1 = vec8_max(p->peak_1, p->cell_1);
    *third = vec8_max(*third, p->cell_2);
    *fourth = vec8_max(*fourth, p->cell_3);
    if (columns == NARROW)
        return;
    p->peak_0 = vec8_max(p->peak_0, p->cell_4);
    p->peak_1 = vec8_max(p->peak_1, p->cell_5);
    *third = vec8_max(*third, p->cell_6);
    *fourth = vec8_max(*fourth, p->cell_7);
}

/* The scores of every row class in the first TABLED columns. */
INLINE void fill_table(const parts *at, const uint8_t *letters)
{
    for (int column = 0; column < TABLED; column++) {
        const vec8_letters own = vec8_letters_load(letters + (size_t)column * TAL_BATCH_LANES);
        for (int32_t i = 0; i < at->classes.count; i++)
            vec_store(at->table + (size_t)i * TABLED + (size_t)column,
                      vec8_lookup(vec8_row_load(at->classes.rows[i]), own));
    }
}

INLINE pass begin(int columns, const uint8_t *letters, vec best)
{
    const vec zero = vec8_set1(ZERO);
    pass p = {.left = zero};
    p.cell_0 = p.cell_1 = p.cell_2 = p.cell_3 = p.cell_4 = p.cell_5 = p.cell_6 = p.cell_7 = zero;
    p.peak_0 = p.peak_1 = p.peak_2 = p.peak_3 = best;
    p.letters_0 = vec8_letters_load(letters);
    p.letters_1 = vec8_letters_load(letters + TAL_BATCH_LANES);
    p.letters_2 = vec8_letters_load(letters + 2 * TAL_BATCH_LANES);
    p.letters_3 = vec8_letters_load(letters + 3 * TAL_BATCH_LANES);
    if (columns == NARROW)
        return p;
    p.letters_4 = vec8_letters_load(letters + 4 * TAL_BATCH_LANES);
    p.letters_5 = vec8_letters_load(letters + 5 * TAL_BATCH_LANES);
    p.letters_6 = vec8_letters_load(letters + 6 * TAL_BATCH_LANES);
    p.letters_7 = vec8_letters_load(letters + 7 * TAL_BATCH_LANES);
    return p;
}

/* `columns` columns (a constant) from `letters` on, all rows. */
INLINE void advance(const tal_score_job *job, const parts *at, int columns, int tabled,
                    const uint8_t *letters, vec *best)
{
    pass p = begin(columns, letters, *best);
    vec *kept = at->kept;
    const vec *table = at->table;
    const uint8_t *row_class = at->row_class;
    const int8_t *profile = job->profile;
/* Pipes are the limit, and compilers order four rows better than two. */
#pragma GCC unroll 2
    for (int32_t pair = job->query_len / 2; pair > 0; pair--) {
        size_t first = tabled > 0 ? (size_t)row_class[0] * TABLED : 0;
        size_t second = tabled > 0 ? (size_t)row_class[1] * TABLED : 0;
        advance_row(&p, columns, tabled, profile, table + first, kept);
        advance_row(&p, columns, tabled, profile + TAL_PROFILE_STRIDE, table + second, kept + 1);
        take_peaks(&p, columns);
        profile += 2 * TAL_PROFILE_STRIDE;
        row_class += 2;
        kept += 2;
    }
    if (job->query_len % 2 != 0) {
        size_t last = tabled > 0 ? (size_t)row_class[0] * TABLED : 0;
        advance_row(&p, columns, tabled, profile, table + last, kept);
        take_peaks(&p, columns);
    }
    *best = vec8_max(vec8_max(p.peak_0, p.peak_1), vec8_max(p.peak_2, p.peak_3));
}

/* Loops of their own, so that what the caller keeps takes none of their registers. */
static __attribute__((noinline)) void advance_by_table(const tal_score_job *job, const parts *at,
                                                       const uint8_t *letters, vec *best)
{
    fill_table(at, letters);
    advance(job, at, WIDE, TABLED, letters, best);
}

static __attribute__((noinline)) void advance_wide(const tal_score_job *job, const parts *at,
                                                   const uint8_t *letters, vec *best)
{
    advance(job, at, WIDE, 0, letters, best);
}

static __attribute__((noinline)) void advance_narrow(const tal_score_job *job, const parts *at,
                                                     const uint8_t *letters, vec *best)
{
    advance(job, at, NARROW, 0, letters, best);
}

/* One vector's lanes, from `first` on. */
INLINE void score_piece(const tal_score_job *job, const parts *at, int first)
{
    for (int32_t row = 0; row < job->query_len; row++)
        vec_store(at->kept + row, vec8_set1(ZERO));
    vec best = vec8_set1(ZERO);
    int64_t len = ((int64_t)job->lane_len[first] + NARROW - 1) / NARROW * NARROW;
    int64_t column = 0;
    /* With 16 registers, whose tables are WIDE, the letters of a wide pass alone would take all. */
    bool is_wide = TABLED < WIDE || at->classes.count > 0;
    for (; is_wide && column + WIDE <= len; column += WIDE) {
        const uint8_t *letters = job->letters + column * TAL_BATCH_LANES + first;
        if (TABLED == WIDE || at->classes.count > 0)
            advance_by_table(job, at, letters, &best);
        else
            advance_wide(job, at, letters, &best);
    }
    for (; column < len; column += NARROW)
        advance_narrow(job, at, job->letters + column * TAL_BATCH_LANES + first, &best);

    _Alignas(64) int8_t values[LANES];
    vec_store((vec *)(void *)values, best);
    for (int lane = first; lane < first + LANES && lane < job->lane_count; lane++)
        job->scores[lane] = values[lane - first] - ZERO;
}

static void gapless_local(const tal_score_job *job)
{
    const tal_gapless_scratch scratch = tal_gapless_scratch_cut(job->query_len);
    uint8_t *memory = job->scratch;
    parts at = {
        .kept = (vec *)(void *)(memory + scratch.kept),
        .table = (vec *)(void *)(memory + scratch.table),
        .row_class = memory + scratch.row_class,
        .classes = {.count = 0},
    };
    if (TABLED > 0 && job->query_len >= TABLE_ROWS_PER_CLASS && job->lane_len[0] >= 4 * WIDE) {
        tal_row_classes_find(job->profile, job->query_len, at.row_class, &at.classes);
        if (at.classes.count * TABLE_ROWS_PER_CLASS > job->query_len)
            at.classes.count = 0;
    }
    for (int first = 0; first < job->lane_count; first += LANES)
        score_piece(job, &at, first);
}
