/* What a command offers to see how it ran: --stats, --watch, --watch-action. */
#ifndef TAL_APP_DIAGNOSIS_H
#define TAL_APP_DIAGNOSIS_H

#include "app/command.h"
#include "par/watch.h"
#include "store/result.h"

/* What the program exits with when the watcher ends it. */
enum { TAL_EXIT_STALLED = 76 };

/* Rows for a command's table of options. */
#define TAL_DIAGNOSIS_OPTIONS                                                                     \
    {.name = "stats",                                                                             \
     .kind = TAL_VALUE_FLAG,                                                                      \
     .help = "show what locks, queues, idle workers and calls to other ranks cost, and store it " \
             "under "                                                                             \
             "/ranks"},                                                                           \
        {.name = "watch",                                                                         \
         .kind = TAL_VALUE_REAL,                                                                  \
         .value_name = "SECONDS",                                                                 \
         .min = 0.1,                                                                              \
         .max = 1e6,                                                                              \
         .help =                                                                                  \
             "tell who waits for what, held by whom, when threads wait for one another or "       \
             "nothing has moved for SECONDS; must be longer than the longest work item and the "  \
             "longest wait for other ranks or a pipe"},                                           \
    {                                                                                             \
        .name = "watch-action", .kind = TAL_VALUE_CHOICE, .value_name = "ACTION",                 \
        .default_text = "abort", .choices = "abort|continue",                                     \
        .help = "what --watch does then: end the program with exit code 76, or go on"             \
    }

typedef struct tal_diagnosis {
    tal_comm *comm;
    tal_watch *watch;
    bool has_stats;
    bool is_aborting;
} tal_diagnosis;

/* As the options of the command say. Collective; agreed status. */
tal_status tal_diagnosis_start(const tal_run *run, tal_diagnosis *out_diagnosis);

/* All zero is valid. */
void tal_diagnosis_stop(tal_diagnosis *diagnosis);

enum { TAL_DIAGNOSIS_NUMBERS_MAX = 80 };

/* This rank's numbers for the result file, the same names on every rank: none without --stats.
 * Returns their number. */
size_t tal_diagnosis_list(const tal_diagnosis *diagnosis, tal_result_attribute *out_list);

/* Show the numbers of all ranks: nothing without --stats. Collective. */
void tal_diagnosis_show(const tal_diagnosis *diagnosis);

#endif
