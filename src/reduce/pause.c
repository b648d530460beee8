/* Pauses of a long round, in which its state is kept; see reduction.h. */
#include "reduce/reduction.h"

#include "base/clock.h"
#include "base/stop.h"

/* A round takes so many times as long as keeping its state. */
enum { KEEP_SHARE = 20 };

tal_pause tal_pause_begin(tal_reduction *self)
{
    const tal_reduce_keeper *keeper = self->params->keeper;
    return (tal_pause){self, keeper == NULL ? 0 : tal_clock_ns() + keeper->interval_ns};
}

bool tal_pause_is_due(const tal_pause *pause)
{
    return pause->self->params->keeper != NULL &&
           (tal_stop_is_asked() || tal_clock_ns() >= pause->at_ns);
}

/* Collective; agreed status. */
static tal_status keep_within(tal_pause *pause)
{
    tal_reduction *self = pause->self;
    const uint64_t begin_ns = tal_clock_ns(), interval_ns = self->params->keeper->interval_ns;
    self->position.is_within = 1;
    tal_status status = tal_state_keep(self);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, tal_stop_check());
    const uint64_t end_ns = tal_clock_ns(), least_ns = KEEP_SHARE * (end_ns - begin_ns);
    pause->at_ns = end_ns + (interval_ns > least_ns ? interval_ns : least_ns);
    return status;
}

tal_status tal_pause_keep(tal_pause *pause)
{
    if (pause->self->params->keeper == NULL)
        return TAL_OK;
    uint64_t is_due = tal_pause_is_due(pause);
    tal_comm_max_u64(pause->self->comm, &is_due, 1);
    return is_due != 0 ? keep_within(pause) : TAL_OK;
}

tal_status tal_pause_give_up(tal_pause *pause)
{
    if (pause->self->params->keeper == NULL)
        return TAL_OK;
    uint64_t is_asked = tal_stop_is_asked();
    tal_comm_max_u64(pause->self->comm, &is_asked, 1);
    return is_asked != 0 ? keep_within(pause) : TAL_OK;
}
