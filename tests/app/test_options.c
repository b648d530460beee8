/* The command line: every kind of option, every kind of mistake. */
#include "harness.h"

#include "app/options.h"
#include "app/run.h"
#include "sample.h"

#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "app/options";

enum { WORDS_MAX = 16 };

/* Split at blanks and parse. The words live in `storage` (512 bytes). */
static tal_status parse(const char *line, char *storage, tal_options *out_options)
{
    char *words[WORDS_MAX];
    int count = 0;
    (void)snprintf(storage, 512, "%s", line);
    for (char *word = strtok(storage, " "); word != NULL && count < WORDS_MAX;
         word = strtok(NULL, " "))
        words[count++] = word;
    tal_status_clear();
    *out_options = (tal_options){0};
    return tal_options_parse(&sample_command, count, words, out_options);
}

/* The last text of an option, "(none)" when it was not given. */
static const char *text_of(const tal_options *options, const char *name)
{
    const char *text = tal_options_find_text(options, tal_options_find_row(&sample_command, name));
    return text == NULL ? "(none)" : text;
}

static void expect_text(const char *line, const char *name, const char *expected)
{
    char storage[512];
    tal_options options;
    CU_ASSERT_EQUAL(parse(line, storage, &options), TAL_OK);
    if (options.command != NULL)
        CU_ASSERT_STRING_EQUAL(text_of(&options, name), expected);
    tal_options_deinit(&options);
}

static void expect_refused(const char *line, const char *message)
{
    char storage[512];
    tal_options options;
    CU_ASSERT_EQUAL(parse(line, storage, &options), TAL_ERR_USAGE);
    if (strcmp(tal_status_message(), message) != 0)
        printf("\n     got: %s\nexpected: %s\n", tal_status_message(), message);
    CU_ASSERT_STRING_EQUAL(tal_status_message(), message);
    tal_options_deinit(&options);
}

static void values_come_in_all_spellings(void)
{
    expect_text("in --output out", "output", "out");
    expect_text("in --output=out", "output", "out");
    expect_text("in --output=", "output", "");
    expect_text("in --output=a=b", "output", "a=b");
    expect_text("in --output=--force", "output", "--force");
    expect_text("in -o out", "output", "out");
    expect_text("in -oout", "output", "out");
    expect_text("in -o -", "output", "-");
    expect_text("-fqoout in", "output", "out");
    expect_text("-fqo out in", "force", "");
    expect_text("in", "force", "(none)");
    expect_text("in --gap-open -5", "gap-open", "-5");
    expect_text("in --evalue 1e-5", "evalue", "1e-5");
    expect_text("in --threads 4", "threads", "4");
}

static void the_last_of_an_option_counts(void)
{
    expect_text("-o one in -o two", "output", "two");
    expect_text("--mode local in --mode=global", "mode", "global");
}

static void options_and_arguments_mix_until_two_dashes(void)
{
    char storage[512];
    tal_options options;
    CU_ASSERT_EQUAL(parse("a -f b", storage, &options), TAL_OK);
    CU_ASSERT_EQUAL(options.argument_count, 2);
    CU_ASSERT_STRING_EQUAL(options.arguments[0], "a");
    CU_ASSERT_STRING_EQUAL(options.arguments[1], "b");
    tal_options_deinit(&options);
    CU_ASSERT_EQUAL(parse("-f -- --output -", storage, &options), TAL_OK);
    CU_ASSERT_EQUAL(options.argument_count, 2);
    CU_ASSERT_STRING_EQUAL(options.arguments[0], "--output");
    CU_ASSERT_STRING_EQUAL(options.arguments[1], "-");
    tal_options_deinit(&options);
}

static void the_number_of_arguments_is_checked_at_both_ends(void)
{
    char storage[512];
    tal_options options;
    CU_ASSERT_EQUAL(parse("one", storage, &options), TAL_OK);
    tal_options_deinit(&options);
    CU_ASSERT_EQUAL(parse("one two", storage, &options), TAL_OK);
    tal_options_deinit(&options);
    expect_refused("", "arguments are missing: 'talaria sample' needs IN [MORE]; see 'talaria "
                       "sample --help'");
    expect_refused("one two three", "'three' is one argument too many for 'talaria sample IN "
                                    "[MORE]'; see 'talaria sample --help'");
}

static void unknown_options_name_the_nearest(void)
{
    expect_refused("in --ouput x", "unknown option '--ouput'; did you mean '--output'? See "
                                   "'talaria sample --help'");
    expect_refused("in --thread=4", "unknown option '--thread'; did you mean '--threads'? See "
                                    "'talaria sample --help'");
    expect_refused("in --xyzzy", "unknown option '--xyzzy'; see 'talaria sample --help'");
    expect_refused("in -x", "unknown option '-x'; see 'talaria sample --help'");
    expect_refused("in -fx", "unknown option '-fx'; see 'talaria sample --help'");
    expect_refused("in --evalu", "unknown option '--evalu'; did you mean '--evalue'? See 'talaria "
                                 "sample --help'");
    expect_refused("in --=3", "unknown option '--'; see 'talaria sample --help'");
}

static void missing_and_surplus_values_are_named(void)
{
    expect_refused("in --output", "--output needs a value: --output FILE");
    expect_refused("in -o", "--output needs a value: --output FILE");
    expect_refused("in --output --force", "--output needs a value: --output FILE");
    expect_refused("in --mode", "--mode needs a value: --mode local|global|semiglobal");
    expect_refused("in --force=yes", "--force takes no value");
}

static void wrong_values_name_what_is_allowed(void)
{
    expect_refused("in --max-hits -1",
                   "--max-hits must be a whole number from 0 to 1000000, not '-1'");
    expect_refused("in --max-hits 1000001",
                   "--max-hits must be a whole number from 0 to 1000000, not '1000001'");
    expect_refused("in --max-hits 1.5",
                   "--max-hits must be a whole number from 0 to 1000000, not '1.5'");
    expect_refused("in --max-hits=", "--max-hits must be a whole number from 0 to 1000000, not ''");
    expect_refused("in --evalue ten", "--evalue must be a number of at least 0, not 'ten'");
    expect_refused("in -e-1", "--evalue must be a number of at least 0, not '-1'");
    expect_refused("in --gap-open x", "--gap-open must be a whole number, not 'x'");
    expect_refused("in --mode glocal",
                   "--mode must be one of local, global, semiglobal, not 'glocal'");
    expect_refused("in --memory 1023", "--memory must be a number of bytes (K, M, G, T may follow) "
                                       "from 1024 to 1e+15, not '1023'");
    expect_refused("in --threads 4097", "--threads must be a whole number from 0 to 4096, not "
                                        "'4097'");
}

static void limits_themselves_are_allowed(void)
{
    expect_text("in --max-hits 0", "max-hits", "0");
    expect_text("in --max-hits 1000000", "max-hits", "1000000");
    expect_text("in --memory 1K", "memory", "1K");
    expect_text("in --evalue 0", "evalue", "0");
    expect_text("in --threads 4096", "threads", "4096");
}

static void help_wins_over_mistakes_beside_it(void)
{
    static const char *const lines[] = {"--help", "-h", "--xyzzy --help", "a b c d --help"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char storage[512];
        tal_options options;
        CU_ASSERT_EQUAL(parse(lines[i], storage, &options), TAL_OK);
        CU_ASSERT_TRUE(options.is_help);
        tal_options_deinit(&options);
    }
    char storage[512];
    tal_options options;
    CU_ASSERT_EQUAL(parse("-- --help", storage, &options), TAL_OK);
    CU_ASSERT_FALSE(options.is_help);
    tal_options_deinit(&options);
}

static void every_default_of_the_tables_is_valid(void)
{
    const tal_option *const tables[] = {sample_options, tal_options_common(),
                                        tal_command_info.options};
    for (size_t table = 0; table < 3; table++)
        for (const tal_option *row = tables[table]; row->name != NULL; row++) {
            tal_option_value value;
            if (row->default_text != NULL)
                CU_ASSERT_EQUAL(tal_option_parse(row, row->default_text, &value), TAL_OK);
            if (row->conf_key != NULL)
                CU_ASSERT_PTR_NOT_NULL(tal_conf_find_row(row->conf_key));
        }
}

static void threads_are_shared_by_ranks_on_the_same_cpus(void)
{
    CU_ASSERT_EQUAL(tal_threads_automatic(8, 1), 8);
    CU_ASSERT_EQUAL(tal_threads_automatic(8, 2), 4);
    CU_ASSERT_EQUAL(tal_threads_automatic(7, 2), 3);
    CU_ASSERT_EQUAL(tal_threads_automatic(2, 3), 1);
    CU_ASSERT_EQUAL(tal_threads_automatic(1, 1), 1);
    CU_ASSERT_EQUAL(tal_threads_automatic(1 << 20, 1), TAL_CONF_THREADS_MAX);
}

static void the_command_line_is_quoted_for_a_shell(void)
{
    char *const words[] = {"talaria", "search", "a b", "it's", "", "--evalue=1e-3", "$x"};
    tal_buffer line = {0};
    CU_ASSERT_EQUAL(tal_command_line_append(7, words, &line), TAL_OK);
    CU_ASSERT_EQUAL(tal_buffer_append(&line, "", 1), TAL_OK);
    CU_ASSERT_STRING_EQUAL((const char *)line.data,
                           "talaria search 'a b' 'it'\\''s' '' --evalue=1e-3 '$x'");
    tal_buffer_deinit(&line);
}

/* Any words: an answer, no crash, and uses that point to rows. */
static void random_words_are_parsed_or_refused(void)
{
    static const char letters[] = "-=ofeqvhx1 \t.Kloca";
    for (int round = 0; round < 20000; round++) {
        char text[6][8];
        char *words[6];
        int count = (int)test_random_in(0, 6);
        for (int i = 0; i < count; i++) {
            int len = (int)test_random_in(0, 7);
            for (int j = 0; j < len; j++)
                text[i][j] = letters[test_random_in(0, (int64_t)sizeof(letters) - 2)];
            text[i][len] = '\0';
            words[i] = text[i];
        }
        tal_options options = {0};
        tal_status_clear();
        tal_status status = tal_options_parse(&sample_command, count, words, &options);
        if (status == TAL_OK)
            CU_ASSERT_TRUE(options.is_help || options.argument_count >= 1);
        if (status != TAL_OK)
            CU_ASSERT_TRUE(status == TAL_ERR_USAGE && tal_status_message()[0] != '\0');
        tal_options_deinit(&options);
    }
}

const test_case test_cases[] = {
    TEST_CASE(values_come_in_all_spellings),
    TEST_CASE(the_last_of_an_option_counts),
    TEST_CASE(options_and_arguments_mix_until_two_dashes),
    TEST_CASE(the_number_of_arguments_is_checked_at_both_ends),
    TEST_CASE(unknown_options_name_the_nearest),
    TEST_CASE(missing_and_surplus_values_are_named),
    TEST_CASE(wrong_values_name_what_is_allowed),
    TEST_CASE(limits_themselves_are_allowed),
    TEST_CASE(help_wins_over_mistakes_beside_it),
    TEST_CASE(every_default_of_the_tables_is_valid),
    TEST_CASE(threads_are_shared_by_ranks_on_the_same_cpus),
    TEST_CASE(the_command_line_is_quoted_for_a_shell),
    TEST_CASE(random_words_are_parsed_or_refused),
    {0},
};
