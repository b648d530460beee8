/* A mutex with a name, a rank and a meter.
 *
 * Locks are taken in rising rank only; builds with TAL_SLOW_CHECKS stop at the first that is not
 * (with both names), and know each lock's holder and its last uses. So does a run under `--watch`.
 */
#ifndef TAL_PAR_LOCK_H
#define TAL_PAR_LOCK_H

#include "par/monitor.h"
#include "par/wait.h"

#include <pthread.h>

/* Every rank there is, in the order locks may be taken. Locks of one rank are never held together.
 * The mutexes inside tal_event, the registers of waits and meters and the status message are
 * leaves: nothing is taken under them, so they have no rank. */
typedef enum tal_lock_rank {
    TAL_LOCK_UNRANKED = 0, /* for tests: taken in any order */
    TAL_LOCK_RANK_DEVICE,  /* hits of a device that wait for being entered */
    TAL_LOCK_RANK_HITS,    /* shards of the table of hits */
    TAL_LOCK_RANK_COUNT
} tal_lock_rank;

typedef struct tal_lock {
    pthread_mutex_t mutex;
    const char *name; /* constant text */
    tal_lock_rank rank;
    tal_meter meter; /* acquisitions are counted by the holder */
} tal_lock;

/* The lock stays where it is until tal_lock_deinit. */
void tal_lock_init(tal_lock *lock, const char *name, tal_lock_rank rank);
void tal_lock_deinit(tal_lock *lock);

/* Threads: any, not the holder. Blocks: until the holder releases; noted as a wait. */
void tal_lock_acquire(tal_lock *lock);

/* Threads: the holder. */
void tal_lock_release(tal_lock *lock);

#endif
