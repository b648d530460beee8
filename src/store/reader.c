/* Reading result files by one process; see result.h and reader.h.
 *
 * A file is untrusted: its layout is checked when it is opened, offsets before they are used.
 */
#include "store/reader.h"

#include "base/alloc.h"
#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one call may be asked to hold: a guard against absurd sizes in a damaged file. */
#define READ_BYTES_MAX ((uint64_t)1 << 40)

tal_status tal_reader_damaged(const tal_result_reader *reader, const char *what)
{
    return tal_fail(TAL_ERR_DATA, "cannot read '%s': the file is damaged: %s", reader->path, what);
}

/* Look at the file without HDF5, whose messages for these cases help nobody. */
static tal_status check_plain(const char *path, const char *maker)
{
    static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    uint8_t start[8] = {0};
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", path, strerror(errno));
    tal_status status = TAL_OK;
    if (fstat(descriptor, &info) != 0)
        status = tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", path, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        status = tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': it is a directory", path);
    else if (!S_ISREG(info.st_mode))
        status = tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': it is not a plain file", path);
    else if (info.st_size == 0)
        status = tal_fail(TAL_ERR_DATA, "cannot read '%s': the file is empty", path);
    else if (pread(descriptor, start, sizeof(start), 0) != (ssize_t)sizeof(start) ||
             memcmp(start, signature, sizeof(start)) != 0)
        status =
            tal_fail(TAL_ERR_DATA, "cannot read '%s': not an HDF5 file; give the output of '%s'",
                     path, maker);
    (void)close(descriptor); /* Opened for reading. */
    return status;
}

tal_status tal_reader_open_file(const char *path, const char *maker, hid_t *out_file)
{
    tal_h5_quiet();
    tal_status status = check_plain(path, maker);
    if (status != TAL_OK)
        return status;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* File systems without locks are common on clusters: go on without. */
    if (access < 0 || H5Pset_file_locking(access, true, true) < 0)
        return tal_h5_fail(TAL_ERR_INTERNAL, "open", path);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    (void)H5Pclose(access); /* A property list in memory: nothing to lose. */
    if (file < 0)
        return tal_h5_fail(TAL_ERR_DATA, "read damaged or incomplete file", path);
    *out_file = file;
    return TAL_OK;
}

static tal_status open_file(tal_result_reader *reader)
{
    return tal_reader_open_file(reader->path, "talaria search", &reader->file);
}

static tal_status check_root(tal_result_reader *reader)
{
    char text[64] = "";
    uint64_t major = 0;
    if (!tal_h5_find_text(reader->file, "format", text, sizeof(text)) ||
        strcmp(text, TAL_SCHEMA_FORMAT) != 0)
        return tal_fail(TAL_ERR_DATA, "cannot read '%s': an HDF5 file, but not a search result",
                        reader->path);
    if (!tal_h5_find_u64(reader->file, "schema_major", &major))
        return tal_reader_damaged(reader, "it has no schema version");
    if (major < TAL_SCHEMA_MAJOR_OLDEST || major > TAL_SCHEMA_MAJOR)
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': made by schema %llu, this program reads %d to %d; "
                        "search again, or use the program that made it",
                        reader->path, (unsigned long long)major, TAL_SCHEMA_MAJOR_OLDEST,
                        TAL_SCHEMA_MAJOR);
    if (!tal_h5_find_text(reader->file, "alphabet", text, sizeof(text)))
        return tal_reader_damaged(reader, "it names no alphabet");
    for (int i = 0; i < TAL_ALPHABET_COUNT; i++) {
        if (strcmp(text, tal_alphabet_name((tal_alphabet)i)) == 0) {
            reader->alphabet = (tal_alphabet)i;
            return TAL_OK;
        }
    }
    return tal_reader_damaged(reader, "it names an unknown alphabet");
}

bool tal_reader_find_rows(hid_t dataset, tal_store_type type, uint64_t *out_rows)
{
    hid_t space = H5Dget_space(dataset);
    hid_t stored = H5Dget_type(dataset);
    hsize_t size = 0;
    bool is_good = space >= 0 && stored >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
                   H5Sget_simple_extent_dims(space, &size, NULL) == 1 &&
                   H5Tequal(stored, tal_h5_file_type(type)) > 0;
    if (stored >= 0)
        (void)H5Tclose(stored); /* In memory: nothing to lose. */
    if (space >= 0)
        (void)H5Sclose(space); /* Likewise. */
    *out_rows = size;
    return is_good;
}

static tal_status open_datasets(tal_result_reader *reader)
{
    for (size_t i = 0; i < TAL_ROWS_COUNT; i++)
        reader->rows[i] = UINT64_MAX;
    for (size_t i = 0; i < TAL_DATASET_COUNT; i++) {
        const tal_dataset_schema *row = tal_schema_dataset((tal_dataset)i);
        if (row->is_optional && H5Lexists(reader->file, row->path, H5P_DEFAULT) == 0)
            continue;
        reader->dataset[i] = H5Dopen2(reader->file, row->path, H5P_DEFAULT);
        uint64_t rows = 0;
        if (reader->dataset[i] < 0 || !tal_reader_find_rows(reader->dataset[i], row->type, &rows) ||
            (row->is_offsets && rows == 0))
            return tal_fail(TAL_ERR_DATA,
                            "cannot read '%s': the file is damaged: '%s' is missing or of "
                            "another kind",
                            reader->path, row->path);
        rows -= row->is_offsets ? 1 : 0;
        if (reader->rows[row->rows] == UINT64_MAX)
            reader->rows[row->rows] = rows;
        if (reader->rows[row->rows] != rows)
            return tal_fail(TAL_ERR_DATA,
                            "cannot read '%s': the file is damaged: '%s' has another length than "
                            "the columns beside it",
                            reader->path, row->path);
    }
    return TAL_OK;
}

/* The last offset must be the end of what is pointed into, and the first 0. */
static tal_status check_ends(tal_result_reader *reader)
{
    static const struct {
        tal_dataset offsets;
        tal_rows target;
    } pairs[] = {{TAL_DATASET_QUERY_HEADER_BEGIN, TAL_ROWS_QUERY_HEADER_BYTES},
                 {TAL_DATASET_QUERY_LETTER_BEGIN, TAL_ROWS_QUERY_LETTERS},
                 {TAL_DATASET_QUERY_HIT_BEGIN, TAL_ROWS_HITS},
                 {TAL_DATASET_HIT_CIGAR_BEGIN, TAL_ROWS_CIGAR_RUNS},
                 {TAL_DATASET_HIT_LETTER_BEGIN, TAL_ROWS_HIT_LETTERS},
                 {TAL_DATASET_REFERENCE_HEADER_BEGIN, TAL_ROWS_REFERENCE_HEADER_BYTES}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint64_t ends[2];
        uint64_t last = reader->rows[tal_schema_dataset(pairs[i].offsets)->rows];
        tal_status status = tal_reader_rows(reader, pairs[i].offsets, 0, 1, &reader->column);
        if (status != TAL_OK)
            return status;
        memcpy(&ends[0], reader->column.data, sizeof(ends[0]));
        status = tal_reader_rows(reader, pairs[i].offsets, last, 1, &reader->column);
        if (status != TAL_OK)
            return status;
        memcpy(&ends[1], reader->column.data, sizeof(ends[1]));
        if (ends[0] != 0 || ends[1] != reader->rows[pairs[i].target])
            return tal_fail(TAL_ERR_DATA,
                            "cannot read '%s': the file is damaged: '%s' does not span what it "
                            "points into",
                            reader->path, tal_schema_dataset(pairs[i].offsets)->path);
    }
    return TAL_OK;
}

/* The first gid of every block of references; all gids must rise. */
static tal_status index_references(tal_result_reader *reader)
{
    uint64_t count = reader->rows[TAL_ROWS_REFERENCES];
    uint64_t previous = 0;
    for (uint64_t row = 0; row < count; row += TAL_REFERENCE_BLOCK_ROWS) {
        uint64_t left = count - row;
        uint64_t rows = left < TAL_REFERENCE_BLOCK_ROWS ? left : TAL_REFERENCE_BLOCK_ROWS;
        tal_status status =
            tal_reader_rows(reader, TAL_DATASET_REFERENCE_GID, row, rows, &reader->block_gids);
        if (status != TAL_OK)
            return status;
        const uint64_t *gids = (const uint64_t *)(const void *)reader->block_gids.data;
        for (uint64_t i = 0; i < rows; i++) {
            if (row + i > 0 && gids[i] <= previous)
                return tal_reader_damaged(reader, "'/references/gid' does not rise");
            previous = gids[i];
        }
        status = tal_buffer_append(&reader->gid_index, gids, sizeof(gids[0]));
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

tal_status tal_result_open(const char *path, tal_result_reader **out_reader)
{
    tal_status status = TAL_OK;
    tal_result_reader *reader = tal_alloc_zero(sizeof(*reader));
    if (reader == NULL)
        return TAL_ERR_MEMORY;
    reader->file = -1;
    for (size_t i = 0; i < TAL_DATASET_COUNT; i++)
        reader->dataset[i] = -1;
    reader->path = tal_alloc(strlen(path) + 1);
    if (reader->path == NULL) {
        status = TAL_ERR_MEMORY;
        goto done;
    }
    memcpy(reader->path, path, strlen(path) + 1);
    tal_status (*const steps[])(tal_result_reader *) = {open_file, check_root, open_datasets,
                                                        check_ends, index_references};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == TAL_OK; i++)
        status = steps[i](reader);
    if (status != TAL_OK)
        goto done;
    *out_reader = reader;
    reader = NULL; /* Now the caller's. */
done:
    tal_result_close(reader);
    return status;
}

void tal_result_close(tal_result_reader *reader)
{
    if (reader == NULL)
        return;
    tal_buffer *const buffers[] = {&reader->query_lens,
                                   &reader->query_header_begin,
                                   &reader->query_headers,
                                   &reader->query_header_views,
                                   &reader->query_letter_begin,
                                   &reader->query_letters,
                                   &reader->query_letter_views,
                                   &reader->hit_begin,
                                   &reader->column,
                                   &reader->hits,
                                   &reader->cigar_begin,
                                   &reader->cigars,
                                   &reader->letter_begin,
                                   &reader->letters,
                                   &reader->hit_order,
                                   &reader->references.headers,
                                   &reader->references.header_at,
                                   &reader->references.views,
                                   &reader->references.lens,
                                   &reader->references.representatives,
                                   &reader->representatives.headers,
                                   &reader->representatives.header_at,
                                   &reader->representatives.views,
                                   &reader->representatives.lens,
                                   &reader->representatives.representatives,
                                   &reader->block_gids,
                                   &reader->block_lens,
                                   &reader->block_header_begin,
                                   &reader->block_headers,
                                   &reader->block_header_views,
                                   &reader->block_representatives,
                                   &reader->gid_index};
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        tal_buffer_deinit(buffers[i]);
    for (size_t i = 0; i < TAL_DATASET_COUNT; i++)
        if (reader->dataset[i] >= 0)
            (void)H5Dclose(reader->dataset[i]); /* Opened for reading. */
    if (reader->file >= 0)
        (void)H5Fclose(reader->file); /* Likewise. */
    (void)H5Eclear2(H5E_DEFAULT);     /* What fails here does not matter. */
    tal_free(reader->path);
    tal_free(reader);
}

tal_alphabet tal_result_alphabet(const tal_result_reader *reader)
{
    return reader->alphabet;
}

uint64_t tal_result_query_count(const tal_result_reader *reader)
{
    return reader->rows[TAL_ROWS_QUERIES];
}

uint64_t tal_result_hit_count(const tal_result_reader *reader)
{
    return reader->rows[TAL_ROWS_HITS];
}

bool tal_result_find_attribute(const tal_result_reader *reader, const char *group, const char *name,
                               char *text, size_t bytes)
{
    char path[256];
    if (snprintf(path, sizeof(path), "/%s", group) >= (int)sizeof(path))
        return false;
    hid_t object = H5Gopen2(reader->file, path, H5P_DEFAULT);
    bool is_found = object >= 0 && tal_h5_find_text(object, name, text, bytes);
    if (object >= 0)
        (void)H5Gclose(object);   /* Opened for reading. */
    (void)H5Eclear2(H5E_DEFAULT); /* A missing group means there is none. */
    return is_found;
}

tal_status tal_result_rank_numbers(const tal_result_reader *reader, const char *name,
                                   tal_buffer *out)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "/ranks/%s", name); /* Too long: there is none. */
    tal_status status = TAL_OK;
    hsize_t count = 0;
    hid_t dataset = H5Dopen2(reader->file, path, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : -1;
    tal_buffer_reset(out);
    if (space < 0 || H5Sget_simple_extent_ndims(space) != 1 ||
        H5Sget_simple_extent_dims(space, &count, NULL) < 0 || count > READ_BYTES_MAX / 8)
        status = tal_h5_fail(TAL_ERR_DATA, "find the numbers of ranks in", reader->path);
    if (status == TAL_OK)
        status = tal_buffer_reserve(out, (size_t)count * sizeof(double) + 1); /* Never NULL. */
    if (status == TAL_OK &&
        H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data) < 0)
        status = tal_h5_fail(TAL_ERR_DATA, "read damaged or incomplete file", reader->path);
    if (status == TAL_OK)
        out->bytes = (size_t)count * sizeof(double);
    if (space >= 0)
        (void)H5Sclose(space); /* In memory: nothing to lose. */
    if (dataset >= 0)
        (void)H5Dclose(dataset); /* Opened for reading. */
    return status;
}

tal_status tal_reader_rows(tal_result_reader *reader, tal_dataset id, uint64_t begin,
                           uint64_t count, tal_buffer *out)
{
    const tal_dataset_schema *row = tal_schema_dataset(id);
    uint64_t bytes = tal_store_type_bytes(row->type);
    TAL_ASSERT(begin + count >= begin);
    TAL_ASSERT(begin + count <= reader->rows[row->rows] + (row->is_offsets ? 1 : 0));
    tal_buffer_reset(out);
    if (count > READ_BYTES_MAX / bytes)
        return tal_reader_damaged(reader, "an absurd number of rows belongs to one query");
    tal_status status = tal_buffer_reserve(out, (size_t)(count * bytes) + 1); /* Never NULL. */
    if (status != TAL_OK || count == 0)
        return status;
    hsize_t start = begin;
    hsize_t size = count;
    hid_t memory = H5Screate_simple(1, &size, NULL);
    hid_t space = H5Dget_space(reader->dataset[id]);
    if (memory < 0 || space < 0 ||
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &size, NULL) < 0 ||
        H5Dread(reader->dataset[id], tal_h5_memory_type(row->type), memory, space, H5P_DEFAULT,
                out->data) < 0)
        status = tal_h5_fail(TAL_ERR_DATA, "read damaged or incomplete file", reader->path);
    if (space >= 0)
        (void)H5Sclose(space); /* In memory: nothing to lose. */
    if (memory >= 0)
        (void)H5Sclose(memory); /* Likewise. */
    out->bytes = status == TAL_OK ? (size_t)(count * bytes) : 0;
    return status;
}

/* How many things an offsets dataset points into. */
static uint64_t target_rows(const tal_result_reader *reader, tal_dataset id)
{
    switch (id) {
    case TAL_DATASET_QUERY_HEADER_BEGIN:
        return reader->rows[TAL_ROWS_QUERY_HEADER_BYTES];
    case TAL_DATASET_QUERY_LETTER_BEGIN:
        return reader->rows[TAL_ROWS_QUERY_LETTERS];
    case TAL_DATASET_QUERY_HIT_BEGIN:
        return reader->rows[TAL_ROWS_HITS];
    case TAL_DATASET_HIT_CIGAR_BEGIN:
        return reader->rows[TAL_ROWS_CIGAR_RUNS];
    case TAL_DATASET_HIT_LETTER_BEGIN:
        return reader->rows[TAL_ROWS_HIT_LETTERS];
    default:
        TAL_ASSERT(id == TAL_DATASET_REFERENCE_HEADER_BEGIN);
        return reader->rows[TAL_ROWS_REFERENCE_HEADER_BYTES];
    }
}

tal_status tal_reader_offsets(tal_result_reader *reader, tal_dataset id, uint64_t begin,
                              uint64_t count, tal_buffer *out)
{
    tal_status status = tal_reader_rows(reader, id, begin, count + 1, out);
    if (status != TAL_OK)
        return status;
    const uint64_t *offsets = (const uint64_t *)(const void *)out->data;
    bool is_good = offsets[count] <= target_rows(reader, id);
    for (uint64_t i = 0; i < count; i++)
        is_good = is_good && offsets[i] <= offsets[i + 1];
    if (is_good)
        return TAL_OK;
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': the file is damaged: '%s' falls or points beyond the end",
                    reader->path, tal_schema_dataset(id)->path);
}

tal_status tal_reader_strings(tal_result_reader *reader, tal_dataset id, const uint64_t *offsets,
                              uint64_t count, tal_buffer *strings, tal_buffer *views)
{
    uint64_t bytes = offsets[count] - offsets[0];
    tal_status status = tal_reader_rows(reader, id, offsets[0], bytes, strings);
    if (status == TAL_OK)
        status = tal_buffer_reserve(strings, (size_t)count);
    tal_buffer_reset(views);
    if (status == TAL_OK)
        status = tal_buffer_reserve(views, (size_t)(count + 1) * sizeof(char *));
    if (status != TAL_OK)
        return status;
    if (bytes > 0 && memchr(strings->data, 0, (size_t)bytes) != NULL)
        return tal_fail(TAL_ERR_DATA, "cannot read '%s': the file is damaged: '%s' holds a NUL",
                        reader->path, tal_schema_dataset(id)->path);
    /* Spread from the end, so that every string moves behind the NUL of the one before it. */
    const char **view = (const char **)(void *)views->data;
    for (uint64_t i = count; i-- > 0;) {
        size_t from = (size_t)(offsets[i] - offsets[0]);
        size_t len = (size_t)(offsets[i + 1] - offsets[i]);
        char *to = (char *)strings->data + from + i;
        memmove(to, strings->data + from, len);
        to[len] = '\0';
        view[i] = to;
    }
    return TAL_OK;
}
