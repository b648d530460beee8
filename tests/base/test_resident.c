/* Memory that is resident: what is taken is seen, and what is freed goes back. */
#include "harness.h"

#include "base/alloc.h"
#include "base/resident.h"

#include <string.h>

const char test_suite_name[] = "base/resident";

enum { LARGE = 64 << 20, SMALL = 1 << 20, SMALL_COUNT = LARGE / SMALL, SLACK = 8 << 20 };

static void pieces_are_seen_and_go_back_when_they_are_freed(void)
{
    uint8_t *pieces[SMALL_COUNT];
#ifdef TAL_SLOW_CHECKS
    test_skip("sanitizers keep what is freed");
#endif
    tal_resident_return_early();
    const uint64_t before = tal_resident_trim();
    CU_ASSERT_TRUE(before > 0);
    for (size_t i = 0; i < SMALL_COUNT; i++) {
        pieces[i] = tal_alloc(SMALL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(pieces[i]);
        memset(pieces[i], (int)i, SMALL);
    }
    CU_ASSERT_TRUE(tal_resident_trim() >= before + LARGE - SLACK);
    for (size_t i = 0; i < SMALL_COUNT; i += 2) /* Not from the end. */
        tal_free(pieces[i]);
    CU_ASSERT_TRUE(tal_resident_trim() <= before + LARGE / 2 + SLACK);
    for (size_t i = 1; i < SMALL_COUNT; i += 2)
        tal_free(pieces[i]);
    CU_ASSERT_TRUE(tal_resident_trim() <= before + SLACK);
    CU_ASSERT_TRUE(tal_resident_peak() >= before + LARGE - SLACK);
}

const test_case test_cases[] = {
    TEST_CASE(pieces_are_seen_and_go_back_when_they_are_freed),
    {0},
};
