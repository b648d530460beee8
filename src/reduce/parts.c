/* Parts of a round: sequences whose candidates are in memory at a time; see candidates_internal.h.
 *
 * What becomes of a sequence depends on those before it only, so a round may be done in parts that
 * follow one another by priority: the candidates of each are found, decided and forgotten. Pairs
 * are counted before they are made, by buckets of priorities; a part is as many buckets as fit in
 * the memory that is left when it begins.
 */
#include "reduce/candidates_internal.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    /* Of a k-mer: sent or received, and sorted into a second array; some ranks get more of them. */
    KMER_BYTES = 2 * sizeof(tal_sort_record) + sizeof(tal_sort_record) / 4,
    /* Of a candidate of another rank: its ghost (twice while they are listed), the question for it
     * on its way and with its owner. */
    GHOST_BYTES = 2 * 32 + 2 * 16,
    PASS_MAX = 64, /* of a round under a limit: more would take too long */
};

/* Bytes of the runs of a member's alignment, at most: of every column that is not identical, two.
 */
static uint64_t proof_bytes(const tal_criteria *criteria, uint64_t residues)
{
    const uint64_t identity = (uint64_t)criteria->identity;
    return identity == 0 ? 8 * residues
                         : 8 * residues * (TAL_REDUCE_SHARE_ONE - identity) / identity;
}

/* What pairs take that a rank sends and receives: on their way, then sorted, then as candidates. */
static uint64_t pair_bytes(const tal_reduction *self, uint64_t sent, uint64_t received)
{
    const uint64_t most = sent > received ? sent : received;
    const uint64_t pairs = sizeof(tal_sort_record) * (most + received);
    const uint64_t each =
        sizeof(tal_candidate) + (self->rank_count == 1 ? 0 : (uint64_t)GHOST_BYTES);
    return pairs > each * received ? pairs : each * received;
}

/* Residues of other ranks' sequences that could stand for those of `residues` residues in all, that
 * have so many pairs: each pair brings one about as long as coverage allows. */
static uint64_t ghost_bytes(const tal_reduction *self, uint64_t pairs, uint64_t sequences,
                            uint64_t residues)
{
    const tal_criteria *criteria = self->criteria;
    if (self->rank_count == 1 || sequences == 0)
        return 0;
    uint64_t len = residues / sequences + 1;
    if (criteria->coverage_mode == TAL_COVERAGE_MEMBER || criteria->coverage == 0)
        len = (uint64_t)self->len_max;
    else
        len = len * TAL_REDUCE_SHARE_ONE / (uint64_t)criteria->coverage;
    return pairs * len;
}

/* What ghosts take at most: all sequences there are. */
static uint64_t cap_ghosts(const tal_reduction *self, uint64_t bytes)
{
    return bytes < self->distinct.residue_count ? bytes : self->distinct.residue_count;
}

/* The k-mers of this rank's sequences in the pool, at most. */
static uint64_t count_kmers(const tal_candidate_search *search)
{
    const tal_reduction *self = search->self;
    const uint64_t limit = search->seed->kmer_limit;
    uint64_t kmers = 0;
    for (tal_lid local = 0; local < self->count; local++) {
        const uint64_t len = (uint64_t)tal_seqset_len(self->distinct.sequences, local);
        if (self->is_in_pool[local])
            kmers += limit == 0 || len < limit ? len : limit;
    }
    return kmers;
}

tal_status tal_parts_choose_passes(tal_candidate_search *search, uint64_t room)
{
    const tal_reduction *self = search->self;
    uint64_t bytes = KMER_BYTES * count_kmers(search);
    tal_comm_max_u64(self->comm, &bytes, 1);
    const uint64_t passes = bytes / (room == 0 ? 1 : room) + 1;
    if (self->params->memory_bytes > 0 && passes > PASS_MAX)
        return tal_reduction_refuse(self, bytes / PASS_MAX + 1, room);
    search->pass_count = passes < UINT32_MAX ? passes : UINT32_MAX;
    search->parts.kmer_bytes = bytes / search->pass_count;
    return TAL_OK;
}

static int compare_u64(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

/* Send this rank's sample of priorities to all: as many as there are buckets, evenly spread. */
static tal_status offer_sample(const tal_reduction *self, tal_outbox *outbox)
{
    uint64_t *all = tal_alloc_array(self->count, sizeof(*all));
    size_t count = 0;
    if (all == NULL)
        return TAL_ERR_MEMORY;
    for (tal_lid local = 0; local < self->count; local++)
        if (self->is_in_pool[local])
            all[count++] = self->priorities[local];
    if (count > 0)
        qsort(all, count, sizeof(*all), compare_u64);
    const size_t wanted = count < TAL_PART_BUCKETS ? count : TAL_PART_BUCKETS;
    tal_status status = TAL_OK;
    for (size_t rank = 0; rank < self->rank_count; rank++)
        for (size_t i = 0; status == TAL_OK && i < wanted; i++)
            status = tal_buffer_append(tal_outbox_at(outbox, 0, rank), &all[i * count / wanted],
                                       sizeof(*all));
    tal_free(all);
    return status;
}

/* Cut priorities into buckets, the same on all ranks. Collective; agreed status. */
static tal_status cut_buckets(tal_candidate_search *search)
{
    const tal_reduction *self = search->self;
    tal_parts *parts = &search->parts;
    tal_outbox outbox = {0};
    tal_buffer received = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    if (status == TAL_OK)
        status = offer_sample(self, &outbox);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &received, NULL);
    uint64_t *all = (uint64_t *)(void *)received.data;
    const size_t count = received.bytes / sizeof(*all);
    if (status == TAL_OK && count > 0)
        qsort(all, count, sizeof(*all), compare_u64);
    for (size_t i = 0; status == TAL_OK && i < TAL_PART_BUCKETS; i++)
        parts->ends[i] = i + 1 == TAL_PART_BUCKETS || count == 0
                             ? UINT64_MAX
                             : all[(i + 1) * count / TAL_PART_BUCKETS];
    tal_outbox_deinit(&outbox);
    tal_buffer_deinit(&received);
    return status;
}

tal_status tal_parts_plan(tal_candidate_search *search)
{
    const tal_reduction *self = search->self;
    tal_parts *parts = &search->parts;
    const uint64_t room = tal_reduction_room(self), kmers = count_kmers(search);
    const uint64_t pairs = kmers * search->seed->centre_limit;
    const uint64_t residues = tal_seqset_residue_count(self->distinct.sequences);
    uint64_t bytes = KMER_BYTES * kmers + pair_bytes(self, pairs, pairs) +
                     proof_bytes(self->criteria, residues) +
                     cap_ghosts(self, ghost_bytes(self, pairs, self->count, residues));
    tal_comm_max_u64(self->comm, &bytes, 1);
    search->pass_count = 1;
    if (bytes <= room)
        return TAL_OK;
    parts->is_measured = true;
    tal_status status = tal_comm_agree(self->comm, tal_parts_choose_passes(search, room / 2));
    if (status == TAL_OK)
        status = cut_buckets(search);
    if (status == TAL_OK) {
        parts->counts =
            tal_alloc_zero(self->rank_count * TAL_PART_BUCKETS * sizeof(*parts->counts));
        status = tal_comm_agree(self->comm, parts->counts == NULL ? TAL_ERR_MEMORY : TAL_OK);
    }
    return status;
}

void tal_parts_deinit(tal_parts *parts)
{
    tal_free((void *)parts->counts);
    *parts = (tal_parts){0};
}

/* The bucket of a priority. */
static size_t bucket_of(const tal_parts *parts, uint64_t priority)
{
    size_t begin = 0, count = TAL_PART_BUCKETS - 1;
    while (begin < count) {
        const size_t middle = begin + (count - begin) / 2;
        if (parts->ends[middle] <= priority)
            begin = middle + 1;
        else
            count = middle;
    }
    return begin;
}

tal_status tal_parts_sum(tal_candidate_search *search)
{
    const tal_reduction *self = search->self;
    tal_parts *parts = &search->parts;
    const size_t rows = self->rank_count;
    uint64_t *pairs = tal_alloc_array(rows * TAL_PART_BUCKETS, sizeof(*pairs));
    tal_status status = tal_comm_agree(self->comm, pairs == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(pairs);
        return status;
    }
    uint64_t sent[TAL_PART_BUCKETS] = {0};
    for (size_t i = 0; i < rows * TAL_PART_BUCKETS; i++) {
        pairs[i] = atomic_load_explicit(&parts->counts[i], memory_order_relaxed);
        sent[i % TAL_PART_BUCKETS] += pairs[i];
    }
    tal_comm_sum_u64(self->comm, pairs, rows * TAL_PART_BUCKETS);
    uint64_t sequences[TAL_PART_BUCKETS] = {0}, residues[TAL_PART_BUCKETS] = {0};
    for (tal_lid local = 0; local < self->count; local++) {
        if (!self->is_in_pool[local])
            continue;
        const size_t bucket = bucket_of(parts, self->priorities[local]);
        sequences[bucket]++;
        residues[bucket] += (uint64_t)tal_seqset_len(self->distinct.sequences, local);
    }
    for (size_t i = 0; i < TAL_PART_BUCKETS; i++) {
        const uint64_t received = pairs[self->rank * TAL_PART_BUCKETS + i];
        parts->costs[i] =
            pair_bytes(self, sent[i], received) + proof_bytes(self->criteria, residues[i]);
        parts->ghosts[i] = ghost_bytes(self, received, sequences[i], residues[i]);
    }
    tal_comm_max_u64(self->comm, parts->costs, TAL_PART_BUCKETS);
    tal_comm_max_u64(self->comm, parts->ghosts, TAL_PART_BUCKETS);
    tal_free(pairs);
    tal_free((void *)parts->counts);
    parts->counts = NULL;
    return TAL_OK;
}

tal_status tal_parts_next(tal_candidate_search *search, bool *out_is_last)
{
    tal_reduction *self = search->self;
    tal_parts *parts = &search->parts;
    search->part_begin = parts->next == 0 ? 0 : parts->ends[parts->next - 1];
    self->part_end = UINT64_MAX;
    *out_is_last = true;
    if (!parts->is_measured)
        return TAL_OK;
    uint64_t room = tal_reduction_room(self);
    /* Of the only pass k-mers are in memory already. */
    const uint64_t kmers = search->pass_count == 1 ? 0 : parts->kmer_bytes;
    uint64_t taken = kmers, ghosts = 0;
    for (size_t first = parts->next; parts->next < TAL_PART_BUCKETS; parts->next++) {
        taken += parts->costs[parts->next];
        ghosts += parts->ghosts[parts->next];
        const uint64_t all = taken + cap_ghosts(self, ghosts);
        if (all > room && parts->next > first)
            break;
        if (all > room && self->params->memory_bytes > 0)
            return tal_reduction_refuse(self, all, room);
    }
    *out_is_last = parts->next == TAL_PART_BUCKETS;
    self->part_end = *out_is_last ? UINT64_MAX : parts->ends[parts->next - 1];
    return TAL_OK;
}
