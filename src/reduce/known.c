/* Records that were decided before: their sequences get their fates back; see reduction.h.
 *
 * A fate names the representative by its record, a vertex by its id: the owners of records (gid
 * modulo the number of ranks) tell which id a representative has.
 */
#include "reduce/reduction.h"

#include "base/alloc.h"
#include "reduce/outbox.h"

#include <stdlib.h>
#include <string.h>

/* What the owner of a sequence is told; the edits follow. */
typedef struct known_fate {
    uint64_t local, representative; /* the same id: it is one */
    tal_certificate certificate;
    uint32_t is_reverse;
    uint64_t edit_count;
} known_fate;

/* A representative's record and id. */
typedef struct record_id {
    uint64_t gid, id;
} record_id;

typedef struct known_run {
    tal_reduction *self;
    const tal_seqset *set;
    uint64_t *id_of;  /* of records that this rank owns, by gid / ranks; UINT64_MAX: none */
    uint64_t *wanted; /* representatives of this rank's known records, rising */
    size_t wanted_count;
    tal_replies ids; /* of `wanted` */
} known_run;

static bool is_known(const known_run *run, tal_lid lid)
{
    return tal_seqset_gid(run->set, lid) < run->self->params->known_count;
}

static tal_gid representative_of(const known_run *run, tal_lid lid)
{
    return tal_assignment_get(run->self->params->known, lid).representative;
}

/* Tell the owners of representatives' records their ids. Collective; agreed status. */
static tal_status tell_ids(known_run *run)
{
    tal_reduction *self = run->self;
    const size_t owned = (size_t)(self->params->known_count / self->rank_count) + 1;
    tal_outbox outbox = {0};
    tal_buffer received = {0};
    run->id_of = tal_alloc_array(owned, sizeof(*run->id_of));
    tal_status status = tal_outbox_init(&outbox, 1, self->rank_count);
    if (run->id_of == NULL)
        status = TAL_ERR_MEMORY;
    for (tal_lid lid = 0; status == TAL_OK && lid < tal_seqset_count(run->set); lid++) {
        const record_id row = {tal_seqset_gid(run->set, lid), self->distinct.ids[lid]};
        if (is_known(run, lid) && representative_of(run, lid) == row.gid)
            status = tal_buffer_append(tal_outbox_at(&outbox, 0, row.gid % self->rank_count), &row,
                                       sizeof(row));
    }
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &received, NULL);
    for (size_t i = 0; status == TAL_OK && i < owned; i++)
        run->id_of[i] = UINT64_MAX;
    const record_id *rows = (const record_id *)(const void *)received.data;
    for (size_t i = 0; status == TAL_OK && i < received.bytes / sizeof(*rows); i++)
        run->id_of[rows[i].gid / self->rank_count] = rows[i].id;
    tal_buffer_deinit(&received);
    tal_outbox_deinit(&outbox);
    return status;
}

static int compare_u64(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

/* The representatives of this rank's known records, each once. */
static tal_status list_wanted(known_run *run)
{
    const tal_lid count = tal_seqset_count(run->set);
    run->wanted = tal_alloc_array(count, sizeof(*run->wanted));
    if (run->wanted == NULL)
        return TAL_ERR_MEMORY;
    size_t listed = 0;
    for (tal_lid lid = 0; lid < count; lid++)
        if (is_known(run, lid))
            run->wanted[listed++] = representative_of(run, lid);
    if (listed > 0)
        qsort(run->wanted, listed, sizeof(*run->wanted), compare_u64);
    for (size_t i = 0; i < listed; i++)
        if (run->wanted_count == 0 || run->wanted[run->wanted_count - 1] != run->wanted[i])
            run->wanted[run->wanted_count++] = run->wanted[i];
    return TAL_OK;
}

static tal_status answer_id(const void *context, uint64_t local, tal_buffer *reply)
{
    const known_run *run = context;
    return tal_buffer_append(reply, &run->id_of[local], sizeof(run->id_of[local]));
}

/* What happened to record `lid`, for the owner of its sequence. */
static tal_status append_fate(const known_run *run, tal_lid lid, tal_outbox *outbox)
{
    const tal_reduction *self = run->self;
    const tal_assigned assigned = tal_assignment_get(self->params->known, lid);
    const uint64_t id = self->distinct.ids[lid];
    const uint64_t *found = bsearch(&assigned.representative, run->wanted, run->wanted_count,
                                    sizeof(*run->wanted), compare_u64);
    known_fate told;
    memset(&told, 0, sizeof(told)); /* Padding travels too. */
    told.local = id / self->rank_count;
    memcpy(&told.representative, run->ids.data.data + run->ids.at[found - run->wanted],
           sizeof(told.representative));
    if (told.representative == UINT64_MAX)
        return tal_fail(TAL_ERR_DATA, "a known record has a representative that is none");
    const bool is_member = assigned.representative != tal_seqset_gid(run->set, lid);
    if (is_member && told.representative == id)
        return TAL_OK; /* A copy: the representative speaks. */
    told.certificate = assigned.certificate;
    told.is_reverse = assigned.is_reverse;
    told.edit_count = assigned.edit_count;
    tal_buffer *out = tal_outbox_at(outbox, 0, id % self->rank_count);
    tal_status status = tal_buffer_append(out, &told, sizeof(told));
    return status == TAL_OK ? tal_buffer_append(out, assigned.edits,
                                                assigned.edit_count * sizeof(*assigned.edits))
                            : status;
}

/* Take in what became of this rank's sequences. */
static tal_status hear_fates(tal_reduction *self, const tal_buffer *received)
{
    tal_buffer *arena = &self->arenas[0];
    for (size_t at = 0; at < received->bytes;) {
        known_fate told;
        memcpy(&told, received->data + at, sizeof(told));
        at += sizeof(told);
        const tal_lid local = (tal_lid)told.local;
        const size_t bytes = (size_t)told.edit_count * sizeof(uint32_t);
        const bool is_representative = told.representative == tal_reduction_id(self, local);
        const bool is_told = self->states[local] == TAL_VERTEX_MEMBER; /* By an equal record. */
        if (is_representative) {
            self->is_known[local] = true;
            atomic_store_explicit(&self->states[local], TAL_VERTEX_REPRESENTATIVE,
                                  memory_order_relaxed);
        } else if (!is_told) {
            self->vertices[local] = (tal_vertex){.representative = told.representative,
                                                 .certificate = told.certificate,
                                                 .edit_count = (uint32_t)told.edit_count,
                                                 .is_reverse = told.is_reverse != 0,
                                                 .edits_at = arena->bytes};
            tal_status status = tal_buffer_append(arena, received->data + at, bytes);
            if (status != TAL_OK)
                return status;
            atomic_store_explicit(&self->states[local], TAL_VERTEX_MEMBER, memory_order_relaxed);
        }
        at += bytes;
    }
    return TAL_OK;
}

tal_status tal_known_mark(tal_reduction *self, const tal_seqset *set)
{
    known_run run = {.self = self, .set = set};
    tal_outbox outbox = {0};
    tal_buffer received = {0};
    tal_status status = tell_ids(&run);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, list_wanted(&run));
    if (status == TAL_OK)
        status =
            tal_owners_ask(self->comm, run.wanted, run.wanted_count, answer_id, &run, &run.ids);
    if (status != TAL_OK)
        goto done;
    status = tal_outbox_init(&outbox, 1, self->rank_count);
    for (tal_lid lid = 0; status == TAL_OK && lid < tal_seqset_count(set); lid++)
        if (is_known(&run, lid))
            status = append_fate(&run, lid, &outbox);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &received, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, hear_fates(self, &received));
done:
    tal_buffer_deinit(&received);
    tal_outbox_deinit(&outbox);
    tal_replies_deinit(&run.ids);
    tal_free(run.wanted);
    tal_free(run.id_of);
    return status;
}
