/* Wave kernels of one width for one instruction set; included by wave_ISA.c once per width.
 *
 * Needs WIDTH (16, 32), wave_vec_*.h and wave_scores_template.h. Defines wave_score_WIDTH,
 * wave_peak_WIDTH, wave_find_WIDTH, wave_directions_WIDTH and their geometry. No include guard:
 * that is the point.
 *
 * Rows are cut into strips of up to VEC_STRIP vectors; a strip walks along all columns, one
 * anti-diagonal of the strip a step: lane k of the strip is k columns behind lane 0. What lane 0
 * takes from above and what the last lane gives below goes through the row arrays. H and F of the
 * lane above come by a shift of one lane across the strip's vectors; E stays in its lane. Lanes
 * before their first and after their last column keep what they hold: the left border, and the
 * right border in the end. Wozniak, Comput. Appl. Biosci. 13 (1997) has the anti-diagonal.
 */
#define WAVE_PASTE3(a, b, c) a##b##c
#define WAVE_PASTE(a, b, c)  WAVE_PASTE3(a, b, c)
#define OP(name)             WAVE_PASTE(vec, WIDTH, _##name)
#define FN(name)             WAVE_PASTE(name, _, WIDTH)
#define ELEMENT              WAVE_PASTE(int, WIDTH, _t)
#define ELEMENT_MIN          WAVE_PASTE(INT, WIDTH, _MIN)
#define ELEMENT_MAX          WAVE_PASTE(INT, WIDTH, _MAX)
#define LANES                (VEC_BYTES * 8 / WIDTH)
#define STRIP_ROWS           (VEC_STRIP * LANES)
#define DEAD                 (WIDTH == 16 ? ELEMENT_MIN : (ELEMENT)TAL_WAVE_DEAD)
#define INLINE               static inline __attribute__((always_inline))

_Static_assert(VEC_STRIP == 4, "as many as walk_block knows");
_Static_assert(STRIP_ROWS <= 2 * VEC_BYTES, "as many as lay_out_scores knows");
enum { FN(wave_lanes) = LANES, FN(wave_strip_rows) = STRIP_ROWS };

/* A strip of rows on its way along the columns. */
typedef struct FN(strip) {
    vec h[VEC_STRIP], e[VEC_STRIP], f[VEC_STRIP]; /* f: for the row below */
    vec diagonal[VEC_STRIP];                      /* H left of and above the next cells */
    vec lane[VEC_STRIP];                          /* numbers of the lanes */
    vec peak;
    vec peaks[VEC_STRIP], places[VEC_STRIP];      /* of `peak`: of each lane, and the step of it */
    vec needs[VEC_STRIP], needs_above[VEC_STRIP]; /* of a reach: less 1, also of the row above */
    wave_scores *scores;
    tal_wave_job *job;
    const uint8_t *letters;
    ELEMENT *row_h, *row_f;
    int32_t first_row, row_count, column_count;
    int32_t column_begin; /* columns before are left out: all others count from here */
    int vectors;
    int64_t step_end;
    uint8_t *directions;
} FN(strip);

/* The anti-diagonal scores of columns [begin, begin + WAVE_BLOCK), `used` vectors of bytes each. */
INLINE void FN(lay_out)(const FN(strip) * strip, int64_t begin, const int used)
{
    wave_scores *scores = strip->scores;
    uint8_t letters[WAVE_BLOCK + 3];
    wave_copy_letters(strip->letters, strip->job->letter_step, strip->column_count, begin - 3,
                      WAVE_BLOCK + 3, letters);
    for (int i = 0; i < WAVE_BLOCK; i++) {
        const vec *from_0 = (const vec *)(const void *)scores->of_letter[letters[i + 3]];
        const vec *from_1 = (const vec *)(const void *)scores->of_letter[letters[i + 2]];
        const vec *from_2 = (const vec *)(const void *)scores->of_letter[letters[i + 1]];
        const vec *from_3 = (const vec *)(const void *)scores->of_letter[letters[i]];
#if LANES > 4
        vec *to = wave_stage(scores->stage_1, begin + i);
#else
        vec *to = (vec *)(void *)scores->of_step[(begin + i) & (WAVE_RING - 1)];
#endif
        for (int k = 0; k < used; k++) {
            vec column = wave_select_1(1, vec_load(from_0 + k), vec_load(from_1 + k));
            column = wave_select_1(2, column, vec_load(from_2 + k));
            vec_store(to + k, wave_select_1(3, column, vec_load(from_3 + k)));
        }
    }
#if LANES > 4
    for (int64_t i = begin; i < begin + WAVE_BLOCK; i++) {
#if LANES == 32
        vec *to = wave_stage(scores->stage_2, i);
#else
        vec *to = (vec *)(void *)scores->of_step[i & (WAVE_RING - 1)];
#endif
        for (int k = 0; k < used; k++) {
            vec column = vec_load(wave_stage(scores->stage_1, i) + k);
            vec before_4 = vec_load(wave_stage(scores->stage_1, i - 4) + k);
#if LANES == 8
            column = wave_select_odd_4(column, before_4);
#else
            column = wave_select_4(1, column, before_4);
            column = wave_select_4(2, column, vec_load(wave_stage(scores->stage_1, i - 8) + k));
            column = wave_select_4(3, column, vec_load(wave_stage(scores->stage_1, i - 12) + k));
#endif
            vec_store(to + k, column);
        }
    }
#endif
#if LANES == 32
    for (int64_t i = begin; i < begin + WAVE_BLOCK; i++) {
        vec *to = (vec *)(void *)scores->of_step[i & (WAVE_RING - 1)];
        for (int k = 0; k < used; k++)
            vec_store(to + k, wave_select_16(vec_load(wave_stage(scores->stage_2, i) + k),
                                             vec_load(wave_stage(scores->stage_2, i - 16) + k)));
    }
#endif
}

/* The same; the number of vectors is a constant in each case. */
static __attribute__((noinline)) void FN(lay_out_scores)(const FN(strip) * strip, int64_t begin,
                                                         int used)
{
    if (used == 1)
        FN(lay_out)(strip, begin, 1);
    else
        FN(lay_out)(strip, begin, 2);
}

/* Some lanes hold the target or more: note the first column, and the first row of that. */
static __attribute__((noinline)) void FN(note_found)(FN(strip) * strip, const vec *h, int first,
                                                     int count, int64_t step)
{
    tal_wave_job *job = strip->job;
    _Alignas(64) ELEMENT values[STRIP_ROWS];
    for (int v = 0; v < count; v++)
        vec_store((vec *)(void *)(values + (first + v) * LANES), h[v]);
    int lane_end = (first + count) * LANES;
    lane_end = lane_end < strip->row_count ? lane_end : strip->row_count;
    for (int lane = first * LANES; lane < lane_end && lane <= step; lane++) {
        const int64_t column = step - lane;
        const int64_t number = strip->column_begin + column + 1;
        if (values[lane] < job->target || column >= strip->column_count ||
            (job->found_column > 0 && number >= job->found_column))
            continue;
        job->found_column = (int32_t)number;
        job->found_row = strip->first_row + lane + 1;
    }
    int64_t end = (int64_t)job->found_column - strip->column_begin + strip->row_count - 2;
    if (job->found_column > 0 && strip->step_end > end)
        strip->step_end = end;
}

/* What the last lane hands to the strip below, and H and F of the last row in the end. */
INLINE void FN(hand_down)(const FN(strip) * strip, int64_t column, vec h, vec f, int last_lane)
{
    _Alignas(64) ELEMENT last_h[LANES], last_f[LANES];
    vec_store((vec *)(void *)last_h, h);
    vec_store((vec *)(void *)last_f, f);
    strip->row_h[column] = last_h[last_lane];
    strip->row_f[column] = last_f[last_lane];
}

/* The lanes of vector `v` that are at a column in this step. */
INLINE OP(mask) FN(are_inside)(const FN(strip) * strip, int v, int64_t step)
{
    const int64_t past = step - strip->column_count;
    const vec begun = OP(set1)((ELEMENT)(step + 1 < INT16_MAX ? step + 1 : INT16_MAX));
    const vec done = OP(set1)((ELEMENT)(past > -INT16_MAX ? past : -INT16_MAX));
    return OP(and)(OP(gt)(begun, strip->lane[v]), OP(gt)(strip->lane[v], done));
}

/* Keep the largest of each lane that is at a column, and the step where it was first. */
INLINE void FN(note_peak)(FN(strip) * strip, int v, int64_t step, vec h, const bool is_edge)
{
    const vec now = OP(set1)((ELEMENT)step);
    OP(mask) is_larger = OP(gt)(h, strip->peaks[v]);
    if (is_edge)
        is_larger = OP(and)(FN(are_inside)(strip, v, step), is_larger);
    strip->peaks[v] = OP(blend)(is_larger, strip->peaks[v], h);
    strip->places[v] = OP(blend)(is_larger, strip->places[v], now);
}

/* The largest of a strip that is done, and where it was in the first column, of those in the first
 * row. Steps of 16 bit are below 2^16. */
static void FN(take_peaks)(const FN(strip) * strip)
{
    tal_wave_job *job = strip->job;
    _Alignas(64) ELEMENT peaks[STRIP_ROWS], places[STRIP_ROWS];
    for (int v = 0; v < strip->vectors; v++) {
        vec_store((vec *)(void *)(peaks + v * LANES), strip->peaks[v]);
        vec_store((vec *)(void *)(places + v * LANES), strip->places[v]);
    }
    for (int lane = 0; lane < strip->row_count; lane++) {
        const int32_t place = WIDTH == 16 ? (uint16_t)places[lane] : (int32_t)places[lane];
        const int32_t column = strip->column_begin + place - lane + 1;
        if (job->row_peaks != NULL)
            job->row_peaks[strip->first_row + lane] = peaks[lane];
        if (peaks[lane] < job->peak ||
            (peaks[lane] == job->peak && job->found_column > 0 && column >= job->found_column))
            continue;
        job->peak = peaks[lane];
        job->found_column = column;
        job->found_row = strip->first_row + lane + 1;
    }
}

/* Put what vectors [first, first + count) hold back into the strip. */
INLINE void FN(keep)(FN(strip) * strip, int first, const int count, const vec *h, const vec *e,
                     const vec *f, const vec *diagonal)
{
    for (int v = 0; v < count; v++) {
        strip->h[first + v] = h[v];
        strip->e[first + v] = e[v];
        strip->f[first + v] = f[v];
        strip->diagonal[first + v] = diagonal[v];
    }
}

/* Steps [begin, end) of `count` of a strip's vectors, from `first` on; `is_edge` where some lanes
 * have not begun or are past their last column, or some vectors are left out. Those before `first`
 * are done: what the first one takes from above at `begin` is all that it ever takes from there. */
INLINE void FN(walk)(FN(strip) * strip, int64_t begin, int64_t end, int first, const int count,
                     const wave_kind kind, const bool is_edge)
{
    const tal_wave_job *job = strip->job;
    const vec opening = OP(set1)((ELEMENT)(job->gap_open + job->gap_extend));
    const vec next = OP(set1)((ELEMENT)job->gap_extend);
    const vec floor = OP(set1)((ELEMENT)job->floor);
    const vec below_target = OP(set1)((ELEMENT)(job->target - 1));
    const int rows = strip->vectors * LANES, last_lane = strip->row_count - 1 + LANES - rows;
    vec h[VEC_STRIP], e[VEC_STRIP], f[VEC_STRIP], diagonal[VEC_STRIP];
    for (int v = 0; v < count; v++) {
        h[v] = strip->h[first + v];
        e[v] = strip->e[first + v];
        f[v] = strip->f[first + v];
        diagonal[v] = strip->diagonal[first + v];
    }
    const bool is_top = !is_edge || first == 0;
    const vec done_h = strip->h[is_top ? 0 : first - 1], done_f = strip->f[is_top ? 0 : first - 1];
    vec peak = strip->peak;
    uint8_t *directions = kind == WAVE_DIRECTIONS ? strip->directions + begin * rows : NULL;
    for (int64_t step = begin; step < end; step++) {
        vec above_h = is_top ? OP(loadu)(strip->row_h + step + 1 - (LANES - 1)) : done_h;
        vec above_f = is_top ? OP(loadu)(strip->row_f + step + 1 - (LANES - 1)) : done_f;
        vec largest = OP(set1)(ELEMENT_MIN);
        for (int v = 0; v < count; v++) {
            const int64_t skew = (int64_t)(first + v) * LANES;
            const uint8_t *bytes = strip->scores->of_step[(step - skew) & (WAVE_RING - 1)];
            const vec pair = OP(add)(diagonal[v], OP(scores)(bytes + skew));
            const vec f_here = OP(shift_in)(above_f, f[v]);
            const vec old_h = h[v];
            diagonal[v] = OP(shift_in)(above_h, old_h);
            above_h = old_h;
            above_f = f[v];
            const vec pair_or_f = OP(max)(pair, f_here);
            vec here = OP(max)(pair_or_f, e[v]);
            if (WIDTH == 32)
                here = OP(max)(here, floor);
            if (kind == WAVE_PEAK)
                FN(note_peak)(strip, first + v, step, here, is_edge);
            const vec opened = OP(sub)(here, opening);
            const vec e_extended = OP(sub)(e[v], next);
            const vec f_extended = OP(sub)(f_here, next);
            if (kind == WAVE_DIRECTIONS) {
                OP(store_bits)
                (directions + skew, OP(gt)(f_here, pair), OP(gt)(e[v], pair_or_f),
                 OP(gt)(e_extended, opened), OP(gt)(f_extended, opened));
            }
            vec e_next = OP(max)(e_extended, opened);
            f[v] = OP(max)(f_extended, opened);
            if (is_edge) {
                const OP(mask) is_active = FN(are_inside)(strip, first + v, step);
                here = OP(blend)(is_active, old_h, here);
                e_next = OP(blend)(is_active, e[v], e_next);
            }
            h[v] = here;
            e[v] = e_next;
            largest = OP(max)(largest, here);
        }
        if (kind == WAVE_FIND) {
            if (OP(any)(OP(gt)(largest, below_target)))
                FN(note_found)(strip, h, first, count, step);
        } else if (kind != WAVE_PEAK) {
            peak = OP(max)(peak, largest);
        }
        int64_t column = step - strip->row_count + 2;
        if (!is_edge || (column >= 1 && column <= strip->column_count))
            FN(hand_down)(strip, column, h[count - 1], f[count - 1], last_lane);
        if (kind == WAVE_DIRECTIONS)
            directions += rows;
    }
    FN(keep)(strip, first, count, h, e, f, diagonal);
    strip->peak = peak;
}

/* Steps [begin, end), by those vectors that have lanes at a column. The number of vectors is a
 * constant in each case, so that they stay in registers. */
INLINE void FN(walk_block)(FN(strip) * strip, int64_t begin, int64_t end, const wave_kind kind)
{
    const int vectors = strip->vectors;
    const int64_t done = begin + 1 - strip->column_count; /* lanes before are past their end */
    const int64_t begun = (end - 1) / LANES + 1;
    const int first = done < LANES ? 0 : (int)(done / LANES);
    const int count = (begun < vectors ? (int)begun : vectors) - first;
    if (begin >= vectors * LANES - 1 && end <= strip->column_count) {
        switch (vectors) {
        case 1:
            FN(walk)(strip, begin, end, 0, 1, kind, false);
            break;
        case 2:
            FN(walk)(strip, begin, end, 0, 2, kind, false);
            break;
        case 3:
            FN(walk)(strip, begin, end, 0, 3, kind, false);
            break;
        default:
            FN(walk)(strip, begin, end, 0, 4, kind, false);
            break;
        }
        return;
    }
    switch (count) {
    case 1:
        FN(walk)(strip, begin, end, first, 1, kind, true);
        break;
    case 2:
        FN(walk)(strip, begin, end, first, 2, kind, true);
        break;
    case 3:
        FN(walk)(strip, begin, end, first, 3, kind, true);
        break;
    default:
        FN(walk)(strip, begin, end, first, 4, kind, true);
        break;
    }
}

/* A need as a value that is exceeded: one less, and no less than the smallest element. */
INLINE ELEMENT FN(exceeded)(int32_t need)
{
    if (need <= ELEMENT_MIN)
        return ELEMENT_MIN;
    return need > ELEMENT_MAX ? ELEMENT_MAX - 1 : (ELEMENT)(need - 1);
}

/* The needs of a strip's rows; those of lanes without a row are never met. */
static void FN(load_needs)(FN(strip) * strip)
{
    const int32_t *needs = strip->job->reach->row_needs;
    _Alignas(64) ELEMENT here[STRIP_ROWS], above[STRIP_ROWS];
    ELEMENT last = strip->first_row == 0 ? ELEMENT_MIN : FN(exceeded)(needs[strip->first_row - 1]);
    for (int lane = 0; lane < strip->vectors * LANES; lane++) {
        const bool is_row = lane < strip->row_count;
        above[lane] = last;
        last = is_row ? FN(exceeded)(needs[strip->first_row + lane]) : ELEMENT_MAX;
        here[lane] = last;
    }
    for (int v = 0; v < strip->vectors; v++) {
        strip->needs[v] = vec_load((const vec *)(const void *)(here + v * LANES));
        strip->needs_above[v] = vec_load((const vec *)(const void *)(above + v * LANES));
    }
}

/* What a column of the strip needs, of those from `column` (from 0) on. */
INLINE ELEMENT FN(column_need)(const FN(strip) * strip, int64_t column)
{
    const int32_t *needs = strip->job->reach->column_needs;
    if (needs == NULL || column < 0)
        return ELEMENT_MIN;
    column = column < strip->column_count ? column : strip->column_count - 1;
    return FN(exceeded)(needs[strip->column_begin + column]);
}

/* Whether a cell that comes from step `step` on may lie on a wanted path that has begun. */
INLINE bool FN(is_live)(const FN(strip) * strip, int64_t step)
{
    for (int v = 0; v < strip->vectors; v++) {
        /* H left of the next cells, and above: of their last lane's column, or the one before. */
        const vec column = OP(set1)(FN(column_need)(strip, step - (v + 1) * LANES - 1));
        if (OP(any)(OP(gt)(strip->h[v], OP(max)(strip->needs[v], column))) ||
            OP(any)(OP(gt)(strip->diagonal[v], OP(max)(strip->needs_above[v], column))))
            return true;
    }
    return false;
}

/* Columns of the matrix, from 1, where the row above the next strip is live: none when last is less
 * than first. */
typedef struct FN(live) {
    int32_t first, last;
} FN(live);

/* Whether a wanted path may leave the strip's last row here, column counted from 1. */
INLINE bool FN(is_live_below)(const FN(strip) * strip, int32_t column)
{
    const ELEMENT row =
        FN(exceeded)(strip->job->reach->row_needs[strip->first_row + strip->row_count - 1]);
    const ELEMENT need = FN(column_need)(strip, column - 1);
    const ELEMENT most =
        strip->row_h[column] > strip->row_f[column] ? strip->row_h[column] : strip->row_f[column];
    return most > (need > row ? need : row);
}

/* A strip is done up to its column `done`, from 1: where its last row is live. What was handed down
 * to it behind that is no longer there, but paths may begin anew. */
static void FN(find_live)(const FN(strip) * strip, int64_t done, FN(live) * live)
{
    const ELEMENT none = WIDTH == 16 ? ELEMENT_MIN : (ELEMENT)strip->job->floor;
    int32_t last =
        done < 0 ? 0 : (int32_t)(done < strip->column_count ? done : strip->column_count);
    for (int32_t column = last + 1; column + strip->column_begin <= live->last; column++)
        strip->row_h[column] = strip->row_f[column] = none;
    for (; last > 0 && !FN(is_live_below)(strip, last); last--)
        strip->row_h[last] = strip->row_f[last] = none;
    int32_t first = 1;
    while (first < last && !FN(is_live_below)(strip, first))
        first++;
    *live = (FN(live)){strip->column_begin + first, strip->column_begin + last};
}

static void FN(note_span)(const FN(strip) * strip, int64_t step)
{
    const tal_wave_reach *reach = strip->job->reach;
    const int64_t count = step < strip->column_count ? step : strip->column_count;
    for (int32_t row = strip->first_row; row < strip->first_row + strip->row_count; row++) {
        reach->span_begins[row] = strip->column_begin;
        reach->span_ends[row] = strip->column_begin + (int32_t)count;
    }
}

/* All steps of a strip; with a reach only those that it needs, `live` being that of the row above
 * and then that of the strip's last row. */
INLINE void FN(walk_strip)(FN(strip) * strip, const wave_kind kind, FN(live) * live)
{
    const tal_wave_reach *reach = kind == WAVE_FIND || kind == WAVE_PEAK ? strip->job->reach : NULL;
    const int used = (strip->vectors * LANES + VEC_BYTES - 1) / VEC_BYTES;
    strip->step_end = (int64_t)strip->column_count + strip->row_count - 1;
    int64_t step = 0, needed = 0; /* steps that are needed whatever is live */
    if (reach != NULL) {
        const int32_t fresh_rows = reach->fresh_rows - strip->first_row;
        const int64_t fresh =
            fresh_rows <= 0 ? 0
                            : (int64_t)reach->fresh_columns +
                                  (fresh_rows < strip->row_count ? fresh_rows : strip->row_count);
        needed = live->last - strip->column_begin + 1;
        needed = fresh > needed ? fresh : needed;
    }
    while (step < strip->step_end) {
        int64_t end = step + WAVE_BLOCK;
        if (step < (int64_t)strip->column_count + LANES - 1)
            FN(lay_out_scores)(strip, step, used);
        FN(walk_block)(strip, step, end < strip->step_end ? end : strip->step_end, kind);
        step = end;
        if (reach != NULL && step >= needed && !FN(is_live)(strip, step))
            break;
    }
    if (reach == NULL)
        return;
    step = step < strip->step_end ? step : strip->step_end;
    FN(find_live)(strip, step - strip->row_count + 1, live);
    if (reach->span_begins != NULL)
        FN(note_span)(strip, step);
}

/* Load the left border of a strip; lanes past the last row hold the smallest value. */
static void FN(begin_strip)(FN(strip) * strip, int vectors)
{
    const tal_wave_job *job = strip->job;
    _Alignas(64) ELEMENT left_h[STRIP_ROWS], left_e[STRIP_ROWS], numbers[STRIP_ROWS];
    _Alignas(64) ELEMENT diagonal[STRIP_ROWS]; /* of column 1 */
    const ELEMENT *job_h = (const ELEMENT *)job->left_h + strip->first_row;
    const ELEMENT *job_e = (const ELEMENT *)job->left_e + strip->first_row;
    ELEMENT above = strip->row_h[0];
    for (int lane = 0; lane < vectors * LANES; lane++) {
        bool is_row = lane < strip->row_count;
        left_h[lane] = is_row ? job_h[lane] : DEAD;
        left_e[lane] = is_row ? job_e[lane] : DEAD;
        numbers[lane] = (ELEMENT)lane;
        diagonal[lane] = above;
        above = left_h[lane];
    }
    for (int v = 0; v < vectors; v++) {
        strip->h[v] = vec_load((const vec *)(const void *)(left_h + v * LANES));
        strip->e[v] = vec_load((const vec *)(const void *)(left_e + v * LANES));
        strip->lane[v] = vec_load((const vec *)(const void *)(numbers + v * LANES));
        strip->diagonal[v] = vec_load((const vec *)(const void *)(diagonal + v * LANES));
        strip->f[v] = OP(set1)(DEAD);
        strip->peaks[v] = OP(set1)(ELEMENT_MIN);
        strip->places[v] = strip->lane[v];
    }
    strip->row_h[0] = job_h[strip->row_count - 1];
    wave_turn_profile(strip->scores, job->profile + strip->first_row * job->profile_step,
                      job->profile_step, strip->row_count,
                      (vectors * LANES + VEC_BYTES - 1) / VEC_BYTES * VEC_BYTES);
}

/* Store the right border. */
static void FN(end_strip)(const FN(strip) * strip, int vectors)
{
    _Alignas(64) ELEMENT right[STRIP_ROWS];
    const size_t bytes = (size_t)strip->row_count * sizeof(ELEMENT);
    for (int v = 0; v < vectors; v++)
        vec_store((vec *)(void *)(right + v * LANES), strip->h[v]);
    memcpy((ELEMENT *)strip->job->left_h + strip->first_row, right, bytes);
    for (int v = 0; v < vectors; v++)
        vec_store((vec *)(void *)(right + v * LANES), strip->e[v]);
    memcpy((ELEMENT *)strip->job->left_e + strip->first_row, right, bytes);
}

/* Rows of the next strip. Strips of about equal height, since one of a single vector waits for its
 * own results; but directions lie as wave.h says. */
INLINE int32_t FN(strip_height)(int32_t rows, const wave_kind kind)
{
    if (kind == WAVE_DIRECTIONS || rows <= STRIP_ROWS)
        return rows < STRIP_ROWS ? rows : STRIP_ROWS;
    int32_t vectors = (rows + LANES - 1) / LANES;
    int32_t strips = (vectors + VEC_STRIP - 1) / VEC_STRIP;
    return (vectors + strips - 1) / strips * LANES;
}

/* Begin with the column that the next strip needs first. False: no strip is needed any more. */
INLINE bool FN(skip_columns)(FN(strip) * strip, int32_t column_end, const FN(live) * live)
{
    tal_wave_job *job = strip->job;
    const bool is_fresh = strip->first_row < job->reach->fresh_rows;
    const bool is_live = live->last >= live->first;
    strip->column_begin = is_fresh ? 0 : live->first - 1;
    strip->column_count = column_end - strip->column_begin;
    strip->letters = job->letters + strip->column_begin * job->letter_step;
    strip->row_h = (ELEMENT *)job->row_h + strip->column_begin;
    strip->row_f = (ELEMENT *)job->row_f + strip->column_begin;
    return (is_fresh || is_live) && strip->column_count > 0;
}

static void FN(clear_out)(tal_wave_job *job)
{
    const tal_wave_reach *reach = job->reach;
    job->peak = ELEMENT_MIN;
    job->found_row = job->found_column = 0;
    for (int32_t row = 0; job->row_peaks != NULL && row < job->row_count; row++)
        job->row_peaks[row] = ELEMENT_MIN;
    if (reach == NULL || reach->span_begins == NULL)
        return;
    memset(reach->span_begins, 0, (size_t)job->row_count * sizeof(*reach->span_begins));
    memset(reach->span_ends, 0, (size_t)job->row_count * sizeof(*reach->span_ends));
}

INLINE void FN(run)(tal_wave_job *job, const wave_kind kind)
{
    const bool is_pruned = (kind == WAVE_FIND || kind == WAVE_PEAK) && job->reach != NULL;
    FN(strip)
    strip = {
        .peak = OP(set1)(ELEMENT_MIN),
        .scores = job->scratch,
        .job = job,
        .letters = job->letters,
        .row_h = job->row_h,
        .row_f = job->row_f,
        .column_count = job->column_count,
        .directions = kind == WAVE_DIRECTIONS ? job->directions : NULL,
    };
    FN(live) live = {1, 0};
    int32_t column_end = job->column_count;
    FN(clear_out)(job);
    while (strip.first_row < job->row_count && column_end > 0) {
        strip.column_count = column_end;
        if (is_pruned && !FN(skip_columns)(&strip, column_end, &live))
            break;
        strip.row_count = FN(strip_height)(job->row_count - strip.first_row, kind);
        strip.vectors = (strip.row_count + LANES - 1) / LANES;
        FN(begin_strip)(&strip, strip.vectors);
        if (is_pruned)
            FN(load_needs)(&strip);
        FN(walk_strip)(&strip, kind, &live);
        if (kind == WAVE_FIND) {
            if (job->found_column > 0)
                column_end = job->found_column - 1;
        } else {
            FN(end_strip)(&strip, strip.vectors);
            if (kind == WAVE_PEAK)
                FN(take_peaks)(&strip);
            if (kind == WAVE_PEAK && WIDTH == 16 && job->peak == ELEMENT_MAX)
                return; /* Saturated. */
            if (WIDTH == 16 && OP(any)(OP(gt)(strip.peak, OP(set1)(ELEMENT_MAX - 1))))
                break; /* Saturated: the caller goes wider. */
        }
        if (kind == WAVE_DIRECTIONS)
            strip.directions += ((int64_t)strip.column_count + STRIP_ROWS - 1) * STRIP_ROWS;
        strip.first_row += strip.row_count;
    }
    if (kind == WAVE_PEAK)
        return;
    _Alignas(64) ELEMENT peaks[LANES];
    vec_store((vec *)(void *)peaks, strip.peak);
    job->peak = peaks[0];
    for (int lane = 1; lane < LANES; lane++)
        job->peak = peaks[lane] > job->peak ? peaks[lane] : job->peak;
}

static void FN(wave_score)(tal_wave_job *job)
{
    FN(run)(job, WAVE_SCORE);
}

static void FN(wave_peak)(tal_wave_job *job)
{
    FN(run)(job, WAVE_PEAK);
}

static void FN(wave_find)(tal_wave_job *job)
{
    FN(run)(job, WAVE_FIND);
}

static void FN(wave_directions)(tal_wave_job *job)
{
    FN(run)(job, WAVE_DIRECTIONS);
}

#undef WAVE_PASTE3
#undef WAVE_PASTE
#undef OP
#undef FN
#undef ELEMENT
#undef ELEMENT_MIN
#undef ELEMENT_MAX
#undef LANES
#undef STRIP_ROWS
#undef DEAD
#undef INLINE
