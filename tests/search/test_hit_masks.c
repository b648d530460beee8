/* Masks of a reference at the = columns of a path, against looking at each column. */
#include "harness.h"

#include "search/hit_masks.h"

#include <string.h>

const char test_suite_name[] = "search/hit_masks";

enum { RUNS_MAX = 12, LEN_MAX = 12000 };

static bool is_masked[LEN_MAX + 1]; /* of each residue of the reference */
static tal_mask_range ranges[LEN_MAX];
static size_t range_count;

static void make_masks(int density)
{
    range_count = 0;
    int32_t at = 0;
    while (at < LEN_MAX) {
        int32_t len = (int32_t)test_random_in(1, test_random_in(0, 3) == 0 ? 600 : 5);
        int32_t end = at + len < LEN_MAX ? at + len : LEN_MAX;
        bool is_range = test_random_in(0, 99) < density;
        for (int32_t i = at; i < end; i++)
            is_masked[i] = is_range;
        if (is_range)
            ranges[range_count++] = (tal_mask_range){.begin = at, .end = end};
        at = end + (is_range ? 1 : 0); /* Ranges do not touch. */
        if (is_range)
            is_masked[end] = false;
    }
}

static tal_alignment make_path(uint32_t *runs)
{
    static const uint32_t operations[] = {TAL_CIGAR_EQUAL,    TAL_CIGAR_DIFF,  TAL_CIGAR_EQUAL,
                                          TAL_CIGAR_DELETION, TAL_CIGAR_EQUAL, TAL_CIGAR_INSERTION};
    tal_alignment alignment = {.cigar = runs, .ref_begin = (int32_t)test_random_in(0, 900)};
    alignment.cigar_count = (size_t)test_random_in(0, RUNS_MAX);
    for (size_t i = 0; i < alignment.cigar_count; i++) {
        int64_t len = test_random_in(1, test_random_in(0, 5) == 0 ? 800 : 8);
        runs[i] = (uint32_t)len << 4 | operations[test_random_in(0, 5)];
    }
    return alignment;
}

static void try_path(const tal_alignment *alignment)
{
    tal_buffer bytes = {0};
    CU_ASSERT_EQUAL_FATAL(tal_hit_masks_append(&bytes, ranges, range_count, alignment), TAL_OK);
    const char *text = (const char *)bytes.data;
    tal_hit_masks masks;
    tal_hit_masks_init(&masks, text, bytes.bytes);
    uint64_t equal = 0, last = 0;
    bool is_same = true;
    int32_t at = alignment->ref_begin;
    for (size_t i = 0; i < alignment->cigar_count; i++) {
        uint32_t operation = alignment->cigar[i] & 15;
        for (uint32_t k = 0; k < alignment->cigar[i] >> 4; k++) {
            if (operation == TAL_CIGAR_EQUAL) {
                is_same = is_same && tal_hit_masks_next(&masks) == is_masked[at];
                equal++;
                last = is_masked[at] ? equal : last;
            }
            at += operation != TAL_CIGAR_INSERTION;
        }
    }
    CU_ASSERT(is_same);
    CU_ASSERT_FALSE(tal_hit_masks_next(&masks));
    CU_ASSERT_EQUAL(bytes.bytes > 0, last > 0);
    CU_ASSERT(tal_hit_masks_check(text, bytes.bytes, equal));
    CU_ASSERT(tal_hit_masks_check(text, bytes.bytes, last));
    if (last > 0) {
        CU_ASSERT_FALSE(tal_hit_masks_check(text, bytes.bytes, last - 1));
        CU_ASSERT_FALSE(tal_hit_masks_check(text, bytes.bytes - 1, equal));
    }
    tal_buffer_deinit(&bytes);
}

static void masks_of_every_column_come_back(void)
{
    uint32_t runs[RUNS_MAX];
    for (int round = 0; round < 3000; round++) {
        make_masks(round % 4 * 33);
        tal_alignment alignment = make_path(runs);
        try_path(&alignment);
    }
}

static void runs_of_any_length_come_back(void)
{
    for (int32_t len = 1; len < 1200; len++) {
        memset(is_masked, 0, sizeof(is_masked));
        memset(is_masked + len, 1, (size_t)len);
        ranges[0] = (tal_mask_range){.begin = len, .end = 2 * len};
        range_count = 1;
        uint32_t run = 3000u << 4 | TAL_CIGAR_EQUAL;
        try_path(&(tal_alignment){.cigar = &run, .cigar_count = 1});
    }
}

static void damaged_runs_are_refused(void)
{
    static const char cases[][4] = {{5}, {5, 0}, {(char)255}, {5, 5, 0, 5}, {5, 5, 1}};
    static const size_t counts[] = {1, 2, 1, 4, 3};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        CU_ASSERT_FALSE(tal_hit_masks_check(cases[i], counts[i], 1000));
    CU_ASSERT(tal_hit_masks_check("", 0, 0));
}

const test_case test_cases[] = {
    TEST_CASE(masks_of_every_column_come_back),
    TEST_CASE(runs_of_any_length_come_back),
    TEST_CASE(damaged_runs_are_refused),
    {0},
};
