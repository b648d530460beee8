/* What test programs that run under mpirun share: checks that do not stop one rank alone, and a
 * folder for files.
 *
 * A program calls ranks_begin, its cases through RANKS_RUN, and returns ranks_end: 0 when every
 * check held on every rank.
 */
#ifndef TAL_TESTS_MPI_RANKS_H
#define TAL_TESTS_MPI_RANKS_H

#include "comm/comm.h"

#include <stdbool.h>

enum { RANKS_PATH_BYTES = 512 };

typedef struct ranks_test {
    tal_comm *comm;
    int rank, size;
    char folder[RANKS_PATH_BYTES]; /* of this run, empty at the start */
    uint64_t failure_count;
} ranks_test;

/* Start MPI and make the folder. Collective. */
void ranks_begin(ranks_test *test, int *argc, char ***argv);

/* Remove the folder, end MPI; the exit code. Collective. */
int ranks_end(ranks_test *test);

/* FOLDER/name, in one buffer per call. */
void ranks_path(const ranks_test *test, const char *name, char out_path[RANKS_PATH_BYTES]);

/* Count and report a check that does not hold. */
void ranks_check(ranks_test *test, bool holds, const char *file, int line, const char *condition);

/* Run one case and clear the recorded failure after it. Collective. */
void ranks_run(ranks_test *test, const char *name, void (*run)(ranks_test *test));

#define RANKS_CHECK(test, condition) ranks_check(test, (condition), __FILE__, __LINE__, #condition)
#define RANKS_RUN(test, function)    ranks_run(test, #function, function)

#endif
