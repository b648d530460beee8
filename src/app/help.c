/* Help for terminals; see help.h. */
#include "app/help.h"

#include "app/options.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 26 };

const char *tal_help_purpose(void)
{
    return "Talaria compares biological sequences, many against many, exactly: on one computer or, "
           "started by mpirun or srun, on many. Results are the same for any number of ranks and "
           "threads.";
}

const char *tal_help_examples(void)
{
    return "talaria search queries.fasta references.fasta -o hits.h5\n"
           "talaria export hits.h5 --format m8 -o hits.m8\n"
           "mpirun -n 4 talaria search queries.fasta references.fasta -o hits.h5\n"
           "talaria info";
}

const char *tal_help_exit_meaning(tal_status status)
{
    static const char *const meanings[TAL_STATUS_COUNT] = {
        [TAL_OK] = "success",
        [TAL_ERR_INCOMPLETE] =
            "stopped before the end; the same command goes on from there, or begins anew",
        [TAL_ERR_USAGE] = "the command line is wrong",
        [TAL_ERR_CONFIG] = "the configuration file or an environment variable is wrong",
        [TAL_ERR_NO_INPUT] = "an input cannot be opened",
        [TAL_ERR_DATA] = "an input is not what it should be",
        [TAL_ERR_OUTPUT] = "an output cannot be created",
        [TAL_ERR_IO] = "reading or writing failed half-way",
        [TAL_ERR_MEMORY] = "out of memory",
        [TAL_ERR_INTERNAL] = "a fault of the program or of a library it uses",
    };
    return meanings[status];
}

/* Append the words of one paragraph; the cursor stands at `column`, further lines begin at
 * `indent`. Ends the line. */
static tal_status append_wrapped(tal_buffer *text, const char *words, size_t len, int column,
                                 int indent)
{
    tal_status status = TAL_OK;
    bool is_line_empty = true;
    for (size_t at = 0; at < len && status == TAL_OK;) {
        size_t word = strcspn(words + at, " \n");
        word = word < len - at ? word : len - at;
        if (word > 0 && !is_line_empty && column + 1 + (int)word > WIDTH) {
            status = tal_buffer_printf(text, "\n%*s", indent, "");
            column = indent;
            is_line_empty = true;
        }
        if (word > 0 && status == TAL_OK) {
            status =
                tal_buffer_printf(text, "%s%.*s", is_line_empty ? "" : " ", (int)word, words + at);
            column += (int)word + (is_line_empty ? 0 : 1);
            is_line_empty = false;
        }
        at += word + 1;
    }
    return status == TAL_OK ? tal_buffer_append_text(text, "\n") : status;
}

/* Paragraphs separated by blank lines; lines that begin with a blank stand as they are. */
static tal_status append_paragraphs(tal_buffer *text, const char *paragraphs)
{
    tal_status status = TAL_OK;
    while (*paragraphs != '\0' && status == TAL_OK) {
        const char *end = strstr(paragraphs, "\n\n");
        size_t len = end == NULL ? strlen(paragraphs) : (size_t)(end - paragraphs);
        if (paragraphs[0] == ' ')
            status = tal_buffer_printf(text, "%.*s\n", (int)len, paragraphs);
        else
            status = append_wrapped(text, paragraphs, len, 0, 0);
        paragraphs += len + strspn(paragraphs + len, "\n");
        if (*paragraphs != '\0' && status == TAL_OK)
            status = tal_buffer_append_text(text, "\n");
    }
    return status;
}

/* Lines, each indented by two. */
static tal_status append_lines(tal_buffer *text, const char *lines)
{
    tal_status status = TAL_OK;
    while (*lines != '\0' && status == TAL_OK) {
        size_t len = strcspn(lines, "\n");
        status = tal_buffer_printf(text, "  %.*s\n", (int)len, lines);
        lines += len + (lines[len] == '\n' ? 1 : 0);
    }
    return status;
}

/* "  left   words", the words wrapped in their own column. */
static tal_status append_row(tal_buffer *text, const char *left, const char *words)
{
    int left_len = (int)strlen(left);
    tal_status status;
    if (left_len + 4 > HELP_COLUMN)
        status = tal_buffer_printf(text, "  %s\n%*s", left, HELP_COLUMN, "");
    else
        status = tal_buffer_printf(text, "  %-*s", HELP_COLUMN - 2, left);
    return status == TAL_OK ? append_wrapped(text, words, strlen(words), HELP_COLUMN, HELP_COLUMN)
                            : status;
}

tal_status tal_help_append_option_name(const tal_option *row, tal_buffer *text)
{
    tal_status status = TAL_OK;
    if (row->letter != 0)
        status = tal_buffer_printf(text, "-%c, ", row->letter);
    if (status == TAL_OK)
        status = tal_buffer_printf(text, "--%s", row->name);
    const char *value = row->value_name != NULL ? row->value_name : row->choices;
    if (status == TAL_OK && row->kind != TAL_VALUE_FLAG && value != NULL)
        status = tal_buffer_printf(text, " %s", value);
    return status;
}

tal_status tal_help_append_option_text(const tal_option *row, tal_buffer *text)
{
    bool is_plain = row->kind == TAL_VALUE_FLAG || row->kind == TAL_VALUE_TEXT;
    bool has_range = row->min < row->max;
    char allowed[256];
    tal_option_describe(row, allowed, sizeof(allowed));
    const char *default_text = row->default_text;
    if (default_text == NULL && row->conf_key != NULL)
        default_text = tal_conf_find_row(row->conf_key)->default_text;

    const char *separator = " (";
    tal_status status = tal_buffer_append_text(text, row->help);
    if (status == TAL_OK && !is_plain &&
        (has_range || row->kind == TAL_VALUE_CHOICE || row->kind == TAL_VALUE_BYTES)) {
        status = tal_buffer_printf(text, "%s%s", separator, allowed);
        separator = "; ";
    }
    if (status == TAL_OK && row->is_repeatable) {
        status = tal_buffer_printf(text, "%smay be repeated", separator);
        separator = "; ";
    }
    if (status == TAL_OK && default_text != NULL && row->kind != TAL_VALUE_FLAG) {
        status = tal_buffer_printf(text, "%sdefault: %s", separator, default_text);
        separator = "; ";
    }
    if (status == TAL_OK && separator[0] == ';')
        status = tal_buffer_append_text(text, ")");
    return status;
}

static tal_status append_option(tal_buffer *text, const tal_option *row)
{
    tal_buffer left = {0};
    tal_buffer words = {0};
    /* Long names line up whether there is a letter or not. */
    tal_status status = tal_buffer_append_text(&left, row->letter == 0 ? "    " : "");
    if (status == TAL_OK)
        status = tal_help_append_option_name(row, &left);
    if (status == TAL_OK)
        status = tal_buffer_append(&left, "", 1);
    if (status == TAL_OK)
        status = tal_help_append_option_text(row, &words);
    if (status == TAL_OK)
        status = tal_buffer_append(&words, "", 1);
    if (status == TAL_OK)
        status = append_row(text, (const char *)left.data, (const char *)words.data);
    tal_buffer_deinit(&words);
    tal_buffer_deinit(&left);
    return status;
}

static tal_status append_options(tal_buffer *text, const char *title, const tal_option *rows)
{
    if (rows->name == NULL)
        return TAL_OK;
    tal_status status = tal_buffer_printf(text, "\n%s:\n", title);
    for (; rows->name != NULL && status == TAL_OK; rows++)
        status = append_option(text, rows);
    return status;
}

tal_status tal_help_append(const tal_command *const *commands, tal_buffer *text)
{
    tal_status status = tal_buffer_append_text(text, "Usage: talaria COMMAND [OPTION]... "
                                                     "[ARGUMENT]...\n\n");
    if (status == TAL_OK)
        status = append_paragraphs(text, tal_help_purpose());
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, "\nCommands:\n");
    for (; *commands != NULL && status == TAL_OK; commands++)
        status = append_row(text, (*commands)->name, (*commands)->summary);
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, "\nTo begin with:\n");
    if (status == TAL_OK)
        status = append_lines(text, tal_help_examples());
    if (status == TAL_OK)
        status = append_options(text, "Options of every command", tal_options_common());
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, "\nInstead of a command:\n");
    if (status == TAL_OK)
        status = append_row(text, "    --version", "show the version");
    if (status == TAL_OK)
        status = append_row(text, "    --man", "print the manual page (talaria --man | man -l -)");
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, "\nSee 'talaria COMMAND --help' for each command.\n");
    return status;
}

tal_status tal_help_append_command(const tal_command *command, tal_buffer *text)
{
    tal_status status =
        tal_buffer_printf(text, "Usage: talaria %s [OPTION]...%s%s\n\n", command->name,
                          command->arguments[0] == '\0' ? "" : " ", command->arguments);
    if (status == TAL_OK)
        status = append_paragraphs(text, command->description);
    if (status == TAL_OK)
        status = append_options(text, "Options", command->options);
    if (status == TAL_OK)
        status = append_options(text, "Options of every command", tal_options_common());
    if (status == TAL_OK && command->examples != NULL && command->examples[0] != '\0')
        status = tal_buffer_append_text(text, "\nExamples:\n");
    if (status == TAL_OK && command->examples != NULL)
        status = append_lines(text, command->examples);
    return status;
}
