/* The list of commands. */
#ifndef TAL_APP_COMMANDS_H
#define TAL_APP_COMMANDS_H

#include "app/command.h"

/* In the order help shows them, ended by NULL. */
const tal_command *const *tal_commands(void);

#endif
