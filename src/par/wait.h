/* The register of waits: which thread of this process waits for what, and holds which locks.
 *
 * Every wait that may block goes through tal_wait_begin and tal_wait_end. While nothing is tracked
 * they cost one relaxed load. The register is the sink of diagnosis, one for the process like that
 * of the log: a fixed table, one row per thread, written by that thread alone and read by
 * the watcher (par/watch.h).
 *
 * Protocol of a row: `turn` is odd during a wait. The owner stores the fields with release order,
 * then the turn; a reader takes the turn, then the fields, both with acquire order, then the turn
 * again, and drops what changed meanwhile.
 */
#ifndef TAL_PAR_WAIT_H
#define TAL_PAR_WAIT_H

#include "base/types.h"

#include <stdatomic.h>

/* What an idle or blocked thread does; in the order of the configuration's words. */
typedef enum tal_wait_strategy {
    TAL_WAIT_SPIN = 0, /* look again and again: quickest, takes a whole core */
    TAL_WAIT_YIELD,    /* let others run between two looks */
    TAL_WAIT_PARK,     /* sleep until woken: no CPU used */
    TAL_WAIT_STRATEGY_COUNT
} tal_wait_strategy;

/* A deadline that never comes. */
#define TAL_WAIT_FOREVER UINT64_MAX

typedef enum tal_wait_kind {
    TAL_WAIT_LOCK = 0, /* a lock: whoever holds it is known */
    TAL_WAIT_ITEM,     /* something to take out of a queue */
    TAL_WAIT_ROOM,     /* room in a queue */
    TAL_WAIT_THREAD,   /* the end of a thread */
    TAL_WAIT_RANKS,    /* the other ranks, in a collective */
    TAL_WAIT_INPUT,    /* data of a pipe */
    TAL_WAIT_WORK,     /* an idle worker: work */
    TAL_WAIT_KIND_COUNT
} tal_wait_kind;

/* "the lock", "an item of", ...: goes before the name. */
const char *tal_wait_kind_text(tal_wait_kind kind);

/* What is waited for. `name` must be constant text. */
typedef struct tal_wait_for {
    tal_wait_kind kind;
    const char *name;
    const void *object; /* tells objects of one name apart; never followed; may be NULL */
} tal_wait_for;

/* What tal_wait_end needs: the wait around this one, if any. */
typedef struct tal_wait_mark {
    bool is_noted;
    bool has_outer;
    tal_wait_for outer;
    uint64_t outer_since_ns;
} tal_wait_mark;

/* Keep the register from now on; calls are counted. Builds with TAL_SLOW_CHECKS always keep it. */
void tal_wait_track_begin(void);
void tal_wait_track_end(void);

extern _Atomic int tal_wait_track_count;
static inline bool tal_wait_is_tracked(void)
{
#ifdef TAL_SLOW_CHECKS
    return true;
#else
    /* Relaxed: whoever sees the change late is noted late. */
    return atomic_load_explicit(&tal_wait_track_count, memory_order_relaxed) > 0;
#endif
}

/* Around everything that blocks; may be nested. Threads: any. */
tal_wait_mark tal_wait_begin(const tal_wait_for *what);
void tal_wait_end(tal_wait_mark mark);

/* A work item is done: this thread is alive. Cost: one relaxed load while nothing is tracked. */
void tal_wait_note_progress(void);

/* The calling thread holds, or no longer holds, a lock. */
void tal_wait_note_held(const tal_wait_for *lock, int rank);
void tal_wait_note_released(const void *lock);

/* The highest rank among the locks this thread holds, and that lock's name; 0: none with a rank. */
int tal_wait_held_rank(const char **out_name);

/* A wake-up that never came: the wait found by itself that it was over, `late_ns` after. */
void tal_wait_note_lost(const tal_wait_for *what, uint64_t late_ns);

enum { TAL_WAIT_THREADS_MAX = 512, TAL_WAIT_HELD_MAX = 8, TAL_WAIT_NAME_BYTES = 16 };

typedef struct tal_wait_held {
    const void *object;
    const char *name;
    uint64_t since_ns;
} tal_wait_held;

/* One thread as the register sees it. */
typedef struct tal_wait_thread {
    int idx; /* of its row */
    char name[TAL_WAIT_NAME_BYTES];
    bool is_waiting;
    uint64_t turn; /* tells waits of the thread apart */
    tal_wait_for what;
    uint64_t since_ns;
    uint64_t progress_count;
    tal_wait_held held[TAL_WAIT_HELD_MAX];
    int held_count;
} tal_wait_thread;

/* Copy the rows in use, at most `capacity`; each by itself is consistent. Threads: any. */
size_t tal_wait_list(tal_wait_thread *out_threads, size_t capacity);

/* Wake-ups lost so far, and the last of them. */
typedef struct tal_wait_lost {
    uint64_t count;
    tal_wait_for what;
    int idx; /* row of the thread that waited */
    uint64_t late_ns;
} tal_wait_lost;
tal_wait_lost tal_wait_lost_get(void);

/* The last uses of locks, oldest first: who took or gave back what, when. Kept while tracked. */
typedef enum tal_wait_access {
    TAL_WAIT_ACQUIRED = 0,
    TAL_WAIT_RELEASED,
    TAL_WAIT_ASKED, /* and had to wait */
} tal_wait_access;

typedef struct tal_wait_log_entry {
    uint64_t time_ns;
    int idx;
    const char *name;
    const void *object;
    tal_wait_access access;
} tal_wait_log_entry;

enum { TAL_WAIT_LOG_MAX = 256 };
size_t tal_wait_log_list(tal_wait_log_entry *out_entries, size_t capacity);

#endif
