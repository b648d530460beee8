/* The reader on files that are not what they should be, and the documentation of the format. */
#include "harness.h"

#include "store/sample.h"
#include "store/schema.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char test_suite_name[] = "store/result";

static tal_comm *comm;
static char path[256], other[300];

static void ranks_start(void)
{
    CU_ASSERT_EQUAL_FATAL(tal_comm_create(NULL, NULL, &comm), TAL_OK);
    const char *base = getenv("TMPDIR");
    (void)snprintf(path, sizeof(path), "%s/talaria-store-%ld.h5", base == NULL ? "/tmp" : base,
                   (long)getpid());
    (void)snprintf(other, sizeof(other), "%s.other", path);
}

static void write_sample(int query_count)
{
    sample content;
    sample_init(&content, TAL_NUCLEOTIDE);
    sample_fill(&content, query_count, 4);
    CU_ASSERT_EQUAL_FATAL(sample_write(comm, &content, path, true), TAL_OK);
    sample_deinit(&content);
}

static void load(const char *name, tal_buffer *out)
{
    char piece[4096];
    FILE *file = fopen(name, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size_t bytes;
    while ((bytes = fread(piece, 1, sizeof(piece), file)) > 0)
        CU_ASSERT_EQUAL_FATAL(tal_buffer_append(out, piece, bytes), TAL_OK);
    (void)fclose(file);
}

static void save(const char *name, const void *data, size_t bytes)
{
    FILE *file = fopen(name, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(data, 1, bytes, file), bytes);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

/* Open a file and read all of it. */
static tal_status read_all(const char *name)
{
    tal_result_reader *reader = NULL;
    tal_status status = tal_result_open(name, &reader);
    while (status == TAL_OK) {
        tal_result_page page;
        status = tal_result_read(reader, 10, &page);
        if (status != TAL_OK || page.query_begin == page.query_end)
            break;
    }
    tal_result_close(reader);
    return status;
}

static void expect_refusal(const char *name, tal_status expected, const char *cause)
{
    CU_ASSERT_EQUAL(read_all(name), expected);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), cause));
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), name));
    if (strstr(tal_status_message(), cause) == NULL)
        printf("expected '%s' in '%s'\n", cause, tal_status_message());
    tal_status_clear();
}

static void files_that_are_no_results_are_refused(void)
{
    expect_refusal("/nonexistent/x.h5", TAL_ERR_NO_INPUT, "No such file");
    expect_refusal("/", TAL_ERR_NO_INPUT, "is a directory");
    expect_refusal("/dev/null", TAL_ERR_NO_INPUT, "not a plain file");
    save(other, "", 0);
    expect_refusal(other, TAL_ERR_DATA, "is empty");
    save(other, ">seq\nACGT\n", 10);
    expect_refusal(other, TAL_ERR_DATA, "not an HDF5 file");
    save(other, "\x89HDF\r\n\x1a\n", 8);
    expect_refusal(other, TAL_ERR_DATA, "damaged or incomplete");
    hid_t file = H5Fcreate(other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);
    expect_refusal(other, TAL_ERR_DATA, "not a search result");
}

static void other_schemas_are_refused_by_number(void)
{
    write_sample(1);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    uint64_t major = 4;
    hid_t attribute = H5Aopen(file, "schema_major", H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(attribute >= 0);
    CU_ASSERT_TRUE(H5Awrite(attribute, H5T_NATIVE_UINT64, &major) >= 0);
    CU_ASSERT_TRUE(H5Aclose(attribute) >= 0);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);
    expect_refusal(path, TAL_ERR_DATA, "made by schema 4, this program reads 1 to 2");
}

static void truncated_files_are_refused(void)
{
    tal_buffer bytes = {0};
    write_sample(10);
    load(path, &bytes);
    for (size_t kept = 8; kept < bytes.bytes; kept += 1 + bytes.bytes / 40) {
        save(other, bytes.data, kept);
        expect_refusal(other, TAL_ERR_DATA, "damaged");
    }
    tal_buffer_deinit(&bytes);
}

/* Set one element of a dataset. */
static void poke(const char *dataset, hsize_t row, uint64_t value)
{
    hsize_t one = 1;
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t object = H5Dopen2(file, dataset, H5P_DEFAULT);
    hid_t space = H5Dget_space(object);
    hid_t memory = H5Screate_simple(1, &one, NULL);
    CU_ASSERT_TRUE_FATAL(H5Sselect_hyperslab(space, H5S_SELECT_SET, &row, NULL, &one, NULL) >= 0);
    CU_ASSERT_TRUE(H5Dwrite(object, H5T_NATIVE_UINT64, memory, space, H5P_DEFAULT, &value) >= 0);
    CU_ASSERT_TRUE(H5Sclose(memory) >= 0);
    CU_ASSERT_TRUE(H5Sclose(space) >= 0);
    CU_ASSERT_TRUE(H5Dclose(object) >= 0);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);
}

static void contents_that_contradict_each_other_are_refused(void)
{
    static const struct {
        const char *dataset, *cause;
        uint64_t value;
    } cases[] = {{"/queries/header_begin", "falls or points beyond", UINT64_MAX},
                 {"/queries/letter_begin", "falls or points beyond", (uint64_t)1 << 62},
                 {"/queries/hit_begin", "falls or points beyond", UINT64_MAX},
                 {"/queries/length", "not as long as", 123456},
                 {"/queries/headers", "holds a NUL", 0},
                 {"/hits/cigar_begin", "falls or points beyond", UINT64_MAX - 3},
                 {"/hits/letter_begin", "falls or points beyond", 1 << 30},
                 {"/hits/cigar", "contradicts", 0xfffffff0},
                 {"/hits/query_begin", "contradicts", (uint64_t)1 << 30},
                 {"/hits/ref_end", "contradicts", (uint64_t)1 << 30},
                 {"/hits/is_reverse", "contradicts", 2},
                 {"/hits/columns", "contradicts", 100000},
                 {"/hits/reference", "is not in", 12345},
                 {"/references/gid", "does not rise", 0},
                 {"/references/header_begin", "falls or points beyond", UINT64_MAX}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_sample(40);
        CU_ASSERT_EQUAL(read_all(path), TAL_OK);
        poke(cases[i].dataset, 1, cases[i].value);
        expect_refusal(path, TAL_ERR_DATA, cases[i].cause);
    }
    write_sample(40);
    poke("/queries/hit_begin", 0, 1);
    expect_refusal(path, TAL_ERR_DATA, "does not span");
}

static void missing_and_short_columns_are_refused(void)
{
    write_sample(3);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    CU_ASSERT_TRUE(H5Ldelete(file, "/hits/bits", H5P_DEFAULT) >= 0);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);
    expect_refusal(path, TAL_ERR_DATA, "'/hits/bits' is missing");

    write_sample(40);
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t object = H5Dopen2(file, "/hits/bits", H5P_DEFAULT);
    hsize_t rows = 1;
    CU_ASSERT_TRUE(H5Dset_extent(object, &rows) >= 0);
    CU_ASSERT_TRUE(H5Dclose(object) >= 0);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);
    expect_refusal(path, TAL_ERR_DATA, "another length");
}

/* Any damage ends in a result or a message, never in a crash. */
static void random_damage_is_survived(void)
{
    tal_buffer bytes = {0};
    write_sample(10);
    load(path, &bytes);
    int refused = 0;
    for (int round = 0; round < 300; round++) {
        size_t at = (size_t)test_random_in(0, (int64_t)bytes.bytes - 1);
        uint8_t before = bytes.data[at];
        bytes.data[at] ^= (uint8_t)test_random_in(1, 255);
        save(other, bytes.data, bytes.bytes);
        if (read_all(other) != TAL_OK) {
            CU_ASSERT_STRING_NOT_EQUAL(tal_status_message(), "");
            refused++;
        }
        tal_status_clear();
        bytes.data[at] = before;
    }
    printf("%d of 300 refused\n", refused);
    CU_ASSERT_TRUE(refused > 0);
    tal_buffer_deinit(&bytes);
}

/* docs/file-format.md of the source tree; NULL where the tests run without it. */
static const char *docs_path(char *name, size_t bytes)
{
    const char *root = getenv("TALARIA_SOURCE_ROOT");
    if (root == NULL)
        return NULL;
    (void)snprintf(name, bytes, "%s/docs/file-format.md", root);
    return name;
}

static void documentation_is_what_the_table_says(void)
{
    char name[1024];
    tal_buffer expected = {0};
    tal_buffer found = {0};
    CU_ASSERT_EQUAL(tal_schema_write_markdown(&expected), TAL_OK);
    if (docs_path(name, sizeof(name)) == NULL) {
        printf("skipped: TALARIA_SOURCE_ROOT is not set\n");
    } else {
        load(name, &found);
        CU_ASSERT_EQUAL(found.bytes, expected.bytes);
        bool is_same =
            found.bytes == expected.bytes && memcmp(found.data, expected.data, found.bytes) == 0;
        CU_ASSERT_TRUE(is_same);
        if (!is_same)
            printf("regenerate: talaria info --file-format > docs/file-format.md\n");
    }
    tal_buffer_deinit(&found);
    tal_buffer_deinit(&expected);
}

/* The example of the documentation, run by the system's Python. */
static void example_of_the_documentation_prints_the_hits(void)
{
    static const char python[] = "env -i /usr/bin/python3";
    static const char begin_mark[] = "```python\n";
    char command[1024];
    (void)snprintf(command, sizeof(command), "%s -c 'import h5py' 2> /dev/null", python);
    if (system(command) != 0) {
        printf("skipped: /usr/bin/python3 has no h5py\n");
        return;
    }
    tal_buffer page = {0};
    CU_ASSERT_EQUAL(tal_schema_write_markdown(&page), TAL_OK);
    CU_ASSERT_EQUAL(tal_buffer_append(&page, "", 1), TAL_OK);
    char *code = strstr((char *)page.data, begin_mark);
    CU_ASSERT_PTR_NOT_NULL_FATAL(code);
    code += strlen(begin_mark);
    save(other, code, (size_t)(strstr(code, "```") - code));

    sample content;
    sample_init(&content, TAL_PROTEIN);
    sample_add_reference(&content, 7, "ref seven", 5);
    sample_add_reference(&content, (tal_gid)1 << 40, "r\303\251f", 5);
    sample_add_query(&content, 0, "empty", "");
    sample_add_query(&content, 1, "query one", "ACD");
    tal_hit hit = {.query = 1, .reference = (tal_gid)1 << 40, .score = 42};
    sample_add_hit(&content, 1, hit, "", "");
    hit = (tal_hit){.query = 1, .reference = 7, .score = 41};
    sample_add_hit(&content, 1, hit, "", "");
    CU_ASSERT_EQUAL_FATAL(sample_write(comm, &content, path, true), TAL_OK);
    (void)snprintf(command, sizeof(command), "%s -X utf8 '%s' '%s'", python, other, path);
    FILE *output = popen(command, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(output);
    char text[1024] = "";
    (void)!fread(text, 1, sizeof(text) - 1, output); /* Compared below. */
    CU_ASSERT_EQUAL(pclose(output), 0);
    CU_ASSERT_STRING_EQUAL(text, "query one\tr\303\251f\t42\nquery one\tref seven\t41\n");
    sample_deinit(&content);
    tal_buffer_deinit(&page);
}

static void ranks_end(void)
{
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(unlink(other), 0);
    tal_comm_destroy(comm);
}

const test_case test_cases[] = {TEST_CASE(ranks_start),
                                TEST_CASE(files_that_are_no_results_are_refused),
                                TEST_CASE(other_schemas_are_refused_by_number),
                                TEST_CASE(truncated_files_are_refused),
                                TEST_CASE(contents_that_contradict_each_other_are_refused),
                                TEST_CASE(missing_and_short_columns_are_refused),
                                TEST_CASE(random_damage_is_survived),
                                TEST_CASE(documentation_is_what_the_table_says),
                                TEST_CASE(example_of_the_documentation_prints_the_hits),
                                TEST_CASE(ranks_end),
                                {0}};
