/* Members whose representatives became members themselves: they are verified against those that
 * took them. */
#include "reduce/reduction.h"

#include "base/alloc.h"
#include "reduce/ids.h"
#include "reduce/outbox.h"

#include <stdlib.h>
#include <string.h>

static tal_status answer_vertex(const void *context, uint64_t local, tal_buffer *reply)
{
    const tal_reduction *self = context;
    uint64_t taker = tal_reduction_state(self, (tal_lid)local) == TAL_VERTEX_MEMBER
                         ? self->vertices[local].representative
                         : UINT64_MAX;
    uint64_t is_reverse = self->vertices[local].is_reverse;
    tal_status status = tal_buffer_append(reply, &taker, sizeof(taker));
    return status == TAL_OK ? tal_buffer_append(reply, &is_reverse, sizeof(is_reverse)) : status;
}

/* A member whose representative was taken, and by whom. */
typedef struct orphan {
    uint64_t taker;
    tal_lid local;
    bool is_reverse;
} orphan;

typedef struct adoption {
    tal_reduction *self;
    orphan *orphans; /* by taker */
    size_t orphan_count;
    /* Of a round. */
    size_t begin;
    uint64_t *takers;
    size_t taker_count;
    tal_replies residues; /* of the takers */
} adoption;

/* Residues of takers that are in memory at a time, about. */
#define ROUND_RESIDUES (UINT64_C(8) << 20)

static int compare_orphans(const void *left, const void *right)
{
    const orphan *a = left;
    const orphan *b = right;
    if (a->taker != b->taker)
        return a->taker < b->taker ? -1 : 1;
    return (a->local > b->local) - (a->local < b->local);
}

static tal_status adopt(void *context, int worker, size_t idx)
{
    adoption *state = context;
    tal_reduction *self = state->self;
    const orphan *one = &state->orphans[state->begin + idx];
    const size_t taker = tal_ids_find(state->takers, state->taker_count, one->taker);
    const tal_verify_job job = {
        .codes = state->residues.data.data + state->residues.at[taker],
        .len = (int32_t)state->residues.bytes[taker],
        .is_reverse = one->is_reverse,
    };
    bool passes = false;
    if (!tal_criteria_allow_lengths(self->criteria,
                                    tal_seqset_len(self->distinct.sequences, one->local), job.len))
        return TAL_OK;
    tal_verifier_set_member(self->verifiers[worker],
                            tal_seqset_residues(self->distinct.sequences, one->local),
                            tal_seqset_len(self->distinct.sequences, one->local));
    return tal_reduction_try(self, worker, one->local, one->taker, &job, &passes);
}

/* Find the members whose representatives were taken: they become open. Collective; agreed
 * status. */
static tal_status find_orphans(adoption *state)
{
    tal_reduction *self = state->self;
    tal_replies replies = {0};
    uint64_t *ids = NULL;
    size_t id_count = 0;
    tal_status status =
        tal_comm_agree(self->comm, tal_reduction_list_representatives(self, &ids, &id_count));
    if (status == TAL_OK)
        status = tal_owners_ask(self->comm, ids, id_count, answer_vertex, self, &replies);
    if (status != TAL_OK)
        goto done;
    state->orphans = tal_alloc_array(self->count, sizeof(*state->orphans));
    if (state->orphans == NULL)
        status = TAL_ERR_MEMORY;
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++) {
        if (tal_reduction_state(self, local) != TAL_VERTEX_MEMBER)
            continue;
        uint64_t reply[2];
        memcpy(reply,
               replies.data.data +
                   replies.at[tal_ids_find(ids, id_count, self->vertices[local].representative)],
               sizeof(reply));
        if (reply[0] == UINT64_MAX)
            continue;
        bool is_reverse = self->vertices[local].is_reverse != (reply[1] != 0);
        state->orphans[state->orphan_count++] = (orphan){reply[0], local, is_reverse};
    }
    for (size_t i = 0; status == TAL_OK && i < state->orphan_count; i++)
        tal_reduction_set_state(self, state->orphans[i].local, TAL_VERTEX_OPEN);
    if (status == TAL_OK && state->orphan_count > 0)
        qsort(state->orphans, state->orphan_count, sizeof(*state->orphans), compare_orphans);
    status = tal_comm_agree(self->comm, status);
done:
    tal_replies_deinit(&replies);
    tal_free(ids);
    return status;
}

/* Verify the orphans of the next takers. Collective; agreed status. */
static tal_status adopt_some(adoption *state)
{
    tal_reduction *self = state->self;
    size_t end = state->begin;
    uint64_t residues = 0;
    state->taker_count = 0;
    for (; end < state->orphan_count && residues < ROUND_RESIDUES; end++) {
        if (end > state->begin && state->orphans[end].taker == state->orphans[end - 1].taker)
            continue;
        state->takers[state->taker_count++] = state->orphans[end].taker;
        residues += (uint64_t)tal_seqset_len(self->distinct.sequences, state->orphans[end].local);
    }
    tal_status status = tal_owners_ask(self->comm, state->takers, state->taker_count,
                                       tal_reduction_answer_residues, self, &state->residues);
    if (status == TAL_OK)
        status =
            tal_comm_agree(self->comm, tal_team_for(self->team, end - state->begin, adopt, state));
    tal_replies_deinit(&state->residues);
    state->begin = end;
    return status;
}

tal_status tal_adopt_orphans(tal_reduction *self, uint64_t *out_left)
{
    adoption state = {.self = self};
    tal_status status = find_orphans(&state);
    if (status == TAL_OK) {
        state.takers = tal_alloc_array(state.orphan_count, sizeof(*state.takers));
        status = tal_comm_agree(self->comm, state.takers == NULL ? TAL_ERR_MEMORY : TAL_OK);
    }
    for (uint64_t is_more = 1; status == TAL_OK && is_more != 0;) {
        status = adopt_some(&state);
        is_more = state.begin < state.orphan_count;
        tal_comm_max_u64(self->comm, &is_more, 1);
    }
    *out_left = 0;
    for (size_t i = 0; status == TAL_OK && i < state.orphan_count; i++)
        *out_left += tal_reduction_state(self, state.orphans[i].local) == TAL_VERTEX_OPEN;
    tal_comm_sum_u64(self->comm, out_left, 1);
    tal_free(state.takers);
    tal_free(state.orphans);
    return status;
}
