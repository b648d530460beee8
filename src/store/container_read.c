/* Reading the file of a reduced set; see container.h.
 *
 * A file is untrusted: its layout is checked when it is opened, a block's hash when it is read;
 * what blocks say is checked by who decodes them.
 */
#include "store/container.h"

#include "base/alloc.h"
#include "base/check.h"
#include "reduce/text_block.h"
#include "store/h5.h"
#include "store/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Guards against absurd sizes in a damaged file. */
#define BLOCK_BYTES_MAX  ((uint64_t)1 << 40)
#define BLOCK_COUNT_MAX  ((uint64_t)1 << 32)
#define SHARED_BYTES_MAX ((uint64_t)1 << 26)

/* Blocks of a kind. */
typedef struct block_index {
    uint64_t *columns[TAL_BLOCK_COLUMN_COUNT]; /* NULL where the kind has none */
    size_t count;
    hid_t bytes;
} block_index;

struct tal_container {
    char *path;
    hid_t file;
    tal_alphabet alphabet;
    tal_matrix matrix;
    block_index kinds[TAL_BLOCK_KIND_COUNT];
    tal_buffer parts[TAL_PART_COUNT];
    tal_buffer dictionary;
    tal_buffer paths; /* ended by NUL each */
    size_t *path_at;
};

static tal_status damaged(const tal_container *container, const char *what)
{
    return tal_fail(TAL_ERR_DATA, "cannot read '%s': the file is damaged: %s", container->path,
                    what);
}

static tal_status damaged_part(const tal_container *container, const char *path)
{
    (void)H5Eclear2(H5E_DEFAULT); /* The message is ours. */
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': the file is damaged: '%s' is missing or of another kind",
                    container->path, path);
}

static tal_status check_root(tal_container *container)
{
    char text[64] = "";
    uint64_t major = 0;
    if (!tal_h5_find_text(container->file, "format", text, sizeof(text)) ||
        strcmp(text, TAL_CONTAINER_FORMAT) != 0)
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': an HDF5 file, but not a reduced set; give the output of "
                        "'talaria reduce -o'",
                        container->path);
    if (!tal_h5_find_u64(container->file, "schema_major", &major))
        return damaged(container, "it names no schema");
    if (!tal_h5_find_text(container->file, "alphabet", text, sizeof(text)))
        return damaged(container, "it names no alphabet");
    const uint64_t oldest = strcmp(text, tal_alphabet_name(TAL_PROTEIN)) == 0
                                ? TAL_CONTAINER_MAJOR_PROTEINS
                                : TAL_CONTAINER_MAJOR;
    if (major < oldest || major > TAL_CONTAINER_MAJOR)
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': made by schema %" PRIu64 ", this program reads %" PRIu64
                        " to %d of this alphabet; use the program that made it",
                        container->path, major, oldest, TAL_CONTAINER_MAJOR);
    for (int i = 0; i < TAL_ALPHABET_COUNT; i++) {
        if (strcmp(text, tal_alphabet_name((tal_alphabet)i)) == 0) {
            container->alphabet = (tal_alphabet)i;
            return TAL_OK;
        }
    }
    return damaged(container, "it names an unknown alphabet");
}

/* Read a whole dataset of the right type and at most `limit` bytes; replaces the contents of `out`.
 */
static tal_status read_whole(const tal_container *container, const char *path, tal_store_type type,
                             uint64_t limit, tal_buffer *out)
{
    const hid_t dataset = H5Dopen2(container->file, path, H5P_DEFAULT);
    const size_t bytes = tal_store_type_bytes(type);
    uint64_t rows = 0;
    tal_status status = TAL_OK;
    if (dataset < 0 || !tal_reader_find_rows(dataset, type, &rows) || rows > limit / bytes)
        status = damaged_part(container, path);
    tal_buffer_reset(out);
    if (status == TAL_OK)
        status = tal_buffer_reserve(out, (size_t)rows * bytes);
    if (status == TAL_OK && rows > 0 &&
        H5Dread(dataset, tal_h5_memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data) < 0)
        status = tal_h5_fail(TAL_ERR_IO, "read", container->path);
    if (status == TAL_OK)
        out->bytes = (size_t)rows * bytes;
    if (dataset >= 0)
        (void)H5Dclose(dataset); /* Opened for reading. */
    return status;
}

static bool rises(const uint64_t *values, size_t count)
{
    bool is_good = values[0] == 0;
    for (size_t i = 0; i < count; i++)
        is_good = is_good && values[i] <= values[i + 1];
    return is_good;
}

static tal_status open_kind(tal_container *container, tal_block_kind kind)
{
    block_index *index = &container->kinds[kind];
    const char *path = tal_container_bytes_path(kind);
    uint64_t byte_rows = 0;
    index->bytes = H5Dopen2(container->file, path, H5P_DEFAULT);
    if (index->bytes < 0 || !tal_reader_find_rows(index->bytes, TAL_STORE_U8, &byte_rows))
        return damaged_part(container, path);
    index->count = SIZE_MAX;
    for (int i = 0; i < TAL_BLOCK_COLUMN_COUNT; i++) {
        const tal_column_schema *column = tal_container_column(kind, (tal_block_column)i);
        if (column->path == NULL)
            continue;
        tal_buffer values = {0};
        tal_status status = read_whole(container, column->path, TAL_STORE_U64,
                                       BLOCK_COUNT_MAX * sizeof(uint64_t), &values);
        index->columns[i] = (uint64_t *)(void *)values.data;
        if (status != TAL_OK)
            return status;
        const size_t rows = values.bytes / sizeof(uint64_t);
        if (column->is_sum && rows == 0)
            return damaged_part(container, column->path);
        const size_t count = rows - column->is_sum;
        index->count = index->count == SIZE_MAX ? count : index->count;
        if (count != index->count || (column->is_sum && !rises(index->columns[i], count)))
            return damaged_part(container, column->path);
    }
    if (index->columns[TAL_COLUMN_BYTES][index->count] != byte_rows)
        return damaged_part(container, path);
    return TAL_OK;
}

static tal_status open_matrix(tal_container *container)
{
    const tal_buffer *part = &container->parts[TAL_PART_MATRIX];
    const int32_t *scores = (const int32_t *)(const void *)part->data;
    if (part->bytes != TAL_CODE_COUNT * TAL_CODE_COUNT * sizeof(int32_t))
        return damaged_part(container, tal_container_part_schema(TAL_PART_MATRIX)->path);
    for (int i = 0; i < TAL_CODE_COUNT * TAL_CODE_COUNT; i++)
        if (scores[i] < TAL_PAD_SCORE || scores[i] > TAL_SCORE_MAX)
            return damaged_part(container, tal_container_part_schema(TAL_PART_MATRIX)->path);
    char name[sizeof(container->matrix.name)] = "";
    (void)tal_container_find_attribute(container, "/parameters", "matrix", name, sizeof(name));
    tal_matrix_restore(name, container->alphabet, scores, &container->matrix);
    return TAL_OK;
}

static const uint64_t *part_numbers(const tal_container *container, tal_container_part part)
{
    return (const uint64_t *)(const void *)container->parts[part].data;
}

static tal_status open_inputs(tal_container *container)
{
    const size_t count = tal_container_input_count(container);
    for (int part = TAL_PART_INPUT_BYTES; part <= TAL_PART_INPUT_PATH_BEGIN; part++)
        if (container->parts[part].bytes !=
            (count + (part == TAL_PART_INPUT_PATH_BEGIN)) * sizeof(uint64_t))
            return damaged(container, "the columns of '/inputs' differ in length");
    const uint64_t *begin = part_numbers(container, TAL_PART_INPUT_PATH_BEGIN);
    const tal_buffer *paths = &container->parts[TAL_PART_INPUT_PATHS];
    if (!rises(begin, count) || begin[count] != paths->bytes)
        return damaged(container, "the paths of '/inputs' are broken");
    container->path_at = tal_alloc_array(count, sizeof(*container->path_at));
    tal_status status = container->path_at == NULL ? TAL_ERR_MEMORY : TAL_OK;
    uint64_t bytes = 0, records = 0;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        container->path_at[i] = container->paths.bytes;
        status = tal_buffer_append(&container->paths, paths->data + begin[i],
                                   (size_t)(begin[i + 1] - begin[i]));
        if (status == TAL_OK)
            status = tal_buffer_append(&container->paths, "", 1);
        bytes += part_numbers(container, TAL_PART_INPUT_BYTES)[i];
        records += part_numbers(container, TAL_PART_INPUT_RECORDS)[i];
    }
    if (status == TAL_OK && (bytes != tal_container_amount(container, TAL_BLOCKS_TEXT) ||
                             records != tal_container_count(container, TAL_BLOCKS_TEXT)))
        return damaged(container, "'/inputs' and '/text' contradict each other");
    return status;
}

static tal_status open_all(tal_container *container)
{
    tal_status status = check_root(container);
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT && status == TAL_OK; kind++)
        status = open_kind(container, (tal_block_kind)kind);
    for (int part = 0; part < TAL_PART_COUNT && status == TAL_OK; part++) {
        const tal_part_schema *row = tal_container_part_schema((tal_container_part)part);
        status =
            read_whole(container, row->path, row->type, SHARED_BYTES_MAX, &container->parts[part]);
    }
    if (status == TAL_OK)
        status = open_matrix(container);
    if (status == TAL_OK)
        status = open_inputs(container);
    if (status != TAL_OK)
        return status;
    const uint64_t *clusters = container->kinds[TAL_BLOCKS_TEXT].columns[TAL_COLUMN_CLUSTER];
    const uint64_t representatives = tal_container_count(container, TAL_BLOCKS_REPRESENTATIVES);
    if (clusters[tal_container_block_count(container, TAL_BLOCKS_TEXT)] != representatives ||
        representatives + tal_container_count(container, TAL_BLOCKS_MEMBERS) !=
            tal_container_count(container, TAL_BLOCKS_TEXT))
        return damaged(container, "its records are not its representatives and members");
    const tal_buffer *packed = &container->parts[TAL_PART_DICTIONARY];
    status = tal_text_unpack(packed->data, packed->bytes, SHARED_BYTES_MAX, &container->dictionary);
    return status == TAL_ERR_DATA ? damaged_part(container, "/text/dictionary") : status;
}

tal_status tal_container_open(const char *path, tal_container **out_container)
{
    tal_container *container = tal_alloc_zero(sizeof(*container));
    if (container == NULL)
        return TAL_ERR_MEMORY;
    container->file = -1;
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT; kind++)
        container->kinds[kind].bytes = -1;
    container->path = tal_alloc(strlen(path) + 1);
    tal_status status = container->path == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK) {
        memcpy(container->path, path, strlen(path) + 1);
        status = tal_reader_open_file(path, "talaria reduce -o", &container->file);
    }
    if (status == TAL_OK)
        status = open_all(container);
    if (status != TAL_OK) {
        tal_container_close(container);
        return status;
    }
    *out_container = container;
    return TAL_OK;
}

void tal_container_close(tal_container *container)
{
    if (container == NULL)
        return;
    for (int kind = 0; kind < TAL_BLOCK_KIND_COUNT; kind++) {
        if (container->kinds[kind].bytes >= 0)
            (void)H5Dclose(container->kinds[kind].bytes); /* Opened for reading. */
        for (int i = 0; i < TAL_BLOCK_COLUMN_COUNT; i++)
            tal_free(container->kinds[kind].columns[i]);
    }
    if (container->file >= 0)
        (void)H5Fclose(container->file); /* Opened for reading. */
    for (int part = 0; part < TAL_PART_COUNT; part++)
        tal_buffer_deinit(&container->parts[part]);
    tal_buffer_deinit(&container->dictionary);
    tal_buffer_deinit(&container->paths);
    tal_free(container->path_at);
    tal_free(container->path);
    tal_free(container);
}

const char *tal_container_path(const tal_container *container)
{
    return container->path;
}

tal_alphabet tal_container_alphabet(const tal_container *container)
{
    return container->alphabet;
}

const tal_matrix *tal_container_matrix(const tal_container *container)
{
    return &container->matrix;
}

bool tal_container_find_attribute(const tal_container *container, const char *group,
                                  const char *name, char *text, size_t bytes)
{
    const hid_t object = H5Gopen2(container->file, group, H5P_DEFAULT);
    if (object < 0)
        return false;
    const bool is_found = tal_h5_find_text(object, name, text, bytes);
    (void)H5Gclose(object); /* Opened for reading. */
    return is_found;
}

size_t tal_container_block_count(const tal_container *container, tal_block_kind kind)
{
    return container->kinds[kind].count;
}

uint64_t tal_container_count(const tal_container *container, tal_block_kind kind)
{
    const block_index *index = &container->kinds[kind];
    return index->columns[TAL_COLUMN_COUNT][index->count];
}

uint64_t tal_container_amount(const tal_container *container, tal_block_kind kind)
{
    const block_index *index = &container->kinds[kind];
    return index->columns[TAL_COLUMN_AMOUNT][index->count];
}

/* The value of a column for one block; 0 where the kind has none. */
static uint64_t value_of(const block_index *index, tal_block_kind kind, tal_block_column column,
                         size_t idx)
{
    const uint64_t *values = index->columns[column];
    if (values == NULL)
        return 0;
    return tal_container_column(kind, column)->is_sum ? values[idx + 1] - values[idx] : values[idx];
}

tal_block tal_container_block(const tal_container *container, tal_block_kind kind, size_t idx)
{
    const block_index *index = &container->kinds[kind];
    TAL_ASSERT(idx < index->count);
    return (tal_block){
        .place = idx,
        .count = value_of(index, kind, TAL_COLUMN_COUNT, idx),
        .amount = value_of(index, kind, TAL_COLUMN_AMOUNT, idx),
        .cluster = value_of(index, kind, TAL_COLUMN_CLUSTER, idx),
        .ordinal = value_of(index, kind, TAL_COLUMN_ORDINAL, idx),
        .packed = {value_of(index, kind, TAL_COLUMN_PACKED_LOW, idx),
                   value_of(index, kind, TAL_COLUMN_PACKED_HIGH, idx)},
        .content = {value_of(index, kind, TAL_COLUMN_CONTENT_LOW, idx),
                    value_of(index, kind, TAL_COLUMN_CONTENT_HIGH, idx)},
        .byte_count = value_of(index, kind, TAL_COLUMN_BYTES, idx),
    };
}

tal_block_begin tal_container_block_begin(const tal_container *container, tal_block_kind kind,
                                          size_t idx)
{
    const block_index *index = &container->kinds[kind];
    TAL_ASSERT(idx <= index->count);
    return (tal_block_begin){
        .count = index->columns[TAL_COLUMN_COUNT][idx],
        .amount = index->columns[TAL_COLUMN_AMOUNT][idx],
        .cluster = kind == TAL_BLOCKS_TEXT ? index->columns[TAL_COLUMN_CLUSTER][idx] : 0,
    };
}

size_t tal_container_find_block(const tal_container *container, tal_block_kind kind,
                                uint64_t number)
{
    const block_index *index = &container->kinds[kind];
    const uint64_t *first = index->columns[TAL_COLUMN_COUNT];
    TAL_ASSERT(number < first[index->count]);
    size_t low = 0, high = index->count; /* first[low] <= number < first[high] */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (first[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

size_t tal_container_find_member(const tal_container *container, uint64_t cluster, uint64_t ordinal)
{
    const block_index *index = &container->kinds[TAL_BLOCKS_MEMBERS];
    const uint64_t *clusters = index->columns[TAL_COLUMN_CLUSTER];
    const uint64_t *ordinals = index->columns[TAL_COLUMN_ORDINAL];
    size_t low = 0, high = index->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (clusters[middle] < cluster ||
            (clusters[middle] == cluster && ordinals[middle] <= ordinal))
            low = middle;
        else
            high = middle;
    }
    return low;
}

tal_status tal_container_damaged(const tal_container *container, tal_block_kind kind, size_t idx,
                                 const char *what)
{
    const tal_block_begin begin = tal_container_block_begin(container, kind, idx);
    const tal_block_begin end = tal_container_block_begin(container, kind, idx + 1);
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': block %zu of %s (%" PRIu64 " to %" PRIu64 ") is damaged: %s",
                    container->path, idx, tal_container_kind_name(kind), begin.count, end.count - 1,
                    what);
}

tal_status tal_container_read(tal_container *container, tal_block_kind kind, size_t idx,
                              tal_buffer *out)
{
    const tal_block block = tal_container_block(container, kind, idx);
    const block_index *index = &container->kinds[kind];
    hsize_t begin = index->columns[TAL_COLUMN_BYTES][idx], count = block.byte_count;
    tal_buffer_reset(out);
    if (count > BLOCK_BYTES_MAX)
        return tal_container_damaged(container, kind, idx, "its size is absurd");
    tal_status status = tal_buffer_reserve(out, (size_t)count);
    if (status != TAL_OK)
        return status;
    const hid_t memory = H5Screate_simple(1, &count, NULL);
    const hid_t space = H5Dget_space(index->bytes);
    if (count > 0 &&
        (memory < 0 || space < 0 ||
         H5Sselect_hyperslab(space, H5S_SELECT_SET, &begin, NULL, &count, NULL) < 0 ||
         H5Dread(index->bytes, H5T_NATIVE_UINT8, memory, space, H5P_DEFAULT, out->data) < 0))
        status = tal_h5_fail(TAL_ERR_IO, "read", container->path);
    if (space >= 0)
        (void)H5Sclose(space); /* In memory: nothing to lose. */
    if (memory >= 0)
        (void)H5Sclose(memory); /* Likewise. */
    if (status != TAL_OK)
        return status;
    out->bytes = (size_t)count;
    const tal_hash hash = tal_hash_bytes(out->data, out->bytes);
    if (hash.low != block.packed.low || hash.high != block.packed.high)
        return tal_container_damaged(container, kind, idx, "its bytes do not have their hash");
    return TAL_OK;
}

const tal_buffer *tal_container_dictionary(const tal_container *container)
{
    return &container->dictionary;
}

size_t tal_container_input_count(const tal_container *container)
{
    return container->parts[TAL_PART_INPUT_BYTES].bytes / sizeof(uint64_t);
}

tal_container_input tal_container_get_input(const tal_container *container, size_t idx)
{
    TAL_ASSERT(idx < tal_container_input_count(container));
    const uint64_t *bytes = part_numbers(container, TAL_PART_INPUT_BYTES);
    tal_container_input input = {
        .path = (const char *)container->paths.data + container->path_at[idx],
        .bytes = bytes[idx],
        .records = part_numbers(container, TAL_PART_INPUT_RECORDS)[idx],
        .hash = {part_numbers(container, TAL_PART_INPUT_HASH_LOW)[idx],
                 part_numbers(container, TAL_PART_INPUT_HASH_HIGH)[idx]},
    };
    for (size_t i = 0; i < idx; i++)
        input.text_begin += bytes[i];
    return input;
}
