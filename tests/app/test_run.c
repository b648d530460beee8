/* What a command gets: values by name, configuration, instruction set, on one rank. */
#include "harness.h"

#include "app/run.h"
#include "comm/describe.h"
#include "par/team.h"
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char test_suite_name[] = "app/run";

/* MPI libraries keep what they once got until the process ends. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

enum { WORDS_MAX = 16 };

/* A run made from a line of words, and all it borrows. */
typedef struct fixture {
    char storage[512];
    tal_options options;
    tal_run *run;
} fixture;

/* MPI starts once a process; it is never ended here. */
static tal_comm *get_comm(void)
{
    static tal_comm *comm;
    if (comm == NULL)
        CU_ASSERT_EQUAL_FATAL(tal_comm_create(NULL, NULL, &comm), TAL_OK);
    return comm;
}

static tal_status set_up(const char *line, fixture *out)
{
    char *words[WORDS_MAX];
    int count = 0;
    *out = (fixture){.run = NULL};
    (void)snprintf(out->storage, sizeof(out->storage), "%s", line);
    for (char *word = strtok(out->storage, " "); word != NULL && count < WORDS_MAX;
         word = strtok(NULL, " "))
        words[count++] = word;
    tal_status_clear();
    tal_status status = tal_options_parse(&sample_command, count, words, &out->options);
    return status == TAL_OK ? tal_run_create(get_comm(), &out->options, "line", &out->run) : status;
}

static void tear_down(fixture *used)
{
    tal_run_destroy(used->run);
    tal_options_deinit(&used->options);
}

static void forget_environment(void)
{
    unsetenv("TALARIA_CONFIG");
    unsetenv("TALARIA_ISA");
    unsetenv("SLURM_CPUS_PER_TASK");
    unsetenv("OMP_NUM_THREADS");
}

static void defaults_and_given_values_are_read_by_name(void)
{
    fixture f;
    forget_environment();
    CU_ASSERT_EQUAL_FATAL(set_up("in --max-hits 7 --memory 2K -f --column a --column=b", &f),
                          TAL_OK);
    CU_ASSERT_EQUAL(tal_run_argument_count(f.run), 1);
    CU_ASSERT_STRING_EQUAL(tal_run_argument(f.run, 0), "in");
    CU_ASSERT_EQUAL(tal_run_int(f.run, "max-hits"), 7);
    CU_ASSERT_EQUAL(tal_run_int(f.run, "memory"), 2048);
    CU_ASSERT_DOUBLE_EQUAL(tal_run_real(f.run, "evalue"), 10, 0);
    CU_ASSERT_EQUAL(tal_run_choice(f.run, "mode"), 0);
    CU_ASSERT_STRING_EQUAL(tal_run_text(f.run, "mode"), "local");
    CU_ASSERT_TRUE(tal_run_flag(f.run, "force"));
    CU_ASSERT_FALSE(tal_run_is_quiet(f.run));
    CU_ASSERT_TRUE(tal_run_is_given(f.run, "max-hits"));
    CU_ASSERT_FALSE(tal_run_is_given(f.run, "evalue"));
    CU_ASSERT_PTR_NULL(tal_run_text(f.run, "output"));
    CU_ASSERT_EQUAL(tal_run_text_count(f.run, "column"), 2);
    CU_ASSERT_STRING_EQUAL(tal_run_text_at(f.run, "column", 0), "a");
    CU_ASSERT_STRING_EQUAL(tal_run_text_at(f.run, "column", 1), "b");
    CU_ASSERT_EQUAL(tal_run_text_count(f.run, "output"), 0);
    CU_ASSERT_STRING_EQUAL(tal_run_command_line(f.run), "line");
    CU_ASSERT_EQUAL(tal_run_thread_count(f.run), tal_team_cpu_count());
    CU_ASSERT_EQUAL(tal_run_isa(f.run), tal_cpu_isa_best());
    tear_down(&f);
}

static void an_option_with_a_key_reads_and_sets_the_configuration(void)
{
    fixture f;
    forget_environment();
    CU_ASSERT_EQUAL_FATAL(set_up("in", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_int(f.run, "open-files"), 10);
    tear_down(&f);
    CU_ASSERT_EQUAL_FATAL(set_up("in --open-files 3 --threads 5", &f), TAL_OK);
    const tal_conf *conf = tal_run_conf(f.run);
    CU_ASSERT_EQUAL(tal_run_int(f.run, "open-files"), 3);
    CU_ASSERT_EQUAL(tal_conf_int(conf, "input.open_files"), 3);
    CU_ASSERT_STRING_EQUAL(tal_conf_origin_text(conf, "input.open_files"), "--open-files");
    CU_ASSERT_EQUAL(tal_run_thread_count(f.run), 5);
    tear_down(&f);
}

static void sources_override_each_other_in_order(void)
{
    char path[] = "/tmp/talaria-test-run-XXXXXX";
    int handle = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(handle >= 0);
    static const char text[] = "[parallel.threadpool]\nnum_threads = 3\n";
    CU_ASSERT_EQUAL(write(handle, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
    CU_ASSERT_EQUAL(close(handle), 0);
    forget_environment();

    fixture f;
    setenv("OMP_NUM_THREADS", "2", 1);
    CU_ASSERT_EQUAL_FATAL(set_up("in", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_thread_count(f.run), 2);
    tear_down(&f);
    setenv("TALARIA_CONFIG", path, 1);
    CU_ASSERT_EQUAL_FATAL(set_up("in", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_thread_count(f.run), 3);
    tear_down(&f);
    CU_ASSERT_EQUAL_FATAL(set_up("in --threads 4", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_thread_count(f.run), 4);
    tear_down(&f);
    CU_ASSERT_EQUAL_FATAL(set_up("in --threads 0", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_thread_count(f.run), 2);
    tear_down(&f);
    setenv("TALARIA_CONFIG", "/no/such.toml", 1);
    char line[128];
    (void)snprintf(line, sizeof(line), "in --config %s", path);
    CU_ASSERT_EQUAL_FATAL(set_up(line, &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_thread_count(f.run), 3);
    tear_down(&f);
    CU_ASSERT_EQUAL(set_up("in", &f), TAL_ERR_CONFIG);
    tear_down(&f);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static void the_instruction_set_can_be_lowered_but_not_raised(void)
{
    fixture f;
    forget_environment();
    CU_ASSERT_EQUAL_FATAL(set_up("in --isa scalar", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_isa(f.run), TAL_ISA_SCALAR);
    tear_down(&f);
    setenv("TALARIA_ISA", "scalar", 1);
    CU_ASSERT_EQUAL_FATAL(set_up("in", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_isa(f.run), TAL_ISA_SCALAR);
    tear_down(&f);
    CU_ASSERT_EQUAL_FATAL(set_up("in --isa best", &f), TAL_OK);
    CU_ASSERT_EQUAL(tal_run_isa(f.run), tal_cpu_isa_best());
    tear_down(&f);
    setenv("TALARIA_ISA", "mmx", 1);
    CU_ASSERT_EQUAL(set_up("in", &f), TAL_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(
        tal_status_message(),
        "TALARIA_ISA must be one of scalar, sse41, avx2, avx512vbmi, best, not 'mmx'");
    tear_down(&f);
    forget_environment();
    if (tal_cpu_isa_best() < TAL_ISA_AVX512VBMI) {
        CU_ASSERT_EQUAL(set_up("in --isa avx512vbmi", &f), TAL_ERR_USAGE);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "this CPU has"));
        tear_down(&f);
    }
}

static void one_rank_gathers_its_own_text(void)
{
    tal_buffer texts = {0};
    CU_ASSERT_EQUAL(tal_comm_gather_text(get_comm(), "", &texts), TAL_OK);
    CU_ASSERT_EQUAL(texts.bytes, 1);
    char long_text[TAL_GATHER_TEXT_BYTES_MAX + 8];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    CU_ASSERT_EQUAL(tal_comm_gather_text(get_comm(), long_text, &texts), TAL_OK);
    CU_ASSERT_EQUAL(texts.bytes, 1 + TAL_GATHER_TEXT_BYTES_MAX);
    tal_buffer_deinit(&texts);
    char version[256];
    tal_comm_library_version(version, sizeof(version));
    CU_ASSERT_PTR_NOT_NULL(strstr(version, "(MPI "));
}

const test_case test_cases[] = {
    TEST_CASE(defaults_and_given_values_are_read_by_name),
    TEST_CASE(an_option_with_a_key_reads_and_sets_the_configuration),
    TEST_CASE(sources_override_each_other_in_order),
    TEST_CASE(the_instruction_set_can_be_lowered_but_not_raised),
    TEST_CASE(one_rank_gathers_its_own_text),
    {0},
};
