/* What test programs that run under mpirun share; see ranks.h. */
#include "ranks.h"

#include "base/status.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ranks_begin(ranks_test *test, int *argc, char ***argv)
{
    *test = (ranks_test){0};
    if (tal_comm_create(argc, argv, &test->comm) != TAL_OK) {
        printf("cannot start MPI: %s\n", tal_status_message());
        exit(1);
    }
    test->rank = tal_comm_rank(test->comm);
    test->size = tal_comm_size(test->comm);
    if (test->rank == 0) {
        const char *base = getenv("TMPDIR");
        (void)snprintf(test->folder, sizeof(test->folder) - 64, "%s/talaria-test-XXXXXX",
                       base == NULL ? "/tmp" : base);
        if (mkdtemp(test->folder) == NULL) {
            printf("cannot make a folder '%s'\n", test->folder);
            tal_comm_abort(test->comm, 1);
        }
    }
    tal_comm_broadcast(test->comm, test->folder, sizeof(test->folder), 0);
}

static void remove_folder(const ranks_test *test)
{
    DIR *folder = opendir(test->folder);
    if (folder == NULL)
        return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char path[RANKS_PATH_BYTES];
        ranks_path(test, entry->d_name, path);
        if (unlink(path) != 0)
            (void)rmdir(path); /* What stays is only a temporary folder. */
    }
    (void)closedir(folder);
    (void)rmdir(test->folder);
}

int ranks_end(ranks_test *test)
{
    uint64_t failures = test->failure_count;
    tal_comm_sum_u64(test->comm, &failures, 1);
    tal_comm_barrier(test->comm);
    if (test->rank == 0) {
        remove_folder(test);
        printf("%llu checks failed\n", (unsigned long long)failures);
    }
    tal_comm_destroy(test->comm);
    return failures == 0 ? 0 : 1;
}

void ranks_path(const ranks_test *test, const char *name, char out_path[RANKS_PATH_BYTES])
{
    size_t folder_bytes = strlen(test->folder);
    size_t name_bytes = strlen(name);
    if (folder_bytes + name_bytes + 2 > RANKS_PATH_BYTES) {
        printf("the path of '%s' is too long\n", name);
        exit(1);
    }
    memcpy(out_path, test->folder, folder_bytes);
    out_path[folder_bytes] = '/';
    memcpy(out_path + folder_bytes + 1, name, name_bytes + 1);
}

void ranks_check(ranks_test *test, bool holds, const char *file, int line, const char *condition)
{
    if (holds)
        return;
    test->failure_count++;
    printf("%s:%d: rank %d of %d: does not hold: %s (last failure: '%s')\n", file, line, test->rank,
           test->size, condition, tal_status_message());
    (void)fflush(stdout);
}

void ranks_run(ranks_test *test, const char *name, void (*run)(ranks_test *test))
{
    if (test->rank == 0) {
        printf("%s\n", name);
        (void)fflush(stdout);
    }
    run(test);
    tal_status_clear();
    tal_comm_barrier(test->comm);
}
