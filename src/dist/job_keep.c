/* Keeping a finished block; see job.h.
 *
 * In the segment: the queries, the hits of all ranks, then the mirrors of all ranks, if there are
 * any; ranks in order, each at the sum of what comes before.
 */
#include "dist/job_internal.h"

#include "base/alloc.h"
#include "dist/folder.h"

#include <string.h>
#include <xxhash.h>

/* What the ranks tell of their pieces: a row of all ranks for each. */
enum {
    COLUMN_BYTES = 0,
    COLUMN_COUNT,
    COLUMN_HASH,
    COLUMN_PLACES, /* of hits */
    COLUMN_MIRROR_COUNT = COLUMN_PLACES,
    COLUMN_MIRROR_HASH,
    COLUMN_MIRROR_BEGIN,
    COLUMN_MIRROR_END,
    COLUMNS
};

/* Open the segment of this run unless it is. Collective; agreed status. */
static tal_status open_segment(tal_job *job)
{
    if (job->segment_file != NULL)
        return TAL_OK;
    char path[PATH_MAX];
    tal_job_segment_path(job, job->segment, path);
    return tal_file_open_write(job->comm, path, &job->segment_file);
}

/* Write `bytes` of this rank at the end of the segment, behind those of lower ranks; `first` more
 * of rank 0 come before all. Collective; agreed status. */
static tal_status write_segment(tal_job *job, const uint64_t *rank_bytes, uint64_t first,
                                const void *data, size_t bytes)
{
    uint64_t offset = job->segment_bytes + (tal_comm_rank(job->comm) == 0 ? 0 : first);
    uint64_t end = job->segment_bytes + first;
    for (int rank = 0; rank < tal_comm_size(job->comm); rank++) {
        offset += rank < tal_comm_rank(job->comm) ? rank_bytes[rank] : 0;
        end += rank_bytes[rank];
    }
    tal_status status = tal_file_write_at_all(job->comm, job->segment_file, offset, data, bytes);
    if (status == TAL_OK)
        job->segment_bytes = end;
    return status;
}

/* Encode what this rank writes of a block: rank 0 the queries first, then its hits. */
static tal_status encode_block(tal_job *job, const tal_job_block *finished, size_t *out_query_bytes)
{
    tal_buffer_reset(&job->bytes);
    tal_status status = TAL_OK;
    if (tal_comm_rank(job->comm) == 0)
        status = tal_seqset_encode(finished->queries, &job->bytes);
    *out_query_bytes = job->bytes.bytes;
    if (status == TAL_OK)
        status = tal_hits_encode(finished->hits, &job->bytes);
    return status;
}

/* Tell all ranks of this one's pieces. Collective. */
static void gather_columns(tal_job *job, const tal_job_block *finished, size_t query_bytes,
                           uint64_t *columns)
{
    size_t size = (size_t)tal_comm_size(job->comm);
    size_t count = finished->mirror_count;
    size_t hit_bytes = job->bytes.bytes - query_bytes;
    const uint64_t own[COLUMNS] = {
        [COLUMN_BYTES] = hit_bytes,
        [COLUMN_COUNT] = finished->hits->hit_count,
        [COLUMN_HASH] = XXH3_64bits(job->bytes.data + query_bytes, hit_bytes),
        [COLUMN_MIRROR_COUNT] = count,
        [COLUMN_MIRROR_HASH] = XXH3_64bits(finished->mirrors, count * sizeof(tal_mirror)),
        [COLUMN_MIRROR_BEGIN] = count > 0 ? finished->mirrors[0].query : 0,
        [COLUMN_MIRROR_END] = count > 0 ? finished->mirrors[count - 1].query + 1 : 0,
    };
    for (size_t i = 0; i < (finished->has_mirrors ? COLUMNS : COLUMN_PLACES); i++)
        tal_comm_gather_u64(job->comm, own[i], columns + i * size);
}

/* Where the bytes of a block lie. */
static void place_pieces(const tal_job *job, const tal_job_block *finished, const uint64_t *columns,
                         tal_block_record *head, tal_piece *pieces)
{
    size_t size = (size_t)tal_comm_size(job->comm);
    uint64_t offset = job->segment_bytes;
    head->queries.segment = job->segment;
    head->queries.offset = offset;
    offset += head->queries.bytes;
    for (size_t rank = 0; rank < size; rank++) {
        tal_piece piece = {.segment = job->segment,
                           .offset = offset,
                           .bytes = columns[COLUMN_BYTES * size + rank],
                           .hit_count = columns[COLUMN_COUNT * size + rank],
                           .hash = columns[COLUMN_HASH * size + rank]};
        if (piece.bytes > 0)
            pieces[head->piece_count++] = piece;
        offset += piece.bytes;
    }
    for (size_t rank = 0; rank < size && finished->has_mirrors; rank++) {
        tal_piece piece = {.segment = job->segment,
                           .offset = offset,
                           .bytes = columns[COLUMN_MIRROR_COUNT * size + rank] * sizeof(tal_mirror),
                           .hit_count = columns[COLUMN_MIRROR_COUNT * size + rank],
                           .hash = columns[COLUMN_MIRROR_HASH * size + rank],
                           .query_begin = columns[COLUMN_MIRROR_BEGIN * size + rank],
                           .query_end = columns[COLUMN_MIRROR_END * size + rank]};
        if (piece.bytes > 0) {
            pieces[head->piece_count++] = piece;
            head->mirror_count++;
        }
        offset += piece.bytes;
    }
}

/* Everything of the block to stable storage. Collective; agreed status. */
static tal_status write_block(tal_job *job, const tal_job_block *finished, uint64_t query_bytes,
                              uint64_t *columns)
{
    size_t size = (size_t)tal_comm_size(job->comm);
    tal_status status = open_segment(job);
    if (status == TAL_OK)
        status = write_segment(job, columns + COLUMN_BYTES * size, query_bytes, job->bytes.data,
                               job->bytes.bytes);
    if (status == TAL_OK && finished->has_mirrors) {
        uint64_t *mirror_bytes = columns + COLUMN_MIRROR_COUNT * size;
        for (size_t rank = 0; rank < size; rank++)
            mirror_bytes[rank] *= sizeof(tal_mirror); /* Placed already. */
        status = write_segment(job, mirror_bytes, 0, finished->mirrors,
                               finished->mirror_count * sizeof(tal_mirror));
    }
    return status == TAL_OK ? tal_file_sync(job->comm, job->segment_file) : status;
}

tal_status tal_job_keep(tal_job *job, uint64_t block, const tal_job_block *finished)
{
    size_t size = (size_t)tal_comm_size(job->comm);
    size_t counter_count = finished->counter_count;
    const tal_seqset *queries = finished->queries;
    tal_buffer record = {0};
    uint64_t *sums = tal_alloc_array(counter_count, sizeof(*sums));
    tal_piece *pieces = tal_alloc_array(2 * size, sizeof(*pieces));
    uint64_t *columns = tal_alloc_array(COLUMNS * size, sizeof(*columns));
    tal_status status = sums == NULL || pieces == NULL || columns == NULL ? TAL_ERR_MEMORY : TAL_OK;
    size_t query_bytes = 0;
    if (status == TAL_OK)
        status = encode_block(job, finished, &query_bytes);
    status = tal_comm_agree(job->comm, status);
    if (status != TAL_OK)
        goto done;
    tal_block_record head = {
        .block = block,
        .query_begin = tal_seqset_count(queries) > 0 ? tal_seqset_gid(queries, 0) : 0,
        .counter_count = counter_count,
        .queries = {.bytes = query_bytes, .hash = XXH3_64bits(job->bytes.data, query_bytes)},
    };
    tal_comm_broadcast(job->comm, &head.queries, sizeof(head.queries), 0);
    gather_columns(job, finished, query_bytes, columns);
    memcpy(sums, finished->counters, counter_count * sizeof(*sums));
    tal_comm_sum_u64(job->comm, sums, counter_count);
    place_pieces(job, finished, columns, &head, pieces); /* Before writing moves the end. */
    status = write_block(job, finished, head.queries.bytes, columns);
    if (status != TAL_OK)
        goto done;
    status = tal_journal_encode_block(&head, pieces, sums, &record);
    if (status == TAL_OK)
        status = tal_journal_take(&job->journal, &head, pieces, sums);
    status = tal_comm_agree(job->comm, status);
    if (status == TAL_OK)
        status = tal_job_append(job, &record);
done:
    tal_free(columns);
    tal_free(pieces);
    tal_free(sums);
    tal_buffer_deinit(&record);
    return status;
}

/* --- Mirrors, back --- */

/* Records read at once. */
enum { PAGE_RECORDS = 1 << 12 };

/* Read records [first, first + count) of a piece. The piece was whole when the job began, or was
 * written since. */
static tal_status read_records(const tal_job *job, const tal_piece *piece, uint64_t first,
                               size_t count, tal_mirror *records)
{
    char path[PATH_MAX];
    tal_job_segment_path(job, piece->segment, path);
    if (tal_folder_read_piece(path, piece->offset + first * sizeof(*records), records,
                              count * sizeof(*records)))
        return TAL_OK;
    return tal_fail(TAL_ERR_IO,
                    "'%s' cannot be read back as it was written; run the same command again to "
                    "redo what is lost",
                    path);
}

/* The first record of a piece whose query is not below `query`. */
static tal_status find_record(const tal_job *job, const tal_piece *piece, tal_gid query,
                              uint64_t *out_first)
{
    uint64_t low = 0;
    uint64_t high = query <= piece->query_begin ? 0 : piece->hit_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        tal_mirror record;
        tal_status status = read_records(job, piece, middle, 1, &record);
        if (status != TAL_OK)
            return status;
        if (record.query < query)
            low = middle + 1;
        else
            high = middle;
    }
    *out_first = low;
    return TAL_OK;
}

typedef struct mirror_reader {
    const tal_job *job;
    tal_gid query_begin, query_end;
    tal_status (*take)(void *context, const tal_mirror *mirrors, size_t count);
    void *context;
    tal_mirror *page;
} mirror_reader;

static tal_status read_mirror_piece(const mirror_reader *reader, const tal_piece *piece)
{
    uint64_t at = 0;
    bool is_end = false;
    tal_status status = find_record(reader->job, piece, reader->query_begin, &at);
    while (status == TAL_OK && !is_end && at < piece->hit_count) {
        uint64_t left = piece->hit_count - at;
        size_t count = left < PAGE_RECORDS ? (size_t)left : PAGE_RECORDS;
        status = read_records(reader->job, piece, at, count, reader->page);
        size_t wanted = 0;
        while (status == TAL_OK && wanted < count && reader->page[wanted].query < reader->query_end)
            wanted++;
        if (status == TAL_OK)
            status = reader->take(reader->context, reader->page, wanted);
        is_end = wanted < count;
        at += count;
    }
    return status;
}

tal_status tal_job_read_mirrors(
    const tal_job *job, uint64_t block, tal_gid query_begin, tal_gid query_end,
    tal_status (*take)(void *context, const tal_mirror *mirrors, size_t count), void *context)
{
    const tal_journal *journal = &job->journal;
    size_t size = (size_t)tal_comm_size(job->comm);
    size_t met = 0;
    mirror_reader reader = {job,  query_begin, query_end,
                            take, context,     tal_alloc_array(PAGE_RECORDS, sizeof(tal_mirror))};
    tal_status status = reader.page == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < journal->entry_count && status == TAL_OK; i++) {
        const tal_journal_entry *entry = &journal->entries[i];
        const tal_block_record *record = &entry->record;
        if (record->block >= block || tal_journal_find(journal, record->block) != entry)
            continue;
        const tal_piece *pieces = journal->pieces + entry->piece_begin;
        for (uint64_t k = record->piece_count - record->mirror_count;
             k < record->piece_count && status == TAL_OK; k++)
            if (pieces[k].query_begin < query_end && pieces[k].query_end > query_begin &&
                met++ % size == (size_t)tal_comm_rank(job->comm))
                status = read_mirror_piece(&reader, &pieces[k]);
    }
    tal_free(reader.page);
    return status;
}
