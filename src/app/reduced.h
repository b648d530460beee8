/* The reduced set that 'talaria reduce -o' writes. */
#ifndef TAL_APP_REDUCED_H
#define TAL_APP_REDUCED_H

#include "app/command.h"
#include "par/team.h"
#include "reduce/reduce.h"
#include "seq/load.h"

/* May the output be written, and the inputs be kept? Not collective. */
tal_status tal_reduced_check(const tal_run *run);

/* Write it, and say how large it became. Collective; agreed status. */
tal_status tal_reduced_write(const tal_run *run, tal_team *team, const tal_seqset *set,
                             const tal_set_info *info, const tal_assignment *assignment,
                             const tal_reduce_params *params);

#endif
