/* Candidates: sequences that share k-mers, found without comparing all with all; see
 * candidates_internal.h.
 *
 * Every k-mer travels with its sequence's priority to the rank that owns its hash; there all that
 * share it form a group, sorted by priority. The first few of a group are its centres, and every
 * later sequence is paired with them: the number of pairs grows with the input, not with its
 * square. Pairs travel to the owner of the later sequence, where equal ones are counted. After
 * Steinegger and Soeding, "Clustering huge protein sequence sets in linear time" (2018), with
 * several centres instead of one, and communication instead of files.
 *
 * Where k-mers take more than the memory allowed, hash space is cut into passes; a group is never
 * cut. Where pairs do, sequences are taken in parts (parts.c).
 */
#include "reduce/candidates_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/stop.h"

#include <string.h>

enum {
    EXTRACT_UNIT = 64,  /* sequences of an item of work */
    GROUP_UNIT = 4096,  /* k-mers */
    COLLECT_UNIT = 512, /* sequences */
    CENTRE_SCAN = 64,   /* centres looked at for lengths that fit */
    CENTRE_LIMIT = 8,   /* most that a seed may ask for */
    CANDIDATE_MAX = 64, /* kept of a sequence, those that share most */
    DIAGONAL_SHIFT = 31,
    STRAND_BIT = 30,
};
#define COUNT_MASK ((UINT64_C(1) << STRAND_BIT) - 1)

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

/* Sort what `received` holds; the result replaces it. */
static tal_status sort_received(const search *state, tal_buffer *received, uint64_t scale)
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
        status = sort_received(state, tuples, self->rank_count);
    status = tal_comm_agree(self->comm, status);
    state->tuples = (const tal_sort_record *)(const void *)tuples->data;
    state->tuple_count = tuples->bytes / sizeof(tal_sort_record);
    state->gathered = state->pass;
    return status;
}

/* Do something with every group of the pass. Collective; agreed status. */
static tal_status for_groups(search *state, tal_status (*function)(void *, int, size_t))
{
    tal_status status = state->gathered == state->pass ? TAL_OK : gather_tuples(state);
    if (status != TAL_OK)
        return status;
    const size_t units = (state->tuple_count + GROUP_UNIT - 1) / GROUP_UNIT;
    return tal_comm_agree(state->self->comm,
                          tal_team_for(state->self->team, units, function, state));
}

static void drop_tuples(search *state)
{
    tal_buffer_deinit(&state->tuple_bytes);
    state->tuple_count = 0;
    state->gathered = UINT64_MAX;
}

static int64_t len_of(const tal_sort_record *tuple)
{
    return (int64_t)(tuple->rest >> 32);
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

/* The pair of a later tuple with a centre. */
static tal_sort_record make_pair(const search *state, const tal_sort_record *later,
                                 const tal_sort_record *centre)
{
    const int64_t span = state->reader.span;
    int64_t position = (int64_t)((later->rest & UINT32_MAX) >> 1);
    int64_t centre_position = (int64_t)((centre->rest & UINT32_MAX) >> 1);
    uint64_t is_reverse = (later->rest ^ centre->rest) & 1;
    if (is_reverse != 0)
        position = len_of(later) - span - position;
    uint64_t diagonal = (uint64_t)(centre_position - position + (INT64_C(1) << 31));
    return (tal_sort_record){
        .key = tal_priority_id(later->sub) / state->self->rank_count,
        .sub = centre->sub,
        .rest = diagonal << DIAGONAL_SHIFT | is_reverse << STRAND_BIT | 1,
    };
}

/* The centres before member `i` of a group: their places. Returns how many there are. */
static uint32_t list_centres(const search *state, const tal_sort_record *group, size_t i,
                             uint32_t out_places[CENTRE_LIMIT])
{
    uint32_t count = 0;
    if ((group[i].sub & TAL_PRIORITY_OPEN) == 0)
        return 0; /* Frozen: it stays a representative. */
    for (uint32_t j = 0; j < i && j < CENTRE_SCAN && count < state->seed->centre_limit; j++)
        if (group[j].sub != group[i].sub &&
            tal_criteria_allow_lengths(state->self->criteria, len_of(&group[i]), len_of(&group[j])))
            out_places[count++] = j;
    return count;
}

/* Pair every sequence of a group that is in this part with the centres before it. */
static tal_status pair_group(search *state, int worker, const tal_sort_record *group, size_t count)
{
    const tal_reduction *self = state->self;
    for (size_t i = 1; i < count && group[i].sub < self->part_end; i++) {
        uint32_t centres[CENTRE_LIMIT];
        const tal_sort_record *later = &group[i];
        if (later->sub < state->part_begin)
            continue;
        tal_buffer *out = tal_outbox_at(&state->outbox, (size_t)worker,
                                        tal_priority_id(later->sub) % self->rank_count);
        const uint32_t centre_count = list_centres(state, group, i, centres);
        for (uint32_t j = 0; j < centre_count; j++) {
            const tal_sort_record pair = make_pair(state, later, &group[centres[j]]);
            tal_status status = tal_buffer_append(out, &pair, sizeof(pair));
            if (status != TAL_OK)
                return status;
        }
    }
    return TAL_OK;
}

/* Count the pairs of a group instead: for parts. */
static tal_status measure_group(search *state, int worker, const tal_sort_record *group,
                                size_t count)
{
    (void)worker; /* all are alike */
    const uint64_t rank_count = state->self->rank_count;
    size_t bucket = 0;
    for (size_t i = 1; i < count; i++) {
        uint32_t centres[CENTRE_LIMIT];
        const uint32_t centre_count = list_centres(state, group, i, centres);
        while (group[i].sub >= state->parts.ends[bucket])
            bucket++;
        tal_parts_count(&state->parts, bucket, tal_priority_id(group[i].sub) % rank_count,
                        centre_count);
    }
    return TAL_OK;
}

/* All groups that begin in a unit. */
static tal_status run_unit(search *state, int worker, size_t unit,
                           tal_status (*function)(search *, int, const tal_sort_record *, size_t))
{
    size_t begin, limit;
    if (!first_group(state, unit, &begin, &limit))
        return TAL_OK;
    while (begin < limit) {
        size_t end = group_end(state, begin);
        tal_status status = function(state, worker, state->tuples + begin, end - begin);
        if (status != TAL_OK)
            return status;
        begin = end;
    }
    return TAL_OK;
}

static tal_status pair_unit(void *context, int worker, size_t unit)
{
    return run_unit(context, worker, unit, pair_group);
}

static tal_status measure_unit(void *context, int worker, size_t unit)
{
    return run_unit(context, worker, unit, measure_group);
}

/* Add up equal pairs, in place. */
static void add_up(tal_buffer *pairs)
{
    tal_sort_record *items = (tal_sort_record *)(void *)pairs->data;
    const size_t count = pairs->bytes / sizeof(*items);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        tal_sort_record *last = &items[kept == 0 ? 0 : kept - 1];
        if (kept > 0 && last->key == items[i].key && last->sub == items[i].sub &&
            last->rest >> STRAND_BIT == items[i].rest >> STRAND_BIT) {
            uint64_t sum = (last->rest & COUNT_MASK) + (items[i].rest & COUNT_MASK);
            last->rest = (last->rest & ~COUNT_MASK) | (sum < COUNT_MASK ? sum : COUNT_MASK);
        } else {
            items[kept++] = items[i];
        }
    }
    pairs->bytes = kept * sizeof(*items);
}

/* One pass: its pairs are added to `pairs`, sorted. `is_done`: its k-mers are not needed again.
 * Collective; agreed status. */
static tal_status run_pass(search *state, bool is_done, tal_buffer *pairs)
{
    tal_reduction *self = state->self;
    tal_status status = tal_comm_agree(self->comm, tal_stop_check());
    if (status == TAL_OK)
        status = for_groups(state, pair_unit);
    if (is_done)
        drop_tuples(state);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&state->outbox, self->comm, pairs, NULL);
    if (status == TAL_OK && pairs->bytes > 0) {
        status = sort_received(state, pairs, UINT64_MAX / self->count);
        add_up(pairs);
    }
    return tal_comm_agree(self->comm, status);
}

/* The candidate that a run of pairs of one sequence with one other makes: the diagonal that most
 * k-mers are on, of equal ones the first. */
static tal_candidate make_candidate(const tal_sort_record *run, size_t count)
{
    tal_candidate candidate = {.priority = run->sub};
    uint64_t most = 0, shared = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t here = run[i].rest & COUNT_MASK;
        shared += here;
        if (here > most) {
            most = here;
            candidate.diagonal =
                (int32_t)((int64_t)(run[i].rest >> DIAGONAL_SHIFT) - (INT64_C(1) << 31));
            candidate.is_reverse = run[i].rest >> STRAND_BIT & 1;
        }
    }
    candidate.shared = shared < UINT32_MAX ? (uint32_t)shared : UINT32_MAX;
    return candidate;
}

/* Keep those that share most: the limit is where `shared` falls below, ties by priority. */
static size_t keep_best(tal_candidate *items, size_t count)
{
    while (count > CANDIDATE_MAX) {
        size_t worst = 0;
        for (size_t i = 1; i < count; i++)
            if (items[i].shared <= items[worst].shared)
                worst = i;
        memmove(&items[worst], &items[worst + 1], (count - worst - 1) * sizeof(*items));
        count--;
    }
    return count;
}

static size_t lower_bound(const tal_sort_record *pairs, size_t count, uint64_t key)
{
    size_t begin = 0;
    while (begin < count) {
        size_t middle = begin + (count - begin) / 2;
        if (pairs[middle].key < key)
            begin = middle + 1;
        else
            count = middle;
    }
    return begin;
}

static tal_status collect(void *context, int worker, size_t unit)
{
    (void)worker; /* all are alike */
    search *state = context;
    tal_reduction *self = state->self;
    size_t local = unit * COLLECT_UNIT;
    size_t end = local + COLLECT_UNIT < self->count ? local + COLLECT_UNIT : self->count;
    size_t at = lower_bound(state->pairs, state->pair_count, local);
    for (; local < end; local++) {
        tal_candidate *out = state->found + at;
        size_t count = 0;
        if (at == state->pair_count || state->pairs[at].key != local)
            continue; /* None, or those of a part before. */
        self->candidate_begin[local] = self->candidate_total + at;
        while (at < state->pair_count && state->pairs[at].key == local) {
            size_t run = at + 1;
            while (run < state->pair_count && state->pairs[run].key == local &&
                   state->pairs[run].sub == state->pairs[at].sub)
                run++;
            tal_candidate candidate = make_candidate(state->pairs + at, run - at);
            if (candidate.shared >= state->seed->shared_min)
                out[count++] = candidate;
            at = run;
        }
        self->candidate_count[local] = (uint32_t)keep_best(out, count);
    }
    return TAL_OK;
}

/* Take the candidates that were found to those of parts before, without gaps between them. */
static tal_status take_found(search *state)
{
    tal_reduction *self = state->self;
    size_t total = self->candidate_total;
    for (tal_lid local = 0; local < self->count; local++)
        if (self->candidate_begin[local] >= self->candidate_total)
            total += self->candidate_count[local];
    tal_candidate *candidates = tal_realloc_array(self->candidates, total, sizeof(*candidates));
    if (candidates == NULL)
        return TAL_ERR_MEMORY;
    self->candidates = candidates;
    size_t at = self->candidate_total;
    for (tal_lid local = 0; local < self->count; local++) {
        const size_t count = self->candidate_count[local];
        if (count == 0 || self->candidate_begin[local] < self->candidate_total)
            continue;
        memcpy(candidates + at,
               state->found + (self->candidate_begin[local] - self->candidate_total),
               count * sizeof(*candidates));
        self->candidate_begin[local] = at;
        at += count;
    }
    self->candidate_total = total;
    return TAL_OK;
}

/* The candidates of the sequences that `pairs` speak of. Frees the pairs. */
static tal_status make_candidates(search *state, tal_buffer *pairs)
{
    tal_reduction *self = state->self;
    tal_status status = TAL_OK;
    if (self->candidate_begin == NULL) {
        self->candidate_begin = tal_alloc_zero(self->count * sizeof(*self->candidate_begin));
        self->candidate_count = tal_alloc_zero(self->count * sizeof(*self->candidate_count));
    }
    state->pairs = (const tal_sort_record *)(const void *)pairs->data;
    state->pair_count = pairs->bytes / sizeof(tal_sort_record);
    state->found = tal_alloc_array(state->pair_count, sizeof(*state->found));
    if (state->found == NULL || self->candidate_begin == NULL || self->candidate_count == NULL)
        status = TAL_ERR_MEMORY;
    else
        status = tal_team_for(self->team, ((size_t)self->count + COLLECT_UNIT - 1) / COLLECT_UNIT,
                              collect, state);
    tal_buffer_deinit(pairs);
    if (status == TAL_OK)
        status = take_found(state);
    tal_free(state->found);
    state->found = NULL;
    return status;
}

static tal_status search_init(search *state, tal_reduction *self, const tal_seed *seed)
{
    *state = (search){.self = self, .seed = seed, .gathered = UINT64_MAX};
    TAL_ASSERT(seed->centre_limit <= CENTRE_LIMIT);
    tal_kmer_reader_init(&state->reader, tal_seqset_alphabet(self->distinct.sequences), *seed);
    state->kmers = tal_alloc_zero(self->worker_count * sizeof(*state->kmers));
    if (state->kmers == NULL)
        return TAL_ERR_MEMORY;
    return tal_outbox_init(&state->outbox, self->worker_count, self->rank_count);
}

static void search_deinit(search *state)
{
    for (size_t worker = 0; state->kmers != NULL && worker < state->self->worker_count; worker++)
        tal_buffer_deinit(&state->kmers[worker]);
    tal_free(state->kmers);
    tal_outbox_deinit(&state->outbox);
    tal_buffer_deinit(&state->tuple_bytes);
    tal_parts_deinit(&state->parts);
}

tal_status tal_candidates_open(tal_reduction *self, const tal_seed *seed,
                               tal_candidate_search **out_search)
{
    search *state = tal_alloc(sizeof(*state));
    tal_status status = state == NULL ? TAL_ERR_MEMORY : search_init(state, self, seed);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_parts_plan(state);
    for (; status == TAL_OK && state->parts.is_measured && state->pass < state->pass_count;
         state->pass++) {
        status = for_groups(state, measure_unit);
        if (state->pass_count > 1)
            drop_tuples(state);
    }
    if (status == TAL_OK && state->parts.is_measured)
        status = tal_parts_sum(state);
    if (status != TAL_OK) {
        tal_candidates_close(state);
        return status;
    }
    *out_search = state;
    return TAL_OK;
}

void tal_candidates_close(tal_candidate_search *state)
{
    if (state == NULL)
        return;
    search_deinit(state);
    tal_free(state);
}

tal_status tal_candidates_next(tal_candidate_search *state, bool *out_is_last)
{
    tal_buffer pairs = {0};
    tal_status status = tal_parts_next(state, out_is_last);
    for (state->pass = 0; status == TAL_OK && state->pass < state->pass_count; state->pass++)
        status = run_pass(state, *out_is_last || state->pass_count > 1, &pairs);
    if (status == TAL_OK)
        status = tal_comm_agree(state->self->comm, make_candidates(state, &pairs));
    tal_buffer_deinit(&pairs);
    return status;
}

tal_status tal_candidates_find(tal_reduction *self, const tal_seed *seed)
{
    tal_candidate_search *state = NULL;
    tal_status status = tal_candidates_open(self, seed, &state);
    for (bool is_last = false; status == TAL_OK && !is_last;)
        status = tal_candidates_next(state, &is_last);
    tal_candidates_close(state);
    return status;
}

void tal_candidates_release(tal_reduction *self)
{
    tal_free(self->candidates);
    tal_free(self->candidate_begin);
    tal_free(self->candidate_count);
    tal_free(self->ghosts);
    tal_free((void *)self->ghost_states);
    tal_buffer_deinit(&self->ghost_residues);
    self->candidates = NULL;
    self->candidate_begin = NULL;
    self->candidate_count = NULL;
    self->ghosts = NULL;
    self->ghost_states = NULL;
    self->ghost_count = 0;
    self->candidate_total = 0;
}

void tal_candidates_put_aside(tal_reduction *self)
{
    self->first_candidates = self->candidates;
    self->first_begin = self->candidate_begin;
    self->first_count = self->candidate_count;
    self->candidates = NULL;
    self->candidate_begin = NULL;
    self->candidate_count = NULL;
    tal_candidates_release(self);
}

bool tal_candidates_take_up(tal_reduction *self)
{
    if (self->first_begin == NULL)
        return false;
    self->candidates = self->first_candidates;
    self->candidate_begin = self->first_begin;
    self->candidate_count = self->first_count;
    self->first_candidates = NULL;
    self->first_begin = NULL;
    self->first_count = NULL;
    return true;
}

/* What a group says to a sequence's degree. */
typedef struct degree_part {
    uint64_t local, count;
} degree_part;

/* For each sequence of the group, the others whose representative it could be by length. */
static tal_status count_group(search *state, int worker, const tal_sort_record *group, size_t count)
{
    const tal_reduction *self = state->self;
    for (size_t i = 0; i < count; i++) {
        degree_part part = {.local = tal_priority_id(group[i].sub) / self->rank_count};
        /* Large groups are sampled by a window of neighbours, which are of like length. */
        size_t begin = i < CENTRE_SCAN ? 0 : i - CENTRE_SCAN;
        size_t end = i + CENTRE_SCAN < count ? i + CENTRE_SCAN : count;
        for (size_t j = begin; j < end; j++)
            part.count += j != i && tal_criteria_allow_lengths(self->criteria, len_of(&group[j]),
                                                               len_of(&group[i]));
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

static tal_status count_unit(void *context, int worker, size_t unit)
{
    return run_unit(context, worker, unit, count_group);
}

tal_status tal_candidates_count_degrees(tal_reduction *self, const tal_seed *seed)
{
    search state;
    tal_status status = tal_comm_agree(self->comm, search_init(&state, self, seed));
    if (status == TAL_OK)
        status = tal_parts_choose_passes(&state, tal_reduction_room(self));
    for (; status == TAL_OK && state.pass < state.pass_count; state.pass++) {
        tal_buffer parts = {0};
        status = for_groups(&state, count_unit);
        drop_tuples(&state);
        if (status == TAL_OK)
            status = tal_outbox_exchange(&state.outbox, self->comm, &parts, NULL);
        const degree_part *items = (const degree_part *)(const void *)parts.data;
        for (size_t i = 0; status == TAL_OK && i < parts.bytes / sizeof(*items); i++)
            self->degrees[items[i].local] += items[i].count;
        tal_buffer_deinit(&parts);
    }
    search_deinit(&state);
    return status;
}
