/* Checking a reduced set's file; see unpack.h.
 *
 * First each block on its own, members with their certificates; when all are sound, the text of all
 * records against its hashes, and these against those of the files.
 */
#include "base/alloc.h"
#include "base/check.h"
#include "reduce/verify.h"
#include "store/terms.h"
#include "store/unpack_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULTS_SHOWN = 100 };

/* Text that is checked at once, a rank. */
#define PASS_TEXT_BYTES ((uint64_t)64 << 20)

typedef struct check_run {
    tal_unpacker *unpacker;
    tal_criteria criteria;
    tal_reduce_params terms;
    tal_buffer faults; /* of this rank */
    tal_check_summary summary;
} check_run;

/* Take the recorded message as a fault and go on. */
static tal_status note_fault(check_run *run)
{
    tal_status status = TAL_OK;
    if (run->summary.fault_count++ < FAULTS_SHOWN) {
        status = tal_buffer_append_text(&run->faults, tal_status_message());
        if (status == TAL_OK)
            status = tal_buffer_append(&run->faults, "\n", 1);
    }
    tal_status_clear();
    return status;
}

/* What members were promised to meet. */
static tal_status read_criteria(check_run *run)
{
    tal_status status = tal_terms_read(run->unpacker->container, &run->terms);
    run->criteria = (tal_criteria){
        .identity = run->terms.identity,
        .coverage = run->terms.coverage,
        .coverage_mode = run->terms.coverage_mode,
        .evalue = run->terms.evalue,
        .stats = &run->terms.stats,
        .residue_count = run->terms.residue_count,
        .sequence_count = run->terms.sequence_count,
    };
    return status;
}

/* Recompute a member's certificate. False: it does not hold. */
static tal_status check_member(check_run *run, tal_member *member, tal_buffer *scratch,
                               bool *out_holds)
{
    int32_t ref_len = 0;
    bool is_path = false;
    const uint8_t *ref = tal_unpack_cached(run->unpacker, member->cluster, &ref_len);
    TAL_ASSERT(ref != NULL); /* The member was decoded with it. */
    tal_status status =
        tal_unpack_score(run->unpacker, run->terms.gaps, ref, member, scratch, &is_path);
    const bool is_empty_copy = member->len == 0 && ref_len == 0;
    *out_holds = is_path &&
                 (is_empty_copy || tal_criteria_check(&run->criteria, &member->assigned.certificate,
                                                      member->len, ref_len));
    return status;
}

/* Check a decoded block of members. */
static tal_status check_member_block(check_run *run, tal_member_job *job, tal_buffer *turned)
{
    const tal_container *container = run->unpacker->container;
    tal_member *rows = (tal_member *)(void *)job->members.rows.data;
    const tal_block block = tal_container_block(container, TAL_BLOCKS_MEMBERS, job->idx);
    char what[128] = "";
    if (job->status != TAL_OK)
        (void)snprintf(what, sizeof(what), "decoding stops at its member %zu", job->members.count);
    for (size_t i = 0; i < job->members.count && job->status == TAL_OK; i++) {
        bool holds;
        tal_status status = check_member(run, &rows[i], turned, &holds);
        if (status != TAL_OK)
            return status;
        run->summary.certificate_count++;
        if (!holds && what[0] == '\0')
            (void)snprintf(what, sizeof(what),
                           "the certificate of member %" PRIu64 " of cluster %" PRIu64
                           " does not hold",
                           rows[i].ordinal, rows[i].cluster);
    }
    tal_hash content = {0};
    tal_members_hash(rows, job->members.count, &content);
    if (what[0] == '\0' && (content.low != block.content.low || content.high != block.content.high))
        (void)snprintf(what, sizeof(what), "its members do not have their hash");
    if (what[0] == '\0')
        return TAL_OK;
    (void)tal_container_damaged(container, TAL_BLOCKS_MEMBERS, job->idx, what); /* For its words. */
    return note_fault(run);
}

/* Check this rank's share of blocks of members. */
static tal_status check_members(check_run *run)
{
    tal_unpacker *unpacker = run->unpacker;
    const size_t batch = unpacker->worker_count;
    size_t at, end;
    tal_unpack_share(unpacker, 0,
                     tal_container_block_count(unpacker->container, TAL_BLOCKS_MEMBERS), &at, &end);
    tal_buffer turned = {0};
    tal_member_job *jobs = tal_alloc_zero(batch * sizeof(*jobs));
    tal_status status = jobs == NULL ? TAL_ERR_MEMORY : TAL_OK;
    while (at < end && status == TAL_OK) {
        const size_t count = end - at < batch ? end - at : batch;
        for (size_t i = 0; i < count; i++)
            jobs[i].idx = at + i;
        status = tal_unpack_members(unpacker, jobs, count);
        if (status == TAL_ERR_DATA) { /* Their representatives: named. */
            status = note_fault(run);
        } else {
            for (size_t i = 0; i < count && status == TAL_OK; i++) {
                tal_status_clear(); /* Of a block whose bytes are damaged: named again. */
                status = check_member_block(run, &jobs[i], &turned);
            }
        }
        run->summary.block_count += count;
        at += count;
    }
    for (size_t i = 0; jobs != NULL && i < batch; i++) {
        tal_buffer_deinit(&jobs[i].bytes);
        tal_members_deinit(&jobs[i].members);
    }
    tal_free(jobs);
    tal_buffer_deinit(&turned);
    return status;
}

static tal_status check_representatives(check_run *run)
{
    tal_unpacker *unpacker = run->unpacker;
    size_t at, end;
    tal_unpack_share(unpacker, 0,
                     tal_container_block_count(unpacker->container, TAL_BLOCKS_REPRESENTATIVES),
                     &at, &end);
    tal_status status = TAL_OK;
    for (; at < end && status == TAL_OK; at++) {
        status = tal_unpack_representatives(unpacker, &at, 1);
        if (status == TAL_ERR_DATA)
            status = note_fault(run);
        run->summary.block_count++;
    }
    return status;
}

static tal_status check_texts(check_run *run)
{
    tal_unpacker *unpacker = run->unpacker;
    const tal_container *container = unpacker->container;
    size_t at, end;
    tal_unpack_share(unpacker, 0, tal_container_block_count(container, TAL_BLOCKS_TEXT), &at, &end);
    tal_text_job *job = tal_alloc_zero(sizeof(*job));
    tal_status status = job == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (; at < end && status == TAL_OK; at++) {
        job->idx = at;
        status = tal_unpack_texts(unpacker, job, 1);
        if (status == TAL_OK && job->status != TAL_OK) {
            tal_status_clear();
            (void)tal_container_damaged(container, TAL_BLOCKS_TEXT, at,
                                        "it cannot be read or decoded"); /* For its words. */
            status = note_fault(run);
        }
        run->summary.block_count++;
    }
    tal_text_jobs_destroy(job, 1);
    return status;
}

/* The hashes of files against those of their blocks. Rank 0. */
static tal_status check_files(check_run *run)
{
    const tal_container *container = run->unpacker->container;
    const size_t block_count = tal_container_block_count(container, TAL_BLOCKS_TEXT);
    tal_buffer hashes = {0};
    size_t block = 0;
    tal_status status = TAL_OK;
    for (size_t i = 0; i < tal_container_input_count(container) && status == TAL_OK; i++) {
        const tal_container_input input = tal_container_get_input(container, i);
        uint64_t bytes = 0;
        tal_buffer_reset(&hashes);
        for (; block < block_count && bytes < input.bytes && status == TAL_OK; block++) {
            const tal_block row = tal_container_block(container, TAL_BLOCKS_TEXT, block);
            bytes += row.amount;
            status = tal_buffer_append(&hashes, &row.content, sizeof(row.content));
        }
        const tal_hash hash = tal_hash_bytes(hashes.data, hashes.bytes);
        run->summary.file_count++;
        if (status == TAL_OK && (hash.low != input.hash.low || hash.high != input.hash.high)) {
            (void)tal_fail(TAL_ERR_DATA,
                           "cannot read '%s': what it holds of '%s' does not have "
                           "its hash",
                           tal_container_path(container), input.path); /* For its words. */
            status = note_fault(run);
        }
    }
    tal_buffer_deinit(&hashes);
    return status;
}

/* All text against its hashes. Collective; agreed status. */
static tal_status check_contents(check_run *run)
{
    tal_unpacker *unpacker = run->unpacker;
    const tal_container *container = unpacker->container;
    const size_t block_count = tal_container_block_count(container, TAL_BLOCKS_TEXT);
    const uint64_t pass_bytes = PASS_TEXT_BYTES * (uint64_t)tal_comm_size(unpacker->comm);
    const tal_unpack_choice all = {.kind = TAL_UNPACK_ALL};
    tal_buffer text = {0};
    tal_status status = TAL_OK;
    for (size_t begin = 0; begin < block_count && status == TAL_OK;) {
        size_t end = begin;
        uint64_t bytes = 0;
        for (; end < block_count && (end == begin || bytes < pass_bytes); end++)
            bytes += tal_container_block(container, TAL_BLOCKS_TEXT, end).amount;
        tal_buffer_reset(&text);
        status = tal_unpack_text(unpacker, begin, end, &all, &text);
        if (status == TAL_ERR_DATA && tal_comm_rank(unpacker->comm) == 0)
            status = note_fault(run); /* Agreed: on every rank. */
        else if (status == TAL_ERR_DATA)
            status = TAL_OK;
        tal_status_clear();
        begin = end;
    }
    tal_buffer_deinit(&text);
    return tal_comm_agree(unpacker->comm, status);
}

/* Sum up, and bring the faults to rank 0. Collective; agreed status. */
static tal_status gather_faults(check_run *run, tal_buffer *out_faults)
{
    tal_comm *comm = run->unpacker->comm;
    const size_t rank_count = (size_t)tal_comm_size(comm);
    uint64_t *begin = tal_alloc_zero((rank_count + 1) * sizeof(*begin));
    tal_status status = tal_comm_agree(comm, begin == NULL ? TAL_ERR_MEMORY : TAL_OK);
    for (size_t rank = 1; status == TAL_OK && rank <= rank_count; rank++)
        begin[rank] = run->faults.bytes;
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, run->faults.data, begin, out_faults, NULL);
    uint64_t sums[4] = {run->summary.block_count, run->summary.certificate_count,
                        run->summary.file_count, run->summary.fault_count};
    tal_comm_sum_u64(comm, sums, 4);
    run->summary = (tal_check_summary){sums[0], sums[1], sums[2], sums[3]};
    tal_free(begin);
    return status;
}

tal_status tal_unpack_check(tal_unpacker *unpacker, tal_buffer *out_faults,
                            tal_check_summary *out_summary)
{
    tal_comm *comm = unpacker->comm;
    check_run run = {.unpacker = unpacker};
    tal_status status = read_criteria(&run);
    if (status == TAL_OK)
        status = check_representatives(&run);
    if (status == TAL_OK)
        status = check_members(&run);
    if (status == TAL_OK)
        status = check_texts(&run);
    if (status == TAL_OK && tal_comm_rank(comm) == 0)
        status = check_files(&run);
    status = tal_comm_agree(comm, status);
    uint64_t fault_count = run.summary.fault_count;
    tal_comm_sum_u64(comm, &fault_count, 1);
    if (status == TAL_OK && fault_count == 0)
        status = check_contents(&run);
    if (status == TAL_OK)
        status = gather_faults(&run, out_faults);
    if (status == TAL_OK)
        *out_summary = run.summary;
    tal_buffer_deinit(&run.faults);
    return status;
}
