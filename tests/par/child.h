/* Run a function in a child process and keep what it says: for faults that end a process. */
#ifndef TAL_TESTS_PAR_CHILD_H
#define TAL_TESTS_PAR_CHILD_H

#include <stddef.h>

/* Its exit code (128 + signal when a signal ended it; 255 when it could not start, or did not end
 * within a minute), and the begin of what it wrote to standard error. */
int child_run(void (*run)(void), char *out_text, size_t bytes);

#endif
