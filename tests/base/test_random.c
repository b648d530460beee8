/* Counter-based random numbers. */
#include "harness.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "base/random";

/* Published with the generator: Random123, kat_vectors, philox4x32 with 10 rounds. */
static void block_equals_published_answers(void)
{
    static const struct {
        uint32_t counter[4], key[2], words[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint32_t words[4];
        tal_random_block(known[i].counter, known[i].key, words);
        CU_ASSERT(memcmp(words, known[i].words, sizeof(words)) == 0);
    }
}

static void stream_is_the_blocks_of_its_counters(void)
{
    for (int trial = 0; trial < 20; trial++) {
        uint64_t seed = test_random();
        uint64_t stream = test_random();
        uint32_t purpose = (uint32_t)test_random();
        uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
        tal_random random;
        tal_random_init(&random, seed, purpose, stream);
        for (uint32_t refill = 0; refill < 3; refill++) {
            uint32_t words[TAL_RANDOM_WORDS];
            for (int i = 0; i < TAL_RANDOM_WORDS; i++)
                words[i] = tal_random_u32(&random);
            for (uint32_t lane = 0; lane < TAL_RANDOM_BLOCKS; lane++) {
                uint32_t counter[4] = {refill * TAL_RANDOM_BLOCKS + lane, (uint32_t)stream,
                                       (uint32_t)(stream >> 32), purpose};
                uint32_t block[4];
                tal_random_block(counter, key, block);
                for (int k = 0; k < 4; k++)
                    CU_ASSERT_EQUAL(words[k * TAL_RANDOM_BLOCKS + (int)lane], block[k]);
            }
        }
    }
}

static void streams_differ_by_seed_purpose_and_index(void)
{
    tal_random a, b, c, d;
    tal_random_init(&a, 1, 1, 1);
    tal_random_init(&b, 2, 1, 1);
    tal_random_init(&c, 1, 2, 1);
    tal_random_init(&d, 1, 1, UINT64_C(1) << 32 | 1);
    uint64_t first = tal_random_u64(&a);
    CU_ASSERT(first != tal_random_u64(&b));
    CU_ASSERT(first != tal_random_u64(&c));
    CU_ASSERT(first != tal_random_u64(&d));
}

static void below_is_uniform_and_in_range(void)
{
    tal_random random;
    tal_random_init(&random, test_random(), 1, 0);
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(tal_random_below(&random, 1), 0);
    uint64_t large = (UINT64_C(1) << 63) + 1; /* Nearly half of all products are drawn again. */
    int upper_count = 0;
    for (int i = 0; i < 10000; i++) {
        uint64_t value = tal_random_below(&random, large);
        CU_ASSERT(value < large);
        upper_count += value >= large / 2;
    }
    CU_ASSERT(abs(upper_count - 5000) < 300); /* 6 standard deviations */
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++)
        counts[tal_random_below(&random, 7)]++;
    for (int i = 0; i < 7; i++)
        CU_ASSERT(abs(counts[i] - 10000) < 600);
}

static void unit_has_mean_one_half_and_stays_below_one(void)
{
    tal_random random;
    tal_random_init(&random, test_random(), 1, 0);
    double sum = 0.0;
    for (int i = 0; i < 100000; i++) {
        double value = tal_random_unit(&random);
        CU_ASSERT(value >= 0.0 && value < 1.0);
        sum += value;
    }
    CU_ASSERT(fabs(sum / 100000 - 0.5) < 0.006);
}

static void logarithm_agrees_with_the_library(void)
{
    tal_random random;
    tal_random_init(&random, test_random(), 1, 0);
    CU_ASSERT(tal_random_log(1.0) == 0.0);
    for (int i = 0; i < 100000; i++) {
        double x = (tal_random_unit(&random) + 1e-9) * pow(2.0, (double)test_random_in(-300, 300));
        double error = fabs(tal_random_log(x) - log(x));
        CU_ASSERT(error <= 1e-14 * fabs(log(x)) + 1e-16);
    }
    for (int i = 0; i < 10000; i++) {
        double x = 0.5 + tal_random_unit(&random) * 1.5;
        CU_ASSERT(fabs(tal_random_log(x) - log(x)) <= 2e-15);
    }
}

static void exponential_has_mean_and_variance_one(void)
{
    enum { COUNT = 200000 };
    tal_random random;
    tal_random_init(&random, test_random(), 1, 0);
    double sum = 0.0;
    double squares = 0.0;
    for (int i = 0; i < COUNT; i++) {
        double value = tal_random_exponential(&random);
        CU_ASSERT(value > 0.0);
        sum += value;
        squares += value * value;
    }
    double mean = sum / COUNT;
    CU_ASSERT(fabs(mean - 1.0) < 0.015);
    CU_ASSERT(fabs(squares / COUNT - mean * mean - 1.0) < 0.05);
}

static void geometric_has_its_mean_and_starts_at_one(void)
{
    enum { COUNT = 200000 };
    static const double extensions[] = {0.0, 0.3, 0.7, 0.9};
    tal_random random;
    tal_random_init(&random, test_random(), 1, 0);
    for (size_t k = 0; k < sizeof(extensions) / sizeof(extensions[0]); k++) {
        double extension = extensions[k];
        double sum = 0.0;
        int one_count = 0;
        for (int i = 0; i < COUNT; i++) {
            uint64_t value = tal_random_geometric(&random, extension);
            CU_ASSERT(value >= 1);
            one_count += value == 1;
            sum += (double)value;
        }
        double mean = 1.0 / (1.0 - extension);
        CU_ASSERT(fabs(sum / COUNT - mean) < 0.02 * mean);
        CU_ASSERT(fabs((double)one_count / COUNT - (1.0 - extension)) < 0.008);
    }
}

const test_case test_cases[] = {
    TEST_CASE(block_equals_published_answers),
    TEST_CASE(stream_is_the_blocks_of_its_counters),
    TEST_CASE(streams_differ_by_seed_purpose_and_index),
    TEST_CASE(below_is_uniform_and_in_range),
    TEST_CASE(unit_has_mean_one_half_and_stays_below_one),
    TEST_CASE(logarithm_agrees_with_the_library),
    TEST_CASE(exponential_has_mean_and_variance_one),
    TEST_CASE(geometric_has_its_mean_and_starts_at_one),
    {0},
};
