/* What every test program shares: a CUnit runner, skipping, guarded buffers, random numbers.
 *
 * A test file defines `test_suite_name` and `test_cases` (ended by {0}); harness.c has main().
 * Exit codes: 0 passed, 1 failed, 77 skipped.
 */
#ifndef TAL_TESTS_HARNESS_H
#define TAL_TESTS_HARNESS_H

#include <CUnit/CUnit.h>

#include <stddef.h>
#include <stdint.h>

typedef struct test_case {
    const char *name; /* reads as a sentence: pop_on_closed_empty_queue_reports_end */
    void (*run)(void);
} test_case;

#define TEST_CASE(function) \
    {                       \
#function, function \
    }

extern const char test_suite_name[];
extern const test_case test_cases[];

/* End the program as skipped, saying why. */
void test_skip(const char *reason) __attribute__((noreturn));

/* Rounds or residues of costly cases: a quarter under sanitizers, which take a dozen times as long.
 */
#ifdef TAL_SLOW_CHECKS
#define TEST_AMOUNT(count) ((count) / 4)
#else
#define TEST_AMOUNT(count) (count)
#endif

/* A small generator with a fixed seed (TEST_SEED in the environment changes it). */
uint64_t test_random(void);
/* Uniform in [low, high]. */
int64_t test_random_in(int64_t low, int64_t high);

#endif
