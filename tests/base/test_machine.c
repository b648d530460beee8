/* Instruction sets, clock, log. */
#include "harness.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char test_suite_name[] = "base/machine";

static void names_of_instruction_sets_are_found_again(void)
{
    for (int isa = 0; isa < TAL_ISA_COUNT; isa++)
        CU_ASSERT_EQUAL((int)tal_isa_find(tal_isa_name((tal_isa)isa)), isa);
    CU_ASSERT_STRING_EQUAL(tal_isa_name(TAL_ISA_SCALAR), "scalar");
    CU_ASSERT_STRING_EQUAL(tal_isa_name(TAL_ISA_AVX512VBMI), "avx512vbmi");
}

static void unknown_names_are_not_found(void)
{
    static const char *const unknown[] = {"", "SCALAR", "avx", "avx2 ", "avx512"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        CU_ASSERT_EQUAL(tal_isa_find(unknown[i]), TAL_ISA_COUNT);
}

static void best_instruction_set_is_one_of_the_levels(void)
{
    CU_ASSERT(tal_cpu_isa_best() < TAL_ISA_COUNT);
    CU_ASSERT_EQUAL(tal_cpu_isa_best(), tal_cpu_isa_best());
}

static void clock_never_goes_back(void)
{
    uint64_t last = tal_clock_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = tal_clock_ns();
        CU_ASSERT(now >= last);
        last = now;
    }
}

/* What `levels` of the log write to standard error at one configuration. */
static void capture_log(tal_log_level level, int rank, bool is_every_rank, char *out, size_t bytes)
{
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    int old = dup(STDERR_FILENO);
    (void)fflush(stderr);
    (void)dup2(fileno(file), STDERR_FILENO);
    tal_log_configure(level, rank, is_every_rank);
    tal_log(TAL_LOG_ERROR, "e%d", 1);
    tal_log(TAL_LOG_WARN, "w");
    tal_log(TAL_LOG_INFO, "i");
    tal_log(TAL_LOG_DEBUG, "d");
    (void)fflush(stderr);
    (void)dup2(old, STDERR_FILENO);
    (void)close(old);
    rewind(file);
    size_t count = fread(out, 1, bytes - 1, file);
    out[count] = '\0';
    (void)fclose(file);
    tal_log_configure(TAL_LOG_INFO, 0, false);
}

static void log_shows_levels_up_to_its_own_on_rank_zero(void)
{
    char text[256];
    capture_log(TAL_LOG_INFO, 0, false, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "talaria: error: e1\ntalaria: warning: w\ntalaria: i\n");
    capture_log(TAL_LOG_ERROR, 0, false, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "talaria: error: e1\n");
    capture_log(TAL_LOG_INFO, 1, false, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
    capture_log(TAL_LOG_WARN, 1, true, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "talaria[1]: error: e1\ntalaria[1]: warning: w\n");
}

const test_case test_cases[] = {
    TEST_CASE(names_of_instruction_sets_are_found_again),   TEST_CASE(unknown_names_are_not_found),
    TEST_CASE(best_instruction_set_is_one_of_the_levels),   TEST_CASE(clock_never_goes_back),
    TEST_CASE(log_shows_levels_up_to_its_own_on_rank_zero), {0},
};
