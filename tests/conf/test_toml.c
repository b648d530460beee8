/* A TOML document as a list of values. */
#include "harness.h"

#include "conf/conf.h"
#include "conf/toml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "conf/toml";

typedef struct seen {
    char text[1024];
    int stop_after; /* 0: never */
    int count;
} seen;

static tal_status note(void *context, const tal_toml_value *value)
{
    static const char *const kinds[TAL_TOML_KIND_COUNT] = {"int",  "real",  "bool",
                                                           "text", "table", "other"};
    seen *seen_values = context;
    size_t used = strlen(seen_values->text);
    (void)snprintf(seen_values->text + used, sizeof(seen_values->text) - used, "%u %s %s;",
                   value->line, value->key, kinds[value->kind]);
    return ++seen_values->count == seen_values->stop_after ? TAL_ERR_DATA : TAL_OK;
}

static tal_status walk(const char *text, seen *out_seen)
{
    *out_seen = (seen){.count = 0};
    tal_status_clear();
    return tal_toml_walk("t", text, strlen(text), note, out_seen);
}

static void values_come_with_path_type_and_line_in_line_order(void)
{
    seen values;
    CU_ASSERT_EQUAL(walk("z = 1\n[b.c]\ny = 'text'\nx = true\n\n[a]\nw = 0.5 \nv = [1]\n"
                         "u = 1979-05-27\n[e]\n",
                         &values),
                    TAL_OK);
    CU_ASSERT_STRING_EQUAL(values.text, "1 z int;3 b.c.y text;4 b.c.x bool;7 a.w real;8 a.v other;"
                                        "9 a.u other;10 e table;");
}

static void dotted_keys_and_inline_tables_are_paths(void)
{
    seen values;
    CU_ASSERT_EQUAL(walk("a.b.c = 1\nd = {e = 2, f.g = 'x'}\n", &values), TAL_OK);
    CU_ASSERT_STRING_EQUAL(values.text, "1 a.b.c int;2 d.e int;2 d.f.g text;");
}

static void a_quoted_dot_is_not_a_path(void)
{
    seen values;
    CU_ASSERT_EQUAL(walk("\"a.b\" = 1\n\"\\u0007\" = 2\n\"\" = 3\n", &values), TAL_OK);
    CU_ASSERT_STRING_EQUAL(values.text, "1 \"a.b\" int;2 \"?\" int;3 \"\" int;");
}

static void the_visitor_can_stop_the_walk(void)
{
    seen values = {.stop_after = 2};
    CU_ASSERT_EQUAL(tal_toml_walk("t", "a=1\nb=2\nc=3", 11, note, &values), TAL_ERR_DATA);
    CU_ASSERT_EQUAL(values.count, 2);
}

static void an_empty_document_has_no_values(void)
{
    seen values;
    CU_ASSERT_EQUAL(walk("", &values), TAL_OK);
    CU_ASSERT_EQUAL(walk("# only a comment", &values), TAL_OK);
    CU_ASSERT_EQUAL(values.count, 0);
}

static void a_syntax_error_names_its_line(void)
{
    static const char *const wrong[] = {"a = 1\nb = \n", "a = 1\na = 2\n", "a = 1\n[b\n",
                                        "a = 1\nb = 08\n", "a = 1\nb = \"\xff\"\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        seen values;
        CU_ASSERT_EQUAL(walk(wrong[i], &values), TAL_ERR_CONFIG);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "'t' line 2 is not TOML: "));
        CU_ASSERT_EQUAL(values.count, 0);
    }
}

static void documents_that_break_the_library_are_refused(void)
{
    static const char *const wrong[] = {
        "[[# x", "[[[1]]]", "[[=", "[[[]]", "\xc3\xa9 = 1", "a = \xef\xbb\x89"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        seen values;
        CU_ASSERT_EQUAL(walk(wrong[i], &values), TAL_ERR_CONFIG);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "'t'"));
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "is not TOML: "));
    }
}

static void a_line_may_reach_the_limit_but_not_pass_it(void)
{
    char text[TAL_CONF_LINE_BYTES_MAX + 8] = "#";
    memset(text + 1, 'x', TAL_CONF_LINE_BYTES_MAX - 1);
    seen values;
    CU_ASSERT_EQUAL(walk(text, &values), TAL_OK);
    text[TAL_CONF_LINE_BYTES_MAX] = 'x';
    CU_ASSERT_EQUAL(walk(text, &values), TAL_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), "'t' line 1 is longer than 1000 bytes");
}

static void deep_nesting_ends_in_a_table_or_an_error(void)
{
    char text[TAL_CONF_LINE_BYTES_MAX + 8] = "";
    for (int i = 0; i < 490; i++)
        strcat(text, i == 0 ? "a" : ".a");
    strcat(text, " = 1");
    seen values;
    CU_ASSERT_EQUAL(walk(text, &values), TAL_OK);
    CU_ASSERT_STRING_EQUAL(values.text, "1 a.a.a.a.a.a.a.a table;");

    (void)snprintf(text, sizeof(text), "a = [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]");
    CU_ASSERT_EQUAL(walk(text, &values), TAL_ERR_CONFIG);
}

static void the_deepest_document_the_limits_allow_is_survived(void)
{
    /* Each nested value on its own line with as many dots as a line holds. */
    char *text = calloc(20, TAL_CONF_LINE_BYTES_MAX);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    const int pairs = TAL_TOML_DEPTH_MAX / 2 - 1; /* An array and an inline table, and the value. */
    for (int level = 0; level <= pairs; level++) {
        strcat(text, level == 0 ? "" : "{");
        for (int i = 0; i < 490; i++)
            strcat(text, i == 0 ? "a" : ".a");
        strcat(text, level == pairs ? " = 1" : " = [\n");
    }
    for (int level = 0; level < pairs; level++)
        strcat(text, "}\n]");
    seen values;
    CU_ASSERT_EQUAL(walk(text, &values), TAL_OK);
    CU_ASSERT_EQUAL(values.count, 1);
    free(text);
}

const test_case test_cases[] = {
    TEST_CASE(values_come_with_path_type_and_line_in_line_order),
    TEST_CASE(dotted_keys_and_inline_tables_are_paths),
    TEST_CASE(a_quoted_dot_is_not_a_path),
    TEST_CASE(the_visitor_can_stop_the_walk),
    TEST_CASE(an_empty_document_has_no_values),
    TEST_CASE(a_syntax_error_names_its_line),
    TEST_CASE(documents_that_break_the_library_are_refused),
    TEST_CASE(a_line_may_reach_the_limit_but_not_pass_it),
    TEST_CASE(deep_nesting_ends_in_a_table_or_an_error),
    TEST_CASE(the_deepest_document_the_limits_allow_is_survived),
    {0},
};
