/* Representatives by greedy set cover: who stands for most of what is still without one is taken
 * next, with what it verifiably stands for.
 *
 * The sequences that one could stand for are those it shares k-mers with, so far as verification
 * has not refuted it and nobody else has them: its *gain*. Verification is lazy. Every undecided
 * sequence nominates, of those that could stand for it and itself, the one with the largest gain,
 * of equal ones the first. Who is nominated by all that its gain counts is elected: nobody else can
 * take any of them before. It is verified against all of them; when it is elected with a gain that
 * is all verified, it is taken. Gains never rise, so this is what one after the other would give
 * (Chvatal, "A greedy heuristic for the set-covering problem", 1979), for any number of ranks; and
 * many are elected at once, since families have nothing in common.
 *
 * Where both of a pair may stand for the other, one verification speaks for both: the later as
 * member of the earlier. The certificate that a member needs the other way round is made when its
 * representative is taken; the rare one that does not pass stays undecided.
 */
#include "reduce/cover_internal.h"

#include "base/alloc.h"
#include "base/stop.h"

#include <string.h>

enum {
    PROVE_UNIT = 8,      /* sequences of an item of work */
    NOMINATE_UNIT = 512, /* the same */
};

typedef enum verdict { VERDICT_NONE = 0, VERDICT_PROVE, VERDICT_TAKE } verdict;

/* What a rank says of a sequence: `count` more or fewer, by local number or ghost. */
typedef struct cover_count {
    uint32_t place, count;
} cover_count;

/* What the verification of a pair says to the other's edge. */
typedef struct pair_result {
    uint64_t local, id;
    uint64_t passes;
} pair_result;

/* An elected sequence; its residues follow, padded to 8 bytes. */
typedef struct election {
    uint32_t ghost, verdict;
    uint64_t len;
} election;

static uint64_t owner_of(const tal_cover *state, uint64_t id)
{
    return id % state->self->rank_count;
}

static bool is_open(const tal_cover *state, tal_lid local)
{
    return tal_reduction_state(state->self, local) == TAL_VERTEX_OPEN;
}

/* Send what is in the outbox unless some rank has failed. Collective; agreed status. */
static tal_status exchange(tal_cover *state, tal_status status, tal_buffer *received)
{
    status = tal_comm_agree(state->self->comm, status);
    return status == TAL_OK ? tal_outbox_exchange(&state->outbox, state->self->comm, received, NULL)
                            : status;
}

/* --- Gains --- */

/* Send what was counted of ghosts to their owners, where it is added to what was counted there;
 * counts of ghosts are zero then. Collective; agreed status. */
static tal_status gather_counts(tal_cover *state)
{
    tal_reduction *self = state->self;
    tal_buffer received = {0};
    tal_status status = TAL_OK;
    if (self->rank_count == 1)
        return TAL_OK;
    for (size_t i = 0; status == TAL_OK && i < state->ghost_count; i++) {
        const uint64_t id = state->ghost_ids[i];
        const cover_count told = {(uint32_t)(id / self->rank_count),
                                  state->counts[self->count + i]};
        state->counts[self->count + i] = 0;
        if (told.count > 0)
            status = tal_buffer_append(tal_outbox_at(&state->outbox, 0, owner_of(state, id)), &told,
                                       sizeof(told));
    }
    status = exchange(state, status, &received);
    const cover_count *told = (const cover_count *)(const void *)received.data;
    for (size_t i = 0; status == TAL_OK && i < received.bytes / sizeof(*told); i++)
        state->counts[told[i].place] += told[i].count;
    tal_buffer_deinit(&received);
    return status;
}

/* Tell those who asked for a sequence its gain, when it has changed. Collective; agreed status. */
static tal_status tell_gains(tal_cover *state)
{
    tal_reduction *self = state->self;
    tal_buffer received = {0};
    tal_status status = TAL_OK;
    if (self->rank_count == 1)
        return TAL_OK;
    for (size_t i = 0; status == TAL_OK && i < state->subscription_count; i++) {
        const tal_cover_subscription *wanted = &state->subscriptions[i];
        const cover_count told = {wanted->ghost, state->gains[wanted->local]};
        if (state->has_changed[wanted->local])
            status = tal_buffer_append(tal_outbox_at(&state->outbox, 0, wanted->rank), &told,
                                       sizeof(told));
    }
    status = exchange(state, status, &received);
    const cover_count *told = (const cover_count *)(const void *)received.data;
    for (size_t i = 0; status == TAL_OK && i < received.bytes / sizeof(*told); i++)
        state->gains[self->count + told[i].place] = told[i].count;
    tal_buffer_deinit(&received);
    return status;
}

/* Take what was counted off the gains (or make it the gains, at first), and spread them.
 * Collective; agreed status. */
static tal_status update_gains(tal_cover *state, bool is_first)
{
    tal_reduction *self = state->self;
    tal_status status = gather_counts(state);
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++) {
        const uint32_t count = state->counts[local];
        state->counts[local] = 0;
        state->has_changed[local] = count > 0;
        state->gains[local] = is_first ? count : state->gains[local] - count;
    }
    return status == TAL_OK ? tell_gains(state) : status;
}

/* Count a sequence for all that could stand for it. */
static void count_for_all(tal_cover *state, tal_lid local)
{
    state->counts[local]++;
    for (size_t i = state->edge_begin[local]; i < state->edge_begin[local + 1]; i++)
        if (state->edges[i].state != TAL_EDGE_REFUTED)
            state->counts[state->edges[i].slot]++;
}

/* --- Steps --- */

static tal_status nominate(void *context, int worker, size_t unit)
{
    (void)worker; /* all are alike */
    tal_cover *state = context;
    const size_t begin = unit * NOMINATE_UNIT;
    const size_t end =
        begin + NOMINATE_UNIT < state->open_count ? begin + NOMINATE_UNIT : state->open_count;
    for (size_t i = begin; i < end; i++) {
        const tal_lid local = state->open[i];
        size_t best = SIZE_MAX;
        uint32_t gain = state->gains[local];
        uint64_t id = tal_reduction_id(state->self, local);
        for (size_t k = state->edge_begin[local]; k < state->edge_begin[local + 1]; k++) {
            const tal_cover_edge *one = &state->edges[k];
            const uint32_t other = state->gains[one->slot];
            if (one->state == TAL_EDGE_REFUTED || other < gain || (other == gain && one->id > id))
                continue;
            best = k;
            gain = other;
            id = one->id;
        }
        state->nominees[local] = best;
    }
    return TAL_OK;
}

static uint32_t nominee_slot(const tal_cover *state, tal_lid local)
{
    const size_t nominee = state->nominees[local];
    return nominee == SIZE_MAX ? local : state->edges[nominee].slot;
}

/* Find who is elected among this rank's sequences; take those that can be. Collective; agreed
 * status. */
static tal_status elect(tal_cover *state)
{
    tal_reduction *self = state->self;
    const size_t units = (state->open_count + NOMINATE_UNIT - 1) / NOMINATE_UNIT;
    tal_status status =
        tal_comm_agree(self->comm, tal_team_for(self->team, units, nominate, state));
    for (size_t i = 0; status == TAL_OK && i < state->open_count; i++)
        state->counts[nominee_slot(state, state->open[i])]++;
    if (status == TAL_OK)
        status = gather_counts(state);
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++) {
        const uint32_t gain = state->gains[local];
        const bool is_elected = gain > 0 && state->counts[local] == gain;
        const bool is_sure = state->is_exact[local] || (gain == 1 && is_open(state, local));
        state->counts[local] = 0;
        state->verdicts[local] = !is_elected ? VERDICT_NONE
                                 : is_sure   ? VERDICT_TAKE
                                             : VERDICT_PROVE;
        state->is_exact[local] |= is_elected;
        if (state->verdicts[local] == VERDICT_TAKE && !is_open(state, local))
            tal_reduction_set_state(self, local, TAL_VERTEX_REPRESENTATIVE);
    }
    return status;
}

/* Tell those who asked for elected ones. Collective; agreed status. */
static tal_status tell_elected(tal_cover *state)
{
    tal_reduction *self = state->self;
    tal_status status = TAL_OK;
    for (size_t i = 0; status == TAL_OK && i < state->subscription_count; i++) {
        const tal_cover_subscription *wanted = &state->subscriptions[i];
        const tal_lid local = (tal_lid)wanted->local;
        const election head = {
            .ghost = wanted->ghost,
            .verdict = state->verdicts[local],
            .len = (uint64_t)tal_seqset_len(self->distinct.sequences, local),
        };
        if (head.verdict == VERDICT_NONE)
            continue;
        status = tal_outbox_append(
            tal_outbox_at(&state->outbox, 0, wanted->rank), &head, sizeof(head),
            tal_seqset_residues(self->distinct.sequences, local), (size_t)head.len);
    }
    tal_buffer_reset(&state->news);
    return exchange(state, status, &state->news);
}

static void hear_elected(tal_cover *state)
{
    const tal_buffer *news = &state->news;
    memset(state->verdicts + state->self->count, VERDICT_NONE, state->ghost_count);
    for (size_t at = 0; at < news->bytes;) {
        election head;
        memcpy(&head, news->data + at, sizeof(head));
        at += sizeof(head);
        state->verdicts[state->self->count + head.ghost] = (uint8_t)head.verdict;
        state->ghost_codes[head.ghost] = news->data + at;
        state->ghost_lens[head.ghost] = (int32_t)head.len;
        at += (size_t)(head.len + 7) / 8 * 8;
    }
}

/* A sequence's nominee as it is shown to a verifier. */
static tal_verify_job job_of(const tal_cover *state, const tal_cover_edge *one)
{
    const tal_seqset *sequences = state->self->distinct.sequences;
    const bool is_local = one->slot < state->self->count;
    const size_t ghost = is_local ? 0 : one->slot - state->self->count;
    return (tal_verify_job){
        .codes = is_local ? tal_seqset_residues(sequences, one->slot) : state->ghost_codes[ghost],
        .len = is_local ? tal_seqset_len(sequences, one->slot) : state->ghost_lens[ghost],
        .is_reverse = one->is_reverse != 0,
        .diagonal = one->diagonal,
        .is_seeded = true,
    };
}

/* The certificate of a sequence with its nominee as representative. */
static tal_status prove(tal_cover *state, int worker, tal_lid local, tal_cover_edge *one)
{
    tal_reduction *self = state->self;
    const tal_verify_job job = job_of(state, one);
    tal_vertex proof;
    bool passes = false;
    tal_verifier_set_member(self->verifiers[worker],
                            tal_seqset_residues(self->distinct.sequences, local),
                            tal_seqset_len(self->distinct.sequences, local));
    tal_status status = tal_reduction_prove(self, worker, one->id, &job, &proof, &passes);
    if (status == TAL_OK && passes) {
        one->worker = (uint16_t)worker;
        one->proof = state->proofs[worker].bytes / sizeof(proof);
        status = tal_buffer_append(&state->proofs[worker], &proof, sizeof(proof));
    }
    one->state = passes ? TAL_EDGE_PROVEN : TAL_EDGE_REFUTED;
    return status;
}

/* Whether the pair passes with the nominee as member; no certificate is kept. */
static tal_status agree(tal_cover *state, int worker, tal_lid local, tal_cover_edge *one)
{
    tal_reduction *self = state->self;
    const tal_verify_job seen = job_of(state, one);
    const int32_t len = tal_seqset_len(self->distinct.sequences, local);
    const tal_verify_job job = {
        .codes = tal_seqset_residues(self->distinct.sequences, local),
        .len = len,
        .is_reverse = seen.is_reverse,
        .diagonal = tal_cover_turn(seen.diagonal, seen.is_reverse, len, seen.len),
        .is_seeded = true,
    };
    tal_buffer *arena = &self->arenas[worker];
    const size_t edits_at = arena->bytes;
    tal_certificate certificate;
    bool passes = false;
    tal_verifier_set_member(self->verifiers[worker], seen.codes, seen.len);
    tal_status status = tal_verify(self->verifiers[worker], &job, &passes, &certificate, arena);
    arena->bytes = edits_at;
    one->state = passes ? TAL_EDGE_AGREED : TAL_EDGE_REFUTED;
    return status;
}

/* Verify a sequence against its nominee, so far as that is wanted now. */
static tal_status verify_nominee(tal_cover *state, int worker, tal_lid local)
{
    const size_t nominee = state->nominees[local];
    if (nominee == SIZE_MAX)
        return TAL_OK;
    tal_cover_edge *one = &state->edges[nominee];
    const uint8_t wanted = state->verdicts[one->slot];
    if (wanted == VERDICT_TAKE && one->state == TAL_EDGE_AGREED)
        return prove(state, worker, local, one);
    if (wanted != VERDICT_PROVE || one->state != TAL_EDGE_UNTRIED)
        return TAL_OK;
    const uint64_t id = tal_reduction_id(state->self, local);
    tal_status status = state->is_mutual && one->id > id ? agree(state, worker, local, one)
                                                         : prove(state, worker, local, one);
    if (status != TAL_OK || !state->is_mutual)
        return status;
    const pair_result told = {.local = one->id / state->self->rank_count,
                              .id = id,
                              .passes = one->state != TAL_EDGE_REFUTED};
    const size_t owner = (size_t)(one->id % state->self->rank_count);
    return tal_buffer_append(tal_outbox_at(&state->results, (size_t)worker, owner), &told,
                             sizeof(told));
}

static tal_status prove_unit(void *context, int worker, size_t unit)
{
    tal_cover *state = context;
    const size_t begin = unit * PROVE_UNIT;
    const size_t end =
        begin + PROVE_UNIT < state->open_count ? begin + PROVE_UNIT : state->open_count;
    tal_status status = TAL_OK;
    if (state->self->params->keeper == NULL)
        status = tal_stop_check();
    else if (tal_stop_is_asked())
        return TAL_OK; /* The step is given up. */
    for (size_t i = begin; status == TAL_OK && i < end; i++)
        status = verify_nominee(state, worker, state->open[i]);
    return status;
}

/* Let the others of the pairs that were verified know. Collective; agreed status. */
static tal_status share_results(tal_cover *state)
{
    tal_reduction *self = state->self;
    tal_buffer received = {0};
    if (!state->is_mutual)
        return TAL_OK;
    tal_status status = tal_outbox_exchange(&state->results, self->comm, &received, NULL);
    const pair_result *told = (const pair_result *)(const void *)received.data;
    for (size_t i = 0; status == TAL_OK && i < received.bytes / sizeof(*told); i++) {
        const tal_lid local = (tal_lid)told[i].local;
        size_t k = state->edge_begin[local];
        while (k < state->edge_begin[local + 1] && state->edges[k].id != told[i].id)
            k++;
        if (k == state->edge_begin[local + 1] || state->edges[k].state != TAL_EDGE_UNTRIED)
            continue;
        state->edges[k].state = told[i].passes != 0 ? TAL_EDGE_AGREED : TAL_EDGE_REFUTED;
        if (told[i].passes == 0 && is_open(state, local))
            state->counts[state->edges[k].slot]++;
    }
    tal_buffer_deinit(&received);
    return status;
}

/* Make the members of those that are taken, and count what others lose by it and by refutations. */
static void decide(tal_cover *state)
{
    tal_reduction *self = state->self;
    size_t kept = 0;
    for (size_t i = 0; i < state->open_count; i++) {
        const tal_lid local = state->open[i];
        const size_t nominee = state->nominees[local];
        const uint32_t slot = nominee_slot(state, local);
        tal_cover_edge *one = nominee == SIZE_MAX ? NULL : &state->edges[nominee];
        const bool is_refuted = one != NULL && one->state == TAL_EDGE_REFUTED; /* in this step */
        if (state->verdicts[slot] != VERDICT_TAKE || is_refuted) {
            state->counts[slot] += is_refuted;
            state->open[kept++] = local;
            continue;
        }
        if (one != NULL) {
            const tal_vertex *proofs =
                (const tal_vertex *)(const void *)state->proofs[one->worker].data;
            self->vertices[local] = proofs[one->proof];
        }
        tal_reduction_set_state(self, local,
                                one == NULL ? TAL_VERTEX_REPRESENTATIVE : TAL_VERTEX_MEMBER);
        count_for_all(state, local);
    }
    state->open_count = kept;
}

/* One election and what follows. *out_left: open ones of all ranks. Collective; agreed status. */
static tal_status step(tal_cover *state, tal_pause *pause, uint64_t *out_left)
{
    tal_reduction *self = state->self;
    tal_status status = elect(state);
    if (status == TAL_OK && self->rank_count > 1) {
        status = tell_elected(state);
        if (status == TAL_OK)
            hear_elected(state);
    }
    const size_t units = (state->open_count + PROVE_UNIT - 1) / PROVE_UNIT;
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, tal_team_for(self->team, units, prove_unit, state));
    if (status == TAL_OK)
        status = tal_pause_give_up(pause);
    if (status == TAL_OK)
        status = share_results(state);
    if (status != TAL_OK)
        return status;
    decide(state);
    *out_left = state->open_count;
    tal_comm_sum_u64(self->comm, out_left, 1);
    status = update_gains(state, false);
    return status == TAL_OK && *out_left > 0 ? tal_pause_keep(pause) : status;
}

static tal_status alloc(tal_cover *state)
{
    const tal_reduction *self = state->self;
    const size_t slots = self->count + state->ghost_count;
    state->gains = tal_alloc_zero(slots * sizeof(*state->gains));
    state->counts = tal_alloc_zero(slots * sizeof(*state->counts));
    state->verdicts = tal_alloc_zero(slots * sizeof(*state->verdicts));
    state->is_exact = tal_alloc_zero(self->count * sizeof(*state->is_exact));
    state->has_changed = tal_alloc_zero(self->count * sizeof(*state->has_changed));
    state->nominees = tal_alloc_array(self->count, sizeof(*state->nominees));
    state->open = tal_alloc_array(self->count, sizeof(*state->open));
    state->ghost_codes = tal_alloc_array(state->ghost_count, sizeof(*state->ghost_codes));
    state->ghost_lens = tal_alloc_array(state->ghost_count, sizeof(*state->ghost_lens));
    state->proofs = tal_alloc_zero(self->worker_count * sizeof(*state->proofs));
    if (state->gains == NULL || state->counts == NULL || state->verdicts == NULL ||
        state->is_exact == NULL || state->has_changed == NULL || state->nominees == NULL ||
        state->open == NULL || state->ghost_codes == NULL || state->ghost_lens == NULL ||
        state->proofs == NULL)
        return TAL_ERR_MEMORY;
    return TAL_OK;
}

/* The gains to begin with. Collective; agreed status. */
static tal_status begin(tal_cover *state)
{
    const tal_reduction *self = state->self;
    tal_status status = tal_cover_connect(state);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, alloc(state));
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++) {
        if (!self->is_in_pool[local] || !is_open(state, local))
            continue;
        state->open[state->open_count++] = local;
        count_for_all(state, local);
    }
    return status == TAL_OK ? update_gains(state, true) : status;
}

static void cover_deinit(tal_cover *state)
{
    for (size_t worker = 0; state->proofs != NULL && worker < state->self->worker_count; worker++)
        tal_buffer_deinit(&state->proofs[worker]);
    tal_free(state->proofs);
    tal_free(state->ghost_lens);
    tal_free(state->ghost_codes);
    tal_free(state->open);
    tal_free(state->nominees);
    tal_free(state->has_changed);
    tal_free(state->is_exact);
    tal_free(state->verdicts);
    tal_free(state->counts);
    tal_free(state->gains);
    tal_free(state->subscriptions);
    tal_free(state->ghost_ids);
    tal_free(state->edge_begin);
    tal_free(state->edges);
    tal_buffer_deinit(&state->news);
    tal_outbox_deinit(&state->outbox);
    tal_outbox_deinit(&state->results);
}

tal_status tal_cover_decide(tal_reduction *self)
{
    tal_cover state = {.self = self,
                       .is_mutual = self->criteria->coverage_mode == TAL_COVERAGE_BOTH};
    tal_pause pause = tal_pause_begin(self);
    tal_status status = begin(&state);
    for (uint64_t left = 1; status == TAL_OK && left > 0;) {
        status = step(&state, &pause, &left);
        self->summary.step_count++;
    }
    cover_deinit(&state);
    return status;
}

tal_status tal_cover_count_sizes(tal_reduction *self)
{
    tal_outbox outbox = {0};
    tal_buffer received = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++) {
        if (tal_reduction_state(self, local) != TAL_VERTEX_MEMBER)
            continue;
        const uint64_t id = self->vertices[local].representative;
        const uint64_t place = id / self->rank_count;
        status = tal_buffer_append(tal_outbox_at(&outbox, 0, id % self->rank_count), &place,
                                   sizeof(place));
    }
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &received, NULL);
    const uint64_t *places = (const uint64_t *)(const void *)received.data;
    memset(self->sizes, 0, (size_t)self->count * sizeof(*self->sizes));
    for (size_t i = 0; status == TAL_OK && i < received.bytes / sizeof(*places); i++)
        self->sizes[places[i]]++;
    tal_buffer_deinit(&received);
    tal_outbox_deinit(&outbox);
    return status;
}
