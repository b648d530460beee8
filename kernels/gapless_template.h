/* The gapless kernel for one instruction set; included by gapless_ISA.c.
 *
 * Needs the 8-bit operations of a vec_*.h. A cell is the saturating sum of its diagonal neighbour
 * and the pair's score, 0 kept as -128; the maximum is taken of every other row (contract.h says
 * what that costs). All that a row must keep for the columns to come is the last column's value:
 * several columns per pass, so that it is loaded and stored once per WIDE cells. Columns that are
 * no multiple of WIDE end with a narrower pass. The best is kept in several registers, or the chain
 * of maxima would take longer than the rest of a row.
 */
#define LANES  ((int)sizeof(vec))
#define ZERO   INT8_MIN
#define PEAKS  4
#define WIDE   8
#define NARROW TAL_BATCH_COLUMN_STEP
#define INLINE static inline __attribute__((always_inline))
_Static_assert(WIDE % NARROW == 0, "wide passes leave whole narrow ones");

/* What a pass keeps in registers. cells[0] is the cell left above the first column, cells[c] the
 * row above's cell of column c - 1; peaks are the largest cells seen. */
typedef struct pass {
    vec8_letters letters[WIDE];
    vec cells[WIDE + 1];
    vec peaks[PEAKS];
} pass;

/* One row. *kept goes from the value before the first column to that of the last column. */
INLINE void advance_row(pass *p, int columns, const int8_t *profile, vec *kept)
{
    const vec8_row scores = vec8_row_load(profile);
    for (int c = columns; c > 0; c--)
        p->cells[c] = vec8_add(p->cells[c - 1], vec8_lookup(scores, p->letters[c - 1]));
    p->cells[0] = vec_load(kept);
    vec_store(kept, p->cells[columns]);
}

INLINE void take_peaks(pass *p, int columns)
{
    for (int c = columns; c > 0; c--)
        p->peaks[c % PEAKS] = vec8_max(p->peaks[c % PEAKS], p->cells[c]);
}

/* `columns` columns (a constant) from `letters` on, all rows. job->scratch holds the column before
 * the first one, and then the last one. */
INLINE void advance(const tal_score_job *job, const uint8_t *letters, int columns, vec *best)
{
    pass p;
    for (int c = 0; c < columns; c++)
        p.letters[c] = vec8_letters_load(letters + (size_t)c * TAL_BATCH_LANES);
    for (int c = 0; c <= columns; c++)
        p.cells[c] = vec8_set1(ZERO);
    for (int i = 0; i < PEAKS; i++)
        p.peaks[i] = *best;
    vec *kept = job->scratch;
    const int8_t *profile = job->profile;
    for (int32_t pair = job->query_len / 2; pair > 0; pair--) {
        advance_row(&p, columns, profile, kept);
        advance_row(&p, columns, profile + TAL_PROFILE_STRIDE, kept + 1);
        take_peaks(&p, columns);
        profile += 2 * TAL_PROFILE_STRIDE;
        kept += 2;
    }
    if (job->query_len % 2 != 0) {
        advance_row(&p, columns, profile, kept);
        take_peaks(&p, columns);
    }
    *best = p.peaks[0];
    for (int i = 1; i < PEAKS; i++)
        *best = vec8_max(*best, p.peaks[i]);
}

/* One vector's lanes, from `first` on. */
INLINE void score_piece(const tal_score_job *job, int first)
{
    vec *kept = job->scratch;
    for (int32_t row = 0; row < job->query_len; row++)
        vec_store(kept + row, vec8_set1(ZERO));
    vec best = vec8_set1(ZERO);
    int64_t len = ((int64_t)job->lane_len[first] + NARROW - 1) / NARROW * NARROW;
    int64_t column = 0;
    for (; column + WIDE <= len; column += WIDE)
        advance(job, job->letters + column * TAL_BATCH_LANES + first, WIDE, &best);
    for (; column < len; column += NARROW)
        advance(job, job->letters + column * TAL_BATCH_LANES + first, NARROW, &best);

    _Alignas(64) int8_t values[LANES];
    vec_store((vec *)(void *)values, best);
    for (int lane = first; lane < first + LANES && lane < job->lane_count; lane++)
        job->scores[lane] = values[lane - first] - ZERO;
}

static void gapless_local(const tal_score_job *job)
{
    for (int first = 0; first < job->lane_count; first += LANES)
        score_piece(job, first);
}
