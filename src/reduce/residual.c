/* Residual redundancy: representatives that another one could stand for.
 *
 * The sample is those with the smallest hashes of their ids, the same for any ranks. Every rank
 * scores all of it against its representatives, many at a time; what scores as passing pairs do is
 * aligned.
 */
#include "reduce/reduction.h"

#include "align/batch.h"
#include "base/alloc.h"
#include "base/stop.h"
#include "reduce/outbox.h"
#include "score/profile.h"

#include <stdlib.h>
#include <string.h>

enum { PROFILE_BYTES = 8 << 20 }; /* of the sample's that are in memory, about */

/* In front of the residues of a sampled sequence; padded to 8. */
typedef struct probe_head {
    uint64_t key, id, len;
} probe_head;
_Static_assert(sizeof(probe_head) == 24, "travels between ranks");

typedef struct probe {
    uint64_t key, id;
    const uint8_t *codes;
    int32_t len;
    int8_t *profiles[2]; /* of both strands; the second for nucleotides only */
    _Atomic bool is_found;
} probe;

typedef struct residual {
    tal_reduction *self;
    tal_buffer received;
    probe *probes;
    size_t probe_count;
    size_t begin, end;        /* those that have profiles now */
    tal_lid *representatives; /* longest first */
    size_t representative_count;
    tal_batch *batches; /* one per worker, as the others */
    tal_ladder_scratch *scratches;
    tal_buffer *edits;
} residual;

/* As of SplitMix64: a bijection. */
static uint64_t key_of(uint64_t id)
{
    uint64_t x = (id + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static int compare_probes(const void *left, const void *right)
{
    const probe *a = left;
    const probe *b = right;
    return (a->key > b->key) - (a->key < b->key);
}

/* This rank's representatives; its share of the sample for all ranks. */
static tal_status offer(residual *state, tal_outbox *outbox)
{
    static const uint8_t zeros[8];
    tal_reduction *self = state->self;
    const tal_seqset *sequences = self->distinct.sequences;
    state->representatives = tal_alloc_array(self->count, sizeof(*state->representatives));
    probe *own = tal_alloc_array(self->count, sizeof(*own));
    tal_status status = own == NULL || state->representatives == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++) {
        if (tal_reduction_state(self, local) != TAL_VERTEX_REPRESENTATIVE ||
            tal_seqset_len(sequences, local) < self->params->len_min)
            continue;
        const uint64_t id = tal_reduction_id(self, local);
        own[state->representative_count] = (probe){.key = key_of(id), .id = id};
        state->representatives[state->representative_count++] = local;
    }
    if (status == TAL_OK && state->representative_count > 0)
        qsort(own, state->representative_count, sizeof(*own), compare_probes);
    size_t count = state->representative_count < self->params->residual_sample
                       ? state->representative_count
                       : (size_t)self->params->residual_sample;
    for (size_t i = 0; i < count * self->rank_count && status == TAL_OK; i++) {
        const probe *one = &own[i / self->rank_count];
        const tal_lid local = (tal_lid)(one->id / self->rank_count);
        const probe_head head = {one->key, one->id, (uint64_t)tal_seqset_len(sequences, local)};
        tal_buffer *out = tal_outbox_at(outbox, 0, i % self->rank_count);
        status = tal_buffer_append(out, &head, sizeof(head));
        if (status == TAL_OK)
            status = tal_buffer_append(out, tal_seqset_residues(sequences, local), head.len);
        if (status == TAL_OK)
            status = tal_buffer_append(out, zeros, (8 - out->bytes % 8) % 8);
    }
    tal_free(own);
    return status;
}

/* The sample, of all ranks' shares. */
static tal_status choose(residual *state)
{
    const uint64_t limit = state->self->params->residual_sample;
    size_t count = 0;
    probe_head head;
    for (size_t at = 0; at < state->received.bytes; count++) {
        memcpy(&head, state->received.data + at, sizeof(head));
        at += sizeof(head) + (head.len + 7) / 8 * 8;
    }
    state->probes = tal_alloc_zero(count * sizeof(*state->probes));
    if (state->probes == NULL)
        return TAL_ERR_MEMORY;
    for (size_t at = 0, i = 0; i < count; i++) {
        memcpy(&head, state->received.data + at, sizeof(head));
        at += sizeof(head);
        state->probes[i].key = head.key;
        state->probes[i].id = head.id;
        state->probes[i].len = (int32_t)head.len;
        state->probes[i].codes = state->received.data + at;
        at += (head.len + 7) / 8 * 8;
    }
    if (count > 0)
        qsort(state->probes, count, sizeof(*state->probes), compare_probes);
    state->probe_count = count < limit ? count : (size_t)limit;
    return TAL_OK;
}

/* Leave out what would take more cells than allowed. Collective. */
static void keep_to_cells(residual *state, const uint64_t *cells)
{
    uint64_t left = state->self->params->residual_cells;
    size_t count = 0;
    while (count < state->probe_count && (left == 0 || cells[count] < left)) {
        left -= left == 0 ? 0 : cells[count];
        count++;
    }
    state->probe_count = count;
}

static bool may_pass(const residual *state, const probe *one, tal_lid local)
{
    return tal_criteria_allow_lengths(state->self->criteria, one->len,
                                      tal_seqset_len(state->self->distinct.sequences, local));
}

/* Cells of each of the sample, of all ranks. Collective; agreed status. */
static tal_status limit_sample(residual *state)
{
    tal_reduction *self = state->self;
    uint64_t *cells = tal_alloc_zero((state->probe_count + 1) * sizeof(*cells));
    tal_status status = tal_comm_agree(self->comm, cells == NULL ? TAL_ERR_MEMORY : TAL_OK);
    for (size_t i = 0; status == TAL_OK && i < state->probe_count; i++)
        for (size_t k = 0; k < state->representative_count; k++)
            if (may_pass(state, &state->probes[i], state->representatives[k]))
                cells[i] +=
                    (uint64_t)state->probes[i].len *
                    (uint64_t)tal_seqset_len(self->distinct.sequences, state->representatives[k]);
    if (status == TAL_OK) {
        tal_comm_sum_u64(self->comm, cells, state->probe_count);
        keep_to_cells(state, cells);
    }
    tal_free(cells);
    return status;
}

static tal_status make_profile(const tal_reduction *self, const uint8_t *codes, size_t len,
                               int8_t **out_profile)
{
    *out_profile = tal_alloc_vector(len * TAL_PROFILE_STRIDE);
    if (*out_profile == NULL)
        return TAL_ERR_MEMORY;
    tal_profile_build(self->params->matrix, codes, len, *out_profile);
    return TAL_OK;
}

static void drop_profiles(residual *state)
{
    for (; state->begin < state->end; state->begin++)
        for (int strand = 0; strand < 2; strand++) {
            tal_free(state->probes[state->begin].profiles[strand]);
            state->probes[state->begin].profiles[strand] = NULL;
        }
}

/* Profiles of the next of the sample, as many as are in memory at a time. */
static tal_status make_profiles(residual *state)
{
    tal_status status = TAL_OK;
    size_t bytes = 0;
    drop_profiles(state);
    while (status == TAL_OK && state->end < state->probe_count && bytes < PROFILE_BYTES) {
        probe *one = &state->probes[state->end++];
        const size_t len = (size_t)one->len;
        bytes += 2 * len * TAL_PROFILE_STRIDE;
        status = make_profile(state->self, one->codes, len, &one->profiles[0]);
        if (status != TAL_OK || state->self->params->matrix->alphabet != TAL_NUCLEOTIDE)
            continue;
        uint8_t *reverse = tal_alloc(len);
        status = reverse == NULL ? TAL_ERR_MEMORY : TAL_OK;
        if (status == TAL_OK) {
            tal_nucleotide_reverse_complement(one->codes, len, reverse);
            status = make_profile(state->self, reverse, len, &one->profiles[1]);
        }
        tal_free(reverse);
    }
    return status;
}

/* Align one of the sample with those of the batch that score enough. */
static tal_status align_lanes(residual *state, int worker, probe *one, bool is_reverse,
                              const int32_t *scores)
{
    tal_reduction *self = state->self;
    const tal_batch *batch = &state->batches[worker];
    tal_verifier *verifier = self->verifiers[worker];
    tal_status status = TAL_OK;
    for (int lane = 0; lane < batch->lane_count && status == TAL_OK; lane++) {
        const tal_lid local = batch->lids[lane];
        if (tal_reduction_id(self, local) == one->id || !may_pass(state, one, local) ||
            tal_criteria_is_hopeless(self->criteria, scores[lane], one->len, batch->lane_len[lane]))
            continue;
        const tal_verify_job job = {
            .codes = tal_seqset_residues(self->distinct.sequences, local),
            .len = batch->lane_len[lane],
            .is_reverse = is_reverse,
        };
        tal_certificate certificate;
        bool passes = false;
        tal_buffer_reset(&state->edits[worker]);
        tal_verifier_set_member(verifier, one->codes, one->len);
        status = tal_verify(verifier, &job, &passes, &certificate, &state->edits[worker]);
        if (passes)
            one->is_found = true;
    }
    return status;
}

/* Those of the sample that have profiles against 64 representatives. */
static tal_status probe_unit(void *context, int worker, size_t unit)
{
    residual *state = context;
    tal_reduction *self = state->self;
    const tal_criteria *criteria = self->criteria;
    const size_t begin = unit * TAL_BATCH_LANES;
    const size_t left = state->representative_count - begin;
    const int count = left < TAL_BATCH_LANES ? (int)left : TAL_BATCH_LANES;
    tal_batch *batch = &state->batches[worker];
    int32_t scores[TAL_BATCH_LANES];
    tal_status status =
        tal_batch_fill(batch, self->distinct.sequences, state->representatives + begin, count);
    for (size_t i = state->begin; i < state->end && status == TAL_OK; i++) {
        probe *one = &state->probes[i];
        bool is_near = false;
        for (int lane = 0; lane < count; lane++)
            is_near |= may_pass(state, one, batch->lids[lane]);
        status = tal_stop_check();
        for (int strand = 0; strand < 2 && status == TAL_OK && is_near; strand++) {
            if (one->is_found || one->profiles[strand] == NULL ||
                !tal_ladder_fits(&criteria->ladder, one->len, batch->lane_len[0]))
                continue;
            status = tal_ladder_score(&criteria->ladder, &state->scratches[worker],
                                      one->profiles[strand], one->len, self->distinct.sequences,
                                      batch, scores);
            if (status == TAL_OK)
                status = align_lanes(state, worker, one, strand == 1, scores);
        }
    }
    return status;
}

static tal_status probe_all(residual *state)
{
    const size_t workers = state->self->worker_count;
    state->batches = tal_alloc_zero(workers * sizeof(*state->batches));
    state->scratches = tal_alloc_zero(workers * sizeof(*state->scratches));
    state->edits = tal_alloc_zero(workers * sizeof(*state->edits));
    if (state->batches == NULL || state->scratches == NULL || state->edits == NULL)
        return TAL_ERR_MEMORY;
    const size_t units = (state->representative_count + TAL_BATCH_LANES - 1) / TAL_BATCH_LANES;
    tal_status status = TAL_OK;
    while (status == TAL_OK && state->end < state->probe_count) {
        status = make_profiles(state);
        if (status == TAL_OK)
            status = tal_team_for(state->self->team, units, probe_unit, state);
    }
    return status;
}

/* Sum up over ranks. Collective; agreed status. */
static tal_status count_found(residual *state)
{
    tal_reduction *self = state->self;
    uint64_t *found = tal_alloc_zero((state->probe_count + 1) * sizeof(*found));
    tal_status status = tal_comm_agree(self->comm, found == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK) {
        for (size_t i = 0; i < state->probe_count; i++)
            found[i] = state->probes[i].is_found;
        tal_comm_max_u64(self->comm, found, state->probe_count);
        self->summary.residual_sample = state->probe_count;
        for (size_t i = 0; i < state->probe_count; i++)
            self->summary.residual_count += found[i];
    }
    tal_free(found);
    return status;
}

static void residual_deinit(residual *state)
{
    drop_profiles(state);
    for (size_t worker = 0; worker < state->self->worker_count; worker++) {
        if (state->batches != NULL)
            tal_batch_deinit(&state->batches[worker]);
        if (state->scratches != NULL)
            tal_ladder_scratch_deinit(&state->scratches[worker]);
        if (state->edits != NULL)
            tal_buffer_deinit(&state->edits[worker]);
    }
    tal_free(state->batches);
    tal_free(state->scratches);
    tal_free(state->edits);
    tal_free(state->representatives);
    tal_free(state->probes);
    tal_buffer_deinit(&state->received);
}

tal_status tal_residual_measure(tal_reduction *self)
{
    if (self->params->residual_sample == 0)
        return TAL_OK;
    residual state = {.self = self};
    tal_outbox outbox = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    if (status == TAL_OK)
        status = offer(&state, &outbox);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &state.received, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, choose(&state));
    if (status == TAL_OK)
        status = limit_sample(&state);
    if (status == TAL_OK)
        status = probe_all(&state);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = count_found(&state);
    tal_outbox_deinit(&outbox);
    residual_deinit(&state);
    return status;
}
