/* The configuration: types, ranges, unknown keys, origins, precedence. */
#include "harness.h"

#include "conf/conf.h"
#include "conf/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char test_suite_name[] = "conf/conf";

#define NUM_THREADS "parallel.threadpool.num_threads"

static tal_conf *make(void)
{
    tal_conf *conf = NULL;
    tal_status_clear();
    CU_ASSERT_EQUAL_FATAL(tal_conf_create(&conf), TAL_OK);
    return conf;
}

static tal_status read_text(tal_conf *conf, const char *text)
{
    tal_status_clear();
    return tal_conf_read_text(conf, "x.toml", text, strlen(text));
}

/* Read `text` into a fresh configuration and expect this message. */
static void expect_refused(const char *text, const char *message)
{
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(read_text(conf, text), TAL_ERR_CONFIG);
    if (strcmp(tal_status_message(), message) != 0)
        printf("\n     got: %s\nexpected: %s\n", tal_status_message(), message);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), message);
    tal_conf_destroy(conf);
}

static void every_default_is_valid_and_named_default(void)
{
    tal_conf *conf = make();
    size_t count = 0;
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++, count++) {
        CU_ASSERT_STRING_EQUAL(tal_conf_text(conf, row->key), row->default_text);
        CU_ASSERT_STRING_EQUAL(tal_conf_origin_text(conf, row->key), "default");
        CU_ASSERT_EQUAL(tal_conf_origin_of(conf, row->key), TAL_ORIGIN_DEFAULT);
        CU_ASSERT_PTR_EQUAL(tal_conf_find_row(row->key), row);
        CU_ASSERT_STRING_EQUAL(tal_conf_nearest_key(row->key), row->key);
    }
    CU_ASSERT_EQUAL(count, 23);
    CU_ASSERT_EQUAL(tal_conf_check(conf), TAL_OK);
    CU_ASSERT_EQUAL(tal_conf_int(conf, "input.open_files"), 10);
    CU_ASSERT_EQUAL(tal_conf_choice(conf, "parallel.algorithms.load_balancing"), 1);
    CU_ASSERT_TRUE(tal_conf_bool(conf, "parallel.threadpool.pin_threads"));
    tal_conf_destroy(conf);
    tal_conf_destroy(NULL);
}

static void a_file_with_every_key_is_read_with_lines(void)
{
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(read_text(conf, "[parallel.threadpool]\n"
                                    "num_threads = 3 # three\n"
                                    "stack_size_mb = 16\n"
                                    "work_stealing = false\n"
                                    "yield_strategy = \"park\"\n"
                                    "pin_threads = false\n"
                                    "affinity_mode = 'numa'\n"
                                    "[parallel.algorithms]\n"
                                    "chunk_size = 2000\n"
                                    "dynamic_chunking = false\n"
                                    "min_chunk_size = 200\n"
                                    "max_chunk_size = 20000\n"
                                    "load_balancing = \"guided\"\n"
                                    "steal_threshold = 1\n"
                                    "[parallel.gpu]\n"
                                    "use_gpu = true\n"
                                    "gpu_backend = \"opencl\"\n"
                                    "gpu_device = 1\n"
                                    "gpu_memory_gb = 7.5\n"
                                    "batch_size = 2048\n"
                                    "cuda_threads_per_block = 512\n"
                                    "cuda_shared_memory_kb = 96\n"
                                    "cuda_streams = 8\n"
                                    "opencl_platform = 1\n"
                                    "opencl_work_group_size = 128\n"
                                    "[input]\n"
                                    "open_files = 20\n"),
                    TAL_OK);
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++) {
        CU_ASSERT_EQUAL(tal_conf_origin_of(conf, row->key), TAL_ORIGIN_FILE);
        CU_ASSERT_STRING_NOT_EQUAL(tal_conf_text(conf, row->key), row->default_text);
    }
    CU_ASSERT_EQUAL(tal_conf_int(conf, NUM_THREADS), 3);
    CU_ASSERT_STRING_EQUAL(tal_conf_origin_text(conf, NUM_THREADS), "file 'x.toml' line 2");
    CU_ASSERT_EQUAL(tal_conf_choice(conf, "parallel.threadpool.affinity_mode"), 2);
    CU_ASSERT_DOUBLE_EQUAL(tal_conf_real(conf, "parallel.algorithms.steal_threshold"), 1.0, 0.0);
    CU_ASSERT_DOUBLE_EQUAL(tal_conf_real(conf, "parallel.gpu.gpu_memory_gb"), 7.5, 0.0);
    tal_conf_destroy(conf);
}

static void an_unknown_key_is_refused_with_the_nearest_known_one(void)
{
    expect_refused("\n[parallel.threadpool]\nnum_thread = 4\n",
                   "'x.toml' line 3: unknown key 'parallel.threadpool.num_thread'; the nearest "
                   "known key is 'parallel.threadpool.num_threads'");
    expect_refused("[paralel.threadpool]\nstack_size_mb = 4\n",
                   "'x.toml' line 2: unknown key 'paralel.threadpool.stack_size_mb'; the nearest "
                   "known key is 'parallel.threadpool.stack_size_mb'");
    expect_refused("[parallel.gpu]\nnum_threads = 4\n",
                   "'x.toml' line 2: unknown key 'parallel.gpu.num_threads'; the nearest known key "
                   "is 'parallel.threadpool.num_threads'");
    expect_refused("num_threads = 4\n",
                   "'x.toml' line 1: unknown key 'num_threads'; the nearest known key is "
                   "'parallel.threadpool.num_threads'");
    expect_refused("[inptu]\n", "'x.toml' line 1: unknown key 'inptu'; the nearest known key is "
                                "'input.open_files'");
    expect_refused("\"parallel.gpu.use_gpu\" = true\n",
                   "'x.toml' line 1: unknown key '\"parallel.gpu.use_gpu\"'; the nearest known key "
                   "is 'parallel.gpu.use_gpu'");
}

static void a_wrong_type_is_refused_with_what_is_allowed(void)
{
    expect_refused("[parallel.threadpool]\nnum_threads = 'four'",
                   "'x.toml' line 2: " NUM_THREADS
                   " must be a whole number from 0 to 4096, not the text 'four'");
    expect_refused("[parallel.threadpool]\nnum_threads = '4'",
                   "'x.toml' line 2: " NUM_THREADS
                   " must be a whole number from 0 to 4096, not the text '4'");
    expect_refused("parallel.threadpool.num_threads = 1.0",
                   "'x.toml' line 1: " NUM_THREADS " must be a whole number from 0 to 4096, not 1");
    expect_refused("parallel.threadpool.pin_threads = 1",
                   "'x.toml' line 1: parallel.threadpool.pin_threads must be true or false, not 1");
    expect_refused(
        "parallel.threadpool.yield_strategy = true",
        "'x.toml' line 1: parallel.threadpool.yield_strategy must be one of spin, yield, "
        "park, not true");
    expect_refused(
        "input.open_files = [1, 2]",
        "'x.toml' line 1: input.open_files must be a whole number from 1 to 1000, not an "
        "array, date or time");
    expect_refused("input.open_files = {}", "'x.toml' line 1: input.open_files must be a whole "
                                            "number from 1 to 1000, not a table");
    expect_refused("parallel.gpu = 3",
                   "'x.toml' line 1: 'parallel.gpu' is a table of keys, not a value");
    expect_refused("[[parallel.gpu]]\nuse_gpu = true",
                   "'x.toml' line 1: 'parallel.gpu' is a table of keys, not a value");
}

static void a_value_out_of_range_is_refused_at_both_ends(void)
{
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(read_text(conf, "input.open_files = 1"), TAL_OK);
    CU_ASSERT_EQUAL(read_text(conf, "input.open_files = 1000"), TAL_OK);
    CU_ASSERT_EQUAL(read_text(conf, "parallel.algorithms.steal_threshold = 0.0"), TAL_OK);
    tal_conf_destroy(conf);
    expect_refused("input.open_files = 0", "'x.toml' line 1: input.open_files must be a whole "
                                           "number from 1 to 1000, not 0");
    expect_refused("input.open_files = 1001", "'x.toml' line 1: input.open_files must be a whole "
                                              "number from 1 to 1000, not 1001");
    expect_refused("parallel.algorithms.steal_threshold = 1.01",
                   "'x.toml' line 1: parallel.algorithms.steal_threshold must be a number from 0 "
                   "to 1, not 1.01");
    expect_refused("parallel.algorithms.steal_threshold = nan",
                   "'x.toml' line 1: parallel.algorithms.steal_threshold must be a number from 0 "
                   "to 1, not nan");
    expect_refused(
        "parallel.threadpool.yield_strategy = 'sleep'",
        "'x.toml' line 1: parallel.threadpool.yield_strategy must be one of spin, yield, "
        "park, not the text 'sleep'");
}

static void an_empty_known_table_is_no_error(void)
{
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(read_text(conf, "[parallel]\n[parallel.gpu]\n[input]\n"), TAL_OK);
    CU_ASSERT_EQUAL(tal_conf_read_text(conf, "x", NULL, 0), TAL_OK);
    tal_conf_destroy(conf);
}

static void a_later_source_overrides_an_earlier_one(void)
{
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(read_text(conf, "[parallel.threadpool]\nnum_threads = 3\n"), TAL_OK);
    CU_ASSERT_EQUAL(tal_conf_set(conf, NUM_THREADS, "5", TAL_ORIGIN_COMMAND_LINE, "--threads"),
                    TAL_OK);
    CU_ASSERT_EQUAL(tal_conf_int(conf, NUM_THREADS), 5);
    CU_ASSERT_STRING_EQUAL(tal_conf_origin_text(conf, NUM_THREADS), "--threads");
    CU_ASSERT_EQUAL(tal_conf_set(conf, NUM_THREADS, "4097", TAL_ORIGIN_COMMAND_LINE, "--threads"),
                    TAL_ERR_USAGE);
    CU_ASSERT_STRING_EQUAL(tal_status_message(),
                           "--threads must be a whole number from 0 to 4096, not '4097'");
    CU_ASSERT_EQUAL(tal_conf_int(conf, NUM_THREADS), 5);
    tal_conf_destroy(conf);
}

static void set_environment(const char *slurm, const char *omp)
{
    unsetenv("SLURM_CPUS_PER_TASK");
    unsetenv("OMP_NUM_THREADS");
    if (slurm != NULL)
        setenv("SLURM_CPUS_PER_TASK", slurm, 1);
    if (omp != NULL)
        setenv("OMP_NUM_THREADS", omp, 1);
}

static void the_environment_counts_only_while_threads_are_automatic(void)
{
    static const struct {
        const char *file, *slurm, *omp;
        int64_t threads;
        const char *origin;
    } rows[] = {
        {"", NULL, NULL, 0, "default"},
        {"", "6", NULL, 6, "SLURM_CPUS_PER_TASK"},
        {"", "6", "7", 6, "SLURM_CPUS_PER_TASK"},
        {"", "", "7", 7, "OMP_NUM_THREADS"},
        {"", "0", "7,2", 7, "OMP_NUM_THREADS"},
        {NUM_THREADS " = 0", NULL, "7", 7, "OMP_NUM_THREADS"},
        {NUM_THREADS " = 2", "6", "7", 2, "file 'x.toml' line 1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tal_conf *conf = make();
        set_environment(rows[i].slurm, rows[i].omp);
        CU_ASSERT_EQUAL(read_text(conf, rows[i].file), TAL_OK);
        CU_ASSERT_EQUAL(tal_conf_read_environment(conf), TAL_OK);
        CU_ASSERT_EQUAL(tal_conf_int(conf, NUM_THREADS), rows[i].threads);
        CU_ASSERT_STRING_EQUAL(tal_conf_origin_text(conf, NUM_THREADS), rows[i].origin);
        tal_conf_destroy(conf);
    }
    set_environment(NULL, NULL);
}

static void a_wrong_environment_variable_is_named(void)
{
    tal_conf *conf = make();
    set_environment(NULL, "many");
    CU_ASSERT_EQUAL(tal_conf_read_environment(conf), TAL_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(tal_status_message(),
                           "OMP_NUM_THREADS must be a whole number from 0 to 4096, not 'many'");
    set_environment(NULL, NULL);
    tal_conf_destroy(conf);
}

static void chunk_limits_must_fit_together(void)
{
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(read_text(conf, "parallel.algorithms.chunk_size = 99"), TAL_OK);
    CU_ASSERT_EQUAL(tal_conf_check(conf), TAL_ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(),
                                  "parallel.algorithms.min_chunk_size is 100 (default) but "
                                  "parallel.algorithms.chunk_size is 99 (file 'x.toml' line 1)"));
    CU_ASSERT_EQUAL(read_text(conf, "parallel.algorithms.dynamic_chunking = false"), TAL_OK);
    CU_ASSERT_EQUAL(tal_conf_check(conf), TAL_OK);
    tal_conf_destroy(conf);
}

static void a_file_may_reach_the_limit_but_not_pass_it(void)
{
    char path[] = "/tmp/talaria-test-conf-XXXXXX";
    int handle = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(handle >= 0);
    FILE *file = fdopen(handle, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (int i = 0; i < TAL_CONF_FILE_BYTES_MAX - 1; i++)
        (void)fputc(i % 64 == 63 ? '\n' : '#', file);
    (void)fputc('\n', file);
    CU_ASSERT_EQUAL(fflush(file), 0);
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(tal_conf_read_file(conf, path), TAL_OK);
    (void)fputc('\n', file);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(tal_conf_read_file(conf, path), TAL_ERR_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "is larger than 1048576 bytes"));
    CU_ASSERT_EQUAL(unlink(path), 0);
    tal_conf_destroy(conf);
}

static void a_file_that_cannot_be_read_is_named_with_the_cause(void)
{
    tal_conf *conf = make();
    CU_ASSERT_EQUAL(tal_conf_read_file(conf, "/no/such.toml"), TAL_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "cannot open configuration file '/no/such.toml': "
                                                 "No such file or directory");
    tal_status_clear();
    CU_ASSERT_EQUAL(tal_conf_read_file(conf, "/tmp"), TAL_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(tal_status_message(),
                           "cannot read configuration file '/tmp': Is a directory");
    tal_conf_destroy(conf);
}

const test_case test_cases[] = {
    TEST_CASE(every_default_is_valid_and_named_default),
    TEST_CASE(a_file_with_every_key_is_read_with_lines),
    TEST_CASE(an_unknown_key_is_refused_with_the_nearest_known_one),
    TEST_CASE(a_wrong_type_is_refused_with_what_is_allowed),
    TEST_CASE(a_value_out_of_range_is_refused_at_both_ends),
    TEST_CASE(an_empty_known_table_is_no_error),
    TEST_CASE(a_later_source_overrides_an_earlier_one),
    TEST_CASE(the_environment_counts_only_while_threads_are_automatic),
    TEST_CASE(a_wrong_environment_variable_is_named),
    TEST_CASE(chunk_limits_must_fit_together),
    TEST_CASE(a_file_may_reach_the_limit_but_not_pass_it),
    TEST_CASE(a_file_that_cannot_be_read_is_named_with_the_cause),
    {0},
};
