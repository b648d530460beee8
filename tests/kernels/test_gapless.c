/* Gapless kernels of every instruction set against the scalar one and against plain diagonals, in
 * guarded memory. */
#include "guarded.h"
#include "harness.h"

#include "base/cpu.h"
#include "kernels/gapless.h"
#include "kernels/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUERY_MAX = 600, LANE_MAX = 640, PAD = 31, PAD_SCORE = -127 };

const char test_suite_name[] = "kernels/gapless";

typedef struct bench {
    guarded letters, profile, scratch, scores;
    size_t letters_bytes, profile_bytes;
    int32_t lane_len[TAL_BATCH_LANES];
    tal_score_job job;
} bench;

static bench bench_create(void)
{
    return (bench){.letters = guarded_create(LANE_MAX * TAL_BATCH_LANES),
                   .profile = guarded_create(QUERY_MAX * TAL_PROFILE_STRIDE),
                   .scratch = guarded_create(tal_gapless_scratch_bytes(QUERY_MAX)),
                   .scores = guarded_create(TAL_BATCH_LANES * sizeof(int32_t))};
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

/* Lay out a job; every letter is `letter`, or random below 31 when negative. */
static void lay_out(bench *b, int32_t query_len, int32_t lane_count, int letter)
{
    for (int lane = lane_count; lane < TAL_BATCH_LANES; lane++)
        b->lane_len[lane] = 0;
    qsort(b->lane_len, (size_t)lane_count, sizeof(int32_t), by_length_falling);
    int32_t columns = (b->lane_len[0] + TAL_BATCH_COLUMN_STEP - 1) / TAL_BATCH_COLUMN_STEP *
                      TAL_BATCH_COLUMN_STEP;
    b->letters_bytes = (size_t)columns * TAL_BATCH_LANES;
    b->profile_bytes = (size_t)query_len * TAL_PROFILE_STRIDE;
    uint8_t *letters = guarded_end(&b->letters, b->letters_bytes, 7);
    for (size_t i = 0; i < b->letters_bytes; i++) {
        bool is_pad = (int32_t)(i / TAL_BATCH_LANES) >= b->lane_len[i % TAL_BATCH_LANES];
        letters[i] = (uint8_t)(is_pad ? PAD : letter >= 0 ? letter : test_random_in(0, PAD - 1));
    }
    b->job = (tal_score_job){
        .letters = letters,
        .profile = guarded_end(&b->profile, b->profile_bytes, 100),
        .query_len = query_len,
        .lane_len = b->lane_len,
        .lane_count = lane_count,
    };
    for (int32_t row = 0; row < query_len; row++)
        set_row(b, row, 0);
}

/* Kernels by number: those of the levels, then both that AVX-512 VBMI has. */
enum { FULL_PIPES = TAL_ISA_COUNT, NARROW_PIPES };

static int kernel_count(void)
{
    return tal_cpu_isa_best() == TAL_ISA_AVX512VBMI ? NARROW_PIPES + 1
                                                    : (int)tal_cpu_isa_best() + 1;
}

static void run(bench *b, int kernel, int32_t *out_scores)
{
    tal_kernel_table table;
    tal_kernel_table_init(&table, kernel < TAL_ISA_COUNT ? (tal_isa)kernel : TAL_ISA_AVX512VBMI);
#if defined(__x86_64__)
    if (kernel == FULL_PIPES)
        tal_kernels_register_gapless_avx512vbmi(&table);
    if (kernel == NARROW_PIPES)
        tal_kernels_register_gapless_avx512vbmi_narrow(&table);
#endif
    size_t scratch_bytes = tal_gapless_scratch_bytes(b->job.query_len);
    size_t scores_bytes = TAL_BATCH_LANES * sizeof(int32_t);
    b->job.scratch = guarded_end(&b->scratch, scratch_bytes, 0x55);
    b->job.scores = guarded_end(&b->scores, scores_bytes, 0x55);
    table.gapless(&b->job);
    memcpy(out_scores, b->job.scores, scores_bytes);
    CU_ASSERT_TRUE(guarded_is_untouched(&b->scratch, scratch_bytes, 0x55));
    CU_ASSERT_TRUE(guarded_is_untouched(&b->scores, scores_bytes, 0x55));
    CU_ASSERT_TRUE(guarded_is_untouched(&b->letters, b->letters_bytes, 7));
    CU_ASSERT_TRUE(guarded_is_untouched(&b->profile, b->profile_bytes, 100));
}

static void expect_scalar(bench *b)
{
    int32_t expected[TAL_BATCH_LANES];
    int32_t scores[TAL_BATCH_LANES];
    run(b, TAL_ISA_SCALAR, expected);
    for (int kernel = TAL_ISA_SSE41; kernel < kernel_count(); kernel++) {
        run(b, kernel, scores);
        for (int lane = 0; lane < b->job.lane_count; lane++) {
            if (scores[lane] == expected[lane])
                continue;
            printf("\nkernel %d: query %d, lane %d of %d (%d residues): %d, not %d\n", kernel,
                   b->job.query_len, lane, b->job.lane_count, b->lane_len[lane], scores[lane],
                   expected[lane]);
            CU_FAIL("score differs from scalar");
        }
    }
}

static void randomize_profile(bench *b)
{
    static const int ranges[][2] = {{-100, 100}, {-4, 11}, {-100, 10}, {-1, 100},
                                    {0, 0},      {-3, 1},  {100, 100}, {-100, -1}};
    const int *range = ranges[test_random() % (sizeof(ranges) / sizeof(ranges[0]))];
    int32_t class_count = (int32_t)test_random_in(1, 40); /* few: rows repeat */
    for (int32_t i = 0; i < b->job.query_len; i++) {
        for (int code = 0; code < PAD; code++)
            profile_row(b, i)[code] = (int8_t)test_random_in(range[0], range[1]);
        if (i >= class_count && class_count < 36)
            memcpy(profile_row(b, i), profile_row(b, (int32_t)test_random_in(0, class_count - 1)),
                   TAL_PROFILE_STRIDE);
    }
}

static void lay_out_random(bench *b, int32_t query_len, int32_t lane_count, int32_t len_max)
{
    bool is_even = test_random() % 4 == 0;
    for (int lane = 0; lane < lane_count; lane++)
        b->lane_len[lane] =
            is_even && lane > 0 ? b->lane_len[0] : (int32_t)test_random_in(0, len_max);
    lay_out(b, query_len, lane_count, -1);
    randomize_profile(b);
}

static void every_level_equals_scalar(void)
{
    bench b = bench_create();
    for (int32_t query_len = 1; query_len <= 70; query_len++) {
        lay_out_random(&b, query_len, TAL_BATCH_LANES, 70);
        expect_scalar(&b);
        lay_out_random(&b, query_len, (int32_t)test_random_in(1, TAL_BATCH_LANES), 13);
        expect_scalar(&b);
        lay_out_random(&b, query_len, 1, 5);
        expect_scalar(&b);
    }
    for (int32_t len = 0; len <= 40; len++) {
        for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
            b.lane_len[lane] = len;
        lay_out(&b, 9, TAL_BATCH_LANES, -1);
        randomize_profile(&b);
        expect_scalar(&b);
    }
    for (int32_t lane_count = 1; lane_count <= TAL_BATCH_LANES; lane_count++) {
        lay_out_random(&b, (int32_t)test_random_in(1, 20), lane_count, 20);
        expect_scalar(&b);
    }
    lay_out_random(&b, QUERY_MAX, TAL_BATCH_LANES, 130);
    expect_scalar(&b);
    lay_out_random(&b, 130, TAL_BATCH_LANES, LANE_MAX);
    expect_scalar(&b);
    bench_destroy(&b);
}

/* The best run of all diagonals of a lane, by its definition: no cells, no clamps. */
static int32_t best_run(bench *b, int lane)
{
    int32_t best = 0;
    for (int32_t row = 0; row < b->job.query_len; row++)
        for (int32_t column = 0; column < b->lane_len[lane]; column++) {
            int32_t sum = 0;
            for (int32_t i = 0; row + i < b->job.query_len && column + i < b->lane_len[lane]; i++) {
                uint8_t letter =
                    b->job.letters[(size_t)(column + i) * TAL_BATCH_LANES + (size_t)lane];
                sum += profile_row(b, row + i)[letter];
                best = sum > best ? sum : best;
            }
        }
    return best;
}

/* Half of the rows count: what is missed is one pair of the run at most. */
static void scores_are_the_best_run_but_for_one_pair(void)
{
    bench b = bench_create();
    int32_t scores[TAL_BATCH_LANES];
    for (int round = 0; round < 40; round++) {
        for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
            b.lane_len[lane] = (int32_t)test_random_in(0, 20);
        lay_out(&b, (int32_t)test_random_in(1, 20), TAL_BATCH_LANES, -1);
        for (int32_t i = 0; i < b.job.query_len; i++)
            for (int code = 0; code < PAD; code++)
                profile_row(&b, i)[code] = (int8_t)test_random_in(-4, 11);
        run(&b, (int)tal_cpu_isa_best(), scores);
        for (int lane = 0; lane < TAL_BATCH_LANES; lane++) {
            int32_t best = best_run(&b, lane);
            CU_ASSERT_TRUE(scores[lane] <= best);
            CU_ASSERT_TRUE(scores[lane] >= (best < 255 ? best : 255) - 11);
        }
    }
    bench_destroy(&b);
}

/* One diagonal of `rows` pairs that scores `score`, in even rows; then rows that cost. */
static void expect_limit(int32_t score, int32_t expected)
{
    bench b = bench_create();
    int32_t scores[TAL_BATCH_LANES];
    for (int32_t len = 4; len <= 20; len += 2) {
        for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
            b.lane_len[lane] = len + (lane % 2 == 0 ? 3 : 0);
        lay_out(&b, len + 6, TAL_BATCH_LANES, 3);
        for (int32_t row = 0; row < len + 6; row++)
            set_row(&b, row, row < len ? score / len + (row < score % len) : -7);
        for (int kernel = TAL_ISA_SCALAR; kernel < kernel_count(); kernel++) {
            run(&b, kernel, scores);
            for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
                CU_ASSERT_EQUAL(scores[lane], expected);
        }
    }
    bench_destroy(&b);
}

static void scores_hold_at_255(void)
{
    expect_limit(253, 253);
    expect_limit(254, 254);
    expect_limit(255, 255);
    expect_limit(256, 255);
    expect_limit(400, 255);
}

/* A peak at the limit in a row that does not count, with the steepest fall behind it, and a pad. */
static void pads_after_a_peak_score_nothing(void)
{
    bench b = bench_create();
    int32_t scores[TAL_BATCH_LANES];
    for (int32_t len = 1; len <= 9; len++) {
        for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
            b.lane_len[lane] = len;
        lay_out(&b, 12, TAL_BATCH_LANES, 30);
        for (int32_t row = 0; row < 12; row++)
            set_row(&b, row, 100);
        expect_scalar(&b);
        run(&b, (int)tal_cpu_isa_best(), scores);
        CU_ASSERT_EQUAL(scores[0], len < 3 ? 100 * len : 255);
    }
    bench_destroy(&b);
}

static void extreme_letters_read_the_whole_profile_row(void)
{
    static const int letters[] = {0, 15, 16, 30};
    bench b = bench_create();
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
            b.lane_len[lane] = 1;
        lay_out(&b, 1, TAL_BATCH_LANES, letters[i]);
        set_row(&b, 0, -100);
        profile_row(&b, 0)[letters[i]] = 100;
        int32_t scores[TAL_BATCH_LANES];
        for (int kernel = TAL_ISA_SCALAR; kernel < kernel_count(); kernel++) {
            run(&b, kernel, scores);
            for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
                CU_ASSERT_EQUAL(scores[lane], 100);
        }
    }
    for (tal_isa isa = tal_cpu_isa_best() + 1; isa < TAL_ISA_COUNT; isa++)
        printf("\nskipped: this CPU lacks %s, its kernel is not run\n", tal_isa_name(isa));
    bench_destroy(&b);
}

const test_case test_cases[] = {
    TEST_CASE(every_level_equals_scalar),
    TEST_CASE(scores_are_the_best_run_but_for_one_pair),
    TEST_CASE(scores_hold_at_255),
    TEST_CASE(pads_after_a_peak_score_nothing),
    TEST_CASE(extreme_letters_read_the_whole_profile_row),
    {0},
};
