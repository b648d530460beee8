/* The reduced set that 'talaria reduce -o' and 'talaria add' write. */
#ifndef TAL_APP_REDUCED_H
#define TAL_APP_REDUCED_H

#include "app/command.h"
#include "par/team.h"
#include "reduce/reduce.h"
#include "store/pack.h"

/* May `path` be written, and the arguments from `first` on be kept? Not collective. */
tal_status tal_reduced_check(const tal_run *run, const char *path, bool is_forced, int first);

/* Write what `pack` says, with the matrix and the parameters of `params`, and say how large it
 * became. Collective; agreed status. */
tal_status tal_reduced_write(const tal_run *run, tal_team *team, const tal_reduce_params *params,
                             tal_pack_params pack);

#endif
