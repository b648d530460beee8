/* The team of worker threads of one rank. The only place that knows OpenMP. */
#ifndef TAL_PAR_TEAM_H
#define TAL_PAR_TEAM_H

#include "base/status.h"
#include "base/types.h"

typedef struct tal_team tal_team;

/* thread_count >= 1. Release with tal_team_destroy. */
tal_status tal_team_create(int thread_count, tal_team **out_team);
void tal_team_destroy(tal_team *team);

int tal_team_size(const tal_team *team);

/* One item of work. Runs on worker `worker` (0 <= worker < size). */
typedef tal_status (*tal_item_function)(void *context, int worker, size_t item);

/* Run function(context, worker, item) once for every item < item_count; items are handed out in
 * rising order, one at a time. After a failure no further items start; the first failure is
 * returned. Blocks until all running items are done. Threads: main only. */
tal_status tal_team_for(tal_team *team, size_t item_count, tal_item_function function,
                        void *context);

/* Threads this process may use: the cpuset it is bound to. */
int tal_team_cpu_count(void);

#endif
