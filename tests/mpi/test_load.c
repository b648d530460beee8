/* Loading by several ranks: every rank makes the same random files in memory, rank 0 writes them,
 * and what the ranks load together must be the records they were made from, at the right gids. */
#include "base/alloc.h"
#include "harness.h"
#include "seq/load.h"
#include "seq/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char test_suite_name[] = "mpi/load";

enum { FILE_MAX = 14, PATH_BYTES = 128 };

static tal_comm *comm;
static char folder[PATH_BYTES];

static void leave(void)
{
    tal_comm_barrier(comm);
    if (tal_comm_rank(comm) == 0 && rmdir(folder) != 0)
        perror(folder);
    tal_comm_destroy(comm);
}

static void enter(void)
{
    if (comm != NULL)
        return;
    int argc = 0;
    char **argv = NULL;
    if (tal_comm_create(&argc, &argv, &comm) != TAL_OK)
        abort();
    (void)strcpy(folder, "/tmp/talaria-test-load-XXXXXX");
    if (tal_comm_rank(comm) == 0 && mkdtemp(folder) == NULL)
        abort();
    tal_comm_broadcast(comm, folder, sizeof(folder), 0);
    atexit(leave);
}

/* Files of a load, and what must come of it. */
typedef struct scene {
    char paths[FILE_MAX][PATH_BYTES];
    const char *path_list[FILE_MAX];
    size_t file_count;
    uint64_t stored_bytes[FILE_MAX];
    uint64_t record_counts[FILE_MAX];
    tal_seqset *expected;
} scene;

static void scene_init(scene *self, tal_alphabet alphabet)
{
    enter();
    memset(self, 0, sizeof(*self));
    if (tal_seqset_create(alphabet, &self->expected) != TAL_OK)
        abort();
}

static void scene_deinit(scene *self)
{
    tal_comm_barrier(comm);
    for (size_t i = 0; i < self->file_count && tal_comm_rank(comm) == 0; i++)
        unlink(self->paths[i]);
    tal_comm_barrier(comm);
    tal_seqset_destroy(self->expected);
}

/* Rank 0 writes a file; all ranks note it. */
static void add_file(scene *self, const void *data, size_t bytes)
{
    size_t i = self->file_count++;
    (void)snprintf(self->paths[i], PATH_BYTES, "%.80s/%zu", folder, i);
    self->path_list[i] = self->paths[i];
    self->stored_bytes[i] = bytes;
    if (tal_comm_rank(comm) == 0) {
        FILE *file = fopen(self->paths[i], "wb");
        if (file == NULL || (bytes > 0 && fwrite(data, bytes, 1, file) != 1) || fclose(file) != 0)
            abort();
    }
    tal_comm_barrier(comm);
}

typedef enum coding { PLAIN, GZIP, ZSTD, CODING_COUNT } coding;

static void add_torture(scene *self, coding how, torture_params params)
{
    tal_buffer text = {0};
    tal_buffer stored = {0};
    torture_make(&params, &text, self->expected);
    self->record_counts[self->file_count] = params.record_count;
    if (how == GZIP)
        torture_gzip(&text, 1 + params.record_count % 3, &stored);
    else if (how == ZSTD)
        torture_zstd(&text, 1 + params.record_count % 3, &stored);
    const tal_buffer *content = how == PLAIN ? &text : &stored;
    add_file(self, content->data, content->bytes);
    tal_buffer_deinit(&stored);
    tal_buffer_deinit(&text);
}

static tal_load_params load_params(const scene *self, int open_file_limit, uint64_t range_limit)
{
    return (tal_load_params){.paths = self->path_list,
                             .path_count = self->file_count,
                             .role = "references",
                             .alphabet = tal_seqset_alphabet(self->expected) == TAL_PROTEIN
                                             ? TAL_ALPHABET_FORCE_PROTEIN
                                             : TAL_ALPHABET_FORCE_NUCLEOTIDE,
                             .open_file_limit = open_file_limit,
                             .range_bytes_limit = range_limit};
}

static void expect_info(const scene *self, const tal_set_info *info)
{
    CU_ASSERT_EQUAL(info->alphabet, tal_seqset_alphabet(self->expected));
    CU_ASSERT_EQUAL(info->sequence_count, tal_seqset_count(self->expected));
    CU_ASSERT_EQUAL(info->residue_count, tal_seqset_residue_count(self->expected));
    CU_ASSERT_EQUAL_FATAL(info->file_count, self->file_count);
    uint64_t len_max = 0;
    for (tal_lid lid = 0; lid < tal_seqset_count(self->expected); lid++)
        if ((uint64_t)tal_seqset_len(self->expected, lid) > len_max)
            len_max = (uint64_t)tal_seqset_len(self->expected, lid);
    CU_ASSERT_EQUAL(info->len_max, len_max);
    for (size_t i = 0; i < info->file_count; i++) {
        CU_ASSERT_STRING_EQUAL(info->files[i].path, self->paths[i]);
        CU_ASSERT_EQUAL(info->files[i].bytes, self->stored_bytes[i]);
        CU_ASSERT_EQUAL(info->files[i].sequence_count, self->record_counts[i]);
    }
}

static bool is_expected(const scene *self, const tal_seqset *set, tal_lid lid, tal_gid gid)
{
    if (gid >= tal_seqset_count(self->expected))
        return false;
    tal_lid other = (tal_lid)gid;
    int32_t len = tal_seqset_len(set, lid);
    return len == tal_seqset_len(self->expected, other) &&
           memcmp(tal_seqset_residues(set, lid), tal_seqset_residues(self->expected, other),
                  (size_t)len) == 0 &&
           strcmp(tal_seqset_header(set, lid), tal_seqset_header(self->expected, other)) == 0;
}

/* Load and compare with what is expected; returns the sum of the files' hashes. */
static uint64_t expect_partition(const scene *self, int open_file_limit, uint64_t range_limit)
{
    tal_load_params params = load_params(self, open_file_limit, range_limit);
    tal_seqset *set = NULL;
    tal_set_info info;
    tal_status status = tal_load_partition(comm, &params, &set, &info);
    CU_ASSERT_EQUAL_FATAL(status, TAL_OK);
    expect_info(self, &info);
    size_t count = tal_seqset_count(self->expected);
    uint64_t *seen = tal_alloc_zero(count * sizeof(*seen));
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++) {
        tal_gid gid = tal_seqset_gid(set, lid);
        CU_ASSERT_FATAL(is_expected(self, set, lid, gid));
        seen[gid]++;
    }
    tal_comm_sum_u64(comm, seen, count);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_EQUAL(seen[i], 1);
    tal_free(seen);
    uint64_t hash = 0;
    for (size_t i = 0; i < info.file_count; i++)
        hash += (i + 1) * info.files[i].hash;
    tal_set_info_deinit(&info);
    tal_seqset_destroy(set);
    return hash;
}

static uint64_t expect_stream(const scene *self, uint64_t block_residues, tal_lid block_count)
{
    tal_load_params params = load_params(self, 1, 0);
    tal_stream *stream = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_stream_open(comm, &params, block_residues, block_count, &stream),
                          TAL_OK);
    CU_ASSERT_EQUAL(tal_stream_progress(stream), 0.0);
    tal_lid at = 0;
    double progress = 0.0;
    for (;;) {
        tal_seqset *block;
        CU_ASSERT_EQUAL_FATAL(tal_stream_next(stream, &block), TAL_OK);
        CU_ASSERT(tal_stream_progress(stream) >= progress);
        progress = tal_stream_progress(stream);
        if (block == NULL)
            break;
        /* The greedy block: one more record would be too much. */
        tal_lid count = 0;
        uint64_t residues = 0;
        while (at + count < tal_seqset_count(self->expected) && count < block_count) {
            uint64_t len = (uint64_t)tal_seqset_len(self->expected, at + count);
            if (count > 0 && (residues == block_residues || residues + len > block_residues ||
                              residues > block_residues))
                break;
            residues += len;
            count++;
        }
        CU_ASSERT_EQUAL_FATAL(tal_seqset_count(block), count);
        for (tal_lid lid = 0; lid < count; lid++, at++) {
            CU_ASSERT_EQUAL(tal_seqset_gid(block, lid), at);
            CU_ASSERT(is_expected(self, block, lid, at));
        }
        CU_ASSERT_EQUAL(tal_stream_info(stream)->sequence_count, at);
    }
    CU_ASSERT_EQUAL(at, tal_seqset_count(self->expected));
    CU_ASSERT_EQUAL(progress, 1.0);
    expect_info(self, tal_stream_info(stream));
    uint64_t hash = 0;
    for (size_t i = 0; i < self->file_count; i++)
        hash += (i + 1) * tal_stream_info(stream)->files[i].hash;
    tal_stream_close(stream);
    return hash;
}

/* The file hashes do not depend on the number of ranks: known values for a fixed file. */
static void hashes_are_the_same_for_any_rank_count(void)
{
    scene self;
    scene_init(&self, TAL_PROTEIN);
    static const char text[] = ">a first\nACDE\n>b\n\n>a first\nACDEF\n>c\nWWYY\n";
    add_file(&self, text, strlen(text));
    tal_load_params params = load_params(&self, 1, 3);
    tal_seqset *set = NULL;
    tal_set_info info;
    CU_ASSERT_EQUAL_FATAL(tal_load_partition(comm, &params, &set, &info), TAL_OK);
    CU_ASSERT_EQUAL(info.files[0].hash, UINT64_C(0x5abd26f1bc1db17e));
    tal_set_info_deinit(&info);
    tal_seqset_destroy(set);
    scene_deinit(&self);
}

static void tiny_files_load_at_every_piece_size(void)
{
    for (int round = 0; round < 8; round++) {
        scene self;
        scene_init(&self, round % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE);
        add_torture(&self, PLAIN,
                    (torture_params){.alphabet = tal_seqset_alphabet(self.expected),
                                     .record_count = 1 + (size_t)round,
                                     .len_max = 5 * round,
                                     .has_mark = round % 3 == 0});
        uint64_t hash = expect_partition(&self, 1, 0);
        for (uint64_t limit = 1; limit < 40; limit += 1 + limit / 4)
            CU_ASSERT_EQUAL(expect_partition(&self, 3, limit), hash);
        CU_ASSERT_EQUAL(expect_stream(&self, 1, 1), hash);
        CU_ASSERT_EQUAL(expect_stream(&self, 20, 3), hash);
        scene_deinit(&self);
    }
}

static void one_record_may_span_all_ranks(void)
{
    for (int how = PLAIN; how < CODING_COUNT; how++) {
        scene self;
        scene_init(&self, TAL_PROTEIN);
        for (size_t i = 0; i < 2; i++)
            add_torture(&self, (coding)how,
                        (torture_params){.alphabet = TAL_PROTEIN,
                                         .record_count = 1,
                                         .len_max = 200000,
                                         .is_plain_style = i == 0});
        uint64_t hash = expect_partition(&self, 10, 0);
        CU_ASSERT_EQUAL(expect_partition(&self, 1, 1000), hash);
        CU_ASSERT_EQUAL(expect_stream(&self, 1000, 1000), hash);
        scene_deinit(&self);
    }
}

static void mixed_files_load_with_any_limit(void)
{
    for (int round = 0; round < 4; round++) {
        scene self;
        scene_init(&self, TAL_PROTEIN);
        for (int i = 0; i < 12; i++)
            add_torture(&self, (coding)test_random_in(0, CODING_COUNT - 1),
                        (torture_params){.alphabet = TAL_PROTEIN,
                                         .record_count = 1 + (size_t)test_random_in(0, 60),
                                         .len_max = test_random_in(0, 300),
                                         .has_mark = test_random_in(0, 2) == 0});
        uint64_t hash = expect_partition(&self, 10, 0);
        CU_ASSERT_EQUAL(expect_partition(&self, 1, 100), hash);
        CU_ASSERT_EQUAL(expect_partition(&self, 3, 777), hash);
        CU_ASSERT_EQUAL(expect_partition(&self, 100, 5), hash);
        CU_ASSERT_EQUAL(expect_stream(&self, 1000, 7), hash);
        scene_deinit(&self);
    }
}

/* Several chunks of about a million residues each, over all ranks. */
static void large_compressed_files_are_spread_over_ranks(void)
{
    scene self;
    scene_init(&self, TAL_PROTEIN);
    add_torture(&self, GZIP,
                (torture_params){.alphabet = TAL_PROTEIN,
                                 .record_count = 6000,
                                 .len_max = 2500,
                                 .is_plain_style = true});
    add_torture(&self, PLAIN,
                (torture_params){.alphabet = TAL_PROTEIN,
                                 .record_count = 2000,
                                 .len_max = 1000,
                                 .is_plain_style = true});
    tal_load_params params = load_params(&self, 10, 0);
    tal_seqset *set = NULL;
    tal_set_info info;
    CU_ASSERT_EQUAL_FATAL(tal_load_partition(comm, &params, &set, &info), TAL_OK);
    /* 7.5 million residues make seven or eight chunks. */
    uint64_t share = info.residue_count / (uint64_t)tal_comm_size(comm);
    CU_ASSERT(tal_seqset_residue_count(set) > share / 2);
    CU_ASSERT(tal_seqset_residue_count(set) < 2 * share);
    tal_set_info_deinit(&info);
    tal_seqset_destroy(set);
    uint64_t hash = expect_partition(&self, 10, 0);
    CU_ASSERT_EQUAL(expect_stream(&self, 1000000, 100000), hash);
    scene_deinit(&self);
}

/* Both ways of loading fail with the same message on every rank. */
static void expect_failure(const scene *self, tal_alphabet_choice alphabet, tal_status expected,
                           const char *message)
{
    tal_load_params params = load_params(self, 2, 100);
    params.alphabet = alphabet;
    for (int way = 0; way < 2; way++) {
        tal_status status = TAL_OK;
        tal_status_clear();
        if (way == 0) {
            tal_seqset *set = NULL;
            tal_set_info info;
            status = tal_load_partition(comm, &params, &set, &info);
        } else {
            tal_stream *stream = NULL;
            tal_seqset *block = NULL;
            status = tal_stream_open(comm, &params, 50, 10, &stream);
            while (status == TAL_OK) {
                status = tal_stream_next(stream, &block);
                if (status == TAL_OK && block == NULL)
                    break;
            }
            tal_stream_close(stream);
        }
        CU_ASSERT_EQUAL(status, expected);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), message));
        if (strstr(tal_status_message(), message) == NULL)
            printf("expected %s\ngot      %s\n", message, tal_status_message());
    }
    tal_status_clear();
}

static void failures_are_the_same_on_every_rank(void)
{
    static const char bad_end[] = "AC-E\n";
    tal_buffer text = {0};
    for (int i = 0; i < 500; i++)
        (void)tal_buffer_printf(&text, ">r%d x\r\nACDEFG\r\nHIK\n", i);
    tal_buffer whole = {0};
    torture_gzip(&text, 1, &whole);
    (void)tal_buffer_append_text(&text, bad_end);
    tal_buffer bad = {0};
    torture_zstd(&text, 2, &bad);

    scene self;
    const char *gap = "record 'r499' line 1501: '-' is no protein letter; remove gap characters";
    scene_init(&self, TAL_PROTEIN);
    add_file(&self, text.data, text.bytes); /* found on the last rank, by byte ranges */
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_DATA, gap);
    expect_failure(&self, TAL_ALPHABET_FORCE_NUCLEOTIDE, TAL_ERR_DATA,
                   "record 'r0' line 2: 'E' is no nucleotide letter; is this protein?");
    scene_deinit(&self);

    scene_init(&self, TAL_PROTEIN);
    add_file(&self, whole.data, whole.bytes);
    add_file(&self, bad.data, bad.bytes); /* found by a reader amid the rounds */
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_DATA, gap);
    scene_deinit(&self);

    scene_init(&self, TAL_PROTEIN);
    add_file(&self, text.data, text.bytes - strlen(bad_end));
    add_file(&self, whole.data, whole.bytes);
    add_file(&self, whole.data, whole.bytes - 9);
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_DATA, "copy it again");
    scene_deinit(&self);

    scene_init(&self, TAL_PROTEIN);
    add_file(&self, text.data, text.bytes - strlen(bad_end));
    add_file(&self, "", 0);
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_DATA, "/1': it is empty");
    if (tal_comm_rank(comm) == 0)
        unlink(self.paths[1]);
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_NO_INPUT, "/1': No such file");
    self.path_list[1] = folder;
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_NO_INPUT, "it is a directory");
    self.path_list[0] = self.path_list[1] = "-";
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_USAGE, "can be named only once");
    scene_deinit(&self);

    scene_init(&self, TAL_PROTEIN);
    add_file(&self, "\n \n;no record\n\n\n\n", 17);
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_DATA, "it is empty: no sequences");
    scene_deinit(&self);
    scene_init(&self, TAL_PROTEIN);
    add_file(&self, "\n \nno record\n\n\n\n", 16);
    expect_failure(&self, TAL_ALPHABET_DETECT, TAL_ERR_DATA, "line 3 begins with 'n'");
    scene_deinit(&self);
    tal_buffer_deinit(&bad);
    tal_buffer_deinit(&whole);
    tal_buffer_deinit(&text);
}

static void closing_a_stream_early_does_not_hang(void)
{
    scene self;
    scene_init(&self, TAL_PROTEIN);
    add_torture(&self, ZSTD,
                (torture_params){.alphabet = TAL_PROTEIN, .record_count = 500, .len_max = 100});
    tal_load_params params = load_params(&self, 1, 0);
    for (int blocks = 0; blocks < 3; blocks++) {
        tal_stream *stream = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_stream_open(comm, &params, 50, 10, &stream), TAL_OK);
        tal_seqset *block;
        for (int i = 0; i < blocks; i++)
            CU_ASSERT_EQUAL(tal_stream_next(stream, &block), TAL_OK);
        tal_stream_close(stream);
    }
    scene_deinit(&self);
}

/* A pipe is read by rank 0 alone; its writer is a process of rank 0. */
static void pipes_load_through_rank_0(void)
{
    scene self;
    scene_init(&self, TAL_PROTEIN);
    torture_params params = {.alphabet = TAL_PROTEIN, .record_count = 300, .len_max = 200};
    add_torture(&self, GZIP, params);
    add_torture(&self, PLAIN, params);
    char pipe_path[PATH_BYTES + 8];
    (void)snprintf(pipe_path, sizeof(pipe_path), "%s.pipe", self.paths[0]);
    char command[4 * PATH_BYTES];
    (void)snprintf(command, sizeof(command), "cat '%s' > '%s' &", self.paths[0], pipe_path);
    bool is_writer = tal_comm_rank(comm) == 0;
    if (is_writer && (mkfifo(pipe_path, 0600) != 0 || system(command) != 0))
        abort();
    self.path_list[0] = pipe_path;
    tal_load_params load = load_params(&self, 2, 0);
    load.alphabet = TAL_ALPHABET_DETECT;
    tal_seqset *set = NULL;
    tal_set_info info;
    tal_status status = tal_load_partition(comm, &load, &set, &info);
    CU_ASSERT_EQUAL_FATAL(status, TAL_OK);
    CU_ASSERT_EQUAL(info.sequence_count, 600);
    CU_ASSERT_EQUAL(info.files[0].bytes, self.stored_bytes[0]);
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++)
        CU_ASSERT(is_expected(&self, set, lid, tal_seqset_gid(set, lid)));
    tal_set_info_deinit(&info);
    tal_seqset_destroy(set);
    if (is_writer)
        unlink(pipe_path);
    scene_deinit(&self);
}

const test_case test_cases[] = {
    TEST_CASE(hashes_are_the_same_for_any_rank_count),
    TEST_CASE(tiny_files_load_at_every_piece_size),
    TEST_CASE(one_record_may_span_all_ranks),
    TEST_CASE(mixed_files_load_with_any_limit),
    TEST_CASE(large_compressed_files_are_spread_over_ranks),
    TEST_CASE(failures_are_the_same_on_every_rank),
    TEST_CASE(closing_a_stream_early_does_not_hang),
    TEST_CASE(pipes_load_through_rank_0),
    {0},
};
