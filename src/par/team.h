/* The team of worker threads of one rank. The only place that knows OpenMP.
 *
 * Workers are the threads of one OpenMP region that lives as long as the team; between loops they
 * sleep. The thread that calls is not one of them: it waits, asleep, until a loop is done, so that
 * workers have the stacks and CPUs they were given and the main thread stays free to move.
 */
#ifndef TAL_PAR_TEAM_H
#define TAL_PAR_TEAM_H

#include "base/status.h"
#include "base/types.h"
#include "par/schedule.h"
#include "par/topology.h"

typedef struct tal_team tal_team;

enum {
    TAL_TEAM_SIZE_MAX = 4096,
    TAL_WORKER_NAME_BYTES = 16, /* what Linux keeps of a thread's name */
};

/* What a worker does that finds no work while a loop runs; in the order of the configuration's
 * choices. Between loops workers sleep whatever is said here. */
typedef enum tal_idle {
    TAL_IDLE_SPIN = 0, /* look again at once: quickest, uses its CPU */
    TAL_IDLE_YIELD,    /* let others run, then look again */
    TAL_IDLE_PARK,     /* sleep until there is work: uses no CPU */
} tal_idle;

typedef struct tal_team_params {
    int thread_count;      /* 1 to TAL_TEAM_SIZE_MAX */
    size_t stack_bytes;    /* of each worker; 0: the system's default */
    const tal_cpu *places; /* the CPU of each worker, for stealing nearest first; NULL: unknown */
    bool is_pinned;        /* bind each worker to its place */
    tal_idle idle;
    tal_balance balance;
    uint64_t chunk; /* sequences of one item; of the first when adaptive */
    bool is_adaptive;
    uint64_t chunk_min, chunk_max; /* of an adaptive or guided item */
    bool has_stealing;
    double steal_share; /* of what a victim has, one steal takes at most; 0 to 1; 0 takes nothing */
} tal_team_params;

/* Items of one unit, dynamic, stealing, parked when idle; not pinned. */
tal_team_params tal_team_params_default(int thread_count);

/* Start the workers, named "tal-worker-0", ... Release with tal_team_destroy. TAL_ERR_INTERNAL when
 * OpenMP gives fewer threads (OMP_THREAD_LIMIT). Threads: main. */
tal_status tal_team_create(const tal_team_params *params, tal_team **out_team);

/* Ends the workers. */
void tal_team_destroy(tal_team *team);

int tal_team_size(const tal_team *team);

/* The smallest stack a worker has, as the system says; 0: unknown. */
size_t tal_team_stack_bytes(const tal_team *team);

/* Workers that were bound to their place. */
int tal_team_pinned_count(const tal_team *team);

/* One unit of work. Runs on worker `worker` (0 <= worker < size). */
typedef tal_status (*tal_item_function)(void *context, int worker, size_t item);

/* The units [begin, end), begin < end. */
typedef tal_status (*tal_range_function)(void *context, int worker, size_t begin, size_t end);

typedef struct tal_loop {
    size_t unit_count;       /* at most TAL_UNITS_MAX */
    uint64_t unit_sequences; /* what one unit counts as in chunk sizes; >= 1 */
    tal_range_function function;
    void *context;
    /* Called by the calling thread now and then while the workers work, for what only that thread
     * may do: first after TAL_TEAM_MEANWHILE_NS, then after as many ns as it returned, at most
     * TAL_TEAM_MEANWHILE_NS_MAX. Each call takes a core from a worker for a moment. May be NULL. */
    uint64_t (*meanwhile)(void *context);
    void *meanwhile_context;
} tal_loop;

#define TAL_TEAM_MEANWHILE_NS     1000000
#define TAL_TEAM_MEANWHILE_NS_MAX 100000000

/* Run the loop's units, each once. Items are taken in rising order; with one worker they run in
 * rising order. After a failure no further items start; the failure that came first is returned.
 * Blocks until all running items are done. Threads: main only. */
tal_status tal_team_run(tal_team *team, const tal_loop *loop);

/* The same for a function of single units that count as one sequence each, except that items of
 * work are single units whatever the chunk sizes say: for units that are long themselves. */
tal_status tal_team_for(tal_team *team, size_t item_count, tal_item_function function,
                        void *context);

/* What a worker did since it was started. */
typedef struct tal_worker_stats {
    uint64_t items, units;
    uint64_t steals; /* times it got something from another worker */
    uint64_t stolen_items;
    uint64_t parks, yields, spins; /* what it did when it found nothing */
    uint64_t idle_ns;              /* in loops, without work */
    uint64_t busy_ns;              /* in loops, otherwise */
    uint64_t chunk_units;          /* size of its last adaptive item */
} tal_worker_stats;

/* Valid between loops. Threads: main. */
tal_worker_stats tal_team_stats(const tal_team *team, int worker);

/* Threads this process may use: the cpuset it is bound to. */
int tal_team_cpu_count(void);

#endif
