/* A place to wait for a change that others announce, with nothing lost between look and sleep.
 *
 * Protocol (an eventcount, as in Vyukov's and Folly's): who changes something publishes it first
 * and then calls tal_event_notify; who waits makes its look an `attempt`, which is made again after
 * it is counted as waiting. Both go through `waiter_count` by read-modify-write, so one of them is
 * first: either the announcer sees the waiter, or the waiter's look sees the change.
 */
#ifndef TAL_PAR_EVENT_H
#define TAL_PAR_EVENT_H

#include "par/wait.h"

#include <pthread.h>

typedef struct tal_event {
    _Alignas(TAL_LINE_BYTES) _Atomic uint32_t waiter_count; /* parked or about to be */
    tal_wait_strategy strategy;
    pthread_mutex_t mutex; /* guards changes of epoch; a leaf: nothing is taken under it */
    pthread_cond_t changed;
    _Atomic uint64_t epoch; /* announcements that had waiters */
} tal_event;

void tal_event_init(tal_event *event, tal_wait_strategy strategy);
void tal_event_deinit(tal_event *event);

/* What is waited for may have come. Cost: one atomic read-modify-write, or nothing unless waiters
 * park. Threads: any. */
void tal_event_notify(tal_event *event);

/* One look: true ends the wait. Must not block. */
typedef bool (*tal_attempt)(void *context);

/* Look, and wait between looks as the event's strategy says, until a look succeeds (true) or
 * tal_clock_ns passes deadline_ns (false). out_wait_ns (may be NULL): time from the first to the
 * last look, 0 when the first succeeded. A parked thread looks by itself ten times a second; what
 * it finds then without an announcement is a lost wake-up and noted as such (while waits are
 * tracked). Blocks. Threads: any. */
bool tal_event_wait(tal_event *event, uint64_t deadline_ns, const tal_wait_for *what,
                    tal_attempt attempt, void *context, uint64_t *out_wait_ns);

/* timeout_ns from now as a deadline. */
uint64_t tal_event_deadline(uint64_t timeout_ns);

#endif
