/* A mutex with a name, a rank and a meter; see lock.h. */
#include "par/lock.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"

#include <stdlib.h>

/* Looks before sleeping: what locks guard takes less than a microsecond. */
enum { SPIN_COUNT = 100 };

void tal_lock_init(tal_lock *lock, const char *name, tal_lock_rank rank)
{
    *lock = (tal_lock){.name = name, .rank = rank};
    pthread_mutex_init(&lock->mutex, NULL); /* Cannot fail with default attributes. */
}

void tal_lock_deinit(tal_lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

static tal_wait_for view_of(const tal_lock *lock)
{
    return (tal_wait_for){TAL_WAIT_LOCK, lock->name, lock};
}

#ifdef TAL_SLOW_CHECKS
static void check_order(const tal_lock *lock)
{
    const char *held;
    int rank = tal_wait_held_rank(&held);
    if (lock->rank == TAL_LOCK_UNRANKED || rank == 0 || rank < (int)lock->rank)
        return;
    tal_log(TAL_LOG_ERROR, "lock order: '%s' (rank %d) is asked for while '%s' (rank %d) is held",
            lock->name, (int)lock->rank, held, rank);
    abort(); /* Our mistake, as an assertion's. */
}
#else
static void check_order(const tal_lock *lock)
{
    (void)lock; /* Checked in builds with TAL_SLOW_CHECKS. */
}
#endif

static void note_acquired(tal_lock *lock)
{
    tal_meter_count(&lock->meter);
    if (!tal_wait_is_tracked())
        return;
    tal_wait_for view = view_of(lock);
    tal_wait_note_held(&view, (int)lock->rank);
}

static void acquire_slowly(tal_lock *lock)
{
    uint64_t start = tal_clock_ns();
    bool is_acquired = false;
    for (int i = 0; i < SPIN_COUNT && !is_acquired; i++) {
        tal_cpu_relax();
        is_acquired = pthread_mutex_trylock(&lock->mutex) == 0;
    }
    if (!is_acquired) {
        tal_wait_for view = view_of(lock);
        tal_wait_mark mark = tal_wait_begin(&view);
        (void)pthread_mutex_lock(&lock->mutex); /* Cannot fail: default attributes. */
        tal_wait_end(mark);
    }
    tal_meter_add_wait(&lock->meter, tal_clock_ns() - start);
}

void tal_lock_acquire(tal_lock *lock)
{
    check_order(lock);
    if (pthread_mutex_trylock(&lock->mutex) != 0)
        acquire_slowly(lock);
    note_acquired(lock);
}

void tal_lock_release(tal_lock *lock)
{
    if (tal_wait_is_tracked())
        tal_wait_note_released(lock);
    (void)pthread_mutex_unlock(&lock->mutex); /* Cannot fail for the holder. */
}
