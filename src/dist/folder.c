/* The folder of a job; see folder.h. */
#include "dist/folder.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char journal_name[] = "journal";

/* A journal that is larger is none: a record a block, blocks of minutes. */
#define JOURNAL_BYTES_MAX ((off_t)1 << 32)

/* A run that was killed holds its lock until its last process is gone; looked at that often. */
#define LOCK_WAIT_NS  3000000000u
#define LOCK_SLEEP_NS 50000000u

typedef enum lock_result { LOCK_TAKEN, LOCK_BUSY, LOCK_GONE } lock_result;

/* GONE: who had it before has removed the file. */
static lock_result try_lock(int journal, const char *journal_path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    /* Other errors: a file system without locks; then there is no protection, as documented. */
    if (fcntl(journal, F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN))
        return LOCK_BUSY;
    struct stat own;
    struct stat named;
    bool is_same = fstat(journal, &own) == 0 && stat(journal_path, &named) == 0 &&
                   own.st_dev == named.st_dev && own.st_ino == named.st_ino;
    return is_same ? LOCK_TAKEN : LOCK_GONE;
}

/* Create the folder and its journal unless they are there. */
static tal_status open_journal(const char *path, const char *journal_path, int *out_journal)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return tal_fail(TAL_ERR_OUTPUT, "cannot create the folder '%s': %s", path,
                        errno == ENOENT ? "the folder it is in does not exist" : strerror(errno));
    int journal = open(journal_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (journal < 0 && errno != ENOENT) /* That: the folder was removed since. */
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': %s", journal_path, strerror(errno));
    *out_journal = journal;
    return TAL_OK;
}

tal_status tal_folder_open(const char *path, int *out_journal)
{
    char journal_path[PATH_MAX];
    if (snprintf(journal_path, sizeof(journal_path), "%s/%s", path, journal_name) >= PATH_MAX)
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': its name is too long", path);
    uint64_t start = tal_clock_ns();
    for (;;) {
        int journal = -1;
        tal_status status = open_journal(path, journal_path, &journal);
        if (status != TAL_OK)
            return status;
        lock_result result = journal < 0 ? LOCK_GONE : try_lock(journal, journal_path);
        if (result == LOCK_TAKEN) {
            *out_journal = journal;
            return TAL_OK;
        }
        if (journal >= 0)
            (void)close(journal); /* Nothing was written. */
        if (tal_clock_ns() - start >= LOCK_WAIT_NS)
            return tal_fail(TAL_ERR_OUTPUT, "'%s' is in use by another run of talaria", path);
        if (result == LOCK_BUSY)
            tal_clock_sleep(LOCK_SLEEP_NS);
    }
}

tal_status tal_folder_read(int journal, const char *path, tal_buffer *out_bytes)
{
    struct stat info;
    if (fstat(journal, &info) != 0)
        return tal_fail(TAL_ERR_IO, "cannot read the journal in '%s': %s", path, strerror(errno));
    if (info.st_size > JOURNAL_BYTES_MAX)
        return tal_fail(TAL_ERR_DATA, "the journal in '%s' is no journal: remove the folder", path);
    size_t bytes = (size_t)info.st_size;
    tal_status status = tal_buffer_reserve(out_bytes, bytes);
    while (status == TAL_OK && out_bytes->bytes < bytes) {
        ssize_t count = pread(journal, out_bytes->data + out_bytes->bytes, bytes - out_bytes->bytes,
                              (off_t)out_bytes->bytes);
        if (count < 0 && errno != EINTR)
            status =
                tal_fail(TAL_ERR_IO, "cannot read the journal in '%s': %s", path, strerror(errno));
        if (count == 0)
            break;
        if (count > 0)
            out_bytes->bytes += (size_t)count;
    }
    return status;
}

tal_status tal_folder_append(int journal, const char *path, uint64_t keep_bytes, const void *data,
                             size_t bytes)
{
    size_t done = 0;
    bool is_good = ftruncate(journal, (off_t)keep_bytes) == 0;
    while (is_good && done < bytes) {
        ssize_t count =
            pwrite(journal, (const char *)data + done, bytes - done, (off_t)(keep_bytes + done));
        if (count > 0)
            done += (size_t)count;
        else
            is_good = count < 0 && errno == EINTR;
    }
    if (!is_good || fsync(journal) != 0)
        return tal_fail(TAL_ERR_IO, "cannot write the journal in '%s': %s", path, strerror(errno));
    return TAL_OK;
}

static void remove_files(const char *path, bool is_journal_kept)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        bool is_journal = strcmp(entry->d_name, journal_name) == 0;
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!is_dots && !(is_journal && is_journal_kept))
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* What stays is seen by rmdir. */
    }
    (void)closedir(folder); /* Read only. */
}

void tal_folder_clear(const char *path)
{
    remove_files(path, true);
}

void tal_folder_remove(int journal, const char *path)
{
    remove_files(path, false);
    (void)rmdir(path); /* Left behind when somebody else put something there. */
    (void)close(journal);
}

bool tal_folder_read_piece(const char *file_path, uint64_t offset, void *data, size_t bytes)
{
    int file = open(file_path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t done = 0;
    bool is_good = true;
    while (is_good && done < bytes) {
        ssize_t count = pread(file, (char *)data + done, bytes - done, (off_t)(offset + done));
        if (count > 0)
            done += (size_t)count;
        else
            is_good = count < 0 && errno == EINTR;
    }
    (void)close(file); /* Read only. */
    return is_good;
}
