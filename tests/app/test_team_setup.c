/* The keys of the configuration reach the team. */
#include "harness.h"

#include "app/team_setup.h"

#include <string.h>

const char test_suite_name[] = "app/team_setup";

static void set(tal_conf *conf, const char *key, const char *text)
{
    CU_ASSERT_EQUAL_FATAL(tal_conf_set(conf, key, text, TAL_ORIGIN_COMMAND_LINE, "test"), TAL_OK);
}

static void defaults_are_those_of_the_table(void)
{
    tal_conf *conf = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_conf_create(&conf), TAL_OK);
    const tal_cpu places[2] = {{.id = 0}, {.id = 1}};
    tal_team_params params = tal_team_setup_params(conf, 2, places);
    CU_ASSERT_EQUAL(params.thread_count, 2);
    CU_ASSERT_EQUAL(params.stack_bytes, (size_t)8 << 20);
    CU_ASSERT_PTR_EQUAL(params.places, places);
    CU_ASSERT_TRUE(params.is_pinned);
    CU_ASSERT_EQUAL(params.idle, TAL_IDLE_SPIN);
    CU_ASSERT_EQUAL(params.balance, TAL_BALANCE_DYNAMIC);
    CU_ASSERT_EQUAL(params.chunk, 1000);
    CU_ASSERT_TRUE(params.is_adaptive);
    CU_ASSERT_EQUAL(params.chunk_min, 100);
    CU_ASSERT_EQUAL(params.chunk_max, 10000);
    CU_ASSERT_TRUE(params.has_stealing);
    CU_ASSERT_EQUAL(params.steal_share, 0.5);
    CU_ASSERT_FALSE(tal_team_setup_params(conf, 2, NULL).is_pinned); /* Nowhere to bind to. */
    tal_conf_destroy(conf);
}

static void every_key_has_its_parameter(void)
{
    tal_conf *conf = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_conf_create(&conf), TAL_OK);
    set(conf, "parallel.threadpool.stack_size_mb", "17");
    set(conf, "parallel.threadpool.work_stealing", "false");
    set(conf, "parallel.threadpool.yield_strategy", "park");
    set(conf, "parallel.threadpool.pin_threads", "false");
    set(conf, "parallel.algorithms.chunk_size", "77");
    set(conf, "parallel.algorithms.dynamic_chunking", "false");
    set(conf, "parallel.algorithms.min_chunk_size", "5");
    set(conf, "parallel.algorithms.max_chunk_size", "99");
    set(conf, "parallel.algorithms.load_balancing", "guided");
    set(conf, "parallel.algorithms.steal_threshold", "0.25");
    const tal_cpu places[1] = {{.id = 0}};
    tal_team_params params = tal_team_setup_params(conf, 1, places);
    CU_ASSERT_EQUAL(params.stack_bytes, (size_t)17 << 20);
    CU_ASSERT_FALSE(params.has_stealing);
    CU_ASSERT_EQUAL(params.idle, TAL_IDLE_PARK);
    CU_ASSERT_FALSE(params.is_pinned);
    CU_ASSERT_EQUAL(params.chunk, 77);
    CU_ASSERT_FALSE(params.is_adaptive);
    CU_ASSERT_EQUAL(params.chunk_min, 5);
    CU_ASSERT_EQUAL(params.chunk_max, 99);
    CU_ASSERT_EQUAL(params.balance, TAL_BALANCE_GUIDED);
    CU_ASSERT_EQUAL(params.steal_share, 0.25);
    tal_conf_destroy(conf);
}

static void choices_are_in_the_order_of_the_enumerations(void)
{
    tal_conf *conf = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_conf_create(&conf), TAL_OK);
    set(conf, "parallel.threadpool.yield_strategy", "yield");
    set(conf, "parallel.algorithms.load_balancing", "static");
    CU_ASSERT_EQUAL(tal_team_setup_params(conf, 1, NULL).idle, TAL_IDLE_YIELD);
    CU_ASSERT_EQUAL(tal_team_setup_params(conf, 1, NULL).balance, TAL_BALANCE_STATIC);
    static const char *const modes[] = {"compact", "scatter", "numa"};
    for (int mode = 0; mode < 3; mode++) {
        set(conf, "parallel.threadpool.affinity_mode", modes[mode]);
        CU_ASSERT_EQUAL(tal_conf_choice(conf, "parallel.threadpool.affinity_mode"), mode);
    }
    CU_ASSERT(TAL_AFFINITY_COMPACT == 0 && TAL_AFFINITY_SCATTER == 1 && TAL_AFFINITY_NUMA == 2);
    tal_conf_destroy(conf);
}

static void places_are_described_in_runs(void)
{
    const tal_cpu places[] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 8}, {.id = 4}, {.id = 5}};
    char text[32];
    tal_team_setup_describe(places, 6, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "0-2,8,4-5");
    tal_team_setup_describe(places, 1, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "0");
    tal_cpu many[40];
    for (int i = 0; i < 40; i++)
        many[i] = (tal_cpu){.id = 2 * i};
    tal_team_setup_describe(many, 40, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text + strlen(text) - 3, "...");
}

const test_case test_cases[] = {
    TEST_CASE(defaults_are_those_of_the_table),
    TEST_CASE(every_key_has_its_parameter),
    TEST_CASE(choices_are_in_the_order_of_the_enumerations),
    TEST_CASE(places_are_described_in_runs),
    {0},
};
