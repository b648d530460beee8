/* The reduced set that 'talaria reduce -o' and 'talaria add' write. */
#ifndef TAL_APP_REDUCED_H
#define TAL_APP_REDUCED_H

#include "app/command.h"
#include "par/team.h"
#include "reduce/reduce.h"
#include "store/pack.h"

/* May `path` be written, and the arguments from `first` on be kept? Not collective. */
tal_status tal_reduced_check(const tal_run *run, const char *path, bool is_forced, int first);

#define TAL_REDUCED_MEMORY_OPTION                                                                 \
    {                                                                                             \
        .name = "memory", .kind = TAL_VALUE_BYTES, .value_name = "BYTES", .min = 1, .max = 1e18,  \
        .help = "memory each rank may take, all counted: k-mers are gathered in several passes, " \
                "sequences decided in several parts; refused when that is not enough (1G is "     \
                "1024M). Without it, k-mers and pairs may take 4G beside what stays"              \
    }

/* Keep to --memory, if it is given: before the team and its threads are made. */
void tal_reduced_limit_memory(const tal_run *run, tal_reduce_params *params);

/* Write what `pack` says, with the matrix and the parameters of `params`, and say how large it
 * became. Collective; agreed status. */
tal_status tal_reduced_write(const tal_run *run, tal_team *team, const tal_reduce_params *params,
                             tal_pack_params pack);

#endif
