/* Closing a result file: references, inputs, attributes, per-rank numbers; see result.h.
 *
 * Here every size is known, so datasets are contiguous and exact. References go to the rank that
 * owns their range of gids, are sorted there and written in rank order: the same rows for any
 * number of ranks.
 */
#include "store/writer.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Disk space for an attribute besides its name and text, twice for tables that grow by doubling. */
enum { ATTRIBUTE_ROOM_BYTES = 256 };

/* A reference on its way to the owner of its gid; the header follows. */
typedef struct reference_record {
    uint64_t gid;
    uint64_t representative;
    int32_t len;
    uint32_t header_bytes;
} reference_record;
_Static_assert(sizeof(reference_record) == 24, "references cross ranks as bytes: no padding");

/* A received reference: its header is in the buffer it came in. */
typedef struct reference_view {
    reference_record record;
    const uint8_t *header;
} reference_view;

static int compare_gids(const void *a, const void *b)
{
    uint64_t left = ((const reference_view *)a)->record.gid;
    uint64_t right = ((const reference_view *)b)->record.gid;
    return (left > right) - (left < right);
}

/* The rank that sorts and writes this gid: equal ranges of [0, gid_max]. */
static size_t owner_of(uint64_t gid, uint64_t gid_max, size_t size)
{
    return (size_t)(gid / (gid_max / size + 1));
}

/* Pack the references that were hit by owner: begin[r] is where rank r's bytes start. */
static tal_status pack_references(const tal_result_closing *closing, uint64_t gid_max, size_t size,
                                  tal_buffer *packed, uint64_t *begin, uint64_t *cursor)
{
    tal_lid count = tal_seqset_count(closing->references);
    memset(begin, 0, (size + 1) * sizeof(*begin));
    for (tal_lid lid = 0; lid < count; lid++)
        if (closing->is_hit[lid])
            begin[owner_of(tal_seqset_gid(closing->references, lid), gid_max, size) + 1] +=
                sizeof(reference_record) + strlen(tal_seqset_header(closing->references, lid));
    for (size_t rank = 0; rank < size; rank++) {
        begin[rank + 1] += begin[rank];
        cursor[rank] = begin[rank];
    }
    tal_status status = tal_buffer_reserve(packed, (size_t)begin[size]);
    if (status != TAL_OK)
        return status;
    for (tal_lid lid = 0; lid < count; lid++) {
        if (!closing->is_hit[lid])
            continue;
        const char *header = tal_seqset_header(closing->references, lid);
        reference_record record = {
            .gid = tal_seqset_gid(closing->references, lid),
            .representative = closing->has_representatives ? closing->representatives[lid] : 0,
            .len = closing->lens != NULL ? closing->lens[lid]
                                         : tal_seqset_len(closing->references, lid),
            .header_bytes = (uint32_t)strlen(header)};
        uint64_t *at = &cursor[owner_of(record.gid, gid_max, size)];
        memcpy(packed->data + *at, &record, sizeof(record));
        memcpy(packed->data + *at + sizeof(record), header, record.header_bytes);
        *at += sizeof(record) + record.header_bytes;
    }
    packed->bytes = (size_t)begin[size];
    return TAL_OK;
}

/* Views of what was received, by gid. */
static tal_status sort_references(const tal_buffer *received, reference_view **out_views,
                                  size_t *out_count, uint64_t *out_header_bytes)
{
    size_t count = 0;
    uint64_t header_bytes = 0;
    reference_record record;
    for (size_t at = 0; at < received->bytes; at += sizeof(record) + record.header_bytes) {
        memcpy(&record, received->data + at, sizeof(record));
        header_bytes += record.header_bytes;
        count++;
    }
    reference_view *views = tal_alloc_array(count, sizeof(*views));
    if (views == NULL)
        return TAL_ERR_MEMORY;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(&views[i].record, received->data + at, sizeof(record));
        views[i].header = received->data + at + sizeof(record);
        at += sizeof(record) + views[i].record.header_bytes;
    }
    if (count > 0)
        qsort(views, count, sizeof(*views), compare_gids);
    for (size_t i = 1; i < count; i++)
        TAL_ASSERT(views[i - 1].record.gid < views[i].record.gid);
    *out_views = views;
    *out_count = count;
    *out_header_bytes = header_bytes;
    return TAL_OK;
}

/* Every reference that was hit to the owner of its gid. Collective; agreed status. */
static tal_status exchange_references(tal_result_writer *writer, const tal_result_closing *closing,
                                      tal_buffer *received)
{
    size_t size = (size_t)tal_comm_size(writer->comm);
    tal_buffer packed = {0};
    uint64_t gid_max = 0;
    for (tal_lid lid = 0; lid < tal_seqset_count(closing->references); lid++)
        if (closing->is_hit[lid] && tal_seqset_gid(closing->references, lid) > gid_max)
            gid_max = tal_seqset_gid(closing->references, lid);
    tal_comm_max_u64(writer->comm, &gid_max, 1);
    uint64_t *begin = tal_alloc_array(size + 1, sizeof(*begin));
    uint64_t *cursor = tal_alloc_array(size, sizeof(*cursor));
    tal_status status = TAL_ERR_MEMORY;
    if (begin != NULL && cursor != NULL)
        status = pack_references(closing, gid_max, size, &packed, begin, cursor);
    status = tal_comm_agree(writer->comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(writer->comm, packed.data, begin, received, NULL);
    tal_free(cursor);
    tal_free(begin);
    tal_buffer_deinit(&packed);
    return status;
}

/* One column of this rank's references into the scratch buffer. */
static tal_status fill_references(tal_result_writer *writer, tal_dataset id,
                                  const reference_view *views, size_t count, uint64_t base)
{
    tal_status status = tal_writer_scratch(writer, count + 1, sizeof(uint64_t));
    if (status != TAL_OK)
        return status;
    uint64_t *wide = (uint64_t *)(void *)writer->scratch.data;
    int32_t *lens = (int32_t *)(void *)writer->scratch.data;
    if (id == TAL_DATASET_REFERENCE_HEADER_BEGIN)
        wide[0] = base;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        if (id == TAL_DATASET_REFERENCE_GID)
            wide[i] = views[i].record.gid;
        else if (id == TAL_DATASET_REFERENCE_LENGTH)
            lens[i] = views[i].record.len;
        else if (id == TAL_DATASET_REFERENCE_REPRESENTATIVE)
            wide[i] = views[i].record.representative;
        else if (id == TAL_DATASET_REFERENCE_HEADER_BEGIN)
            wide[i + 1] = wide[i] + views[i].record.header_bytes;
        else
            status =
                tal_buffer_append(&writer->scratch, views[i].header, views[i].record.header_bytes);
    }
    return status;
}

static tal_status write_references(tal_result_writer *writer, const reference_view *views,
                                   const tal_rows_share *shares)
{
    tal_status status = TAL_OK;
    for (int i = TAL_DATASET_REFERENCE_GID; i <= TAL_DATASET_REFERENCE_REPRESENTATIVE; i++) {
        tal_dataset id = (tal_dataset)i;
        if (writer->dataset[id] < 0)
            continue;
        const tal_dataset_schema *row = tal_schema_dataset(id);
        const tal_rows_share *share = &shares[row->rows];
        status = tal_comm_agree(writer->comm,
                                fill_references(writer, id, views,
                                                (size_t)shares[TAL_ROWS_REFERENCES].count,
                                                shares[TAL_ROWS_REFERENCE_HEADER_BYTES].begin));
        if (status == TAL_OK && row->is_offsets)
            status = tal_writer_write_offsets(writer, id, share,
                                              (const uint64_t *)(void *)writer->scratch.data);
        else if (status == TAL_OK)
            status = tal_writer_write(writer, writer->dataset[id], row->type, share->begin,
                                      share->count, writer->scratch.data);
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

/* The columns of /inputs; offsets have one entry more. Rank 0 writes them. */
typedef struct input_columns {
    uint8_t *role;
    uint64_t *bytes, *sequences, *residues, *hash, *path_begin;
    tal_buffer paths;
    size_t count;
} input_columns;

static void inputs_deinit(input_columns *inputs)
{
    tal_buffer_deinit(&inputs->paths);
    tal_free(inputs->path_begin);
    tal_free(inputs->hash);
    tal_free(inputs->residues);
    tal_free(inputs->sequences);
    tal_free(inputs->bytes);
    tal_free(inputs->role);
}

static tal_status inputs_init(input_columns *inputs, const tal_result_closing *closing)
{
    const tal_set_info *sets[] = {closing->query_info, closing->reference_info};
    size_t room = sets[0]->file_count + sets[1]->file_count + 1;
    *inputs = (input_columns){.role = tal_alloc_array(room, sizeof(uint8_t)),
                              .bytes = tal_alloc_array(room, sizeof(uint64_t)),
                              .sequences = tal_alloc_array(room, sizeof(uint64_t)),
                              .residues = tal_alloc_array(room, sizeof(uint64_t)),
                              .hash = tal_alloc_array(room, sizeof(uint64_t)),
                              .path_begin = tal_alloc_zero(room * sizeof(uint64_t))};
    if (inputs->role == NULL || inputs->bytes == NULL || inputs->sequences == NULL ||
        inputs->residues == NULL || inputs->hash == NULL || inputs->path_begin == NULL)
        return TAL_ERR_MEMORY;
    for (size_t set = 0; set < 2; set++) {
        for (size_t i = 0; i < sets[set]->file_count; i++) {
            const tal_file_info *file = &sets[set]->files[i];
            size_t at = inputs->count++;
            inputs->role[at] = (uint8_t)set;
            inputs->bytes[at] = file->bytes;
            inputs->sequences[at] = file->sequence_count;
            inputs->residues[at] = file->residue_count;
            inputs->hash[at] = file->hash;
            tal_status status = tal_buffer_append_text(&inputs->paths, file->path);
            if (status != TAL_OK)
                return status;
            inputs->path_begin[at + 1] = inputs->paths.bytes;
        }
    }
    return TAL_OK;
}

static tal_status write_inputs(tal_result_writer *writer, const input_columns *inputs)
{
    const struct {
        tal_dataset id;
        const void *data;
        uint64_t count;
    } columns[] = {{TAL_DATASET_INPUT_ROLE, inputs->role, inputs->count},
                   {TAL_DATASET_INPUT_BYTES, inputs->bytes, inputs->count},
                   {TAL_DATASET_INPUT_SEQUENCES, inputs->sequences, inputs->count},
                   {TAL_DATASET_INPUT_RESIDUES, inputs->residues, inputs->count},
                   {TAL_DATASET_INPUT_HASH, inputs->hash, inputs->count},
                   {TAL_DATASET_INPUT_PATH_BEGIN, inputs->path_begin, inputs->count + 1},
                   {TAL_DATASET_INPUT_PATHS, inputs->paths.data, inputs->paths.bytes}};
    bool is_root = tal_comm_rank(writer->comm) == 0;
    tal_status status = TAL_OK;
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && status == TAL_OK; i++)
        status = tal_writer_write(writer, writer->dataset[columns[i].id],
                                  tal_schema_dataset(columns[i].id)->type, 0,
                                  is_root ? columns[i].count : 0, columns[i].data);
    return status;
}

/* Attributes of one group. Collective. */
static bool write_attributes(tal_result_writer *writer, const char *group,
                             const tal_result_attribute *attributes, size_t count)
{
    hid_t object = H5Gopen2(writer->file, group, H5P_DEFAULT);
    bool is_written = object >= 0;
    for (size_t i = 0; i < count && is_written; i++) {
        const tal_result_attribute *entry = &attributes[i];
        if (entry->type == TAL_ATTRIBUTE_TEXT)
            is_written = tal_h5_write_text(object, entry->name, entry->text);
        else if (entry->type == TAL_ATTRIBUTE_U64)
            is_written = tal_h5_write_u64(object, entry->name, entry->u64);
        else
            is_written = tal_h5_write_f64(object, entry->name, entry->f64);
    }
    if (object >= 0 && H5Gclose(object) < 0)
        is_written = false;
    return is_written;
}

/* More than the attributes take in the file: each is stored once, with its name and header. */
static uint64_t attribute_bytes(const tal_result_closing *closing)
{
    const size_t counts[] = {closing->parameter_count, closing->summary_count};
    const tal_result_attribute *const lists[] = {closing->parameters, closing->summary};
    uint64_t bytes = 0;
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < counts[list]; i++)
            bytes +=
                ATTRIBUTE_ROOM_BYTES + 2 * strlen(lists[list][i].name) +
                (lists[list][i].type == TAL_ATTRIBUTE_TEXT ? 2 * strlen(lists[list][i].text) : 0);
    return bytes;
}

/* Create what does not exist yet, each with its final size. Collective; agreed status. */
static tal_status create_rest(tal_result_writer *writer, const uint64_t *totals,
                              const tal_result_closing *closing, hid_t *rank_datasets)
{
    const char *path = tal_partial_path(writer->partial);
    tal_status status = TAL_OK;
    for (size_t i = 0; i < TAL_DATASET_COUNT && status == TAL_OK; i++) {
        const tal_dataset_schema *row = tal_schema_dataset((tal_dataset)i);
        if (writer->dataset[i] >= 0 || (row->is_optional && !closing->has_representatives))
            continue;
        uint64_t rows = row->rows < TAL_ROWS_BLOCK_COUNT ? 0 : totals[row->rows];
        writer->dataset[i] =
            tal_h5_create(writer->file, row->path, row->type, rows + (row->is_offsets ? 1 : 0), 0);
        if (writer->dataset[i] < 0)
            status = tal_h5_fail(TAL_ERR_IO, "write", path);
        status = tal_comm_agree(writer->comm, status);
    }
    uint64_t rank_count = (uint64_t)tal_comm_size(writer->comm);
    for (size_t i = 0; i < closing->rank_number_count && status == TAL_OK; i++) {
        char name[256];
        (void)snprintf(name, sizeof(name), "/ranks/%s", closing->rank_numbers[i].name);
        rank_datasets[i] = tal_h5_create(writer->file, name, TAL_STORE_F64, rank_count, 0);
        if (rank_datasets[i] < 0)
            status = tal_h5_fail(TAL_ERR_IO, "write", path);
        status = tal_comm_agree(writer->comm, status);
    }
    if (status != TAL_OK)
        return status;
    if (!write_attributes(writer, "/parameters", closing->parameters, closing->parameter_count) ||
        !write_attributes(writer, "/summary", closing->summary, closing->summary_count))
        status = tal_h5_fail(TAL_ERR_IO, "write", path);
    return tal_comm_agree(writer->comm, status);
}

/* The one row of offsets into things of which there are none. Collective; agreed status. */
static tal_status write_empty_offsets(tal_result_writer *writer)
{
    static const uint64_t zero;
    const tal_rows_share none = {0};
    tal_status status = TAL_OK;
    for (size_t i = 0; i < TAL_DATASET_COUNT && status == TAL_OK; i++) {
        const tal_dataset_schema *row = tal_schema_dataset((tal_dataset)i);
        if (row->is_offsets && row->rows < TAL_ROWS_BLOCK_COUNT && writer->rows[row->rows] == 0)
            status = tal_writer_write_offsets(writer, (tal_dataset)i, &none, &zero);
    }
    return status;
}

/* Everything that only the end knows. rank_datasets has rank_number_count entries. */
static tal_status write_rest(tal_result_writer *writer, const tal_result_closing *closing,
                             const input_columns *inputs, hid_t *rank_datasets)
{
    tal_comm *comm = writer->comm;
    tal_buffer received = {0};
    reference_view *views = NULL;
    size_t count = 0;
    uint64_t header_bytes = 0;
    tal_status status = exchange_references(writer, closing, &received);
    if (status != TAL_OK)
        goto done;
    status = tal_comm_agree(comm, sort_references(&received, &views, &count, &header_bytes));
    if (status != TAL_OK)
        goto done;

    tal_rows_share shares[TAL_ROWS_COUNT] = {0};
    shares[TAL_ROWS_REFERENCES] = tal_writer_share(writer, TAL_ROWS_REFERENCES, count);
    shares[TAL_ROWS_REFERENCE_HEADER_BYTES] =
        tal_writer_share(writer, TAL_ROWS_REFERENCE_HEADER_BYTES, header_bytes);
    const uint64_t totals[TAL_ROWS_COUNT] = {
        [TAL_ROWS_REFERENCES] = shares[TAL_ROWS_REFERENCES].total,
        [TAL_ROWS_REFERENCE_HEADER_BYTES] = shares[TAL_ROWS_REFERENCE_HEADER_BYTES].total,
        [TAL_ROWS_INPUTS] = inputs->count,
        [TAL_ROWS_INPUT_PATH_BYTES] = inputs->paths.bytes,
        [TAL_ROWS_BINS] = closing->histogram_count};
    const uint64_t rank_number_bytes =
        closing->rank_number_count * (uint64_t)tal_comm_size(comm) * sizeof(double);
    status = create_rest(writer, totals, closing, rank_datasets);
    if (status == TAL_OK)
        status = tal_writer_reserve(writer, attribute_bytes(closing) + rank_number_bytes);
    if (status == TAL_OK)
        status = write_empty_offsets(writer);
    if (status == TAL_OK)
        status = write_references(writer, views, shares);
    if (status == TAL_OK)
        status = write_inputs(writer, inputs);
    if (status == TAL_OK)
        status = tal_writer_write(writer, writer->dataset[TAL_DATASET_HISTOGRAM], TAL_STORE_U64, 0,
                                  tal_comm_rank(comm) == 0 ? closing->histogram_count : 0,
                                  closing->histogram);
    for (size_t i = 0; i < closing->rank_number_count && status == TAL_OK; i++)
        status = tal_writer_write(writer, rank_datasets[i], TAL_STORE_F64,
                                  (uint64_t)tal_comm_rank(comm), 1, &closing->rank_numbers[i].f64);
done:
    tal_free(views);
    tal_buffer_deinit(&received);
    return status;
}

/* Rank 0 opens the file as a reader would: a write that was lost silently must not pass. */
static tal_status verify(const tal_partial *partial, int rank)
{
    tal_result_reader *reader = NULL;
    if (rank != 0)
        return TAL_OK;
    tal_status status = tal_result_open(tal_partial_temporary(partial), &reader);
    tal_result_close(reader);
    return status == TAL_OK ? TAL_OK : TAL_ERR_IO;
}

tal_status tal_result_finish(tal_result_writer *writer, const tal_result_closing *closing)
{
    tal_comm *comm = writer->comm;
    input_columns inputs = {0};
    hid_t *rank_datasets = tal_alloc_array(closing->rank_number_count, sizeof(*rank_datasets));
    tal_status status = rank_datasets == NULL ? TAL_ERR_MEMORY : inputs_init(&inputs, closing);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK) {
        for (size_t i = 0; i < closing->rank_number_count; i++)
            rank_datasets[i] = -1;
        status = write_rest(writer, closing, &inputs, rank_datasets);
        for (size_t i = 0; i < closing->rank_number_count; i++)
            if (rank_datasets[i] >= 0)
                (void)H5Dclose(rank_datasets[i]); /* Flushed with the file, which is checked. */
    }
    tal_free(rank_datasets);
    inputs_deinit(&inputs);
    if (status != TAL_OK) {
        tal_result_discard(writer);
        return status;
    }
    tal_partial *partial = writer->partial;
    status = tal_writer_close(writer, true);
    tal_free(writer);
    if (status == TAL_OK)
        status = tal_comm_agree(comm, verify(partial, tal_comm_rank(comm)));
    if (status == TAL_OK)
        return tal_partial_commit(partial);
    tal_partial_discard(partial);
    return status;
}
