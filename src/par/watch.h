/* The watcher: a thread that looks at the register of waits and tells who waits for whom when
 * nothing moves any more.
 *
 * It finds: a cycle (threads that wait for locks held by one another: for ever), a stall (somebody
 * waits, and for stall_ns no wait began or ended and no work item was finished anywhere on this
 * rank) and a lost wake-up (what a thread waited for was there and nobody had told it).
 */
#ifndef TAL_PAR_WATCH_H
#define TAL_PAR_WATCH_H

#include "base/buffer.h"
#include "base/status.h"
#include "par/wait.h"

typedef struct tal_watch tal_watch;

typedef enum tal_watch_finding {
    TAL_WATCH_CYCLE = 0,
    TAL_WATCH_STALL,
    TAL_WATCH_LOST_WAKE_UP,
    TAL_WATCH_FINDING_COUNT
} tal_watch_finding;

typedef struct tal_watch_params {
    int rank;
    uint64_t stall_ns; /* must exceed the longest work item and the longest wait that is in order */
    /* Called in the watcher's thread with lines of text (each ended by a newline), once for each
     * cycle or stall. It may end the process. */
    void (*report)(void *context, tal_watch_finding finding, const char *text);
    void *context;
} tal_watch_params;

/* Track waits and look at them from now on. Threads: any. */
tal_status tal_watch_start(const tal_watch_params *params, tal_watch **out_watch);

/* Waits for the watcher's end: at most a few milliseconds. Accepts NULL. */
void tal_watch_stop(tal_watch *watch);

/* Pure: a cycle among waits for locks. out_cycle has room for `count` indices into `threads`: each
 * waits for a lock that the next one holds, the last for one of the first. Returns the length of
 * the cycle found first, 0 when there is none. */
size_t tal_watch_find_cycle(const tal_wait_thread *threads, size_t count, size_t *out_cycle);

/* Append who waits for what, held by whom since when, and the last uses of locks. `now_ns` by
 * tal_clock_ns. */
tal_status tal_watch_describe(const tal_wait_thread *threads, size_t count, int rank,
                              uint64_t now_ns, tal_buffer *text);

#endif
