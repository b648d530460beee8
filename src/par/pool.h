/* A bounded pool of buffers that are used again and again, without locks.
 *
 * The pool is made with all it will ever hold. Who needs one takes it and gives it back; when none
 * is free, takers wait, so that memory is bounded by the pool. Built on tal_queue.
 */
#ifndef TAL_PAR_POOL_H
#define TAL_PAR_POOL_H

#include "par/queue.h"

typedef struct tal_pool tal_pool;

/* item_count (1 to TAL_QUEUE_CAPACITY_MAX) items of item_bytes, zeroed, each on lines of its own.
 * `name` is constant text. */
tal_status tal_pool_create(const char *name, size_t item_count, size_t item_bytes,
                           tal_wait_strategy strategy, tal_pool **out_pool);

/* Frees all items, also those taken. Accepts NULL. */
void tal_pool_destroy(tal_pool *pool);

/* A free item; NULL: closed, or timeout_ns passed (0: looks about a microsecond, does not sleep).
 * Blocks. Threads: any. */
void *tal_pool_acquire(tal_pool *pool, uint64_t timeout_ns);

/* Give an item of this pool back, also when closed. Waits at most for a taker that is between two
 * steps. Threads: any. */
void tal_pool_release(tal_pool *pool, void *item);

/* Nothing can be acquired any more: wakes who waits. */
void tal_pool_close(tal_pool *pool);
bool tal_pool_is_closed(const tal_pool *pool);

/* Item idx < item_count, wherever it is: for set-up and clean-up while nobody uses the pool. */
void *tal_pool_item(const tal_pool *pool, size_t idx);
size_t tal_pool_item_count(const tal_pool *pool);

#endif
