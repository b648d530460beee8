/* All of a reduced set in memory again; see unpack.h.
 *
 * A rank has the records of the residue blocks it decodes. Who reads a text block tells those ranks
 * which records their residues are, and who represents the clusters of their members.
 */
#include "store/unpack_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "reduce/outbox.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A record, for the rank that decodes its residues; or, beside, a representative for a rank that
 * decodes members of its cluster. */
typedef struct set_row {
    tal_text_place place;
    tal_gid gid;
    uint64_t kind; /* in this order */
} set_row;
enum { ROW_REPRESENTATIVE, ROW_MEMBER, ROW_BESIDE, ROW_KIND_COUNT };

/* A member, until the set is whole and can be assigned. */
typedef struct set_member {
    tal_lid lid;
    uint64_t edits_at; /* bytes */
    tal_assigned assigned;
} set_member;

typedef struct set_run {
    tal_unpacker *unpacker;
    tal_gaps gaps;
    size_t rank_count;
    uint64_t *cluster_begin; /* members that rank r decodes are in clusters [2 r, 2 r + 1] of this;
                                first above last: none */
    tal_buffer rows;         /* set_row, sorted */
    size_t kind_begin[ROW_KIND_COUNT + 1];
    tal_seqset *set;
    tal_buffer members, edits;
    tal_buffer scratch;
} set_run;

static tal_status contradicts(const set_run *run)
{
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': the file is damaged: its records are not its "
                    "representatives and members",
                    tal_container_path(run->unpacker->container));
}

/* The clusters that each rank has members of. */
static tal_status find_clusters(set_run *run)
{
    const tal_container *container = run->unpacker->container;
    const size_t count = tal_container_block_count(container, TAL_BLOCKS_MEMBERS);
    const uint64_t clusters = tal_container_count(container, TAL_BLOCKS_REPRESENTATIVES);
    run->cluster_begin = tal_alloc_array(2 * run->rank_count, sizeof(*run->cluster_begin));
    if (run->cluster_begin == NULL)
        return TAL_ERR_MEMORY;
    for (size_t rank = 0; rank < run->rank_count; rank++) {
        run->cluster_begin[2 * rank] = UINT64_MAX;
        run->cluster_begin[2 * rank + 1] = 0;
    }
    for (size_t idx = 0; idx < count; idx++) {
        const size_t rank = tal_unpack_decoder(run->unpacker, TAL_BLOCKS_MEMBERS, idx);
        uint64_t *range = run->cluster_begin + 2 * rank;
        if (range[0] == UINT64_MAX)
            range[0] = tal_container_block(container, TAL_BLOCKS_MEMBERS, idx).cluster;
        range[1] = idx + 1 < count
                       ? tal_container_block(container, TAL_BLOCKS_MEMBERS, idx + 1).cluster
                       : clusters;
    }
    return TAL_OK;
}

static tal_status send_row(tal_outbox *outbox, size_t rank, set_row row)
{
    return tal_buffer_append(tal_outbox_at(outbox, 0, rank), &row, sizeof(row));
}

typedef struct text_sender {
    const set_run *run;
    tal_outbox *outbox;
} text_sender;

/* The records of a decoded block of text to the ranks that decode their residues. */
static tal_status send_text(void *context, const tal_text *text, tal_gid first)
{
    const text_sender *sender = context;
    const set_run *run = sender->run;
    const tal_unpacker *unpacker = run->unpacker;
    tal_outbox *outbox = sender->outbox;
    tal_status status = TAL_OK;
    for (size_t i = 0; i < text->record_count && status == TAL_OK; i++) {
        const tal_text_place place = tal_text_get(text, i)->place;
        tal_block_kind kind;
        size_t block;
        if (!tal_unpack_locate(unpacker, &place, &kind, &block))
            return contradicts(run);
        set_row row = {.place = place, .gid = first + i};
        row.kind = kind == TAL_BLOCKS_MEMBERS ? ROW_MEMBER : ROW_REPRESENTATIVE;
        status = send_row(outbox, tal_unpack_decoder(unpacker, kind, block), row);
        row.kind = ROW_BESIDE;
        for (size_t rank = 0; place.ordinal == 0 && rank < run->rank_count && status == TAL_OK;
             rank++)
            if (run->cluster_begin[2 * rank] <= place.cluster &&
                place.cluster <= run->cluster_begin[2 * rank + 1])
                status = send_row(outbox, rank, row);
    }
    return status;
}

static int compare_rows(const void *a, const void *b)
{
    const set_row *left = a, *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    if (left->place.cluster != right->place.cluster)
        return left->place.cluster < right->place.cluster ? -1 : 1;
    return (left->place.ordinal > right->place.ordinal) -
           (left->place.ordinal < right->place.ordinal);
}

/* Which records this rank's residues are. Collective; agreed status. */
static tal_status learn_records(set_run *run)
{
    tal_comm *comm = run->unpacker->comm;
    tal_outbox outbox = {0};
    tal_status status = find_clusters(run);
    if (status == TAL_OK)
        status = tal_outbox_init(&outbox, 1, run->rank_count);
    text_sender sender = {.run = run, .outbox = &outbox};
    if (status == TAL_OK)
        status = tal_unpack_visit_texts(run->unpacker, NULL, send_text, &sender);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, comm, &run->rows, NULL);
    tal_outbox_deinit(&outbox);
    const size_t count = run->rows.bytes / sizeof(set_row);
    if (count > 0)
        qsort(run->rows.data, count, sizeof(set_row), compare_rows);
    const set_row *rows = (const set_row *)(const void *)run->rows.data;
    size_t at = 0;
    for (uint64_t kind = 0; kind < ROW_KIND_COUNT; kind++) {
        run->kind_begin[kind] = at;
        while (at < count && rows[at].kind == kind)
            at++;
    }
    run->kind_begin[ROW_KIND_COUNT] = at;
    return status;
}

/* The record of a place among the rows of a kind; `next` moves on. NULL: there is none. */
static const set_row *find_row(const set_run *run, int kind, tal_text_place place, size_t *next)
{
    const set_row *rows = (const set_row *)(const void *)run->rows.data;
    const set_row wanted = {.place = place, .kind = (uint64_t)kind};
    while (*next < run->kind_begin[kind + 1] && compare_rows(&rows[*next], &wanted) < 0)
        ++*next;
    return *next < run->kind_begin[kind + 1] && compare_rows(&rows[*next], &wanted) == 0
               ? &rows[*next]
               : NULL;
}

/* The representatives that this rank decodes. Not collective. */
static tal_status take_representatives(set_run *run)
{
    tal_unpacker *unpacker = run->unpacker;
    const tal_container *container = unpacker->container;
    const size_t count = tal_container_block_count(container, TAL_BLOCKS_REPRESENTATIVES);
    const size_t rank = (size_t)tal_comm_rank(unpacker->comm);
    size_t next = run->kind_begin[ROW_REPRESENTATIVE];
    tal_status status = TAL_OK;
    for (size_t idx = 0; idx < count && status == TAL_OK; idx++) {
        if (tal_unpack_decoder(unpacker, TAL_BLOCKS_REPRESENTATIVES, idx) != rank)
            continue;
        status = tal_unpack_representatives(unpacker, &idx, 1);
        const uint64_t first =
            tal_container_block_begin(container, TAL_BLOCKS_REPRESENTATIVES, idx).count;
        const uint64_t end =
            tal_container_block_begin(container, TAL_BLOCKS_REPRESENTATIVES, idx + 1).count;
        for (uint64_t cluster = first; cluster < end && status == TAL_OK; cluster++) {
            int32_t len = 0;
            const uint8_t *codes = tal_unpack_cached(unpacker, cluster, &len);
            const set_row *row =
                find_row(run, ROW_REPRESENTATIVE, (tal_text_place){cluster, 0}, &next);
            status = row == NULL || codes == NULL
                         ? contradicts(run)
                         : tal_seqset_append(run->set, row->gid, codes, (size_t)len, "", 0);
        }
    }
    return status;
}

/* Take one decoded member. */
static tal_status take_member(set_run *run, tal_member *member, size_t *next, size_t *next_beside)
{
    int32_t ref_len = 0;
    bool is_path = false;
    const uint8_t *ref = tal_unpack_cached(run->unpacker, member->cluster, &ref_len);
    const set_row *row =
        find_row(run, ROW_MEMBER, (tal_text_place){member->cluster, member->ordinal}, next);
    const set_row *beside =
        find_row(run, ROW_BESIDE, (tal_text_place){member->cluster, 0}, next_beside);
    TAL_ASSERT(ref != NULL); /* The member was decoded with it. */
    tal_status status =
        tal_unpack_score(run->unpacker, run->gaps, ref, member, &run->scratch, &is_path);
    if (status == TAL_OK && (row == NULL || beside == NULL || !is_path))
        status = contradicts(run);
    if (status != TAL_OK)
        return status;
    set_member kept = {.lid = tal_seqset_count(run->set),
                       .edits_at = run->edits.bytes,
                       .assigned = member->assigned};
    kept.assigned.representative = beside->gid;
    kept.assigned.edits = NULL;
    status = tal_seqset_append(run->set, row->gid, member->codes, (size_t)member->len, "", 0);
    if (status == TAL_OK)
        status = tal_buffer_append(&run->edits, member->assigned.edits,
                                   member->assigned.edit_count * sizeof(uint32_t));
    return status == TAL_OK ? tal_buffer_append(&run->members, &kept, sizeof(kept)) : status;
}

static tal_status take_member_block(set_run *run, tal_member_job *job, size_t *next,
                                    size_t *next_beside)
{
    const tal_container *container = run->unpacker->container;
    const tal_block block = tal_container_block(container, TAL_BLOCKS_MEMBERS, job->idx);
    tal_member *rows = (tal_member *)(void *)job->members.rows.data;
    tal_hash content = {0};
    tal_status status = job->status;
    for (size_t i = 0; i < job->members.count && status == TAL_OK; i++)
        status = take_member(run, &rows[i], next, next_beside);
    if (status == TAL_OK)
        tal_members_hash(rows, job->members.count, &content);
    if (job->status == TAL_ERR_DATA || (status == TAL_OK && (content.low != block.content.low ||
                                                             content.high != block.content.high)))
        return tal_container_damaged(container, TAL_BLOCKS_MEMBERS, job->idx,
                                     "its members do not have their hash");
    return status;
}

/* The members that this rank decodes. Not collective. */
static tal_status take_members(set_run *run)
{
    tal_unpacker *unpacker = run->unpacker;
    const size_t batch = unpacker->worker_count;
    const size_t count = tal_container_block_count(unpacker->container, TAL_BLOCKS_MEMBERS);
    const size_t rank = (size_t)tal_comm_rank(unpacker->comm);
    size_t next = run->kind_begin[ROW_MEMBER], next_beside = run->kind_begin[ROW_BESIDE];
    tal_member_job *jobs = tal_alloc_zero(batch * sizeof(*jobs));
    tal_status status = jobs == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t idx = 0; idx < count && status == TAL_OK;) {
        size_t job_count = 0;
        for (; idx < count && job_count < batch; idx++)
            if (tal_unpack_decoder(unpacker, TAL_BLOCKS_MEMBERS, idx) == rank)
                jobs[job_count++].idx = idx;
        if (job_count == 0)
            break;
        status = tal_unpack_members(unpacker, jobs, job_count);
        for (size_t i = 0; i < job_count && status == TAL_OK; i++)
            status = take_member_block(run, &jobs[i], &next, &next_beside);
    }
    for (size_t i = 0; jobs != NULL && i < batch; i++) {
        tal_buffer_deinit(&jobs[i].bytes);
        tal_members_deinit(&jobs[i].members);
    }
    tal_free(jobs);
    return status;
}

/* Every record of the set its own representative, but the members. */
static tal_status assign_members(set_run *run, tal_assignment **out_assignment)
{
    tal_assignment *assignment = NULL;
    tal_status status = tal_assignment_create(run->set, &assignment);
    set_member *members = (set_member *)(void *)run->members.data;
    for (size_t i = 0; i < run->members.bytes / sizeof(*members) && status == TAL_OK; i++) {
        members[i].assigned.edits =
            (const uint32_t *)(const void *)(run->edits.data + members[i].edits_at);
        status = tal_assignment_set(assignment, members[i].lid, &members[i].assigned);
    }
    if (status == TAL_OK)
        *out_assignment = assignment;
    else
        tal_assignment_destroy(assignment);
    return status;
}

tal_status tal_unpack_set(tal_unpacker *unpacker, tal_gaps gaps, tal_seqset *set,
                          tal_assignment **out_assignment)
{
    set_run run = {.unpacker = unpacker,
                   .gaps = gaps,
                   .rank_count = (size_t)tal_comm_size(unpacker->comm),
                   .set = set};
    tal_status status = learn_records(&run);
    if (status == TAL_OK) {
        status = take_representatives(&run);
        if (status == TAL_OK)
            status = take_members(&run);
        if (status == TAL_OK)
            status = assign_members(&run, out_assignment);
        status = tal_comm_agree(unpacker->comm, status);
    }
    tal_free(run.cluster_begin);
    tal_buffer_deinit(&run.rows);
    tal_buffer_deinit(&run.members);
    tal_buffer_deinit(&run.edits);
    tal_buffer_deinit(&run.scratch);
    return status;
}
