/* Statistics of any scoring: published, kept from before, or computed. */
#ifndef TAL_APP_STATS_OBTAIN_H
#define TAL_APP_STATS_OBTAIN_H

#include "app/command.h"
#include "par/team.h"
#include "score/stats.h"

/* What tal_stats_look_up knows, else what tal_gumbel_find computes on rank 0, which looks first in
 * the folder for such results (TALARIA_CACHE, XDG_CACHE_HOME/talaria, HOME/.cache/talaria) and
 * keeps there what it computed, if it can. Files appear complete, under a name made of matrix, gap
 * costs and version of the method; damaged ones are not believed. Collective; agreed status, as
 * tal_gumbel_find. Threads: main. */
tal_status tal_stats_obtain(const tal_run *run, tal_team *team, const tal_matrix *matrix,
                            tal_gaps gaps, tal_stats *out_stats);

#endif
