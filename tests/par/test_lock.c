/* Named locks, sharded locks, the monitor. */
#include "child.h"
#include "harness.h"

#include "base/clock.h"
#include "par/lock.h"
#include "par/monitor.h"
#include "par/sharded.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char test_suite_name[] = "par/lock";

enum { THREADS = 4, TURNS = 20000, KEYS = 10 };

typedef struct table {
    tal_sharded *locks;
    uint64_t counts[KEYS]; /* each guarded by the lock of its index */
} table;

static void *count_often(void *context)
{
    table *shared = context;
    for (size_t i = 0; i < TURNS; i++) {
        tal_lock *lock = tal_sharded_acquire(shared->locks, i % KEYS);
        shared->counts[i % KEYS]++;
        tal_lock_release(lock);
    }
    return NULL;
}

static void sharded_locks_guard_their_keys_and_are_metered(void)
{
    for (size_t shards = 1; shards <= KEYS + 1; shards += 3) {
        tal_meter_values before = tal_monitor_get("test table");
        table shared = {0};
        CU_ASSERT_EQUAL_FATAL(
            tal_sharded_create("test table", TAL_LOCK_RANK_HITS, shards, &shared.locks), TAL_OK);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, count_often, &shared), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < KEYS; i++)
            CU_ASSERT_EQUAL(shared.counts[i], THREADS * TURNS / KEYS);
        for (int is_gone = 0; is_gone < 2; is_gone++) {
            tal_meter_values after = tal_monitor_get("test table");
            CU_ASSERT_EQUAL(after.acquisitions - before.acquisitions, THREADS * TURNS);
            CU_ASSERT(after.contentions - before.contentions <= THREADS * TURNS);
            CU_ASSERT(after.wait_max_ns <= after.wait_ns);
            if (is_gone == 0)
                tal_sharded_destroy(shared.locks);
        }
    }
    tal_sharded_destroy(NULL);
    CU_ASSERT_EQUAL(tal_monitor_get("no such name").acquisitions, 0);
}

static void *acquire_once(void *context)
{
    tal_lock_acquire(context);
    tal_lock_release(context);
    return NULL;
}

static void a_wait_for_a_held_lock_is_metered(void)
{
    tal_lock lock;
    tal_lock_init(&lock, "held", TAL_LOCK_UNRANKED);
    tal_wait_track_begin();
    tal_lock_acquire(&lock);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, acquire_once, &lock), 0);
    /* Until the register says that it waits, for what, and who holds it. */
    bool is_seen = false;
    for (uint64_t end = tal_clock_ns() + 20000000000u; !is_seen && tal_clock_ns() < end;) {
        tal_wait_thread rows[16];
        size_t count = tal_wait_list(rows, 16);
        for (size_t i = 0; i < count; i++)
            is_seen = is_seen || (rows[i].is_waiting && rows[i].what.object == &lock &&
                                  strcmp(rows[i].what.name, "held") == 0);
    }
    CU_ASSERT(is_seen);
    tal_lock_release(&lock);
    pthread_join(thread, NULL);
    tal_lock_acquire(&lock);
    tal_lock_release(&lock);
    tal_meter_values values = {0};
    tal_meter_read(&lock.meter, &values);
    CU_ASSERT_EQUAL(values.acquisitions, 3);
    CU_ASSERT_EQUAL(values.contentions, 1);
    CU_ASSERT(values.wait_ns > 0 && values.wait_ns == values.wait_max_ns);
    tal_wait_log_entry log[TAL_WAIT_LOG_MAX];
    size_t count = tal_wait_log_list(log, TAL_WAIT_LOG_MAX);
    CU_ASSERT_FATAL(count >= 7);
    CU_ASSERT_EQUAL(log[count - 1].access, TAL_WAIT_RELEASED);
    CU_ASSERT_EQUAL(log[count - 2].access, TAL_WAIT_ACQUIRED);
    CU_ASSERT_STRING_EQUAL(log[count - 1].name, "held");
    tal_wait_track_end();
    tal_lock_deinit(&lock);
}

static void take_out_of_order(void)
{
    tal_lock first;
    tal_lock second;
    tal_lock_init(&first, "first", TAL_LOCK_RANK_HITS);
    tal_lock_init(&second, "second", TAL_LOCK_RANK_HITS);
    tal_lock_acquire(&first);
    tal_lock_acquire(&second); /* The same rank: not allowed. */
}

static void checked_builds_stop_at_locks_out_of_order(void)
{
    char text[4096];
    int code = child_run(take_out_of_order, text, sizeof(text));
#ifdef TAL_SLOW_CHECKS
    char expected[128];
    snprintf(expected, sizeof(expected),
             "lock order: 'second' (rank %d) is asked for while 'first' (rank %d)",
             TAL_LOCK_RANK_HITS, TAL_LOCK_RANK_HITS);
    CU_ASSERT(code != 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
#else
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_STRING_EQUAL(text, "");
#endif
}

static void workers_times_add_up_and_are_nothing_while_off(void)
{
    tal_monitor_idle(0, 5);
    tal_monitor_steal(1, 5);
    CU_ASSERT_EQUAL(tal_monitor_worker_count(), 0);
    CU_ASSERT_EQUAL_FATAL(tal_monitor_start(3), TAL_OK);
    CU_ASSERT(tal_monitor_is_on());
    CU_ASSERT_EQUAL(tal_monitor_worker_count(), 3);
    tal_monitor_idle(1, 7);
    tal_monitor_idle(1, 8);
    tal_monitor_steal(2, 9);
    tal_monitor_idle(3, 1000); /* No such worker. */
    CU_ASSERT_EQUAL(tal_monitor_worker_get(0).idle_ns, 0);
    CU_ASSERT_EQUAL(tal_monitor_worker_get(1).idle_ns, 15);
    CU_ASSERT_EQUAL(tal_monitor_worker_get(1).idle_count, 2);
    CU_ASSERT_EQUAL(tal_monitor_worker_get(2).steal_ns, 9);
    CU_ASSERT_EQUAL(tal_monitor_worker_get(2).steal_count, 1);
    tal_monitor_stop();
    tal_monitor_stop();
    CU_ASSERT_FALSE(tal_monitor_is_on());
}

static void objects_beyond_the_limit_are_left_out(void)
{
    enum { MORE = TAL_MONITOR_OBJECTS_MAX + 10 };
    static tal_sharded *many[MORE];
    for (int i = 0; i < MORE; i++) {
        CU_ASSERT_EQUAL_FATAL(tal_sharded_create("many", TAL_LOCK_RANK_HITS, 1, &many[i]), TAL_OK);
        tal_lock_release(tal_sharded_acquire(many[i], 0));
    }
    CU_ASSERT_EQUAL(tal_monitor_get("many").acquisitions, TAL_MONITOR_OBJECTS_MAX);
    for (int i = 0; i < MORE; i++)
        tal_sharded_destroy(many[i]);
    CU_ASSERT_EQUAL(tal_monitor_get("many").acquisitions, TAL_MONITOR_OBJECTS_MAX);
}

/* No claim: numbers for the log. */
static void cost_of_an_acquisition_is_shown(void)
{
    enum { COUNT = 1000000 };
    pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
    tal_lock lock;
    tal_lock_init(&lock, "cheap", TAL_LOCK_UNRANKED);
    double ns[4];
    for (int kind = 0; kind < 4; kind++) {
        if (kind == 2)
            tal_wait_track_begin();
        if (kind == 3)
            tal_wait_track_end();
        uint64_t start = tal_clock_ns();
        for (int i = 0; i < COUNT; i++) {
            if (kind == 0) {
                pthread_mutex_lock(&plain);
                pthread_mutex_unlock(&plain);
            } else if (kind < 3) {
                tal_lock_acquire(&lock);
                tal_lock_release(&lock);
            } else {
                tal_wait_note_progress();
            }
        }
        ns[kind] = (double)(tal_clock_ns() - start) / COUNT;
    }
    printf("\n    mutex %.1f ns, lock %.1f ns, lock while tracked %.1f ns, progress note %.1f ns",
           ns[0], ns[1], ns[2], ns[3]);
    CU_ASSERT(ns[1] > 0);
    tal_lock_deinit(&lock);
}

const test_case test_cases[] = {
    TEST_CASE(cost_of_an_acquisition_is_shown),
    TEST_CASE(sharded_locks_guard_their_keys_and_are_metered),
    TEST_CASE(a_wait_for_a_held_lock_is_metered),
    TEST_CASE(checked_builds_stop_at_locks_out_of_order),
    TEST_CASE(workers_times_add_up_and_are_nothing_while_off),
    TEST_CASE(objects_beyond_the_limit_are_left_out),
    {0},
};
