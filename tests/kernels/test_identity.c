/* Identity kernels of every instruction set against plain counting, before guard pages. */
#include "guarded.h"
#include "harness.h"

#include "base/cpu.h"
#include "kernels/table.h"

#include <stdio.h>
#include <string.h>

enum { LEN_MAX = 1 << 16 };

const char test_suite_name[] = "kernels/identity";

static size_t plain(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += a[i] == b[i] ? 1 : 0;
    return count;
}

static void expect_plain(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t expected = plain(a, b, len);
    for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
        tal_kernel_table table;
        tal_kernel_table_init(&table, isa);
        size_t count = table.identity(a, b, len);
        CU_ASSERT_EQUAL(count, expected);
        if (count == expected)
            continue;
        printf("\n%s: %zu bytes: %zu, not %zu\n", tal_isa_name(isa), len, count, expected);
    }
}

static void fill(uint8_t *bytes, size_t len, int largest)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)test_random_in(0, largest);
}

/* Both runs end at a guard page, one of them elsewhere in its vector than the other. */
static void try_lengths(guarded *left, guarded *right, size_t begin, size_t end, int largest)
{
    for (size_t len = begin; len <= end; len++) {
        uint8_t *a = guarded_end(left, len, 1);
        uint8_t *b = guarded_end(right, len + 3, 1);
        fill(a, len, largest);
        fill(b, len + 3, largest);
        expect_plain(a, b, len);
        expect_plain(b + 3, a, len);
    }
}

static void every_length_around_vectors_and_counters_is_counted(void)
{
    guarded left = guarded_create(LEN_MAX);
    guarded right = guarded_create(LEN_MAX);
    try_lengths(&left, &right, 0, 300, 3);
    for (size_t lanes = 16; lanes <= 64; lanes *= 2)
        try_lengths(&left, &right, 255 * lanes - 2, 255 * lanes + 2, 1);
    guarded_destroy(&right);
    guarded_destroy(&left);
}

static void byte_counters_do_not_overflow(void)
{
    guarded left = guarded_create(LEN_MAX);
    guarded right = guarded_create(LEN_MAX);
    for (size_t lanes = 16; lanes <= 64; lanes *= 2)
        for (size_t vectors = 254; vectors <= 257; vectors++) {
            size_t len = vectors * lanes;
            uint8_t *a = guarded_end(&left, len, 255);
            uint8_t *b = guarded_end(&right, len, 255);
            expect_plain(a, b, len);
        }
    guarded_destroy(&right);
    guarded_destroy(&left);
}

static void empty_runs_have_no_identities(void)
{
    guarded memory = guarded_create(1);
    uint8_t *end = guarded_end(&memory, 0, 0);
    expect_plain(end, end, 0);
    guarded_destroy(&memory);
}

const test_case test_cases[] = {
    TEST_CASE(every_length_around_vectors_and_counters_is_counted),
    TEST_CASE(byte_counters_do_not_overflow),
    TEST_CASE(empty_runs_have_no_identities),
    {0},
};
