/* Result files are written by any number of ranks and say the same; failures leave nothing. */
#include "harness.h"

#include "store/sample.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

const char test_suite_name[] = "mpi/result";

/* MPI starts once for a program: the first case creates it, the last one ends it. */
static tal_comm *comm;
static char folder[256];

static bool is_root(void)
{
    return tal_comm_rank(comm) == 0;
}

static const char *in_folder(char *path, const char *name)
{
    (void)snprintf(path, 512, "%s/%s", folder, name);
    return path;
}

static void ranks_start(void)
{
    CU_ASSERT_EQUAL_FATAL(tal_comm_create(NULL, NULL, &comm), TAL_OK);
    if (is_root()) {
        const char *base = getenv("TMPDIR");
        (void)snprintf(folder, sizeof(folder), "%s/talaria-result-XXXXXX",
                       base == NULL ? "/tmp" : base);
        CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    }
    tal_comm_broadcast(comm, folder, sizeof(folder), 0);
}

/* Entries of the folder besides . and ..; rank 0's answer everywhere. */
static uint64_t count_files(const char *path)
{
    uint64_t count = 0;
    tal_comm_barrier(comm);
    if (is_root()) {
        DIR *listing = opendir(path);
        const struct dirent *entry;
        while (listing != NULL && (entry = readdir(listing)) != NULL)
            count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        if (listing != NULL)
            (void)closedir(listing);
    }
    tal_comm_broadcast(comm, &count, sizeof(count), 0);
    return count;
}

static void remove_file(const char *path)
{
    tal_comm_barrier(comm);
    if (is_root())
        CU_ASSERT_EQUAL(unlink(path), 0);
    tal_comm_barrier(comm);
}

static void what_is_written_is_read(void)
{
    static const struct {
        int query_count, hit_max;
    } sizes[] = {{0, 0}, {1, 0}, {1, 1}, {7, 3}, {200, 12}};
    char path[512];
    in_folder(path, "out.h5");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        sample content;
        sample_init(&content, TAL_NUCLEOTIDE);
        sample_fill(&content, sizes[i].query_count, sizes[i].hit_max);
        CU_ASSERT_EQUAL(sample_write(comm, &content, path, false), TAL_OK);
        CU_ASSERT_STRING_EQUAL(tal_status_message(), "");
        CU_ASSERT_EQUAL(count_files(folder), 1);
        if (is_root()) {
            struct stat info;
            CU_ASSERT_EQUAL(stat(path, &info), 0);
            printf("%d queries a block: %lld bytes\n", sizes[i].query_count,
                   (long long)info.st_size);
            CU_ASSERT_EQUAL(sample_compare(&content, path, 1), 0);
            CU_ASSERT_EQUAL(sample_compare(&content, path, 50), 0);
            CU_ASSERT_EQUAL(sample_compare(&content, path, SIZE_MAX), 0);
        }
        remove_file(path);
        sample_deinit(&content);
    }
}

static void attributes_are_found(void)
{
    char path[512];
    char text[64];
    sample content;
    const tal_result_attribute parameters[] = {
        {.name = "matrix", .type = TAL_ATTRIBUTE_TEXT, .text = "BLOSUM62"},
        {.name = "nothing", .type = TAL_ATTRIBUTE_TEXT, .text = ""}};
    sample_init(&content, TAL_PROTEIN);
    sample_fill(&content, 2, 2);
    content.parameters = parameters;
    content.parameter_count = 2;
    in_folder(path, "out.h5");
    CU_ASSERT_EQUAL(sample_write(comm, &content, path, false), TAL_OK);
    if (is_root()) {
        tal_result_reader *reader = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_result_open(path, &reader), TAL_OK);
        CU_ASSERT_EQUAL(tal_result_alphabet(reader), TAL_PROTEIN);
        CU_ASSERT_TRUE(tal_result_find_attribute(reader, "parameters", "matrix", text, 64));
        CU_ASSERT_STRING_EQUAL(text, "BLOSUM62");
        CU_ASSERT_TRUE(tal_result_find_attribute(reader, "parameters", "matrix", text, 4));
        CU_ASSERT_STRING_EQUAL(text, "BLO");
        CU_ASSERT_TRUE(tal_result_find_attribute(reader, "parameters", "nothing", text, 64));
        CU_ASSERT_STRING_EQUAL(text, "");
        CU_ASSERT_TRUE(tal_result_find_attribute(reader, "summary", "hits", text, 64));
        CU_ASSERT_STRING_EQUAL(text, "18446744073709551615");
        CU_ASSERT_TRUE(tal_result_find_attribute(reader, "summary", "seconds", text, 64));
        CU_ASSERT_STRING_EQUAL(text, "0.25");
        CU_ASSERT_FALSE(tal_result_find_attribute(reader, "summary", "absent", text, 64));
        CU_ASSERT_FALSE(tal_result_find_attribute(reader, "absent", "hits", text, 64));
        tal_result_close(reader);
    }
    remove_file(path);
    sample_deinit(&content);
}

static void outputs_that_cannot_be_are_refused(void)
{
    char path[512];
    sample content;
    sample_init(&content, TAL_PROTEIN);
    sample_fill(&content, 3, 2);
    const struct {
        const char *name, *cause;
    } cases[] = {{"", "names no file"},
                 {"missing/out.h5", "folder does not exist"},
                 {"kept.h5", "--force"},
                 {"folder", "is a directory"},
                 {"kept.h5/out.h5", "Not a directory"},
                 {"fifo", "not a plain file"}};
    if (is_root()) {
        FILE *file = fopen(in_folder(path, "kept.h5"), "w");
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        CU_ASSERT_TRUE(fputs("precious", file) >= 0);
        CU_ASSERT_EQUAL(fclose(file), 0);
        CU_ASSERT_EQUAL(mkdir(in_folder(path, "folder"), 0777), 0);
        CU_ASSERT_EQUAL(mkfifo(in_folder(path, "fifo"), 0666), 0);
    }
    tal_comm_barrier(comm);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(sample_write(comm, &content, in_folder(path, cases[i].name), false),
                        TAL_ERR_OUTPUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), cases[i].cause));
        tal_status_clear();
        CU_ASSERT_EQUAL(count_files(folder), 3);
    }
    in_folder(path, "kept.h5");
    CU_ASSERT_EQUAL(sample_write(comm, &content, path, true), TAL_OK);
    if (is_root()) {
        CU_ASSERT_EQUAL(sample_compare(&content, path, 100), 0);
        char other[512];
        CU_ASSERT_EQUAL(rmdir(in_folder(other, "folder")), 0);
        CU_ASSERT_EQUAL(unlink(in_folder(other, "fifo")), 0);
    }
    remove_file(path);
    CU_ASSERT_EQUAL(count_files(folder), 0);
    sample_deinit(&content);
}

static void giving_up_leaves_nothing(void)
{
    char path[512];
    tal_result_writer *writer = NULL;
    in_folder(path, "out.h5");
    CU_ASSERT_EQUAL_FATAL(tal_result_create(comm, path, NULL, false, TAL_PROTEIN, &writer), TAL_OK);
    tal_result_discard(writer);
    tal_result_discard(NULL);
    CU_ASSERT_EQUAL(count_files(folder), 0);
}

/* Fill the file system of `path` until `left` bytes are free. */
static void fill_up(const char *path, uint64_t left)
{
    static const char zeros[4096];
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (fwrite(zeros, 1, sizeof(zeros), file) == sizeof(zeros) && fflush(file) == 0)
        continue;
    (void)fclose(file);
    struct stat info;
    CU_ASSERT_EQUAL(stat(path, &info), 0);
    off_t bytes = info.st_size > (off_t)left ? info.st_size - (off_t)left : 0;
    CU_ASSERT_EQUAL(truncate(path, bytes), 0);
}

/* Every amount of free space: each fails cleanly, until the file fits. */
static void a_full_disk_is_one_message_and_no_file(void)
{
    char path[512];
    char filler[1024];
    uint64_t can_mount = 0;
    sample content;
    if (is_root())
        can_mount = mount("tmpfs", folder, "tmpfs", 0, "size=1m") == 0;
    tal_comm_broadcast(comm, &can_mount, sizeof(can_mount), 0);
    if (can_mount == 0) {
        printf("skipped: needs the right to mount a file system\n");
        return;
    }
    sample_init(&content, TAL_NUCLEOTIDE);
    sample_fill(&content, 150, 10);
    in_folder(path, "out.h5");
    (void)snprintf(filler, sizeof(filler), "%s/filler", folder);
    int failures = 0;
    tal_status status = TAL_ERR_IO;
    for (uint64_t left = 0; left <= (1 << 20) && status != TAL_OK; left += 16 << 10) {
        if (is_root())
            fill_up(filler, left);
        tal_comm_barrier(comm);
        status = sample_write(comm, &content, path, false);
        if (status == TAL_OK)
            break;
        failures++;
        CU_ASSERT_TRUE(status == TAL_ERR_IO || status == TAL_ERR_OUTPUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "No space left on device"));
        tal_status_clear();
        CU_ASSERT_EQUAL(count_files(folder), 1);
    }
    CU_ASSERT_EQUAL(status, TAL_OK);
    CU_ASSERT_TRUE(failures > 10);
    if (is_root()) {
        printf("%d failures before it fitted\n", failures);
        CU_ASSERT_EQUAL(sample_compare(&content, path, 100), 0);
        CU_ASSERT_EQUAL(umount(folder), 0);
    }
    sample_deinit(&content);
}

static void ranks_end(void)
{
    tal_comm_barrier(comm);
    if (is_root())
        CU_ASSERT_EQUAL(rmdir(folder), 0);
    tal_comm_destroy(comm);
}

const test_case test_cases[] = {TEST_CASE(ranks_start),
                                TEST_CASE(what_is_written_is_read),
                                TEST_CASE(attributes_are_found),
                                TEST_CASE(outputs_that_cannot_be_are_refused),
                                TEST_CASE(giving_up_leaves_nothing),
                                TEST_CASE(a_full_disk_is_one_message_and_no_file),
                                TEST_CASE(ranks_end),
                                {0}};
