/* Representatives and members into blocks; see pack_internal.h.
 *
 * A block is what begins within its stretch of residues in the cluster order. Stretches of members
 * end where those of their representatives do, unless they would be short: who wants a member then
 * decodes one block of representatives. Blocks are dealt to
 * ranks in runs; in each round every rank gets the records of its next blocks, and beside members
 * their representatives.
 */
#include "store/pack_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/resident.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of the memory that is left, blocks in work may have one part in so many: packed ones stay. */
enum { ROOM_SHARE = 2 };

/* A record on its way, followed by its codes and edits. */
typedef struct parcel {
    tal_text_place place;
    uint64_t block; /* of members: its own; of a representative beside them: UINT64_MAX */
    int32_t len;
    uint32_t edit_count;
    uint32_t is_reverse;
    tal_certificate certificate;
} parcel;

/* Which blocks ranks work at. */
typedef struct block_plan {
    uint64_t block_residues, block_count;
    const uint64_t *begins; /* of stretches; NULL: all have block_residues */
    uint64_t share;         /* blocks of a rank */
    uint64_t round;         /* blocks of a rank in this round: [round, round + round_blocks) */
    uint64_t round_blocks, round_limit;
    uint64_t block_bytes; /* what a block takes: sent and received, with edits, and packed */
    bool is_members;
} block_plan;

static uint64_t block_of(const block_plan *plan, uint64_t residues_before)
{
    uint64_t low = 0, high = plan->block_count;
    if (plan->begins == NULL) {
        low = residues_before / plan->block_residues;
        return low < high ? low : high - 1;
    }
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (plan->begins[middle] <= residues_before)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Whether `block` is worked at in this round. */
static bool is_due(const block_plan *plan, uint64_t block)
{
    const uint64_t place = block % plan->share;
    return place >= plan->round && place - plan->round < plan->round_blocks;
}

/* What goes to whom: a list of (rank, lid, block), then sorted by rank. */
typedef struct sending {
    uint64_t rank, block;
    tal_lid lid;
} sending;

static int compare_sendings(const void *a, const void *b)
{
    const sending *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return (left->lid > right->lid) - (left->lid < right->lid);
}

static tal_status add_sending(tal_buffer *list, const block_plan *plan, uint64_t block,
                              uint64_t told_block, tal_lid lid)
{
    const sending item = {.rank = block / plan->share, .block = told_block, .lid = lid};
    return tal_buffer_append(list, &item, sizeof(item));
}

/* The representative to all ranks whose blocks of this round have members of its cluster. */
static tal_status send_beside(tal_buffer *list, const block_plan *plan, const tal_pack_place *place,
                              tal_lid lid)
{
    const uint64_t first = block_of(plan, place->first_member);
    const uint64_t last = block_of(plan, place->last_member);
    uint64_t told_rank = UINT64_MAX;
    tal_status status = TAL_OK;
    for (uint64_t block = first; block <= last && status == TAL_OK; block++) {
        if (!is_due(plan, block) || block / plan->share == told_rank)
            continue;
        told_rank = block / plan->share;
        status = add_sending(list, plan, block, UINT64_MAX, lid);
    }
    return status;
}

static tal_status list_sendings(const tal_pack_params *params, const tal_pack_order *order,
                                const block_plan *plan, tal_buffer *list)
{
    tal_status status = TAL_OK;
    for (tal_lid lid = 0; lid < tal_seqset_count(params->set) && status == TAL_OK; lid++) {
        const tal_pack_place *place = &order->places[lid];
        const bool is_member = place->place.ordinal > 0;
        if (is_member == plan->is_members) {
            const uint64_t block = block_of(plan, place->residues_before);
            if (is_due(plan, block))
                status = add_sending(list, plan, block, block, lid);
        } else if (plan->is_members && place->member_count > 0) {
            status = send_beside(list, plan, place, lid);
        }
    }
    return status;
}

static tal_status append_parcel(const tal_pack_params *params, const tal_pack_order *order,
                                const sending *item, tal_buffer *out)
{
    const tal_assigned assigned = tal_assignment_get(params->assignment, item->lid);
    const bool has_edits = item->block != UINT64_MAX;
    parcel head;
    memset(&head, 0, sizeof(head)); /* Padding travels too. */
    head.place = order->places[item->lid].place;
    head.block = item->block;
    head.len = tal_seqset_len(params->set, item->lid);
    head.edit_count = has_edits ? (uint32_t)assigned.edit_count : 0;
    head.is_reverse = assigned.is_reverse;
    head.certificate = assigned.certificate;
    tal_status status = tal_buffer_append(out, &head, sizeof(head));
    if (status == TAL_OK)
        status =
            tal_buffer_append(out, tal_seqset_residues(params->set, item->lid), (size_t)head.len);
    if (status == TAL_OK && head.edit_count > 0)
        status = tal_buffer_append(out, assigned.edits, head.edit_count * sizeof(uint32_t));
    return status;
}

/* The parcels of this round to their ranks. Collective; agreed status. */
static tal_status exchange_parcels(tal_comm *comm, const tal_pack_params *params,
                                   const tal_pack_order *order, const block_plan *plan,
                                   tal_buffer *received)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    tal_buffer list = {0}, out = {0};
    uint64_t *begin = tal_alloc_zero((rank_count + 1) * sizeof(*begin));
    tal_status status = begin == NULL ? TAL_ERR_MEMORY : list_sendings(params, order, plan, &list);
    sending *items = (sending *)(void *)list.data;
    const size_t count = list.bytes / sizeof(*items);
    if (status == TAL_OK && count > 0)
        qsort(items, count, sizeof(*items), compare_sendings);
    size_t next = 0;
    for (size_t rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        for (; next < count && items[next].rank == rank && status == TAL_OK; next++)
            status = append_parcel(params, order, &items[next], &out);
        begin[rank + 1] = out.bytes;
    }
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, out.data, begin, received, NULL);
    tal_buffer_deinit(&out);
    tal_buffer_deinit(&list);
    tal_free(begin);
    return status;
}

/* One block in the making. */
typedef struct block_job {
    const tal_member *items;
    size_t count;
    tal_block row;
    tal_buffer bytes;
} block_job;

/* The records of a round on this rank. */
typedef struct block_round {
    const block_plan *plan;
    tal_buffer members; /* tal_member, sorted; representatives of that kind have ordinal 0 */
    tal_buffer beside;  /* tal_member: representatives of members' clusters, sorted */
    tal_buffer runs;    /* edits, aligned */
    block_job *jobs;
    size_t job_count;
    tal_residue_codec **codecs;
} block_round;

static int compare_members(const void *a, const void *b)
{
    const tal_member *left = a, *right = b;
    if (left->cluster != right->cluster)
        return left->cluster < right->cluster ? -1 : 1;
    return (left->ordinal > right->ordinal) - (left->ordinal < right->ordinal);
}

/* Views of the parcels as members; `blocks` gets the block of each. */
static tal_status open_parcels(const tal_buffer *received, block_round *round)
{
    tal_status status = TAL_OK;
    for (size_t at = 0; at < received->bytes && status == TAL_OK;) {
        parcel head;
        memcpy(&head, received->data + at, sizeof(head));
        at += sizeof(head);
        tal_member member = {
            .cluster = head.place.cluster,
            .ordinal = head.place.ordinal,
            .codes = received->data + at,
            .len = head.len,
            .assigned = {.is_reverse = head.is_reverse != 0,
                         .certificate = head.certificate,
                         .edit_count = head.edit_count,
                         /* The block, until the views of edits are made. */
                         .representative = head.block},
        };
        at += (size_t)head.len;
        status = tal_buffer_append(&round->runs, received->data + at,
                                   head.edit_count * sizeof(uint32_t));
        at += head.edit_count * sizeof(uint32_t);
        if (status == TAL_OK)
            status = tal_buffer_append(head.block == UINT64_MAX ? &round->beside : &round->members,
                                       &member, sizeof(member));
    }
    tal_member *members = (tal_member *)(void *)round->members.data;
    const uint32_t *runs = (const uint32_t *)(const void *)round->runs.data;
    const size_t count = round->members.bytes / sizeof(*members);
    for (size_t i = 0; i < count; i++) {
        members[i].assigned.edits = runs;
        runs += members[i].assigned.edit_count;
    }
    return status;
}

/* Sort the records and cut them into blocks. */
static tal_status make_jobs(block_round *round)
{
    tal_member *members = (tal_member *)(void *)round->members.data;
    const size_t count = round->members.bytes / sizeof(*members);
    if (count > 0)
        qsort(members, count, sizeof(*members), compare_members);
    if (round->beside.bytes > 0)
        qsort(round->beside.data, round->beside.bytes / sizeof(tal_member), sizeof(tal_member),
              compare_members);
    round->jobs = tal_alloc_zero((TAL_PACK_ROUND_BLOCKS + 1) * sizeof(*round->jobs));
    if (round->jobs == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const uint64_t block = members[i].assigned.representative;
        block_job *job = &round->jobs[round->job_count];
        if (round->job_count == 0 || job[-1].row.place != block) {
            TAL_ASSERT(round->job_count < TAL_PACK_ROUND_BLOCKS);
            *job = (block_job){.items = &members[i]};
            job->row.place = block;
            job->row.cluster = round->plan->is_members ? members[i].cluster : 0;
            job->row.ordinal = members[i].ordinal;
            round->job_count++;
        } else {
            job--;
        }
        job->count++;
        job->row.count++;
        job->row.amount += (uint64_t)members[i].len;
    }
    return TAL_OK;
}

static const uint8_t *find_beside(void *context, uint64_t cluster, int32_t *out_len)
{
    const block_round *round = context;
    const tal_member wanted = {.cluster = cluster};
    const tal_member *found =
        bsearch(&wanted, round->beside.data, round->beside.bytes / sizeof(wanted), sizeof(wanted),
                compare_members);
    TAL_ASSERT(found != NULL);
    *out_len = found->len;
    return found->codes;
}

static tal_status pack_block(void *context, int worker, size_t item)
{
    block_round *round = context;
    block_job *job = &round->jobs[item];
    if (round->plan->is_members) {
        tal_members_hash(job->items, job->count, &job->row.content);
        const tal_representative_source source = {find_beside, round};
        return tal_members_encode(round->codecs[worker], job->items, job->count, source,
                                  &job->bytes);
    }
    tal_sequences sequences = {0};
    tal_status status = TAL_OK;
    for (size_t i = 0; i < job->count && status == TAL_OK; i++)
        status = tal_sequences_append(&sequences, job->items[i].codes, (size_t)job->items[i].len);
    if (status == TAL_OK)
        status = tal_representatives_encode(round->codecs[worker], &sequences, &job->bytes,
                                            &job->row.content);
    tal_sequences_deinit(&sequences);
    return status;
}

static void block_round_deinit(block_round *round)
{
    for (size_t i = 0; i < round->job_count; i++)
        tal_buffer_deinit(&round->jobs[i].bytes);
    tal_free(round->jobs);
    tal_buffer_deinit(&round->members);
    tal_buffer_deinit(&round->beside);
    tal_buffer_deinit(&round->runs);
}

/* Pack the blocks of one round that came to this rank. Not collective. */
static tal_status pack_round(tal_team *team, const block_plan *plan, const tal_buffer *received,
                             tal_residue_codec **codecs, tal_container_writer *writer)
{
    block_round round = {.plan = plan, .codecs = codecs};
    tal_status status = open_parcels(received, &round);
    if (status == TAL_OK)
        status = make_jobs(&round);
    if (status == TAL_OK)
        status = tal_team_for(team, round.job_count, pack_block, &round);
    const tal_block_kind kind = plan->is_members ? TAL_BLOCKS_MEMBERS : TAL_BLOCKS_REPRESENTATIVES;
    for (size_t i = 0; i < round.job_count && status == TAL_OK; i++)
        status = tal_container_add(writer, kind, round.jobs[i].row, round.jobs[i].bytes.data,
                                   round.jobs[i].bytes.bytes);
    block_round_deinit(&round);
    return status;
}

/* As many blocks as there is memory for now. Collective; agreed status. */
static tal_status choose_round(tal_comm *comm, const tal_pack_params *params, block_plan *plan)
{
    plan->round_blocks = plan->round_limit;
    if (params->memory_bytes == 0)
        return TAL_OK;
    const uint64_t held = tal_resident_trim();
    const uint64_t left = params->memory_bytes > held ? params->memory_bytes - held : 0;
    const uint64_t fitting = left / ROOM_SHARE / plan->block_bytes;
    uint64_t lack = plan->round_limit - (fitting < plan->round_limit ? fitting : plan->round_limit);
    tal_comm_max_u64(comm, &lack, 1);
    plan->round_blocks = plan->round_limit - lack;
    if (plan->round_blocks > 0)
        return TAL_OK;
    return tal_fail(TAL_ERR_MEMORY,
                    "a rank needs about %" PRIu64
                    " MiB more than --memory leaves to pack blocks; give more, "
                    "or more ranks",
                    ROOM_SHARE * plan->block_bytes >> 20);
}

/* Where the members of each block of representatives begin; UINT64_MAX: it has no clusters.
 * Collective; the same on all ranks. */
static void find_member_begins(tal_comm *comm, const tal_pack_params *params,
                               const tal_pack_order *order, const block_plan *representatives,
                               uint64_t *out_begins)
{
    memset(out_begins, 0, (size_t)representatives->block_count * sizeof(*out_begins));
    for (tal_lid lid = 0; lid < tal_seqset_count(params->set); lid++) {
        const tal_pack_place *place = &order->places[lid];
        if (place->place.ordinal > 0)
            continue;
        uint64_t *begin = &out_begins[block_of(representatives, place->residues_before)];
        const uint64_t before = UINT64_MAX - place->first_member; /* The largest is the first. */
        *begin = before > *begin ? before : *begin;
    }
    tal_comm_max_u64(comm, out_begins, (size_t)representatives->block_count);
    for (uint64_t i = 0; i < representatives->block_count; i++)
        out_begins[i] = UINT64_MAX - out_begins[i];
}

/* Append the begins of equal parts of [begin, end), as few as keep to the limit. */
static tal_status append_parts(uint64_t begin, uint64_t end, uint64_t limit, tal_buffer *begins)
{
    const uint64_t count = (end - begin + limit - 1) / limit;
    const uint64_t step = count == 0 ? 0 : (end - begin + count - 1) / count;
    tal_status status = TAL_OK;
    for (uint64_t i = 0; i < count && status == TAL_OK; i++) {
        const uint64_t at = begin + i * step;
        status = tal_buffer_append(begins, &at, sizeof(at));
    }
    return status;
}

/* Stretches of members. Collective; agreed status. */
static tal_status cut_members(tal_comm *comm, const tal_pack_params *params,
                              const tal_pack_order *order, const block_plan *representatives,
                              block_plan *plan, tal_buffer *begins)
{
    const uint64_t total = order->residue_totals[1];
    uint64_t *marks = tal_alloc_array((size_t)representatives->block_count, sizeof(*marks));
    tal_status status = tal_comm_agree(comm, marks == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK)
        find_member_begins(comm, params, order, representatives, marks);
    uint64_t begin = 0;
    for (uint64_t i = 0; i < representatives->block_count && status == TAL_OK; i++) {
        if (marks[i] == UINT64_MAX || marks[i] - begin < TAL_PACK_STRETCH_MIN || marks[i] > total ||
            total - marks[i] < TAL_PACK_STRETCH_MIN)
            continue;
        status = append_parts(begin, marks[i], plan->block_residues, begins);
        begin = marks[i];
    }
    if (status == TAL_OK)
        status = append_parts(begin, total, plan->block_residues, begins);
    if (status == TAL_OK && begins->bytes == 0) /* No members, or empty ones. */
        status = tal_buffer_append(begins, &begin, sizeof(begin));
    tal_free(marks);
    plan->begins = (const uint64_t *)(const void *)begins->data;
    plan->block_count = begins->bytes / sizeof(*plan->begins);
    return tal_comm_agree(comm, status);
}

static block_plan plan_blocks(const tal_pack_params *params, const tal_pack_order *order,
                              bool is_members)
{
    uint64_t times = params->info->alphabet == TAL_PROTEIN ? TAL_PACK_BLOCK_PROTEINS
                                                           : TAL_PACK_BLOCK_NUCLEOTIDES;
    if (is_members)
        times = 1;
    block_plan plan = {
        .block_residues = times * TAL_PACK_BLOCK_RESIDUES,
        .round_limit = TAL_PACK_ROUND_BLOCKS / times,
        .is_members = is_members,
    };
    const uint64_t most = order->residue_totals[is_members] < plan.block_residues
                              ? order->residue_totals[is_members]
                              : plan.block_residues;
    plan.block_bytes = (is_members ? TAL_PACK_MEMBER_BYTES : TAL_PACK_REPRESENTATIVE_BYTES) *
                       (most > TAL_PACK_BLOCK_RESIDUES ? most : TAL_PACK_BLOCK_RESIDUES);
    plan.block_count = order->residue_totals[is_members] / plan.block_residues + 1;
    return plan;
}

static tal_status pack_kind(tal_comm *comm, tal_team *team, const tal_pack_params *params,
                            const tal_pack_order *order, bool is_members,
                            tal_residue_codec **codecs, tal_container_writer *writer)
{
    const uint64_t rank_count = (uint64_t)tal_comm_size(comm);
    block_plan plan = plan_blocks(params, order, is_members);
    tal_buffer received = {0}, begins = {0};
    tal_status status = TAL_OK;
    if (is_members) {
        const block_plan representatives = plan_blocks(params, order, false);
        status = cut_members(comm, params, order, &representatives, &plan, &begins);
    }
    plan.share = (plan.block_count + rank_count - 1) / rank_count;
    for (; plan.round < plan.share && status == TAL_OK; plan.round += plan.round_blocks) {
        tal_buffer_deinit(&received);
        status = choose_round(comm, params, &plan);
        if (status == TAL_OK)
            status = exchange_parcels(comm, params, order, &plan, &received);
        if (status == TAL_OK)
            status = tal_comm_agree(comm, pack_round(team, &plan, &received, codecs, writer));
    }
    tal_buffer_deinit(&begins);
    tal_buffer_deinit(&received);
    return status;
}

tal_status tal_pack_residues(tal_comm *comm, tal_team *team, const tal_pack_params *params,
                             const tal_pack_order *order, tal_container_writer *writer)
{
    const size_t worker_count = (size_t)tal_team_size(team);
    tal_residue_codec **codecs = tal_alloc_zero(worker_count * sizeof(tal_residue_codec *));
    tal_status status = codecs == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < worker_count && status == TAL_OK; i++)
        status = tal_residue_codec_create(params->info->alphabet, &codecs[i]);
    status = tal_comm_agree(comm, status);
    for (int is_members = 0; is_members < 2 && status == TAL_OK; is_members++)
        status = pack_kind(comm, team, params, order, is_members != 0, codecs, writer);
    for (size_t i = 0; codecs != NULL && i < worker_count; i++)
        tal_residue_codec_destroy(codecs[i]);
    tal_free(codecs);
    return status;
}
