/* talaria bench contention: what it costs that threads share; see bench.c.
 *
 * All workers of a team meet, then each does the same number of operations; an operation's cost is
 * the mean over workers of the time from the first to the last, divided by the number.
 */
#include "app/bench.h"

#include "app/team_setup.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "par/accum.h"
#include "par/deque.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef enum subject {
    SUBJECT_SHARED = 0,
    SUBJECT_ADJACENT,
    SUBJECT_PADDED,
    SUBJECT_ITEMS,
    SUBJECT_DEQUE,
    SUBJECT_COUNT
} subject;

static const char *const subject_names[SUBJECT_COUNT] = {
    [SUBJECT_SHARED] = "shared counter",     [SUBJECT_ADJACENT] = "adjacent counters",
    [SUBJECT_PADDED] = "padded counters",    [SUBJECT_ITEMS] = "empty items",
    [SUBJECT_DEQUE] = "deque, others steal",
};

typedef struct contest {
    subject subject;
    uint64_t operations;
    int size;
    _Atomic int arrived, left;
    _Atomic uint64_t *counters; /* one for each worker, side by side */
    tal_accum *accum;
    tal_deque *deque;
    _Atomic uint64_t elapsed_ns; /* of all workers */
} contest;

/* Worker 0 pushes and pops, the others steal until it has done. */
static void play_deque(contest *all, size_t part)
{
    uint64_t value;
    if (part != 0) {
        while (atomic_load_explicit(&all->left, memory_order_acquire) == 0)
            if (tal_deque_steal(all->deque, &value) == TAL_STEAL_EMPTY)
                (void)sched_yield();
        return;
    }
    for (uint64_t i = 0; i < all->operations; i++) {
        (void)tal_deque_push(all->deque, i); /* Never full: popped or stolen below. */
        (void)tal_deque_pop(all->deque, &value);
    }
}

static tal_status play(void *context, int worker, size_t part)
{
    contest *all = context;
    atomic_fetch_add(&all->arrived, 1);
    while (atomic_load(&all->arrived) < all->size)
        (void)sched_yield();
    uint64_t start = tal_clock_ns();
    if (all->subject == SUBJECT_DEQUE)
        play_deque(all, part);
    for (uint64_t i = 0; i < all->operations && all->subject != SUBJECT_DEQUE; i++) {
        if (all->subject == SUBJECT_SHARED)
            atomic_fetch_add_explicit(&all->counters[0], 1, memory_order_relaxed);
        else if (all->subject == SUBJECT_ADJACENT)
            atomic_fetch_add_explicit(&all->counters[worker], 1, memory_order_relaxed);
        else
            tal_accum_add(all->accum, worker, 0, 1);
    }
    if (all->subject != SUBJECT_DEQUE || part == 0)
        atomic_fetch_add(&all->elapsed_ns, tal_clock_ns() - start);
    atomic_fetch_add_explicit(&all->left, 1, memory_order_release);
    return TAL_OK;
}

static tal_status do_nothing(void *context, int worker, size_t item)
{
    (void)context;
    (void)worker;
    (void)item;
    return TAL_OK;
}

/* Nanoseconds of one operation. */
static tal_status measure(tal_team *team, contest *all, double *out_ns)
{
    int size = tal_team_size(team);
    tal_status status;
    if (all->subject == SUBJECT_ITEMS) {
        uint64_t start = tal_clock_ns();
        status = tal_team_for(team, (size_t)all->operations * (size_t)size, do_nothing, NULL);
        *out_ns = (double)(tal_clock_ns() - start) / (double)all->operations;
        return status;
    }
    all->size = size;
    atomic_store(&all->arrived, 0);
    atomic_store(&all->left, 0);
    atomic_store(&all->elapsed_ns, 0);
    tal_deque_init(all->deque);
    status = tal_team_for(team, (size_t)size, play, all);
    int timed = all->subject == SUBJECT_DEQUE ? 1 : size;
    *out_ns = (double)atomic_load(&all->elapsed_ns) / timed / (double)all->operations;
    return status;
}

/* All subjects with one thread count; the team deals one part to each worker whatever the policy,
 * because a part ends only when all have begun. */
static tal_status measure_size(const tal_run *run, int threads, tal_buffer *table, tal_buffer *csv)
{
    int repeats = (int)tal_run_int(run, "repeats");
    tal_team *team = NULL;
    contest all = {.operations = (uint64_t)tal_run_int(run, "operations")};
    all.counters = tal_alloc_zero((size_t)threads * sizeof(*all.counters));
    all.deque = aligned_alloc(TAL_LINE_BYTES, sizeof(*all.deque));
    tal_status status = TAL_ERR_MEMORY;
    if (all.counters == NULL || all.deque == NULL)
        goto done;
    status = tal_accum_create(threads, 1, &all.accum);
    if (status == TAL_OK)
        status = tal_team_setup_size(run, threads, &team);
    for (int kind = 0; kind < SUBJECT_COUNT && status == TAL_OK; kind++) {
        double values[TAL_BENCH_REPEATS_MAX];
        all.subject = (subject)kind;
        for (int i = 0; i < repeats && status == TAL_OK; i++)
            status = measure(team, &all, &values[i]);
        if (status != TAL_OK)
            break;
        double median = tal_bench_median(values, repeats);
        status = tal_buffer_printf(table, "  %-22s %7d %10.1f %10.1f %10.1f\n", subject_names[kind],
                                   threads, median, values[0], values[repeats - 1]);
        if (status == TAL_OK)
            status = tal_buffer_printf(csv, "\"%s\",%d,%d,%.2f,%.2f,%.2f\n", subject_names[kind],
                                       threads, repeats, median, values[0], values[repeats - 1]);
    }
done:
    tal_team_destroy(team);
    tal_accum_destroy(all.accum);
    free(all.deque);
    tal_free(all.counters);
    return status;
}

tal_status tal_bench_contention(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    int limit = tal_run_is_given(run, "max-threads") ? (int)tal_run_int(run, "max-threads")
                                                     : 2 * tal_team_cpu_count();
    int counts[TAL_BENCH_STEPS_MAX];
    int count = tal_bench_steps(limit, counts);
    tal_status status = tal_buffer_printf(table,
                                          "Nanoseconds of one operation of each thread\n"
                                          "  %-22s %7s %10s %10s %10s\n",
                                          "subject", "threads", "median", "least", "most");
    if (status == TAL_OK)
        status = tal_buffer_append_text(csv, "subject,threads,repeats,ns_median,ns_min,ns_max\n");
    for (int i = 0; i < count && status == TAL_OK; i++)
        status = measure_size(run, counts[i], table, csv);
    return status;
}
