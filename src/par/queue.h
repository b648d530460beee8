/* A bounded queue of pointers for many producers and many consumers.
 *
 * First in, first out; bounded; closing ends it: pushes are refused from then on, what is in it can
 * still be taken out. A full queue makes producers wait and so holds them back.
 */
#ifndef TAL_PAR_QUEUE_H
#define TAL_PAR_QUEUE_H

#include "base/status.h"
#include "par/monitor.h"
#include "par/wait.h"

typedef struct tal_queue tal_queue;

typedef enum tal_queue_result {
    TAL_QUEUE_DONE = 0,
    TAL_QUEUE_BUSY,   /* full, or empty: not now (try_), or not before the deadline */
    TAL_QUEUE_CLOSED, /* never again */
} tal_queue_result;

enum { TAL_QUEUE_CAPACITY_MAX = 1 << 24 };

/* Room for `capacity` items (1 to TAL_QUEUE_CAPACITY_MAX), rounded up to a power of two, at least
 * 2. `name` is constant text for the monitor and the watcher; `strategy` says how blocked threads
 * wait. */
tal_status tal_queue_create(const char *name, size_t capacity, tal_wait_strategy strategy,
                            tal_queue **out_queue);

/* No thread may be in it. What is still in it is the caller's. Accepts NULL. */
void tal_queue_destroy(tal_queue *queue);

/* Never block. Threads: any. */
tal_queue_result tal_queue_try_push(tal_queue *queue, void *item);
tal_queue_result tal_queue_try_pop(tal_queue *queue, void **out_item);

/* Block until done, closed, or timeout_ns have passed (TAL_WAIT_FOREVER: no limit). Threads: any.
 */
tal_queue_result tal_queue_push(tal_queue *queue, void *item, uint64_t timeout_ns);
tal_queue_result tal_queue_pop(tal_queue *queue, uint64_t timeout_ns, void **out_item);

/* May be called again. Wakes everybody. Threads: any. */
void tal_queue_close(tal_queue *queue);
bool tal_queue_is_closed(const tal_queue *queue);

#endif
