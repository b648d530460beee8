/* The words of a command line, checked against the rows of a command. Pure: no files, no ranks. */
#ifndef TAL_APP_OPTIONS_H
#define TAL_APP_OPTIONS_H

#include "app/command.h"

/* One option as it was given. */
typedef struct tal_option_use {
    const tal_option *row;
    const char *text; /* a view of the command line; NULL for flags */
} tal_option_use;

typedef struct tal_options {
    const tal_command *command;
    tal_option_use *uses; /* in order */
    int use_count;
    const char **arguments; /* what is no option */
    int argument_count;
    bool is_help; /* --help was given: nothing else was checked */
} tal_options;

/* A value of a row, in the member of its kind; all of them where that makes sense. */
typedef struct tal_option_value {
    int64_t integer; /* INT, BYTES */
    double real;     /* INT, BYTES, REAL */
    int choice;      /* CHOICE */
} tal_option_value;

/* The options every command has, ended by a row whose name is NULL. */
const tal_option *tal_options_common(void);

/* The row of a long name (without "--"), of the command first, then of the common ones; or NULL. */
const tal_option *tal_options_find_row(const tal_command *command, const char *name);

/* Parse the words after the command's name. Options and arguments may be mixed; "--" ends the
 * options; "-" is an argument; of an option given twice the last one counts, unless it is
 * repeatable. TAL_ERR_USAGE names the option, the value and what is allowed. */
tal_status tal_options_parse(const tal_command *command, int word_count, char *const *words,
                             tal_options *out_options);

/* All zero is valid. */
void tal_options_deinit(tal_options *options);

/* The last text given for a row, or NULL. Flags give "" when given. */
const char *tal_options_find_text(const tal_options *options, const tal_option *row);

/* Read a text as a value of `row`. */
tal_status tal_option_parse(const tal_option *row, const char *text, tal_option_value *out_value);

/* What a row allows, for people: "a whole number from 0 to 4096", "one of local, global". */
void tal_option_describe(const tal_option *row, char *out_text, size_t bytes);

#endif
