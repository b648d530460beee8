/* Score kernels of one width for one instruction set; included by score_ISA.c once per width.
 *
 * Needs WIDTH (8, 16, 32) and the operations vecWIDTH_* of a vec_*.h: `set1`, `add`, `sub` (both
 * saturating at 8 and 16 bit), `max`, `row_load`, `letters_load`, `lookup`, and for all widths the
 * type `vec`, vec_load and vec_store. Defines score_local_WIDTH and, for 16 and 32 bit,
 * score_global_WIDTH and score_semiglobal_WIDTH. No include guard: that is the point.
 *
 * Inter-sequence lanes: one reference per lane (Rognes 2011, SWIPE). Four reference columns per
 * pass over the query rows, so that H and E of a row are loaded and stored once per four cells, and
 * F and the H above stay in registers. Batches are 64 lanes wide; a narrower vector takes the batch
 * in pieces, each up to the length of its own first lane.
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
#define INLINE     static inline __attribute__((always_inline))

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

/* H of one cell in every lane. e and f go from this cell's to those of the cells to the right and
 * below. */
INLINE vec FN(cell)(const FN(costs) * costs, tal_mode mode, vec diagonal, vec score, vec *e, vec *f,
                    vec *best)
{
    vec h = OP(max)(OP(add)(diagonal, score), *f);
    if (mode == TAL_LOCAL && WIDTH == 32)
        h = OP(max)(h, costs->zero);
    h = OP(max)(h, *e);
    if (mode == TAL_LOCAL || WIDTH != 32)
        *best = OP(max)(*best, h);
    vec opened = OP(sub)(h, costs->open_extend);
    *e = OP(max)(OP(sub)(*e, costs->extend), opened);
    *f = OP(max)(OP(sub)(*f, costs->extend), opened);
    return h;
}

/* Four columns from `column` on, all rows. job->scratch holds H and E of every row; out_last gets
 * the last row's H of the four columns. */
INLINE void FN(advance)(const tal_score_job *job, tal_mode mode, const uint8_t *letters,
                        int64_t column, vec *best, vec out_last[TAL_BATCH_COLUMN_STEP])
{
    const FN(costs) costs = {OP(set1)((ELEMENT)(job->gap_open + job->gap_extend)),
                             OP(set1)((ELEMENT)job->gap_extend), OP(set1)(LOCAL_ZERO)};
    const bool is_free = mode != TAL_GLOBAL;
    const OP(letters) letters_0 = OP(letters_load)(letters);
    const OP(letters) letters_1 = OP(letters_load)(letters + TAL_BATCH_LANES);
    const OP(letters) letters_2 = OP(letters_load)(letters + 2 * TAL_BATCH_LANES);
    const OP(letters) letters_3 = OP(letters_load)(letters + 3 * TAL_BATCH_LANES);
    vec diagonal = FN(border)(job, mode, is_free, column);
    vec h_0 = FN(border)(job, mode, is_free, column + 1);
    vec h_1 = FN(border)(job, mode, is_free, column + 2);
    vec h_2 = FN(border)(job, mode, is_free, column + 3);
    vec h_3 = FN(border)(job, mode, is_free, column + 4);
    vec f_0 = OP(sub)(h_0, costs.open_extend);
    vec f_1 = OP(sub)(h_1, costs.open_extend);
    vec f_2 = OP(sub)(h_2, costs.open_extend);
    vec f_3 = OP(sub)(h_3, costs.open_extend);
    vec peak = *best;
    vec *h_e = job->scratch;
    const int8_t *profile = job->profile;
    for (int32_t row = 0; row < job->query_len; row++) {
        const OP(row) scores = OP(row_load)(profile);
        const vec left = vec_load(h_e);
        vec e = vec_load(h_e + 1);
        const vec above_0 = h_0, above_1 = h_1, above_2 = h_2;
        h_0 = FN(cell)(&costs, mode, diagonal, OP(lookup)(scores, letters_0), &e, &f_0, &peak);
        h_1 = FN(cell)(&costs, mode, above_0, OP(lookup)(scores, letters_1), &e, &f_1, &peak);
        h_2 = FN(cell)(&costs, mode, above_1, OP(lookup)(scores, letters_2), &e, &f_2, &peak);
        h_3 = FN(cell)(&costs, mode, above_2, OP(lookup)(scores, letters_3), &e, &f_3, &peak);
        diagonal = left;
        vec_store(h_e, h_3);
        vec_store(h_e + 1, e);
        h_e += 2;
        profile += TAL_PROFILE_STRIDE;
    }
    *best = peak;
    out_last[0] = h_0;
    out_last[1] = h_1;
    out_last[2] = h_2;
    out_last[3] = h_3;
}

/* Column 0 of H and column 1 of E into the scratch; returns the last row's H. */
INLINE vec FN(begin)(const tal_score_job *job, tal_mode mode)
{
    const vec open_extend = OP(set1)((ELEMENT)(job->gap_open + job->gap_extend));
    vec *h_e = job->scratch;
    vec h = FN(border)(job, mode, mode == TAL_LOCAL, 0);
    for (int32_t row = 0; row < job->query_len; row++) {
        h = FN(border)(job, mode, mode == TAL_LOCAL, row + 1);
        vec_store(h_e, h);
        vec_store(h_e + 1, OP(sub)(h, open_extend));
        h_e += 2;
    }
    return h;
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

/* One vector's lanes, from `first` on. */
INLINE uint64_t FN(score_piece)(const tal_score_job *job, tal_mode mode, int first)
{
    int ending = (job->lane_count < first + LANES ? job->lane_count : first + LANES) - 1;
    vec end = FN(begin)(job, mode);
    vec last[TAL_BATCH_COLUMN_STEP] = {end, end, end, end};
    vec best = FN(border)(job, mode, true, 0);
    if (mode != TAL_LOCAL && job->lane_len[ending] == 0)
        FN(end_lanes)(job, first, &ending, -TAL_BATCH_COLUMN_STEP, last);
    for (int64_t column = 0; column < job->lane_len[first]; column += TAL_BATCH_COLUMN_STEP) {
        const uint8_t *letters = job->letters + column * TAL_BATCH_LANES + first;
        FN(advance)(job, mode, letters, column, &best, last);
        if (mode == TAL_SEMIGLOBAL) {
            last[0] = OP(max)(last[0], end);
            last[1] = OP(max)(last[1], last[0]);
            last[2] = OP(max)(last[2], last[1]);
            end = last[3] = OP(max)(last[3], last[2]);
        }
        if (mode != TAL_LOCAL && job->lane_len[ending] <= column + TAL_BATCH_COLUMN_STEP)
            FN(end_lanes)(job, first, &ending, column, last);
    }
    return FN(finish)(job, mode, first, best);
}

INLINE uint64_t FN(score_batch)(const tal_score_job *job, tal_mode mode)
{
    uint64_t flagged = 0;
    for (int first = 0; first < job->lane_count; first += LANES)
        flagged |= FN(score_piece)(job, mode, first);
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
#undef INLINE
