/* The team of worker threads. */
#include "harness.h"
#include "team_of.h"

#include "base/alloc.h"
#include "par/team.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

const char test_suite_name[] = "par/team";

enum { ITEMS_MAX = 5000, TEAM_MAX = 8 };

typedef struct visits {
    atomic_int counts[ITEMS_MAX];
    atomic_int started;
    atomic_int wrong_workers;
    atomic_int running[TEAM_MAX]; /* items each worker is in: never two */
    int team_size;
    size_t failing_item; /* ITEMS_MAX: none */
} visits;

static tal_status visit(void *context, int worker, size_t item)
{
    visits *state = context;
    if (worker < 0 || worker >= state->team_size ||
        atomic_fetch_add(&state->running[worker], 1) != 0) {
        atomic_fetch_add(&state->wrong_workers, 1);
        return TAL_OK;
    }
    atomic_fetch_add(&state->started, 1);
    atomic_fetch_add(&state->counts[item], 1);
    atomic_fetch_sub(&state->running[worker], 1);
    return item == state->failing_item ? TAL_ERR_DATA : TAL_OK;
}

static void each_item_runs_once_on_any_team(void)
{
    static const size_t item_counts[] = {0, 1, 2, 7, 1000, ITEMS_MAX};
    visits *state = tal_alloc(sizeof(*state));
    CU_ASSERT_PTR_NOT_NULL_FATAL(state);
    for (int size = 1; size <= TEAM_MAX; size++) {
        tal_team *team = NULL;
        CU_ASSERT_EQUAL_FATAL(team_of(size, &team), TAL_OK);
        CU_ASSERT_EQUAL(tal_team_size(team), size);
        for (size_t k = 0; k < sizeof(item_counts) / sizeof(item_counts[0]); k++) {
            memset(state, 0, sizeof(*state));
            state->team_size = size;
            state->failing_item = ITEMS_MAX;
            CU_ASSERT_EQUAL(tal_team_for(team, item_counts[k], visit, state), TAL_OK);
            int wrong_count = 0;
            for (size_t i = 0; i < ITEMS_MAX; i++)
                wrong_count += atomic_load(&state->counts[i]) != (i < item_counts[k] ? 1 : 0);
            CU_ASSERT_EQUAL(wrong_count, 0);
            CU_ASSERT_EQUAL(atomic_load(&state->wrong_workers), 0);
        }
        tal_team_destroy(team);
    }
    tal_free(state);
}

static void failure_is_returned_and_stops_further_items(void)
{
    visits *state = tal_alloc(sizeof(*state));
    CU_ASSERT_PTR_NOT_NULL_FATAL(state);
    for (int size = 1; size <= TEAM_MAX; size *= 2) {
        tal_team *team = NULL;
        CU_ASSERT_EQUAL_FATAL(team_of(size, &team), TAL_OK);
        memset(state, 0, sizeof(*state));
        state->team_size = size;
        state->failing_item = 10;
        CU_ASSERT_EQUAL(tal_team_for(team, ITEMS_MAX, visit, state), TAL_ERR_DATA);
        if (size == 1)
            CU_ASSERT_EQUAL(atomic_load(&state->started), 11);
        for (size_t i = 0; i < ITEMS_MAX; i++)
            CU_ASSERT(atomic_load(&state->counts[i]) <= 1);
        CU_ASSERT_EQUAL(atomic_load(&state->counts[10]), 1);
        /* The team works again afterwards. */
        memset(state, 0, sizeof(*state));
        state->team_size = size;
        state->failing_item = ITEMS_MAX;
        CU_ASSERT_EQUAL(tal_team_for(team, 100, visit, state), TAL_OK);
        CU_ASSERT_EQUAL(atomic_load(&state->started), 100);
        tal_team_destroy(team);
    }
    tal_free(state);
}

static tal_status always_fail(void *context, int worker, size_t item)
{
    (void)worker; /* Any worker, any item. */
    (void)item;
    atomic_fetch_add((atomic_int *)context, 1);
    return TAL_ERR_IO;
}

static void when_all_fail_at_most_one_item_per_worker_starts(void)
{
    tal_team *team = NULL;
    CU_ASSERT_EQUAL_FATAL(team_of(4, &team), TAL_OK);
    atomic_int started = 0;
    CU_ASSERT_EQUAL(tal_team_for(team, 1000, always_fail, &started), TAL_ERR_IO);
    CU_ASSERT(atomic_load(&started) >= 1 && atomic_load(&started) <= 4);
    tal_team_destroy(team);
    tal_team_destroy(NULL);
}

static void this_process_may_use_a_cpu(void)
{
    CU_ASSERT(tal_team_cpu_count() >= 1);
}

/* Every policy, chunk size and idle strategy: each unit once, in the order of the ranges. */
static tal_status visit_range(void *context, int worker, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        (void)visit(context, worker, i);
    return TAL_OK;
}

static void each_unit_runs_once_under_every_policy(void)
{
    visits *state = tal_alloc(sizeof(*state));
    CU_ASSERT_PTR_NOT_NULL_FATAL(state);
    for (int mix = 0; mix < 3 * 3 * 2 * 2 * 3; mix++) {
        tal_team_params params = tal_team_params_default(1 + mix % 3);
        params.balance = (tal_balance)(mix / 3 % 3);
        params.idle = (tal_idle)(mix / 36);
        params.has_stealing = mix / 9 % 2 == 1;
        params.is_adaptive = mix / 18 % 2 == 1;
        params.chunk = (uint64_t)test_random_in(1, 200);
        params.chunk_max = 100;
        params.steal_share = (double)test_random_in(0, 4) / 4;
        tal_team *team = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_team_create(&params, &team), TAL_OK);
        for (size_t units = 0; units <= ITEMS_MAX; units = units * 5 + 1) {
            memset(state, 0, sizeof(*state));
            state->team_size = params.thread_count;
            state->failing_item = ITEMS_MAX;
            tal_loop loop = {units, 1, visit_range, state, NULL, NULL};
            CU_ASSERT_EQUAL(tal_team_run(team, &loop), TAL_OK);
            int wrong_count = 0;
            for (size_t i = 0; i < ITEMS_MAX; i++)
                wrong_count += atomic_load(&state->counts[i]) != (i < units ? 1 : 0);
            CU_ASSERT_EQUAL(wrong_count, 0);
            CU_ASSERT_EQUAL(atomic_load(&state->wrong_workers), 0);
        }
        tal_team_destroy(team);
    }
    tal_free(state);
}

static uint64_t count_call(void *context)
{
    atomic_fetch_add((_Atomic int *)context, 1);
    return 2 * TAL_TEAM_MEANWHILE_NS;
}

/* Items that end only once the calling thread has been at its own work twice. */
static tal_status await_calls(void *context, int worker, size_t begin, size_t end)
{
    (void)worker;
    (void)begin;
    (void)end;
    while (atomic_load((_Atomic int *)context) < 2)
        sched_yield();
    return TAL_OK;
}

static void the_calling_thread_has_work_of_its_own_meanwhile(void)
{
    tal_team *team = NULL;
    _Atomic int calls = 0;
    CU_ASSERT_EQUAL_FATAL(team_of(2, &team), TAL_OK);
    tal_loop loop = {.unit_count = 3,
                     .unit_sequences = 1,
                     .function = await_calls,
                     .context = &calls,
                     .meanwhile = count_call,
                     .meanwhile_context = &calls};
    CU_ASSERT_EQUAL(tal_team_run(team, &loop), TAL_OK);
    CU_ASSERT(atomic_load(&calls) >= 2);
    tal_team_destroy(team);
}

const test_case test_cases[] = {
    TEST_CASE(each_item_runs_once_on_any_team),
    TEST_CASE(failure_is_returned_and_stops_further_items),
    TEST_CASE(when_all_fail_at_most_one_item_per_worker_starts),
    TEST_CASE(this_process_may_use_a_cpu),
    TEST_CASE(each_unit_runs_once_under_every_policy),
    TEST_CASE(the_calling_thread_has_work_of_its_own_meanwhile),
    {0},
};
