/* Score kernels of every instruction set against the scalar ones, in guarded memory. */
#include "guarded.h"
#include "harness.h"

#include "base/cpu.h"
#include "kernels/score_scratch.h"
#include "kernels/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STRIP = TAL_SCORE_STRIP_ROWS,
    QUERY_MAX = 3 * STRIP + 2,
    LANE_MAX = 720,
    PAD = 31,
    PAD_SCORE = -127,
    LIMIT_LOCAL_8 = 254,
    LIMIT_LOCAL_16 = 65534,
    LIMIT_GLOBAL_16 = 32766,
};

const char test_suite_name[] = "kernels/score";

/* One job and the memory it lives in. */
typedef struct bench {
    guarded letters, profile, scratch, scores;
    size_t letters_bytes, profile_bytes;
    int32_t lane_len[TAL_BATCH_LANES];
    tal_score_job job;
    tal_mode mode;
    tal_width width;
} bench;

static int32_t padded(int32_t len)
{
    return (len + TAL_BATCH_COLUMN_STEP - 1) / TAL_BATCH_COLUMN_STEP * TAL_BATCH_COLUMN_STEP;
}

/* Room for references of lane_max residues. */
static bench bench_create_for(int32_t lane_max)
{
    return (bench){.letters = guarded_create((size_t)lane_max * TAL_BATCH_LANES),
                   .profile = guarded_create(QUERY_MAX * TAL_PROFILE_STRIDE),
                   .scratch = guarded_create(tal_kernel_scratch_bytes(QUERY_MAX, lane_max)),
                   .scores = guarded_create(TAL_BATCH_LANES * sizeof(int32_t))};
}

static bench bench_create(void)
{
    return bench_create_for(LANE_MAX);
}

static void bench_destroy(bench *b)
{
    guarded_destroy(&b->scores);
    guarded_destroy(&b->scratch);
    guarded_destroy(&b->profile);
    guarded_destroy(&b->letters);
}

static int by_length_falling(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left < right) - (left > right);
}

/* Lay out a job for these lengths; every letter is `letter`, or random below 31 when negative. */
static void lay_out(bench *b, int32_t query_len, int32_t lane_count, int letter)
{
    for (int lane = lane_count; lane < TAL_BATCH_LANES; lane++)
        b->lane_len[lane] = 0;
    qsort(b->lane_len, (size_t)lane_count, sizeof(int32_t), by_length_falling);
    b->letters_bytes = (size_t)padded(b->lane_len[0]) * TAL_BATCH_LANES;
    b->profile_bytes = (size_t)query_len * TAL_PROFILE_STRIDE;
    uint8_t *letters = guarded_end(&b->letters, b->letters_bytes, 7);
    for (size_t i = 0; i < b->letters_bytes; i++) {
        bool is_pad = (int32_t)(i / TAL_BATCH_LANES) >= b->lane_len[i % TAL_BATCH_LANES];
        letters[i] = (uint8_t)(is_pad ? PAD : letter >= 0 ? letter : test_random_in(0, PAD - 1));
    }
    b->job.letters = letters;
    b->job.profile = guarded_end(&b->profile, b->profile_bytes, 100);
    b->job.query_len = query_len;
    b->job.lane_len = b->lane_len;
    b->job.lane_count = lane_count;
}

static int8_t *profile_row(bench *b, int32_t position)
{
    return (int8_t *)b->profile.pages + b->profile.bytes - b->profile_bytes +
           (size_t)position * TAL_PROFILE_STRIDE;
}

static void set_row(bench *b, int32_t position, int score)
{
    memset(profile_row(b, position), score, TAL_PROFILE_STRIDE);
    profile_row(b, position)[PAD] = PAD_SCORE;
}

/* Random rows, of which at most `class_count` differ. */
static void randomize_profile(bench *b, int low, int high, int32_t class_count)
{
    for (int32_t i = 0; i < b->job.query_len; i++) {
        if (i >= class_count) {
            int32_t like = (int32_t)test_random_in(0, class_count - 1);
            memcpy(profile_row(b, i), profile_row(b, like), TAL_PROFILE_STRIDE);
            continue;
        }
        for (int code = 0; code < TAL_PROFILE_STRIDE; code++)
            profile_row(b, i)[code] = (int8_t)test_random_in(low, high);
        profile_row(b, i)[PAD] = PAD_SCORE;
    }
}

/* Run one level's kernel in poisoned scratch; scores[lane] is only written for lanes that count. */
static uint64_t run(bench *b, tal_isa isa, int32_t *out_scores)
{
    tal_kernel_table table;
    tal_kernel_table_init(&table, isa);
    size_t scratch_bytes = tal_kernel_scratch_bytes(b->job.query_len, b->lane_len[0]);
    size_t scores_bytes = TAL_BATCH_LANES * sizeof(int32_t);
    b->job.scratch = guarded_end(&b->scratch, scratch_bytes, 0x55);
    b->job.scores = guarded_end(&b->scores, scores_bytes, 0x55);
    uint64_t flagged = table.score[b->mode][b->width](&b->job);
    memcpy(out_scores, b->job.scores, scores_bytes);
    CU_ASSERT_TRUE(guarded_is_untouched(&b->scratch, scratch_bytes, 0x55));
    CU_ASSERT_TRUE(guarded_is_untouched(&b->scores, scores_bytes, 0x55));
    CU_ASSERT_TRUE(guarded_is_untouched(&b->letters, b->letters_bytes, 7));
    CU_ASSERT_TRUE(guarded_is_untouched(&b->profile, b->profile_bytes, 100));
    return flagged;
}

static void print_job(const bench *b, tal_isa isa, int lane, int32_t got, int32_t expected)
{
    printf("\n%s mode %d width %d: query %d, lane %d of %d (%d residues), gaps %d %d: %d, not %d\n",
           tal_isa_name(isa), (int)b->mode, 8 << (int)b->width, b->job.query_len, lane,
           b->job.lane_count, b->lane_len[lane], b->job.gap_open, b->job.gap_extend, got, expected);
}

/* Every level of this CPU gives the scalar flags and, in lanes that are not flagged, its scores. */
static void expect_scalar(bench *b)
{
    int32_t expected[TAL_BATCH_LANES];
    int32_t scores[TAL_BATCH_LANES];
    uint64_t expected_flags = run(b, TAL_ISA_SCALAR, expected);
    for (tal_isa isa = TAL_ISA_SSE41; isa <= tal_cpu_isa_best(); isa++) {
        uint64_t flags = run(b, isa, scores);
        CU_ASSERT_EQUAL(flags, expected_flags);
        for (int lane = 0; lane < b->job.lane_count; lane++) {
            if (((flags | expected_flags) >> lane & 1) != 0 || scores[lane] == expected[lane])
                continue;
            print_job(b, isa, lane, scores[lane], expected[lane]);
            CU_FAIL("score differs from scalar");
        }
    }
}

static void set_gaps(bench *b, int sum_max)
{
    int sum = (int)test_random_in(1, sum_max);
    b->job.gap_open = (int32_t)test_random_in(0, sum);
    b->job.gap_extend = sum - b->job.gap_open;
}

/* The largest gap cost for which no H of a 16-bit job falls below what the contract asks. */
static int gap_sum_max(const bench *b, int32_t query_len, int32_t longest)
{
    if (b->width == TAL_WIDTH_8)
        return 127;
    if (b->mode == TAL_LOCAL)
        return TAL_KERNEL_GAP_MAX;
    if (b->width == TAL_WIDTH_32)
        return 10000;
    int rest = (32768 - 127) / (query_len + longest + 3);
    return rest < 1 ? 1 : rest;
}

/* Random lengths, letters, profiles and gap costs for one mode and width. */
static void try_random(bench *b, int32_t query_len, int32_t lane_count, int32_t len_max)
{
    static const int ranges[][2] = {{-100, 100}, {-4, 11}, {-100, 10}, {-1, 100}, {0, 0}, {-3, 1}};
    for (int lane = 0; lane < lane_count; lane++)
        b->lane_len[lane] = (int32_t)test_random_in(0, len_max);
    if (test_random() % 4 == 0)
        for (int lane = 1; lane < lane_count; lane++)
            b->lane_len[lane] = b->lane_len[0];
    lay_out(b, query_len, lane_count, -1);
    const int *range = ranges[test_random() % (sizeof(ranges) / sizeof(ranges[0]))];
    static const int32_t class_counts[] = {1, 4, 20, 32, 33, INT32_MAX};
    randomize_profile(b, range[0], range[1], class_counts[test_random() % 6]);
    int sum_max = gap_sum_max(b, query_len, b->lane_len[0]);
    set_gaps(b, test_random() % 2 == 0 && sum_max > 12 ? 12 : sum_max);
    expect_scalar(b);
}

static void scores_equal_scalar(tal_mode mode, tal_width width)
{
    bench b = bench_create();
    b.mode = mode;
    b.width = width;
    for (int32_t query_len = 1; query_len <= 70; query_len++) {
        try_random(&b, query_len, TAL_BATCH_LANES, 70);
        try_random(&b, query_len, (int32_t)test_random_in(1, TAL_BATCH_LANES), 9);
        try_random(&b, query_len, 1, 5);
    }
    for (int32_t lane_count = 1; lane_count <= TAL_BATCH_LANES; lane_count++)
        try_random(&b, (int32_t)test_random_in(1, 20), lane_count, 20);
    try_random(&b, 700, TAL_BATCH_LANES, 130);
    try_random(&b, 130, TAL_BATCH_LANES, LANE_MAX);
    bench_destroy(&b);
}

/* Around every border between strips of query rows. */
static void strips_equal_scalar(void)
{
    static const struct {
        tal_mode mode;
        tal_width width;
    } kernels[] = {
        {TAL_LOCAL, TAL_WIDTH_8},       {TAL_LOCAL, TAL_WIDTH_16},  {TAL_LOCAL, TAL_WIDTH_32},
        {TAL_GLOBAL, TAL_WIDTH_16},     {TAL_GLOBAL, TAL_WIDTH_32}, {TAL_SEMIGLOBAL, TAL_WIDTH_16},
        {TAL_SEMIGLOBAL, TAL_WIDTH_32},
    };
    bench b = bench_create();
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        b.mode = kernels[i].mode;
        b.width = kernels[i].width;
        for (int32_t strips = 1; strips <= 3; strips++)
            for (int32_t extra = -1; extra <= 2; extra++)
                for (int repeat = 0; repeat < 2; repeat++)
                    try_random(&b, strips * STRIP + extra, TAL_BATCH_LANES - 37 * repeat, 23);
    }
    bench_destroy(&b);
}

/* References too long to keep H and F of every column take all rows in one strip. */
static void many_columns_equal_scalar(void)
{
    for (int32_t extra = 0; extra <= 1; extra++) {
        int32_t longest = TAL_SCORE_CARRY_COLUMNS + extra;
        bench b = bench_create_for(padded(longest));
        guarded_destroy(&b.scratch);
        b.scratch = guarded_create(tal_kernel_scratch_bytes(STRIP + 3, longest));
        CU_ASSERT_EQUAL(tal_score_strip_count(STRIP + 3, longest), 2 - extra);
        b.mode = extra == 0 ? TAL_LOCAL : TAL_SEMIGLOBAL;
        b.width = TAL_WIDTH_16;
        b.lane_len[0] = longest;
        b.lane_len[1] = STRIP;
        lay_out(&b, STRIP + 3, 2, -1);
        randomize_profile(&b, -4, 7, 20);
        set_gaps(&b, 12);
        expect_scalar(&b);
        bench_destroy(&b);
    }
}

/* A gap as long as the alignment bears, over one or two borders of strips: 21 rows of 12 before and
 * after it, the gap costs what one half scores but one. */
static void gaps_run_over_strips(void)
{
    enum { HALF = 21 };
    bench b = bench_create();
    b.mode = TAL_LOCAL;
    for (int32_t gap = STRIP - 1; gap <= 2 * STRIP + 1; gap += STRIP / 2 + 1) {
        for (int32_t before = 0; before < STRIP; before += 341) {
            for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
                b.lane_len[lane] = 2 * HALF - lane / 2;
            lay_out(&b, before + 2 * HALF + gap, TAL_BATCH_LANES, 5);
            for (int32_t row = 0; row < b.job.query_len; row++) {
                int32_t in_first = row - before;
                int32_t in_second = in_first - HALF - gap;
                set_row(&b, row, (in_first >= 0 && in_first < HALF) || in_second >= 0 ? 100 : -100);
            }
            b.job.gap_extend = 1;
            b.job.gap_open = 2 * HALF * 100 - HALF * 100 - gap - 1;
            b.width = TAL_WIDTH_16;
            int32_t scores[TAL_BATCH_LANES];
            (void)run(&b, tal_cpu_isa_best(), scores);
            CU_ASSERT_EQUAL(scores[0], HALF * 100 + 1);
            expect_scalar(&b);
            b.width = TAL_WIDTH_32;
            expect_scalar(&b);
        }
    }
    bench_destroy(&b);
}

/* A lane that saturates in one strip stays flagged after the others, and alone. */
static void flags_of_any_strip_stay(void)
{
    bench b = bench_create();
    b.mode = TAL_LOCAL;
    b.width = TAL_WIDTH_8;
    int32_t scores[TAL_BATCH_LANES];
    for (int32_t row = 0; row < 3 * STRIP; row += 3 * STRIP / 2 - 1) {
        for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
            b.lane_len[lane] = lane < 7 ? 3 : 2;
        lay_out(&b, 3 * STRIP, TAL_BATCH_LANES, 5);
        for (int32_t i = 0; i < b.job.query_len; i++)
            set_row(&b, i, i >= row - 2 && i <= row + 2 ? 85 : -100);
        b.job.gap_open = 20;
        b.job.gap_extend = 1;
        for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
            CU_ASSERT_EQUAL(run(&b, isa, scores), 0x7f);
            CU_ASSERT_EQUAL(scores[7], 170);
        }
    }
    bench_destroy(&b);
}

static void local_8_bit_equals_scalar(void)
{
    scores_equal_scalar(TAL_LOCAL, TAL_WIDTH_8);
}

static void local_16_bit_equals_scalar(void)
{
    scores_equal_scalar(TAL_LOCAL, TAL_WIDTH_16);
}

static void local_32_bit_equals_scalar(void)
{
    scores_equal_scalar(TAL_LOCAL, TAL_WIDTH_32);
}

static void global_16_bit_equals_scalar(void)
{
    scores_equal_scalar(TAL_GLOBAL, TAL_WIDTH_16);
}

static void global_32_bit_equals_scalar(void)
{
    scores_equal_scalar(TAL_GLOBAL, TAL_WIDTH_32);
}

static void semiglobal_16_bit_equals_scalar(void)
{
    scores_equal_scalar(TAL_SEMIGLOBAL, TAL_WIDTH_16);
}

static void semiglobal_32_bit_equals_scalar(void)
{
    scores_equal_scalar(TAL_SEMIGLOBAL, TAL_WIDTH_32);
}

/* A batch whose lane k has one residue less than lane k - 1 and where every residue scores, so that
 * the best score of lane 0 is `score`; the rows are 100 and one smaller one. */
static void lay_out_score(bench *b, int32_t score, int32_t tail_rows)
{
    int32_t rows = (score + 99) / 100;
    for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
        b->lane_len[lane] = lane % 2 == 0 || rows == 1 ? rows : rows - 1;
    lay_out(b, rows + tail_rows, TAL_BATCH_LANES, 3);
    for (int32_t row = 0; row < rows; row++)
        set_row(b, row, row == 0 ? score - (rows - 1) * 100 : 100);
    for (int32_t row = rows; row < rows + tail_rows; row++)
        set_row(b, row, -50);
    b->job.gap_open = 3;
    b->job.gap_extend = 1;
}

static const uint64_t even_half = UINT64_C(0x00000000ffffffff); /* Sorted: longer lanes first. */

static void expect_limit(tal_mode mode, tal_width width, int32_t limit)
{
    bench b = bench_create();
    b.mode = mode;
    b.width = width;
    int32_t scores[TAL_BATCH_LANES];
    for (int32_t score = limit - 1; score <= limit + 2; score++) {
        lay_out_score(&b, score, 0);
        for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
            uint64_t flagged = run(&b, isa, scores);
            CU_ASSERT_EQUAL(flagged, score > limit ? even_half : 0);
            if (score <= limit)
                CU_ASSERT_EQUAL(scores[0], score);
        }
        expect_scalar(&b);
    }
    bench_destroy(&b);
}

static void local_8_bit_is_exact_at_254_and_flags_255(void)
{
    expect_limit(TAL_LOCAL, TAL_WIDTH_8, LIMIT_LOCAL_8);
}

static void local_16_bit_is_exact_at_65534_and_flags_65535(void)
{
    expect_limit(TAL_LOCAL, TAL_WIDTH_16, LIMIT_LOCAL_16);
}

static void global_16_bit_is_exact_at_32766_and_flags_32767(void)
{
    expect_limit(TAL_GLOBAL, TAL_WIDTH_16, LIMIT_GLOBAL_16);
    expect_limit(TAL_SEMIGLOBAL, TAL_WIDTH_16, LIMIT_GLOBAL_16);
}

static void a_peak_above_the_limit_is_flagged_though_the_end_is_below(void)
{
    static const tal_mode modes[] = {TAL_GLOBAL, TAL_SEMIGLOBAL};
    bench b = bench_create();
    b.width = TAL_WIDTH_16;
    int32_t scores[TAL_BATCH_LANES];
    for (int i = 0; i < 2; i++) {
        b.mode = modes[i];
        lay_out_score(&b, LIMIT_GLOBAL_16 + 1, 10);
        for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++)
            CU_ASSERT_EQUAL(run(&b, isa, scores), even_half);
        lay_out_score(&b, LIMIT_GLOBAL_16, 10);
        for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++)
            CU_ASSERT_EQUAL(run(&b, isa, scores), 0);
        expect_scalar(&b);
    }
    bench_destroy(&b);
}

/* All scores -100 and gap costs such that the border (semi-global) or, where gaps beat 100 a pair,
 * the last cell (global) is exactly the contract's floor. */
static void global_16_bit_is_exact_down_to_its_floor(void)
{
    bench b = bench_create();
    b.width = TAL_WIDTH_16;
    for (int32_t m = 1; m <= 400; m += 19) {
        for (int mode = TAL_GLOBAL; mode <= TAL_SEMIGLOBAL; mode++) {
            b.mode = (tal_mode)mode;
            int32_t n = mode == TAL_GLOBAL ? m : 60;
            for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
                b.lane_len[lane] = lane < n ? n - lane : 0;
            lay_out(&b, m, TAL_BATCH_LANES, 5);
            for (int32_t row = 0; row < m; row++)
                set_row(&b, row, -100);
            /* -gaps * (open + m * extend) == -32768 + 127 + open + extend, but for rounding. */
            int32_t gaps = mode == TAL_GLOBAL ? 2 : 1;
            int32_t room = 32768 - 127;
            b.job.gap_extend = room / (gaps * m + 1);
            b.job.gap_open = (room - b.job.gap_extend * (gaps * m + 1)) / (gaps + 1);
            expect_scalar(&b);
        }
    }
    bench_destroy(&b);
}

static void extreme_letters_read_the_whole_profile_row(void)
{
    static const int letters[] = {0, 15, 16, 30};
    bench b = bench_create();
    b.mode = TAL_LOCAL;
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        for (int width = 0; width < TAL_WIDTH_COUNT; width++) {
            b.width = (tal_width)width;
            for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
                b.lane_len[lane] = 1;
            lay_out(&b, 1, TAL_BATCH_LANES, letters[i]);
            set_row(&b, 0, -100);
            profile_row(&b, 0)[letters[i]] = 100;
            b.job.gap_open = 0;
            b.job.gap_extend = 1;
            int32_t scores[TAL_BATCH_LANES];
            for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
                CU_ASSERT_EQUAL(run(&b, isa, scores), 0);
                for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
                    CU_ASSERT_EQUAL(scores[lane], 100);
            }
        }
    }
    bench_destroy(&b);
}

static void tables_have_8_bit_for_local_only_at_every_level(void)
{
    tal_kernel_table table;
    for (tal_isa isa = TAL_ISA_SCALAR; isa < TAL_ISA_COUNT; isa++) {
        tal_kernel_table_init(&table, isa);
        CU_ASSERT_EQUAL(table.isa, isa);
        for (int mode = 0; mode < TAL_MODE_COUNT; mode++)
            for (int width = 0; width < TAL_WIDTH_COUNT; width++)
                CU_ASSERT_EQUAL(table.score[mode][width] == NULL,
                                mode != TAL_LOCAL && width == TAL_WIDTH_8);
        if (isa > tal_cpu_isa_best())
            printf("\nskipped: this CPU lacks %s, its kernels are not run\n", tal_isa_name(isa));
    }
}

const test_case test_cases[] = {
    TEST_CASE(tables_have_8_bit_for_local_only_at_every_level),
    TEST_CASE(local_8_bit_equals_scalar),
    TEST_CASE(local_16_bit_equals_scalar),
    TEST_CASE(local_32_bit_equals_scalar),
    TEST_CASE(global_16_bit_equals_scalar),
    TEST_CASE(global_32_bit_equals_scalar),
    TEST_CASE(semiglobal_16_bit_equals_scalar),
    TEST_CASE(semiglobal_32_bit_equals_scalar),
    TEST_CASE(strips_equal_scalar),
    TEST_CASE(many_columns_equal_scalar),
    TEST_CASE(gaps_run_over_strips),
    TEST_CASE(flags_of_any_strip_stay),
    TEST_CASE(local_8_bit_is_exact_at_254_and_flags_255),
    TEST_CASE(local_16_bit_is_exact_at_65534_and_flags_65535),
    TEST_CASE(global_16_bit_is_exact_at_32766_and_flags_32767),
    TEST_CASE(a_peak_above_the_limit_is_flagged_though_the_end_is_below),
    TEST_CASE(global_16_bit_is_exact_down_to_its_floor),
    TEST_CASE(extreme_letters_read_the_whole_profile_row),
    {0},
};
