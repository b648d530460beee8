/* The queue in every interleaving of small cases.
 *
 * Of a queue's history it is checked that nothing comes out that did not go in, nothing twice, and
 * nothing that was overtaken (T. Henzinger, A. Sezgin, V. Vafeiadis, Aspect-oriented
 * linearizability proofs, 2013). The fourth aspect, that "empty" is said only when it is, does not
 * hold for this queue, and its contract does not promise it: a producer between two steps hides
 * later items.
 */
#include "harness.h"
#include "interleave.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "par/event.h"
#include "par/monitor.h"
#include "par/queue.h"
#include "par/wait.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The steps themselves; one after the other in one system thread, so any order does. */
#ifdef __clang__
#define RAW_LOAD(object)         __c11_atomic_load(object, __ATOMIC_SEQ_CST)
#define RAW_STORE(object, value) __c11_atomic_store(object, value, __ATOMIC_SEQ_CST)
#define RAW_ADD(object, value)   __c11_atomic_fetch_add(object, value, __ATOMIC_SEQ_CST)
#define RAW_SUB(object, value)   __c11_atomic_fetch_sub(object, value, __ATOMIC_SEQ_CST)
#define RAW_OR(object, value)    __c11_atomic_fetch_or(object, value, __ATOMIC_SEQ_CST)
#define RAW_SWAP(object, old, new) \
    __c11_atomic_compare_exchange_strong(object, old, new, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#else
#define RAW_LOAD(object)         __atomic_load_n(object, __ATOMIC_SEQ_CST)
#define RAW_STORE(object, value) __atomic_store_n(object, value, __ATOMIC_SEQ_CST)
#define RAW_ADD(object, value)   __atomic_fetch_add(object, value, __ATOMIC_SEQ_CST)
#define RAW_SUB(object, value)   __atomic_fetch_sub(object, value, __ATOMIC_SEQ_CST)
#define RAW_OR(object, value)    __atomic_fetch_or(object, value, __ATOMIC_SEQ_CST)
#define RAW_SWAP(object, old, new) \
    __atomic_compare_exchange_n(object, old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#endif

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or_explicit
#undef atomic_compare_exchange_weak_explicit
#define atomic_load_explicit(object, order) (interleave_step(object, false), RAW_LOAD(object))
#define atomic_store_explicit(object, value, order) \
    (interleave_step(object, true), RAW_STORE(object, value))
#define atomic_fetch_add_explicit(object, value, order) \
    (interleave_step(object, true), RAW_ADD(object, value))
#define atomic_fetch_sub_explicit(object, value, order) \
    (interleave_step(object, true), RAW_SUB(object, value))
#define atomic_fetch_or_explicit(object, value, order) \
    (interleave_step(object, true), RAW_OR(object, value))
#define atomic_compare_exchange_weak_explicit(object, old, new, order, otherwise) \
    (interleave_step(object, true), RAW_SWAP(object, old, new))
#define pthread_mutex_lock(mutex)   interleave_lock(mutex)
#define pthread_mutex_unlock(mutex) interleave_unlock(mutex)
#define pthread_cond_timedwait(condition, mutex, until) \
    ((void)(until), interleave_wait(condition, mutex), 0)
#define pthread_cond_broadcast(condition) interleave_broadcast(condition)

/* The real sources, with these hooks. */
#define TAL_EVENT_SPINS 0
#include "par/event.c"
#include "par/queue.c"

const char test_suite_name[] = "par/queue in every interleaving";

enum { CALLS_MAX = 32, ITEMS_MAX = 16 };

/* A push or pop that was done, and the steps it lay between. */
typedef struct call {
    bool is_push;
    int item;
    int begin, end;
} call;

static struct {
    tal_queue *queue;
    tal_wait_strategy strategy;
    int ready_count; /* items in the queue before the threads begin, from ITEMS_MAX down */
    call calls[CALLS_MAX];
    int call_count;
    const char *fault;
    int closed_count;
} history;

static char items[ITEMS_MAX];

static void discard(void);
static tal_queue_result push_item(int item, bool is_blocking);

static void begin(void)
{
    history.call_count = 0;
    history.closed_count = 0;
    history.fault = NULL;
    if (tal_queue_create("small", 2, history.strategy, &history.queue) != TAL_OK)
        abort();
    for (int i = 1; i <= history.ready_count; i++)
        (void)push_item(ITEMS_MAX - i, false);
}

static void discard(void)
{
    tal_queue_destroy(history.queue);
    history.queue = NULL;
}

static void note(bool is_push, int item, int from)
{
    if (history.call_count == CALLS_MAX)
        abort();
    history.calls[history.call_count++] = (call){is_push, item, from, interleave_now()};
}

static tal_queue_result push_item(int item, bool is_blocking)
{
    int from = interleave_now();
    tal_queue_result result = is_blocking
                                  ? tal_queue_push(history.queue, &items[item], TAL_WAIT_FOREVER)
                                  : tal_queue_try_push(history.queue, &items[item]);
    if (result == TAL_QUEUE_DONE)
        note(true, item, from);
    return result;
}

static tal_queue_result pop_item(bool is_blocking)
{
    int from = interleave_now();
    void *item = NULL;
    tal_queue_result result = is_blocking ? tal_queue_pop(history.queue, TAL_WAIT_FOREVER, &item)
                                          : tal_queue_try_pop(history.queue, &item);
    if (result == TAL_QUEUE_DONE)
        note(false, (int)((char *)item - items), from);
    else if (result == TAL_QUEUE_CLOSED)
        history.closed_count++;
    return result;
}

static const call *find_call(bool is_push, int item)
{
    for (int i = 0; i < history.call_count; i++)
        if (history.calls[i].is_push == is_push && history.calls[i].item == item)
            return &history.calls[i];
    return NULL;
}

/* After what is left in the queue has been taken out. */
static const char *judge(void)
{
    int count[2][ITEMS_MAX] = {{0}};
    for (int i = 0; i < history.call_count; i++) {
        const call *seen = &history.calls[i];
        if (seen->item < 0 || seen->item >= ITEMS_MAX)
            return "an item that never was";
        count[seen->is_push][seen->item]++;
    }
    for (int i = 0; i < ITEMS_MAX; i++) {
        if (count[0][i] > 1)
            return "an item came out twice";
        if (count[0][i] != count[1][i])
            return "an item is lost, or came from nowhere";
    }
    for (int a = 0; a < ITEMS_MAX; a++)
        for (int b = 0; b < ITEMS_MAX; b++) {
            if (a == b || count[1][a] == 0 || count[1][b] == 0)
                continue;
            if (find_call(true, a)->end < find_call(true, b)->begin &&
                find_call(false, b)->end < find_call(false, a)->begin)
                return "an item was overtaken";
        }
    return NULL;
}

static const char *check(void)
{
    while (pop_item(false) == TAL_QUEUE_DONE) {
    }
    const char *fault = history.fault != NULL ? history.fault : judge();
    discard();
    return fault;
}

static void expect_none(const char *name, int thread_count, void (*run)(int thread))
{
    interleave_case test = {thread_count, begin, run, check, discard};
    interleave_result result = interleave_run(&test);
    printf("\n    %-40s %8llu schedules, %8llu pruned, up to %d steps", name,
           (unsigned long long)result.schedule_count, (unsigned long long)result.pruned_count,
           result.steps_max);
    if (result.fault != NULL)
        printf(": %s in schedule %llu", result.fault, (unsigned long long)result.fault_schedule);
    CU_ASSERT_PTR_NULL(result.fault);
    CU_ASSERT(result.schedule_count > 1);
}

static void expect_fault(const char *fault, int thread_count, void (*run)(int thread))
{
    interleave_case test = {thread_count, begin, run, check, discard};
    interleave_result result = interleave_run(&test);
    printf("\n    planted: '%s' in schedule %llu", result.fault == NULL ? "none" : result.fault,
           (unsigned long long)result.fault_schedule);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result.fault);
    CU_ASSERT_STRING_EQUAL(result.fault, fault);
}

static void run_two_producers_one_consumer(int thread)
{
    for (int i = 0; i < (thread == 0 ? 1 : 2); i++)
        if (thread < 2)
            (void)push_item(thread * 2 + i, false);
        else
            (void)pop_item(false);
}

static void run_one_producer_two_consumers(int thread)
{
    for (int i = 0; i < (thread == 0 ? 3 : thread); i++)
        if (thread == 0)
            (void)push_item(i, false);
        else
            (void)pop_item(false);
}

/* Everybody does both; the ring's second round begins. */
static void run_two_that_push_and_pop(int thread)
{
    for (int i = 0; i < 2 - thread; i++) {
        (void)push_item(thread * 2 + i, false);
        (void)pop_item(false);
    }
}

static void run_two_and_two(int thread)
{
    if (thread < 2)
        (void)push_item(thread, false);
    else
        (void)pop_item(false);
}

/* One system thread: the sanitizer has nothing to find and follows every change of contexts. */
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

static void attempts_keep_the_order_and_lose_nothing(void)
{
    if (HAS_THREAD_SANITIZER)
        test_skip("one system thread: nothing for the thread sanitizer");
    history.strategy = TAL_WAIT_SPIN;
    expect_none("two producers, one consumer", 3, run_two_producers_one_consumer);
    expect_none("one producer, two consumers", 3, run_one_producer_two_consumers);
    expect_none("two that push and pop", 2, run_two_that_push_and_pop);
    expect_none("two producers, two consumers", 4, run_two_and_two);
}

/* What was pushed before the end comes out before the end is seen. */
static void run_closing(int thread)
{
    if (thread == 0) {
        (void)push_item(0, false);
        (void)push_item(1, false);
    } else if (thread == 1) {
        tal_queue_close(history.queue);
        if (push_item(2, false) != TAL_QUEUE_CLOSED)
            history.fault = "a push after the closing";
    } else {
        for (int i = 0; i < 3; i++)
            if (pop_item(false) == TAL_QUEUE_CLOSED) {
                if (pop_item(false) != TAL_QUEUE_CLOSED)
                    history.fault = "an item after the end";
                break;
            }
    }
}

static void closing_loses_nothing(void)
{
    history.strategy = TAL_WAIT_SPIN;
    expect_none("push, close, pop", 3, run_closing);
}

static void run_parked_consumer(int thread)
{
    if (thread == 0)
        (void)push_item(0, true);
    else if (pop_item(true) != TAL_QUEUE_DONE)
        history.fault = "no item";
}

/* The ring is full: the producer must wait for room. */
static void run_parked_producer(int thread)
{
    if (thread == 0)
        (void)push_item(0, true);
    else if (pop_item(true) != TAL_QUEUE_DONE)
        history.fault = "no item";
}

static void run_parked_until_closed(int thread)
{
    if (thread == 0) {
        (void)push_item(0, true);
        tal_queue_close(history.queue);
    } else {
        while (pop_item(true) == TAL_QUEUE_DONE) {
        }
    }
}

static void parked_threads_are_always_woken(void)
{
    history.strategy = TAL_WAIT_PARK;
    expect_none("parked consumer", 2, run_parked_consumer);
    history.ready_count = 2;
    expect_none("parked producer", 2, run_parked_producer);
    history.ready_count = 0;
    expect_none("parked consumer, closed", 2, run_parked_until_closed);
}

static void put_silently(int item)
{
    int from = interleave_now();
    if (put(history.queue, &items[item]) == TAL_QUEUE_DONE)
        note(true, item, from);
}

/* Not the queue's: tells before the item is there. */
static void run_telling_too_early(int thread)
{
    if (thread == 0) {
        tal_event_notify(&history.queue->has_item);
        put_silently(0);
    } else {
        (void)pop_item(true);
    }
}

static void run_telling_nobody(int thread)
{
    if (thread == 0)
        put_silently(0);
    else
        (void)pop_item(true);
}

/* Not the queue's: moves the head without comparing. */
static void run_taking_without_care(int thread)
{
    if (thread == 0) {
        (void)push_item(0, false);
        (void)push_item(1, false);
        return;
    }
    int from = interleave_now();
    uint64_t head = atomic_load_explicit(&history.queue->head, memory_order_relaxed);
    queue_cell *cell = &history.queue->cells[head & history.queue->mask];
    if (atomic_load_explicit(&cell->turn, memory_order_acquire) != head + 1)
        return;
    void *item = cell->item;
    atomic_store_explicit(&history.queue->head, head + 1, memory_order_relaxed);
    note(false, (int)((char *)item - items), from);
    atomic_store_explicit(&cell->turn, head + 2, memory_order_release);
}

static void planted_faults_are_found(void)
{
    history.strategy = TAL_WAIT_PARK;
    expect_fault("deadlock", 2, run_telling_too_early);
    expect_fault("deadlock", 2, run_telling_nobody);
    history.strategy = TAL_WAIT_SPIN;
    expect_fault("an item came out twice", 3, run_taking_without_care);
}

const test_case test_cases[] = {
    TEST_CASE(attempts_keep_the_order_and_lose_nothing),
    TEST_CASE(closing_loses_nothing),
    TEST_CASE(parked_threads_are_always_woken),
    TEST_CASE(planted_faults_are_found),
    {0},
};
