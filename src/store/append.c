/* Growing a result file by a block of queries and their hits; see result.h.
 *
 * Datasets that grow are chunked and created with the first block that has rows for them, which
 * also decides the chunk: a small result stays small. Order of a block: extend every dataset,
 * reserve the disk space, only then write (see partial.c for why).
 */
#include "store/writer.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

/* Chunks hold an eighth of the first block's rows, within these limits. */
enum { CHUNK_SHARE = 8, CHUNK_ROWS_MIN = 1024, CHUNK_ROWS_MAX = 65536 };

/* The chunk for a dataset whose first block has `rows` rows. */
static uint64_t chunk_rows(uint64_t rows)
{
    uint64_t chunk = CHUNK_ROWS_MIN;
    while (chunk < CHUNK_ROWS_MAX && chunk * CHUNK_SHARE < rows)
        chunk *= 2;
    return chunk;
}

/* Create or extend every dataset that grows by `totals`, then get the disk space. Agreed. */
static tal_status grow(tal_result_writer *writer, const tal_rows_share *shares)
{
    tal_status status = TAL_OK;
    for (size_t i = 0; i < TAL_DATASET_COUNT && status == TAL_OK; i++) {
        const tal_dataset_schema *row = tal_schema_dataset((tal_dataset)i);
        if (row->rows >= TAL_ROWS_BLOCK_COUNT || shares[row->rows].total == 0)
            continue;
        hsize_t size =
            writer->rows[row->rows] + shares[row->rows].total + (row->is_offsets ? 1 : 0);
        if (writer->dataset[i] < 0)
            writer->dataset[i] = tal_h5_create(writer->file, row->path, row->type, size,
                                               chunk_rows(shares[row->rows].total));
        else if (H5Dset_extent(writer->dataset[i], &size) < 0)
            status = TAL_ERR_IO;
        if (writer->dataset[i] < 0 || status != TAL_OK)
            status = tal_h5_fail(TAL_ERR_IO, "write", tal_partial_path(writer->partial));
        status = tal_comm_agree(writer->comm, status);
    }
    return status == TAL_OK ? tal_writer_reserve(writer, 0) : status;
}

/* This rank's share of a block: queries [begin, end) of it. */
typedef struct query_share {
    const tal_seqset *set;
    tal_lid begin, end;
    const uint64_t *hit_counts; /* of every query of the block */
} query_share;

static query_share share_queries(const tal_result_writer *writer, const tal_seqset *queries,
                                 const uint64_t *hit_counts)
{
    uint64_t count = tal_seqset_count(queries);
    uint64_t rank = (uint64_t)tal_comm_rank(writer->comm);
    uint64_t size = (uint64_t)tal_comm_size(writer->comm);
    return (query_share){.set = queries,
                         .begin = (tal_lid)(count * rank / size),
                         .end = (tal_lid)(count * (rank + 1) / size),
                         .hit_counts = hit_counts};
}

/* Fill the scratch buffer with a column of the queries. Offsets start at `base`. */
static tal_status fill_query_column(tal_result_writer *writer, const query_share *share,
                                    tal_dataset id, uint64_t base)
{
    size_t count = share->end - share->begin;
    tal_status status = tal_writer_scratch(writer, count + 1, sizeof(uint64_t));
    if (status != TAL_OK)
        return status;
    int32_t *lens = (int32_t *)(void *)writer->scratch.data;
    uint64_t *ends = (uint64_t *)(void *)writer->scratch.data;
    if (id != TAL_DATASET_QUERY_LENGTH)
        ends[0] = base;
    for (size_t i = 0; i < count; i++) {
        tal_lid lid = share->begin + (tal_lid)i;
        if (id == TAL_DATASET_QUERY_LENGTH)
            lens[i] = tal_seqset_len(share->set, lid);
        else if (id == TAL_DATASET_QUERY_HEADER_BEGIN)
            ends[i + 1] = ends[i] + strlen(tal_seqset_header(share->set, lid));
        else if (id == TAL_DATASET_QUERY_LETTER_BEGIN)
            ends[i + 1] = ends[i] + (uint64_t)tal_seqset_len(share->set, lid);
        else
            ends[i + 1] = ends[i] + share->hit_counts[lid];
    }
    return TAL_OK;
}

/* Fill the scratch buffer with the headers, or the letters, of the queries. */
static tal_status fill_query_bytes(tal_result_writer *writer, const query_share *share,
                                   tal_dataset id, size_t bytes)
{
    tal_status status = tal_writer_scratch(writer, bytes, 1);
    tal_buffer *scratch = &writer->scratch;
    for (tal_lid lid = share->begin; lid < share->end && status == TAL_OK; lid++) {
        if (id == TAL_DATASET_QUERY_HEADERS) {
            status = tal_buffer_append_text(scratch, tal_seqset_header(share->set, lid));
            continue;
        }
        int32_t len = tal_seqset_len(share->set, lid);
        tal_seqset_copy_text(share->set, lid, 0, len, (char *)scratch->data + scratch->bytes);
        scratch->bytes += (size_t)len;
    }
    return status;
}

static tal_status write_queries(tal_result_writer *writer, const query_share *queries,
                                const tal_rows_share *shares)
{
    static const struct {
        tal_dataset id;
        tal_rows target; /* what offsets point into */
    } columns[] = {{TAL_DATASET_QUERY_LENGTH, TAL_ROWS_QUERIES},
                   {TAL_DATASET_QUERY_HEADER_BEGIN, TAL_ROWS_QUERY_HEADER_BYTES},
                   {TAL_DATASET_QUERY_LETTER_BEGIN, TAL_ROWS_QUERY_LETTERS},
                   {TAL_DATASET_QUERY_HIT_BEGIN, TAL_ROWS_HITS}};
    static const tal_dataset blobs[] = {TAL_DATASET_QUERY_HEADERS, TAL_DATASET_QUERY_LETTERS};
    const tal_rows_share *share = &shares[TAL_ROWS_QUERIES];
    tal_status status = TAL_OK;
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && status == TAL_OK; i++) {
        tal_dataset id = columns[i].id;
        uint64_t base = shares[columns[i].target].begin;
        if (id == TAL_DATASET_QUERY_HIT_BEGIN) {
            /* Hits belong to other ranks than their queries: count them from the block's begin. */
            base = writer->rows[TAL_ROWS_HITS];
            for (tal_lid lid = 0; lid < queries->begin; lid++)
                base += queries->hit_counts[lid];
        }
        status = tal_comm_agree(writer->comm, fill_query_column(writer, queries, id, base));
        if (status != TAL_OK)
            return status;
        const void *data = writer->scratch.data;
        status = id == TAL_DATASET_QUERY_LENGTH
                     ? tal_writer_write(writer, writer->dataset[id], TAL_STORE_I32, share->begin,
                                        share->count, data)
                     : tal_writer_write_offsets(writer, id, share, data);
    }
    for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]) && status == TAL_OK; i++) {
        const tal_rows_share *bytes = &shares[tal_schema_dataset(blobs[i])->rows];
        status =
            tal_comm_agree(writer->comm, fill_query_bytes(writer, queries, blobs[i], bytes->count));
        if (status == TAL_OK)
            status = tal_writer_write(writer, writer->dataset[blobs[i]], TAL_STORE_U8, bytes->begin,
                                      bytes->count, writer->scratch.data);
    }
    return status;
}

/* Fill the scratch buffer with one field of every hit. */
static tal_status fill_hit_column(tal_result_writer *writer, const tal_block_hits *hits,
                                  const tal_dataset_schema *row)
{
    tal_status status = tal_writer_scratch(writer, hits->hit_count, sizeof(uint64_t));
    if (status != TAL_OK)
        return status;
    uint8_t *out = writer->scratch.data;
    size_t bytes = tal_store_type_bytes(row->type);
    for (size_t i = 0; i < hits->hit_count; i++) {
        const uint8_t *field = (const uint8_t *)&hits->hits[i] + row->hit_field;
        if (bytes == 1) /* A flag is 32 bits wide in memory. */
            out[i] = (uint8_t)hits->hits[i].is_reverse;
        else
            memcpy(out + i * bytes, field, bytes);
    }
    return TAL_OK;
}

/* Fill the scratch buffer with where each hit's runs or letters begin. */
static tal_status fill_hit_offsets(tal_result_writer *writer, const tal_block_hits *hits,
                                   tal_dataset id, uint64_t base)
{
    tal_status status = tal_writer_scratch(writer, hits->hit_count + 1, sizeof(uint64_t));
    if (status != TAL_OK)
        return status;
    uint64_t *ends = (uint64_t *)(void *)writer->scratch.data;
    ends[0] = base;
    for (size_t i = 0; i < hits->hit_count; i++)
        ends[i + 1] = ends[i] + (id == TAL_DATASET_HIT_CIGAR_BEGIN ? hits->hits[i].cigar_count
                                                                   : hits->hits[i].letter_bytes);
    return TAL_OK;
}

static tal_status write_hits(tal_result_writer *writer, const tal_block_hits *hits,
                             const tal_rows_share *shares)
{
    const tal_rows_share *share = &shares[TAL_ROWS_HITS];
    tal_status status = TAL_OK;
    for (size_t i = 0; i < TAL_DATASET_COUNT && status == TAL_OK; i++) {
        tal_dataset id = (tal_dataset)i;
        const tal_dataset_schema *row = tal_schema_dataset(id);
        if (row->hit_field >= 0) {
            status = tal_comm_agree(writer->comm, fill_hit_column(writer, hits, row));
            if (status == TAL_OK)
                status = tal_writer_write(writer, writer->dataset[id], row->type, share->begin,
                                          share->count, writer->scratch.data);
        } else if (row->rows == TAL_ROWS_HITS) {
            uint64_t base = id == TAL_DATASET_HIT_CIGAR_BEGIN ? shares[TAL_ROWS_CIGAR_RUNS].begin
                                                              : shares[TAL_ROWS_HIT_LETTERS].begin;
            status = tal_comm_agree(writer->comm, fill_hit_offsets(writer, hits, id, base));
            if (status == TAL_OK)
                status = tal_writer_write_offsets(writer, id, share,
                                                  (const uint64_t *)(void *)writer->scratch.data);
        }
    }
    const tal_rows_share *runs = &shares[TAL_ROWS_CIGAR_RUNS];
    if (status == TAL_OK)
        status = tal_writer_write(writer, writer->dataset[TAL_DATASET_HIT_CIGAR], TAL_STORE_U32,
                                  runs->begin, runs->count, hits->cigars);
    const tal_rows_share *letters = &shares[TAL_ROWS_HIT_LETTERS];
    if (status == TAL_OK)
        status = tal_writer_write(writer, writer->dataset[TAL_DATASET_HIT_LETTERS], TAL_STORE_U8,
                                  letters->begin, letters->count, hits->letters);
    return status;
}

/* Hits of every query of the block over all ranks into counts. Collective; agreed status. */
static tal_status count_hits(tal_result_writer *writer, const tal_block_hits *hits,
                             tal_lid query_count, uint64_t *counts)
{
    uint64_t first_query = writer->rows[TAL_ROWS_QUERIES];
    for (size_t i = 0; i < hits->hit_count; i++) {
        TAL_ASSERT(hits->hits[i].query >= first_query);
        TAL_ASSERT(hits->hits[i].query - first_query < query_count);
        TAL_ASSERT(i == 0 || hits->hits[i - 1].query <= hits->hits[i].query);
        counts[hits->hits[i].query - first_query]++;
    }
    tal_comm_sum_u64(writer->comm, counts, query_count);
    /* Rows go by rank: a rank's queries must lie behind those of lower ranks. */
    uint64_t hits_before = tal_comm_prefix_u64(writer->comm, hits->hit_count);
    uint64_t counted = 0;
    for (uint64_t i = 0; hits->hit_count > 0 && i < hits->hits[0].query - first_query; i++)
        counted += counts[i];
    TAL_ASSERT(hits->hit_count == 0 || counted <= hits_before);
    return TAL_OK;
}

tal_status tal_result_append(tal_result_writer *writer, const tal_seqset *queries,
                             const tal_block_hits *hits)
{
    tal_lid query_count = tal_seqset_count(queries);
    uint64_t *counts = tal_alloc_zero((query_count + 1) * sizeof(*counts));
    tal_status status = tal_comm_agree(writer->comm, counts == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK)
        status = count_hits(writer, hits, query_count, counts);
    if (status != TAL_OK)
        goto done;

    query_share mine = share_queries(writer, queries, counts);
    uint64_t local[TAL_ROWS_BLOCK_COUNT] = {
        [TAL_ROWS_QUERIES] = mine.end - mine.begin, [TAL_ROWS_HITS] = hits->hit_count};
    for (tal_lid lid = mine.begin; lid < mine.end; lid++) {
        local[TAL_ROWS_QUERY_HEADER_BYTES] += strlen(tal_seqset_header(queries, lid));
        local[TAL_ROWS_QUERY_LETTERS] += (uint64_t)tal_seqset_len(queries, lid);
    }
    for (size_t i = 0; i < hits->hit_count; i++) {
        local[TAL_ROWS_CIGAR_RUNS] += hits->hits[i].cigar_count;
        local[TAL_ROWS_HIT_LETTERS] += hits->hits[i].letter_bytes;
    }
    tal_rows_share shares[TAL_ROWS_BLOCK_COUNT];
    for (int rows = 0; rows < TAL_ROWS_BLOCK_COUNT; rows++)
        shares[rows] = tal_writer_share(writer, (tal_rows)rows, local[rows]);

    status = grow(writer, shares);
    if (status == TAL_OK && shares[TAL_ROWS_QUERIES].total > 0)
        status = write_queries(writer, &mine, shares);
    if (status == TAL_OK && shares[TAL_ROWS_HITS].total > 0)
        status = write_hits(writer, hits, shares);
    for (int rows = 0; rows < TAL_ROWS_BLOCK_COUNT && status == TAL_OK; rows++)
        writer->rows[rows] += shares[rows].total;
done:
    tal_free(counts);
    return status;
}
