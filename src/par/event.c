/* A place to wait for changes; see event.h. */
#include "par/event.h"

#include "base/clock.h"
#include "base/cpu.h"

#include <sched.h>
#include <time.h>

/* Looks before a thread is noted as waiting and yields or parks: about a microsecond. Tests that
 * enumerate interleavings do without. */
#ifndef TAL_EVENT_SPINS
#define TAL_EVENT_SPINS 64
#endif

/* A parked thread looks by itself that often, and gives an announcement that is under way that long
 * before it calls it lost. */
#define SLICE_NS 100000000u
#define GRACE_NS 200000000u

void tal_event_init(tal_event *event, tal_wait_strategy strategy)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    event->strategy = strategy;
    pthread_mutex_init(&event->mutex, NULL);
    pthread_cond_init(&event->changed, &attributes);
    atomic_init(&event->waiter_count, 0);
    atomic_init(&event->epoch, 0);
    pthread_condattr_destroy(&attributes);
}

void tal_event_deinit(tal_event *event)
{
    pthread_cond_destroy(&event->changed);
    pthread_mutex_destroy(&event->mutex);
}

void tal_event_notify(tal_event *event)
{
    if (event->strategy != TAL_WAIT_PARK)
        return;
    /* A read-modify-write, not a load: see the protocol. Pairs with that of park_between_looks. */
    if (atomic_fetch_add_explicit(&event->waiter_count, 0, memory_order_acq_rel) == 0)
        return;
    pthread_mutex_lock(&event->mutex);
    uint64_t epoch = atomic_load_explicit(&event->epoch, memory_order_relaxed);
    atomic_store_explicit(&event->epoch, epoch + 1, memory_order_release);
    pthread_cond_broadcast(&event->changed);
    pthread_mutex_unlock(&event->mutex);
}

/* Sleep until the epoch is no longer `epoch`; false: until_ns passed first. */
static bool park(tal_event *event, uint64_t epoch, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    int code = 0;
    pthread_mutex_lock(&event->mutex);
    while (atomic_load_explicit(&event->epoch, memory_order_acquire) == epoch && code == 0)
        code = pthread_cond_timedwait(&event->changed, &event->mutex, &until);
    bool is_woken = atomic_load_explicit(&event->epoch, memory_order_acquire) != epoch;
    pthread_mutex_unlock(&event->mutex);
    return is_woken;
}

/* A look succeeded though nobody had announced: lost, unless the announcement still comes. */
static void judge_late_look(tal_event *event, uint64_t epoch, const tal_wait_for *what,
                            uint64_t asleep_ns)
{
    if (!tal_wait_is_tracked())
        return;
    if (!park(event, epoch, tal_clock_ns() + GRACE_NS))
        tal_wait_note_lost(what, asleep_ns);
}

static bool park_between_looks(tal_event *event, uint64_t deadline_ns, const tal_wait_for *what,
                               tal_attempt attempt, void *context)
{
    bool is_done = false;
    /* Pairs with that of tal_event_notify. */
    atomic_fetch_add_explicit(&event->waiter_count, 1, memory_order_acq_rel);
    while (!is_done) {
        uint64_t epoch = atomic_load_explicit(&event->epoch, memory_order_acquire);
        is_done = attempt(context);
        uint64_t now = tal_clock_ns();
        if (is_done || now >= deadline_ns)
            break;
        uint64_t until = deadline_ns - now > SLICE_NS ? now + SLICE_NS : deadline_ns;
        if (!park(event, epoch, until) && attempt(context)) {
            judge_late_look(event, epoch, what, tal_clock_ns() - now);
            is_done = true;
        }
    }
    atomic_fetch_sub_explicit(&event->waiter_count, 1, memory_order_relaxed);
    return is_done;
}

static bool run_between_looks(const tal_event *event, uint64_t deadline_ns, tal_attempt attempt,
                              void *context)
{
    for (;;) {
        if (attempt(context))
            return true;
        if (tal_clock_ns() >= deadline_ns)
            return false;
        if (event->strategy == TAL_WAIT_YIELD)
            (void)sched_yield(); /* Cannot fail on Linux. */
        else
            tal_cpu_relax();
    }
}

bool tal_event_wait(tal_event *event, uint64_t deadline_ns, const tal_wait_for *what,
                    tal_attempt attempt, void *context, uint64_t *out_wait_ns)
{
    if (out_wait_ns != NULL)
        *out_wait_ns = 0;
    if (attempt(context))
        return true;
    uint64_t start = tal_clock_ns();
    bool is_done = false;
    for (int i = 0; i < TAL_EVENT_SPINS && !is_done; i++) {
        tal_cpu_relax();
        is_done = attempt(context);
    }
    if (!is_done) {
        tal_wait_mark mark = tal_wait_begin(what);
        if (event->strategy == TAL_WAIT_PARK)
            is_done = park_between_looks(event, deadline_ns, what, attempt, context);
        else
            is_done = run_between_looks(event, deadline_ns, attempt, context);
        tal_wait_end(mark);
    }
    if (out_wait_ns != NULL)
        *out_wait_ns = tal_clock_ns() - start;
    return is_done;
}

uint64_t tal_event_deadline(uint64_t timeout_ns)
{
    uint64_t now = tal_clock_ns();
    return timeout_ns > TAL_WAIT_FOREVER - now ? TAL_WAIT_FOREVER : now + timeout_ns;
}
