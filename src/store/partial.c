/* An output under construction; see partial.h.
 *
 * A file system that is full must not be found out by HDF5 or MPI-IO: Open MPI's collective writes
 * can lose the error (4.1.4 does), ranks may part inside a collective, and HDF5 can neither write
 * nor drop its cached metadata afterwards. So space is taken first, by fallocate or, where a file
 * system has no such thing, by writing zeros: that fails cleanly. File systems that share or
 * compress blocks can still run out.
 */
#include "store/partial.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Characters of the final name that the temporary name repeats: leaves room below NAME_MAX. */
enum { NAME_SHARE = 200, EXTRA_BYTES = 64, CREATE_TRIES = 16 };

/* Free space without which no output is begun: HDF5 must be able to write its first blocks. */
enum { PROBE_BYTES = 128 << 10 };

/* What creating an HDF5 file writes at once (the superblock); not written over. */
enum { UNTOUCHED_BYTES = 4096 };

struct tal_partial {
    tal_comm *comm;
    int descriptor; /* rank 0; -1 elsewhere */
    bool is_forced;
    uint64_t reserved_bytes;
    char *path, *temporary;
};

const char *tal_partial_path(const tal_partial *partial)
{
    return partial->path;
}

const char *tal_partial_temporary(const tal_partial *partial)
{
    return partial->temporary;
}

/* Bytes of the folder part of a path, with the last '/'. */
static size_t folder_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

tal_status tal_partial_check(const char *path, bool is_forced)
{
    if (path[0] == '\0' || path[folder_bytes(path)] == '\0')
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': it names no file", path);
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno == ENOENT)
            return TAL_OK; /* A missing folder shows when the file is created. */
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': %s", path, strerror(errno));
    }
    if (S_ISDIR(info.st_mode))
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': it is a directory", path);
    if (!S_ISREG(info.st_mode))
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': it is not a plain file", path);
    if (!is_forced)
        return tal_fail(TAL_ERR_OUTPUT,
                        "cannot create '%s': it exists; give another name or --force to replace it",
                        path);
    return TAL_OK;
}

static tal_status create_temporary(tal_partial *partial, const char *folder, size_t bytes)
{
    const char *path = partial->path;
    const char *name = path + folder_bytes(path);
    const char *slash = folder == NULL ? "" : "/";
    int folder_len = (int)(folder == NULL ? folder_bytes(path) : strlen(folder));
    folder = folder == NULL ? path : folder;
    for (int try = 0; try < CREATE_TRIES; try++) {
        uint64_t tag;
        if (getrandom(&tag, sizeof(tag), 0) != (ssize_t)sizeof(tag))
            tag = ((uint64_t)getpid() << 8) + (uint64_t)try;
        (void)snprintf(partial->temporary, bytes, "%.*s%s.%.*s.%012" PRIx64 ".partial", folder_len,
                       folder, slash, NAME_SHARE, name, tag >> 16); /* Sized for it. */
        partial->descriptor = open(partial->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (partial->descriptor >= 0)
            return TAL_OK;
        if (errno != EEXIST)
            break;
    }
    const char *cause = errno == ENOENT ? "its folder does not exist" : strerror(errno);
    return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': %s", path, cause);
}

/* Get disk space for [begin, end) of the file without changing what it holds there; 0 or errno. */
static int take_space(int descriptor, uint64_t begin, uint64_t end)
{
    static const uint8_t zeros[1 << 16];
    if (end > INT64_MAX)
        return EFBIG;
    int code;
    do
        code = fallocate(descriptor, 0, (off_t)begin, (off_t)(end - begin)) == 0 ? 0 : errno;
    while (code == EINTR);
    if (code != EOPNOTSUPP && code != ENOSYS)
        return code;
    /* This file system promises nothing: write, where HDF5 has not been. */
    for (uint64_t at = begin < UNTOUCHED_BYTES ? UNTOUCHED_BYTES : begin; at < end;) {
        size_t bytes = end - at < sizeof(zeros) ? (size_t)(end - at) : sizeof(zeros);
        ssize_t written = pwrite(descriptor, zeros, bytes, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : ENOSPC;
        at += (uint64_t)written;
    }
    /* Delayed failures surface, and no zeros of this node may come after others' data. */
    return fdatasync(descriptor) == 0 ? 0 : errno;
}

/* Is there room for a file at all? Takes the space and gives it back. */
static tal_status probe_space(const tal_partial *partial)
{
    int code = take_space(partial->descriptor, 0, PROBE_BYTES);
    if (ftruncate(partial->descriptor, 0) != 0 && code == 0)
        code = errno;
    return code == 0 ? TAL_OK
                     : tal_fail(TAL_ERR_IO, "cannot write '%s': %s", partial->path, strerror(code));
}

tal_status tal_partial_create(tal_comm *comm, const char *path, const char *folder, bool is_forced,
                              tal_partial **out_partial)
{
    size_t bytes = strlen(path) + (folder == NULL ? 0 : strlen(folder)) + EXTRA_BYTES;
    tal_status status = TAL_OK;
    tal_partial *partial = tal_alloc_zero(sizeof(*partial));
    if (partial != NULL) {
        *partial = (tal_partial){.comm = comm, .descriptor = -1, .is_forced = is_forced};
        partial->path = tal_alloc_zero(bytes);
        partial->temporary = tal_alloc_zero(bytes);
    }
    if (partial == NULL || partial->path == NULL || partial->temporary == NULL) {
        status = TAL_ERR_MEMORY;
    } else {
        memcpy(partial->path, path, strlen(path));
        if (tal_comm_rank(comm) == 0)
            status = tal_partial_check(path, is_forced);
        if (status == TAL_OK && tal_comm_rank(comm) == 0)
            status = create_temporary(partial, folder, bytes);
        if (status == TAL_OK && tal_comm_rank(comm) == 0)
            status = probe_space(partial);
    }
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK) {
        tal_partial_discard(partial);
        return status;
    }
    tal_comm_broadcast(comm, partial->temporary, bytes, 0);
    *out_partial = partial;
    return TAL_OK;
}

tal_status tal_partial_reserve(tal_partial *partial, uint64_t bytes)
{
    tal_status status = TAL_OK;
    if (partial->descriptor >= 0 && bytes > partial->reserved_bytes) {
        int code = take_space(partial->descriptor, partial->reserved_bytes, bytes);
        if (code == 0)
            partial->reserved_bytes = bytes;
        else
            status = tal_fail(TAL_ERR_IO, "cannot write '%s': %s", partial->path, strerror(code));
    }
    return tal_comm_agree(partial->comm, status);
}

void tal_partial_empty(tal_partial *partial)
{
    if (partial->descriptor >= 0)
        (void)!ftruncate(partial->descriptor, 0); /* Best effort: the file is to be removed. */
    tal_comm_barrier(partial->comm);
}

/* Delayed writes of this node to stable storage: errors of network file systems surface here. */
static tal_status sync_node(const tal_partial *partial)
{
    if (tal_comm_node_rank(partial->comm) != 0)
        return TAL_OK;
    int descriptor = open(partial->temporary, O_RDWR | O_CLOEXEC);
    int code = descriptor < 0 || fsync(descriptor) != 0 ? errno : 0;
    if (descriptor >= 0 && close(descriptor) != 0 && code == 0)
        code = errno;
    return code == 0 ? TAL_OK
                     : tal_fail(TAL_ERR_IO, "cannot write '%s': %s", partial->path, strerror(code));
}

/* The name itself to stable storage. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX] = ".";
    size_t bytes = folder_bytes(path);
    if (bytes > 0 && bytes < sizeof(folder)) {
        memcpy(folder, path, bytes);
        folder[bytes] = '\0';
    }
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    (void)fsync(descriptor); /* Not all file systems can; the file itself is safe. */
    (void)close(descriptor); /* Opened for reading. */
}

static tal_status rename_final(const tal_partial *partial)
{
    int code = 0;
    if (!partial->is_forced) {
        /* Another program may have made the file since we looked. */
        if (renameat2(AT_FDCWD, partial->temporary, AT_FDCWD, partial->path, RENAME_NOREPLACE) != 0)
            code = errno;
    }
    if (partial->is_forced || code == EINVAL || code == ENOSYS)
        code = rename(partial->temporary, partial->path) == 0 ? 0 : errno;
    if (code != 0)
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': %s", partial->path, strerror(code));
    sync_folder(partial->path);
    return TAL_OK;
}

tal_status tal_partial_commit(tal_partial *partial)
{
    tal_comm *comm = partial->comm;
    tal_status status = tal_comm_agree(comm, sync_node(partial));
    if (status == TAL_OK) {
        if (tal_comm_rank(comm) == 0)
            status = rename_final(partial);
        bool is_renamed = status == TAL_OK;
        status = tal_comm_agree(comm, status);
        if (is_renamed && partial->descriptor >= 0) {
            (void)close(partial->descriptor); /* Synced above. */
            partial->descriptor = -1;         /* The name is the caller's now. */
        }
    }
    tal_partial_discard(partial);
    return status;
}

void tal_partial_discard(tal_partial *partial)
{
    if (partial == NULL)
        return;
    if (partial->descriptor >= 0) {
        (void)close(partial->descriptor); /* To be removed. */
        (void)unlink(partial->temporary); /* Best effort. */
    }
    tal_free(partial->temporary);
    tal_free(partial->path);
    tal_free(partial);
}
