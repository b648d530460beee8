/* The whole of a reduction: distinct sequences, rounds of candidates and decisions, the answer for
 * every record; see reduce.h.
 *
 * Each round looks at the representatives that the round before left, with other seeds, so that it
 * finds pairs which shared no k-mer yet. A representative that becomes a member leaves its own
 * members behind: they are verified against the one that took it, and those that do not pass are
 * candidates and candidates' seekers in the next round like representatives. When rounds are over,
 * those still without one are decided against representatives that no longer change.
 */
#include "reduce/reduction.h"

#include "align/cigar.h"
#include "base/alloc.h"
#include "base/stop.h"
#include "reduce/ids.h"
#include "reduce/outbox.h"
#include "reduce/rounds.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    /* For tracing a thread may take this part of a limit. */
    TRACE_SHARE = 64,
    TRACE_BYTES_MIN = 1 << 20,
    TRACE_BYTES_MAX = 64 << 20,
    /* Sequences whose fates are told at a time. */
    ASSIGN_ROUNDS = 16,
    ASSIGN_MIN = 1 << 14,
};

/* What a record is told of its sequence; the edits follow. */
typedef struct fate {
    tal_gid representative;
    tal_certificate certificate;
    uint32_t is_reverse;
} fate;

tal_status tal_reduction_prove(tal_reduction *self, int worker, uint64_t id,
                               const tal_verify_job *job, tal_vertex *out_vertex, bool *out_passes)
{
    tal_buffer *arena = &self->arenas[worker];
    tal_certificate certificate;
    const size_t at = arena->bytes;
    tal_status status = tal_verify(self->verifiers[worker], job, out_passes, &certificate, arena);
    if (status != TAL_OK || !*out_passes)
        return status;
    *out_vertex = (tal_vertex){
        .representative = id,
        .certificate = certificate,
        .edit_count = (uint32_t)((arena->bytes - at) / sizeof(uint32_t)),
        .is_reverse = job->is_reverse,
        .arena = (uint16_t)worker,
        .edits_at = at,
    };
    return TAL_OK;
}

tal_status tal_reduction_try(tal_reduction *self, int worker, tal_lid local, uint64_t id,
                             const tal_verify_job *job, bool *out_passes)
{
    tal_status status =
        tal_reduction_prove(self, worker, id, job, &self->vertices[local], out_passes);
    if (status == TAL_OK && *out_passes)
        atomic_store_explicit(&self->states[local], TAL_VERTEX_MEMBER, memory_order_release);
    return status;
}

tal_status tal_reduction_answer_residues(const void *context, uint64_t local, tal_buffer *reply)
{
    const tal_reduction *self = context;
    const tal_seqset *sequences = self->distinct.sequences;
    return tal_buffer_append(reply, tal_seqset_residues(sequences, (tal_lid)local),
                             (size_t)tal_seqset_len(sequences, (tal_lid)local));
}

tal_status tal_reduction_list_representatives(const tal_reduction *self, uint64_t **out_ids,
                                              size_t *out_count)
{
    uint64_t *ids = tal_alloc_array(self->count, sizeof(*ids));
    if (ids == NULL)
        return TAL_ERR_MEMORY;
    size_t count = 0;
    for (tal_lid local = 0; local < self->count; local++)
        if (tal_reduction_state(self, local) == TAL_VERTEX_MEMBER)
            ids[count++] = self->vertices[local].representative;
    *out_ids = ids;
    *out_count = tal_ids_distinct(ids, count);
    return TAL_OK;
}

static tal_status answer_gid(const void *context, uint64_t local, tal_buffer *reply)
{
    const tal_reduction *self = context;
    tal_gid gid = tal_seqset_gid(self->distinct.sequences, (tal_lid)local);
    return tal_buffer_append(reply, &gid, sizeof(gid));
}

/* Everybody but the members takes part in the next round; representatives are asked anew unless
 * they are frozen. After the first round of a set cover, those that stand for most go first.
 * Collective; agreed status. */
static tal_status open_pool(tal_reduction *self, bool is_frozen)
{
    const bool is_by_size = self->params->order == TAL_REDUCE_SET_COVER && self->position.stage > 1;
    tal_status status = is_by_size ? tal_cover_count_sizes(self) : TAL_OK;
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++) {
        const uint8_t state = tal_reduction_state(self, local);
        self->is_in_pool[local] = state != TAL_VERTEX_MEMBER;
        self->priorities[local] = tal_priority_make(
            self->is_known[local] || (is_frozen && state == TAL_VERTEX_REPRESENTATIVE),
            is_by_size ? self->sizes[local] : self->degrees[local], tal_reduction_id(self, local));
        if (self->is_in_pool[local])
            tal_reduction_set_state(self, local, TAL_VERTEX_OPEN);
        self->cursors[local] = 0;
    }
    return status;
}

/* What the round found, of how many. Collective. */
static void count_found(tal_reduction *self)
{
    uint64_t sums[2] = {0};
    for (tal_lid local = 0; local < self->count; local++) {
        sums[0] += self->is_in_pool[local];
        sums[1] += self->is_in_pool[local] && tal_reduction_state(self, local) == TAL_VERTEX_MEMBER;
    }
    tal_comm_sum_u64(self->comm, sums, 2);
    self->summary.last_round_pool = sums[0];
    self->summary.last_round_members = sums[1];
}

/* Decide the pool in parts, as much of it at a time as memory allows. Collective; agreed status. */
static tal_status decide_in_parts(tal_reduction *self, const tal_seed *seed)
{
    tal_candidate_search *search = NULL;
    tal_status status = tal_candidates_open(self, seed, &search);
    for (bool is_last = false; status == TAL_OK && !is_last;) {
        tal_candidates_release(self);
        status = tal_candidates_next(search, &is_last);
        if (status == TAL_OK)
            status = tal_greedy_decide(self);
    }
    tal_candidates_close(search);
    return status;
}

/* One round, or the rest of it. `is_first`: with the candidates that all first rounds have.
 * Collective; agreed status. */
static tal_status run_round(tal_reduction *self, const tal_seed *seed, bool is_first,
                            bool is_frozen)
{
    const bool is_shared = is_first && self->params->target > 0;
    /* Frozen ones go first whatever they gain. */
    const bool is_by_cover =
        self->params->order == TAL_REDUCE_SET_COVER && is_first && self->params->known == NULL;
    tal_status status = TAL_OK;
    if (self->position.is_within == 0)
        status = open_pool(self, is_frozen);
    if (status == TAL_OK && !is_by_cover && !is_shared)
        status = decide_in_parts(self, seed);
    else if (status == TAL_OK) {
        status = tal_candidates_take_up(self) ? TAL_OK : tal_candidates_find(self, seed);
        if (status == TAL_OK)
            status = is_by_cover ? tal_cover_decide(self) : tal_greedy_decide(self);
    }
    if (is_shared && status == TAL_OK)
        tal_candidates_put_aside(self);
    tal_candidates_release(self);
    if (status != TAL_OK)
        return status;
    self->summary.round_count++;
    if (!is_frozen)
        count_found(self);
    return tal_adopt_orphans(self, &self->position.orphans);
}

/* A stage is over. Collective; agreed status. */
static tal_status end_stage(tal_reduction *self)
{
    self->position.stage++;
    self->position.is_within = 0;
    tal_status status = tal_state_keep(self);
    if (status == TAL_OK && self->params->keeper != NULL)
        status = tal_comm_agree(self->comm, tal_stop_check());
    return status;
}

tal_status tal_reduction_run_rounds(tal_reduction *self)
{
    const tal_rounds rounds = tal_rounds_for(
        self->params->matrix->alphabet, self->criteria->identity, self->distinct.residue_count);
    tal_reduction_position *position = &self->position;
    tal_status status = TAL_OK;
    if (position->stage == 0) {
        status = open_pool(self, false);
        if (status == TAL_OK && self->params->order != TAL_REDUCE_LENGTH)
            status = tal_candidates_count_degrees(self, &rounds.degrees);
        if (status == TAL_OK)
            status = end_stage(self);
    }
    while (status == TAL_OK && position->stage <= rounds.count) {
        const size_t round = position->stage - 1;
        status = run_round(self, &rounds.seeds[round], round == 0, false);
        if (status == TAL_OK)
            status = end_stage(self);
    }
    if (status == TAL_OK && position->stage == rounds.count + 1) {
        if (position->orphans > 0)
            status = run_round(self, &rounds.seeds[rounds.count - 1], false, true);
        if (status == TAL_OK)
            status = end_stage(self);
    }
    return status;
}

/* The rounds, and the residual redundancy as last stage. Collective; agreed status. */
static tal_status run_stages(tal_reduction *self)
{
    tal_reduction_position *position = &self->position;
    self->summary.was_finished = position->is_finished;
    if (position->is_finished != 0) {
        self->criteria->identity = (int32_t)self->summary.identity;
        return TAL_OK;
    }
    tal_status status =
        self->params->target > 0 ? tal_target_find(self) : tal_reduction_run_rounds(self);
    if (status != TAL_OK)
        return status;
    tal_reduction_sum_up(self);
    self->summary.identity = (uint64_t)self->criteria->identity;
    status = tal_residual_measure(self);
    position->is_finished = 1;
    return status == TAL_OK ? end_stage(self) : status;
}

void tal_reduction_sum_up(tal_reduction *self)
{
    uint64_t sums[5] = {0};
    for (tal_lid local = 0; local < self->count; local++) {
        if (tal_reduction_state(self, local) != TAL_VERTEX_REPRESENTATIVE)
            continue;
        sums[0]++;
        sums[1] += (uint64_t)tal_seqset_len(self->distinct.sequences, local);
    }
    for (size_t worker = 0; worker < self->worker_count; worker++) {
        tal_verifier_counts counts = tal_verifier_get_counts(self->verifiers[worker]);
        sums[2] += counts.pairs;
        sums[3] += counts.aligned;
        sums[4] += counts.proven;
    }
    tal_comm_sum_u64(self->comm, sums, 5);
    self->summary.distinct_count = self->distinct.count;
    self->summary.distinct_residues = self->distinct.residue_count;
    self->summary.representative_count = sums[0];
    self->summary.representative_residues = sums[1];
    self->summary.pair_count = self->kept.pair_count + sums[2];
    self->summary.alignment_count = self->kept.alignment_count + sums[3];
    self->summary.proof_count = self->kept.proof_count + sums[4];
}

/* What answer_fate needs: the gids of the members' representatives. */
typedef struct fates {
    const tal_reduction *self;
    const uint64_t *ids;
    size_t id_count;
    const tal_replies *gids;
} fates;

static tal_status answer_fate(const void *context, uint64_t local, tal_buffer *reply)
{
    const fates *state = context;
    const tal_reduction *self = state->self;
    const tal_vertex *vertex = &self->vertices[local];
    if (tal_reduction_state(self, (tal_lid)local) != TAL_VERTEX_MEMBER) {
        fate self_made = {.representative =
                              tal_seqset_gid(self->distinct.sequences, (tal_lid)local)};
        return tal_buffer_append(reply, &self_made, sizeof(self_made));
    }
    fate told = {.certificate = vertex->certificate, .is_reverse = vertex->is_reverse};
    size_t i = tal_ids_find(state->ids, state->id_count, vertex->representative);
    memcpy(&told.representative, state->gids->data.data + state->gids->at[i],
           sizeof(told.representative));
    tal_status status = tal_buffer_append(reply, &told, sizeof(told));
    if (status == TAL_OK)
        status = tal_buffer_append(reply, self->arenas[vertex->arena].data + vertex->edits_at,
                                   vertex->edit_count * sizeof(uint32_t));
    return status;
}

/* A copy of a representative: equal from end to end. */
static tal_status assign_copy(const tal_reduction *self, const tal_seqset *set, tal_lid lid,
                              tal_gid representative, tal_assignment *assignment)
{
    const uint8_t *codes = tal_seqset_residues(set, lid);
    const int32_t len = tal_seqset_len(set, lid);
    int64_t score = 0;
    for (int32_t i = 0; i < len; i++)
        score += self->params->matrix->score[codes[i]][codes[i]];
    tal_cigar cigar = {0};
    tal_status status = tal_cigar_append(&cigar, TAL_CIGAR_EQUAL, len);
    const tal_assigned assigned = {
        .representative = representative,
        .certificate = {.score = (int32_t)(score < INT32_MAX ? score : INT32_MAX),
                        .identity_count = len,
                        .column_count = len,
                        .query_end = len,
                        .ref_end = len},
        .edits = cigar.runs,
        .edit_count = cigar.count,
    };
    if (status == TAL_OK)
        status = tal_assignment_set(assignment, lid, &assigned);
    tal_cigar_deinit(&cigar);
    return status;
}

static tal_status assign_record(const tal_reduction *self, const tal_seqset *set, tal_lid lid,
                                const uint8_t *reply, size_t reply_bytes,
                                tal_assignment *assignment)
{
    fate told;
    memcpy(&told, reply, sizeof(told));
    if (told.representative == tal_seqset_gid(set, lid))
        return TAL_OK;
    if (told.certificate.column_count == 0)
        return assign_copy(self, set, lid, told.representative, assignment);
    const tal_assigned assigned = {
        .representative = told.representative,
        .is_reverse = told.is_reverse != 0,
        .certificate = told.certificate,
        .edits = (const uint32_t *)(const void *)(reply + sizeof(told)),
        .edit_count = (reply_bytes - sizeof(told)) / sizeof(uint32_t),
    };
    return tal_assignment_set(assignment, lid, &assigned);
}

/* Tell the records of the sequences `wanted`, which rise, what became of them. Collective; agreed
 * status. */
static tal_status assign_some(const fates *state, const tal_seqset *set, const uint64_t *wanted,
                              size_t wanted_count, tal_assignment *assignment)
{
    const tal_reduction *self = state->self;
    tal_replies replies = {0};
    tal_status status =
        tal_owners_ask(self->comm, wanted, wanted_count, answer_fate, state, &replies);
    for (tal_lid lid = 0; status == TAL_OK && lid < tal_seqset_count(set); lid++) {
        const uint64_t id = self->distinct.ids[lid];
        if (wanted_count == 0 || id < wanted[0] || id > wanted[wanted_count - 1] ||
            tal_seqset_gid(set, lid) < self->params->known_count)
            continue;
        const size_t i = tal_ids_find(wanted, wanted_count, id);
        status = assign_record(self, set, lid, replies.data.data + replies.at[i], replies.bytes[i],
                               assignment);
    }
    tal_replies_deinit(&replies);
    return tal_comm_agree(self->comm, status);
}

/* Tell every record what became of its sequence, in rounds. Collective; agreed status. */
static tal_status assign_all(const fates *state, const tal_seqset *set, uint64_t *wanted,
                             tal_assignment *assignment)
{
    const tal_reduction *self = state->self;
    const size_t count = tal_seqset_count(set);
    memcpy(wanted, self->distinct.ids, count * sizeof(*wanted));
    const size_t wanted_count = tal_ids_distinct(wanted, count);
    uint64_t round = wanted_count / ASSIGN_ROUNDS + 1;
    round = round < ASSIGN_MIN ? ASSIGN_MIN : round;
    tal_comm_max_u64(self->comm, &round, 1);
    uint64_t is_more = 1;
    tal_status status = TAL_OK;
    for (size_t begin = 0; status == TAL_OK && is_more != 0; begin += round) {
        const size_t first = begin < wanted_count ? begin : wanted_count;
        const size_t left = wanted_count - first;
        status = assign_some(state, set, wanted + first, left < round ? left : round, assignment);
        is_more = left > round;
        tal_comm_max_u64(self->comm, &is_more, 1);
    }
    return status;
}

/* The answer for all records. Collective; agreed status. */
static tal_status assign(const tal_reduction *self, const tal_seqset *set,
                         tal_assignment **out_assignment)
{
    tal_replies gids = {0};
    uint64_t *ids = NULL, *wanted = tal_alloc_array(tal_seqset_count(set), sizeof(*wanted));
    size_t id_count = 0;
    tal_assignment *known = self->params->known, *assignment = known;
    tal_status status =
        wanted == NULL ? TAL_ERR_MEMORY : tal_reduction_list_representatives(self, &ids, &id_count);
    if (status == TAL_OK && known == NULL)
        status = tal_assignment_create(set, &assignment);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_owners_ask(self->comm, ids, id_count, answer_gid, self, &gids);
    const fates state = {self, ids, id_count, &gids};
    if (status == TAL_OK)
        status = assign_all(&state, set, wanted, assignment);
    if (status == TAL_OK)
        *out_assignment = assignment;
    else if (known == NULL)
        tal_assignment_destroy(assignment);
    tal_replies_deinit(&gids);
    tal_free(ids);
    tal_free(wanted);
    return status;
}

static void reduction_deinit(tal_reduction *self)
{
    for (size_t worker = 0; worker < self->worker_count; worker++) {
        if (self->verifiers != NULL)
            tal_verifier_destroy(self->verifiers[worker]);
        if (self->arenas != NULL)
            tal_buffer_deinit(&self->arenas[worker]);
    }
    tal_free(self->verifiers);
    tal_free(self->arenas);
    tal_free((void *)self->states);
    tal_free(self->vertices);
    tal_free(self->degrees);
    tal_free(self->sizes);
    tal_free(self->priorities);
    tal_free(self->is_in_pool);
    tal_free(self->is_known);
    tal_free(self->cursors);
    (void)tal_candidates_take_up(self); /* To be released, too. */
    tal_candidates_release(self);
    tal_distinct_deinit(&self->distinct);
}

static tal_status reduction_init(tal_reduction *self)
{
    if (self->distinct.count > TAL_ID_MAX)
        return tal_fail(TAL_ERR_DATA, "%" PRIu64 " distinct sequences are more than can be reduced",
                        self->distinct.count);
    self->count = tal_seqset_count(self->distinct.sequences);
    self->part_end = UINT64_MAX;
    self->verifiers = tal_alloc_zero(self->worker_count * sizeof(*self->verifiers));
    self->arenas = tal_alloc_zero(self->worker_count * sizeof(*self->arenas));
    self->states = tal_alloc_zero((size_t)self->count * sizeof(*self->states));
    self->vertices = tal_alloc_zero((size_t)self->count * sizeof(*self->vertices));
    self->degrees = tal_alloc_zero((size_t)self->count * sizeof(*self->degrees));
    self->sizes = tal_alloc_zero((size_t)self->count * sizeof(*self->sizes));
    self->priorities = tal_alloc_array(self->count, sizeof(*self->priorities));
    self->is_in_pool = tal_alloc_array(self->count, sizeof(*self->is_in_pool));
    self->is_known = tal_alloc_zero((size_t)self->count * sizeof(*self->is_known));
    self->cursors = tal_alloc_zero((size_t)self->count * sizeof(*self->cursors));
    if (self->verifiers == NULL || self->arenas == NULL || self->states == NULL ||
        self->vertices == NULL || self->degrees == NULL || self->sizes == NULL ||
        self->priorities == NULL || self->is_in_pool == NULL || self->is_known == NULL ||
        self->cursors == NULL)
        return TAL_ERR_MEMORY;
    tal_status status = TAL_OK;
    for (size_t worker = 0; status == TAL_OK && worker < self->worker_count; worker++)
        status = tal_verifier_create(self->criteria, &self->verifiers[worker]);
    return status;
}

/* The longest sequence of all ranks. Collective. */
static int32_t find_len_max(const tal_reduction *self)
{
    uint64_t longest = 0;
    for (tal_lid local = 0; local < self->count; local++) {
        const uint64_t len = (uint64_t)tal_seqset_len(self->distinct.sequences, local);
        longest = len > longest ? len : longest;
    }
    tal_comm_max_u64(self->comm, &longest, 1);
    return (int32_t)longest;
}

/* What a thread may take to trace a pair: a part of the limit, if there is one. */
static size_t trace_bytes(uint64_t memory_bytes, size_t worker_count)
{
    const uint64_t share = memory_bytes / TRACE_SHARE / worker_count;
    if (memory_bytes == 0 || share > TRACE_BYTES_MAX)
        return TRACE_BYTES_MAX;
    return share < TRACE_BYTES_MIN ? TRACE_BYTES_MIN : (size_t)share;
}

static tal_criteria make_criteria(const tal_reduce_params *params, size_t worker_count)
{
    tal_criteria criteria = {
        .identity = params->identity,
        .coverage = params->coverage,
        .coverage_mode = params->coverage_mode,
        .evalue = params->evalue,
        .stats = &params->stats,
        .residue_count = params->residue_count,
        .sequence_count = params->sequence_count,
        .matrix = params->matrix,
        .trace_bytes = trace_bytes(params->memory_bytes, worker_count),
        .ladder = {.mode = TAL_LOCAL,
                   .gaps = params->gaps,
                   .score_max = params->matrix->score_max,
                   .score_min = params->matrix->score_min},
    };
    tal_kernel_table_init(&criteria.ladder.table, params->isa);
    tal_prover_init(&criteria.prover, &criteria.ladder.table, params->matrix, params->gaps);
    return criteria;
}

uint64_t tal_reduce_verifier_bytes(const tal_reduce_params *params, int32_t len_max,
                                   int thread_count)
{
    const size_t workers = (size_t)thread_count;
    const tal_criteria criteria = make_criteria(params, workers);
    return workers * tal_verifier_bytes(&criteria, len_max);
}

tal_status tal_reduce(tal_comm *comm, tal_team *team, const tal_seqset *set,
                      const tal_reduce_params *params, tal_assignment **out_assignment,
                      tal_reduce_summary *out_summary)
{
    tal_criteria criteria = make_criteria(params, (size_t)tal_team_size(team));
    tal_reduction self = {
        .comm = comm,
        .team = team,
        .params = params,
        .criteria = &criteria,
        .rank_count = (size_t)tal_comm_size(comm),
        .worker_count = (size_t)tal_team_size(team),
        .rank = (uint64_t)tal_comm_rank(comm),
    };
    tal_status status = tal_distinct_find(comm, team, set, &self.distinct);
    if (status == TAL_OK)
        status = tal_comm_agree(comm, reduction_init(&self));
    if (status == TAL_OK)
        self.len_max = find_len_max(&self);
    if (status == TAL_OK && params->known != NULL)
        status = tal_known_mark(&self, set);
    if (status == TAL_OK)
        status = tal_state_find(&self);
    if (status == TAL_OK)
        status = run_stages(&self);
    if (status == TAL_OK)
        status = assign(&self, set, out_assignment);
    if (status == TAL_OK)
        *out_summary = self.summary;
    reduction_deinit(&self);
    return status;
}
