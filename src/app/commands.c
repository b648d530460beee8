/* The list of commands; see commands.h. A new command adds its line here and its file to
 * meson.build. */
#include "app/commands.h"

static const tal_command *const commands[] = {
    &tal_command_search,   &tal_command_reduce,
    &tal_command_add,      &tal_command_reconstruct,
    &tal_command_verify,   &tal_command_export,
    &tal_command_simulate, &tal_command_info,
    &tal_command_bench,    NULL,
};

const tal_command *const *tal_commands(void)
{
    return commands;
}
