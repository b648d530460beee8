/* The manual page in the macros of man(7), from the same tables as --help; see help.h. */
#include "app/help.h"

#include "app/options.h"
#include "conf/environment.h"

#include "app/build_info.h"

#include <stdio.h>
#include <string.h>

enum { LINE_WIDTH = 70 }; /* Escapes make lines longer; 80 bytes are the limit of good style. */

/* Text as roff wants it: what it reads as commands or typography is escaped. A page is made of
 * lines, so the caller says whether the first byte begins one. */
static tal_status append_escaped(tal_buffer *text, const char *words, size_t len, bool is_at_begin)
{
    static const struct {
        char byte;
        const char *escape;
    } escapes[] = {{'\\', "\\e"},  {'-', "\\-"},   {'^', "\\(ha"},
                   {'~', "\\(ti"}, {'`', "\\(ga"}, {'\'', "\\(aq"}};
    tal_status status = TAL_OK;
    if (is_at_begin && len > 0 && words[0] == '.')
        status = tal_buffer_append_text(text, "\\&");
    for (size_t i = 0; i < len && status == TAL_OK; i++) {
        const char *escape = NULL;
        for (size_t j = 0; j < sizeof(escapes) / sizeof(escapes[0]); j++)
            if (escapes[j].byte == words[i])
                escape = escapes[j].escape;
        status = escape != NULL ? tal_buffer_append_text(text, escape)
                                : tal_buffer_append(text, words + i, 1);
    }
    return status;
}

static tal_status append_lines_of(tal_buffer *text, const char *words, size_t len)
{
    tal_status status = TAL_OK;
    int column = 0;
    for (size_t at = 0; at < len && status == TAL_OK;) {
        size_t word = strcspn(words + at, " \n");
        word = word < len - at ? word : len - at;
        if (word > 0) {
            bool is_new = column == 0 || column + 1 + (int)word > LINE_WIDTH;
            if (column > 0)
                status = tal_buffer_append_text(text, is_new ? "\n" : " ");
            if (status == TAL_OK)
                status = append_escaped(text, words + at, word, is_new);
            column = is_new ? (int)word : column + 1 + (int)word;
        }
        at += word + 1;
    }
    return status == TAL_OK ? tal_buffer_append_text(text, "\n") : status;
}

static tal_status append_verbatim(tal_buffer *text, const char *lines, size_t len)
{
    tal_status status = tal_buffer_append_text(text, ".RS 4\n.nf\n");
    for (size_t at = 0; at < len && status == TAL_OK;) {
        size_t line = strcspn(lines + at, "\n");
        line = line < len - at ? line : len - at;
        status = append_escaped(text, lines + at, line, true);
        if (status == TAL_OK)
            status = tal_buffer_append_text(text, "\n");
        at += line + 1;
    }
    return status == TAL_OK ? tal_buffer_append_text(text, ".fi\n.RE\n") : status;
}

static tal_status append_paragraphs(tal_buffer *text, const char *paragraphs)
{
    tal_status status = TAL_OK;
    while (*paragraphs != '\0' && status == TAL_OK) {
        const char *end = strstr(paragraphs, "\n\n");
        size_t len = end == NULL ? strlen(paragraphs) : (size_t)(end - paragraphs);
        status = paragraphs[0] == ' ' ? append_verbatim(text, paragraphs, len)
                                      : append_lines_of(text, paragraphs, len);
        paragraphs += len + strspn(paragraphs + len, "\n");
        if (*paragraphs != '\0' && status == TAL_OK)
            status = tal_buffer_append_text(text, ".PP\n");
    }
    return status;
}

/* A tagged paragraph: bold tag, then words. */
static tal_status append_tagged(tal_buffer *text, const char *tag, const char *words)
{
    tal_status status = tal_buffer_append_text(text, ".TP\n\\fB");
    if (status == TAL_OK)
        status = append_escaped(text, tag, strlen(tag), false);
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, "\\fR\n");
    return status == TAL_OK ? append_lines_of(text, words, strlen(words)) : status;
}

static tal_status append_options(tal_buffer *text, const tal_option *rows)
{
    tal_buffer tag = {0};
    tal_buffer words = {0};
    tal_status status = TAL_OK;
    for (; rows->name != NULL && status == TAL_OK; rows++) {
        tal_buffer_reset(&tag);
        tal_buffer_reset(&words);
        status = tal_help_append_option_name(rows, &tag);
        if (status == TAL_OK)
            status = tal_buffer_append(&tag, "", 1);
        if (status == TAL_OK)
            status = tal_help_append_option_text(rows, &words);
        if (status == TAL_OK)
            status = tal_buffer_append(&words, "", 1);
        if (status == TAL_OK)
            status = append_tagged(text, (const char *)tag.data, (const char *)words.data);
    }
    tal_buffer_deinit(&words);
    tal_buffer_deinit(&tag);
    return status;
}

static tal_status append_command(tal_buffer *text, const tal_command *command)
{
    tal_status status =
        tal_buffer_printf(text, ".SS \"talaria %s [OPTION]...%s%s\"\n", command->name,
                          command->arguments[0] == '\0' ? "" : " ", command->arguments);
    if (status == TAL_OK)
        status = append_paragraphs(text, command->description);
    if (status == TAL_OK)
        status = append_options(text, command->options);
    if (status == TAL_OK && command->examples != NULL && command->examples[0] != '\0') {
        status = tal_buffer_append_text(text, ".PP\nExamples:\n");
        if (status == TAL_OK)
            status = append_verbatim(text, command->examples, strlen(command->examples));
    }
    return status;
}

static tal_status append_conf(tal_buffer *text)
{
    tal_status status = tal_buffer_append_text(
        text, ".SH CONFIGURATION\nA file in TOML.\n"
              "A value on the command line overrides the file, the file overrides the default.\n"
              "Environment variables that set the number of threads count while that number\n"
              "is 0 (automatic).\n");
    for (const tal_conf_row *row = tal_conf_rows(); row->key != NULL && status == TAL_OK; row++) {
        char allowed[160];
        char words[512];
        tal_conf_describe(row, allowed, sizeof(allowed));
        (void)snprintf(words, sizeof(words), "%s (%s; default: %s)", row->help, allowed,
                       row->default_text);
        status = append_tagged(text, row->key, words);
    }
    return status;
}

static tal_status append_tail(tal_buffer *text)
{
    tal_status status = tal_buffer_append_text(text, ".SH ENVIRONMENT\n");
    for (int i = 0; i < TAL_VARIABLE_COUNT && status == TAL_OK; i++)
        status = append_tagged(text, tal_variable_name((tal_variable)i),
                               tal_variable_help((tal_variable)i));
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, ".SH EXIT STATUS\nThe same on every rank.\n");
    for (int i = 0; i < TAL_STATUS_COUNT && status == TAL_OK; i++) {
        char code[16];
        (void)snprintf(code, sizeof(code), "%d", tal_status_exit_code((tal_status)i));
        status = append_tagged(text, code, tal_help_exit_meaning((tal_status)i));
    }
    if (status == TAL_OK)
        status = append_tagged(text, "76", "ended by --watch: nothing moved any more");
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, ".SH EXAMPLES\n");
    if (status == TAL_OK)
        status = append_verbatim(text, tal_help_examples(), strlen(tal_help_examples()));
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, ".SH SEE ALSO\n.BR mpirun (1),\n.BR srun (1)\n");
    return status;
}

tal_status tal_man_append(const tal_command *const *commands, tal_buffer *text)
{
    tal_status status = tal_buffer_printf(
        text,
        ".TH TALARIA 1 \"%s\" \"talaria %s\" \"User Commands\"\n"
        ".SH NAME\ntalaria \\- exact comparison of biological sequences at cluster scale\n"
        ".SH SYNOPSIS\n.B talaria\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n.br\n"
        ".B mpirun\n[\\fIOPTION\\fR]...\n.B talaria\n.I COMMAND\n"
        "[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n.br\n"
        ".B talaria\n[\\fICOMMAND\\fR]\n.B \\-\\-help\n"
        ".SH DESCRIPTION\n",
        TAL_RELEASE_DATE, TAL_VERSION);
    if (status == TAL_OK)
        status = append_paragraphs(text, tal_help_purpose());
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, ".SH COMMANDS\n");
    for (; *commands != NULL && status == TAL_OK; commands++)
        status = append_command(text, *commands);
    if (status == TAL_OK)
        status = tal_buffer_append_text(text, ".SH OPTIONS\nEvery command takes these:\n");
    if (status == TAL_OK)
        status = append_options(text, tal_options_common());
    if (status == TAL_OK)
        status = append_conf(text);
    return status == TAL_OK ? append_tail(text) : status;
}
