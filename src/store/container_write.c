/* Writing the file of a reduced set; see container.h.
 *
 * Ranks keep packed blocks as they make them. At the end blocks go to ranks by their place, so that
 * each rank has a run of them, and all sizes are known: datasets of fixed size, written together.
 */
#include "store/container.h"

#include "base/alloc.h"
#include "base/check.h"
#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

enum { SLACK_BYTES = 64 << 10 };

/* Blocks of one kind on this rank. */
typedef struct block_set {
    tal_buffer rows; /* tal_block */
    tal_buffer bytes;
} block_set;

struct tal_container_writer {
    tal_comm *comm;
    block_set kinds[TAL_BLOCK_KIND_COUNT];
};

/* A run of blocks of all, in order. */
typedef struct block_run {
    tal_block *rows;
    size_t count;
    tal_buffer bytes;
    uint64_t before[TAL_COLUMN_CLUSTER + 1]; /* sums of the ranks before */
    uint64_t blocks_before, block_total, byte_total;
} block_run;

tal_status tal_container_writer_create(tal_comm *comm, tal_container_writer **out_writer)
{
    tal_container_writer *writer = tal_alloc_zero(sizeof(*writer));
    if (writer == NULL)
        return TAL_ERR_MEMORY;
    writer->comm = comm;
    *out_writer = writer;
    return TAL_OK;
}

static void block_set_deinit(block_set *set)
{
    tal_buffer_deinit(&set->rows);
    tal_buffer_deinit(&set->bytes);
}

void tal_container_writer_destroy(tal_container_writer *writer)
{
    if (writer == NULL)
        return;
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT; kind++)
        block_set_deinit(&writer->kinds[kind]);
    tal_free(writer);
}

tal_status tal_container_add(tal_container_writer *writer, tal_block_kind kind, tal_block block,
                             const uint8_t *bytes, size_t byte_count)
{
    block.packed = tal_hash_bytes(bytes, byte_count);
    block.byte_count = byte_count;
    tal_status status = tal_buffer_append(&writer->kinds[kind].rows, &block, sizeof(block));
    return status == TAL_OK ? tal_buffer_append(&writer->kinds[kind].bytes, bytes, byte_count)
                            : status;
}

/* A block and where its bytes are. */
typedef struct placed_block {
    tal_block row;
    const uint8_t *bytes;
} placed_block;

static int compare_places(const void *a, const void *b)
{
    const uint64_t left = ((const placed_block *)a)->row.place;
    const uint64_t right = ((const placed_block *)b)->row.place;
    return (left > right) - (left < right);
}

/* The blocks of a run of rows and bytes (row, bytes, row, bytes, ... or rows apart), sorted. */
static placed_block *sort_rows(const tal_block *rows, size_t count, const uint8_t *bytes)
{
    placed_block *placed = tal_alloc_array(count, sizeof(*placed));
    if (placed == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        placed[i] = (placed_block){.row = rows[i], .bytes = bytes};
        bytes += rows[i].byte_count;
    }
    if (count > 0)
        qsort(placed, count, sizeof(*placed), compare_places);
    return placed;
}

/* The blocks in order, cut at ranks: rows to one buffer, bytes to another. */
static tal_status lay_out(const placed_block *placed, size_t count, uint64_t place_count,
                          int rank_count, tal_buffer *rows, tal_buffer *bytes, uint64_t *row_begin,
                          uint64_t *byte_begin)
{
    tal_status status = TAL_OK;
    size_t i = 0;
    for (int rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        row_begin[rank] = rows->bytes;
        byte_begin[rank] = bytes->bytes;
        for (; i < count && status == TAL_OK; i++) {
            const unsigned __int128 scaled =
                (unsigned __int128)placed[i].row.place * (unsigned)rank_count;
            if ((int)(scaled / place_count) > rank)
                break;
            status = tal_buffer_append(rows, &placed[i].row, sizeof(tal_block));
            if (status == TAL_OK)
                status =
                    tal_buffer_append(bytes, placed[i].bytes, (size_t)placed[i].row.byte_count);
        }
    }
    row_begin[rank_count] = rows->bytes;
    byte_begin[rank_count] = bytes->bytes;
    return status;
}

/* Put what came from all ranks in order. */
static tal_status take_run(tal_buffer *rows, tal_buffer *bytes, block_run *out_run)
{
    const size_t count = rows->bytes / sizeof(tal_block);
    const tal_block *got = (const tal_block *)(const void *)rows->data;
    placed_block *placed = sort_rows(got, count, bytes->data);
    out_run->rows = tal_alloc_array(count, sizeof(*out_run->rows));
    tal_status status = placed == NULL || out_run->rows == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        out_run->rows[i] = placed[i].row;
        status =
            tal_buffer_append(&out_run->bytes, placed[i].bytes, (size_t)placed[i].row.byte_count);
    }
    out_run->count = count;
    tal_free(placed);
    return status;
}

/* Blocks of a kind to the ranks that write them. Frees the set. Collective; agreed status. */
static tal_status gather_run(tal_comm *comm, block_set *set, block_run *out_run)
{
    const int rank_count = tal_comm_size(comm);
    const size_t count = set->rows.bytes / sizeof(tal_block);
    const tal_block *rows = (const tal_block *)(const void *)set->rows.data;
    uint64_t place_count = 0;
    for (size_t i = 0; i < count; i++)
        place_count = rows[i].place + 1 > place_count ? rows[i].place + 1 : place_count;
    tal_comm_max_u64(comm, &place_count, 1);
    placed_block *placed = sort_rows(rows, count, set->bytes.data);
    uint64_t *begins = tal_alloc_array(2 * ((size_t)rank_count + 1), sizeof(*begins));
    tal_buffer row_bytes = {0}, bytes = {0}, got_rows = {0}, got_bytes = {0};
    tal_status status = placed == NULL || begins == NULL ? TAL_ERR_MEMORY : TAL_OK;
    uint64_t *byte_begin = begins == NULL ? NULL : begins + rank_count + 1;
    if (status == TAL_OK)
        status =
            lay_out(placed, count, place_count, rank_count, &row_bytes, &bytes, begins, byte_begin);
    status = tal_comm_agree(comm, status);
    block_set_deinit(set);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, row_bytes.data, begins, &got_rows, NULL);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, bytes.data, byte_begin, &got_bytes, NULL);
    tal_buffer_deinit(&row_bytes);
    tal_buffer_deinit(&bytes);
    if (status == TAL_OK)
        status = tal_comm_agree(comm, take_run(&got_rows, &got_bytes, out_run));
    tal_buffer_deinit(&got_rows);
    tal_buffer_deinit(&got_bytes);
    tal_free(begins);
    tal_free(placed);
    return status;
}

static uint64_t column_value(const tal_block *row, tal_block_column column)
{
    const uint64_t values[TAL_BLOCK_COLUMN_COUNT] = {
        [TAL_COLUMN_BYTES] = row->byte_count,
        [TAL_COLUMN_COUNT] = row->count,
        [TAL_COLUMN_AMOUNT] = row->amount,
        [TAL_COLUMN_CLUSTER] = row->cluster,
        [TAL_COLUMN_ORDINAL] = row->ordinal,
        [TAL_COLUMN_PACKED_LOW] = row->packed.low,
        [TAL_COLUMN_PACKED_HIGH] = row->packed.high,
        [TAL_COLUMN_CONTENT_LOW] = row->content.low,
        [TAL_COLUMN_CONTENT_HIGH] = row->content.high,
    };
    return values[column];
}

/* What lies before this rank's run. Collective. */
static void count_before(tal_comm *comm, block_run *run)
{
    for (int column = 0; column <= TAL_COLUMN_CLUSTER; column++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < run->count; i++)
            sum += column_value(&run->rows[i], (tal_block_column)column);
        run->before[column] = tal_comm_prefix_u64(comm, sum);
    }
    uint64_t totals[2] = {run->count, run->bytes.bytes};
    run->blocks_before = tal_comm_prefix_u64(comm, run->count);
    tal_comm_sum_u64(comm, totals, 2);
    run->block_total = totals[0];
    run->byte_total = totals[1];
}

/* The file being written. */
typedef struct container_file {
    tal_result_writer base;
    const tal_container_closing *closing;
    block_run runs[TAL_BLOCK_KIND_COUNT];
    hid_t bytes[TAL_BLOCK_KIND_COUNT];
    hid_t columns[TAL_BLOCK_KIND_COUNT][TAL_BLOCK_COLUMN_COUNT];
    hid_t parts[TAL_PART_COUNT];
    uint64_t end;
} container_file;

static tal_status failed(container_file *file)
{
    return tal_h5_fail(TAL_ERR_IO, "write", tal_partial_path(file->base.partial));
}

/* Create a dataset and note where it ends. Not agreed. */
static hid_t create(container_file *file, const char *path, tal_store_type type, uint64_t rows)
{
    const hid_t dataset = tal_h5_create(file->base.file, path, type, rows, 0);
    uint64_t end = 0;
    if (dataset >= 0 && tal_writer_find_end(dataset, type, &end) && end > file->end)
        file->end = end;
    return dataset;
}

static bool write_attributes(hid_t root, const char *name, const tal_result_attribute *attributes,
                             size_t count)
{
    const hid_t group = H5Gopen2(root, name, H5P_DEFAULT);
    bool is_written = group >= 0;
    for (size_t i = 0; i < count && is_written; i++) {
        const tal_result_attribute *attribute = &attributes[i];
        is_written = attribute->type == TAL_ATTRIBUTE_TEXT
                         ? tal_h5_write_text(group, attribute->name, attribute->text)
                     : attribute->type == TAL_ATTRIBUTE_U64
                         ? tal_h5_write_u64(group, attribute->name, attribute->u64)
                         : tal_h5_write_f64(group, attribute->name, attribute->f64);
    }
    return group >= 0 && H5Gclose(group) >= 0 && is_written;
}

static tal_status write_root(container_file *file)
{
    const hid_t root = file->base.file;
    const tal_container_closing *closing = file->closing;
    bool is_written = tal_h5_write_text(root, "format", TAL_CONTAINER_FORMAT) &&
                      tal_h5_write_u64(root, "schema_major", TAL_CONTAINER_MAJOR) &&
                      tal_h5_write_u64(root, "schema_minor", TAL_CONTAINER_MINOR) &&
                      tal_h5_write_text(root, "program", "talaria " TAL_VERSION) &&
                      tal_h5_write_text(root, "alphabet", tal_alphabet_name(closing->alphabet));
    const hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
    is_written = is_written && properties >= 0 && H5Pset_obj_track_times(properties, false) >= 0;
    for (size_t i = 0; tal_container_group(i) != NULL && is_written; i++) {
        const hid_t group =
            H5Gcreate2(root, tal_container_group(i), H5P_DEFAULT, properties, H5P_DEFAULT);
        is_written = group >= 0 && H5Gclose(group) >= 0;
    }
    if (properties >= 0)
        (void)H5Pclose(properties); /* In memory: nothing to lose. */
    is_written =
        is_written &&
        write_attributes(root, "/parameters", closing->parameters, closing->parameter_count) &&
        write_attributes(root, "/summary", closing->summary, closing->summary_count);
    return tal_comm_agree(file->base.comm, is_written ? TAL_OK : failed(file));
}

static uint64_t path_bytes(const tal_set_info *info)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < info->file_count; i++)
        bytes += strlen(info->files[i].path);
    return bytes;
}

/* Create all datasets. Collective; agreed status. */
static tal_status create_datasets(container_file *file, uint64_t dictionary_bytes)
{
    const tal_set_info *info = file->closing->info;
    const uint64_t part_rows[TAL_PART_COUNT] = {
        [TAL_PART_DICTIONARY] = dictionary_bytes,
        [TAL_PART_MATRIX] = TAL_CODE_COUNT * TAL_CODE_COUNT,
        [TAL_PART_INPUT_BYTES] = info->file_count,
        [TAL_PART_INPUT_RECORDS] = info->file_count,
        [TAL_PART_INPUT_HASH_LOW] = info->file_count,
        [TAL_PART_INPUT_HASH_HIGH] = info->file_count,
        [TAL_PART_INPUT_PATH_BEGIN] = info->file_count + 1,
        [TAL_PART_INPUT_PATHS] = path_bytes(info),
    };
    bool is_made = true;
    for (int part = 0; part < TAL_PART_COUNT; part++) {
        const tal_part_schema *row = tal_container_part_schema((tal_container_part)part);
        file->parts[part] = create(file, row->path, row->type, part_rows[part]);
        is_made = is_made && file->parts[part] >= 0;
    }
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT; kind++) {
        const block_run *run = &file->runs[kind];
        file->bytes[kind] = create(file, tal_container_bytes_path((tal_block_kind)kind),
                                   TAL_STORE_U8, run->byte_total);
        is_made = is_made && file->bytes[kind] >= 0;
        for (int i = 0; i < TAL_BLOCK_COLUMN_COUNT; i++) {
            const tal_column_schema *column =
                tal_container_column((tal_block_kind)kind, (tal_block_column)i);
            file->columns[kind][i] = -1;
            if (column->path == NULL)
                continue;
            file->columns[kind][i] =
                create(file, column->path, TAL_STORE_U64, run->block_total + column->is_sum);
            is_made = is_made && file->columns[kind][i] >= 0;
        }
    }
    return tal_comm_agree(file->base.comm, is_made ? TAL_OK : failed(file));
}

/* Write a column of this rank's run. Collective; agreed status. */
static tal_status write_column(container_file *file, tal_block_kind kind, tal_block_column column)
{
    const block_run *run = &file->runs[kind];
    const bool is_sum = tal_container_column(kind, column)->is_sum;
    tal_status status = tal_writer_scratch(&file->base, run->count + 1, sizeof(uint64_t));
    status = tal_comm_agree(file->base.comm, status);
    if (status != TAL_OK)
        return status;
    uint64_t *values = (uint64_t *)(void *)file->base.scratch.data;
    uint64_t sum = is_sum ? run->before[column] : 0;
    for (size_t i = 0; i < run->count; i++) {
        const uint64_t value = column_value(&run->rows[i], column);
        values[i] = is_sum ? sum : value;
        sum += value;
    }
    /* The total of all stands behind the last block: with the last rank. */
    uint64_t count = run->count;
    if (is_sum && tal_comm_rank(file->base.comm) + 1 == tal_comm_size(file->base.comm))
        values[count++] = sum;
    return tal_writer_write(&file->base, file->columns[kind][column], TAL_STORE_U64,
                            run->blocks_before, count, values);
}

static tal_status write_blocks(container_file *file, tal_block_kind kind)
{
    const block_run *run = &file->runs[kind];
    tal_status status =
        tal_writer_write(&file->base, file->bytes[kind], TAL_STORE_U8,
                         run->before[TAL_COLUMN_BYTES], run->bytes.bytes, run->bytes.data);
    for (int i = 0; i < TAL_BLOCK_COLUMN_COUNT && status == TAL_OK; i++)
        if (file->columns[kind][i] >= 0)
            status = write_column(file, kind, (tal_block_column)i);
    return status;
}

/* Hashes of files from those of their text blocks, on rank 0. Collective; agreed status. */
static tal_status hash_files(container_file *file, tal_hash *out_hashes)
{
    tal_comm *comm = file->base.comm;
    const block_run *run = &file->runs[TAL_BLOCKS_TEXT];
    const size_t rank_count = (size_t)tal_comm_size(comm);
    tal_buffer mine = {0}, all = {0};
    uint64_t *begin = tal_alloc_array(rank_count + 1, sizeof(*begin));
    tal_status status = begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < run->count && status == TAL_OK; i++)
        status = tal_buffer_append(&mine, &run->rows[i], sizeof(tal_block));
    for (size_t rank = 0; status == TAL_OK && rank <= rank_count; rank++)
        begin[rank] = rank == 0 ? 0 : mine.bytes;
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, mine.data, begin, &all, NULL);
    const tal_block *rows = (const tal_block *)(const void *)all.data;
    const size_t count = all.bytes / sizeof(*rows);
    size_t row = 0;
    for (size_t i = 0; i < file->closing->info->file_count && status == TAL_OK && count > 0; i++) {
        uint64_t bytes = 0;
        tal_buffer_reset(&mine);
        for (; row < count && bytes < file->closing->file_bytes[i] && status == TAL_OK; row++) {
            bytes += rows[row].amount;
            status = tal_buffer_append(&mine, &rows[row].content, sizeof(tal_hash));
        }
        out_hashes[i] = tal_hash_bytes(mine.data, mine.bytes);
    }
    tal_buffer_deinit(&all);
    tal_buffer_deinit(&mine);
    tal_free(begin);
    return tal_comm_agree(comm, status);
}

/* Columns about the input files, of rank 0. */
typedef struct input_columns {
    uint64_t *numbers; /* bytes, records, hash low, hash high, path begin */
    tal_buffer paths;
} input_columns;

static tal_status fill_inputs(const tal_container_closing *closing, const tal_hash *hashes,
                              input_columns *inputs)
{
    const size_t count = closing->info->file_count;
    inputs->numbers = tal_alloc_array(5 * count + 1, sizeof(uint64_t));
    tal_status status = inputs->numbers == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        inputs->numbers[i] = closing->file_bytes[i];
        inputs->numbers[count + i] = closing->info->files[i].sequence_count;
        inputs->numbers[2 * count + i] = hashes[i].low;
        inputs->numbers[3 * count + i] = hashes[i].high;
        inputs->numbers[4 * count + i] = inputs->paths.bytes;
        status = tal_buffer_append_text(&inputs->paths, closing->info->files[i].path);
    }
    if (status == TAL_OK)
        inputs->numbers[5 * count] = inputs->paths.bytes;
    return status;
}

/* Write what is not about blocks: rank 0 does. Collective; agreed status. */
static tal_status write_parts(container_file *file, uint64_t dictionary_bytes)
{
    const tal_container_closing *closing = file->closing;
    const size_t count = closing->info->file_count;
    const bool is_root = tal_comm_rank(file->base.comm) == 0;
    input_columns inputs = {0};
    int32_t matrix[TAL_CODE_COUNT * TAL_CODE_COUNT];
    for (int i = 0; i < TAL_CODE_COUNT * TAL_CODE_COUNT; i++)
        matrix[i] = closing->matrix->score[i / TAL_CODE_COUNT][i % TAL_CODE_COUNT];
    tal_hash *hashes = tal_alloc_zero((count + 1) * sizeof(*hashes));
    tal_status status = tal_comm_agree(file->base.comm, hashes == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK)
        status = hash_files(file, hashes);
    if (status == TAL_OK)
        status = tal_comm_agree(file->base.comm, fill_inputs(closing, hashes, &inputs));
    if (status == TAL_OK) {
        const uint64_t *numbers = inputs.numbers;
        const struct {
            const void *data;
            uint64_t count;
        } given[TAL_PART_COUNT] = {
            [TAL_PART_DICTIONARY] = {closing->dictionary->data, dictionary_bytes},
            [TAL_PART_MATRIX] = {matrix, TAL_CODE_COUNT * TAL_CODE_COUNT},
            [TAL_PART_INPUT_BYTES] = {numbers, count},
            [TAL_PART_INPUT_RECORDS] = {numbers + count, count},
            [TAL_PART_INPUT_HASH_LOW] = {numbers + 2 * count, count},
            [TAL_PART_INPUT_HASH_HIGH] = {numbers + 3 * count, count},
            [TAL_PART_INPUT_PATH_BEGIN] = {numbers + 4 * count, count + 1},
            [TAL_PART_INPUT_PATHS] = {inputs.paths.data, inputs.paths.bytes},
        };
        for (int part = 0; part < TAL_PART_COUNT && status == TAL_OK; part++)
            status = tal_writer_write(&file->base, file->parts[part],
                                      tal_container_part_schema((tal_container_part)part)->type, 0,
                                      is_root ? given[part].count : 0, given[part].data);
    }
    tal_free(inputs.numbers);
    tal_buffer_deinit(&inputs.paths);
    tal_free(hashes);
    return status;
}

/* Everything into the open file. Collective; agreed status. */
static tal_status write_all(container_file *file)
{
    tal_comm *comm = file->base.comm;
    uint64_t dictionary_bytes = tal_comm_rank(comm) == 0 ? file->closing->dictionary->bytes : 0;
    tal_comm_max_u64(comm, &dictionary_bytes, 1);
    tal_status status = write_root(file);
    if (status == TAL_OK)
        status = create_datasets(file, dictionary_bytes);
    if (status == TAL_OK)
        status = tal_partial_reserve(file->base.partial, file->end + SLACK_BYTES);
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT && status == TAL_OK; kind++)
        status = write_blocks(file, (tal_block_kind)kind);
    return status == TAL_OK ? write_parts(file, dictionary_bytes) : status;
}

static void close_datasets(container_file *file)
{
    for (int part = 0; part < TAL_PART_COUNT; part++)
        if (file->parts[part] >= 0)
            (void)H5Dclose(file->parts[part]); /* Flushed with the file, which is checked. */
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT; kind++) {
        if (file->bytes[kind] >= 0)
            (void)H5Dclose(file->bytes[kind]); /* Likewise. */
        for (int i = 0; i < TAL_BLOCK_COLUMN_COUNT; i++)
            if (file->columns[kind][i] >= 0)
                (void)H5Dclose(file->columns[kind][i]); /* Likewise. */
    }
}

/* Close, read once by rank 0 as a reader would, rename. Collective; agreed status. */
static tal_status commit(container_file *file, tal_status status, uint64_t *out_bytes)
{
    tal_partial *partial = file->base.partial;
    const bool is_kept = status == TAL_OK;
    if (!is_kept)
        tal_partial_empty(
            partial); /* With the space given back HDF5 can write what it insists on. */
    close_datasets(file);
    const tal_status closed = tal_writer_close(&file->base, is_kept);
    if (is_kept)
        status = closed;
    if (status == TAL_OK) {
        tal_container *container = NULL;
        if (tal_comm_rank(file->base.comm) == 0)
            status = tal_container_open(tal_partial_temporary(partial), &container);
        tal_container_close(container);
        status = tal_comm_agree(file->base.comm, status);
    }
    *out_bytes = file->end;
    if (status == TAL_OK)
        return tal_partial_commit(partial);
    tal_partial_discard(partial);
    return status;
}

tal_status tal_container_finish(tal_container_writer *writer, const tal_container_closing *closing,
                                uint64_t *out_bytes)
{
    tal_comm *comm = writer->comm;
    container_file *file = tal_alloc_zero(sizeof(*file));
    tal_status status = tal_comm_agree(comm, file == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(file);
        return status;
    }
    file->base = (tal_result_writer){.comm = comm, .file = -1, .transfer = -1};
    file->closing = closing;
    for (size_t id = 0; id < TAL_DATASET_COUNT; id++)
        file->base.dataset[id] = -1;
    memset(file->bytes, -1, sizeof(file->bytes));
    memset(file->columns, -1, sizeof(file->columns));
    memset(file->parts, -1, sizeof(file->parts));
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT && status == TAL_OK; kind++) {
        status = gather_run(comm, &writer->kinds[kind], &file->runs[kind]);
        if (status == TAL_OK)
            count_before(comm, &file->runs[kind]);
    }
    if (status == TAL_OK)
        status = tal_partial_create(comm, closing->path, closing->folder, closing->is_forced,
                                    &file->base.partial);
    if (status == TAL_OK) {
        status = tal_writer_open(&file->base);
        if (status == TAL_OK)
            status = write_all(file);
        status = commit(file, status, out_bytes);
    }
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT; kind++) {
        tal_free(file->runs[kind].rows);
        tal_buffer_deinit(&file->runs[kind].bytes);
    }
    tal_free(file);
    return status;
}
