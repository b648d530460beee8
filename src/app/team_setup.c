/* The configuration becomes a team; see team_setup.h. */
#include "app/team_setup.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POOL "parallel.threadpool."
#define WORK "parallel.algorithms."

tal_team_params tal_team_setup_params(const tal_conf *conf, int thread_count, const tal_cpu *places)
{
    return (tal_team_params){
        .thread_count = thread_count,
        .stack_bytes = (size_t)tal_conf_int(conf, POOL "stack_size_mb") << 20,
        .places = places,
        .is_pinned = places != NULL && tal_conf_bool(conf, POOL "pin_threads"),
        .idle = (tal_idle)tal_conf_choice(conf, POOL "yield_strategy"),
        .balance = (tal_balance)tal_conf_choice(conf, WORK "load_balancing"),
        .chunk = (uint64_t)tal_conf_int(conf, WORK "chunk_size"),
        .is_adaptive = tal_conf_bool(conf, WORK "dynamic_chunking"),
        .chunk_min = (uint64_t)tal_conf_int(conf, WORK "min_chunk_size"),
        .chunk_max = (uint64_t)tal_conf_int(conf, WORK "max_chunk_size"),
        .has_stealing = tal_conf_bool(conf, POOL "work_stealing"),
        .steal_share = tal_conf_real(conf, WORK "steal_threshold"),
    };
}

tal_status tal_team_setup_places(const tal_run *run, int worker_count, tal_cpu **out_places)
{
    tal_cpu *cpus = NULL;
    tal_cpu *places = NULL;
    tal_placement_params params = {
        .rank = tal_run_sharer_rank(run),
        .rank_count = tal_run_sharer_count(run),
        .worker_count = worker_count,
        .mode = (tal_affinity)tal_conf_choice(tal_run_conf(run), POOL "affinity_mode"),
    };
    tal_status status = tal_topology_list_cpus(&(tal_cpu_source){0}, &cpus, &params.cpu_count);
    if (status != TAL_OK)
        return status;
    places = tal_alloc_array((size_t)params.worker_count, sizeof(*places));
    params.cpus = cpus;
    status = places == NULL ? TAL_ERR_MEMORY : tal_placement_find(&params, places);
    if (status == TAL_OK) {
        *out_places = places;
        places = NULL; /* Now the caller's. */
    }
    tal_free(places);
    tal_free(cpus);
    return status;
}

/* What keeps workers from being as the configuration says; said once, by rank 0. Collective. */
static void warn_of_trouble(const tal_run *run, const tal_team *team)
{
    uint64_t workers = (uint64_t)tal_team_size(team) * (uint64_t)tal_run_sharer_count(run);
    uint64_t cpus = (uint64_t)tal_team_cpu_count();
    size_t wanted = (size_t)tal_conf_int(tal_run_conf(run), POOL "stack_size_mb") << 20;
    size_t given = tal_team_stack_bytes(team);
    bool is_pinned = tal_conf_bool(tal_run_conf(run), POOL "pin_threads");
    /* The most crowded CPUs: workers above CPUs, packed with them so that one maximum finds both.
     */
    uint64_t worst[] = {
        workers > cpus ? (workers - cpus) << 40 | workers << 20 | cpus : 0,
        given > 0 && given < wanted ? wanted - given : 0,
        is_pinned ? (uint64_t)(tal_team_size(team) - tal_team_pinned_count(team)) : 0,
    };
    tal_comm_max_u64(tal_run_comm(run), worst, sizeof(worst) / sizeof(worst[0]));
    if (worst[0] > 0)
        tal_log(TAL_LOG_WARN,
                "%" PRIu64 " workers share %" PRIu64 " CPUs; fewer threads (--threads) or ranks "
                "per node, or yield_strategy = \"park\", use them better",
                worst[0] >> 20 & 0xfffff, worst[0] & 0xfffff);
    if (worst[1] > 0)
        tal_log(TAL_LOG_WARN,
                "workers' stacks are %" PRIu64 " KiB smaller than stack_size_mb says: "
                "OMP_STACKSIZE is set; unset it",
                worst[1] >> 10);
    if (worst[2] > 0)
        tal_log(TAL_LOG_WARN,
                "the system does not bind %" PRIu64 " workers of a rank to their CPUs; "
                "pin_threads = false asks for nothing",
                worst[2]);
}

tal_status tal_team_setup_size(const tal_run *run, int worker_count, tal_team **out_team)
{
    tal_cpu *places = NULL;
    tal_status status = tal_team_setup_places(run, worker_count, &places);
    if (status == TAL_OK) {
        tal_team_params params = tal_team_setup_params(tal_run_conf(run), worker_count, places);
        status = tal_team_create(&params, out_team);
    }
    tal_free(places);
    return status;
}

tal_status tal_team_setup(const tal_run *run, tal_team **out_team)
{
    tal_team *team = NULL;
    tal_status status = tal_team_setup_size(run, tal_run_thread_count(run), &team);
    status = tal_comm_agree(tal_run_comm(run), status);
    if (status != TAL_OK) {
        tal_team_destroy(team);
        return status;
    }
    warn_of_trouble(run, team);
    *out_team = team;
    return TAL_OK;
}

void tal_team_setup_describe(const tal_cpu *places, int count, char *out_text, size_t bytes)
{
    TAL_ASSERT(bytes >= 16);
    size_t used = 0;
    out_text[0] = '\0';
    for (int begin = 0; begin < count;) {
        int end = begin + 1;
        while (end < count && places[end].id == places[end - 1].id + 1)
            end++;
        char run[32];
        int len = end == begin + 1
                      ? snprintf(run, sizeof(run), "%s%d", begin == 0 ? "" : ",", places[begin].id)
                      : snprintf(run, sizeof(run), "%s%d-%d", begin == 0 ? "" : ",",
                                 places[begin].id, places[end - 1].id);
        if (used + (size_t)len + 4 > bytes) { /* Keep room for the dots. */
            memcpy(out_text + used, "...", 4);
            return;
        }
        memcpy(out_text + used, run, (size_t)len + 1);
        used += (size_t)len;
        begin = end;
    }
}
