/* The pairs of a greedy set cover, and which ranks know whom; see cover.c. */
#include "reduce/cover_internal.h"

#include "base/alloc.h"
#include "reduce/ids.h"

#include <stdlib.h>

/* A candidate told of who found it: it could stand for it, too. */
typedef struct back_edge {
    uint64_t local, id;
    int32_t len, diagonal;
    uint64_t is_reverse;
} back_edge;

/* Of a candidate: an edge of both, and what tells the other of it, sent and received. */
enum { EDGE_BYTES = 2 * sizeof(tal_cover_edge) + 2 * sizeof(back_edge) };

static uint64_t owner_of(const tal_cover *state, uint64_t id)
{
    return id % state->self->rank_count;
}

/* Tell every candidate who found it. Collective; agreed status. */
static tal_status tell_back(tal_cover *state, tal_buffer *received)
{
    tal_reduction *self = state->self;
    tal_status status = TAL_OK;
    for (tal_lid local = 0; local < self->count; local++)
        for (uint32_t i = 0; status == TAL_OK && i < self->candidate_count[local]; i++) {
            const tal_candidate *one = &self->candidates[self->candidate_begin[local] + i];
            const uint64_t id = tal_priority_id(one->priority);
            const back_edge told = {.local = id / self->rank_count,
                                    .id = tal_reduction_id(self, local),
                                    .len = tal_seqset_len(self->distinct.sequences, local),
                                    .diagonal = one->diagonal,
                                    .is_reverse = one->is_reverse};
            status = tal_buffer_append(tal_outbox_at(&state->outbox, 0, owner_of(state, id)), &told,
                                       sizeof(told));
        }
    status = tal_comm_agree(self->comm, status);
    return status == TAL_OK ? tal_outbox_exchange(&state->outbox, self->comm, received, NULL)
                            : status;
}

int32_t tal_cover_turn(int32_t diagonal, bool is_reverse, int32_t member_len,
                       int32_t representative_len)
{
    return is_reverse ? member_len - representative_len + diagonal : -diagonal;
}

/* Whether who was found could stand for its candidate, and where the two lie side by side then. */
static bool turn_back(const tal_cover *state, const back_edge *told, tal_cover_edge *out_edge)
{
    const tal_reduction *self = state->self;
    const int32_t len = tal_seqset_len(self->distinct.sequences, (tal_lid)told->local);
    const bool is_reverse = told->is_reverse != 0;
    *out_edge =
        (tal_cover_edge){.id = told->id,
                         .diagonal = tal_cover_turn(told->diagonal, is_reverse, told->len, len),
                         .is_reverse = is_reverse};
    return tal_criteria_allow_lengths(self->criteria, len, told->len);
}

static tal_status list_edges(tal_cover *state, const tal_buffer *received)
{
    tal_reduction *self = state->self;
    const back_edge *back = (const back_edge *)(const void *)received->data;
    const size_t back_count = received->bytes / sizeof(*back);
    tal_cover_edge turned;
    state->edge_begin = tal_alloc_zero(((size_t)self->count + 2) * sizeof(*state->edge_begin));
    if (state->edge_begin == NULL)
        return TAL_ERR_MEMORY;
    size_t *ends =
        state->edge_begin + 1; /* filled from behind: ends[i] becomes the begin of i + 1 */
    for (tal_lid local = 0; local < self->count; local++)
        ends[local + 1] = self->candidate_count[local];
    for (size_t i = 0; i < back_count; i++)
        ends[back[i].local + 1] += turn_back(state, &back[i], &turned);
    for (tal_lid local = 0; local < self->count; local++)
        ends[local + 1] += ends[local];
    state->edges = tal_alloc_array(ends[self->count], sizeof(*state->edges));
    if (state->edges == NULL)
        return TAL_ERR_MEMORY;
    for (tal_lid local = 0; local < self->count; local++)
        for (uint32_t i = 0; i < self->candidate_count[local]; i++) {
            const tal_candidate *one = &self->candidates[self->candidate_begin[local] + i];
            state->edges[ends[local]++] = (tal_cover_edge){.id = tal_priority_id(one->priority),
                                                           .diagonal = one->diagonal,
                                                           .is_reverse = one->is_reverse != 0};
        }
    for (size_t i = 0; i < back_count; i++)
        if (turn_back(state, &back[i], &turned))
            state->edges[ends[back[i].local]++] = turned;
    return TAL_OK;
}

static size_t edge_count(const tal_cover *state)
{
    return state->edge_begin[state->self->count];
}

/* Ghosts, and the slots of all edges. */
static tal_status number_slots(tal_cover *state)
{
    tal_reduction *self = state->self;
    const size_t count = edge_count(state);
    state->ghost_ids = tal_alloc_array(count, sizeof(*state->ghost_ids));
    if (state->ghost_ids == NULL)
        return TAL_ERR_MEMORY;
    size_t listed = 0;
    for (size_t i = 0; i < count; i++)
        if (owner_of(state, state->edges[i].id) != self->rank)
            state->ghost_ids[listed++] = state->edges[i].id;
    state->ghost_count = tal_ids_distinct(state->ghost_ids, listed);
    if ((uint64_t)self->count + state->ghost_count >= UINT32_MAX)
        return tal_fail(TAL_ERR_MEMORY, "a rank cannot hold so many sequences; use more ranks");
    for (size_t i = 0; i < count; i++) {
        tal_cover_edge *one = &state->edges[i];
        const size_t slot =
            owner_of(state, one->id) == self->rank
                ? (size_t)(one->id / self->rank_count)
                : self->count + tal_ids_find(state->ghost_ids, state->ghost_count, one->id);
        one->slot = (uint32_t)slot;
    }
    return TAL_OK;
}

static int compare_subscriptions(const void *left, const void *right)
{
    const tal_cover_subscription *a = left;
    const tal_cover_subscription *b = right;
    if (a->local != b->local)
        return a->local < b->local ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Tell the owners of the ghosts. Collective; agreed status. */
static tal_status subscribe(tal_cover *state)
{
    tal_reduction *self = state->self;
    tal_buffer received = {0};
    tal_status status = TAL_OK;
    for (size_t i = 0; status == TAL_OK && i < state->ghost_count; i++) {
        const tal_cover_subscription wanted = {.local = state->ghost_ids[i] / self->rank_count,
                                               .rank = (uint32_t)self->rank,
                                               .ghost = (uint32_t)i};
        status = tal_buffer_append(
            tal_outbox_at(&state->outbox, 0, owner_of(state, state->ghost_ids[i])), &wanted,
            sizeof(wanted));
    }
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&state->outbox, self->comm, &received, NULL);
    if (status != TAL_OK) {
        tal_buffer_deinit(&received);
        return status;
    }
    state->subscriptions = (tal_cover_subscription *)(void *)received.data;
    state->subscription_count = received.bytes / sizeof(tal_cover_subscription);
    if (state->subscription_count > 0)
        qsort(state->subscriptions, state->subscription_count, sizeof(tal_cover_subscription),
              compare_subscriptions);
    return TAL_OK;
}

static tal_status init_outboxes(tal_cover *state)
{
    const tal_reduction *self = state->self;
    tal_status status = tal_outbox_init(&state->outbox, 1, self->rank_count);
    return status == TAL_OK ? tal_outbox_init(&state->results, self->worker_count, self->rank_count)
                            : status;
}

/* Whether all edges fit under the limit. Collective; the same on all ranks. */
static tal_status check_room(const tal_reduction *self)
{
    uint64_t bytes = EDGE_BYTES * self->candidate_total;
    const uint64_t room = tal_reduction_room(self);
    tal_comm_max_u64(self->comm, &bytes, 1);
    return self->params->memory_bytes > 0 && bytes > room ? tal_reduction_refuse(self, bytes, room)
                                                          : TAL_OK;
}

tal_status tal_cover_connect(tal_cover *state)
{
    tal_reduction *self = state->self;
    tal_buffer received = {0};
    tal_status status = check_room(self);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, init_outboxes(state));
    if (status == TAL_OK)
        status = tell_back(state, &received);
    if (status == TAL_OK)
        status = list_edges(state, &received);
    tal_buffer_deinit(&received);
    if (status == TAL_OK)
        status = number_slots(state);
    status = tal_comm_agree(self->comm, status);
    return status == TAL_OK ? subscribe(state) : status;
}
