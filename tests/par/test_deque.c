/* The work-stealing deque: order, limits, and many threads at once. */
#include "harness.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "par/deque.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "par/deque";

enum { THIEVES = 3, VALUES = 200000 };

static void owner_takes_the_newest_and_thief_the_oldest(void)
{
    static tal_deque deque;
    tal_deque_init(&deque);
    uint64_t value = 99;
    CU_ASSERT_FALSE(tal_deque_pop(&deque, &value));
    CU_ASSERT_EQUAL(tal_deque_steal(&deque, &value), TAL_STEAL_EMPTY);
    CU_ASSERT_EQUAL(value, 99);
    for (uint64_t i = 0; i < 5; i++)
        CU_ASSERT_TRUE(tal_deque_push(&deque, i));
    CU_ASSERT_EQUAL(tal_deque_count(&deque), 5);
    CU_ASSERT_TRUE(tal_deque_pop(&deque, &value) && value == 4);
    CU_ASSERT(tal_deque_steal(&deque, &value) == TAL_STEAL_DONE && value == 0);
    CU_ASSERT(tal_deque_steal(&deque, &value) == TAL_STEAL_DONE && value == 1);
    CU_ASSERT_TRUE(tal_deque_pop(&deque, &value) && value == 3);
    CU_ASSERT_TRUE(tal_deque_pop(&deque, &value) && value == 2);
    CU_ASSERT_FALSE(tal_deque_pop(&deque, &value));
    CU_ASSERT_EQUAL(tal_deque_count(&deque), 0);
}

static void a_full_deque_refuses_and_goes_on(void)
{
    static tal_deque deque;
    tal_deque_init(&deque);
    uint64_t value;
    for (uint64_t round = 0; round < 10; round++) { /* Wraps around. */
        for (uint64_t i = 0; i < TAL_DEQUE_CAPACITY; i++)
            CU_ASSERT_TRUE(tal_deque_push(&deque, i));
        CU_ASSERT_FALSE(tal_deque_push(&deque, 7));
        CU_ASSERT(tal_deque_steal(&deque, &value) == TAL_STEAL_DONE && value == 0);
        CU_ASSERT_TRUE(tal_deque_push(&deque, 1000));
        CU_ASSERT_TRUE(tal_deque_pop(&deque, &value) && value == 1000);
        for (uint64_t i = 1; i < TAL_DEQUE_CAPACITY; i++)
            CU_ASSERT(tal_deque_steal(&deque, &value) == TAL_STEAL_DONE && value == i);
        CU_ASSERT_FALSE(tal_deque_pop(&deque, &value));
    }
}

/* A random sequence of calls against a plain array. */
static void one_thread_sees_a_double_ended_queue(void)
{
    static tal_deque deque;
    tal_deque_init(&deque);
    uint64_t model[TAL_DEQUE_CAPACITY];
    size_t count = 0;
    uint64_t value;
    for (uint64_t step = 0; step < 100000; step++) {
        int64_t kind = test_random_in(0, 4);
        if (kind < 2) {
            CU_ASSERT_EQUAL(tal_deque_push(&deque, step), count < TAL_DEQUE_CAPACITY);
            if (count < TAL_DEQUE_CAPACITY)
                model[count++] = step;
        } else if (kind < 4) {
            CU_ASSERT_EQUAL(tal_deque_pop(&deque, &value), count > 0);
            if (count > 0)
                CU_ASSERT_EQUAL(value, model[--count]);
        } else {
            CU_ASSERT_EQUAL(tal_deque_steal(&deque, &value) == TAL_STEAL_DONE, count > 0);
            if (count > 0) {
                CU_ASSERT_EQUAL(value, model[0]);
                memmove(model, model + 1, --count * sizeof(*model));
            }
        }
        CU_ASSERT_EQUAL(tal_deque_count(&deque), count);
    }
}

typedef struct stress {
    tal_deque deque;
    int plain[VALUES]; /* Written before a push, read by who gets the value: no race allowed. */
    atomic_int taken[VALUES];
    atomic_int wrong_count;
    atomic_bool is_over;
} stress;

static void take(stress *state, uint64_t value)
{
    if (value >= VALUES || state->plain[value] != (int)value + 1)
        atomic_fetch_add(&state->wrong_count, 1);
    else
        atomic_fetch_add(&state->taken[value], 1);
}

static void *steal_all(void *context)
{
    stress *state = context;
    bool is_last = false;
    for (;;) {
        uint64_t value;
        tal_steal_result result = tal_deque_steal(&state->deque, &value);
        if (result == TAL_STEAL_DONE)
            take(state, value);
        else if (result == TAL_STEAL_EMPTY && is_last)
            return NULL;
        else
            tal_cpu_relax();
        is_last = atomic_load(&state->is_over);
    }
}

/* The owner pushes in bursts and pops some; thieves take the rest. Again and again for
 * TALARIA_STRESS_SECONDS, once by default. */
static void every_value_goes_to_exactly_one_of_many_threads(void)
{
    const char *seconds = getenv("TALARIA_STRESS_SECONDS");
    uint64_t end_ns = tal_clock_ns() + (uint64_t)((seconds == NULL ? 0.0 : atof(seconds)) * 1e9);
    bool has_more = true;
    stress *state = aligned_alloc(TAL_LINE_BYTES, sizeof(*state) / TAL_LINE_BYTES * TAL_LINE_BYTES +
                                                      TAL_LINE_BYTES);
    CU_ASSERT_PTR_NOT_NULL_FATAL(state);
    for (; has_more; has_more = tal_clock_ns() < end_ns) {
        memset(state, 0, sizeof(*state));
        tal_deque_init(&state->deque);
        pthread_t thieves[THIEVES];
        for (int i = 0; i < THIEVES; i++)
            CU_ASSERT_EQUAL_FATAL(pthread_create(&thieves[i], NULL, steal_all, state), 0);
        uint64_t value;
        for (uint64_t next = 0; next < VALUES;) {
            int64_t burst = test_random_in(1, 8);
            for (; burst > 0 && next < VALUES; burst--) {
                state->plain[next] = (int)next + 1;
                if (!tal_deque_push(&state->deque, next))
                    break;
                next++;
            }
            for (int64_t pops = test_random_in(0, 8); pops > 0; pops--)
                if (tal_deque_pop(&state->deque, &value))
                    take(state, value);
        }
        while (tal_deque_pop(&state->deque, &value))
            take(state, value);
        atomic_store(&state->is_over, true);
        for (int i = 0; i < THIEVES; i++)
            (void)pthread_join(thieves[i], NULL);
        int missing = 0;
        for (size_t i = 0; i < VALUES; i++)
            missing += atomic_load(&state->taken[i]) != 1;
        CU_ASSERT_EQUAL(missing, 0);
        CU_ASSERT_EQUAL(atomic_load(&state->wrong_count), 0);
    }
    free(state);
}

const test_case test_cases[] = {
    TEST_CASE(owner_takes_the_newest_and_thief_the_oldest),
    TEST_CASE(a_full_deque_refuses_and_goes_on),
    TEST_CASE(one_thread_sees_a_double_ended_queue),
    TEST_CASE(every_value_goes_to_exactly_one_of_many_threads),
    {0},
};
