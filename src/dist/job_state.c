/* The state of work that is not cut into blocks; see job.h.
 *
 * A state is a block without queries, in a segment of its own: bytes of all ranks in order. Its
 * record counts states first, then holds the numbers. States take block 0 and 1 in turn, so that
 * the one before survives until the next is whole; what a third one supersedes is removed.
 */
#include "dist/job_internal.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* The state kept last; NULL: none. */
static const tal_journal_entry *last_state(const tal_job *job)
{
    const tal_journal_entry *last = NULL;
    uint64_t last_number = 0;
    for (uint64_t block = 0; block < 2; block++) {
        const tal_journal_entry *entry = tal_journal_find(&job->journal, block);
        if (entry == NULL || entry->record.counter_count == 0)
            continue;
        const uint64_t number = job->journal.counters[entry->counter_begin];
        if (last == NULL || number > last_number) {
            last = entry;
            last_number = number;
        }
    }
    return last;
}

static uint64_t number_of(const tal_job *job, const tal_journal_entry *entry)
{
    return entry == NULL ? 0 : job->journal.counters[entry->counter_begin];
}

/* Write the bytes of all ranks as a new segment, to stable storage; the pieces are told.
 * Collective; agreed status. */
static tal_status write_state(tal_job *job, const tal_buffer *bytes, tal_piece *pieces,
                              uint64_t *out_piece_count)
{
    const int size = tal_comm_size(job->comm);
    uint64_t *columns = tal_alloc_array(2 * (size_t)size, sizeof(*columns));
    tal_file *file = NULL;
    char path[PATH_MAX];
    tal_status status = tal_comm_agree(job->comm, columns == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK)
        return status;
    tal_comm_gather_u64(job->comm, bytes->bytes, columns);
    tal_comm_gather_u64(job->comm, XXH3_64bits(bytes->data, bytes->bytes), columns + size);
    uint64_t offset = 0, own_offset = 0;
    *out_piece_count = 0;
    for (int rank = 0; rank < size; rank++) {
        const tal_piece piece = {.segment = job->segment,
                                 .offset = offset,
                                 .bytes = columns[rank],
                                 .hash = columns[size + rank]};
        if (piece.bytes > 0)
            pieces[(*out_piece_count)++] = piece;
        own_offset = rank == tal_comm_rank(job->comm) ? offset : own_offset;
        offset += piece.bytes;
    }
    tal_free(columns);
    tal_job_segment_path(job, job->segment, path);
    status = tal_file_open_write(job->comm, path, &file);
    if (status != TAL_OK)
        return status;
    status = tal_file_write_at_all(job->comm, file, own_offset, bytes->data, bytes->bytes);
    if (status == TAL_OK)
        status = tal_file_sync(job->comm, file);
    const tal_status closed = tal_file_close(job->comm, file);
    return status == TAL_OK ? closed : status;
}

/* Append the record of a state to the journal. Collective; agreed status. */
static tal_status append_state(tal_job *job, const tal_block_record *head, const tal_piece *pieces,
                               const uint64_t *counters)
{
    tal_buffer record = {0};
    tal_status status = tal_journal_encode_block(head, pieces, counters, &record);
    if (status == TAL_OK)
        status = tal_journal_take(&job->journal, head, pieces, counters);
    status = tal_comm_agree(job->comm, status);
    if (status == TAL_OK)
        status = tal_job_append(job, &record);
    tal_buffer_deinit(&record);
    return status;
}

tal_status tal_job_keep_state(tal_job *job, const uint64_t *numbers, size_t count,
                              const tal_buffer *bytes)
{
    const uint64_t number = number_of(job, last_state(job)) + 1;
    const tal_journal_entry *before = tal_journal_find(&job->journal, number % 2);
    const uint64_t superseded = before == NULL ? 0 : before->record.queries.segment;
    tal_piece *pieces = tal_alloc_array((size_t)tal_comm_size(job->comm), sizeof(*pieces));
    uint64_t *counters = tal_alloc_array(count + 1, sizeof(*counters));
    tal_status status = pieces == NULL || counters == NULL ? TAL_ERR_MEMORY : TAL_OK;
    status = tal_comm_agree(job->comm, status);
    tal_block_record head = {
        .block = number % 2,
        .counter_count = count + 1,
        .queries = {.segment = job->segment, .hash = XXH3_64bits(NULL, 0)},
    };
    if (status == TAL_OK) {
        counters[0] = number;
        memcpy(counters + 1, numbers, count * sizeof(*numbers));
        status = write_state(job, bytes, pieces, &head.piece_count);
    }
    if (status == TAL_OK)
        status = append_state(job, &head, pieces, counters);
    if (status == TAL_OK && superseded != 0 && tal_comm_rank(job->comm) == 0) {
        char path[PATH_MAX];
        tal_job_segment_path(job, superseded, path);
        (void)unlink(path); /* What stays goes with the folder. */
    }
    job->segment++;
    tal_free(counters);
    tal_free(pieces);
    return status;
}

tal_status tal_job_find_state(tal_job *job, uint64_t *out_numbers, size_t count,
                              tal_buffer *out_bytes, bool *out_is_found)
{
    const tal_journal_entry *entry = last_state(job);
    *out_is_found = false;
    if (entry == NULL)
        return TAL_OK;
    if (entry->record.counter_count != count + 1)
        return tal_fail(TAL_ERR_DATA,
                        "cannot go on with the unfinished work in '%s': another program made it; "
                        "remove the folder to start again",
                        job->folder);
    tal_status status = tal_job_read_share(job, entry);
    if (status == TAL_OK)
        status = tal_comm_agree(job->comm,
                                tal_buffer_append(out_bytes, job->bytes.data, job->bytes.bytes));
    if (status != TAL_OK)
        return status;
    memcpy(out_numbers, job->journal.counters + entry->counter_begin + 1,
           count * sizeof(*out_numbers));
    *out_is_found = true;
    return TAL_OK;
}
