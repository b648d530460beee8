/* Help and manual page: key lines, widths, escapes. */
#include "harness.h"

#include "app/commands.h"
#include "app/help.h"
#include "app/options.h"
#include "conf/environment.h"
#include "sample.h"

#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "app/help";

static const tal_command *const sample_commands[] = {&sample_command, &tal_command_info, NULL};

static void expect_line(const tal_buffer *text, const char *expected)
{
    bool is_found = strstr((const char *)text->data, expected) != NULL;
    if (!is_found)
        printf("\nmissing: %s\nin:\n%s\n", expected, (const char *)text->data);
    CU_ASSERT_TRUE(is_found);
}

static void expect_no_line_longer_than(const tal_buffer *text, size_t limit)
{
    for (const char *line = (const char *)text->data; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (len > limit)
            printf("\ntoo long: %.*s\n", (int)len, line);
        CU_ASSERT_TRUE(len <= limit);
        CU_ASSERT_TRUE(len == 0 || line[len - 1] != ' ');
        line += len + (line[len] == '\n' ? 1 : 0);
    }
}

static void general_help_lists_commands_and_a_first_example(void)
{
    tal_buffer text = {0};
    CU_ASSERT_EQUAL(tal_help_append(sample_commands, &text), TAL_OK);
    CU_ASSERT_EQUAL(tal_buffer_append(&text, "", 1), TAL_OK);
    expect_line(&text, "Usage: talaria COMMAND [OPTION]... [ARGUMENT]...\n");
    expect_line(&text, "\n  sample                  a command for tests\n");
    expect_line(&text, "\n  talaria search queries.fasta references.fasta -o hits.h5\n");
    expect_line(&text, "\n      --threads N         worker threads");
    expect_line(&text, "\n  -q, --quiet             no progress");
    expect_line(&text, "\n      --version           show the version\n");
    expect_no_line_longer_than(&text, 80);
    tal_buffer_deinit(&text);
}

static void command_help_shows_options_with_ranges_and_defaults(void)
{
    tal_buffer text = {0};
    CU_ASSERT_EQUAL(tal_help_append_command(&sample_command, &text), TAL_OK);
    CU_ASSERT_EQUAL(tal_buffer_append(&text, "", 1), TAL_OK);
    expect_line(&text, "Usage: talaria sample [OPTION]... IN [MORE]\n\nFirst paragraph");
    expect_line(&text, "\n\n  kept as it is -\\\n\n'.quoted' last paragraph.\n");
    expect_line(&text, "\n  -o, --output FILE       write to FILE\n");
    expect_line(&text, "\n  -e, --evalue E          largest E-value (a number of at least 0; "
                       "default: 10)\n");
    expect_line(&text, "hits per query (a whole number from 0 to");
    expect_line(&text, "\n      --mode local|global|semiglobal\n                          what is "
                       "aligned (one of local, global, semiglobal;\n");
    expect_line(&text, "\n      --column NAME       a column to show (may be repeated)\n");
    expect_line(&text, "files open at once (a whole number from 1 to 1000;\n                       "
                       "   default: 10)\n");
    expect_line(&text, "\n  -f, --force             overwrite\n");
    expect_line(&text, "\nExamples:\n  talaria sample in -o out\n  talaria sample in --mode=global"
                       "\n");
    expect_no_line_longer_than(&text, 80);
    tal_buffer_deinit(&text);
}

static void the_manual_page_has_every_option_key_variable_and_code(void)
{
    tal_buffer text = {0};
    CU_ASSERT_EQUAL(tal_man_append(sample_commands, &text), TAL_OK);
    CU_ASSERT_EQUAL(tal_buffer_append(&text, "", 1), TAL_OK);
    CU_ASSERT_EQUAL(memcmp(text.data, ".TH TALARIA 1 ", 14), 0);
    expect_line(&text, "\n\\fB\\-o, \\-\\-output FILE\\fR\nwrite to FILE\n");
    expect_line(&text, "kept as it is \\-\\e\n");
    expect_line(&text, "\n\\(aq.quoted\\(aq last paragraph.\n");
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL; row++) {
        char tag[128];
        (void)snprintf(tag, sizeof(tag), "\n\\fB%s\\fR\n", row->key);
        expect_line(&text, tag);
    }
    for (int i = 0; i < TAL_VARIABLE_COUNT; i++)
        expect_line(&text, tal_variable_name((tal_variable)i));
    expect_line(&text, "\n\\fB64\\fR\nthe command line is wrong\n");
    expect_no_line_longer_than(&text, 80);
    tal_buffer_deinit(&text);
}

static void every_command_has_what_help_shows(void)
{
    for (const tal_command *const *command = tal_commands(); *command != NULL; command++) {
        CU_ASSERT_PTR_NOT_NULL((*command)->summary);
        CU_ASSERT_PTR_NOT_NULL((*command)->description);
        CU_ASSERT_PTR_NOT_NULL((*command)->arguments);
        CU_ASSERT_PTR_NOT_NULL((*command)->run);
        for (const tal_option *row = (*command)->options; row->name != NULL; row++) {
            CU_ASSERT_PTR_NOT_NULL(row->help);
            CU_ASSERT_TRUE(row->kind != TAL_VALUE_CHOICE || row->choices != NULL);
            CU_ASSERT_TRUE(!row->is_repeatable || row->kind == TAL_VALUE_TEXT);
            CU_ASSERT_TRUE(row->conf_key == NULL || tal_conf_find_row(row->conf_key) != NULL);
            tal_option_value value;
            CU_ASSERT_TRUE(row->default_text == NULL || row->kind == TAL_VALUE_FLAG ||
                           tal_option_parse(row, row->default_text, &value) == TAL_OK);
            tal_buffer text = {0};
            CU_ASSERT_EQUAL(tal_help_append_command(*command, &text), TAL_OK);
            tal_buffer_deinit(&text);
        }
    }
}

const test_case test_cases[] = {
    TEST_CASE(general_help_lists_commands_and_a_first_example),
    TEST_CASE(command_help_shows_options_with_ranges_and_defaults),
    TEST_CASE(the_manual_page_has_every_option_key_variable_and_code),
    TEST_CASE(every_command_has_what_help_shows),
    {0},
};
