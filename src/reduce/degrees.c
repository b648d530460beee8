/* Degrees: how many sequences share a sequence's k-mers and could be stood for by it; see
 * reduction.h. */
#include "reduce/candidates_internal.h"

/* What a group says to a sequence's degree. */
typedef struct degree_part {
    uint64_t local, count;
} degree_part;

/* For each sequence of the group, the others whose representative it could be by length. */
static tal_status count_group(tal_candidate_search *state, int worker, const tal_sort_record *group,
                              size_t count)
{
    const tal_reduction *self = state->self;
    for (size_t i = 0; i < count; i++) {
        degree_part part = {.local = tal_priority_id(group[i].sub) / self->rank_count};
        /* Large groups are sampled by a window of neighbours, which are of like length. */
        size_t begin = i < TAL_GROUP_SCAN ? 0 : i - TAL_GROUP_SCAN;
        size_t end = i + TAL_GROUP_SCAN < count ? i + TAL_GROUP_SCAN : count;
        for (size_t j = begin; j < end; j++)
            part.count +=
                j != i && tal_criteria_allow_lengths(self->criteria, tal_tuple_len(&group[j]),
                                                     tal_tuple_len(&group[i]));
        if (part.count == 0)
            continue;
        tal_status status =
            tal_buffer_append(tal_outbox_at(&state->outbox, (size_t)worker,
                                            tal_priority_id(group[i].sub) % self->rank_count),
                              &part, sizeof(part));
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

tal_status tal_candidates_count_degrees(tal_reduction *self, const tal_seed *seed)
{
    tal_candidate_search state;
    tal_status status = tal_comm_agree(self->comm, tal_candidate_search_init(&state, self, seed));
    if (status == TAL_OK)
        status = tal_parts_choose_passes(&state, tal_reduction_room(self));
    for (; status == TAL_OK && state.pass < state.pass_count; state.pass++) {
        tal_buffer parts = {0};
        status = tal_groups_each(&state, count_group);
        tal_groups_drop(&state);
        if (status == TAL_OK)
            status = tal_outbox_exchange(&state.outbox, self->comm, &parts, NULL);
        const degree_part *items = (const degree_part *)(const void *)parts.data;
        for (size_t i = 0; status == TAL_OK && i < parts.bytes / sizeof(*items); i++)
            self->degrees[items[i].local] += items[i].count;
        tal_buffer_deinit(&parts);
    }
    tal_candidate_search_deinit(&state);
    return status;
}
