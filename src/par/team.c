/* The team of worker threads; see team.h. */
#include "par/team.h"

#include "base/alloc.h"
#include "base/check.h"

#include <omp.h>
#include <sched.h>
#include <stdatomic.h>

struct tal_team {
    int thread_count;
};

tal_status tal_team_create(int thread_count, tal_team **out_team)
{
    TAL_ASSERT(thread_count >= 1);
    tal_team *team = tal_alloc_zero(sizeof(*team));
    if (team == NULL)
        return TAL_ERR_MEMORY;
    team->thread_count = thread_count;
    omp_set_dynamic(0);
    *out_team = team;
    return TAL_OK;
}

void tal_team_destroy(tal_team *team)
{
    tal_free(team);
}

int tal_team_size(const tal_team *team)
{
    return team->thread_count;
}

tal_status tal_team_for(tal_team *team, size_t item_count, tal_item_function function,
                        void *context)
{
    /* Relaxed suffices: items are independent, and the end of the region orders their results. */
    _Atomic size_t next = 0;
    _Atomic int first_failure = TAL_OK;
#pragma omp parallel num_threads(team->thread_count)
    {
        int worker = omp_get_thread_num();
        while (atomic_load_explicit(&first_failure, memory_order_relaxed) == TAL_OK) {
            size_t item = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
            if (item >= item_count)
                break;
            tal_status status = function(context, worker, item);
            int expected = TAL_OK;
            if (status != TAL_OK)
                (void)atomic_compare_exchange_strong(&first_failure, &expected, (int)status);
        }
    }
    return (tal_status)atomic_load(&first_failure);
}

int tal_team_cpu_count(void)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return omp_get_num_procs(); /* More than 1024 CPUs: OpenMP knows. */
    return CPU_COUNT(&cpus);
}
