/* What a search would cost, before it is run: memory of a rank, cells, seconds.
 *
 * Time is planned from the speed of the real pipeline on a small
 * synthetic set on all ranks at once: an estimate, no promise.
 */
#ifndef TAL_APP_DRY_RUN_H
#define TAL_APP_DRY_RUN_H

#include "app/memory_plan.h"
#include "search/search.h"
#include "seq/load.h"

/* A search that is planned. Queries and references are read to their ends, by streams, so that the
 * plan takes little memory itself. */
typedef struct tal_dry_run {
    tal_comm *comm;
    tal_team *team;
    const tal_search_params *params;
    tal_memory_needs needs; /* without counts, residues and lengths */
    tal_stream *queries;
    tal_stream *references;       /* NULL: a reduced set, and */
    tal_set_info reduced;         /* all it stands for, */
    tal_set_info representatives; /* what of it is scored against every query */
    const char *why_twice; /* why pairs of a set against itself are scored twice; NULL: not */
    uint64_t memory_limit; /* bytes of a rank; 0: none given */
} tal_dry_run;

/* Count, measure, print the plan on rank 0's standard output; fails as tal_memory_plan_fit does
 * after that. Collective; agreed status. */
tal_status tal_dry_run_report(tal_dry_run *plan);

#endif
