/* The one place where the configuration becomes a team of worker threads. */
#ifndef TAL_APP_TEAM_SETUP_H
#define TAL_APP_TEAM_SETUP_H

#include "app/command.h"
#include "par/placement.h"
#include "par/team.h"

/* What the keys of [parallel.threadpool] and [parallel.algorithms] say of a team of `thread_count`;
 * `places` may be NULL: then workers are not pinned. Views places. */
tal_team_params tal_team_setup_params(const tal_conf *conf, int thread_count,
                                      const tal_cpu *places);

/* The CPU of each of `worker_count` workers of this rank; release with tal_free. Not collective. */
tal_status tal_team_setup_places(const tal_run *run, int worker_count, tal_cpu **out_places);

/* A team of `worker_count` as configured otherwise. Not collective. */
tal_status tal_team_setup_size(const tal_run *run, int worker_count, tal_team **out_team);

/* The rank's team, as configured. Rank 0 warns when any node has more workers than CPUs, and when
 * the stacks are smaller than asked for. Collective; agreed status. */
tal_status tal_team_setup(const tal_run *run, tal_team **out_team);

/* "0-3,8": the CPUs of the places in order, runs shortened; "..." at the end when `bytes` (at least
 * 16) do not hold all. */
void tal_team_setup_describe(const tal_cpu *places, int count, char *out_text, size_t bytes);

#endif
