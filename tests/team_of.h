/* A team of so many workers, the rest as the defaults say. */
#ifndef TAL_TESTS_TEAM_OF_H
#define TAL_TESTS_TEAM_OF_H

#include "par/team.h"

static inline tal_status team_of(int thread_count, tal_team **out_team)
{
    const tal_team_params params = tal_team_params_default(thread_count);
    return tal_team_create(&params, out_team);
}

#endif
