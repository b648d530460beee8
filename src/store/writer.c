/* The writer of result files: creating, writing rows together, closing; see writer.h.
 *
 * Every HDF5 call that all ranks make together is followed by agreeing on its outcome.
 */
#include "store/writer.h"

#include "base/alloc.h"
#include "base/check.h"
#include "store/mpio.h"

#include <string.h>

/* One rank's part of one collective write: bounds what MPI-IO buffers. */
enum { ROUND_BYTES = 64 << 20 };

/* HDF5 does not tell where its file ends, only where data lie: room for metadata behind them, which
 * are headers, attributes and 8 bytes per chunk of at least 1 KiB. */
enum { RESERVE_SLACK_BYTES = 64 << 10, RESERVE_SLACK_SHARE = 64 };

/* Metadata is kept in memory up to this and written at the end. */
enum { DIRTY_BYTES_MAX = 16 << 20 };

tal_status tal_writer_open(tal_result_writer *writer)
{
    const char *path = tal_partial_path(writer->partial);
    tal_status status = TAL_OK;
    tal_h5_quiet();
    hid_t creation = -1;
    hid_t access = tal_mpio_file_access(writer->comm);
    H5AC_cache_config_t cache = {.version = H5AC__CURR_CACHE_CONFIG_VERSION};
    writer->transfer = tal_mpio_transfer();
    creation = H5Pcreate(H5P_FILE_CREATE);
    if (access < 0 || writer->transfer < 0 || creation < 0 ||
        H5Pset_obj_track_times(creation, false) < 0 || H5Pget_mdc_config(access, &cache) < 0)
        status = tal_h5_fail(TAL_ERR_INTERNAL, "create", path);
    cache.dirty_bytes_threshold = DIRTY_BYTES_MAX;
    if (status == TAL_OK && H5Pset_mdc_config(access, &cache) < 0)
        status = tal_h5_fail(TAL_ERR_INTERNAL, "create", path);
    status = tal_comm_agree(writer->comm, status);
    if (status == TAL_OK) {
        writer->file =
            H5Fcreate(tal_partial_temporary(writer->partial), H5F_ACC_TRUNC, creation, access);
        if (writer->file < 0)
            status = tal_h5_fail(TAL_ERR_OUTPUT, "create", path);
        status = tal_comm_agree(writer->comm, status);
    }
    if (creation >= 0)
        (void)H5Pclose(creation); /* A property list in memory: nothing to lose. */
    if (access >= 0)
        (void)H5Pclose(access); /* Likewise. */
    return status;
}

static tal_status write_root(tal_result_writer *writer, tal_alphabet alphabet)
{
    hid_t file = writer->file;
    bool is_written = tal_h5_write_text(file, "format", TAL_SCHEMA_FORMAT) &&
                      tal_h5_write_u64(file, "schema_major", TAL_SCHEMA_MAJOR) &&
                      tal_h5_write_u64(file, "schema_minor", TAL_SCHEMA_MINOR) &&
                      tal_h5_write_text(file, "program", "talaria " TAL_VERSION) &&
                      tal_h5_write_text(file, "alphabet", tal_alphabet_name(alphabet));
    for (size_t i = 0; tal_schema_group(i) != NULL && is_written; i++) {
        hid_t group = H5Gcreate2(file, tal_schema_group(i), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        is_written = group >= 0 && H5Gclose(group) >= 0;
    }
    tal_status status = TAL_OK;
    if (!is_written)
        status = tal_h5_fail(TAL_ERR_IO, "write", tal_partial_path(writer->partial));
    return tal_comm_agree(writer->comm, status);
}

tal_status tal_result_check_path(tal_comm *comm, const char *path, bool is_forced)
{
    tal_status status = tal_comm_rank(comm) == 0 ? tal_partial_check(path, is_forced) : TAL_OK;
    return tal_comm_agree(comm, status);
}

tal_status tal_result_create(tal_comm *comm, const char *path, const char *folder, bool is_forced,
                             tal_alphabet alphabet, tal_result_writer **out_writer)
{
    tal_result_writer *writer = tal_alloc_zero(sizeof(*writer));
    tal_status status = tal_comm_agree(comm, writer == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(writer);
        return status;
    }
    *writer = (tal_result_writer){.comm = comm, .file = -1, .transfer = -1};
    for (size_t id = 0; id < TAL_DATASET_COUNT; id++)
        writer->dataset[id] = -1;

    status = tal_partial_create(comm, path, folder, is_forced, &writer->partial);
    if (status == TAL_OK)
        status = tal_writer_open(writer);
    if (status == TAL_OK)
        status = write_root(writer, alphabet);
    if (status == TAL_OK)
        status = tal_writer_reserve(writer, 0);
    if (status != TAL_OK) {
        tal_result_discard(writer);
        return status;
    }
    *out_writer = writer;
    return TAL_OK;
}

tal_status tal_writer_scratch(tal_result_writer *writer, size_t count, size_t bytes)
{
    size_t total;
    tal_buffer_reset(&writer->scratch);
    if (!tal_mul_size(count, bytes, &total))
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %zu times %zu bytes", count,
                        bytes);
    return tal_buffer_reserve(&writer->scratch, total);
}

tal_rows_share tal_writer_share(tal_result_writer *writer, tal_rows rows, uint64_t count)
{
    tal_rows_share share = {.count = count, .total = count};
    share.begin = writer->rows[rows] + tal_comm_prefix_u64(writer->comm, count);
    tal_comm_sum_u64(writer->comm, &share.total, 1);
    return share;
}

bool tal_writer_find_end(hid_t dataset, tal_store_type type, uint64_t *out_end)
{
    bool is_found = false;
    hid_t space = H5Dget_space(dataset);
    hid_t properties = H5Dget_create_plist(dataset);
    hsize_t rows = 0;
    *out_end = 0;
    if (space < 0 || properties < 0 || H5Sget_simple_extent_dims(space, &rows, NULL) < 0)
        goto done;
    haddr_t address = HADDR_UNDEF;
    hsize_t bytes = rows * tal_store_type_bytes(type);
    if (H5Pget_layout(properties) == H5D_CHUNKED) {
        /* Chunks are allocated in order: the last one lies furthest back. */
        hsize_t chunk = 0;
        unsigned filters;
        if (H5Pget_chunk(properties, 1, &chunk) < 0 || rows == 0)
            goto done;
        hsize_t last = (rows - 1) / chunk * chunk;
        if (H5Dget_chunk_info_by_coord(dataset, &last, &filters, &address, &bytes) < 0)
            goto done;
    } else if (rows > 0) {
        address = H5Dget_offset(dataset);
    }
    *out_end = address == HADDR_UNDEF ? 0 : address + bytes;
    is_found = true;
done:
    if (properties >= 0)
        (void)H5Pclose(properties); /* In memory: nothing to lose. */
    if (space >= 0)
        (void)H5Sclose(space); /* Likewise. */
    return is_found;
}

tal_status tal_writer_reserve(tal_result_writer *writer, uint64_t more)
{
    tal_status status = TAL_OK;
    uint64_t end = writer->raw_end;
    for (size_t id = 0; id < TAL_DATASET_COUNT && status == TAL_OK; id++) {
        uint64_t dataset_end = 0;
        if (writer->dataset[id] >= 0 &&
            !tal_writer_find_end(writer->dataset[id], tal_schema_dataset((tal_dataset)id)->type,
                                 &dataset_end))
            status = tal_h5_fail(TAL_ERR_IO, "write", tal_partial_path(writer->partial));
        end = dataset_end > end ? dataset_end : end;
    }
    status = tal_comm_agree(writer->comm, status);
    if (status != TAL_OK)
        return status;
    uint64_t slack = RESERVE_SLACK_BYTES + (end - writer->raw_end) / RESERVE_SLACK_SHARE + more;
    writer->raw_end = end;
    return tal_partial_reserve(writer->partial, end + slack);
}

/* One collective write of `count` rows, 0 included. Not agreed. */
static tal_status write_round(tal_result_writer *writer, hid_t dataset, tal_store_type type,
                              hsize_t begin, hsize_t count, const void *data)
{
    tal_status status = TAL_OK;
    hsize_t room = count == 0 ? 1 : count;
    hid_t memory = H5Screate_simple(1, &room, NULL);
    hid_t space = H5Dget_space(dataset);
    herr_t chosen = -1;
    if (memory >= 0 && space >= 0)
        chosen = count == 0
                     ? H5Sselect_none(memory) | H5Sselect_none(space)
                     : H5Sselect_hyperslab(space, H5S_SELECT_SET, &begin, NULL, &count, NULL);
    status = tal_comm_agree(
        writer->comm,
        chosen >= 0 ? TAL_OK : tal_h5_fail(TAL_ERR_IO, "write", tal_partial_path(writer->partial)));
    if (status == TAL_OK &&
        H5Dwrite(dataset, tal_h5_memory_type(type), memory, space, writer->transfer, data) < 0)
        status = tal_h5_fail(TAL_ERR_IO, "write", tal_partial_path(writer->partial));
    if (space >= 0)
        (void)H5Sclose(space); /* In memory: nothing to lose. */
    if (memory >= 0)
        (void)H5Sclose(memory); /* Likewise. */
    return status;
}

tal_status tal_writer_write(tal_result_writer *writer, hid_t dataset, tal_store_type type,
                            uint64_t begin, uint64_t count, const void *data)
{
    static const uint8_t nothing[8];
    size_t bytes = tal_store_type_bytes(type);
    uint64_t round_rows = ROUND_BYTES / bytes;
    uint64_t most = count;
    tal_comm_max_u64(writer->comm, &most, 1);
    tal_status status = TAL_OK;
    for (uint64_t done = 0; done < most && status == TAL_OK; done += round_rows) {
        uint64_t left = count > done ? count - done : 0;
        uint64_t now = left < round_rows ? left : round_rows;
        const void *from = now == 0 ? nothing : (const uint8_t *)data + done * bytes;
        status = tal_comm_agree(writer->comm,
                                write_round(writer, dataset, type, begin + done, now, from));
    }
    return status;
}

tal_status tal_writer_write_offsets(tal_result_writer *writer, tal_dataset id,
                                    const tal_rows_share *share, const uint64_t *ends)
{
    /* The first row of all is the begin of the first thing; rank 0 writes it with its own. */
    bool is_first =
        tal_comm_rank(writer->comm) == 0 && writer->rows[tal_schema_dataset(id)->rows] == 0;
    uint64_t begin = is_first ? share->begin : share->begin + 1;
    uint64_t count = is_first ? share->count + 1 : share->count;
    return tal_writer_write(writer, writer->dataset[id], TAL_STORE_U64, begin, count,
                            is_first ? ends : ends + 1);
}

tal_status tal_writer_close(tal_result_writer *writer, bool is_kept)
{
    const char *path = tal_partial_path(writer->partial);
    tal_status status = TAL_OK;
    for (size_t id = 0; id < TAL_DATASET_COUNT; id++)
        if (writer->dataset[id] >= 0 && H5Dclose(writer->dataset[id]) < 0 && is_kept)
            status = tal_h5_fail(TAL_ERR_IO, "write", path);
    if (writer->transfer >= 0)
        (void)H5Pclose(writer->transfer); /* A property list in memory: nothing to lose. */
    if (writer->file >= 0 && H5Fclose(writer->file) < 0 && is_kept)
        status = tal_h5_fail(TAL_ERR_IO, "write", path);
    (void)H5Eclear2(H5E_DEFAULT); /* What fails while giving up does not matter. */
    writer->file = -1;
    writer->transfer = -1;
    tal_buffer_deinit(&writer->scratch);
    return tal_comm_agree(writer->comm, status);
}

void tal_result_discard(tal_result_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->partial != NULL) {
        /* With the space given back HDF5 can write what it insists on writing. */
        tal_partial_empty(writer->partial);
        (void)tal_writer_close(writer, false); /* The file is removed next. */
        tal_partial_discard(writer->partial);
    }
    tal_free(writer);
}
