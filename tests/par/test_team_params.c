/* Each parameter of a team is observed from inside its workers. */
#include "harness.h"
#include "team_of.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "par/placement.h"
#include "par/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char test_suite_name[] = "par/team_params";

enum { ITEMS = 60, MIB = 1 << 20 };

static tal_team *create(const tal_team_params *params)
{
    tal_team *team = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_team_create(params, &team), TAL_OK);
    return team;
}

/* Waits until `counter` is `wanted`: no work of others can be missing then. */
static void wait_for(atomic_int *counter, int wanted)
{
    while (atomic_load(counter) < wanted)
        (void)sched_yield();
}

/* All workers are in their item at once, each in one. */
typedef struct muster {
    atomic_int arrived;
    int size;
    size_t stack_bytes[8];
    char names[8][TAL_WORKER_NAME_BYTES];
    cpu_set_t cpus[8];
} muster;

static tal_status report_self(void *context, int worker, size_t item)
{
    (void)item; /* One for each worker. */
    muster *all = context;
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        (void)pthread_attr_getstacksize(&attributes, &all->stack_bytes[worker]);
        (void)pthread_attr_destroy(&attributes);
    }
    (void)pthread_getname_np(pthread_self(), all->names[worker], TAL_WORKER_NAME_BYTES);
    (void)sched_getaffinity(0, sizeof(all->cpus[worker]), &all->cpus[worker]);
    atomic_fetch_add(&all->arrived, 1);
    wait_for(&all->arrived, all->size);
    return TAL_OK;
}

static void call_muster(tal_team *team, muster *all)
{
    memset(all, 0, sizeof(*all));
    all->size = tal_team_size(team);
    CU_ASSERT_EQUAL(tal_team_for(team, (size_t)all->size, report_self, all), TAL_OK);
}

/* The first team of the process: LLVM's runtime keeps the stacks of its first threads. */
static void workers_have_the_stack_they_were_promised(void)
{
    if (getenv("OMP_STACKSIZE") != NULL || getenv("GOMP_STACKSIZE") != NULL) {
        printf("not checked: the environment sets the stack\n");
        return;
    }
    tal_team_params params = tal_team_params_default(3);
    params.stack_bytes = 24 * MIB;
    tal_team *team = create(&params);
    muster all;
    call_muster(team, &all);
    for (int i = 0; i < 3; i++)
        CU_ASSERT(all.stack_bytes[i] >= 24 * MIB && all.stack_bytes[i] < 26 * MIB);
    CU_ASSERT(tal_team_stack_bytes(team) >= 24 * MIB);
    tal_team_destroy(team);
}

static void the_default_stack_of_other_threads_is_left_alone(void)
{
    pthread_attr_t before;
    pthread_attr_t after;
    size_t bytes[2] = {0, 1};
    CU_ASSERT_EQUAL_FATAL(pthread_getattr_default_np(&before), 0);
    tal_team_params params = tal_team_params_default(2);
    params.stack_bytes = 3 * MIB;
    tal_team *team = create(&params);
    CU_ASSERT_EQUAL_FATAL(pthread_getattr_default_np(&after), 0);
    (void)pthread_attr_getstacksize(&before, &bytes[0]);
    (void)pthread_attr_getstacksize(&after, &bytes[1]);
    CU_ASSERT_EQUAL(bytes[0], bytes[1]);
    tal_team_destroy(team);
    (void)pthread_attr_destroy(&before);
    (void)pthread_attr_destroy(&after);
}

static void workers_have_names(void)
{
    tal_team *team = NULL;
    CU_ASSERT_EQUAL_FATAL(team_of(3, &team), TAL_OK);
    muster all;
    call_muster(team, &all);
    for (int i = 0; i < 3; i++) {
        char wanted[TAL_WORKER_NAME_BYTES];
        (void)snprintf(wanted, sizeof(wanted), "tal-worker-%d", i);
        CU_ASSERT_STRING_EQUAL(all.names[i], wanted);
    }
    tal_team_destroy(team);
}

static void pinned_workers_stay_on_their_cpu_and_others_are_left_alone(void)
{
    tal_cpu *cpus = NULL;
    int count = 0;
    CU_ASSERT_EQUAL_FATAL(tal_topology_list_cpus(&(tal_cpu_source){0}, &cpus, &count), TAL_OK);
    tal_cpu places[3];
    const tal_placement_params ask = {
        .cpus = cpus, .cpu_count = count, .rank_count = 1, .worker_count = 3};
    CU_ASSERT_EQUAL_FATAL(tal_placement_find(&ask, places), TAL_OK);
    tal_free(cpus);
    cpu_set_t allowed;
    CU_ASSERT_EQUAL_FATAL(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (int pinned = 0; pinned < 2; pinned++) {
        tal_team_params params = tal_team_params_default(3);
        params.places = places;
        params.is_pinned = pinned == 1;
        tal_team *team = create(&params);
        muster all;
        call_muster(team, &all);
        for (int i = 0; i < 3; i++) {
            CU_ASSERT_EQUAL(CPU_COUNT(&all.cpus[i]), pinned == 1 ? 1 : CPU_COUNT(&allowed));
            CU_ASSERT(CPU_ISSET((size_t)places[i].id, &all.cpus[i]));
        }
        CU_ASSERT_EQUAL(tal_team_pinned_count(team), pinned * 3);
        tal_team_destroy(team);
    }
    cpu_set_t after;
    CU_ASSERT_EQUAL(sched_getaffinity(0, sizeof(after), &after), 0);
    CU_ASSERT_TRUE(CPU_EQUAL(&allowed, &after)); /* The main thread is not moved. */
}

/* Who ran what; item 0 may wait for all others. */
typedef struct ledger {
    int owner[ITEMS];
    atomic_int done_count;
    bool first_waits;
} ledger;

static tal_status enter(void *context, int worker, size_t item)
{
    ledger *book = context;
    book->owner[item] = worker;
    if (item == 0 && book->first_waits)
        wait_for(&book->done_count, ITEMS - 1);
    atomic_fetch_add(&book->done_count, 1);
    return TAL_OK;
}

static void without_stealing_workers_keep_what_they_were_dealt(void)
{
    for (int kind = 0; kind < 2; kind++) { /* A share of 0 takes nothing either. */
        tal_team_params params = tal_team_params_default(3);
        params.balance = TAL_BALANCE_STATIC;
        params.has_stealing = kind == 1;
        params.steal_share = kind == 1 ? 0.0 : 1.0;
        tal_team *team = create(&params);
        for (int round = 0; round < 20; round++) {
            ledger book = {.first_waits = false};
            CU_ASSERT_EQUAL(tal_team_for(team, ITEMS, enter, &book), TAL_OK);
            for (int i = 0; i < ITEMS; i++)
                CU_ASSERT_EQUAL(book.owner[i], i % 3);
        }
        for (int worker = 0; worker < 3; worker++)
            CU_ASSERT_EQUAL(tal_team_stats(team, worker).steals, 0);
        tal_team_destroy(team);
    }
}

/* Whoever has item 0 cannot go on before all others are done: what it was dealt must be taken from
 * it, or this does not end. */
static void with_stealing_others_do_the_work_of_a_busy_worker(void)
{
    for (int idle = 0; idle <= TAL_IDLE_PARK; idle++)
        for (int balance = 0; balance <= TAL_BALANCE_GUIDED; balance++) {
            tal_team_params params = tal_team_params_default(2);
            params.balance = (tal_balance)balance;
            params.idle = (tal_idle)idle;
            tal_team *team = create(&params);
            for (int round = 0; round < 20; round++) {
                ledger book = {.first_waits = true};
                CU_ASSERT_EQUAL(tal_team_for(team, ITEMS, enter, &book), TAL_OK);
                CU_ASSERT_EQUAL(atomic_load(&book.done_count), ITEMS);
            }
            uint64_t steals = tal_team_stats(team, 0).steals + tal_team_stats(team, 1).steals;
            CU_ASSERT(balance != TAL_BALANCE_STATIC || steals > 0);
            tal_team_destroy(team);
        }
}

/* One worker is busy for a while, the other has nothing to do. */
typedef struct vigil {
    atomic_int arrived;
    pthread_t threads[2];
    double cpu_seconds; /* what the idle one used */
} vigil;

static double cpu_seconds_of(pthread_t thread)
{
    clockid_t clock;
    struct timespec used = {0, 0};
    if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0.0;
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

enum { VIGIL_NS = 100000000 };

static tal_status keep_vigil(void *context, int worker, size_t item)
{
    vigil *both = context;
    both->threads[worker] = pthread_self();
    atomic_fetch_add(&both->arrived, 1);
    wait_for(&both->arrived, 2);
    if (item == 1)
        return TAL_OK;
    double before = cpu_seconds_of(both->threads[1 - worker]);
    uint64_t start = tal_clock_ns();
    while (tal_clock_ns() - start < VIGIL_NS)
        tal_cpu_relax();
    both->cpu_seconds = cpu_seconds_of(both->threads[1 - worker]) - before;
    return TAL_OK;
}

static void an_idle_worker_spins_yields_or_parks(void)
{
    for (int idle = 0; idle <= TAL_IDLE_PARK; idle++) {
        tal_team_params params = tal_team_params_default(2);
        params.idle = (tal_idle)idle;
        tal_team *team = create(&params);
        vigil both = {.arrived = 0};
        CU_ASSERT_EQUAL(tal_team_for(team, 2, keep_vigil, &both), TAL_OK);
        tal_worker_stats sum = tal_team_stats(team, 0);
        tal_worker_stats other = tal_team_stats(team, 1);
        sum.parks += other.parks;
        sum.yields += other.yields;
        sum.spins += other.spins;
        CU_ASSERT_EQUAL(sum.parks > 0, idle == TAL_IDLE_PARK);
        CU_ASSERT_EQUAL(sum.yields > 0, idle == TAL_IDLE_YIELD);
        CU_ASSERT(idle != TAL_IDLE_SPIN || sum.spins > 100);
        CU_ASSERT(idle != TAL_IDLE_PARK || both.cpu_seconds < 0.2e-9 * VIGIL_NS);
        CU_ASSERT(sum.idle_ns + other.idle_ns > VIGIL_NS / 2);
        tal_team_destroy(team);
    }
}

/* The sizes of items, as the ranges say. */
typedef struct sizes {
    atomic_int smallest, largest;
    uint64_t unit_ns; /* how long a unit takes */
} sizes;

static tal_status note_size(void *context, int worker, size_t begin, size_t end)
{
    (void)worker; /* One of two. */
    sizes *seen = context;
    int size = (int)(end - begin);
    int largest = atomic_load(&seen->largest);
    while (size > largest && !atomic_compare_exchange_weak(&seen->largest, &largest, size)) {
    }
    int smallest = atomic_load(&seen->smallest);
    while (size < smallest && !atomic_compare_exchange_weak(&seen->smallest, &smallest, size)) {
    }
    uint64_t start = tal_clock_ns();
    while (tal_clock_ns() - start < seen->unit_ns * (end - begin))
        tal_cpu_relax();
    return TAL_OK;
}

static void chunk_sizes_count_sequences(void)
{
    tal_team_params params = tal_team_params_default(2);
    params.chunk = 640;
    tal_team *team = create(&params);
    sizes seen = {.smallest = 1 << 30};
    tal_loop loop = {100 * 10, 64, note_size, &seen, NULL, NULL}; /* 10 units an item. */
    CU_ASSERT_EQUAL(tal_team_run(team, &loop), TAL_OK);
    CU_ASSERT(atomic_load(&seen.smallest) == 10 && atomic_load(&seen.largest) == 10);
    tal_team_destroy(team);
}

static void adaptive_items_grow_when_cheap_and_shrink_when_costly(void)
{
    for (int costly = 0; costly < 2; costly++) {
        tal_team_params params = tal_team_params_default(2);
        params.is_adaptive = true;
        params.chunk = 8;
        params.chunk_min = 2;
        params.chunk_max = 64;
        tal_team *team = create(&params);
        sizes seen = {.smallest = 1 << 30, .unit_ns = costly == 1 ? TAL_ITEM_TARGET_NS : 0};
        tal_loop loop = {costly == 1 ? 100 : 1000000, 1, note_size, &seen, NULL, NULL};
        CU_ASSERT_EQUAL(tal_team_run(team, &loop), TAL_OK);
        CU_ASSERT(costly == 0 || atomic_load(&seen.smallest) <= 2);
        CU_ASSERT(costly == 0 || atomic_load(&seen.largest) <= 8);
        CU_ASSERT(costly == 1 || atomic_load(&seen.largest) == 64);
        tal_team_destroy(team);
    }
}

/* Units that cost a lot come first: what a worker took of them before it knew is cut up. */
static tal_status note_steep(void *context, int worker, size_t begin, size_t end)
{
    (void)worker; /* One of two. */
    sizes *seen = context;
    if (begin < 16 && (int)(end - begin) > atomic_load(&seen->largest))
        atomic_store(&seen->largest, (int)(end - begin));
    uint64_t start = tal_clock_ns();
    while (begin < 16 && tal_clock_ns() - start < 2 * TAL_ITEM_TARGET_NS)
        tal_cpu_relax();
    return TAL_OK;
}

static void items_that_cost_too_much_are_cut(void)
{
    for (int balance = 0; balance <= TAL_BALANCE_GUIDED; balance++) {
        tal_team_params params = tal_team_params_default(2);
        params.balance = (tal_balance)balance;
        params.is_adaptive = true;
        params.chunk = 64;
        params.chunk_min = 2;
        params.chunk_max = 64;
        tal_team *team = create(&params);
        sizes seen = {.smallest = 0};
        tal_loop loop = {1000, 1, note_steep, &seen, NULL, NULL};
        CU_ASSERT_EQUAL(tal_team_run(team, &loop), TAL_OK);
        CU_ASSERT(atomic_load(&seen.largest) <= 4); /* At most doubled once. */
        tal_team_destroy(team);
    }
}

const test_case test_cases[] = {
    TEST_CASE(workers_have_the_stack_they_were_promised),
    TEST_CASE(the_default_stack_of_other_threads_is_left_alone),
    TEST_CASE(workers_have_names),
    TEST_CASE(pinned_workers_stay_on_their_cpu_and_others_are_left_alone),
    TEST_CASE(without_stealing_workers_keep_what_they_were_dealt),
    TEST_CASE(with_stealing_others_do_the_work_of_a_busy_worker),
    TEST_CASE(an_idle_worker_spins_yields_or_parks),
    TEST_CASE(chunk_sizes_count_sequences),
    TEST_CASE(adaptive_items_grow_when_cheap_and_shrink_when_costly),
    TEST_CASE(items_that_cost_too_much_are_cut),
    {0},
};
