/* The making of a run: what main does before a command gets its tal_run. */
#ifndef TAL_APP_RUN_H
#define TAL_APP_RUN_H

#include "app/command.h"
#include "app/options.h"

/* Read the configuration (rank 0 reads the file), the environment and the common options; settle
 * threads and instruction set. `options` must outlive the run. Collective; agreed status. */
tal_status tal_run_create(tal_comm *comm, const tal_options *options, const char *command_line,
                          tal_run **out_run);
void tal_run_destroy(tal_run *run);

/* Append the words as a shell would read them, separated by blanks. */
tal_status tal_command_line_append(int word_count, char *const *words, tal_buffer *line);

/* Threads of a rank where their number is automatic: its share of `cpu_count` CPUs when
 * `sharer_count` ranks of the node are bound to the same ones; at least 1, at most
 * TAL_CONF_THREADS_MAX. Pure. */
int tal_threads_automatic(int cpu_count, int sharer_count);

#endif
