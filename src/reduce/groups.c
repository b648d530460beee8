/* Groups of sequences that share a k-mer; see candidates_internal.h.
 *
 * Every k-mer travels with its sequence's priority to the rank that owns its hash; there all that
 * share it are sorted into a group, by priority. Where k-mers take more than the memory allowed,
 * hash space is cut into passes; a group is never cut.
 */
#include "reduce/candidates_internal.h"

#include "base/alloc.h"

enum {
    EXTRACT_UNIT = 64, /* sequences of an item of work */
    GROUP_UNIT = 4096, /* k-mers */
};

typedef tal_candidate_search search;

/* What k-mers are dealt and sorted by: of those kept hashes are small, but their lower halves are
 * spread evenly. */
static uint64_t key_of(uint64_t hash)
{
    return hash << 32 | hash >> 32;
}

/* Which pass a key belongs to: by even bits that neither owner nor bucket is chosen by. */
static uint64_t pass_of(uint64_t key, uint64_t pass_count)
{
    return pass_count == 1 ? 0 : (key >> 16 & UINT32_MAX) * pass_count >> 32;
}

/* The rank that owns a key: equal ranges of keys. */
static size_t owner_of(uint64_t key, uint64_t rank_count)
{
    return (size_t)((key >> 32) * rank_count >> 32);
}

static tal_status extract(void *context, int worker, size_t unit)
{
    search *state = context;
    tal_reduction *self = state->self;
    tal_buffer *kmers = &state->kmers[worker];
    size_t begin = unit * EXTRACT_UNIT;
    size_t end = begin + EXTRACT_UNIT < self->count ? begin + EXTRACT_UNIT : self->count;
    for (size_t i = begin; i < end; i++) {
        const tal_lid local = (tal_lid)i;
        const int32_t len = tal_seqset_len(self->distinct.sequences, local);
        if (!self->is_in_pool[local] || len < self->params->len_min)
            continue;
        tal_status status =
            tal_kmers_read(&state->reader, tal_seqset_residues(self->distinct.sequences, local),
                           (size_t)len, kmers);
        const tal_kmer *items = (const tal_kmer *)(const void *)kmers->data;
        const size_t count = kmers->bytes / sizeof(*items);
        for (size_t k = 0; status == TAL_OK && k < count; k++) {
            const uint64_t key = key_of(items[k].hash);
            if (pass_of(key, state->pass_count) != state->pass)
                continue;
            const tal_sort_record tuple = {
                .key = key,
                .sub = self->priorities[local],
                .rest =
                    (uint64_t)len << 32 | (uint64_t)items[k].position << 1 | items[k].is_reverse,
            };
            status = tal_buffer_append(
                tal_outbox_at(&state->outbox, (size_t)worker, owner_of(key, self->rank_count)),
                &tuple, sizeof(tuple));
        }
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

tal_status tal_groups_sort(const tal_candidate_search *state, tal_buffer *received, uint64_t scale)
{
    tal_buffer sorted = {0};
    tal_status status = tal_buffer_reserve(&sorted, received->bytes);
    if (status == TAL_OK)
        status = tal_sort_records(state->self->team, (tal_sort_record *)(void *)received->data,
                                  received->bytes / sizeof(tal_sort_record), scale,
                                  (tal_sort_record *)(void *)sorted.data);
    sorted.bytes = received->bytes;
    tal_buffer_deinit(received);
    *received = sorted;
    return status;
}

/* The k-mers of this pass that this rank owns, sorted into groups. Collective; agreed status. */
static tal_status gather_tuples(search *state)
{
    tal_reduction *self = state->self;
    tal_buffer *tuples = &state->tuple_bytes;
    tal_buffer_deinit(tuples);
    tal_status status = tal_team_for(
        self->team, ((size_t)self->count + EXTRACT_UNIT - 1) / EXTRACT_UNIT, extract, state);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&state->outbox, self->comm, tuples, NULL);
    if (status == TAL_OK && tuples->bytes > 0)
        status = tal_groups_sort(state, tuples, self->rank_count);
    status = tal_comm_agree(self->comm, status);
    state->tuples = (const tal_sort_record *)(const void *)tuples->data;
    state->tuple_count = tuples->bytes / sizeof(tal_sort_record);
    state->gathered = state->pass;
    return status;
}

/* A unit's groups: those that begin in it. Skips to the first; false when there is none. */
static bool first_group(const search *state, size_t unit, size_t *out_begin, size_t *out_limit)
{
    size_t begin = unit * GROUP_UNIT;
    size_t limit =
        begin + GROUP_UNIT < state->tuple_count ? begin + GROUP_UNIT : state->tuple_count;
    while (begin > 0 && begin < limit && state->tuples[begin].key == state->tuples[begin - 1].key)
        begin++;
    *out_begin = begin;
    *out_limit = limit;
    return begin < limit;
}

static size_t group_end(const search *state, size_t begin)
{
    size_t end = begin + 1;
    while (end < state->tuple_count && state->tuples[end].key == state->tuples[begin].key)
        end++;
    return end;
}

/* All groups that begin in a unit. */
static tal_status run_unit(void *context, int worker, size_t unit)
{
    search *state = context;
    size_t begin, limit;
    if (!first_group(state, unit, &begin, &limit))
        return TAL_OK;
    while (begin < limit) {
        size_t end = group_end(state, begin);
        tal_status status = state->function(state, worker, state->tuples + begin, end - begin);
        if (status != TAL_OK)
            return status;
        begin = end;
    }
    return TAL_OK;
}

tal_status tal_groups_each(tal_candidate_search *state, tal_group_function function)
{
    tal_status status = state->gathered == state->pass ? TAL_OK : gather_tuples(state);
    if (status != TAL_OK)
        return status;
    const size_t units = (state->tuple_count + GROUP_UNIT - 1) / GROUP_UNIT;
    state->function = function;
    return tal_comm_agree(state->self->comm,
                          tal_team_for(state->self->team, units, run_unit, state));
}

void tal_groups_drop(tal_candidate_search *state)
{
    tal_buffer_deinit(&state->tuple_bytes);
    state->tuple_count = 0;
    state->gathered = UINT64_MAX;
}

tal_status tal_candidate_search_init(tal_candidate_search *state, tal_reduction *self,
                                     const tal_seed *seed)
{
    *state = (search){.self = self, .seed = seed, .gathered = UINT64_MAX};
    tal_kmer_reader_init(&state->reader, tal_seqset_alphabet(self->distinct.sequences), *seed);
    state->kmers = tal_alloc_zero(self->worker_count * sizeof(*state->kmers));
    if (state->kmers == NULL)
        return TAL_ERR_MEMORY;
    return tal_outbox_init(&state->outbox, self->worker_count, self->rank_count);
}

void tal_candidate_search_deinit(tal_candidate_search *state)
{
    for (size_t worker = 0; state->kmers != NULL && worker < state->self->worker_count; worker++)
        tal_buffer_deinit(&state->kmers[worker]);
    tal_free(state->kmers);
    tal_outbox_deinit(&state->outbox);
    tal_buffer_deinit(&state->tuple_bytes);
    tal_parts_deinit(&state->parts);
}
