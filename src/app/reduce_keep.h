/* Where a reduction keeps its state: the job beside its first output. */
#ifndef TAL_APP_REDUCE_KEEP_H
#define TAL_APP_REDUCE_KEEP_H

#include "app/command.h"
#include "dist/job.h"
#include "reduce/reduce.h"
#include "seq/load.h"

typedef struct tal_reduce_keep {
    tal_job *job; /* closed by the caller */
    bool is_quiet;
    tal_reduce_keeper keeper;
} tal_reduce_keep;

/* Whether unfinished work lies beside `output`. Not collective. */
bool tal_reduce_keep_exists(const char *output);

/* Open the job of `output`. Collective; agreed status. */
tal_status tal_reduce_keep_open(tal_run *run, const char *output, tal_reduce_keep *keep);

/* Say what the job computes: one begun with others is refused, or begun anew with --force. Then
 * `keep->keeper` may be used; it views `keep`. Collective; agreed status. */
tal_status tal_reduce_keep_begin(tal_run *run, const tal_reduce_params *params,
                                 const tal_set_info *info, tal_reduce_keep *keep);

#endif
