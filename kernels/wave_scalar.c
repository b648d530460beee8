/* The specification of the wave kernels: plain loops in 32 bit, clamped as the width says.
 *
 * See wave.h. Row by row; a strip is one row.
 */
#include "kernels/wave_register.h"

static int32_t max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t clamp(tal_width width, int32_t value)
{
    if (width == TAL_WIDTH_32)
        return value;
    return value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value;
}

static int32_t get(tal_width width, const void *elements, int32_t i)
{
    return width == TAL_WIDTH_16 ? ((const int16_t *)elements)[i] : ((const int32_t *)elements)[i];
}

static void put(tal_width width, void *elements, int32_t i, int32_t value)
{
    if (width == TAL_WIDTH_16)
        ((int16_t *)elements)[i] = (int16_t)value;
    else
        ((int32_t *)elements)[i] = value;
}

/* One cell; e and the F of the row array step on. Returns H. */
static int32_t advance(const tal_wave_job *job, tal_width width, int32_t pair, int32_t *e,
                       int32_t *f, uint8_t *out_bits)
{
    int32_t h = max(max(pair, *e), *f);
    if (width == TAL_WIDTH_32)
        h = max(h, job->floor);
    int32_t opened = clamp(width, h - job->gap_open - job->gap_extend);
    int32_t e_extended = clamp(width, *e - job->gap_extend);
    int32_t f_extended = clamp(width, *f - job->gap_extend);
    *out_bits = (uint8_t)((*f > pair ? TAL_WAVE_F : 0) | (*e > max(pair, *f) ? TAL_WAVE_E : 0) |
                          (e_extended > opened ? TAL_WAVE_E_EXTENDS : 0) |
                          (f_extended > opened ? TAL_WAVE_F_EXTENDS : 0));
    *e = max(e_extended, opened);
    *f = max(f_extended, opened);
    return h;
}

static void note_found(tal_wave_job *job, int32_t row, int32_t column)
{
    if (job->found_column == 0 || column < job->found_column) {
        job->found_row = row;
        job->found_column = column;
    }
}

typedef enum kind { KIND_SCORE, KIND_PEAK, KIND_FIND } kind;

static void note(tal_wave_job *job, kind wanted, int32_t h, int32_t row, int32_t column)
{
    if (wanted == KIND_PEAK && h > job->peak)
        job->found_column = 0;
    job->peak = max(job->peak, h);
    if ((wanted == KIND_FIND && h >= job->target) || (wanted == KIND_PEAK && h == job->peak))
        note_found(job, row, column);
}

static void run(tal_wave_job *job, tal_width width, kind wanted, uint8_t *directions)
{
    job->peak = width == TAL_WIDTH_16 ? INT16_MIN : INT32_MIN;
    job->found_row = job->found_column = 0;
    const tal_wave_reach *reach = wanted == KIND_SCORE ? NULL : job->reach;
    for (int32_t i = 0; i < job->row_count; i++) {
        int32_t most = width == TAL_WIDTH_16 ? INT16_MIN : INT32_MIN;
        const int8_t *scores = job->profile + i * job->profile_step;
        int32_t corner = get(width, job->row_h, 0);
        int32_t left = get(width, job->left_h, i);
        int32_t e = get(width, job->left_e, i);
        put(width, job->row_h, 0, left);
        for (int32_t j = 1; j <= job->column_count; j++) {
            uint8_t bits;
            int32_t f = get(width, job->row_f, j);
            int32_t pair = clamp(width, corner + scores[job->letters[(j - 1) * job->letter_step]]);
            int32_t h = advance(job, width, pair, &e, &f, &bits);
            corner = get(width, job->row_h, j);
            put(width, job->row_h, j, h);
            put(width, job->row_f, j, f);
            note(job, wanted, h, i + 1, j);
            most = max(most, h);
            if (directions != NULL)
                *directions++ = bits;
            left = h;
        }
        put(width, job->left_h, i, left);
        put(width, job->left_e, i, e);
        if (wanted == KIND_PEAK && job->row_peaks != NULL)
            job->row_peaks[i] = most;
        if (reach != NULL && reach->span_begins != NULL) { /* Nothing is left out. */
            reach->span_begins[i] = 0;
            reach->span_ends[i] = job->column_count;
        }
    }
}

static void score_16(tal_wave_job *job)
{
    run(job, TAL_WIDTH_16, KIND_SCORE, NULL);
}

static void score_32(tal_wave_job *job)
{
    run(job, TAL_WIDTH_32, KIND_SCORE, NULL);
}

static void peak_16(tal_wave_job *job)
{
    run(job, TAL_WIDTH_16, KIND_PEAK, NULL);
}

static void peak_32(tal_wave_job *job)
{
    run(job, TAL_WIDTH_32, KIND_PEAK, NULL);
}

static void find_16(tal_wave_job *job)
{
    run(job, TAL_WIDTH_16, KIND_FIND, NULL);
}

static void find_32(tal_wave_job *job)
{
    run(job, TAL_WIDTH_32, KIND_FIND, NULL);
}

static void directions_16(tal_wave_job *job)
{
    run(job, TAL_WIDTH_16, KIND_SCORE, job->directions);
}

static void directions_32(tal_wave_job *job)
{
    run(job, TAL_WIDTH_32, KIND_SCORE, job->directions);
}

void tal_wave_register_scalar(tal_kernel_table *table)
{
    table->wave[TAL_WIDTH_16] = (tal_wave){score_16, peak_16, find_16, directions_16, 1, 1};
    table->wave[TAL_WIDTH_32] = (tal_wave){score_32, peak_32, find_32, directions_32, 1, 1};
}
