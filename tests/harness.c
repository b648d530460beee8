/* The runner of every test program; see harness.h. */
#include "harness.h"

#include <CUnit/Basic.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 0x9e3779b97f4a7c15u;

void test_skip(const char *reason)
{
    printf("skipped: %s\n", reason);
    exit(77);
}

uint64_t test_random(void)
{
    /* SplitMix64: Steele, Lea, Flood 2014. */
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t test_random_in(int64_t low, int64_t high)
{
    return low + (int64_t)(test_random() % ((uint64_t)(high - low) + 1));
}

/* usage: test-NAME [TEXT]: all cases, or those with TEXT in their names. */
int main(int argument_count, char **arguments)
{
    const char *wanted = argument_count > 1 ? arguments[1] : "";
    const char *seed = getenv("TEST_SEED");
    if (seed != NULL)
        random_state = strtoull(seed, NULL, 0);
    printf("seed 0x%" PRIx64 "\n", random_state);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(test_suite_name, NULL, NULL);
    for (const test_case *entry = test_cases; suite != NULL && entry->name != NULL; entry++)
        if (strstr(entry->name, wanted) != NULL &&
            CU_add_test(suite, entry->name, entry->run) == NULL)
            suite = NULL;
    if (suite == NULL)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    unsigned run = CU_get_number_of_asserts();
    CU_cleanup_registry();
    return failures == 0 && run > 0 ? 0 : 1;
}
