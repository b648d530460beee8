/* Sorting of records: against qsort. */
#include "harness.h"
#include "team_of.h"

#include "base/alloc.h"
#include "reduce/sort.h"

#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "reduce/sort";

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

/* Keys below `key_count` times `stride`: few or many equal ones. */
static void sort_and_compare(tal_team *team, size_t count, uint64_t key_count, uint64_t stride,
                             uint64_t scale)
{
    tal_sort_record *records = tal_alloc_array(count, sizeof(*records));
    tal_sort_record *expected = tal_alloc_array(count, sizeof(*expected));
    tal_sort_record *sorted = tal_alloc_array(count, sizeof(*sorted));
    CU_ASSERT_FATAL(records != NULL && expected != NULL && sorted != NULL);
    for (size_t i = 0; i < count; i++)
        records[i] = (tal_sort_record){.key = test_random() % key_count * stride,
                                       .sub = test_random() % 5,
                                       .rest = test_random() % 3};
    memcpy(expected, records, count * sizeof(*records));
    if (count > 0)
        qsort(expected, count, sizeof(*expected), compare);
    CU_ASSERT(tal_sort_records(team, records, count, scale, sorted) == TAL_OK);
    CU_ASSERT(memcmp(sorted, expected, count * sizeof(*sorted)) == 0);
    tal_free(sorted);
    tal_free(expected);
    tal_free(records);
}

static void sorts_any_number_of_records_with_any_keys(void)
{
    static const size_t counts[] = {0, 1, 2, 24, 25, 2048, 2049, 10000, 70001};
    for (int threads = 1; threads <= 3; threads++) {
        tal_team *team = NULL;
        CU_ASSERT_FATAL(team_of(threads, &team) == TAL_OK);
        for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
            sort_and_compare(team, counts[i], UINT64_MAX, 1, 1);
            sort_and_compare(team, counts[i], 7, UINT64_MAX / 7, 1);
            sort_and_compare(team, counts[i], 1, 1, 1);
            sort_and_compare(team, counts[i], 50, 1, UINT64_MAX / 50);
            sort_and_compare(team, counts[i], UINT64_MAX / 3, 1, 3);
        }
        tal_team_destroy(team);
    }
}

const test_case test_cases[] = {
    TEST_CASE(sorts_any_number_of_records_with_any_keys),
    {0},
};
