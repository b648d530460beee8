/* What one worker does while a loop runs: takes items, steals, idles, and knows when all is done.
 *
 * Termination: each worker counts the units it has done in a line of its own; who finds no work
 * adds the counts up. Items are dealt from finite sources and none makes new ones, so the sum
 * reaches the loop's number exactly when the last item ends. No message, no lock and no shared
 * counter per item.
 */
#ifndef TAL_PAR_WORKER_H
#define TAL_PAR_WORKER_H

#include "par/deque.h"
#include "par/schedule.h"
#include "par/team.h"

#include <pthread.h>

/* One worker's own lines. */
typedef struct tal_worker {
    tal_deque deque;
    _Alignas(TAL_LINE_BYTES) _Atomic uint64_t done; /* units of this loop; written by its worker */
    uint64_t chunk;                                 /* units of an item it takes; adaptive */
    uint64_t slice;                                 /* units it runs before it looks at the clock */
    const uint16_t *victims;                        /* the others, nearest first */
    tal_worker_stats stats;
} tal_worker;

/* A running loop. Fields are written before it starts, but for the atomics. */
typedef struct tal_loop_state {
    tal_schedule schedule;
    tal_range_function function;
    void *context;
    tal_worker *workers;
    int worker_count;
    tal_idle idle;
    bool has_stealing;
    double steal_share;
    _Alignas(TAL_LINE_BYTES) _Atomic int failure; /* first status that was not TAL_OK */
    _Atomic bool is_over;                         /* nothing is to be taken any more */
    /* Sleepers: a waker changes `wakes` under the lock when `sleeper_count` is not 0. Who is about
     * to sleep counts itself, then looks for work once more; who makes work visible does that
     * first, then looks for sleepers; a fence on both sides: one of the two sees the other. */
    _Alignas(TAL_LINE_BYTES) _Atomic int sleeper_count;
    pthread_mutex_t lock; /* guards wakes */
    pthread_cond_t awake;
    uint64_t wakes;
} tal_loop_state;

/* Before anything else, and after the last loop. */
tal_status tal_loop_state_init(tal_loop_state *state);
void tal_loop_state_deinit(tal_loop_state *state);

/* Take part until the loop is over. Threads: worker `self`, all of them at once. */
void tal_worker_work(tal_loop_state *state, int self);

#endif
