/* Every interleaving of a few small threads: a stateless model checker for code with atomics,
 * mutexes and condition variables.
 *
 * The code under test is compiled into the test with its atomic operations replaced by hooks; each
 * hook is a point where another thread may go on. Threads are contexts of one system thread.
 * Depth-first over all choices, running the case anew for each; sleep sets (P. Godefroid,
 * Partial-Order Methods for the Verification of Concurrent Systems, 1996) leave out orders that
 * differ only in steps that do not touch the same object. Timed waits never time out, so that a
 * lost wake-up shows as a deadlock.
 *
 * What it proves is for sequentially consistent memory: reorderings that weaker orders would allow
 * are not explored (the thread sanitizer looks at those).
 */
#ifndef TAL_TESTS_PAR_INTERLEAVE_H
#define TAL_TESTS_PAR_INTERLEAVE_H

#include <stdbool.h>
#include <stdint.h>

enum { INTERLEAVE_THREADS_MAX = 4 };

typedef struct interleave_case {
    int thread_count;
    void (*begin)(void);        /* set up, before the threads */
    void (*run)(int thread);    /* one thread; may end at any time */
    const char *(*check)(void); /* after all have ended: what is wrong, or NULL; cleans up */
    void (*discard)(void);      /* clean up instead of check, where threads hang */
} interleave_case;

typedef struct interleave_result {
    uint64_t schedule_count; /* run to the end */
    uint64_t pruned_count;   /* left: the same as another */
    const char *fault;       /* of the first bad schedule, or NULL */
    uint64_t fault_schedule;
    int steps_max;
} interleave_result;

/* Run all schedules, or up to the first fault. "deadlock": threads are left and none can go on. */
interleave_result interleave_run(const interleave_case *test);

/* For hooks. A step on an object; outside of threads nothing. */
void interleave_step(const volatile void *object, bool is_write);
void interleave_lock(const void *mutex);
void interleave_unlock(const void *mutex);
void interleave_wait(const void *condition, const void *mutex);
void interleave_broadcast(const void *condition);

/* Steps of all threads so far in this schedule: when something happened. */
int interleave_now(void);

#endif
