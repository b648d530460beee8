/* Topologies without hardware: hwloc's synthetic descriptions. */
#include "harness.h"

#include "par/team.h"
#include "par/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "par/topology";

static void a_synthetic_machine_is_counted(void)
{
    tal_topology machine;
    CU_ASSERT_EQUAL_FATAL(
        tal_topology_load("pack:2 numa:2 l3:1(size=33554432) core:4 l1d:1(size=32768) pu:2",
                          &machine),
        TAL_OK);
    CU_ASSERT_EQUAL(machine.package_count, 2);
    CU_ASSERT_EQUAL(machine.numa_count, 4);
    CU_ASSERT_EQUAL(machine.core_count, 16);
    CU_ASSERT_EQUAL(machine.thread_count, 32);
    CU_ASSERT_EQUAL_FATAL(machine.cache_count, 2);
    CU_ASSERT_EQUAL(machine.caches[0].level, 1);
    CU_ASSERT_EQUAL(machine.caches[0].kind, 'd');
    CU_ASSERT_EQUAL(machine.caches[0].count, 16);
    CU_ASSERT_EQUAL(machine.caches[0].bytes, 32768);
    CU_ASSERT_EQUAL(machine.caches[0].sharing_thread_count, 2);
    CU_ASSERT_EQUAL(machine.caches[1].level, 3);
    CU_ASSERT_EQUAL(machine.caches[1].kind, ' ');
    CU_ASSERT_EQUAL(machine.caches[1].count, 4);
    CU_ASSERT_EQUAL(machine.caches[1].sharing_thread_count, 8);
}

static void a_machine_without_caches_has_none(void)
{
    tal_topology machine;
    CU_ASSERT_EQUAL(tal_topology_load("core:1 pu:1", &machine), TAL_OK);
    CU_ASSERT_EQUAL(machine.thread_count, 1);
    CU_ASSERT_EQUAL(machine.cache_count, 0);
    CU_ASSERT_STRING_EQUAL(machine.cpu_model, "");
}

static void nonsense_is_refused(void)
{
    tal_topology machine;
    tal_status_clear();
    CU_ASSERT_EQUAL(tal_topology_load("no such thing", &machine), TAL_ERR_INTERNAL);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "hwloc does not understand 'no such thing'");
}

static void this_machine_has_at_least_one_thread(void)
{
    tal_topology machine;
    CU_ASSERT_EQUAL(tal_topology_load(NULL, &machine), TAL_OK);
    CU_ASSERT_TRUE(machine.thread_count >= 1);
}

static void the_cpuset_text_has_as_many_cpus_as_the_team_may_use(void)
{
    char text[TAL_CPUSET_BYTES];
    tal_topology_cpuset(text, sizeof(text));
    if (strstr(text, "...") != NULL)
        return; /* More runs of CPUs than the text holds. */
    int count = 0;
    for (char *cursor = text; *cursor != '\0';) {
        long first = strtol(cursor, &cursor, 10);
        long last = *cursor == '-' ? strtol(cursor + 1, &cursor, 10) : first;
        count += (int)(last - first) + 1;
        cursor += *cursor == ',' ? 1 : 0;
    }
    CU_ASSERT_EQUAL(count, tal_team_cpu_count());
}

const test_case test_cases[] = {
    TEST_CASE(a_synthetic_machine_is_counted),
    TEST_CASE(a_machine_without_caches_has_none),
    TEST_CASE(nonsense_is_refused),
    TEST_CASE(this_machine_has_at_least_one_thread),
    TEST_CASE(the_cpuset_text_has_as_many_cpus_as_the_team_may_use),
    {0},
};
