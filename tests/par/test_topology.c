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

#define XML_SETS(set)                                                                             \
    " cpuset=\"" set "\" complete_cpuset=\"" set "\" nodeset=\"" set "\" complete_nodeset=\"" set \
    "\""
#define XML_PACKAGE(idx, set, bus)                                                               \
    "<object type=\"Package\" os_index=\"" idx "\" gp_index=\"1" idx "\"" XML_SETS(              \
        set) ">"                                                                                 \
             "<object type=\"NUMANode\" os_index=\"" idx "\" gp_index=\"2" idx                   \
             "\"" XML_SETS(set) " local_memory=\"1024\"/><object type=\"PU\" os_index=\"" idx    \
                                "\" gp_index=\"3" idx "\"" XML_SETS(                             \
                                    set) "/><object type=\"Bridge\" gp_index=\"4" idx            \
                                         "\" bridge_type=\"0-1\" depth=\"0\" "                   \
                                         "bridge_pci=\"0000:[" bus "-" bus                       \
                                         "]\"><object type=\"PCIDev\" gp_index=\"5" idx "\" "    \
                                         "pci_busid=\"0000:" bus                                 \
                                         ":00.0\" pci_type=\"0302 [10de:2330] [10de:16c1] a1\" " \
                                         "pci_link_speed=\"0\"/></object></object>"

/* Two packages, each with a GPU: at bus 0x20 of the first, 0x10 of the second. */
static void devices_are_near_to_the_node_of_their_bus(void)
{
    static const char xml[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
        "<topology version=\"2.0\"><object type=\"Machine\" os_index=\"0\" gp_index=\"1\"" XML_SETS(
            "0x3") " allowed_cpuset=\"0x3\" allowed_nodeset=\"0x3\">" XML_PACKAGE("0", "0x1", "20")
            XML_PACKAGE("1", "0x2", "10") "</object></topology>";
    const tal_pci_address addresses[] = {{0, 0x10, 0}, {0, 0x20, 0}, {0, 0x30, 0}, {.bus = -1}};
    int numa[4];
    tal_topology_find_numa(xml, addresses, 4, numa);
    CU_ASSERT_EQUAL(numa[0], 1);
    CU_ASSERT_EQUAL(numa[1], 0);
    CU_ASSERT_EQUAL(numa[2], -1);
    CU_ASSERT_EQUAL(numa[3], -1);
    tal_topology_find_numa("no xml", addresses, 4, numa);
    CU_ASSERT_EQUAL(numa[0], -1);
    tal_topology_find_numa(NULL, addresses, 4, numa); /* whatever this machine has */
    CU_ASSERT_EQUAL(numa[3], -1);
}

static void cpus_of_several_nodes_are_of_none(void)
{
    const tal_cpu cpus[] = {{.numa = 2}, {.numa = 2}, {.numa = 1}};
    CU_ASSERT_EQUAL(tal_topology_numa_of(cpus, 2), 2);
    CU_ASSERT_EQUAL(tal_topology_numa_of(cpus, 3), -1);
    CU_ASSERT_EQUAL(tal_topology_numa_of(cpus, 0), -1);
}

const test_case test_cases[] = {
    TEST_CASE(a_synthetic_machine_is_counted),
    TEST_CASE(a_machine_without_caches_has_none),
    TEST_CASE(nonsense_is_refused),
    TEST_CASE(this_machine_has_at_least_one_thread),
    TEST_CASE(the_cpuset_text_has_as_many_cpus_as_the_team_may_use),
    TEST_CASE(devices_are_near_to_the_node_of_their_bus),
    TEST_CASE(cpus_of_several_nodes_are_of_none),
    {0},
};
