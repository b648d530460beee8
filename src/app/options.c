/* The words of a command line; see options.h. */
#include "app/options.h"

#include "base/alloc.h"
#include "base/check.h"
#include "conf/text.h"

#include <stdio.h>
#include <string.h>

enum { ALLOWED_BYTES = 256 };

static const tal_option common[] = {
    {.name = "threads",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .min = 0,
     .max = TAL_CONF_THREADS_MAX,
     .conf_key = "parallel.threadpool.num_threads",
     .help = "worker threads of each rank; 0: as many as the process may use"},
    {.name = "isa",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "NAME",
     .default_text = "best",
     .choices = "scalar|sse41|avx2|avx512vbmi|best",
     .help = "instruction set of the kernels; results do not depend on it"},
    {.name = "config",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "read the configuration from FILE (TOML) instead of the one TALARIA_CONFIG names"},
    {.name = "quiet",
     .letter = 'q',
     .help = "no progress and no summary: warnings and errors only"},
    {.name = "verbose", .letter = 'v', .help = "say more about what is done"},
    {.name = "help", .letter = 'h', .help = "show this help"},
    {.name = NULL},
};

const tal_option *tal_options_common(void)
{
    return common;
}

static const tal_option *find_name(const tal_option *rows, const char *name, size_t len)
{
    for (; rows->name != NULL; rows++)
        if (strlen(rows->name) == len && memcmp(rows->name, name, len) == 0)
            return rows;
    return NULL;
}

static const tal_option *find_letter(const tal_option *rows, char letter)
{
    for (; rows->name != NULL; rows++)
        if (rows->letter == letter)
            return rows;
    return NULL;
}

const tal_option *tal_options_find_row(const tal_command *command, const char *name)
{
    const tal_option *row = find_name(command->options, name, strlen(name));
    return row != NULL ? row : find_name(common, name, strlen(name));
}

/* TAL_ERR_USAGE for a word that is no option: names the nearest known one, if one is near. */
static tal_status refuse_unknown(const tal_command *command, const char *word)
{
    const tal_option *const tables[] = {command->options, common};
    size_t len = strcspn(word, "=");
    char typed[128];
    (void)snprintf(typed, sizeof(typed), "%.*s", (int)(len < 100 ? len : 100), word);
    const char *name = typed + strspn(typed, "-");
    const char *nearest = NULL;
    int best = 0;
    for (int table = 0; table < 2; table++)
        for (const tal_option *row = tables[table]; row->name != NULL; row++) {
            int distance = tal_text_distance(name, row->name);
            if (tal_text_is_near(name, distance) && (nearest == NULL || distance < best)) {
                nearest = row->name;
                best = distance;
            }
        }
    if (nearest != NULL)
        return tal_fail(TAL_ERR_USAGE,
                        "unknown option '%s'; did you mean '--%s'? See 'talaria %s --help'", typed,
                        nearest, command->name);
    return tal_fail(TAL_ERR_USAGE, "unknown option '%s'; see 'talaria %s --help'", typed,
                    command->name);
}

static void describe_kind(const char *noun, const tal_option *row, char *out_text, size_t bytes)
{
    char range[64] = "";
    if (row->min < row->max) /* Both 0: no limits. */
        tal_text_describe_range(row->min, row->max, range, sizeof(range));
    (void)snprintf(out_text, bytes, "%s%s", noun, range);
}

void tal_option_describe(const tal_option *row, char *out_text, size_t bytes)
{
    char choices[ALLOWED_BYTES - 16];
    switch (row->kind) {
    case TAL_VALUE_FLAG:
        (void)snprintf(out_text, bytes, "a flag");
        break;
    case TAL_VALUE_TEXT:
        (void)snprintf(out_text, bytes, "a text");
        break;
    case TAL_VALUE_INT:
        describe_kind("a whole number", row, out_text, bytes);
        break;
    case TAL_VALUE_REAL:
        describe_kind("a number", row, out_text, bytes);
        break;
    case TAL_VALUE_BYTES:
        describe_kind("a number of bytes (K, M, G, T may follow)", row, out_text, bytes);
        break;
    case TAL_VALUE_CHOICE:
        tal_text_list_choices(row->choices, choices, sizeof(choices));
        (void)snprintf(out_text, bytes, "one of %s", choices);
        break;
    }
}

static bool parse_number(const tal_option *row, const char *text, tal_option_value *value)
{
    bool is_number = false;
    if (row->kind == TAL_VALUE_REAL)
        is_number = tal_text_parse_real(text, &value->real);
    else if (row->kind == TAL_VALUE_INT)
        is_number = tal_text_parse_int(text, &value->integer);
    else
        is_number = tal_text_parse_bytes(text, &value->integer);
    if (is_number && row->kind != TAL_VALUE_REAL)
        value->real = (double)value->integer;
    bool is_bounded = row->min < row->max;
    return is_number && (!is_bounded || (value->real >= row->min && value->real <= row->max));
}

tal_status tal_option_parse(const tal_option *row, const char *text, tal_option_value *out_value)
{
    tal_option_value value = {0};
    bool is_valid = true;
    switch (row->kind) {
    case TAL_VALUE_FLAG:
    case TAL_VALUE_TEXT:
        break;
    case TAL_VALUE_CHOICE:
        value.choice = tal_text_find_choice(row->choices, text);
        is_valid = value.choice >= 0;
        break;
    case TAL_VALUE_INT:
    case TAL_VALUE_REAL:
    case TAL_VALUE_BYTES:
        is_valid = parse_number(row, text, &value);
        break;
    }
    if (!is_valid) {
        char allowed[ALLOWED_BYTES];
        tal_option_describe(row, allowed, sizeof(allowed));
        return tal_fail(TAL_ERR_USAGE, "--%s must be %s, not '%.80s'", row->name, allowed, text);
    }
    *out_value = value;
    return TAL_OK;
}

/* Where the parser stands in the words. */
typedef struct scan {
    tal_options *options;
    char *const *words;
    int word_count;
    int next; /* the next word to look at */
} scan;

static tal_status note_use(scan *state, const tal_option *row, const char *text)
{
    tal_option_value ignored;
    tal_status status = tal_option_parse(row, text, &ignored);
    if (status != TAL_OK)
        return status;
    state->options->uses[state->options->use_count++] = (tal_option_use){row, text};
    return TAL_OK;
}

/* The value of `row` in the next word. A word that looks like a long option is a forgotten value:
 * --name=--text says that it is meant. */
static tal_status note_next(scan *state, const tal_option *row)
{
    const char *word = state->next < state->word_count ? state->words[state->next] : NULL;
    if (word == NULL || strncmp(word, "--", 2) == 0)
        return tal_fail(TAL_ERR_USAGE, "--%s needs a value: --%s %s", row->name, row->name,
                        row->value_name != NULL ? row->value_name : row->choices);
    state->next++;
    return note_use(state, row, word);
}

static tal_status parse_long(scan *state, const char *word)
{
    const tal_command *command = state->options->command;
    size_t len = strcspn(word + 2, "=");
    const char *value = word[2 + len] == '=' ? word + 2 + len + 1 : NULL;
    const tal_option *row = find_name(command->options, word + 2, len);
    if (row == NULL)
        row = find_name(common, word + 2, len);
    if (row == NULL)
        return refuse_unknown(command, word);
    if (row->kind != TAL_VALUE_FLAG)
        return value != NULL ? note_use(state, row, value) : note_next(state, row);
    if (value != NULL)
        return tal_fail(TAL_ERR_USAGE, "--%s takes no value", row->name);
    return note_use(state, row, "");
}

/* "-q", "-qv", "-o FILE", "-oFILE". */
static tal_status parse_letters(scan *state, const char *word)
{
    const tal_command *command = state->options->command;
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const tal_option *row = find_letter(command->options, *letter);
        if (row == NULL)
            row = find_letter(common, *letter);
        if (row == NULL)
            return refuse_unknown(command, word);
        if (row->kind != TAL_VALUE_FLAG)
            return letter[1] != '\0' ? note_use(state, row, letter + 1) : note_next(state, row);
        tal_status status = note_use(state, row, "");
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

static tal_status parse_words(scan *state)
{
    bool is_option_time = true;
    tal_status status = TAL_OK;
    while (status == TAL_OK && state->next < state->word_count) {
        const char *word = state->words[state->next++];
        if (is_option_time && strcmp(word, "--") == 0)
            is_option_time = false;
        else if (is_option_time && strncmp(word, "--", 2) == 0)
            status = parse_long(state, word);
        else if (is_option_time && word[0] == '-' && word[1] != '\0')
            status = parse_letters(state, word);
        else
            state->options->arguments[state->options->argument_count++] = word;
    }
    return status;
}

static tal_status check_argument_count(const tal_options *options)
{
    const tal_command *command = options->command;
    int count = options->argument_count;
    if (count < command->argument_min)
        return tal_fail(TAL_ERR_USAGE,
                        "arguments are missing: 'talaria %s' needs %s; see 'talaria %s --help'",
                        command->name, command->arguments, command->name);
    if (command->argument_max >= 0 && count > command->argument_max)
        return tal_fail(TAL_ERR_USAGE,
                        "'%.200s' is one argument too many for 'talaria %s%s%s'; see 'talaria %s "
                        "--help'",
                        options->arguments[command->argument_max], command->name,
                        command->arguments[0] != '\0' ? " " : "", command->arguments,
                        command->name);
    return TAL_OK;
}

/* --help wins over mistakes beside it: it is what helps. */
static bool asks_for_help(int word_count, char *const *words)
{
    for (int i = 0; i < word_count && strcmp(words[i], "--") != 0; i++)
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
            return true;
    return false;
}

tal_status tal_options_parse(const tal_command *command, int word_count, char *const *words,
                             tal_options *out_options)
{
    TAL_ASSERT(word_count >= 0);
    tal_options options = {.command = command, .is_help = asks_for_help(word_count, words)};
    tal_status status = TAL_ERR_MEMORY;
    size_t letters = 0; /* A word of flags is as many uses as it has letters. */
    for (int i = 0; i < word_count; i++)
        letters += strlen(words[i]) + 1;
    options.uses = tal_alloc_array(letters, sizeof(*options.uses));
    options.arguments = tal_alloc_array((size_t)word_count, sizeof(*options.arguments));
    if (options.uses == NULL || options.arguments == NULL)
        goto done;

    status = TAL_OK;
    if (!options.is_help) {
        scan state = {&options, words, word_count, 0};
        status = parse_words(&state);
        if (status == TAL_OK)
            status = check_argument_count(&options);
    }
    if (status == TAL_OK) {
        *out_options = options;
        options = (tal_options){0}; /* Now the caller's. */
    }
done:
    tal_options_deinit(&options);
    return status;
}

void tal_options_deinit(tal_options *options)
{
    tal_free(options->uses);
    tal_free((void *)options->arguments);
    *options = (tal_options){0};
}

const char *tal_options_find_text(const tal_options *options, const tal_option *row)
{
    for (int i = options->use_count - 1; i >= 0; i--)
        if (options->uses[i].row == row)
            return options->uses[i].text;
    return NULL;
}
