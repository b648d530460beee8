/* Distinct sequences; see distinct.h.
 *
 * Keys of all records (length, 128-bit hash, gid) are sorted over ranks by samples (Frazer and
 * McKellar 1970): equal keys meet on one rank, the number of distinct keys before it is a prefix
 * sum. The answer travels back to the record, and the first record of each sends the residues to
 * the owner of the id, in rounds.
 */
#include "reduce/distinct.h"

#include "base/alloc.h"
#include "base/check.h"
#include "reduce/outbox.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    SAMPLES = 64,         /* a rank: shares differ by some percent */
    DEAL_BYTES = 4 << 20, /* of residues that a rank sends at a time, or one sequence */
};

typedef struct record_key {
    uint64_t shortness; /* UINT64_MAX - length */
    uint64_t hash_high, hash_low;
    tal_gid gid;
    uint64_t place; /* rank << 32 | lid */
} record_key;
_Static_assert(sizeof(record_key) == 40, "travels between ranks");

/* What a record learns. */
typedef struct record_answer {
    uint64_t id;
    uint64_t copy_count; /* of the first record; 0 for its copies */
    uint64_t lid;
} record_answer;
_Static_assert(sizeof(record_answer) == 24, "travels between ranks");

/* A distinct sequence for its owner. */
typedef struct sequence_head {
    uint64_t id;
    tal_gid gid;
    uint64_t len;
} sequence_head;
_Static_assert(sizeof(sequence_head) == 24, "travels between ranks");

/* In front of its residues on their way; padded to 8. */
typedef struct residue_head {
    uint64_t id, len;
} residue_head;
_Static_assert(sizeof(residue_head) == 16, "travels between ranks");

typedef struct finder {
    tal_comm *comm;
    tal_team *team;
    const tal_seqset *set;
    size_t rank_count;
    record_key *keys;
    record_answer *answers; /* by lid */
    tal_distinct *distinct;
    tal_seqset_arrays arrays; /* of its sequences */
} finder;

void tal_distinct_deinit(tal_distinct *distinct)
{
    tal_seqset_destroy(distinct->sequences);
    tal_free(distinct->ids);
    *distinct = (tal_distinct){0};
}

static int compare_content(const record_key *a, const record_key *b)
{
    if (a->shortness != b->shortness)
        return a->shortness < b->shortness ? -1 : 1;
    if (a->hash_high != b->hash_high)
        return a->hash_high < b->hash_high ? -1 : 1;
    return (a->hash_low > b->hash_low) - (a->hash_low < b->hash_low);
}

static int compare_keys(const void *left, const void *right)
{
    const record_key *a = left;
    const record_key *b = right;
    int order = compare_content(a, b);
    return order != 0 ? order : (a->gid > b->gid) - (a->gid < b->gid);
}

static tal_status make_keys(void *context, int worker, size_t begin, size_t end)
{
    (void)worker; /* all are alike */
    finder *self = context;
    for (size_t i = begin; i < end; i++) {
        tal_lid lid = (tal_lid)i;
        size_t len = (size_t)tal_seqset_len(self->set, lid);
        XXH128_hash_t hash = XXH3_128bits(tal_seqset_residues(self->set, lid), len);
        self->keys[i] = (record_key){
            .shortness = UINT64_MAX - len,
            .hash_high = hash.high64,
            .hash_low = hash.low64,
            .gid = tal_seqset_gid(self->set, lid),
            .place = (uint64_t)tal_comm_rank(self->comm) << 32 | lid,
        };
    }
    return TAL_OK;
}

/* Keys that split the order into about equal parts, rank_count - 1 of them, the same everywhere.
 * Collective; agreed status. */
static tal_status choose_splitters(const finder *self, size_t count, record_key *out_splitters)
{
    tal_outbox outbox = {0};
    tal_buffer samples = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    size_t sample_count = count < SAMPLES ? count : SAMPLES;
    for (size_t rank = 0; status == TAL_OK && rank < self->rank_count; rank++)
        for (size_t i = 0; status == TAL_OK && i < sample_count; i++)
            status = tal_buffer_append(tal_outbox_at(&outbox, 0, rank),
                                       &self->keys[i * count / sample_count], sizeof(record_key));
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &samples, NULL);
    if (status == TAL_OK) {
        record_key *all = (record_key *)(void *)samples.data;
        size_t all_count = samples.bytes / sizeof(*all);
        if (all_count > 0)
            qsort(all, all_count, sizeof(*all), compare_keys);
        for (size_t i = 1; i < self->rank_count; i++)
            out_splitters[i - 1] = all_count == 0 ? (record_key){.shortness = UINT64_MAX}
                                                  : all[i * all_count / self->rank_count];
    }
    tal_buffer_deinit(&samples);
    tal_outbox_deinit(&outbox);
    return status;
}

/* The keys of this rank's part of the order, sorted. Collective; agreed status. */
static tal_status sort_keys(finder *self, tal_buffer *sorted)
{
    const size_t count = tal_seqset_count(self->set);
    tal_outbox outbox = {0};
    record_key *splitters = tal_alloc_array(self->rank_count, sizeof(*splitters));
    if (count > 0)
        qsort(self->keys, count, sizeof(*self->keys), compare_keys);
    tal_status status = splitters == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_outbox_init(&outbox, 1, self->rank_count);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = choose_splitters(self, count, splitters);
    size_t rank = 0;
    for (size_t i = 0; status == TAL_OK && i < count; i++) {
        while (rank + 1 < self->rank_count &&
               compare_content(&self->keys[i], &splitters[rank]) >= 0)
            rank++;
        status =
            tal_buffer_append(tal_outbox_at(&outbox, 0, rank), &self->keys[i], sizeof(record_key));
    }
    status = tal_comm_agree(self->comm, status);
    tal_free(self->keys);
    self->keys = NULL;
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, sorted, NULL);
    if (status == TAL_OK && self->rank_count > 1 && sorted->bytes > 0) /* Else they are in order. */
        qsort(sorted->data, sorted->bytes / sizeof(record_key), sizeof(record_key), compare_keys);
    tal_outbox_deinit(&outbox);
    tal_free(splitters);
    return status;
}

/* Number the runs of equal keys and tell their records. Collective; agreed status. */
static tal_status number_runs(finder *self, const tal_buffer *sorted, tal_buffer *answers)
{
    const record_key *keys = (const record_key *)(const void *)sorted->data;
    const size_t count = sorted->bytes / sizeof(*keys);
    uint64_t totals[2] = {0, 0}; /* distinct sequences, their residues */
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_content(&keys[i - 1], &keys[i]) == 0)
            continue;
        totals[0]++;
        totals[1] += UINT64_MAX - keys[i].shortness;
    }
    uint64_t id = tal_comm_prefix_u64(self->comm, totals[0]);
    tal_comm_sum_u64(self->comm, totals, 2);
    self->distinct->count = totals[0];
    self->distinct->residue_count = totals[1];

    tal_outbox outbox = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    for (size_t begin = 0; status == TAL_OK && begin < count; id++) {
        size_t end = begin + 1;
        while (end < count && compare_content(&keys[begin], &keys[end]) == 0)
            end++;
        for (size_t i = begin; status == TAL_OK && i < end; i++) {
            record_answer answer = {id, i == begin ? end - begin : 0, keys[i].place & UINT32_MAX};
            status = tal_buffer_append(tal_outbox_at(&outbox, 0, keys[i].place >> 32), &answer,
                                       sizeof(answer));
        }
        begin = end;
    }
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, answers, NULL);
    tal_outbox_deinit(&outbox);
    return status;
}

/* Tell the owners of ids what they will get. Collective; agreed status. */
static tal_status announce_sequences(finder *self, tal_buffer *received)
{
    tal_outbox outbox = {0};
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    for (tal_lid lid = 0; status == TAL_OK && lid < tal_seqset_count(self->set); lid++) {
        const record_answer *answer = &self->answers[lid];
        const sequence_head head = {
            .id = answer->id,
            .gid = tal_seqset_gid(self->set, lid),
            .len = (uint64_t)tal_seqset_len(self->set, lid),
        };
        if (answer->copy_count > 0)
            status = tal_buffer_append(tal_outbox_at(&outbox, 0, answer->id % self->rank_count),
                                       &head, sizeof(head));
    }
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, received, NULL);
    tal_outbox_deinit(&outbox);
    return status;
}

/* Give the owned set, in order of ids, its shape. */
static tal_status shape_sequences(finder *self, const tal_buffer *received)
{
    tal_distinct *distinct = self->distinct;
    const uint64_t rank = (uint64_t)tal_comm_rank(self->comm);
    const uint64_t ranks = self->rank_count;
    const uint64_t owned = distinct->count / ranks + (rank < distinct->count % ranks);
    const sequence_head *heads = (const sequence_head *)(const void *)received->data;
    if (owned >= UINT32_MAX)
        return tal_fail(TAL_ERR_MEMORY, "a rank cannot own %" PRIu64 " sequences; use more ranks",
                        owned);
    TAL_ASSERT(received->bytes / sizeof(*heads) == owned);
    uint64_t residue_count = 0;
    for (uint64_t i = 0; i < owned; i++)
        residue_count += heads[i].len;
    tal_status status = tal_seqset_create(tal_seqset_alphabet(self->set), &distinct->sequences);
    if (status == TAL_OK)
        status =
            tal_seqset_shape(distinct->sequences, (tal_lid)owned, residue_count, &self->arrays);
    if (status != TAL_OK)
        return status;
    for (uint64_t i = 0; i < owned; i++) {
        self->arrays.gids[heads[i].id / ranks] = heads[i].gid;
        self->arrays.residue_begin[heads[i].id / ranks + 1] = heads[i].len;
    }
    for (uint64_t local = 0; local < owned; local++)
        self->arrays.residue_begin[local + 1] += self->arrays.residue_begin[local];
    return TAL_OK;
}

/* The residues of the first records from *next on, as many as are sent at a time. */
static tal_status send_residues(const finder *self, tal_lid *next, tal_outbox *outbox)
{
    tal_status status = TAL_OK;
    uint64_t bytes = 0;
    for (; status == TAL_OK && *next < tal_seqset_count(self->set) && bytes < DEAL_BYTES; ++*next) {
        const record_answer *answer = &self->answers[*next];
        const residue_head head = {answer->id, (uint64_t)tal_seqset_len(self->set, *next)};
        if (answer->copy_count == 0)
            continue;
        bytes += sizeof(head) + head.len;
        status = tal_outbox_append(tal_outbox_at(outbox, 0, answer->id % self->rank_count), &head,
                                   sizeof(head), tal_seqset_residues(self->set, *next),
                                   (size_t)head.len);
    }
    return status;
}

static void take_residues(const finder *self, const tal_buffer *received)
{
    for (size_t at = 0; at < received->bytes;) {
        residue_head head;
        memcpy(&head, received->data + at, sizeof(head));
        at += sizeof(head);
        memcpy(self->arrays.residues + self->arrays.residue_begin[head.id / self->rank_count],
               received->data + at, (size_t)head.len);
        at += ((size_t)head.len + 7) / 8 * 8;
    }
}

/* Send the first records' residues to the owners of their ids, in rounds. Collective; agreed
 * status. */
static tal_status deal_sequences(finder *self)
{
    tal_outbox outbox = {0};
    tal_buffer received = {0};
    tal_lid next = 0;
    tal_status status = tal_comm_agree(self->comm, tal_outbox_init(&outbox, 1, self->rank_count));
    for (uint64_t is_more = 1; status == TAL_OK && is_more != 0;) {
        tal_buffer_reset(&received);
        status = tal_comm_agree(self->comm, send_residues(self, &next, &outbox));
        if (status == TAL_OK)
            status = tal_outbox_exchange(&outbox, self->comm, &received, NULL);
        if (status == TAL_OK)
            take_residues(self, &received);
        is_more = next < tal_seqset_count(self->set);
        tal_comm_max_u64(self->comm, &is_more, 1);
    }
    tal_buffer_deinit(&received);
    tal_outbox_deinit(&outbox);
    return status;
}

static tal_status answer_residues(const void *context, uint64_t local, tal_buffer *reply)
{
    const tal_seqset *sequences = context;
    return tal_buffer_append(reply, tal_seqset_residues(sequences, (tal_lid)local),
                             (size_t)tal_seqset_len(sequences, (tal_lid)local));
}

/* A record that is a copy of the sequence `id`. */
typedef struct copy {
    uint64_t id;
    tal_lid lid;
} copy;

static int compare_ids(const void *left, const void *right)
{
    const copy *a = left;
    const copy *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* Compare the copies [begin, end), by id, with what their owners have. Collective; agreed status.
 */
static tal_status compare_run(const finder *self, const copy *copies, size_t begin, size_t end)
{
    tal_replies replies = {0};
    uint64_t *wanted = tal_alloc_array(end - begin, sizeof(*wanted));
    size_t wanted_count = 0;
    for (size_t i = begin; wanted != NULL && i < end; i++)
        if (i == begin || copies[i].id != copies[i - 1].id)
            wanted[wanted_count++] = copies[i].id;
    tal_status status = tal_comm_agree(self->comm, wanted == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK)
        status = tal_owners_ask(self->comm, wanted, wanted_count, answer_residues,
                                self->distinct->sequences, &replies);
    size_t place = 0;
    for (size_t i = begin; status == TAL_OK && i < end; i++) {
        const tal_lid lid = copies[i].lid;
        const size_t len = (size_t)tal_seqset_len(self->set, lid);
        place += i > begin && copies[i].id != copies[i - 1].id;
        if (replies.bytes[place] != len || memcmp(replies.data.data + replies.at[place],
                                                  tal_seqset_residues(self->set, lid), len) != 0)
            status = tal_fail(TAL_ERR_DATA,
                              "sequence '%.60s' has the 128-bit hash of another one: "
                              "this input cannot be reduced",
                              tal_seqset_header(self->set, lid));
    }
    tal_replies_deinit(&replies);
    tal_free(wanted);
    return tal_comm_agree(self->comm, status);
}

/* Compare every copy with the sequence its id stands for, in rounds. Collective; agreed status. */
static tal_status compare_copies(finder *self)
{
    const tal_lid count = tal_seqset_count(self->set);
    size_t copy_count = 0;
    for (tal_lid lid = 0; lid < count; lid++)
        copy_count += self->answers[lid].copy_count == 0;
    copy *copies = tal_alloc_array(copy_count, sizeof(*copies));
    tal_status status = tal_comm_agree(self->comm, copies == NULL ? TAL_ERR_MEMORY : TAL_OK);
    copy_count = 0;
    for (tal_lid lid = 0; status == TAL_OK && lid < count; lid++)
        if (self->answers[lid].copy_count == 0)
            copies[copy_count++] = (copy){self->answers[lid].id, lid};
    if (status == TAL_OK && copy_count > 0)
        qsort(copies, copy_count, sizeof(*copies), compare_ids);
    size_t begin = 0;
    for (uint64_t is_more = 1; status == TAL_OK && is_more != 0;) {
        size_t end = begin;
        for (uint64_t bytes = 0; end < copy_count && bytes < DEAL_BYTES; end++)
            bytes += (uint64_t)tal_seqset_len(self->set, copies[end].lid);
        status = compare_run(self, copies, begin, end);
        begin = end;
        is_more = begin < copy_count;
        tal_comm_max_u64(self->comm, &is_more, 1);
    }
    tal_free(copies);
    return status;
}

/* Answers by lid; ids of the records. */
static void take_answers(finder *self, const tal_buffer *received)
{
    for (size_t at = 0; at < received->bytes; at += sizeof(record_answer)) {
        record_answer answer;
        memcpy(&answer, received->data + at, sizeof(answer));
        self->answers[answer.lid] = answer;
        self->distinct->ids[answer.lid] = answer.id;
    }
}

tal_status tal_distinct_find(tal_comm *comm, tal_team *team, const tal_seqset *set,
                             tal_distinct *out_distinct)
{
    const size_t count = tal_seqset_count(set);
    tal_distinct distinct = {.ids = tal_alloc_array(count, sizeof(uint64_t))};
    finder self = {
        .comm = comm,
        .team = team,
        .set = set,
        .rank_count = (size_t)tal_comm_size(comm),
        .keys = tal_alloc_array(count, sizeof(record_key)),
        .answers = tal_alloc_array(count, sizeof(record_answer)),
        .distinct = &distinct,
    };
    tal_buffer sorted = {0}, answers = {0}, heads = {0};
    bool is_complete = distinct.ids != NULL && self.keys != NULL && self.answers != NULL;
    tal_status status = is_complete ? TAL_OK : TAL_ERR_MEMORY;
    const tal_loop loop = {
        .unit_count = count, .unit_sequences = 1, .function = make_keys, .context = &self};
    if (status == TAL_OK)
        status = tal_team_run(team, &loop);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = sort_keys(&self, &sorted);
    if (status == TAL_OK)
        status = number_runs(&self, &sorted, &answers);
    tal_buffer_deinit(&sorted);
    if (status == TAL_OK)
        take_answers(&self, &answers);
    tal_buffer_deinit(&answers);
    if (status == TAL_OK)
        status = announce_sequences(&self, &heads);
    if (status == TAL_OK)
        status = tal_comm_agree(comm, shape_sequences(&self, &heads));
    tal_buffer_deinit(&heads);
    if (status == TAL_OK)
        status = deal_sequences(&self);
    if (status == TAL_OK)
        status = compare_copies(&self);
    if (status == TAL_OK)
        *out_distinct = distinct;
    else
        tal_distinct_deinit(&distinct);
    tal_free(self.answers);
    tal_free(self.keys);
    return status;
}
