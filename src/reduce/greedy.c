/* Who becomes a representative: the answer of going through the sequences in their order, found in
 * parallel.
 *
 * In order of priority, a sequence becomes a member of the first representative among its
 * candidates that passes, or else a representative: so its fate depends on candidates before it
 * only. All ranks walk their sequences' candidates at once; who meets an undecided one waits for
 * it. Since the first undecided sequence of all never waits, every step decides some. This is the
 * lexicographically first maximal independent set by rounds of Blelloch, Fineman and Shun, "Greedy
 * sequential maximal independent set and matching are parallel on average" (2012), with edges
 * verified when they are first needed.
 *
 * Ranks tell those who asked for a sequence when it is decided, with its residues when it has
 * become a representative.
 */
#include "reduce/reduction.h"

#include "base/alloc.h"
#include "base/stop.h"
#include "reduce/outbox.h"

#include <stdlib.h>
#include <string.h>

enum { /* An item of work has so many sequences, or residues, before its last. */
       WALK_UNIT = 16,
       WALK_UNIT_RESIDUES = 16 << 10,
};

/* Rank `rank` wants to know about a sequence of this one, its ghost number `ghost`. */
typedef struct subscription {
    uint64_t local;
    uint32_t rank, ghost;
} subscription;

/* A sequence is decided; the residues of a representative follow, padded to 8 bytes. */
typedef struct notice {
    uint32_t ghost, state;
    uint64_t len;
} notice;
_Static_assert(sizeof(notice) == 16, "travels between ranks");

typedef struct greedy {
    tal_reduction *self;
    tal_lid *open; /* in order of priority */
    size_t open_count;
    size_t *unit_begins; /* items of work, and one more */
    size_t unit_count;
    subscription *subscriptions; /* by local number */
    size_t subscription_count;
    bool *is_told; /* by subscription */
    tal_pause pause;
} greedy;

static int compare_ids(const void *left, const void *right)
{
    const tal_ghost *a = left;
    const tal_ghost *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* The distinct candidates of other ranks; every candidate's slot. */
static tal_status list_ghosts(tal_reduction *self)
{
    size_t count = 0;
    for (tal_lid local = 0; local < self->count; local++)
        for (uint32_t i = 0; i < self->candidate_count[local]; i++) {
            const tal_candidate *candidate = &self->candidates[self->candidate_begin[local] + i];
            count += tal_priority_id(candidate->priority) % self->rank_count != self->rank;
        }
    self->ghosts = tal_alloc_array(count, sizeof(*self->ghosts));
    if (self->ghosts == NULL)
        return TAL_ERR_MEMORY;
    count = 0;
    for (tal_lid local = 0; local < self->count; local++)
        for (uint32_t i = 0; i < self->candidate_count[local]; i++) {
            const tal_candidate *candidate = &self->candidates[self->candidate_begin[local] + i];
            uint64_t id = tal_priority_id(candidate->priority);
            if (id % self->rank_count != self->rank)
                self->ghosts[count++] = (tal_ghost){.id = id};
        }
    if (count > 0)
        qsort(self->ghosts, count, sizeof(*self->ghosts), compare_ids);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || self->ghosts[i].id != self->ghosts[i - 1].id)
            self->ghosts[self->ghost_count++] = self->ghosts[i];
    self->ghost_states = tal_alloc_zero(self->ghost_count * sizeof(*self->ghost_states));
    if (self->ghost_states == NULL)
        return TAL_ERR_MEMORY;
    if ((uint64_t)self->count + self->ghost_count >= UINT32_MAX)
        return tal_fail(TAL_ERR_MEMORY, "a rank cannot hold so many sequences; use more ranks");
    return TAL_OK;
}

static tal_status number_slots(void *context, int worker, size_t begin, size_t end)
{
    (void)worker; /* all are alike */
    tal_reduction *self = context;
    for (size_t local = begin; local < end; local++)
        for (uint32_t i = 0; i < self->candidate_count[local]; i++) {
            tal_candidate *candidate = &self->candidates[self->candidate_begin[local] + i];
            const tal_ghost key = {.id = tal_priority_id(candidate->priority)};
            if (key.id % self->rank_count == self->rank) {
                candidate->slot = (uint32_t)(key.id / self->rank_count);
            } else {
                const tal_ghost *ghost =
                    bsearch(&key, self->ghosts, self->ghost_count, sizeof(key), compare_ids);
                candidate->slot = self->count + (uint32_t)(ghost - self->ghosts);
            }
        }
    return TAL_OK;
}

static int compare_subscriptions(const void *left, const void *right)
{
    const subscription *a = left;
    const subscription *b = right;
    if (a->local != b->local)
        return a->local < b->local ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Tell the owners of the ghosts. Collective; agreed status. */
static tal_status subscribe(greedy *state)
{
    tal_reduction *self = state->self;
    tal_outbox outbox = {0};
    tal_buffer received = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    for (size_t i = 0; status == TAL_OK && i < self->ghost_count; i++) {
        const subscription wanted = {.local = self->ghosts[i].id / self->rank_count,
                                     .rank = (uint32_t)self->rank,
                                     .ghost = (uint32_t)i};
        status = tal_buffer_append(tal_outbox_at(&outbox, 0, self->ghosts[i].id % self->rank_count),
                                   &wanted, sizeof(wanted));
    }
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &received, NULL);
    tal_outbox_deinit(&outbox);
    if (status != TAL_OK)
        return status;
    state->subscriptions = (subscription *)(void *)received.data;
    state->subscription_count = received.bytes / sizeof(subscription);
    if (state->subscription_count > 0)
        qsort(state->subscriptions, state->subscription_count, sizeof(subscription),
              compare_subscriptions);
    state->is_told = tal_alloc_zero(state->subscription_count);
    return tal_comm_agree(self->comm, state->is_told == NULL ? TAL_ERR_MEMORY : TAL_OK);
}

typedef struct open_entry {
    uint64_t priority;
    tal_lid local;
} open_entry;

static int compare_open(const void *left, const void *right)
{
    const open_entry *a = left;
    const open_entry *b = right;
    return (a->priority > b->priority) - (a->priority < b->priority);
}

static tal_status list_open(greedy *state)
{
    tal_reduction *self = state->self;
    open_entry *entries = tal_alloc_array(self->count, sizeof(*entries));
    state->open = tal_alloc_array(self->count, sizeof(*state->open));
    state->unit_begins = tal_alloc_array((size_t)self->count + 1, sizeof(*state->unit_begins));
    if (entries == NULL || state->open == NULL || state->unit_begins == NULL) {
        tal_free(entries);
        return TAL_ERR_MEMORY;
    }
    for (tal_lid local = 0; local < self->count; local++)
        if (tal_reduction_state(self, local) == TAL_VERTEX_OPEN &&
            self->priorities[local] < self->part_end)
            entries[state->open_count++] = (open_entry){self->priorities[local], local};
    if (state->open_count > 0)
        qsort(entries, state->open_count, sizeof(*entries), compare_open);
    for (size_t i = 0; i < state->open_count; i++)
        state->open[i] = entries[i].local;
    tal_free(entries);
    return TAL_OK;
}

static uint8_t state_of(const tal_reduction *self, uint32_t slot)
{
    const _Atomic uint8_t *state =
        slot < self->count ? &self->states[slot] : &self->ghost_states[slot - self->count];
    return atomic_load_explicit(state, memory_order_acquire);
}

static tal_verify_job job_of(const tal_reduction *self, const tal_candidate *candidate)
{
    tal_verify_job job = {.is_reverse = candidate->is_reverse != 0,
                          .diagonal = candidate->diagonal,
                          .is_seeded = true};
    if (candidate->slot < self->count) {
        job.codes = tal_seqset_residues(self->distinct.sequences, candidate->slot);
        job.len = tal_seqset_len(self->distinct.sequences, candidate->slot);
    } else {
        const tal_ghost *ghost = &self->ghosts[candidate->slot - self->count];
        job.codes = self->ghost_residues.data + ghost->at;
        job.len = ghost->len;
    }
    return job;
}

/* Walk on through the candidates of one sequence, until it is decided or has to wait. */
static tal_status walk(greedy *state, int worker, tal_lid local)
{
    tal_reduction *self = state->self;
    tal_verifier *verifier = self->verifiers[worker];
    const tal_candidate *candidates = self->candidates + self->candidate_begin[local];
    bool is_set = false;
    while (self->cursors[local] < self->candidate_count[local]) {
        const tal_candidate *candidate = &candidates[self->cursors[local]];
        uint8_t decided = state_of(self, candidate->slot);
        if (decided == TAL_VERTEX_OPEN)
            return TAL_OK;
        self->cursors[local]++;
        if (decided == TAL_VERTEX_MEMBER)
            continue;
        if (!is_set)
            tal_verifier_set_member(verifier, tal_seqset_residues(self->distinct.sequences, local),
                                    tal_seqset_len(self->distinct.sequences, local));
        is_set = true;
        const tal_verify_job job = job_of(self, candidate);
        bool passes = false;
        tal_status status = tal_reduction_try(self, worker, local,
                                              tal_priority_id(candidate->priority), &job, &passes);
        if (status != TAL_OK || passes)
            return status;
    }
    atomic_store_explicit(&self->states[local], TAL_VERTEX_REPRESENTATIVE, memory_order_release);
    return TAL_OK;
}

static tal_status walk_unit(void *context, int worker, size_t unit)
{
    greedy *state = context;
    if (unit > 0 && tal_pause_is_due(
                        &state->pause)) /* The first one goes on, so that each step decides some. */
        return TAL_OK;
    tal_status status = state->self->params->keeper == NULL ? tal_stop_check() : TAL_OK;
    const size_t end = state->unit_begins[unit + 1];
    for (size_t i = state->unit_begins[unit]; status == TAL_OK && i < end; i++)
        status = walk(state, worker, state->open[i]);
    return status;
}

/* Send what was decided to those who asked. Collective; agreed status. */
static tal_status tell(greedy *state, tal_buffer *received)
{
    tal_reduction *self = state->self;
    tal_outbox outbox = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    for (size_t i = 0; status == TAL_OK && i < state->subscription_count; i++) {
        const subscription *wanted = &state->subscriptions[i];
        const tal_lid local = (tal_lid)wanted->local;
        uint8_t decided = atomic_load_explicit(&self->states[local], memory_order_relaxed);
        if (state->is_told[i] || decided == TAL_VERTEX_OPEN)
            continue;
        state->is_told[i] = true;
        notice head = {.ghost = wanted->ghost, .state = decided};
        if (decided == TAL_VERTEX_REPRESENTATIVE)
            head.len = (uint64_t)tal_seqset_len(self->distinct.sequences, local);
        status = tal_outbox_append(tal_outbox_at(&outbox, 0, wanted->rank), &head, sizeof(head),
                                   tal_seqset_residues(self->distinct.sequences, local),
                                   (size_t)head.len);
    }
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, received, NULL);
    tal_outbox_deinit(&outbox);
    return status;
}

static tal_status hear(greedy *state, const tal_buffer *received)
{
    tal_reduction *self = state->self;
    for (size_t at = 0; at < received->bytes;) {
        notice head;
        memcpy(&head, received->data + at, sizeof(head));
        at += sizeof(head);
        tal_ghost *ghost = &self->ghosts[head.ghost];
        ghost->at = self->ghost_residues.bytes;
        ghost->len = (int32_t)head.len;
        tal_status status =
            tal_buffer_append(&self->ghost_residues, received->data + at, (size_t)head.len);
        if (status != TAL_OK)
            return status;
        at += (size_t)(head.len + 7) / 8 * 8;
        atomic_store_explicit(&self->ghost_states[head.ghost], (uint8_t)head.state,
                              memory_order_release);
    }
    return TAL_OK;
}

static void drop_decided(greedy *state)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->open_count; i++)
        if (atomic_load_explicit(&state->self->states[state->open[i]], memory_order_relaxed) ==
            TAL_VERTEX_OPEN)
            state->open[kept++] = state->open[i];
    state->open_count = kept;
}

/* Deal the open sequences into items of work: long ones are few together. */
static void cut_units(greedy *state)
{
    const tal_seqset *set = state->self->distinct.sequences;
    size_t count = 0;
    int64_t residues = 0;
    state->unit_count = 0;
    for (size_t i = 0; i < state->open_count; i++) {
        if (i == 0 || count == WALK_UNIT || residues >= WALK_UNIT_RESIDUES) {
            state->unit_begins[state->unit_count++] = i;
            count = 0;
            residues = 0;
        }
        count++;
        residues += tal_seqset_len(set, state->open[i]);
    }
    state->unit_begins[state->unit_count] = state->open_count;
}

/* Walk all open sequences once, and spread the news. *out_left: open ones of all ranks. Collective;
 * agreed status. */
static tal_status step(greedy *state, uint64_t *out_left)
{
    tal_reduction *self = state->self;
    tal_buffer received = {0};
    cut_units(state);
    tal_status status = tal_team_for(self->team, state->unit_count, walk_unit, state);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK && self->rank_count > 1) {
        status = tell(state, &received);
        if (status == TAL_OK)
            status = tal_comm_agree(self->comm, hear(state, &received));
    }
    tal_buffer_deinit(&received);
    drop_decided(state);
    *out_left = state->open_count;
    tal_comm_sum_u64(self->comm, out_left, 1);
    return status;
}

tal_status tal_greedy_decide(tal_reduction *self)
{
    greedy state = {.self = self, .pause = tal_pause_begin(self)};
    tal_status status = list_ghosts(self);
    const tal_loop loop = {
        .unit_count = self->count, .unit_sequences = 1, .function = number_slots, .context = self};
    if (status == TAL_OK)
        status = tal_team_run(self->team, &loop);
    if (status == TAL_OK)
        status = list_open(&state);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = subscribe(&state);
    for (uint64_t left = 1; status == TAL_OK && left > 0;) {
        status = step(&state, &left);
        self->summary.step_count++;
        if (status == TAL_OK && left > 0)
            status = tal_pause_keep(&state.pause);
    }
    tal_free(state.is_told);
    tal_free(state.subscriptions);
    tal_free(state.unit_begins);
    tal_free(state.open);
    return status;
}
