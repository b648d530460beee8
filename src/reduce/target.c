/* The highest identity whose representatives keep to a share of the residues; see reduction.h.
 *
 * Bisection of whole percents: the share is taken to rise with the identity. Each probe is a
 * reduction like any other, so what is found is what a reduction at that identity gives. Degrees do
 * not depend on the identity, nor do the candidates of the first round: they are found once.
 */
#include "reduce/reduction.h"

#include "base/stop.h"
#include "reduce/rounds.h"

#include <inttypes.h>
#include <string.h>

/* Everything undecided again, degrees as they are. */
static void begin_probe(tal_reduction *self, uint64_t identity)
{
    const tal_reduce_summary nothing = {.step_count = self->summary.step_count,
                                        .probe_count = self->summary.probe_count};
    tal_reduction_position *position = &self->position;
    for (tal_lid local = 0; local < self->count; local++) {
        tal_reduction_set_state(self, local, TAL_VERTEX_OPEN);
        self->vertices[local] = (tal_vertex){0};
    }
    for (size_t worker = 0; worker < self->worker_count; worker++)
        tal_buffer_reset(&self->arenas[worker]);
    self->summary = nothing;
    position->identity = identity;
    position->stage = position->stage == 0 ? 0 : 1;
    position->is_within = 0;
    position->orphans = 0;
}

static uint64_t middle(const tal_reduction_position *position)
{
    return position->low + (position->high - position->low) / 2;
}

static tal_status cannot_reach(const tal_reduction *self)
{
    const tal_reduce_params *params = self->params;
    const double reached = 100.0 * (double)self->summary.representative_residues /
                           (double)(params->residue_count == 0 ? 1 : params->residue_count);
    return tal_fail(TAL_ERR_USAGE,
                    "no identity leaves %g %% of the residues: the representatives at the lowest "
                    "one, %" PRIu64 " %%, have %.2f %%; ask for as much, or for a lower coverage",
                    params->target / 100.0, self->position.identity, reached);
}

/* Whether the representatives keep to the share. */
static bool keeps_to_target(const tal_reduction *self)
{
    return (double)self->summary.representative_residues * TAL_REDUCE_SHARE_ONE <=
           (double)self->params->residue_count * self->params->target;
}

/* What a probe says of the bounds; *out_is_found: it is the answer, and in memory. */
static tal_status judge(tal_reduction *self, uint64_t lowest, bool *out_is_found)
{
    tal_reduction_position *position = &self->position;
    *out_is_found = position->high - position->low == 1 && position->identity == position->low;
    if (*out_is_found)
        return TAL_OK; /* Done a second time. */
    self->summary.probe_count++;
    if (keeps_to_target(self))
        position->low = position->identity;
    else
        position->high = position->identity;
    if (position->high - position->low > 1) {
        begin_probe(self, middle(position));
        return TAL_OK;
    }
    if (position->low < lowest)
        return cannot_reach(self);
    *out_is_found = position->identity == position->low;
    if (!*out_is_found)
        begin_probe(self, position->low);
    return TAL_OK;
}

tal_status tal_target_find(tal_reduction *self)
{
    const uint64_t lowest = tal_rounds_lowest(self->params->matrix->alphabet);
    tal_reduction_position *position = &self->position;
    if (position->identity == 0) {
        position->low = lowest - 1;
        position->high = 101;
        begin_probe(self, middle(position));
    }
    tal_status status = TAL_OK;
    for (bool is_found = false; status == TAL_OK && !is_found;) {
        self->criteria->identity = (int32_t)position->identity * 100;
        status = tal_reduction_run_rounds(self);
        if (status != TAL_OK)
            break;
        tal_reduction_sum_up(self);
        status = judge(self, lowest, &is_found);
        if (status == TAL_OK && !is_found)
            status = tal_state_keep(self);
    }
    return status;
}
