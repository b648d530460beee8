/* Wave kernels of every instruction set against the scalar ones, in guarded memory. */
#include "guarded.h"
#include "harness.h"

#include "base/cpu.h"
#include "kernels/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_MAX = 900,
    COLUMN_MAX = 900,
    POISON = 0x55,
    ARRAY_LEFT_H = 0,
    ARRAY_LEFT_E,
    ARRAY_ROW_H,
    ARRAY_ROW_F,
    ARRAY_COUNT,
};

const char test_suite_name[] = "kernels/wave";

typedef enum kind { SCORE, PEAK, FIND, DIRECTIONS, KIND_COUNT } kind;

/* What a kernel gave, in 32 bit. */
typedef struct result {
    int32_t arrays[ARRAY_COUNT][ROW_MAX + COLUMN_MAX];
    uint8_t directions[ROW_MAX * COLUMN_MAX];
    int32_t row_peaks[ROW_MAX];
    int32_t peak, found_row, found_column;
} result;

typedef struct bench {
    guarded letters, profile, arrays[ARRAY_COUNT], scratch, directions;
    tal_wave_job job;
    tal_width width;
    kind kind;
    bool is_reversed;
    int32_t borders[ARRAY_COUNT][ROW_MAX + COLUMN_MAX]; /* what the job begins with */
    tal_wave_reach reach;                               /* used where the job says so */
    int32_t row_needs[ROW_MAX], column_needs[COLUMN_MAX];
    int32_t span_begins[ROW_MAX], span_ends[ROW_MAX];
    result expected, got;
} bench;

static bench *bench_create(tal_width width)
{
    bench *b = calloc(1, sizeof(*b));
    if (b == NULL)
        exit(1);
    b->width = width;
    b->letters = guarded_create(COLUMN_MAX);
    b->profile = guarded_create(ROW_MAX * TAL_PROFILE_STRIDE);
    for (int i = 0; i < ARRAY_COUNT; i++)
        b->arrays[i] = guarded_create((ROW_MAX + 2 * TAL_WAVE_PAD + 1) * sizeof(int32_t));
    b->scratch = guarded_create(TAL_WAVE_SCRATCH_BYTES);
    b->directions = guarded_create((ROW_MAX + 128) * (COLUMN_MAX + 128));
    return b;
}

static void bench_destroy(bench *b)
{
    guarded_destroy(&b->directions);
    guarded_destroy(&b->scratch);
    for (int i = 0; i < ARRAY_COUNT; i++)
        guarded_destroy(&b->arrays[i]);
    guarded_destroy(&b->profile);
    guarded_destroy(&b->letters);
    free(b);
}

static int32_t array_len(const bench *b, int array)
{
    return array < ARRAY_ROW_H ? b->job.row_count : b->job.column_count + 1;
}

/* Letters and profile; reversed jobs read them from the end. */
static void lay_out(bench *b, int32_t rows, int32_t columns, int low, int high)
{
    uint8_t *letters = guarded_end(&b->letters, (size_t)columns, POISON);
    int8_t *profile = guarded_end(&b->profile, (size_t)rows * TAL_PROFILE_STRIDE, POISON);
    int letter_max = test_random() % 2 == 0 ? 30 : 3;
    for (int32_t j = 0; j < columns; j++)
        letters[j] = (uint8_t)test_random_in(0, letter_max);
    for (int32_t i = 0; i < rows * TAL_PROFILE_STRIDE; i++)
        profile[i] = (int8_t)test_random_in(low, high);
    b->is_reversed = test_random() % 2 == 0;
    b->job = (tal_wave_job){
        .profile = b->is_reversed ? profile + (rows - 1) * TAL_PROFILE_STRIDE : profile,
        .profile_step = b->is_reversed ? -TAL_PROFILE_STRIDE : TAL_PROFILE_STRIDE,
        .letters = b->is_reversed ? letters + columns - 1 : letters,
        .letter_step = b->is_reversed ? -1 : 1,
        .row_count = rows,
        .column_count = columns,
    };
}

static void run(bench *b, tal_isa isa, result *out)
{
    tal_kernel_table table;
    tal_kernel_table_init(&table, isa);
    const tal_wave *wave = &table.wave[b->width];
    tal_wave_job *job = &b->job;
    size_t element = b->width == TAL_WIDTH_16 ? sizeof(int16_t) : sizeof(int32_t);
    char *memory[ARRAY_COUNT];
    for (int array = 0; array < ARRAY_COUNT; array++) {
        size_t before = array < ARRAY_ROW_H ? 0 : TAL_WAVE_PAD;
        size_t count = (size_t)array_len(b, array) + before + TAL_WAVE_PAD;
        memory[array] = guarded_end(&b->arrays[array], (count * element + 63) / 64 * 64, POISON);
        memory[array] += before * element;
        for (int32_t i = 0; i < array_len(b, array); i++) {
            int16_t narrow = (int16_t)b->borders[array][i];
            memcpy(memory[array] + (size_t)i * element,
                   element == 2 ? (void *)&narrow : (void *)&b->borders[array][i], element);
        }
    }
    job->left_h = memory[ARRAY_LEFT_H];
    job->left_e = memory[ARRAY_LEFT_E];
    job->row_h = memory[ARRAY_ROW_H];
    job->row_f = memory[ARRAY_ROW_F];
    job->scratch = guarded_end(&b->scratch, TAL_WAVE_SCRATCH_BYTES, POISON);
    size_t bytes = (size_t)tal_wave_direction_bytes(wave, job->row_count, job->column_count);
    const bool has_directions = b->kind == DIRECTIONS;
    job->row_peaks = out->row_peaks;
    job->directions = has_directions ? guarded_end(&b->directions, bytes, POISON) : NULL;
    tal_wave_function run_kind[KIND_COUNT] = {wave->score, wave->peak, wave->find,
                                              wave->directions};
    run_kind[b->kind](job);
    if (has_directions)
        CU_ASSERT_TRUE(guarded_is_untouched(&b->directions, bytes, POISON));
    CU_ASSERT_TRUE(guarded_is_untouched(&b->scratch, TAL_WAVE_SCRATCH_BYTES, POISON));
    for (int array = 0; array < ARRAY_COUNT; array++)
        for (int32_t i = 0; i < array_len(b, array); i++)
            out->arrays[array][i] = b->width == TAL_WIDTH_16
                                        ? ((int16_t *)(void *)memory[array])[i]
                                        : ((int32_t *)(void *)memory[array])[i];
    for (int32_t i = 0; b->kind == DIRECTIONS && i < job->row_count; i++)
        for (int32_t j = 0; j < job->column_count; j++)
            out->directions[i * COLUMN_MAX + j] = job->directions[tal_wave_direction_at(
                wave, job->row_count, job->column_count, i, j)];
    out->peak = job->peak;
    out->found_row = job->found_row;
    out->found_column = job->found_column;
}

static bool is_same(const bench *b)
{
    if (b->kind == FIND)
        return b->got.found_column == b->expected.found_column &&
               b->got.found_row == b->expected.found_row;
    const bool is_saturated = b->width == TAL_WIDTH_16 && b->got.peak == INT16_MAX;
    if (b->kind == PEAK && !is_saturated &&
        (b->got.peak != b->expected.peak || b->got.found_column != b->expected.found_column ||
         b->got.found_row != b->expected.found_row))
        return false;
    if (b->kind == PEAK && b->job.reach != NULL)
        return true; /* What else it gives depends on what is left out. */
    if (b->kind == PEAK && !is_saturated &&
        memcmp(b->got.row_peaks, b->expected.row_peaks,
               (size_t)b->job.row_count * sizeof(int32_t)) != 0)
        return false;
    int32_t border = INT32_MIN; /* A peak may count the left border. */
    for (int32_t i = 0; i < b->job.row_count; i++)
        border = b->borders[ARRAY_LEFT_H][i] > border ? b->borders[ARRAY_LEFT_H][i] : border;
    if (b->got.peak != b->expected.peak && (b->got.peak > border || b->expected.peak > border))
        return false;
    if (is_saturated)
        return true; /* Saturated: the rest is undefined. */
    for (int array = 0; array < ARRAY_COUNT; array++)
        if (memcmp(b->got.arrays[array], b->expected.arrays[array],
                   (size_t)array_len(b, array) * sizeof(int32_t)) != 0)
            return false;
    for (int32_t i = 0; b->kind == DIRECTIONS && i < b->job.row_count; i++)
        if (memcmp(b->got.directions + i * COLUMN_MAX, b->expected.directions + i * COLUMN_MAX,
                   (size_t)b->job.column_count) != 0)
            return false;
    return true;
}

/* Every level of this CPU gives what scalar gives; false, printed, at the first that does not. */
static bool is_scalar(bench *b)
{
    run(b, TAL_ISA_SCALAR, &b->expected);
    for (tal_isa isa = TAL_ISA_SSE41; isa <= tal_cpu_isa_best(); isa++) {
        run(b, isa, &b->got);
        if (is_same(b))
            continue;
        printf("\n%s width %d kind %d: %d x %d%s, gaps %d %d%s: peak %d not %d, found %d,%d "
               "not %d,%d\n",
               tal_isa_name(isa), 8 << (int)b->width, (int)b->kind, b->job.row_count,
               b->job.column_count, b->is_reversed ? " reversed" : "", b->job.gap_open,
               b->job.gap_extend, b->job.reach != NULL ? ", reach" : "", b->got.peak,
               b->expected.peak, b->got.found_row, b->got.found_column, b->expected.found_row,
               b->expected.found_column);
        return false;
    }
    return true;
}

static void fill(int32_t *values, int32_t count, int32_t value)
{
    for (int32_t i = 0; i < count; i++)
        values[i] = value;
}

static int32_t dead(const bench *b)
{
    return b->width == TAL_WIDTH_16 ? INT16_MIN : TAL_WAVE_DEAD;
}

/* The borders of local alignment: 0 is the smallest value. */
static void set_borders_local(bench *b)
{
    int32_t zero = b->width == TAL_WIDTH_16 ? INT16_MIN : 0;
    for (int array = 0; array < ARRAY_COUNT; array++)
        fill(b->borders[array], array_len(b, array), zero);
    b->job.floor = 0;
}

/* Any borders around 0. */
static void set_borders_random(bench *b)
{
    for (int array = 0; array < ARRAY_COUNT; array++)
        for (int32_t i = 0; i < array_len(b, array); i++)
            b->borders[array][i] = (int32_t)test_random_in(-300, 100);
    b->job.floor = TAL_WAVE_DEAD;
}

/* Paths begin at the corner only. */
static void set_borders_corner(bench *b)
{
    for (int array = 0; array < ARRAY_COUNT; array++)
        fill(b->borders[array], array_len(b, array), dead(b));
    b->borders[ARRAY_ROW_H][0] = 0;
    b->job.floor = TAL_WAVE_DEAD;
}

static void set_gaps(bench *b, int sum_max)
{
    int sum = (int)test_random_in(1, sum_max);
    b->job.gap_open = (int32_t)test_random_in(0, sum);
    b->job.gap_extend = sum - b->job.gap_open;
}

static int32_t local_zero(const bench *b)
{
    return b->width == TAL_WIDTH_16 ? INT16_MIN : 0;
}

/* The least a path that is to have `least` must have, where `gains` come after. */
static int32_t need_of(const bench *b, int32_t least, int64_t gains)
{
    return local_zero(b) + (gains < least - 1 ? (int32_t)(least - gains) : 1);
}

static int best_of(const int8_t *scores)
{
    int best = 0;
    for (int code = 0; code < TAL_PROFILE_STRIDE; code++)
        best = scores[code] > best ? scores[code] : best;
    return best;
}

/* Leave out what cannot come to a local score of `least`; columns only where `has_columns`. */
static void set_reach_local(bench *b, int32_t least, bool has_columns)
{
    const tal_wave_job *job = &b->job;
    b->reach = (tal_wave_reach){.row_needs = b->row_needs,
                                .column_needs = has_columns ? b->column_needs : NULL,
                                .span_begins = b->span_begins,
                                .span_ends = b->span_ends};
    int64_t gains = 0;
    for (int32_t i = job->row_count - 1; i >= 0; i--) {
        b->row_needs[i] = need_of(b, least, gains);
        gains += best_of(job->profile + i * job->profile_step);
        if (gains >= least && b->reach.fresh_rows == 0)
            b->reach.fresh_rows = i + 1;
    }
    gains = 0;
    for (int32_t j = job->column_count - 1; j >= 0; j--) {
        int best = 0;
        for (int32_t i = 0; i < job->row_count; i++) {
            const int score =
                job->profile[i * job->profile_step + job->letters[j * job->letter_step]];
            best = score > best ? score : best;
        }
        b->column_needs[j] = need_of(b, least, gains);
        gains += best;
        if (gains >= least && b->reach.fresh_columns == 0)
            b->reach.fresh_columns = j + 1;
    }
    b->job.reach = &b->reach;
}

/* Spans are those of some rows, in the matrix. */
static bool has_right_spans(const bench *b)
{
    for (int32_t i = 0; i < b->job.row_count; i++)
        if (b->span_begins[i] < 0 || b->span_begins[i] > b->span_ends[i] ||
            b->span_ends[i] > b->job.column_count)
            return false;
    return true;
}

/* A local peak, with what cannot come to `least` left out: it is found, or nothing as large is. */
static bool try_reach(bench *b, int32_t peak)
{
    const int32_t score = peak - local_zero(b);
    const int32_t leasts[] = {1, score / 2, score - 1, score, score + 1};
    for (size_t k = 0; k < sizeof(leasts) / sizeof(*leasts); k++) {
        if (leasts[k] < 1)
            continue;
        set_reach_local(b, leasts[k], test_random() % 2 == 0);
        run(b, TAL_ISA_SCALAR, &b->expected);
        for (tal_isa isa = TAL_ISA_SSE41; isa <= tal_cpu_isa_best(); isa++) {
            run(b, isa, &b->got);
            const bool is_right = leasts[k] <= score ? is_same(b) : b->got.peak <= peak;
            if (!is_right)
                printf(
                    "\n%s width %d: %d x %d, gaps %d %d, least %d, columns %d, fresh %d %d: peak "
                    "%d not %d, found %d,%d not %d,%d\n",
                    tal_isa_name(isa), 8 << (int)b->width, b->job.row_count, b->job.column_count,
                    b->job.gap_open, b->job.gap_extend, leasts[k], b->reach.column_needs != NULL,
                    b->reach.fresh_rows, b->reach.fresh_columns, b->got.peak, b->expected.peak,
                    b->got.found_row, b->got.found_column, b->expected.found_row,
                    b->expected.found_column);
            CU_ASSERT_TRUE(is_right);
            if (!is_right || !has_right_spans(b))
                return false;
        }
    }
    b->job.reach = NULL;
    return true;
}

/* From the end that a local find has found, backward to its begin. row_peaks: of the pass forward,
 * whose best rows come first; NULL: not known. */
static void set_reach_backward(bench *b, const int32_t *row_peaks)
{
    int32_t best = 0;
    for (int32_t i = 0; i < b->job.row_count; i++) {
        const int32_t need = b->job.target - best;
        b->row_needs[b->job.row_count - 1 - i] = row_peaks == NULL || need < 1 ? 1 : need;
        if (row_peaks != NULL && row_peaks[i] - local_zero(b) > best)
            best = row_peaks[i] - local_zero(b);
    }
    b->reach = (tal_wave_reach){.row_needs = b->row_needs,
                                .fresh_rows = 1,
                                .fresh_columns = 1,
                                .span_begins = b->span_begins,
                                .span_ends = b->span_ends};
    b->job.reach = &b->reach;
}

static bool try_backward(bench *b, const int32_t *row_peaks)
{
    const int32_t rows = b->expected.found_row, columns = b->expected.found_column;
    tal_wave_job *job = &b->job;
    job->target = b->width == TAL_WIDTH_16 ? job->target - INT16_MIN : job->target;
    if (job->target >= INT16_MAX)
        return true;
    job->profile += (rows - 1) * job->profile_step;
    job->profile_step = -job->profile_step;
    job->letters += (columns - 1) * job->letter_step;
    job->letter_step = -job->letter_step;
    job->row_count = rows;
    job->column_count = columns;
    set_borders_corner(b);
    bool is_right = is_scalar(b) && b->expected.found_column > 0;
    set_reach_backward(b, NULL);
    is_right = is_right && is_scalar(b) && has_right_spans(b);
    set_reach_backward(b, row_peaks);
    return is_right && is_scalar(b) && has_right_spans(b);
}

static bool try_random(bench *b, int32_t rows, int32_t columns)
{
    static const int ranges[][2] = {{-100, 100}, {-4, 11}, {-127, 10}, {-1, 100},
                                    {0, 0},      {-3, 1},  {-12, 3},   {-8, 4}};
    const int *range = ranges[test_random() % (sizeof(ranges) / sizeof(ranges[0]))];
    lay_out(b, rows, columns, range[0], range[1]);
    set_gaps(b, test_random() % 4 == 0 ? TAL_KERNEL_GAP_MAX : 14);
    set_borders_random(b);
    b->kind = SCORE;
    bool is_right = is_scalar(b);
    b->kind = PEAK;
    is_right = is_right && is_scalar(b);
    b->kind = DIRECTIONS;
    is_right = is_right && is_scalar(b);
    set_borders_local(b);
    is_right = is_right && is_scalar(b);
    b->kind = PEAK;
    is_right = is_right && is_scalar(b);
    static int32_t row_peaks[ROW_MAX];
    memcpy(row_peaks, b->expected.row_peaks, sizeof(row_peaks));
    b->kind = SCORE;
    is_right = is_right && is_scalar(b);
    int32_t peak = b->expected.peak;
    if (!is_right || peak == b->borders[ARRAY_ROW_H][0] ||
        (b->width == TAL_WIDTH_16 && peak == INT16_MAX))
        return is_right;
    b->kind = PEAK;
    if (!try_reach(b, peak))
        return false;
    b->kind = FIND;
    b->job.target = peak + 1;
    is_right = is_scalar(b) && b->expected.found_column == 0;
    b->job.target = peak;
    return is_right && is_scalar(b) && try_backward(b, row_peaks);
}

static void equals_scalar(tal_width width)
{
    bench *b = bench_create(width);
    bool is_right = true;
    for (int32_t rows = 1; rows <= 140 && is_right; rows++) {
        is_right = try_random(b, rows, (int32_t)test_random_in(1, 140)) &&
                   try_random(b, rows, (int32_t)test_random_in(1, 8)) &&
                   try_random(b, (int32_t)test_random_in(1, 40), rows);
    }
    for (int32_t k = 0; k < TEST_AMOUNT(60) && is_right; k++)
        is_right = try_random(b, (int32_t)test_random_in(1, ROW_MAX),
                              (int32_t)test_random_in(1, COLUMN_MAX - 1));
    for (int32_t border = 32; border <= 256 && is_right; border *= 2)
        for (int32_t rows = border - 1; rows <= border + 1 && is_right; rows++)
            for (int32_t columns = border - 1; columns <= border + 1 && is_right; columns++)
                is_right = try_random(b, rows, columns);
    CU_ASSERT_TRUE(is_right);
    bench_destroy(b);
}

static void width_16_equals_scalar(void)
{
    equals_scalar(TAL_WIDTH_16);
}

static void width_32_equals_scalar(void)
{
    equals_scalar(TAL_WIDTH_32);
}

/* All pairs score 100 but the first row's, so that the best local score is `score`. */
static int32_t peak_of(bench *b, tal_isa isa, int32_t score)
{
    int32_t rows = (score + 99) / 100;
    lay_out(b, rows, rows, 100, 100);
    int8_t *profile = (int8_t *)b->profile.pages + b->profile.bytes;
    profile -= b->is_reversed ? TAL_PROFILE_STRIDE : rows * TAL_PROFILE_STRIDE;
    memset(profile, score - 100 * (rows - 1), TAL_PROFILE_STRIDE);
    set_borders_local(b);
    b->job.gap_open = 5;
    b->job.gap_extend = 1;
    run(b, isa, &b->got);
    return b->got.peak;
}

static void local_16_bit_saturates_above_65534(void)
{
    bench *b = bench_create(TAL_WIDTH_16);
    for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
        CU_ASSERT_EQUAL(peak_of(b, isa, 65533), 32765);
        CU_ASSERT_EQUAL(peak_of(b, isa, 65534), 32766);
        CU_ASSERT_EQUAL(peak_of(b, isa, 65535), INT16_MAX);
        CU_ASSERT_EQUAL(peak_of(b, isa, 65600), INT16_MAX);
    }
    bench_destroy(b);
}

/* Blocks of columns one after the other leave what one block leaves. */
static void chained_blocks_equal_one(void)
{
    bench *b = bench_create(TAL_WIDTH_16);
    for (int k = 0; k < 20; k++) {
        const int32_t rows = (int32_t)test_random_in(1, 300), columns = 200;
        const int32_t cut = (int32_t)test_random_in(1, columns - 1);
        lay_out(b, rows, columns, -4, 9);
        set_gaps(b, 14);
        set_borders_random(b);
        int32_t row_h = b->borders[ARRAY_ROW_H][cut], row_f = b->borders[ARRAY_ROW_F][cut];
        run(b, tal_cpu_isa_best(), &b->expected);
        int32_t left[2][ROW_MAX];
        memcpy(left[0], b->expected.arrays[ARRAY_LEFT_H], sizeof(left[0]));
        memcpy(left[1], b->expected.arrays[ARRAY_LEFT_E], sizeof(left[1]));
        b->job.column_count = cut;
        run(b, tal_cpu_isa_best(), &b->got);
        memcpy(b->borders[ARRAY_LEFT_H], b->got.arrays[ARRAY_LEFT_H], sizeof(left[0]));
        memcpy(b->borders[ARRAY_LEFT_E], b->got.arrays[ARRAY_LEFT_E], sizeof(left[0]));
        b->job.letters += cut * b->job.letter_step;
        b->job.column_count = columns - cut;
        CU_ASSERT_EQUAL(row_f, b->borders[ARRAY_ROW_F][cut]);
        memmove(b->borders[ARRAY_ROW_H], b->borders[ARRAY_ROW_H] + cut,
                (size_t)(columns - cut + 1) * sizeof(int32_t));
        memmove(b->borders[ARRAY_ROW_F], b->borders[ARRAY_ROW_F] + cut,
                (size_t)(columns - cut + 1) * sizeof(int32_t));
        CU_ASSERT_EQUAL(row_h, b->borders[ARRAY_ROW_H][0]);
        run(b, tal_cpu_isa_best(), &b->got);
        CU_ASSERT_EQUAL(
            memcmp(left[0], b->got.arrays[ARRAY_LEFT_H], (size_t)rows * sizeof(int32_t)), 0);
        CU_ASSERT_EQUAL(
            memcmp(left[1], b->got.arrays[ARRAY_LEFT_E], (size_t)rows * sizeof(int32_t)), 0);
    }
    bench_destroy(b);
}

const test_case test_cases[] = {
    TEST_CASE(width_16_equals_scalar),
    TEST_CASE(width_32_equals_scalar),
    TEST_CASE(local_16_bit_saturates_above_65534),
    TEST_CASE(chained_blocks_equal_one),
    {0},
};
