/* Lists of references that wait to be scored in full. */
#include "harness.h"

#include "search/pending.h"

const char test_suite_name[] = "search/pending";

static tal_pending *created(size_t list_count)
{
    tal_pending *pending = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_pending_create(&pending), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_pending_reset(pending, list_count), TAL_OK);
    return pending;
}

static void nothing_comes_out_before_64_are_in(void)
{
    tal_pending *pending = created(2);
    tal_lid full[TAL_BATCH_LANES];
    for (tal_lid i = 0; i < 63; i++)
        CU_ASSERT_FALSE(tal_pending_add(pending, 1, &i, 1, full));
    tal_lid last = 63;
    CU_ASSERT_FALSE(tal_pending_add(pending, 1, &last, 0, full));
    CU_ASSERT_TRUE(tal_pending_add(pending, 1, &last, 1, full));
    for (tal_lid i = 0; i < 64; i++)
        CU_ASSERT_EQUAL(full[i], i);
    CU_ASSERT_EQUAL(tal_pending_take(pending, 1, full), 0);
    CU_ASSERT_EQUAL(tal_pending_take(pending, 0, full), 0);
    tal_pending_destroy(pending);
}

static void every_reference_comes_out_once_from_its_own_list(void)
{
    enum { LISTS = 5, IN_ALL = 5000 };
    tal_pending *pending = created(LISTS);
    unsigned char seen[LISTS][IN_ALL] = {{0}};
    tal_lid next[LISTS] = {0};
    tal_lid full[TAL_BATCH_LANES];
    for (int round = 0; round < 300; round++) {
        size_t list = (size_t)(test_random() % LISTS);
        int count = (int)test_random_in(0, 64);
        if (next[list] + (tal_lid)count > IN_ALL)
            continue;
        tal_lid lids[TAL_BATCH_LANES];
        for (int i = 0; i < count; i++)
            lids[i] = next[list]++;
        if (tal_pending_add(pending, list, lids, count, full))
            for (int i = 0; i < TAL_BATCH_LANES; i++)
                seen[list][full[i]]++;
    }
    for (size_t list = 0; list < LISTS; list++) {
        int count = tal_pending_take(pending, list, full);
        CU_ASSERT_TRUE(count < TAL_BATCH_LANES);
        for (int i = 0; i < count; i++)
            seen[list][full[i]]++;
        for (tal_lid i = 0; i < IN_ALL; i++)
            CU_ASSERT_EQUAL(seen[list][i], i < next[list]);
    }
    tal_pending_destroy(pending);
}

static void reset_forgets_and_grows(void)
{
    tal_pending *pending = created(1);
    tal_lid lid = 7;
    tal_lid rest[TAL_BATCH_LANES];
    CU_ASSERT_FALSE(tal_pending_add(pending, 0, &lid, 1, rest));
    CU_ASSERT_EQUAL(tal_pending_reset(pending, 1000), TAL_OK);
    for (size_t list = 0; list < 1000; list++)
        CU_ASSERT_EQUAL(tal_pending_take(pending, list, rest), 0);
    CU_ASSERT_FALSE(tal_pending_add(pending, 999, &lid, 1, rest));
    CU_ASSERT_EQUAL(tal_pending_take(pending, 999, rest), 1);
    CU_ASSERT_EQUAL(rest[0], 7);
    tal_pending_destroy(pending);
    tal_pending_destroy(NULL);
}

const test_case test_cases[] = {
    TEST_CASE(nothing_comes_out_before_64_are_in),
    TEST_CASE(every_reference_comes_out_once_from_its_own_list),
    TEST_CASE(reset_forgets_and_grows),
    {0},
};
