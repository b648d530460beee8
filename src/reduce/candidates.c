/* Candidates: sequences that share k-mers, found without comparing all with all; see
 * candidates_internal.h.
 *
 * The first few of a group of sequences that share a k-mer (groups.c) are its centres, and every
 * later sequence is paired with them: the number of pairs grows with the input, not with its
 * square. Pairs travel to the owner of the later sequence, where equal ones are counted. After
 * Steinegger and Soeding, "Clustering huge protein sequence sets in linear time" (2018), with
 * several centres instead of one, and communication instead of files.
 *
 * Where pairs take more than the memory allowed, sequences are taken in parts (parts.c).
 */
#include "reduce/candidates_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/stop.h"

#include <string.h>

enum {
    COLLECT_UNIT = 512, /* sequences of an item of work */
    CENTRE_LIMIT = 8,   /* most that a seed may ask for */
    CANDIDATE_MAX = 64, /* kept of a sequence, those that share most */
    DIAGONAL_SHIFT = 31,
    STRAND_BIT = 30,
};
#define COUNT_MASK ((UINT64_C(1) << STRAND_BIT) - 1)

typedef tal_candidate_search search;

/* The pair of a later tuple with a centre. */
static tal_sort_record make_pair(const search *state, const tal_sort_record *later,
                                 const tal_sort_record *centre)
{
    const int64_t span = state->reader.span;
    int64_t position = (int64_t)((later->rest & UINT32_MAX) >> 1);
    int64_t centre_position = (int64_t)((centre->rest & UINT32_MAX) >> 1);
    uint64_t is_reverse = (later->rest ^ centre->rest) & 1;
    if (is_reverse != 0)
        position = tal_tuple_len(later) - span - position;
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
    for (uint32_t j = 0; j < i && j < TAL_GROUP_SCAN && count < state->seed->centre_limit; j++)
        if (group[j].sub != group[i].sub &&
            tal_criteria_allow_lengths(state->self->criteria, tal_tuple_len(&group[i]),
                                       tal_tuple_len(&group[j])))
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
        status = tal_groups_each(state, pair_group);
    if (is_done)
        tal_groups_drop(state);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&state->outbox, self->comm, pairs, NULL);
    if (status == TAL_OK && pairs->bytes > 0) {
        status = tal_groups_sort(state, pairs, UINT64_MAX / self->count);
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

tal_status tal_candidates_open(tal_reduction *self, const tal_seed *seed,
                               tal_candidate_search **out_search)
{
    TAL_ASSERT(seed->centre_limit <= CENTRE_LIMIT);
    search *state = tal_alloc(sizeof(*state));
    tal_status status =
        state == NULL ? TAL_ERR_MEMORY : tal_candidate_search_init(state, self, seed);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_parts_plan(state);
    for (; status == TAL_OK && state->parts.is_measured && state->pass < state->pass_count;
         state->pass++) {
        status = tal_groups_each(state, measure_group);
        if (state->pass_count > 1)
            tal_groups_drop(state);
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
    tal_candidate_search_deinit(state);
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
