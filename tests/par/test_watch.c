/* The watcher: cycles found in pictures of threads, planted faults found and named at run time. */
#include "child.h"
#include "harness.h"

#include "base/clock.h"
#include "par/event.h"
#include "par/lock.h"
#include "par/queue.h"
#include "par/watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char test_suite_name[] = "par/watch";

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

enum { TEXT_BYTES = 16384, EXIT_FOUND = 42 };

/* Thread idx waits for lock `wanted` (or for none: 0) and holds lock `held`. */
static tal_wait_thread picture(int idx, uintptr_t wanted, uintptr_t held)
{
    tal_wait_thread thread = {.idx = idx, .is_waiting = wanted != 0, .turn = 1};
    thread.what = (tal_wait_for){TAL_WAIT_LOCK, "wanted", (const void *)wanted};
    thread.held[0] = (tal_wait_held){(const void *)held, "held", 0};
    thread.held_count = held != 0;
    return thread;
}

static void cycles_of_any_length_are_found(void)
{
    size_t cycle[8];
    tal_wait_thread alone[] = {picture(0, 1, 1)};
    CU_ASSERT_EQUAL(tal_watch_find_cycle(alone, 1, cycle), 1);
    tal_wait_thread ring[] = {picture(0, 0, 9), picture(1, 2, 1), picture(2, 3, 2),
                              picture(3, 1, 3), picture(4, 1, 0)};
    CU_ASSERT_EQUAL_FATAL(tal_watch_find_cycle(ring, 5, cycle), 3);
    CU_ASSERT(cycle[0] == 1 && cycle[1] == 2 && cycle[2] == 3);
    /* The tail leads into the ring and is none of it. */
    tal_wait_thread tail[] = {picture(0, 1, 5), picture(1, 2, 1), picture(2, 1, 2)};
    CU_ASSERT_EQUAL_FATAL(tal_watch_find_cycle(tail, 3, cycle), 2);
    CU_ASSERT(cycle[0] == 1 && cycle[1] == 2);
}

static void chains_and_other_waits_are_no_cycles(void)
{
    size_t cycle[8];
    CU_ASSERT_EQUAL(tal_watch_find_cycle(NULL, 0, cycle), 0);
    tal_wait_thread chain[] = {picture(0, 2, 1), picture(1, 3, 2), picture(2, 0, 3)};
    CU_ASSERT_EQUAL(tal_watch_find_cycle(chain, 3, cycle), 0);
    tal_wait_thread ring[] = {picture(0, 2, 1), picture(1, 1, 2)};
    ring[1].what.kind = TAL_WAIT_ITEM;
    CU_ASSERT_EQUAL(tal_watch_find_cycle(ring, 2, cycle), 0);
    ring[1].what.kind = TAL_WAIT_LOCK;
    ring[1].is_waiting = false;
    CU_ASSERT_EQUAL(tal_watch_find_cycle(ring, 2, cycle), 0);
}

/* What children share; each has its own copy. */
static struct {
    tal_lock left, right;
    tal_queue *queue;
    pthread_barrier_t both_hold;
    atomic_int found[TAL_WATCH_FINDING_COUNT];
} plant;

static void end_when_found(void *context, tal_watch_finding finding, const char *text)
{
    (void)context; /* The text says all. */
    (void)fprintf(stderr, "%s", text);
    (void)fflush(stderr);
    atomic_fetch_add(&plant.found[finding], 1);
    if (finding != TAL_WATCH_LOST_WAKE_UP)
        _exit(EXIT_FOUND);
}

static tal_watch *start_watch(uint64_t stall_ns)
{
    tal_watch_params params = {.rank = 7, .stall_ns = stall_ns, .report = end_when_found};
    tal_watch *watch = NULL;
    if (tal_watch_start(&params, &watch) != TAL_OK)
        _exit(1);
    return watch;
}

static void *lock_right_then_left(void *context)
{
    (void)context; /* The plant is shared. */
    (void)pthread_setname_np(pthread_self(), "gardener");
    tal_lock_acquire(&plant.right);
    (void)pthread_barrier_wait(&plant.both_hold);
    tal_lock_acquire(&plant.left);
    return NULL;
}

static void plant_deadlock(void)
{
    tal_lock_init(&plant.left, "left bed", TAL_LOCK_UNRANKED);
    tal_lock_init(&plant.right, "right bed", TAL_LOCK_UNRANKED);
    pthread_barrier_init(&plant.both_hold, NULL, 2);
    (void)start_watch(60000000000u); /* A cycle is told at once. */
    pthread_t thread;
    (void)pthread_create(&thread, NULL, lock_right_then_left, NULL);
    tal_lock_acquire(&plant.left);
    (void)pthread_barrier_wait(&plant.both_hold);
    tal_lock_acquire(&plant.right);
}

static void a_planted_deadlock_is_found_and_named(void)
{
    static char text[TEXT_BYTES];
    int code = child_run(plant_deadlock, text, sizeof(text));
    if (HAS_THREAD_SANITIZER) { /* It sees the locks' order and may end the child first. */
        CU_ASSERT(code != 0);
        CU_ASSERT(strstr(text, "deadlock") != NULL);
        return;
    }
    CU_ASSERT_EQUAL(code, EXIT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "deadlock on rank 7: 2 threads wait for one another"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "'main' waits for the lock 'right bed' for "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "'gardener' waits for the lock 'left bed' for "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "'main' for "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "'gardener' for "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "; holds 'left bed' for "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "took 'left bed'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "asked for 'right bed'"));
}

static void plant_own_lock(void)
{
    tal_lock_init(&plant.left, "own bed", TAL_LOCK_UNRANKED);
    (void)start_watch(60000000000u);
    tal_lock_acquire(&plant.left);
    tal_lock_acquire(&plant.left);
}

static void a_thread_that_waits_for_itself_is_found(void)
{
    static char text[TEXT_BYTES];
    int code = child_run(plant_own_lock, text, sizeof(text));
    CU_ASSERT(code != 0);
    if (!HAS_THREAD_SANITIZER) {
        CU_ASSERT_EQUAL(code, EXIT_FOUND);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "deadlock on rank 7: 1 threads"));
    }
}

static void plant_stall(void)
{
    if (tal_queue_create("dry well", 2, TAL_WAIT_PARK, &plant.queue) != TAL_OK)
        _exit(1);
    (void)start_watch(300000000u);
    void *item;
    (void)tal_queue_pop(plant.queue, TAL_WAIT_FOREVER, &item);
}

static void a_planted_stall_is_found_and_named(void)
{
    static char text[TEXT_BYTES];
    CU_ASSERT_EQUAL(child_run(plant_stall, text, sizeof(text)), EXIT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "stall on rank 7: nothing has moved for 0."));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "'main' waits for an item of the queue 'dry well' for 0."));
}

/* A flag that is set without a word to the event. */
static struct {
    tal_event event;
    atomic_bool is_set;
} bell;

static bool look_at_bell(void *context)
{
    (void)context; /* There is one bell. */
    return atomic_load(&bell.is_set);
}

static void *set_silently(void *context)
{
    (void)context; /* There is one bell. */
    tal_wait_thread rows[16];
    for (;;) { /* Only when somebody has gone to sleep. */
        size_t count = tal_wait_list(rows, 16);
        for (size_t i = 0; i < count; i++)
            if (rows[i].is_waiting && rows[i].what.object == &bell) {
                struct timespec nap = {0, 20000000};
                (void)nanosleep(&nap, NULL);
                atomic_store(&bell.is_set, true);
                return NULL;
            }
    }
}

static void plant_lost_wake_up(void)
{
    tal_event_init(&bell.event, TAL_WAIT_PARK);
    tal_watch *watch = start_watch(20000000000u);
    pthread_t thread;
    (void)pthread_create(&thread, NULL, set_silently, NULL);
    tal_wait_for what = {TAL_WAIT_ITEM, "silent bell", &bell};
    bool is_done = tal_event_wait(&bell.event, TAL_WAIT_FOREVER, &what, look_at_bell, NULL, NULL);
    for (int i = 0; i < 10000 && atomic_load(&plant.found[TAL_WATCH_LOST_WAKE_UP]) == 0; i++) {
        struct timespec nap = {0, 2000000};
        (void)nanosleep(&nap, NULL);
    }
    (void)pthread_join(thread, NULL);
    tal_watch_stop(watch);
    _exit(is_done && atomic_load(&plant.found[TAL_WATCH_LOST_WAKE_UP]) == 1 ? EXIT_FOUND : 1);
}

static void a_planted_lost_wake_up_is_made_up_for_and_named(void)
{
    static char text[TEXT_BYTES];
    CU_ASSERT_EQUAL(child_run(plant_lost_wake_up, text, sizeof(text)), EXIT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "lost wake-up on rank 7: thread "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "waited for an item of the queue 'silent bell'"));
}

/* Waits longer than the limit, but work goes on. */
static void work_beside_a_waiting_thread(void)
{
    if (tal_queue_create("quiet pond", 2, TAL_WAIT_PARK, &plant.queue) != TAL_OK)
        _exit(1);
    tal_watch *watch = start_watch(500000000u);
    pthread_t thread;
    (void)pthread_create(&thread, NULL, lock_right_then_left, NULL); /* Waits at the barrier. */
    tal_wait_for what = {TAL_WAIT_WORK, "nothing", NULL};
    tal_wait_mark mark = tal_wait_begin(&what);
    for (uint64_t end = tal_clock_ns() + 1500000000u; tal_clock_ns() < end;)
        tal_wait_note_progress();
    tal_wait_end(mark);
    tal_watch_stop(watch);
    _exit(0);
}

static void work_in_progress_is_no_stall(void)
{
    static char text[TEXT_BYTES];
    pthread_barrier_init(&plant.both_hold, NULL, 2);
    tal_lock_init(&plant.right, "right bed", TAL_LOCK_UNRANKED);
    CU_ASSERT_EQUAL(child_run(work_beside_a_waiting_thread, text, sizeof(text)), 0);
    CU_ASSERT_STRING_EQUAL(text, "");
}

static void waits_may_be_nested(void)
{
    tal_wait_track_begin();
    tal_wait_for outer = {TAL_WAIT_RANKS, "outer", NULL};
    tal_wait_for inner = {TAL_WAIT_RANKS, "inner", NULL};
    tal_wait_thread row;
    tal_wait_mark outer_mark = tal_wait_begin(&outer);
    tal_wait_mark inner_mark = tal_wait_begin(&inner);
    CU_ASSERT_FATAL(tal_wait_list(&row, 1) == 1);
    CU_ASSERT(row.is_waiting && strcmp(row.what.name, "inner") == 0);
    CU_ASSERT_STRING_EQUAL(row.name, "main");
    tal_wait_end(inner_mark);
    CU_ASSERT_FATAL(tal_wait_list(&row, 1) == 1);
    CU_ASSERT(row.is_waiting && strcmp(row.what.name, "outer") == 0);
    tal_wait_end(outer_mark);
    CU_ASSERT_FATAL(tal_wait_list(&row, 1) == 1);
    CU_ASSERT_FALSE(row.is_waiting);
    tal_wait_track_end();
}

const test_case test_cases[] = {
    TEST_CASE(cycles_of_any_length_are_found),
    TEST_CASE(chains_and_other_waits_are_no_cycles),
    TEST_CASE(a_planted_deadlock_is_found_and_named),
    TEST_CASE(a_thread_that_waits_for_itself_is_found),
    TEST_CASE(a_planted_stall_is_found_and_named),
    TEST_CASE(a_planted_lost_wake_up_is_made_up_for_and_named),
    TEST_CASE(work_in_progress_is_no_stall),
    TEST_CASE(waits_may_be_nested),
    {0},
};
