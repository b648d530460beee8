/* Which worker runs on which CPU, on machines described in text. */
#include "harness.h"

#include "base/alloc.h"
#include "par/placement.h"

#include <stdbool.h>
#include <string.h>

const char test_suite_name[] = "par/placement";

#define LAPTOP  "pack:1 numa:1 l3:1 core:4 pu:2"
#define CLUSTER "pack:2 numa:4 l3:2 core:8 pu:1" /* 2 x 64 cores, 8 NUMA nodes */
#define HYBRID  "pack:1 numa:1 l3:1 core:8 pu:1" /* with two fast cores */

enum { WORKERS_MAX = 256, CPUS_MAX = 128 };

typedef struct question {
    tal_cpu_source machine;
    int rank, rank_count, worker_count;
    tal_affinity mode;
} question;

/* The CPUs' numbers, as hwloc's synthetic machines count them: in order. */
static void ask(const question *asked, tal_cpu *out_places)
{
    tal_cpu *cpus = NULL;
    tal_placement_params params = {.rank = asked->rank,
                                   .rank_count = asked->rank_count,
                                   .worker_count = asked->worker_count,
                                   .mode = asked->mode};
    CU_ASSERT_EQUAL_FATAL(tal_topology_list_cpus(&asked->machine, &cpus, &params.cpu_count),
                          TAL_OK);
    params.cpus = cpus;
    CU_ASSERT_EQUAL_FATAL(tal_placement_find(&params, out_places), TAL_OK);
    tal_free(cpus);
}

static void expect(const question *asked, const int *wanted)
{
    tal_cpu places[WORKERS_MAX];
    ask(asked, places);
    for (int i = 0; i < asked->worker_count; i++) {
        if (places[i].id != wanted[i])
            printf("worker %d: on %d, wanted %d\n", i, places[i].id, wanted[i]);
        CU_ASSERT_EQUAL(places[i].id, wanted[i]);
    }
}

static void a_laptop_uses_every_core_before_second_threads(void)
{
    question asked = {{.synthetic = LAPTOP}, 0, 1, 8, TAL_AFFINITY_COMPACT};
    expect(&asked, (const int[]){0, 2, 4, 6, 1, 3, 5, 7});
    asked.mode = TAL_AFFINITY_SCATTER;
    expect(&asked, (const int[]){0, 2, 4, 6, 1, 3, 5, 7});
    asked.mode = TAL_AFFINITY_NUMA;
    expect(&asked, (const int[]){0, 2, 4, 6, 1, 3, 5, 7});
}

static void more_workers_than_cpus_go_round_again(void)
{
    question asked = {{.synthetic = "core:2 pu:1"}, 0, 1, 5, TAL_AFFINITY_COMPACT};
    expect(&asked, (const int[]){0, 1, 0, 1, 0});
    asked.mode = TAL_AFFINITY_NUMA;
    expect(&asked, (const int[]){0, 1, 0, 1, 0});
}

static void compact_stays_close_and_scatter_goes_apart(void)
{
    question asked = {{.synthetic = CLUSTER}, 0, 1, 10, TAL_AFFINITY_COMPACT};
    expect(&asked, (const int[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    /* Packages, then NUMA nodes, then caches, then cores. */
    asked.mode = TAL_AFFINITY_SCATTER;
    expect(&asked, (const int[]){0, 64, 16, 80, 32, 96, 48, 112, 8, 72});
}

static void numa_gives_every_node_a_run_of_workers(void)
{
    question asked = {{.synthetic = CLUSTER}, 0, 1, 16, TAL_AFFINITY_NUMA};
    int wanted[16];
    for (int i = 0; i < 16; i++)
        wanted[i] = i / 2 * 16 + i % 2;
    expect(&asked, wanted);
    asked.worker_count = 3; /* Fewer workers than nodes: nodes apart. */
    expect(&asked, (const int[]){16, 64, 96});
}

/* Every rank's workers stay in a part of its own; all cores are used. */
static void ranks_divide_a_node_without_overlap(void)
{
    static const char *const machines[] = {LAPTOP, CLUSTER, "pack:2 core:3 pu:2"};
    for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++)
        for (int rank_count = 1; rank_count <= 6; rank_count++)
            for (int mode = 0; mode <= TAL_AFFINITY_NUMA; mode++) {
                int owner[CPUS_MAX];
                memset(owner, -1, sizeof(owner));
                bool is_apart = true;
                for (int rank = 0; rank < rank_count; rank++) {
                    question asked = {
                        {.synthetic = machines[m]}, rank, rank_count, 32, (tal_affinity)mode};
                    tal_cpu places[WORKERS_MAX];
                    ask(&asked, places);
                    for (int i = 0; i < 32; i++) {
                        int *seen = &owner[places[i].id];
                        is_apart = is_apart && (*seen == -1 || *seen == rank);
                        *seen = rank;
                    }
                }
                CU_ASSERT_TRUE(is_apart);
            }
}

static void eight_ranks_of_a_large_node_get_a_numa_node_each(void)
{
    for (int rank = 0; rank < 8; rank++) {
        question asked = {{.synthetic = CLUSTER}, rank, 8, 16, TAL_AFFINITY_COMPACT};
        tal_cpu places[WORKERS_MAX];
        ask(&asked, places);
        for (int i = 0; i < 16; i++) {
            CU_ASSERT_EQUAL(places[i].id, rank * 16 + i);
            CU_ASSERT_EQUAL(places[i].numa, rank);
        }
    }
}

static void more_ranks_than_cpus_share_them(void)
{
    for (int rank = 0; rank < 5; rank++) {
        question asked = {{.synthetic = "core:2 pu:1"}, rank, 5, 1, TAL_AFFINITY_COMPACT};
        tal_cpu places[WORKERS_MAX];
        ask(&asked, places);
        CU_ASSERT_EQUAL(places[0].id, rank % 2);
    }
}

static void fast_cores_come_first_and_ranks_share_them_fairly(void)
{
    tal_cpu_source machine = {.synthetic = HYBRID, .fast = "4-5"};
    question asked = {machine, 0, 1, 8, TAL_AFFINITY_COMPACT};
    expect(&asked, (const int[]){4, 5, 0, 1, 2, 3, 6, 7});
    asked = (question){machine, 0, 2, 4, TAL_AFFINITY_COMPACT};
    expect(&asked, (const int[]){4, 0, 1, 2});
    asked.rank = 1;
    expect(&asked, (const int[]){5, 3, 6, 7});
}

static void workers_stay_within_the_allowed_cpus(void)
{
    /* A job's share of a large node: parts of two NUMA nodes. */
    tal_cpu_source machine = {.synthetic = CLUSTER, .allowed = "14-19,70"};
    question asked = {machine, 0, 1, 7, TAL_AFFINITY_COMPACT};
    expect(&asked, (const int[]){14, 15, 16, 17, 18, 19, 70});
    asked.mode = TAL_AFFINITY_SCATTER;
    asked.worker_count = 4;
    expect(&asked, (const int[]){14, 70, 16, 15});
    /* Only second threads of cores: each is then its core's first. */
    asked = (question){{.synthetic = LAPTOP, .allowed = "1,3"}, 0, 1, 2, TAL_AFFINITY_COMPACT};
    expect(&asked, (const int[]){1, 3});
}

static void no_allowed_cpu_is_a_failure(void)
{
    tal_cpu *cpus = NULL;
    int count = 0;
    tal_cpu_source none = {.synthetic = LAPTOP, .allowed = "64"};
    CU_ASSERT_EQUAL(tal_topology_list_cpus(&none, &cpus, &count), TAL_ERR_INTERNAL);
    CU_ASSERT_PTR_NULL(cpus);
    tal_status_clear();
}

static void this_machine_lists_what_the_process_may_use(void)
{
    tal_cpu *cpus = NULL;
    int count = 0;
    CU_ASSERT_EQUAL_FATAL(tal_topology_list_cpus(&(tal_cpu_source){0}, &cpus, &count), TAL_OK);
    CU_ASSERT(count >= 1);
    tal_free(cpus);
}

static void victims_are_asked_nearest_first(void)
{
    tal_cpu *cpus = NULL;
    int count = 0;
    tal_cpu_source machine = {.synthetic = "pack:2 numa:2 l3:2 core:2 pu:2"};
    CU_ASSERT_EQUAL_FATAL(tal_topology_list_cpus(&machine, &cpus, &count), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(count, 32);
    uint16_t victims[32];
    for (int worker = 0; worker < count; worker++) {
        tal_placement_order_victims(cpus, count, worker, victims);
        uint32_t seen = (uint32_t)1 << worker;
        int before = 0;
        for (int i = 0; i + 1 < count; i++) {
            int distance = (int)tal_placement_distance(&cpus[worker], &cpus[victims[i]]);
            CU_ASSERT(distance >= before);
            before = distance;
            seen |= (uint32_t)1 << victims[i];
        }
        CU_ASSERT_EQUAL(seen, UINT32_MAX);
        /* Its core's other thread, its cache, its node. */
        CU_ASSERT_EQUAL(victims[0], worker ^ 1);
        CU_ASSERT_EQUAL(victims[1] / 4, worker / 4);
        CU_ASSERT_EQUAL(victims[3] / 8, worker / 8);
        CU_ASSERT_EQUAL(before, TAL_DISTANCE_FAR);
    }
    tal_free(cpus);
    tal_placement_order_victims(NULL, 4, 2, victims); /* Nothing known: round from itself. */
    CU_ASSERT(victims[0] == 3 && victims[1] == 0 && victims[2] == 1);
    tal_placement_order_victims(NULL, 1, 0, victims);
}

const test_case test_cases[] = {
    TEST_CASE(a_laptop_uses_every_core_before_second_threads),
    TEST_CASE(more_workers_than_cpus_go_round_again),
    TEST_CASE(compact_stays_close_and_scatter_goes_apart),
    TEST_CASE(numa_gives_every_node_a_run_of_workers),
    TEST_CASE(ranks_divide_a_node_without_overlap),
    TEST_CASE(eight_ranks_of_a_large_node_get_a_numa_node_each),
    TEST_CASE(more_ranks_than_cpus_share_them),
    TEST_CASE(fast_cores_come_first_and_ranks_share_them_fairly),
    TEST_CASE(workers_stay_within_the_allowed_cpus),
    TEST_CASE(no_allowed_cpu_is_a_failure),
    TEST_CASE(this_machine_lists_what_the_process_may_use),
    TEST_CASE(victims_are_asked_nearest_first),
    {0},
};
