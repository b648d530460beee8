/* Decompression, sources of every kind, the reader thread. */
#include "base/alloc.h"
#include "harness.h"
#include "seq/reader.h"
#include "seq/source.h"
#include "torture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char test_suite_name[] = "seq/source";

static char folder[] = "/tmp/talaria-test-source-XXXXXX";

static void remove_folder(void)
{
    if (rmdir(folder) != 0)
        perror(folder);
}

static const char *path_of(const char *name)
{
    static char path[256];
    if (strstr(folder, "XXXXXX") != NULL) {
        if (mkdtemp(folder) == NULL)
            abort();
        atexit(remove_folder);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || (bytes > 0 && fwrite(data, bytes, 1, file) != 1) || fclose(file) != 0)
        abort();
}

/* Read all of a source in pieces of `piece` bytes. */
static tal_status read_all(tal_source *source, size_t piece, tal_buffer *out)
{
    for (;;) {
        if (tal_buffer_reserve(out, piece) != TAL_OK)
            abort();
        size_t bytes = 0;
        tal_status status = tal_source_read(source, out->data + out->bytes, piece, &bytes);
        if (status != TAL_OK || bytes == 0)
            return status;
        out->bytes += bytes;
    }
}

static tal_status read_path(const char *path, size_t piece, size_t peek_bytes, tal_buffer *out)
{
    tal_source *source = NULL;
    tal_status status = tal_source_open(path, -1, &source);
    const uint8_t *view;
    size_t viewed;
    if (status == TAL_OK && peek_bytes > 0)
        status = tal_source_peek(source, peek_bytes, &view, &viewed);
    if (status == TAL_OK)
        status = read_all(source, piece, out);
    tal_source_close(source);
    return status;
}

static void make_text(tal_buffer *text, size_t bytes)
{
    static const char start[] = ">a\n";
    (void)tal_buffer_append_text(text, start);
    while (text->bytes < bytes) {
        uint8_t letter = (uint8_t) "ACGT\n"[test_random_in(0, 4)];
        (void)tal_buffer_append(text, &letter, 1);
    }
}

static void each_coding_reads_back_what_was_written(void)
{
    static const size_t sizes[] = {3, 4, 1000, 70000, 700000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        tal_buffer text = {0};
        make_text(&text, sizes[i]);
        for (int kind = 0; kind < 5; kind++) {
            tal_buffer stored = {0};
            size_t members = kind < 3 ? 1 : 3;
            if (kind == 0)
                (void)tal_buffer_append(&stored, text.data, text.bytes);
            else if (kind % 2 == 1)
                torture_gzip(&text, members, &stored);
            else
                torture_zstd(&text, members, &stored);
            const char *path = path_of("x");
            write_file(path, stored.data, stored.bytes);
            for (size_t peek = 0; peek < 2 * text.bytes; peek += 1 + text.bytes / 3) {
                tal_buffer read = {0};
                CU_ASSERT_EQUAL(read_path(path, 1 + text.bytes / 7, peek, &read), TAL_OK);
                CU_ASSERT_EQUAL(read.bytes, text.bytes);
                CU_ASSERT(memcmp(read.data, text.data, text.bytes) == 0);
                tal_buffer_deinit(&read);
            }
            unlink(path);
            tal_buffer_deinit(&stored);
        }
        tal_buffer_deinit(&text);
    }
}

static void truncated_files_are_refused_at_every_length(void)
{
    tal_buffer text = {0};
    make_text(&text, 300);
    for (int kind = 0; kind < 2; kind++) {
        tal_buffer stored = {0};
        if (kind == 0)
            torture_gzip(&text, 1, &stored);
        else
            torture_zstd(&text, 1, &stored);
        const char *path = path_of("x.gz");
        for (size_t bytes = kind == 0 ? 2 : 4; bytes < stored.bytes; bytes++) {
            write_file(path, stored.data, bytes);
            tal_buffer read = {0};
            tal_status_clear();
            CU_ASSERT_EQUAL(read_path(path, 4096, 0, &read), TAL_ERR_DATA);
            char expected[512];
            (void)snprintf(expected, sizeof(expected),
                           "cannot read '%s': it is truncated after %zu bytes; copy it again", path,
                           bytes);
            CU_ASSERT_STRING_EQUAL(tal_status_message(), expected);
            tal_buffer_deinit(&read);
        }
        unlink(path);
        tal_buffer_deinit(&stored);
    }
    tal_status_clear();
    tal_buffer_deinit(&text);
}

/* The library reads formats older than RFC 8878, such as those with the magic numbers 25 or 26 b5
 * 2f fd, looks for these inside of headers too, and finds other damage in pieces than at once. */
static void only_zstd_frames_may_follow_zstd_frames(void)
{
    static const uint8_t tails[2][13] = {
        {0x25, 0xb5, 0x2f, 0xfd, 0x00, 0xcc, 0x00, 0xfd},
        {0x28, 0xb5, 0x2f, 0xfd, 0x26, 0xb5, 0x2f, 0xfd, 0x50, 0x38},
    };
    tal_buffer text = {0};
    make_text(&text, 300);
    for (int kind = 0; kind < 2; kind++) {
        tal_buffer stored = {0};
        torture_zstd(&text, 1, &stored);
        size_t whole = stored.bytes;
        CU_ASSERT_EQUAL_FATAL(tal_buffer_append(&stored, tails[kind], sizeof(tails[kind])), TAL_OK);
        const char *path = path_of("x.zst");
        for (size_t bytes = whole; bytes <= stored.bytes; bytes++) {
            write_file(path, stored.data, bytes);
            for (size_t piece = 1; piece <= 4096; piece *= 64) {
                tal_buffer read = {0};
                tal_status_clear();
                CU_ASSERT_EQUAL(read_path(path, piece, 0, &read),
                                bytes == whole ? TAL_OK : TAL_ERR_DATA);
                tal_buffer_deinit(&read);
            }
        }
        unlink(path);
        tal_status_clear();
        tal_buffer_deinit(&stored);
    }
    tal_buffer_deinit(&text);
}

static void damage_is_found_or_harmless(void)
{
    tal_buffer text = {0};
    make_text(&text, 2000);
    tal_buffer stored = {0};
    torture_gzip(&text, 1, &stored); /* gzip has a checksum over all of the content */
    const char *path = path_of("x.gz");
    for (size_t at = 10; at < stored.bytes; at += 7) {
        stored.data[at] ^= 0x10;
        write_file(path, stored.data, stored.bytes);
        stored.data[at] ^= 0x10;
        tal_buffer read = {0};
        tal_status_clear();
        tal_status status = read_path(path, 512, 0, &read);
        CU_ASSERT_EQUAL(status, TAL_ERR_DATA);
        CU_ASSERT(strstr(tal_status_message(), "corrupt") != NULL ||
                  strstr(tal_status_message(), "truncated") != NULL);
        tal_buffer_deinit(&read);
    }
    static const uint8_t tails[2] = {0, 'x'};
    for (int i = 0; i < 2; i++) {
        (void)tal_buffer_append(&stored, &tails[i], 1); /* padding is fine, junk is not */
        write_file(path, stored.data, stored.bytes);
        tal_buffer read = {0};
        tal_status_clear();
        CU_ASSERT_EQUAL(read_path(path, 512, 0, &read), i == 0 ? TAL_OK : TAL_ERR_DATA);
        tal_buffer_deinit(&read);
    }
    unlink(path);
    tal_status_clear();
    tal_buffer_deinit(&stored);
    tal_buffer_deinit(&text);
}

static void wrong_paths_and_formats_name_the_cause(void)
{
    static const struct {
        const char *content;
        size_t bytes;
        const char *message;
    } cases[] = {
        {"BZh91AY", 7, "it is a bzip2 file"},
        {"\xfd"
         "7zXZ\0",
         6, "it is a xz file"},
        {"", 0, "it is empty"},
    };
    tal_source_probe probe;
    const char *path = path_of("x.fa");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(path, cases[i].content, cases[i].bytes);
        tal_status_clear();
        CU_ASSERT_EQUAL(tal_source_look(path, &probe), TAL_ERR_DATA);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), cases[i].message));
    }
    unlink(path);
    tal_status_clear();
    CU_ASSERT_EQUAL(tal_source_look(path, &probe), TAL_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "No such file"));
    tal_status_clear();
    CU_ASSERT_EQUAL(tal_source_look("/", &probe), TAL_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "directory"));
    tal_status_clear();
    CU_ASSERT_EQUAL(tal_source_look("/dev/null", &probe), TAL_OK);
    CU_ASSERT_EQUAL(probe.kind, TAL_SOURCE_PIPE);
}

static tal_reader *open_reader(const char *const *paths, size_t count, uint64_t residues,
                               tal_lid records)
{
    tal_reader_params params = {.paths = paths,
                                .path_count = count,
                                .alphabet = TAL_PROTEIN,
                                .block_residues = residues,
                                .block_count = records,
                                .is_strict = true,
                                .ahead_count = 1};
    tal_reader *reader = NULL;
    if (tal_reader_create(&params, &reader) != TAL_OK)
        abort();
    return reader;
}

/* Two files of odd records in one reader: blocks are the greedy ones, parts add up. */
static void strict_blocks_are_greedy(void)
{
    char first[256];
    char second[256];
    (void)strcpy(first, path_of("first.fa"));
    (void)strcpy(second, path_of("second.fa.gz"));
    torture_params params = {.alphabet = TAL_PROTEIN, .record_count = 40, .len_max = 50};
    tal_seqset *expected = NULL;
    if (tal_seqset_create(TAL_PROTEIN, &expected) != TAL_OK)
        abort();
    tal_buffer text = {0};
    tal_buffer stored = {0};
    torture_make(&params, &text, expected);
    write_file(first, text.data, text.bytes);
    tal_buffer_reset(&text);
    torture_make(&params, &text, expected);
    torture_gzip(&text, 2, &stored);
    write_file(second, stored.data, stored.bytes);

    for (uint64_t residues = 1; residues < 300; residues += 13) {
        const char *const paths[] = {first, second};
        tal_lid record_limit = 1 + (tal_lid)residues / 20;
        tal_reader *reader = open_reader(paths, 2, residues, record_limit);
        tal_lid at = 0;
        uint64_t ordinal[2] = {0, 0};
        uint64_t bytes[2] = {0, 0};
        for (;;) {
            tal_reader_block block;
            CU_ASSERT_EQUAL_FATAL(tal_reader_pop(reader, &block), TAL_OK);
            if (block.set == NULL)
                break;
            tal_lid count = tal_seqset_count(block.set);
            uint64_t sum = tal_seqset_residue_count(block.set);
            CU_ASSERT(count >= 1 && count <= record_limit);
            CU_ASSERT(sum <= residues || count == 1);
            for (tal_lid i = 0; i < count; i++, at++) {
                CU_ASSERT_STRING_EQUAL(tal_seqset_header(block.set, i),
                                       tal_seqset_header(expected, at));
                CU_ASSERT_EQUAL(tal_seqset_len(block.set, i), tal_seqset_len(expected, at));
            }
            if (at < 80 && count < record_limit && sum < residues)
                CU_ASSERT(sum + (uint64_t)tal_seqset_len(expected, at) > residues);
            for (size_t i = 0; i < block.part_count; i++) {
                CU_ASSERT_EQUAL(block.parts[i].ordinal, ordinal[block.parts[i].file]);
                ordinal[block.parts[i].file] += block.parts[i].sequence_count;
                bytes[block.parts[i].file] += block.parts[i].bytes;
            }
            tal_reader_recycle(reader, &block);
        }
        CU_ASSERT_EQUAL(at, 80);
        CU_ASSERT(ordinal[0] == 40 && ordinal[1] == 40);
        CU_ASSERT_EQUAL(bytes[1], stored.bytes);
        tal_reader_destroy(reader);
    }
    unlink(first);
    unlink(second);
    tal_buffer_deinit(&stored);
    tal_buffer_deinit(&text);
    tal_seqset_destroy(expected);
}

static void reader_reports_a_failure_after_the_blocks_before_it(void)
{
    const char *path = path_of("x.fa");
    static const char text[] = ">a\nACD\n>b\nA1\n";
    write_file(path, text, strlen(text));
    tal_reader *reader = open_reader(&path, 1, 1, 1);
    tal_reader_block block;
    CU_ASSERT_EQUAL(tal_reader_pop(reader, &block), TAL_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block.set);
    tal_reader_recycle(reader, &block);
    CU_ASSERT_EQUAL(tal_reader_pop(reader, &block), TAL_ERR_DATA);
    CU_ASSERT_PTR_NULL(block.set);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "record 'b' line 4"));
    tal_status_clear();
    tal_reader_destroy(reader);
    unlink(path);
}

static void destroy_ends_a_reader_wherever_it_is(void)
{
    /* Waiting for a place: many blocks, none taken. */
    const char *path = path_of("x.fa");
    static const char text[] = ">a\nACD\n>b\nA\n>c\nA\n>d\nA\n";
    write_file(path, text, strlen(text));
    for (int i = 0; i < 50; i++)
        tal_reader_destroy(open_reader(&path, 1, 1, 1));
    unlink(path);
    /* Waiting for a pipe: without a writer, with a silent one. */
    path = path_of("pipe");
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    tal_reader_destroy(open_reader(&path, 1, 1, 1));
    int writer = open(path, O_RDWR | O_CLOEXEC);
    tal_reader_destroy(open_reader(&path, 1, 1, 1));
    /* And with one that speaks slowly, and pauses. */
    tal_reader *reader = open_reader(&path, 1, 3, 2);
    for (size_t i = 0; i < 5000; i++)
        CU_ASSERT_EQUAL(write(writer, i + 1 < sizeof(text) ? text + i : "\n", 1), 1);
    tal_reader_block block;
    CU_ASSERT_EQUAL(tal_reader_pop(reader, &block), TAL_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block.set);
    CU_ASSERT_EQUAL(tal_seqset_count(block.set), 1);
    close(writer);
    tal_reader_recycle(reader, &block);
    tal_reader_destroy(reader);
    unlink(path);
}

const test_case test_cases[] = {
    TEST_CASE(each_coding_reads_back_what_was_written),
    TEST_CASE(truncated_files_are_refused_at_every_length),
    TEST_CASE(only_zstd_frames_may_follow_zstd_frames),
    TEST_CASE(damage_is_found_or_harmless),
    TEST_CASE(wrong_paths_and_formats_name_the_cause),
    TEST_CASE(strict_blocks_are_greedy),
    TEST_CASE(reader_reports_a_failure_after_the_blocks_before_it),
    TEST_CASE(destroy_ends_a_reader_wherever_it_is),
    {0},
};
