/* Passes over bands; see band_pass.h.
 *
 * A strip is one job of a wave kernel. Columns are counted in the direction of the pass, so that
 * each strip begins and ends behind the one before in both directions: what it gets from above is
 * what the strip before gave below as far as the two overlap, and behind that the border, or the
 * most that a path outside can bring. The rows from above are kept, so that a strip can be done
 * again for its cell or its directions.
 */
#include "align/band_pass.h"

#include "base/check.h"

#include <string.h>

/* What is kept of a strip. */
typedef struct strip_record {
    tal_band_strip cells;
    uint64_t rows_at; /* bytes into memory->rows: H, then F, one element more than columns each */
    bool is_floored;  /* paths begin anywhere in it */
    int32_t peak;     /* as the kernel keeps it */
} strip_record;

void tal_band_memory_deinit(tal_band_memory *memory)
{
    tal_wave_memory_deinit(&memory->wave);
    tal_buffer_deinit(&memory->rows);
    tal_buffer_deinit(&memory->lefts);
    tal_buffer_deinit(&memory->strips);
    tal_buffer_deinit(&memory->gains);
}

static strip_record *records_of(const tal_band_pass *pass)
{
    return (strip_record *)(void *)pass->memory->strips.data;
}

static size_t record_count(const tal_band_pass *pass)
{
    return pass->memory->strips.bytes / sizeof(strip_record);
}

static int32_t column_count(const tal_band_strip *cells)
{
    return cells->column_end - cells->column_begin;
}

/* The first column of a strip, and the one after its last, as the pass counts them. */
static int32_t first_column(const tal_band_pass *pass, const tal_band_strip *cells)
{
    return pass->is_backward ? pass->band.column_end - cells->column_end
                             : cells->column_begin - pass->band.column_begin;
}

static int32_t end_column(const tal_band_pass *pass, const tal_band_strip *cells)
{
    return first_column(pass, cells) + column_count(cells);
}

static size_t element_of(const tal_band_pass *pass)
{
    return tal_wave_value_bytes(pass->width);
}

/* How the kernel keeps 0 in a strip. */
static int32_t zero_of(const tal_band_pass *pass, const strip_record *record)
{
    return record->is_floored ? tal_wave_zero(pass->width) : 0;
}

static int64_t value_of(const tal_band_pass *pass, const strip_record *record, int32_t kept)
{
    return (int64_t)kept - zero_of(pass, record);
}

/* Store a value as the kernel keeps it. */
static void put(const tal_band_pass *pass, const strip_record *record, void *array, int32_t i,
                int64_t value)
{
    const int32_t zero = zero_of(pass, record);
    const int64_t low = pass->width == TAL_WIDTH_16 ? INT16_MIN : TAL_WAVE_DEAD;
    const int64_t high = pass->width == TAL_WIDTH_16 ? INT16_MAX : INT32_MAX / 2;
    value = value < low - zero ? low : value + zero;
    value = value < high ? value : high;
    if (pass->width == TAL_WIDTH_16)
        ((int16_t *)array)[i] = (int16_t)value;
    else
        ((int32_t *)array)[i] = (int32_t)value;
}

/* Paths begin in rows before it. */
static int32_t begin_limit_of(const tal_band_pass *pass)
{
    const int32_t limit = pass->band.row_end - pass->rows_min + 1;
    return limit < pass->band.row_end ? limit : pass->band.row_end;
}

/* List the strips in the order of the pass, and make room for their rows. */
static tal_status list_strips(tal_band_pass *pass)
{
    tal_band_memory *memory = pass->memory;
    int32_t begin, end;
    uint64_t bytes = 0;
    tal_band_strips(&pass->band, &begin, &end);
    tal_buffer_reset(&memory->strips);
    tal_buffer_reset(&memory->rows);
    for (int32_t i = begin; i < end; i++) {
        const int32_t strip = pass->is_backward ? end - 1 - (i - begin) : i;
        const tal_band_strip cells = tal_band_strip_at(&pass->band, strip);
        const strip_record record = {
            .cells = cells,
            .rows_at = bytes,
            .is_floored = !pass->is_backward && cells.row_begin < begin_limit_of(pass),
        };
        bytes += 2 * ((uint64_t)column_count(&record.cells) + 1) * element_of(pass);
        tal_status status = tal_buffer_append(&memory->strips, &record, sizeof(record));
        if (status != TAL_OK)
            return status;
    }
    return tal_buffer_reserve(&memory->rows, (size_t)bytes);
}

/* The rows kept for a strip. */
static void rows_of(const tal_band_pass *pass, const strip_record *record, uint8_t **out_h,
                    uint8_t **out_f)
{
    *out_h = pass->memory->rows.data + record->rows_at;
    *out_f = *out_h + ((size_t)column_count(&record->cells) + 1) * element_of(pass);
}

/* A job over a part of a strip with its first rows and columns, all borders in place. */
static tal_status begin_job(tal_band_pass *pass, const strip_record *record,
                            const tal_band_strip *part, tal_wave_job *out_job)
{
    const size_t bytes = ((size_t)column_count(part) + 1) * element_of(pass);
    const tal_wave_block block = {
        .border = record->is_floored ? TAL_WAVE_BORDER_LOCAL : TAL_WAVE_BORDER_CORNER,
        .width = pass->width,
        .gaps = pass->gaps,
        .row_count = part->row_end - part->row_begin,
        .column_end = column_count(part),
    };
    tal_status status = tal_wave_begin(&pass->memory->wave, &block, out_job);
    if (status != TAL_OK)
        return status;
    const int64_t row = pass->is_backward ? part->row_end - 1 : part->row_begin;
    const int64_t column = pass->is_backward ? part->column_end - 1 : part->column_begin;
    const int step = pass->is_backward ? -1 : 1;
    out_job->profile = pass->profile + row * TAL_PROFILE_STRIDE;
    out_job->profile_step = step * TAL_PROFILE_STRIDE;
    out_job->letters = pass->ref + column;
    out_job->letter_step = step;
    uint8_t *h, *f;
    rows_of(pass, record, &h, &f);
    memcpy(out_job->row_h, h, bytes);
    memcpy(out_job->row_f, f, bytes);
    if (pass->outside != NULL && part->column_begin > pass->band.column_begin) {
        const int32_t *lefts = (const int32_t *)(const void *)pass->memory->lefts.data;
        for (int32_t i = part->row_begin; i < part->row_end; i++) {
            const int32_t at = i - part->row_begin;
            put(pass, record, out_job->left_h, at, lefts[i]);
            put(pass, record, out_job->left_e, at, (int64_t)lefts[i] - pass->gaps.extend);
        }
    }
    return TAL_OK;
}

/* Write rows from element `begin` to `end` (from above the first column, counted from 0 there): the
 * border, or what a path outside brings. */
static void fill_rows(const tal_band_pass *pass, const strip_record *record, int32_t begin,
                      int32_t end, int64_t outside)
{
    uint8_t *h, *f;
    rows_of(pass, record, &h, &f);
    const int64_t border = record->is_floored ? 0 : INT64_MIN / 2;
    const int64_t gap_first = pass->gaps.open + pass->gaps.extend;
    const int64_t value_h = outside > border ? outside : border;
    const int64_t opened = border - gap_first, extended = outside - pass->gaps.extend;
    for (int32_t i = begin; i < end; i++) {
        put(pass, record, h, i, value_h);
        put(pass, record, f, i, extended > opened ? extended : opened);
    }
}

/* What the strip after gets from the one that `job` has done. */
static void hand_down(const tal_band_pass *pass, const strip_record *done, const tal_wave_job *job,
                      const strip_record *next, int64_t outside)
{
    const size_t element = element_of(pass);
    const int32_t done_begin = first_column(pass, &done->cells);
    const int32_t done_end = end_column(pass, &done->cells);
    const int32_t begin = first_column(pass, &next->cells);
    const int32_t count = column_count(&next->cells) + 1; /* from the column before `begin` on */
    uint8_t *h, *f;
    rows_of(pass, next, &h, &f);
    int32_t copied = 0;
    if (begin == done_begin)
        fill_rows(pass, next, 0, ++copied, TAL_BAND_NO_PATH);
    /* Element 0 of the job's rows is column done_begin - 1. */
    const int32_t from = begin - 1 + copied - done_begin + 1;
    int32_t shared = done_end - (begin - 1 + copied);
    shared = shared < count - copied ? shared : count - copied;
    if (shared > 0 && zero_of(pass, done) == zero_of(pass, next)) {
        memcpy(h + (size_t)copied * element, (const uint8_t *)job->row_h + (size_t)from * element,
               (size_t)shared * element);
        memcpy(f + (size_t)copied * element, (const uint8_t *)job->row_f + (size_t)from * element,
               (size_t)shared * element);
    } else {
        for (int32_t i = 0; i < shared; i++) {
            put(pass, next, h, copied + i,
                value_of(pass, done, tal_wave_value(job->row_h, pass->width, from + i)));
            put(pass, next, f, copied + i,
                value_of(pass, done, tal_wave_value(job->row_f, pass->width, from + i)));
        }
    }
    copied += shared > 0 ? shared : 0;
    fill_rows(pass, next, copied, count, outside);
}

/* Paths left of and below the band, and right of and above it. */
typedef struct sides {
    tal_band_side left, right;
} sides;

static int32_t narrow(int64_t value)
{
    const int32_t limit = INT32_MAX / 2;
    return value < -limit ? -limit : value < limit ? (int32_t)value : limit;
}

/* What comes in on the left of a strip, row by row. */
static void step_left(tal_band_pass *pass, const strip_record *record, sides *beside)
{
    int32_t *lefts = (int32_t *)(void *)pass->memory->lefts.data;
    if (record->cells.column_begin == pass->band.column_begin)
        return;
    for (int32_t row = record->cells.row_begin; row < record->cells.row_end; row++) {
        tal_band_side_step(&beside->left, row);
        const int64_t value = tal_band_side_value(&beside->left);
        lefts[row] = narrow(value);
    }
}

/* What leaves a strip on the right, row by row; the side ends where the matrix does. */
static void step_right(const tal_band_pass *pass, const strip_record *record,
                       const tal_wave_job *job, sides *beside)
{
    if (record->cells.column_end == pass->band.column_end) {
        beside->right.whole = beside->right.part = TAL_BAND_NO_PATH;
        return;
    }
    for (int32_t row = record->cells.row_begin; row < record->cells.row_end; row++) {
        tal_band_side_step(&beside->right, row);
        const int32_t kept =
            tal_wave_value(job->left_h, pass->width, row - record->cells.row_begin);
        tal_band_side_enter(&beside->right, value_of(pass, record, kept));
    }
}

/* What leaves a strip below: its columns before `column_end`. */
static void leave_below(const tal_band_pass *pass, const strip_record *record,
                        const tal_wave_job *job, int32_t column_end, sides *beside)
{
    int64_t best = TAL_BAND_NO_PATH;
    for (int32_t column = record->cells.column_begin; column < column_end; column++) {
        const int32_t kept =
            tal_wave_value(job->row_h, pass->width, column - record->cells.column_begin + 1);
        const int64_t value = value_of(pass, record, kept);
        best = value > best ? value : best;
    }
    if (column_end > record->cells.column_begin)
        tal_band_side_enter(&beside->left, best);
}

/* Value the rows before those of the band as if they were outside, wherever the path is. */
static void begin_late(const tal_band_pass *pass, sides *beside)
{
    tal_band_side before = beside->right;
    before.cut = TAL_BAND_CUT_ANYWHERE;
    for (int32_t row = 0; row < pass->band.row_begin; row++)
        tal_band_side_step(&before, row);
    beside->right.most = before.most;
    beside->right.part = tal_band_side_value(&before); /* A part: the window began elsewhere. */
    if (records_of(pass)[0].cells.column_begin > pass->band.column_begin)
        beside->left.part = beside->right.part;
}

/* After a strip of a bounded pass: the most that may still come. */
static int64_t find_prospect(const tal_band_pass *pass, const strip_record *record,
                             const tal_wave_job *job, const sides *beside)
{
    const int32_t row = record->cells.row_end;
    int64_t best = tal_band_side_value(&beside->right);
    const int64_t left = tal_band_side_value(&beside->left);
    best = left > best ? left : best;
    for (int32_t i = 1; i <= column_count(&record->cells); i++) {
        const int64_t value = value_of(pass, record, tal_wave_value(job->row_h, pass->width, i));
        best = value > best ? value : best;
    }
    return best + ((const int64_t *)(const void *)pass->memory->gains.data)[row];
}

/* Whether a bounded pass may end after a strip: *peak is raised by what may still come. */
static bool is_enough(tal_band_pass *pass, const strip_record *record, const tal_wave_job *job,
                      const sides *beside)
{
    if (!pass->is_bounded || record->cells.row_end < begin_limit_of(pass) ||
        record->cells.row_end == pass->band.row_end || pass->peak >= pass->enough)
        return false;
    const int64_t prospect = find_prospect(pass, record, job, beside);
    if (prospect >= pass->enough)
        return false;
    pass->peak = prospect > pass->peak ? prospect : pass->peak;
    return true;
}

/* Rows before the first strip lie on the right of the band, those behind the last on the left. */
static tal_status begin_sides(tal_band_pass *pass, sides *beside)
{
    if (pass->outside == NULL)
        return TAL_OK;
    beside->left = (tal_band_side){
        .outside = pass->outside,
        .costs = pass->costs,
        .query = pass->query,
        .cut = TAL_BAND_CUT_OUTSIDE,
        .begin_limit = begin_limit_of(pass),
        .end_first = pass->rows_min - 1,
        .whole = TAL_BAND_NO_PATH,
        .part = TAL_BAND_NO_PATH,
        .most = TAL_BAND_NO_PATH,
    };
    beside->right = beside->left;
    if (pass->is_late)
        begin_late(pass, beside);
    for (int32_t row = pass->band.row_begin; row < records_of(pass)[0].cells.row_begin; row++)
        tal_band_side_step(&beside->right, row);
    tal_buffer_reset(&pass->memory->lefts);
    if (pass->is_bounded) {
        tal_status status =
            tal_band_gains_after(pass->outside, pass->costs, pass->query, pass->band.row_end,
                                 pass->rows_min - 1, &pass->memory->gains);
        if (status != TAL_OK)
            return status;
    }
    return tal_buffer_reserve(&pass->memory->lefts, (size_t)pass->band.row_end * sizeof(int32_t));
}

/* Hand what strip `i` has done to the next and to the sides. */
static void finish_strip(tal_band_pass *pass, size_t i, const tal_wave_job *job, sides *beside)
{
    const strip_record *record = &records_of(pass)[i];
    const bool is_last = i + 1 == record_count(pass);
    const strip_record *next = is_last ? NULL : record + 1;
    if (pass->outside != NULL) {
        step_right(pass, record, job, beside);
        if (!is_last)
            leave_below(pass, record, job, next->cells.column_begin, beside);
        else if (record->cells.row_end < pass->band.row_end)
            leave_below(pass, record, job, record->cells.column_end, beside);
        for (int32_t row = record->cells.row_end; is_last && row < pass->band.row_end; row++)
            tal_band_side_step(&beside->left, row);
    }
    if (!is_last)
        hand_down(pass, record, job, next,
                  pass->outside == NULL ? TAL_BAND_NO_PATH : tal_band_side_value(&beside->right));
}

/* The rows above the first strip. */
static void begin_rows(tal_band_pass *pass, const sides *beside)
{
    const strip_record *first = &records_of(pass)[0];
    uint8_t *h, *f;
    const bool is_inner = pass->outside != NULL && first->cells.row_begin > 0;
    fill_rows(pass, first, 0, column_count(&first->cells) + 1,
              is_inner ? tal_band_side_value(&beside->right) : TAL_BAND_NO_PATH);
    rows_of(pass, first, &h, &f);
    if (pass->is_backward)
        put(pass, first, h, 0, 0);
}

tal_status tal_band_pass_run(tal_band_pass *pass)
{
    sides beside = {0};
    const tal_wave *wave = &pass->waves[pass->width];
    pass->peak = pass->outside_peak = TAL_BAND_NO_PATH;
    pass->is_saturated = false;
    if (pass->is_late)
        pass->band.row_begin = begin_limit_of(pass) / TAL_BAND_STRIP_ROWS * TAL_BAND_STRIP_ROWS;
    tal_status status = list_strips(pass);
    if (status != TAL_OK || record_count(pass) == 0)
        return status;
    status = begin_sides(pass, &beside);
    if (status != TAL_OK)
        return status;
    begin_rows(pass, &beside);
    for (size_t i = 0; i < record_count(pass); i++) {
        strip_record *record = &records_of(pass)[i];
        tal_wave_job job;
        if (pass->outside != NULL)
            step_left(pass, record, &beside);
        status = begin_job(pass, record, &record->cells, &job);
        if (status != TAL_OK)
            return status;
        wave->score(&job);
        record->peak = job.peak;
        pass->is_saturated |= pass->width == TAL_WIDTH_16 && job.peak == INT16_MAX;
        const int64_t peak = value_of(pass, record, job.peak);
        if (record->cells.row_end >= pass->rows_min && peak > pass->peak)
            pass->peak = peak;
        finish_strip(pass, i, &job, &beside);
        if (is_enough(pass, record, &job, &beside))
            break;
    }
    if (pass->outside != NULL)
        pass->outside_peak =
            beside.left.most > beside.right.most ? beside.left.most : beside.right.most;
    return TAL_OK;
}

tal_status tal_band_pass_find(tal_band_pass *pass, bool *out_is_found, int32_t *out_row,
                              int32_t *out_column)
{
    const tal_wave *wave = &pass->waves[pass->width];
    int32_t best_row = 0, best_column = 0; /* as the pass counts them */
    *out_is_found = false;
    for (size_t i = 0; i < record_count(pass); i++) {
        const strip_record *record = &records_of(pass)[i];
        tal_wave_job job;
        if (value_of(pass, record, record->peak) < pass->peak)
            continue;
        tal_status status = begin_job(pass, record, &record->cells, &job);
        if (status != TAL_OK)
            return status;
        job.target = record->peak;
        wave->find(&job);
        if (job.found_column == 0)
            continue;
        const int32_t column = first_column(pass, &record->cells) + job.found_column - 1;
        if (*out_is_found && column >= best_column)
            continue; /* Of the same column the strip before has the first row. */
        *out_is_found = true;
        best_column = column;
        best_row = pass->is_backward ? record->cells.row_end - job.found_row
                                     : record->cells.row_begin + job.found_row - 1;
    }
    *out_row = best_row;
    *out_column = pass->is_backward ? pass->band.column_end - 1 - best_column
                                    : pass->band.column_begin + best_column;
    return TAL_OK;
}

tal_status tal_band_pass_directions(tal_band_pass *pass, const tal_band_strip *part,
                                    tal_buffer *directions, tal_wave_job *out_job)
{
    const tal_wave *wave = &pass->waves[pass->width];
    const strip_record *record = records_of(pass);
    TAL_ASSERT(!pass->is_backward);
    record += part->row_begin / TAL_BAND_STRIP_ROWS - record->cells.row_begin / TAL_BAND_STRIP_ROWS;
    TAL_ASSERT(record->cells.row_begin == part->row_begin);
    TAL_ASSERT(record->cells.column_begin == part->column_begin);
    tal_status status = begin_job(pass, record, part, out_job);
    if (status != TAL_OK)
        return status;
    const uint64_t bytes =
        tal_wave_direction_bytes(wave, out_job->row_count, out_job->column_count);
    tal_buffer_reset(directions);
    status = tal_buffer_reserve(directions, (size_t)bytes);
    if (status != TAL_OK)
        return status;
    out_job->directions = directions->data;
    wave->directions(out_job);
    return TAL_OK;
}
