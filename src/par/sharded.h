/* An array of locks, each on lines of its own, for a table that many workers write to: entries are
 * dealt to locks by key, so that workers rarely meet.
 */
#ifndef TAL_PAR_SHARDED_H
#define TAL_PAR_SHARDED_H

#include "base/status.h"
#include "par/lock.h"

typedef struct tal_sharded tal_sharded;

/* shard_count >= 1 locks; the monitor shows their sums under `name` (constant text). Only one of
 * them may be held by a thread at a time. */
tal_status tal_sharded_create(const char *name, tal_lock_rank rank, size_t shard_count,
                              tal_sharded **out_sharded);
void tal_sharded_destroy(tal_sharded *sharded);

/* Take the lock that guards `key`, and give it back to tal_lock_release. Threads: any. Blocks:
 * while another thread holds it. */
tal_lock *tal_sharded_acquire(tal_sharded *sharded, size_t key);

#endif
