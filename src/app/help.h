/* Help texts, made from the tables of commands, options, configuration keys and exit codes. Pure:
 * they append to a buffer. */
#ifndef TAL_APP_HELP_H
#define TAL_APP_HELP_H

#include "app/command.h"
#include "base/buffer.h"

/* talaria --help. */
tal_status tal_help_append(const tal_command *const *commands, tal_buffer *text);

/* talaria COMMAND --help. */
tal_status tal_help_append_command(const tal_command *command, tal_buffer *text);

/* talaria --man: a page for man(7), in the macros of the same name. */
tal_status tal_man_append(const tal_command *const *commands, tal_buffer *text);

/* The pieces both are made of. */

/* "-o, --output FILE". */
tal_status tal_help_append_option_name(const tal_option *row, tal_buffer *text);

/* The help sentence with what is allowed and the default in brackets. */
tal_status tal_help_append_option_text(const tal_option *row, tal_buffer *text);

/* What an exit code means; NULL: not one of ours. */
const char *tal_help_exit_meaning(tal_status status);

/* The program in a paragraph, and its first examples. */
const char *tal_help_purpose(void);
const char *tal_help_examples(void);

#endif
