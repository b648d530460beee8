/* A planted race: the thread sanitizer must find it and name it. Elsewhere there is nothing to see.
 */
#include "child.h"
#include "harness.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "par/race";

#if defined(__SANITIZE_THREAD__)
#define HAS_THREAD_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_THREAD_SANITIZER true
#endif
#endif
#ifndef HAS_THREAD_SANITIZER
#define HAS_THREAD_SANITIZER false
#endif

static volatile int planted_counter;

__attribute__((noinline)) static void *planted_race(void *context)
{
    (void)context; /* What is shared is the counter. */
    for (int i = 0; i < 1000; i++)
        planted_counter++;
    return NULL;
}

static void race(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        (void)pthread_create(&threads[i], NULL, planted_race, NULL);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
}

static void a_planted_race_is_found_and_named(void)
{
    if (!HAS_THREAD_SANITIZER)
        test_skip("only the thread sanitizer sees races");
    static char text[16384];
    (void)child_run(race, text, sizeof(text)); /* The exit code is the sanitizer's setting. */
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "data race"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "planted_race"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "planted_counter"));
}

const test_case test_cases[] = {
    TEST_CASE(a_planted_race_is_found_and_named),
    {0},
};
