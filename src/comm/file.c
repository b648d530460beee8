/* Files shared by ranks, through MPI-IO; see file.h.
 *
 * File handles return errors (MPI_ERRORS_RETURN is their default); each is turned into one message.
 */
#include "comm/file.h"

#include "base/alloc.h"
#include "base/path.h"
#include "comm/comm_internal.h"

#include <errno.h>
#include <mpi.h>
#include <string.h>

struct tal_file {
    tal_comm *comm;
    MPI_File handle;
    char *path;
    uint64_t bytes;
};

static tal_status fail_with_mpi(tal_status status, const char *verb, const char *path, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int text_len = 0;
    MPI_Error_string(code, text, &text_len);
    /* MPI libraries seldom say why; the last system error often does. */
    return tal_fail(status, "cannot %s '%s': %s", verb, path, errno != 0 ? strerror(errno) : text);
}

static tal_status file_open(tal_comm *comm, const char *path, int mode, tal_status failure,
                            tal_file **out_file)
{
    tal_file *file = tal_alloc_zero(sizeof(*file));
    char *copy = file == NULL ? NULL : tal_alloc(strlen(path) + 1);
    tal_status status = tal_comm_agree(comm, copy == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(copy);
        tal_free(file);
        return status;
    }
    file->comm = comm;
    file->path = strcpy(copy, path);
    errno = 0;
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_FILE_OPEN, "open a file");
    int code = MPI_File_open(tal_comm_world(comm), path, mode, MPI_INFO_NULL, &file->handle);
    tal_call_end(&call, 0, 0);
    if (code != MPI_SUCCESS)
        status = fail_with_mpi(failure, "open", path, code);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK) {
        /* A collective open fails on all ranks or on none. */
        tal_free(file->path);
        tal_free(file);
        return status;
    }
    MPI_Offset bytes = 0;
    MPI_File_get_size(file->handle, &bytes);
    file->bytes = (uint64_t)bytes;
    *out_file = file;
    return TAL_OK;
}

tal_status tal_file_open_read(tal_comm *comm, const char *path, tal_file **out_file)
{
    tal_status status = tal_comm_agree(comm, tal_path_check_readable(path));
    if (status != TAL_OK)
        return status;
    return file_open(comm, path, MPI_MODE_RDONLY, TAL_ERR_NO_INPUT, out_file);
}

tal_status tal_file_open_write(tal_comm *comm, const char *path, tal_file **out_file)
{
    tal_status status =
        file_open(comm, path, MPI_MODE_WRONLY | MPI_MODE_CREATE, TAL_ERR_OUTPUT, out_file);
    if (status != TAL_OK)
        return status;
    MPI_File_set_size((*out_file)->handle, 0); /* Truncate; a failure shows in the first write. */
    (*out_file)->bytes = 0;
    return TAL_OK;
}

tal_status tal_file_sync(tal_comm *comm, tal_file *file)
{
    errno = 0;
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_FILE_SYNC, "flush a file");
    int code = MPI_File_sync(file->handle);
    tal_call_end(&call, 0, 0);
    return tal_comm_agree(
        comm, code == MPI_SUCCESS ? TAL_OK : fail_with_mpi(TAL_ERR_IO, "write", file->path, code));
}

tal_status tal_file_close(tal_comm *comm, tal_file *file)
{
    if (file == NULL)
        return TAL_OK;
    errno = 0;
    tal_call call = tal_call_begin(comm, TAL_TRAFFIC_FILE_OPEN, "close a file");
    int code = MPI_File_close(&file->handle);
    tal_call_end(&call, 0, 0);
    tal_status status =
        code == MPI_SUCCESS ? TAL_OK : fail_with_mpi(TAL_ERR_IO, "close", file->path, code);
    status = tal_comm_agree(comm, status);
    tal_free(file->path);
    tal_free(file);
    return status;
}

uint64_t tal_file_bytes(const tal_file *file)
{
    return file->bytes;
}

tal_status tal_file_read_at(tal_file *file, uint64_t offset, void *data, uint64_t bytes,
                            uint64_t *out_read)
{
    uint8_t *cursor = data;
    uint64_t done = 0;
    while (done < bytes) {
        int piece = bytes - done < TAL_COMM_PIECE ? (int)(bytes - done) : TAL_COMM_PIECE;
        MPI_Status state;
        errno = 0;
        tal_call call = tal_call_begin(file->comm, TAL_TRAFFIC_FILE_READ, NULL);
        int code = MPI_File_read_at(file->handle, (MPI_Offset)(offset + done), cursor + done, piece,
                                    MPI_BYTE, &state);
        int count = 0;
        if (code == MPI_SUCCESS)
            MPI_Get_count(&state, MPI_BYTE, &count);
        tal_call_end(&call, 0, count > 0 ? (uint64_t)count : 0);
        if (code != MPI_SUCCESS)
            return fail_with_mpi(TAL_ERR_IO, "read", file->path, code);
        if (count <= 0)
            break;
        done += (uint64_t)count;
    }
    *out_read = done;
    return TAL_OK;
}

/* Each rank writes for itself: Open MPI 4.1 hides failed writes of the ranks that gather for others
 * in MPI_File_write_at_all (a full disk went unnoticed at 3 ranks and more), and pieces are large
 * and contiguous anyway. */
tal_status tal_file_write_at_all(tal_comm *comm, tal_file *file, uint64_t offset, const void *data,
                                 uint64_t bytes)
{
    const uint8_t *cursor = data;
    uint64_t pieces = (bytes + TAL_COMM_PIECE - 1) / TAL_COMM_PIECE;
    tal_comm_max_u64(comm, &pieces, 1);
    tal_status status = TAL_OK;
    uint64_t done = 0;
    for (uint64_t i = 0; i < pieces; i++) {
        int piece = bytes - done < TAL_COMM_PIECE ? (int)(bytes - done) : TAL_COMM_PIECE;
        MPI_Status state;
        errno = 0;
        tal_call call = tal_call_begin(comm, TAL_TRAFFIC_FILE_WRITE, NULL);
        int code = MPI_File_write_at(file->handle, (MPI_Offset)(offset + done), cursor + done,
                                     piece, MPI_BYTE, &state);
        int count = 0;
        if (code == MPI_SUCCESS)
            MPI_Get_count(&state, MPI_BYTE, &count);
        tal_call_end(&call, 0, count > 0 ? (uint64_t)count : 0);
        if (status == TAL_OK && code != MPI_SUCCESS)
            status = fail_with_mpi(TAL_ERR_IO, "write", file->path, code);
        else if (status == TAL_OK && count != piece)
            status = tal_fail(TAL_ERR_IO,
                              "cannot write '%s': only %d of %d bytes were taken; is "
                              "the disk full?",
                              file->path, count, piece);
        done += (uint64_t)piece;
    }
    return tal_comm_agree(comm, status);
}
