/* Padded counters. */
#include "harness.h"

#include "par/accum.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

const char test_suite_name[] = "par/accum";

enum { WORKERS = 16, COUNTERS = 37, ADDITIONS = 20000 };

typedef struct job {
    tal_accum *accum;
    int worker;
    atomic_bool *is_over;
} job;

static void *add_often(void *context)
{
    const job *mine = context;
    for (uint64_t i = 0; i < ADDITIONS; i++)
        tal_accum_add(mine->accum, mine->worker, i % COUNTERS, i + (uint64_t)mine->worker);
    return NULL;
}

/* Sums while others add: no counter ever falls. */
static void *sum_often(void *context)
{
    const job *mine = context;
    uint64_t last[COUNTERS] = {0};
    uint64_t falls = 0;
    while (!atomic_load(mine->is_over)) {
        uint64_t now[COUNTERS];
        tal_accum_sum(mine->accum, now);
        for (size_t i = 0; i < COUNTERS; i++)
            falls += now[i] < last[i];
        memcpy(last, now, sizeof(now));
    }
    return falls == 0 ? NULL : context;
}

static void sum_over_many_threads_is_that_of_a_loop(void)
{
    tal_accum *accum = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_accum_create(WORKERS, COUNTERS, &accum), TAL_OK);
    pthread_t threads[WORKERS], reader;
    job jobs[WORKERS];
    atomic_bool is_over = false;
    job reading = {accum, 0, &is_over};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&reader, NULL, sum_often, &reading), 0);
    for (int i = 0; i < WORKERS; i++) {
        jobs[i] = (job){accum, i, &is_over};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, add_often, &jobs[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&is_over, true);
    void *fallen = NULL;
    pthread_join(reader, &fallen);
    CU_ASSERT_PTR_NULL(fallen);
    uint64_t expected[COUNTERS] = {0};
    for (uint64_t worker = 0; worker < WORKERS; worker++)
        for (uint64_t i = 0; i < ADDITIONS; i++)
            expected[i % COUNTERS] += i + worker;
    uint64_t values[COUNTERS];
    tal_accum_sum(accum, values);
    CU_ASSERT(memcmp(values, expected, sizeof(values)) == 0);
    tal_accum_destroy(accum);
}

static void counters_start_at_zero_for_any_count(void)
{
    for (size_t count = 0; count <= 33; count++) {
        tal_accum *accum = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_accum_create(3, count, &accum), TAL_OK);
        uint64_t values[34];
        memset(values, 0xEE, sizeof(values));
        tal_accum_sum(accum, values);
        for (size_t i = 0; i < count; i++)
            CU_ASSERT_EQUAL(values[i], 0);
        CU_ASSERT(values[count] != 0); /* Not touched. */
        if (count > 0) {
            tal_accum_add(accum, 2, count - 1, UINT64_MAX);
            tal_accum_add(accum, 1, count - 1, 2); /* Wraps. */
            tal_accum_sum(accum, values);
            CU_ASSERT_EQUAL(values[count - 1], 1);
        }
        tal_accum_destroy(accum);
    }
    tal_accum_destroy(NULL);
}

const test_case test_cases[] = {
    TEST_CASE(sum_over_many_threads_is_that_of_a_loop),
    TEST_CASE(counters_start_at_zero_for_any_count),
    {0},
};
