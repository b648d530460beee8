/* Statuses and the one message of a failure. */
#include "harness.h"

#include "base/status.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

const char test_suite_name[] = "base/status";

static void fail_returns_its_status_and_keeps_the_message(void)
{
    tal_status_clear();
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "");
    CU_ASSERT_EQUAL(tal_fail(TAL_ERR_DATA, "record %d of '%s'", 7, "a.fa"), TAL_ERR_DATA);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "record 7 of 'a.fa'");
}

static void first_message_wins_until_cleared(void)
{
    tal_status_clear();
    (void)tal_fail(TAL_ERR_IO, "the cause");
    CU_ASSERT_EQUAL(tal_fail(TAL_ERR_INTERNAL, "a consequence"), TAL_ERR_INTERNAL);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "the cause");
    tal_status_clear();
    (void)tal_fail(TAL_ERR_INTERNAL, "another cause");
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "another cause");
}

static void set_message_replaces_what_was_recorded(void)
{
    tal_status_clear();
    (void)tal_fail(TAL_ERR_IO, "mine");
    tal_status_set_message("of another rank: 100%s");
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "of another rank: 100%s");
}

static void long_message_is_cut_and_ends(void)
{
    char text[10000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    tal_status_clear();
    (void)tal_fail(TAL_ERR_IO, "%s", text);
    size_t len = strlen(tal_status_message());
    CU_ASSERT(len >= 1000 && len < sizeof(text));
    CU_ASSERT_EQUAL(strspn(tal_status_message(), "x"), len);
}

static void exit_codes_are_distinct_and_success_is_zero(void)
{
    CU_ASSERT_EQUAL(tal_status_exit_code(TAL_OK), 0);
    for (int i = 0; i < TAL_STATUS_COUNT; i++)
        for (int k = 0; k < i; k++)
            CU_ASSERT(tal_status_exit_code((tal_status)i) != tal_status_exit_code((tal_status)k));
    CU_ASSERT_EQUAL(tal_status_exit_code(TAL_ERR_USAGE), 64);
    CU_ASSERT_EQUAL(tal_status_exit_code(TAL_ERR_IO), 74);
}

enum { THREADS = 8, MESSAGE_LEN = 400 };

/* Each thread fails with a message of one letter. */
static void *fail_often(void *letter)
{
    char text[MESSAGE_LEN + 1];
    memset(text, *(const char *)letter, MESSAGE_LEN);
    text[MESSAGE_LEN] = '\0';
    for (int i = 0; i < 1000; i++)
        (void)tal_fail(TAL_ERR_IO, "%s", text);
    return NULL;
}

static void message_of_many_threads_is_one_of_theirs_whole(void)
{
    tal_status_clear();
    pthread_t threads[THREADS];
    char letters[THREADS];
    bool is_running[THREADS];
    for (int i = 0; i < THREADS; i++) {
        letters[i] = (char)('a' + i);
        is_running[i] = pthread_create(&threads[i], NULL, fail_often, &letters[i]) == 0;
        CU_ASSERT(is_running[i]);
    }
    for (int i = 0; i < THREADS; i++)
        if (is_running[i])
            pthread_join(threads[i], NULL);
    const char *message = tal_status_message();
    CU_ASSERT_EQUAL(strlen(message), MESSAGE_LEN);
    char first[2] = {message[0], '\0'};
    CU_ASSERT_EQUAL(strspn(message, first), MESSAGE_LEN);
}

const test_case test_cases[] = {
    TEST_CASE(fail_returns_its_status_and_keeps_the_message),
    TEST_CASE(first_message_wins_until_cleared),
    TEST_CASE(set_message_replaces_what_was_recorded),
    TEST_CASE(long_message_is_cut_and_ends),
    TEST_CASE(exit_codes_are_distinct_and_success_is_zero),
    TEST_CASE(message_of_many_threads_is_one_of_theirs_whole),
    {0},
};
