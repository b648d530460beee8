/* The contention monitor; see monitor.h. */
#include "par/monitor.h"

#include "base/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct monitor_object {
    const char *name;
    const void *object;
    tal_monitor_read read;
} monitor_object;

typedef struct monitor_name {
    const char *name;
    tal_meter_values past; /* of objects that are gone */
} monitor_name;

typedef struct worker_lane {
    _Alignas(TAL_LINE_BYTES) _Atomic uint64_t idle_count;
    _Atomic uint64_t idle_ns, steal_count, steal_ns;
} worker_lane;

_Atomic bool tal_monitor_flag;

static struct {
    pthread_mutex_t lock; /* guards objects and names; nothing is taken under it */
    monitor_object objects[TAL_MONITOR_OBJECTS_MAX];
    size_t object_count;
    monitor_name names[TAL_MONITOR_NAMES_MAX];
    size_t name_count;
    worker_lane *lanes; /* written while off only */
    int worker_count;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER};

void tal_meter_add_wait(tal_meter *meter, uint64_t wait_ns)
{
    atomic_fetch_add_explicit(&meter->contentions, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&meter->wait_ns, wait_ns, memory_order_relaxed);
    uint64_t max = atomic_load_explicit(&meter->wait_max_ns, memory_order_relaxed);
    while (max < wait_ns &&
           !atomic_compare_exchange_weak_explicit(&meter->wait_max_ns, &max, wait_ns,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

static void add_values(const tal_meter_values *values, tal_meter_values *sum)
{
    sum->acquisitions += values->acquisitions;
    sum->contentions += values->contentions;
    sum->wait_ns += values->wait_ns;
    if (values->wait_max_ns > sum->wait_max_ns)
        sum->wait_max_ns = values->wait_max_ns;
}

void tal_meter_read(const tal_meter *meter, tal_meter_values *sum)
{
    tal_meter_values values = {
        .acquisitions = atomic_load_explicit(&meter->acquisitions, memory_order_relaxed),
        .contentions = atomic_load_explicit(&meter->contentions, memory_order_relaxed),
        .wait_ns = atomic_load_explicit(&meter->wait_ns, memory_order_relaxed),
        .wait_max_ns = atomic_load_explicit(&meter->wait_max_ns, memory_order_relaxed),
    };
    add_values(&values, sum);
}

void tal_monitor_add(const char *name, const void *object, tal_monitor_read read)
{
    pthread_mutex_lock(&sink.lock);
    if (sink.object_count < TAL_MONITOR_OBJECTS_MAX)
        sink.objects[sink.object_count++] = (monitor_object){name, object, read};
    pthread_mutex_unlock(&sink.lock);
}

/* The row of a name, made when there is room; or NULL. The lock is held. */
static monitor_name *find_name(const char *name)
{
    for (size_t i = 0; i < sink.name_count; i++)
        if (strcmp(sink.names[i].name, name) == 0)
            return &sink.names[i];
    if (sink.name_count == TAL_MONITOR_NAMES_MAX)
        return NULL;
    sink.names[sink.name_count] = (monitor_name){.name = name};
    return &sink.names[sink.name_count++];
}

void tal_monitor_remove(const void *object)
{
    pthread_mutex_lock(&sink.lock);
    for (size_t i = 0; i < sink.object_count; i++) {
        if (sink.objects[i].object != object)
            continue;
        monitor_name *name = find_name(sink.objects[i].name);
        if (name != NULL)
            sink.objects[i].read(object, &name->past);
        sink.objects[i] = sink.objects[--sink.object_count];
        break;
    }
    pthread_mutex_unlock(&sink.lock);
}

tal_meter_values tal_monitor_get(const char *name)
{
    tal_meter_values sum = {0};
    pthread_mutex_lock(&sink.lock);
    for (size_t i = 0; i < sink.name_count; i++)
        if (strcmp(sink.names[i].name, name) == 0)
            add_values(&sink.names[i].past, &sum);
    for (size_t i = 0; i < sink.object_count; i++)
        if (strcmp(sink.objects[i].name, name) == 0)
            sink.objects[i].read(sink.objects[i].object, &sum);
    pthread_mutex_unlock(&sink.lock);
    return sum;
}

tal_status tal_monitor_start(int worker_count)
{
    TAL_ASSERT(worker_count >= 1);
    TAL_ASSERT(!tal_monitor_is_on());
    int count = worker_count < TAL_MONITOR_WORKERS_MAX ? worker_count : TAL_MONITOR_WORKERS_MAX;
    sink.lanes = aligned_alloc(TAL_LINE_BYTES, (size_t)count * sizeof(*sink.lanes));
    if (sink.lanes == NULL)
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get the monitor's counters");
    memset(sink.lanes, 0, (size_t)count * sizeof(*sink.lanes));
    sink.worker_count = count;
    /* Release: whoever sees the flag sees the lanes. */
    atomic_store_explicit(&tal_monitor_flag, true, memory_order_release);
    return TAL_OK;
}

void tal_monitor_stop(void)
{
    if (!tal_monitor_is_on())
        return;
    atomic_store_explicit(&tal_monitor_flag, false, memory_order_release);
    free(sink.lanes);
    sink.lanes = NULL;
    sink.worker_count = 0;
}

/* One writer per lane. */
static void add_relaxed(_Atomic uint64_t *value, uint64_t amount)
{
    uint64_t old = atomic_load_explicit(value, memory_order_relaxed);
    atomic_store_explicit(value, old + amount, memory_order_relaxed);
}

void tal_monitor_idle(int worker, uint64_t ns)
{
    TAL_ASSERT(worker >= 0);
    if (!tal_monitor_is_on() || worker >= sink.worker_count)
        return;
    add_relaxed(&sink.lanes[worker].idle_count, 1);
    add_relaxed(&sink.lanes[worker].idle_ns, ns);
}

void tal_monitor_steal(int worker, uint64_t ns)
{
    TAL_ASSERT(worker >= 0);
    if (!tal_monitor_is_on() || worker >= sink.worker_count)
        return;
    add_relaxed(&sink.lanes[worker].steal_count, 1);
    add_relaxed(&sink.lanes[worker].steal_ns, ns);
}

int tal_monitor_worker_count(void)
{
    return tal_monitor_is_on() ? sink.worker_count : 0;
}

tal_monitor_worker tal_monitor_worker_get(int worker)
{
    TAL_ASSERT(worker < tal_monitor_worker_count());
    const worker_lane *lane = &sink.lanes[worker];
    return (tal_monitor_worker){
        .idle_count = atomic_load_explicit(&lane->idle_count, memory_order_relaxed),
        .idle_ns = atomic_load_explicit(&lane->idle_ns, memory_order_relaxed),
        .steal_count = atomic_load_explicit(&lane->steal_count, memory_order_relaxed),
        .steal_ns = atomic_load_explicit(&lane->steal_ns, memory_order_relaxed),
    };
}
