/* Batches: layout, padding, reuse of memory. */
#include "harness.h"

#include "align/batch.h"

const char test_suite_name[] = "align/batch";

enum { LEN_MAX = 130, LETTERS = 20 };

/* Sequences of these lengths, in this order. */
static tal_seqset *set_of(const int *lens, int count)
{
    uint8_t codes[LEN_MAX];
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < lens[i]; k++)
            codes[k] = (uint8_t)test_random_in(0, LETTERS - 1);
        CU_ASSERT_EQUAL_FATAL(tal_seqset_append(set, (tal_gid)i, codes, (size_t)lens[i], "ref", 3),
                              TAL_OK);
    }
    return set;
}

static void expect_layout(const tal_batch *batch, const tal_seqset *set, int count)
{
    CU_ASSERT_EQUAL(batch->lane_count, count);
    for (int lane = 0; lane < TAL_BATCH_LANES; lane++)
        CU_ASSERT_EQUAL(batch->lane_len[lane],
                        lane < count ? tal_seqset_len(set, batch->lids[lane]) : 0);
    int32_t columns = (batch->lane_len[0] + 3) / 4 * 4;
    for (int32_t i = 0; i < columns * TAL_BATCH_LANES; i++) {
        int lane = i % TAL_BATCH_LANES;
        int32_t column = i / TAL_BATCH_LANES;
        uint8_t expected = TAL_CODE_PAD;
        if (column < batch->lane_len[lane])
            expected = tal_seqset_residues(set, batch->lids[lane])[column];
        CU_ASSERT_EQUAL(batch->letters[i], expected);
    }
}

static void lanes_are_interleaved_and_padded_to_four_columns(void)
{
    static const int lens[] = {130, 65, 64, 63, 5, 4, 3, 1, 0, 0};
    enum { COUNT = sizeof(lens) / sizeof(lens[0]) };
    tal_seqset *set = set_of(lens, COUNT);
    tal_batch batch = {0};
    static const tal_lid lids[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (int begin = COUNT - 1; begin >= 0; begin--) { /* Growing... */
        CU_ASSERT_EQUAL_FATAL(tal_batch_fill(&batch, set, lids + begin, COUNT - begin), TAL_OK);
        expect_layout(&batch, set, COUNT - begin);
    }
    for (int begin = 0; begin < COUNT; begin++) { /* ... and shrinking: no letter is left over. */
        CU_ASSERT_EQUAL_FATAL(tal_batch_fill(&batch, set, lids + begin, 1), TAL_OK);
        expect_layout(&batch, set, 1);
    }
    tal_batch_deinit(&batch);
    CU_ASSERT_PTR_NULL(batch.letters);
    tal_seqset_destroy(set);
}

static void full_batch_may_be_refilled_from_its_own_lids(void)
{
    int lens[TAL_BATCH_LANES];
    tal_lid lids[TAL_BATCH_LANES];
    for (int i = 0; i < TAL_BATCH_LANES; i++) {
        lens[i] = LEN_MAX - i;
        lids[i] = (tal_lid)i;
    }
    tal_seqset *set = set_of(lens, TAL_BATCH_LANES);
    tal_batch batch = {0};
    CU_ASSERT_EQUAL_FATAL(tal_batch_fill(&batch, set, lids, TAL_BATCH_LANES), TAL_OK);
    expect_layout(&batch, set, TAL_BATCH_LANES);
    CU_ASSERT_EQUAL_FATAL(tal_batch_fill(&batch, set, batch.lids + 1, 63), TAL_OK);
    expect_layout(&batch, set, 63);
    CU_ASSERT_EQUAL(batch.lids[0], 1);
    tal_batch_deinit(&batch);
    tal_seqset_destroy(set);
}

/* Eight lanes that all reach eight columns are filled together: such tiles end anywhere. */
static void lanes_of_any_lengths_are_interleaved(void)
{
    for (int run = 0; run < 50; run++) {
        int lens[TAL_BATCH_LANES];
        tal_lid lids[TAL_BATCH_LANES];
        int count = (int)test_random_in(1, TAL_BATCH_LANES);
        int len = (int)test_random_in(1, LEN_MAX);
        for (int i = 0; i < count; i++) {
            lens[i] = len;
            lids[i] = (tal_lid)i;
            if (test_random_in(0, 3) == 0)
                len -= (int)test_random_in(0, len < 9 ? len : 9);
        }
        tal_seqset *set = set_of(lens, count);
        tal_batch batch = {0};
        CU_ASSERT_EQUAL_FATAL(tal_batch_fill(&batch, set, lids, count), TAL_OK);
        expect_layout(&batch, set, count);
        tal_batch_deinit(&batch);
        tal_seqset_destroy(set);
    }
}

const test_case test_cases[] = {
    TEST_CASE(lanes_of_any_lengths_are_interleaved),
    TEST_CASE(lanes_are_interleaved_and_padded_to_four_columns),
    TEST_CASE(full_batch_may_be_refilled_from_its_own_lids),
    {0},
};
