/* Being asked to stop: by time, then by a signal, and what is said of the work done so far. */
#include "harness.h"

#include "base/stop.h"

#include <signal.h>
#include <string.h>

const char test_suite_name[] = "base/stop";

static void check_message(const char *want)
{
    tal_status_clear();
    CU_ASSERT_EQUAL(tal_stop_check(), TAL_ERR_INCOMPLETE);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), want);
}

static void time_and_signals_stop_and_say_what_is_kept(void)
{
    tal_stop_install(true);
    CU_ASSERT_EQUAL(tal_stop_check(), TAL_OK);
    tal_stop_set_deadline(UINT64_MAX);
    CU_ASSERT_EQUAL(tal_stop_check(), TAL_OK);
    tal_stop_set_deadline(1);
    check_message(
        "stopped because the time is up; what was finished is kept: the same command goes "
        "on");
    tal_stop_set_deadline(0);
    CU_ASSERT_EQUAL(tal_stop_check(), TAL_OK);
    tal_stop_install(false);
    CU_ASSERT_EQUAL(raise(SIGUSR1), 0);
    check_message("stopped by SIGUSR1; nothing was kept: the same command begins anew");
    CU_ASSERT_EQUAL(raise(SIGTERM), 0);
    check_message("stopped by SIGTERM; nothing was kept: the same command begins anew");
}

const test_case test_cases[] = {
    TEST_CASE(time_and_signals_stop_and_say_what_is_kept),
    {0},
};
