/* The contention monitor: what locks, queues and workers cost, by name.
 *
 * Meters are always kept (a relaxed add to a line that is owned anyway; clocks are read only where
 * a thread waits); idle and steal times of workers only while the monitor is on. Like the register
 * of waits it is a sink of the process, of fixed size.
 */
#ifndef TAL_PAR_MONITOR_H
#define TAL_PAR_MONITOR_H

#include "base/status.h"
#include "base/types.h"

#include <stdatomic.h>

/* Sums over all objects of one name. */
typedef struct tal_meter_values {
    uint64_t acquisitions; /* of locks; pushes and pops of queues; takings of pools */
    uint64_t contentions;  /* those that had to wait */
    uint64_t wait_ns, wait_max_ns;
} tal_meter_values;

/* One object's own. Protocol: relaxed atomics, a sum may lag behind; tal_meter_count is for one
 * writer at a time (the holder of a lock), tal_meter_add for many. */
typedef struct tal_meter {
    _Atomic uint64_t acquisitions, contentions, wait_ns, wait_max_ns;
} tal_meter;

static inline void tal_meter_count(tal_meter *meter)
{
    uint64_t count = atomic_load_explicit(&meter->acquisitions, memory_order_relaxed);
    atomic_store_explicit(&meter->acquisitions, count + 1, memory_order_relaxed);
}

/* One more wait. Threads: any. */
void tal_meter_add_wait(tal_meter *meter, uint64_t wait_ns);

void tal_meter_read(const tal_meter *meter, tal_meter_values *sum);

/* Adds the values of an object to a sum. */
typedef void (*tal_monitor_read)(const void *object, tal_meter_values *sum);

enum { TAL_MONITOR_OBJECTS_MAX = 256, TAL_MONITOR_NAMES_MAX = 32, TAL_MONITOR_WORKERS_MAX = 1024 };

/* Show an object under `name` (constant text) from now on, until tal_monitor_remove, which keeps
 * its sums under the name. At most TAL_MONITOR_OBJECTS_MAX at a time: more are not shown.
 * Threads: any. */
void tal_monitor_add(const char *name, const void *object, tal_monitor_read read);
void tal_monitor_remove(const void *object);

/* Everything of one name, live and past; zero when there was none. */
tal_meter_values tal_monitor_get(const char *name);

/* Workers' times. On: for `worker_count` workers, at most TAL_MONITOR_WORKERS_MAX. Threads: main.
 */
tal_status tal_monitor_start(int worker_count);
void tal_monitor_stop(void);

extern _Atomic bool tal_monitor_flag;
static inline bool tal_monitor_is_on(void)
{
    return atomic_load_explicit(&tal_monitor_flag, memory_order_acquire);
}

/* A worker waited for work, or spent time looking for it at others. No-ops while off: ask
 * tal_monitor_is_on before reading clocks. Threads: the worker. */
void tal_monitor_idle(int worker, uint64_t ns);
void tal_monitor_steal(int worker, uint64_t ns);

typedef struct tal_monitor_worker {
    uint64_t idle_count, idle_ns, steal_count, steal_ns;
} tal_monitor_worker;

/* worker_count of tal_monitor_start; 0 while off. */
int tal_monitor_worker_count(void);
tal_monitor_worker tal_monitor_worker_get(int worker);

#endif
