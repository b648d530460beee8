/* A job that survives being killed; see job.h.
 *
 * Order of writing: hits to the segment, MPI_File_sync, then one journal record and fsync by rank
 * 0. A kill between the two leaves bytes in a segment that no record names: they are never read.
 */
#include "dist/job_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "dist/folder.h"
#include "search/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* A pieces' bytes above this are damage, not data: no rank encodes as much for one block. */
#define PIECE_BYTES_MAX (UINT64_C(1) << 40)

void tal_job_segment_path(const tal_job *job, uint64_t segment, char *path)
{
    (void)snprintf(path, PATH_MAX, "%.*s/segment-%" PRIu64, PATH_MAX - 64, job->folder, segment);
}

const char *tal_job_folder(const tal_job *job)
{
    return job->folder;
}

uint64_t tal_job_resumed_count(const tal_job *job)
{
    return job->resumed_count;
}

/* The journal as rank 0 reads it, on every rank. Collective; agreed status. */
static tal_status share_journal(tal_job *job)
{
    tal_buffer bytes = {0};
    bool is_root = tal_comm_rank(job->comm) == 0;
    tal_status status = is_root ? tal_folder_read(job->lock, job->folder, &bytes) : TAL_OK;
    status = tal_comm_agree(job->comm, status);
    if (status != TAL_OK)
        goto done;
    uint64_t count = bytes.bytes;
    tal_comm_broadcast(job->comm, &count, sizeof(count), 0);
    status = tal_comm_agree(job->comm, tal_buffer_reserve(&bytes, (size_t)count));
    if (status != TAL_OK)
        goto done;
    tal_comm_broadcast(job->comm, bytes.data, count, 0);
    status = tal_comm_agree(job->comm, tal_journal_parse(bytes.data, (size_t)count, &job->journal));
    job->journal_bytes = job->journal.valid_bytes;
    job->is_known = status == TAL_OK;
    if (status == TAL_OK && job->journal.valid_bytes < count)
        tal_log(TAL_LOG_WARN, "the end of the journal in '%s' is damaged; what it named is redone",
                job->folder);
done:
    tal_buffer_deinit(&bytes);
    return status;
}

tal_status tal_job_open(tal_comm *comm, const char *output_path, tal_job **out_job)
{
    tal_job *job = tal_alloc_zero(sizeof(*job));
    tal_status status = tal_comm_agree(comm, job == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(job);
        return status;
    }
    job->comm = comm;
    job->lock = -1;
    if (snprintf(job->folder, sizeof(job->folder), "%s.job", output_path) >= PATH_MAX - 64)
        status = tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': its name is too long", output_path);
    if (status == TAL_OK && tal_comm_rank(comm) == 0)
        status = tal_folder_open(job->folder, &job->lock);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = share_journal(job);
    if (status != TAL_OK) {
        tal_job_close(job, false);
        return status;
    }
    *out_job = job;
    return TAL_OK;
}

bool tal_job_find_parameter(const tal_job *job, const char *name, char *out_value, size_t capacity)
{
    const char *parameters = job->journal.parameters;
    return parameters != NULL && job->journal.entry_count > 0 &&
           tal_journal_find_parameter(parameters, name, out_value, capacity);
}

tal_status tal_job_append(tal_job *job, const tal_buffer *record)
{
    tal_status status = TAL_OK;
    if (tal_comm_rank(job->comm) == 0)
        status = tal_folder_append(job->lock, job->folder, job->journal_bytes, record->data,
                                   record->bytes);
    status = tal_comm_agree(job->comm, status);
    if (status == TAL_OK)
        job->journal_bytes += record->bytes;
    return status;
}

/* Begin an empty journal. Collective; agreed status. */
static tal_status start_anew(tal_job *job, const char *parameters)
{
    tal_buffer record = {0};
    tal_journal_deinit(&job->journal);
    job->journal_bytes = 0;
    if (tal_comm_rank(job->comm) == 0)
        tal_folder_clear(job->folder);
    tal_status status =
        tal_comm_agree(job->comm, tal_journal_encode_parameters(parameters, &record));
    if (status == TAL_OK)
        status = tal_job_append(job, &record);
    if (status == TAL_OK)
        status =
            tal_comm_agree(job->comm, tal_journal_parse(record.data, record.bytes, &job->journal));
    tal_buffer_deinit(&record);
    return status;
}

/* Read a piece into `bytes` (appended) and compare its hash. */
static tal_status read_piece(const tal_job *job, const tal_piece *piece, tal_buffer *bytes,
                             bool *out_is_good)
{
    char path[PATH_MAX];
    tal_job_segment_path(job, piece->segment, path);
    *out_is_good = false;
    if (piece->bytes > PIECE_BYTES_MAX)
        return TAL_OK;
    tal_status status = tal_buffer_reserve(bytes, (size_t)piece->bytes);
    if (status != TAL_OK)
        return status;
    uint8_t *data = bytes->data + bytes->bytes;
    if (!tal_folder_read_piece(path, piece->offset, data, (size_t)piece->bytes) ||
        XXH3_64bits(data, (size_t)piece->bytes) != piece->hash)
        return TAL_OK;
    bytes->bytes += (size_t)piece->bytes;
    *out_is_good = true;
    return TAL_OK;
}

/* Forget what was done again later: the last record of a block counts. */
static void forget_superseded(tal_journal *journal)
{
    size_t kept = 0;
    for (size_t i = 0; i < journal->entry_count; i++) {
        bool is_last = true;
        for (size_t k = i + 1; k < journal->entry_count && is_last; k++)
            is_last = journal->entries[k].record.block != journal->entries[i].record.block;
        if (is_last)
            journal->entries[kept++] = journal->entries[i];
    }
    journal->entry_count = kept;
}

/* Forget finished blocks whose pieces are not as the journal says. The ranks share the reading.
 * Collective; agreed status. */
static tal_status check_segments(tal_job *job)
{
    tal_journal *journal = &job->journal;
    uint64_t *is_bad = tal_alloc_zero((journal->entry_count + 1) * sizeof(*is_bad));
    tal_status status = is_bad == NULL ? TAL_ERR_MEMORY : TAL_OK;
    size_t size = (size_t)tal_comm_size(job->comm);
    for (size_t i = 0; i < journal->entry_count && status == TAL_OK; i++) {
        const tal_journal_entry *entry = &journal->entries[i];
        for (size_t k = 0; k <= entry->record.piece_count && status == TAL_OK; k++) {
            bool is_good = true;
            if ((i + k) % size != (size_t)tal_comm_rank(job->comm))
                continue;
            const tal_piece *piece =
                k == 0 ? &entry->record.queries : &journal->pieces[entry->piece_begin + k - 1];
            tal_buffer_reset(&job->bytes);
            status = read_piece(job, piece, &job->bytes, &is_good);
            is_bad[i] |= is_good ? 0 : 1;
        }
    }
    status = tal_comm_agree(job->comm, status);
    if (status != TAL_OK)
        goto done;
    tal_comm_or_u64(job->comm, is_bad, journal->entry_count + 1);
    size_t kept = 0;
    for (size_t i = 0; i < journal->entry_count; i++) {
        if (is_bad[i] != 0)
            tal_log(TAL_LOG_WARN, "part %" PRIu64 " of the work in '%s' is damaged and is redone",
                    journal->entries[i].record.block, job->folder);
        else
            journal->entries[kept++] = journal->entries[i];
    }
    journal->entry_count = kept;
done:
    tal_free(is_bad);
    return status;
}

/* Number of the segment this run writes: above all that are named. */
static uint64_t next_segment(const tal_journal *journal)
{
    uint64_t last = 0;
    for (size_t i = 0; i < journal->piece_count; i++)
        last = journal->pieces[i].segment > last ? journal->pieces[i].segment : last;
    for (size_t i = 0; i < journal->entry_count; i++) {
        uint64_t segment = journal->entries[i].record.queries.segment;
        last = segment > last ? segment : last;
    }
    return last + 1;
}

tal_status tal_job_begin(tal_job *job, const char *parameters, tal_alphabet alphabet,
                         bool is_forced)
{
    tal_status status = tal_comm_agree(job->comm, tal_seqset_create(alphabet, &job->queries));
    if (status != TAL_OK)
        return status;
    job->segment = next_segment(&job->journal);
    char difference[512];
    bool is_empty = job->journal.parameters == NULL;
    bool is_same = !is_empty && tal_journal_is_same(job->journal.parameters, parameters, difference,
                                                    sizeof(difference));
    if (!is_empty && !is_same && !is_forced)
        return tal_fail(TAL_ERR_OUTPUT,
                        "cannot go on with the unfinished work in '%s', something has changed: %s; "
                        "remove the folder, or give --force to start again",
                        job->folder, difference);
    forget_superseded(&job->journal);
    status = is_same ? check_segments(job) : start_anew(job, parameters);
    job->resumed_count = job->journal.entry_count;
    return status;
}

tal_status tal_job_find(tal_job *job, uint64_t block, const tal_seqset *queries,
                        bool *out_is_finished)
{
    const tal_journal_entry *entry = tal_journal_find(&job->journal, block);
    *out_is_finished = entry != NULL;
    if (entry == NULL)
        return TAL_OK;
    tal_buffer_reset(&job->bytes);
    tal_status status = tal_seqset_encode(queries, &job->bytes);
    if (status == TAL_OK &&
        XXH3_64bits(job->bytes.data, job->bytes.bytes) != entry->record.queries.hash)
        status = tal_fail(TAL_ERR_DATA,
                          "cannot go on with the unfinished work in '%s': the queries have "
                          "changed; remove the folder to start again",
                          job->folder);
    return tal_comm_agree(job->comm, status);
}

void tal_job_counts(const tal_job *job, uint64_t *out_counters, size_t counter_count)
{
    const tal_journal *journal = &job->journal;
    memset(out_counters, 0, counter_count * sizeof(*out_counters));
    for (size_t i = 0; i < journal->entry_count; i++) {
        const tal_journal_entry *entry = &journal->entries[i];
        /* A block done twice counts once. */
        if (tal_journal_find(journal, entry->record.block) != entry)
            continue;
        for (size_t k = 0; k < counter_count && k < entry->record.counter_count; k++)
            out_counters[k] += journal->counters[entry->counter_begin + k];
    }
}

/* The pieces of a block that this rank reads: contiguous runs, about equal bytes. */
static tal_status deal_pieces(const tal_job *job, const tal_journal_entry *entry, size_t *out_begin,
                              size_t *out_end)
{
    size_t count = (size_t)(entry->record.piece_count - entry->record.mirror_count);
    size_t size = (size_t)tal_comm_size(job->comm);
    uint64_t *cost = tal_alloc_array(count, sizeof(*cost));
    size_t *begin = tal_alloc_array(size + 1, sizeof(*begin));
    bool is_complete = cost != NULL && begin != NULL;
    if (is_complete) {
        for (size_t i = 0; i < count; i++)
            cost[i] = job->journal.pieces[entry->piece_begin + i].bytes;
        tal_plan_split(cost, count, size, begin);
        *out_begin = begin[tal_comm_rank(job->comm)];
        *out_end = begin[tal_comm_rank(job->comm) + 1];
    }
    tal_free(begin);
    tal_free(cost);
    return is_complete ? TAL_OK : TAL_ERR_MEMORY;
}

/* Read a piece that was good before. */
static tal_status read_good_piece(tal_job *job, uint64_t block, const tal_piece *piece)
{
    bool is_good;
    tal_status status = read_piece(job, piece, &job->bytes, &is_good);
    if (status == TAL_OK && !is_good)
        status = tal_fail(TAL_ERR_IO,
                          "part %" PRIu64 " of '%s' cannot be read back as it was written; run "
                          "the same command again to redo it",
                          block, job->folder);
    return status;
}

/* The queries of a block, from rank 0 to all. Collective; agreed status. */
static tal_status read_queries(tal_job *job, const tal_block_record *record)
{
    tal_status status = TAL_OK;
    tal_buffer_reset(&job->bytes);
    if (tal_comm_rank(job->comm) == 0)
        status = read_good_piece(job, record->block, &record->queries);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&job->bytes, (size_t)record->queries.bytes);
    status = tal_comm_agree(job->comm, status);
    if (status != TAL_OK)
        return status;
    tal_comm_broadcast(job->comm, job->bytes.data, record->queries.bytes, 0);
    tal_seqset_reset(job->queries);
    status = tal_seqset_decode(job->queries, record->query_begin, job->bytes.data,
                               (size_t)record->queries.bytes);
    return tal_comm_agree(job->comm, status);
}

tal_status tal_job_read_share(tal_job *job, const tal_journal_entry *entry)
{
    size_t begin = 0;
    size_t end = 0;
    tal_buffer_reset(&job->bytes);
    tal_status status = deal_pieces(job, entry, &begin, &end);
    for (size_t i = begin; i < end && status == TAL_OK; i++)
        status =
            read_good_piece(job, entry->record.block, &job->journal.pieces[entry->piece_begin + i]);
    return tal_comm_agree(job->comm, status);
}

/* This rank's share of the hits of a block. Collective; agreed status. */
static tal_status read_hits(tal_job *job, const tal_journal_entry *entry, tal_block_hits *out_hits)
{
    tal_status status = tal_job_read_share(job, entry);
    if (status == TAL_OK)
        status = tal_hits_decode(job->bytes.data, job->bytes.bytes, &job->rows, out_hits);
    return tal_comm_agree(job->comm, status);
}

tal_status tal_job_read(tal_job *job, uint64_t block, const tal_seqset **out_queries,
                        tal_block_hits *out_hits)
{
    const tal_journal_entry *entry = tal_journal_find(&job->journal, block);
    TAL_ASSERT(entry != NULL);
    tal_status status = read_queries(job, &entry->record);
    if (status == TAL_OK)
        status = read_hits(job, entry, out_hits);
    if (status == TAL_OK)
        *out_queries = job->queries;
    return status;
}

/* References of one round of marking: a bitmap of 32 MiB. */
#define WINDOW_GIDS ((uint64_t)1 << 28)

/* Set the bits of the window's references that this rank's share of a block names. */
static void set_bits(const tal_block_hits *hits, uint64_t window, uint64_t *bits)
{
    for (size_t i = 0; i < hits->hit_count; i++) {
        uint64_t gid = hits->hits[i].reference;
        if (gid >= window && gid - window < WINDOW_GIDS)
            bits[(gid - window) / 64] |= UINT64_C(1) << ((gid - window) % 64);
    }
}

static void take_bits(const tal_job_references *references, uint64_t window, const uint64_t *bits,
                      bool *is_hit)
{
    const tal_seqset *set = references->set;
    tal_lid count = set != NULL ? tal_seqset_count(set) : references->count;
    for (tal_lid lid = 0; lid < count; lid++) {
        uint64_t gid = set != NULL ? tal_seqset_gid(set, lid) : references->gid_begin + lid;
        if (gid >= window && gid - window < WINDOW_GIDS &&
            (bits[(gid - window) / 64] >> ((gid - window) % 64) & 1) != 0)
            is_hit[lid] = true;
    }
}

tal_status tal_job_mark_hits(tal_job *job, const tal_job_references *references,
                             uint64_t sequence_count, bool *is_hit)
{
    uint64_t round = sequence_count < WINDOW_GIDS ? sequence_count : WINDOW_GIDS;
    size_t words = (size_t)(round / 64 + 1);
    uint64_t *bits = tal_alloc_array(words, sizeof(*bits));
    tal_status status = tal_comm_agree(job->comm, bits == NULL ? TAL_ERR_MEMORY : TAL_OK);
    for (uint64_t window = 0; window < sequence_count && status == TAL_OK; window += WINDOW_GIDS) {
        memset(bits, 0, words * sizeof(*bits));
        for (size_t i = 0; i < job->journal.entry_count && status == TAL_OK; i++) {
            tal_block_hits hits;
            status = read_hits(job, &job->journal.entries[i], &hits);
            if (status == TAL_OK)
                set_bits(&hits, window, bits);
        }
        if (status != TAL_OK)
            break;
        tal_comm_or_u64(job->comm, bits, words);
        take_bits(references, window, bits, is_hit);
    }
    tal_free(bits);
    return status;
}

void tal_job_close(tal_job *job, bool is_done)
{
    if (job == NULL)
        return;
    (void)tal_file_close(job->comm, job->segment_file); /* Flushed block by block. */
    if (job->lock >= 0) {
        if (is_done || (job->is_known && job->journal.entry_count == 0))
            tal_folder_remove(job->lock, job->folder);
        else
            (void)close(job->lock); /* Flushed record by record. */
    }
    tal_hit_rows_deinit(&job->rows);
    tal_seqset_destroy(job->queries);
    tal_buffer_deinit(&job->bytes);
    tal_journal_deinit(&job->journal);
    tal_free(job);
}
