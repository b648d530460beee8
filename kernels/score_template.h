/* Score kernels of one width for one instruction set; included by score_ISA.c once per width.
 *
 * Needs WIDTH (8, 16, 32), TABLE_ROWS_PER_CLASS (the query rows per different row from which on a
 * table of scores pays; measured, see docs/performance.md) and the operations vecWIDTH_* of a
 * vec_*.h: `set1`, `add`, `sub` (both saturating at 8 and 16 bit), `max`, `row_load`,
 * `letters_load`, `lookup`, and for all widths the type `vec`, vec_load and vec_store. Defines
 * score_local_WIDTH and, for 16 and 32 bit, score_global_WIDTH and score_semiglobal_WIDTH. No
 * include guard: that is the point.
 *
 * Inter-sequence lanes: one reference per lane (Rognes 2011, SWIPE). Four reference columns per
 * pass over the query rows, so that H and E of a row are loaded and stored once per four cells, and
 * F and the H above stay in registers. Batches are 64 lanes wide; a narrower vector takes the batch
 * in pieces, each up to the length of its own first lane.
 *
 * Long queries are cut into strips of rows, so that H and E stay close; a strip takes all columns
 * and hands its last row's H and F of each column to the next one.
 *
 * Scores: where many rows are equal (row_class.h), each different row is looked up once per column
 * into a table in L1, and a cell only loads; otherwise every cell looks its score up.
 *
 * Gaps are opened from max(diagonal + S, F), not from H: a reference gap is thus never followed at
 * once by a query gap. Nothing is lost, since the two in the other order cost the same and end in
 * the same cell; E may open from F. The chain from E to the E of the next column is then a
 * subtraction and a maximum, not four operations, at the same count of operations per cell. As E is
 * below some earlier H, the maximum over max(diagonal + S, F) is that over H.
 */
#define SCORE_PASTE3(a, b, c) a##b##c
#define SCORE_PASTE(a, b, c)  SCORE_PASTE3(a, b, c)
#define OP(name)              SCORE_PASTE(vec, WIDTH, _##name)
#define FN(name)              SCORE_PASTE(name, _, WIDTH)
#define ELEMENT               SCORE_PASTE(int, WIDTH, _t)
#define ELEMENT_MIN           SCORE_PASTE(INT, WIDTH, _MIN)
#define ELEMENT_MAX           SCORE_PASTE(INT, WIDTH, _MAX)
#define LANES                 ((int)(sizeof(vec) / sizeof(ELEMENT)))
/* How local alignment keeps 0: at 8 and 16 bit as the smallest value, where saturation holds it. */
#define LOCAL_ZERO (WIDTH == 32 ? 0 : ELEMENT_MIN)
/* Do not even look for equal rows with fewer columns (narrow vectors share the search over several
 * pieces), or where so few classes would be too many. */
#define TABLE_COLUMNS ((int)sizeof(vec) / 2)
#define FEW_CLASSES   4
#define INLINE        static inline __attribute__((always_inline))

/* What every cell needs; all members are loop constants. */
typedef struct FN(costs) {
    vec open_extend, extend, zero;
} FN(costs);

/* H(len, 0) or H(0, len) as this mode keeps it. Below the columns of a lane's own cells the value
 * may not fit: such columns hold pads only and must not turn into large values. */
INLINE vec FN(border)(const tal_score_job *job, tal_mode mode, bool is_free, int64_t len)
{
    int64_t value = mode == TAL_LOCAL ? LOCAL_ZERO : 0;
    if (!is_free && len > 0)
        value = -(job->gap_open + len * job->gap_extend);
    return OP(set1)(value < ELEMENT_MIN ? ELEMENT_MIN : (ELEMENT)value);
}

/* A strip of query rows. */
typedef struct FN(strip) {
    const int8_t *profile;    /* of its first row */
    const uint8_t *row_class; /* of its first row */
    int32_t row_begin, row_count;
    vec *h_e;   /* H and E of every row, at the columns done */
    vec *carry; /* H and F of the row above for every column, then of the last row */
    bool is_first, is_last;
} FN(strip);

/* Four columns at one row: H and F. */
typedef struct FN(columns) {
    vec h[TAL_BATCH_COLUMN_STEP], f[TAL_BATCH_COLUMN_STEP];
} FN(columns);

/* H of one cell in every lane, from the H left above plus the score. e and f go from this cell's to
 * those of the cells to the right and below. */
INLINE vec FN(cell)(const FN(costs) * costs, tal_mode mode, vec paired, vec *e, vec *f, vec *best)
{
    vec opens = OP(max)(paired, *f);
    if (mode == TAL_LOCAL && WIDTH == 32)
        opens = OP(max)(opens, costs->zero);
    if (mode == TAL_LOCAL || WIDTH != 32)
        *best = OP(max)(*best, opens);
    vec h = OP(max)(opens, *e);
    vec opened = OP(sub)(opens, costs->open_extend);
    *e = OP(max)(OP(sub)(*e, costs->extend), opened);
    *f = OP(max)(OP(sub)(*f, costs->extend), opened);
    return h;
}

/* The scores of every row class in four columns. */
INLINE void FN(fill_table)(const tal_row_classes *classes, const uint8_t *letters, vec *table)
{
    const OP(letters) letters_0 = OP(letters_load)(letters);
    const OP(letters) letters_1 = OP(letters_load)(letters + TAL_BATCH_LANES);
    const OP(letters) letters_2 = OP(letters_load)(letters + 2 * TAL_BATCH_LANES);
    const OP(letters) letters_3 = OP(letters_load)(letters + 3 * TAL_BATCH_LANES);
    for (int32_t i = 0; i < classes->count; i++) {
        const OP(row) row = OP(row_load)(classes->rows[i]);
        vec_store(table, OP(lookup)(row, letters_0));
        vec_store(table + 1, OP(lookup)(row, letters_1));
        vec_store(table + 2, OP(lookup)(row, letters_2));
        vec_store(table + 3, OP(lookup)(row, letters_3));
        table += TAL_BATCH_COLUMN_STEP;
    }
}

/* Four columns, all rows of the strip: *columns goes from the row above to the last row. diagonal
 * is the H left above. Scores come from the table where there is one. */
INLINE void FN(advance)(const FN(strip) * strip, const FN(costs) * costs, tal_mode mode,
                        const vec *table, const uint8_t *letters, vec diagonal,
                        FN(columns) * columns, vec *best)
{
    const FN(costs) near_costs = *costs;
    const OP(letters) letters_0 = OP(letters_load)(letters);
    const OP(letters) letters_1 = OP(letters_load)(letters + TAL_BATCH_LANES);
    const OP(letters) letters_2 = OP(letters_load)(letters + 2 * TAL_BATCH_LANES);
    const OP(letters) letters_3 = OP(letters_load)(letters + 3 * TAL_BATCH_LANES);
    vec h_0 = columns->h[0], h_1 = columns->h[1], h_2 = columns->h[2], h_3 = columns->h[3];
    vec f_0 = columns->f[0], f_1 = columns->f[1], f_2 = columns->f[2], f_3 = columns->f[3];
    vec peak = *best;
    vec *h_e = strip->h_e;
    const int8_t *profile = strip->profile;
    const uint8_t *row_class = strip->row_class;
    for (int32_t left = strip->row_count; left > 0; left--) {
        vec paired_0, paired_1, paired_2, paired_3; /* From here on the H above are free. */
        if (table != NULL) {
            const vec *scores = table + (size_t)*row_class * TAL_BATCH_COLUMN_STEP;
            paired_0 = OP(add)(diagonal, vec_load(scores));
            paired_1 = OP(add)(h_0, vec_load(scores + 1));
            paired_2 = OP(add)(h_1, vec_load(scores + 2));
            paired_3 = OP(add)(h_2, vec_load(scores + 3));
            row_class++;
        } else {
            const OP(row) row = OP(row_load)(profile);
            paired_0 = OP(add)(diagonal, OP(lookup)(row, letters_0));
            paired_1 = OP(add)(h_0, OP(lookup)(row, letters_1));
            paired_2 = OP(add)(h_1, OP(lookup)(row, letters_2));
            paired_3 = OP(add)(h_2, OP(lookup)(row, letters_3));
            profile += TAL_PROFILE_STRIDE;
        }
        diagonal = vec_load(h_e);
        vec e = vec_load(h_e + 1);
        h_0 = FN(cell)(&near_costs, mode, paired_0, &e, &f_0, &peak);
        h_1 = FN(cell)(&near_costs, mode, paired_1, &e, &f_1, &peak);
        h_2 = FN(cell)(&near_costs, mode, paired_2, &e, &f_2, &peak);
        h_3 = FN(cell)(&near_costs, mode, paired_3, &e, &f_3, &peak);
        vec_store(h_e, h_3);
        vec_store(h_e + 1, e);
        h_e += 2;
    }
    *best = peak;
    *columns = (FN(columns)){{h_0, h_1, h_2, h_3}, {f_0, f_1, f_2, f_3}};
}

/* The loop over the table stands alone, so that what the caller keeps takes none of its registers:
 * with 16 of them that is up to 25 %. Only 32 bit has different cells for different modes. */
static __attribute__((noinline)) void FN(advance_by_table)(const FN(strip) * strip,
                                                           const FN(costs) * costs, tal_mode mode,
                                                           const vec *table, const uint8_t *letters,
                                                           vec diagonal, FN(columns) * columns,
                                                           vec *best)
{
    if (WIDTH == 32 && mode != TAL_LOCAL)
        FN(advance)(strip, costs, TAL_GLOBAL, table, letters, diagonal, columns, best);
    else
        FN(advance)(strip, costs, TAL_LOCAL, table, letters, diagonal, columns, best);
}

/* Column 0 of H and column 1 of E of the strip's rows; returns the last row's H. */
INLINE vec FN(begin)(const tal_score_job *job, tal_mode mode, const FN(strip) * strip)
{
    const vec open_extend = OP(set1)((ELEMENT)(job->gap_open + job->gap_extend));
    vec *h_e = strip->h_e;
    vec h = FN(border)(job, mode, mode == TAL_LOCAL, 0);
    for (int32_t row = 1; row <= strip->row_count; row++) {
        h = FN(border)(job, mode, mode == TAL_LOCAL, (int64_t)strip->row_begin + row);
        vec_store(h_e, h);
        vec_store(h_e + 1, OP(sub)(h, open_extend));
        h_e += 2;
    }
    return h;
}

/* H and F above the strip in the four columns from `column` on; *corner goes from the H left above
 * to that of the next columns. */
INLINE FN(columns) FN(enter)(const tal_score_job *job, tal_mode mode, const FN(strip) * strip,
                             const FN(costs) * costs, int64_t column)
{
    FN(columns) columns;
    const vec *carry = strip->carry + 2 * column;
    for (int i = 0; i < TAL_BATCH_COLUMN_STEP; i++) {
        if (strip->is_first) {
            columns.h[i] = FN(border)(job, mode, mode != TAL_GLOBAL, column + 1 + i);
            columns.f[i] = OP(sub)(columns.h[i], costs->open_extend);
        } else {
            columns.h[i] = vec_load(carry + 2 * i);
            columns.f[i] = vec_load(carry + 2 * i + 1);
        }
    }
    return columns;
}

INLINE void FN(leave)(const FN(strip) * strip, int64_t column, const FN(columns) * columns)
{
    vec *carry = strip->carry + 2 * column;
    for (int i = 0; i < TAL_BATCH_COLUMN_STEP; i++) {
        vec_store(carry + 2 * i, columns->h[i]);
        vec_store(carry + 2 * i + 1, columns->f[i]);
    }
}

/* Lanes that end within these four columns (or before: empty lanes) get their score. last holds
 * their end values after each column; *ending is the last lane of this piece not yet ended. */
INLINE void FN(end_lanes)(const tal_score_job *job, int first, int *ending, int64_t column,
                          const vec last[TAL_BATCH_COLUMN_STEP])
{
    _Alignas(64) ELEMENT values[TAL_BATCH_COLUMN_STEP][LANES];
    for (int i = 0; i < TAL_BATCH_COLUMN_STEP; i++)
        vec_store((vec *)(void *)values[i], last[i]);
    while (*ending >= first && job->lane_len[*ending] <= column + TAL_BATCH_COLUMN_STEP) {
        int64_t step = job->lane_len[*ending] - column - 1;
        job->scores[*ending] = values[step][*ending - first];
        (*ending)--;
    }
}

/* Local scores and, in every mode, the flags of the lanes from `first` on. */
INLINE uint64_t FN(finish)(const tal_score_job *job, tal_mode mode, int first, vec best)
{
    _Alignas(64) ELEMENT values[LANES];
    uint64_t flagged = 0;
    vec_store((vec *)(void *)values, best);
    for (int lane = first; lane < first + LANES && lane < job->lane_count; lane++) {
        if (mode == TAL_LOCAL)
            job->scores[lane] = values[lane - first] - LOCAL_ZERO;
        if (WIDTH != 32 && values[lane - first] == ELEMENT_MAX)
            flagged |= UINT64_C(1) << lane;
    }
    return flagged;
}

/* One vector's lanes, from `first` on, and one strip. *ending as in end_lanes. */
INLINE void FN(score_strip)(const tal_score_job *job, tal_mode mode, const FN(strip) * strip,
                            const tal_row_classes *classes, vec *table, int first, int *ending,
                            vec *best)
{
    const FN(costs) costs = {OP(set1)((ELEMENT)(job->gap_open + job->gap_extend)),
                             OP(set1)((ELEMENT)job->gap_extend), OP(set1)(LOCAL_ZERO)};
    vec end = FN(begin)(job, mode, strip);
    vec last[TAL_BATCH_COLUMN_STEP] = {end, end, end, end};
    vec corner = FN(border)(job, mode, mode == TAL_LOCAL, strip->row_begin);
    if (mode != TAL_LOCAL && strip->is_last && job->lane_len[*ending] == 0)
        FN(end_lanes)(job, first, ending, -TAL_BATCH_COLUMN_STEP, last);
    for (int64_t column = 0; column < job->lane_len[first]; column += TAL_BATCH_COLUMN_STEP) {
        const uint8_t *letters = job->letters + column * TAL_BATCH_LANES + first;
        FN(columns) columns = FN(enter)(job, mode, strip, &costs, column);
        const vec next_corner = columns.h[TAL_BATCH_COLUMN_STEP - 1];
        if (classes->count > 0) {
            FN(fill_table)(classes, letters, table);
            FN(advance_by_table)(strip, &costs, mode, table, letters, corner, &columns, best);
        } else {
            FN(advance)(strip, &costs, mode, NULL, letters, corner, &columns, best);
        }
        corner = next_corner;
        if (!strip->is_last) {
            FN(leave)(strip, column, &columns);
            continue;
        }
        if (mode == TAL_SEMIGLOBAL) {
            last[0] = OP(max)(columns.h[0], end);
            last[1] = OP(max)(columns.h[1], last[0]);
            last[2] = OP(max)(columns.h[2], last[1]);
            end = last[3] = OP(max)(columns.h[3], last[2]);
        }
        if (mode != TAL_LOCAL && job->lane_len[*ending] <= column + TAL_BATCH_COLUMN_STEP)
            FN(end_lanes)(job, first, ending, column, mode == TAL_GLOBAL ? columns.h : last);
    }
}

/* One vector's lanes, from `first` on. */
INLINE uint64_t FN(score_piece)(const tal_score_job *job, tal_mode mode,
                                const tal_score_scratch *scratch, const tal_row_classes *classes,
                                int first)
{
    uint8_t *memory = job->scratch;
    int ending = (job->lane_count < first + LANES ? job->lane_count : first + LANES) - 1;
    vec best = FN(border)(job, mode, true, 0);
    int32_t strip_count = tal_score_strip_count(job->query_len, job->lane_len[0]);
    int32_t begin = 0;
    for (int32_t i = 1; i <= strip_count; i++) {
        int32_t end = (int32_t)((int64_t)job->query_len * i / strip_count);
        const FN(strip) strip = {
            .profile = job->profile + (size_t)begin * TAL_PROFILE_STRIDE,
            .row_class = memory + scratch->row_class + begin,
            .row_begin = begin,
            .row_count = end - begin,
            .h_e = (vec *)(void *)(memory + scratch->h_e),
            .carry = (vec *)(void *)(memory + scratch->carry),
            .is_first = i == 1,
            .is_last = i == strip_count,
        };
        vec *table = (vec *)(void *)(memory + scratch->table);
        FN(score_strip)(job, mode, &strip, classes, table, first, &ending, &best);
        begin = end;
    }
    return FN(finish)(job, mode, first, best);
}

INLINE uint64_t FN(score_batch)(const tal_score_job *job, tal_mode mode)
{
    const tal_score_scratch scratch = tal_score_scratch_cut(job->query_len, job->lane_len[0]);
    tal_row_classes classes = {.count = 0};
    if (job->query_len >= TABLE_ROWS_PER_CLASS * FEW_CLASSES && job->lane_len[0] >= TABLE_COLUMNS) {
        tal_row_classes_find(job->profile, job->query_len,
                             (uint8_t *)job->scratch + scratch.row_class, &classes);
        if (classes.count * TABLE_ROWS_PER_CLASS > job->query_len)
            classes.count = 0;
    }
    uint64_t flagged = 0;
    for (int first = 0; first < job->lane_count; first += LANES)
        flagged |= FN(score_piece)(job, mode, &scratch, &classes, first);
    return flagged;
}

static uint64_t FN(score_local)(const tal_score_job *job)
{
    return FN(score_batch)(job, TAL_LOCAL);
}

#if WIDTH != 8
static uint64_t FN(score_global)(const tal_score_job *job)
{
    return FN(score_batch)(job, TAL_GLOBAL);
}

static uint64_t FN(score_semiglobal)(const tal_score_job *job)
{
    return FN(score_batch)(job, TAL_SEMIGLOBAL);
}
#endif

#undef SCORE_PASTE3
#undef SCORE_PASTE
#undef OP
#undef FN
#undef ELEMENT
#undef ELEMENT_MIN
#undef ELEMENT_MAX
#undef LANES
#undef LOCAL_ZERO
#undef TABLE_COLUMNS
#undef FEW_CLASSES
#undef INLINE
