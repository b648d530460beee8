/* The team of worker threads; see team.h. What they do in a loop is in worker.c.
 *
 * A host thread of the team's own opens one OpenMP region and stays in it as worker 0. OpenMP
 * offers no call that sets the stack of its threads, and OMP_STACKSIZE is read before main begins:
 * GNU's runtime makes threads with the process's default attributes, which are changed while the
 * region opens; LLVM's has kmp_set_stacksize_s, which counts until it has made its first threads.
 * Where the environment sets OMP_STACKSIZE, GNU's runtime obeys that instead: tal_team_stack_bytes
 * says what came of it.
 */
#include "par/team.h"

#include "base/alloc.h"
#include "base/check.h"
#include "par/placement.h"
#include "par/worker.h"

#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NS_PER_SECOND = 1000000000 };

/* LLVM's OpenMP runtime has it, GNU's has not. */
extern void kmp_set_stacksize_s(size_t bytes) __attribute__((weak));

struct tal_team {
    tal_team_params params;
    tal_cpu *places; /* NULL: unknown */
    uint16_t *victims;
    tal_worker *workers;
    tal_deal *deals;
    tal_loop_state state;
    bool has_job, has_lock, has_host;
    pthread_t host;
    /* Guarded by `lock`. */
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* workers wait: a new loop, or the end */
    pthread_cond_t finished; /* the caller waits: all have started, or left the loop */
    uint64_t loop_count;     /* loops started */
    int waiting_count;       /* workers that wait for a loop */
    int given_count;         /* threads OpenMP gave; -1: not known yet */
    bool is_ending;
    size_t stack_bytes; /* smallest */
    int pinned_count;
};

tal_team_params tal_team_params_default(int thread_count)
{
    return (tal_team_params){
        .thread_count = thread_count,
        .idle = TAL_IDLE_PARK,
        .balance = TAL_BALANCE_DYNAMIC,
        .chunk = 1,
        .chunk_min = 1,
        .chunk_max = 1,
        .has_stealing = true,
        .steal_share = 0.5,
    };
}

static bool pin_to(int cpu)
{
    cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);
    if (set == NULL)
        return false;
    size_t bytes = CPU_ALLOC_SIZE((size_t)cpu + 1);
    CPU_ZERO_S(bytes, set);
    CPU_SET_S((size_t)cpu, bytes, set);
    bool is_done = sched_setaffinity(0, bytes, set) == 0;
    CPU_FREE(set);
    return is_done;
}

/* 0: the system does not say. */
static size_t own_stack_bytes(void)
{
    pthread_attr_t attributes;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return 0;
    if (pthread_attr_getstacksize(&attributes, &bytes) != 0)
        bytes = 0;
    (void)pthread_attr_destroy(&attributes); /* Cannot fail. */
    return bytes;
}

/* Name, CPU and stack of the calling worker. */
static void settle_worker(tal_team *team, int worker)
{
    char name[TAL_WORKER_NAME_BYTES];
    (void)snprintf(name, sizeof(name), "tal-worker-%d", worker);
    (void)pthread_setname_np(pthread_self(), name); /* For people only. */
    bool is_pinned = team->params.is_pinned && pin_to(team->places[worker].id);
    size_t stack_bytes = own_stack_bytes();
    (void)pthread_mutex_lock(&team->lock);
    team->pinned_count += is_pinned ? 1 : 0;
    if (worker == 0 || stack_bytes < team->stack_bytes)
        team->stack_bytes = stack_bytes;
    (void)pthread_mutex_unlock(&team->lock);
}

/* Loops, one after the other, until the team ends. */
static void serve(tal_team *team, int worker)
{
    uint64_t seen = 0;
    (void)pthread_mutex_lock(&team->lock);
    for (;;) {
        if (++team->waiting_count == team->params.thread_count)
            (void)pthread_cond_signal(&team->finished);
        while (team->loop_count == seen && !team->is_ending)
            (void)pthread_cond_wait(&team->changed, &team->lock);
        if (team->is_ending)
            break;
        seen = team->loop_count;
        (void)pthread_mutex_unlock(&team->lock);
        tal_worker_work(&team->state, worker);
        (void)pthread_mutex_lock(&team->lock);
    }
    (void)pthread_mutex_unlock(&team->lock);
}

static void *host(void *argument)
{
    tal_team *team = argument;
    omp_set_dynamic(0); /* As many threads as asked for. */
#pragma omp parallel num_threads(team->params.thread_count)
    {
        int worker = omp_get_thread_num();
        int given = omp_get_num_threads();
        if (worker == 0) {
            (void)pthread_mutex_lock(&team->lock);
            team->given_count = given;
            (void)pthread_cond_signal(&team->finished);
            (void)pthread_mutex_unlock(&team->lock);
        }
        if (given == team->params.thread_count) {
            settle_worker(team, worker);
            serve(team, worker);
        }
    }
    return NULL;
}

/* Start the host with the wanted stack and, through the defaults, its fellows. */
static tal_status start_host(tal_team *team)
{
    size_t bytes = team->params.stack_bytes;
    pthread_attr_t before;
    pthread_attr_t wanted;
    bool has_before = pthread_getattr_default_np(&before) == 0;
    bool has_wanted = pthread_attr_init(&wanted) == 0;
    bool is_changed = has_before && has_wanted && bytes > 0 &&
                      pthread_attr_setstacksize(&wanted, bytes) == 0 &&
                      pthread_setattr_default_np(&wanted) == 0;
    if (bytes > 0 && kmp_set_stacksize_s != NULL)
        kmp_set_stacksize_s(bytes);

    /* Signals that ask the program to end are the main thread's to take. */
    sigset_t signals;
    sigset_t signals_before;
    (void)sigemptyset(&signals);
    static const int asking[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++)
        (void)sigaddset(&signals, asking[i]);
    (void)pthread_sigmask(SIG_BLOCK, &signals, &signals_before);
    int error = pthread_create(&team->host, has_wanted ? &wanted : NULL, host, team);
    team->has_host = error == 0;
    if (error == 0) {
        (void)pthread_mutex_lock(&team->lock);
        while (team->given_count < 0 || (team->given_count == team->params.thread_count &&
                                         team->waiting_count < team->given_count))
            (void)pthread_cond_wait(&team->finished, &team->lock);
        (void)pthread_mutex_unlock(&team->lock);
    }
    (void)pthread_sigmask(SIG_SETMASK, &signals_before, NULL);

    if (is_changed)
        (void)pthread_setattr_default_np(&before); /* It was in effect before. */
    if (has_wanted)
        (void)pthread_attr_destroy(&wanted);
    if (has_before)
        (void)pthread_attr_destroy(&before);
    if (error != 0)
        return tal_fail(TAL_ERR_MEMORY, "cannot start worker threads with stacks of %zu bytes: %s",
                        bytes, strerror(error));
    if (team->given_count != team->params.thread_count)
        return tal_fail(TAL_ERR_INTERNAL,
                        "OpenMP gives %d of %d worker threads; ask for fewer, or raise "
                        "OMP_THREAD_LIMIT",
                        team->given_count, team->params.thread_count);
    return TAL_OK;
}

/* Places, victims, workers. */
static tal_status reserve(tal_team *team)
{
    size_t count = (size_t)team->params.thread_count;
    team->victims = tal_alloc_array(count * (count - 1), sizeof(*team->victims));
    team->workers = aligned_alloc(TAL_LINE_BYTES, count * sizeof(*team->workers));
    team->deals = aligned_alloc(TAL_LINE_BYTES, count * sizeof(*team->deals));
    if (team->params.places != NULL)
        team->places = tal_alloc_array(count, sizeof(*team->places));
    if (team->victims == NULL || team->workers == NULL || team->deals == NULL ||
        (team->params.places != NULL && team->places == NULL))
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %zu workers", count);
    if (team->places != NULL)
        memcpy(team->places, team->params.places, count * sizeof(*team->places));
    team->params.places = team->places;
    memset(team->workers, 0, count * sizeof(*team->workers));
    memset(team->deals, 0, count * sizeof(*team->deals));
    for (size_t i = 0; i < count; i++) {
        uint16_t *victims = team->victims + i * (count - 1);
        tal_placement_order_victims(team->places, (int)count, (int)i, victims);
        team->workers[i].victims = victims;
        tal_deque_init(&team->workers[i].deque);
    }
    return TAL_OK;
}

static tal_status make_locks(tal_team *team)
{
    tal_status status = tal_loop_state_init(&team->state);
    team->has_job = status == TAL_OK;
    if (status != TAL_OK)
        return status;
    team->has_lock = pthread_mutex_init(&team->lock, NULL) == 0 &&
                     pthread_cond_init(&team->changed, NULL) == 0 &&
                     pthread_cond_init(&team->finished, NULL) == 0;
    if (!team->has_lock)
        return tal_fail(TAL_ERR_INTERNAL, "cannot make the lock of a team of threads");
    return TAL_OK;
}

tal_status tal_team_create(const tal_team_params *params, tal_team **out_team)
{
    TAL_ASSERT(params->thread_count >= 1);
    TAL_ASSERT(params->thread_count <= TAL_TEAM_SIZE_MAX);
    TAL_ASSERT(params->chunk >= 1);
    TAL_ASSERT(params->chunk_min >= 1);
    TAL_ASSERT(params->chunk_min <= params->chunk_max);
    TAL_ASSERT(params->steal_share >= 0.0);
    TAL_ASSERT(params->steal_share <= 1.0);
    TAL_ASSERT(!params->is_pinned || params->places != NULL);
    tal_team *team = aligned_alloc(TAL_LINE_BYTES, sizeof(*team));
    if (team == NULL)
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get a team of threads");
    memset(team, 0, sizeof(*team));
    team->params = *params;
    team->given_count = -1;
    tal_status status = make_locks(team);
    if (status == TAL_OK)
        status = reserve(team);
    if (status == TAL_OK)
        status = start_host(team);
    if (status != TAL_OK) {
        tal_team_destroy(team);
        return status;
    }
    *out_team = team;
    return TAL_OK;
}

void tal_team_destroy(tal_team *team)
{
    if (team == NULL)
        return;
    if (team->has_host) {
        (void)pthread_mutex_lock(&team->lock);
        team->is_ending = true;
        (void)pthread_cond_broadcast(&team->changed);
        (void)pthread_mutex_unlock(&team->lock);
        (void)pthread_join(team->host, NULL);
    }
    if (team->has_lock) {
        (void)pthread_cond_destroy(&team->finished); /* Nobody waits. */
        (void)pthread_cond_destroy(&team->changed);
        (void)pthread_mutex_destroy(&team->lock);
    }
    if (team->has_job)
        tal_loop_state_deinit(&team->state);
    tal_free(team->places);
    free(team->deals);
    free(team->workers);
    tal_free(team->victims);
    free(team);
}

int tal_team_size(const tal_team *team)
{
    return team->params.thread_count;
}

size_t tal_team_stack_bytes(const tal_team *team)
{
    return team->stack_bytes;
}

int tal_team_pinned_count(const tal_team *team)
{
    return team->pinned_count;
}

tal_worker_stats tal_team_stats(const tal_team *team, int worker)
{
    TAL_ASSERT(worker >= 0);
    TAL_ASSERT(worker < team->params.thread_count);
    return team->workers[worker].stats;
}

/* Sleep until all workers have left the loop; the team's lock is held. Now and then do the loop's
 * other work, without the lock. */
static void await_workers(tal_team *team, const tal_loop *loop)
{
    uint64_t pause_ns = TAL_TEAM_MEANWHILE_NS;
    while (team->waiting_count < team->params.thread_count) {
        if (loop->meanwhile == NULL) {
            (void)pthread_cond_wait(&team->finished, &team->lock);
            continue;
        }
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)pause_ns;
        if (until.tv_nsec >= NS_PER_SECOND) {
            until.tv_sec++;
            until.tv_nsec -= NS_PER_SECOND;
        }
        if (pthread_cond_timedwait(&team->finished, &team->lock, &until) != ETIMEDOUT)
            continue;
        (void)pthread_mutex_unlock(&team->lock);
        pause_ns = loop->meanwhile(loop->meanwhile_context);
        TAL_ASSERT(pause_ns <= TAL_TEAM_MEANWHILE_NS_MAX);
        (void)pthread_mutex_lock(&team->lock);
    }
}

/* Hand the loop to the workers and wait until all have left it. */
static tal_status run_scheduled(tal_team *team, const tal_schedule_params *schedule,
                                const tal_loop *loop)
{
    if (schedule->unit_count == 0)
        return TAL_OK;
    tal_loop_state *state = &team->state;
    tal_schedule_init(&state->schedule, schedule, team->deals);
    state->function = loop->function;
    state->context = loop->context;
    state->workers = team->workers;
    state->worker_count = team->params.thread_count;
    state->idle = team->params.idle;
    state->steal_share = team->params.steal_share;
    state->has_stealing = team->params.has_stealing && state->steal_share > 0.0;
    atomic_store_explicit(&state->failure, TAL_OK, memory_order_relaxed);
    atomic_store_explicit(&state->is_over, false, memory_order_relaxed);
    for (int i = 0; i < state->worker_count; i++) {
        tal_deque_init(&team->workers[i].deque); /* A failure may have left items. */
        atomic_store_explicit(&team->workers[i].done, 0, memory_order_relaxed);
    }

    (void)pthread_mutex_lock(&team->lock); /* Publishes the loop to the workers. */
    team->waiting_count = 0;
    team->loop_count++;
    (void)pthread_cond_broadcast(&team->changed);
    await_workers(team, loop);
    (void)pthread_mutex_unlock(&team->lock);
    return (tal_status)atomic_load_explicit(&state->failure, memory_order_relaxed);
}

tal_status tal_team_run(tal_team *team, const tal_loop *loop)
{
    const tal_team_params *params = &team->params;
    tal_schedule_params schedule = {
        .balance = params->balance,
        .worker_count = params->thread_count,
        .unit_count = loop->unit_count,
        .chunk = tal_schedule_units(params->chunk, loop->unit_sequences),
        .chunk_min = tal_schedule_units(params->chunk_min, loop->unit_sequences),
        .chunk_max = tal_schedule_units(params->chunk_max, loop->unit_sequences),
        .is_adaptive = params->is_adaptive,
    };
    return run_scheduled(team, &schedule, loop);
}

/* A function of single units behind one of ranges. */
typedef struct unit_call {
    tal_item_function function;
    void *context;
} unit_call;

static tal_status call_unit(void *context, int worker, size_t begin, size_t end)
{
    const unit_call *call = context;
    TAL_ASSERT(end == begin + 1);
    return call->function(call->context, worker, begin);
}

tal_status tal_team_for(tal_team *team, size_t item_count, tal_item_function function,
                        void *context)
{
    unit_call call = {function, context};
    tal_schedule_params schedule = {
        .balance = team->params.balance,
        .worker_count = team->params.thread_count,
        .unit_count = item_count,
        .chunk = 1,
        .chunk_min = 1,
        .chunk_max = 1,
    };
    tal_loop loop = {.unit_count = item_count, .function = call_unit, .context = &call};
    return run_scheduled(team, &schedule, &loop);
}

int tal_team_cpu_count(void)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return omp_get_num_procs(); /* More than 1024 CPUs: OpenMP knows. */
    return CPU_COUNT(&cpus);
}
