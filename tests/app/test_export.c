/* The export formats on small results whose text was worked out by hand. */
#include "harness.h"

#include "app/export_format.h"
#include "store/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char test_suite_name[] = "app/export";

static tal_comm *comm;
static char path[256];

static void ranks_start(void)
{
    CU_ASSERT_EQUAL_FATAL(tal_comm_create(NULL, NULL, &comm), TAL_OK);
    const char *base = getenv("TMPDIR");
    (void)snprintf(path, sizeof(path), "%s/talaria-export-%ld.h5", base == NULL ? "/tmp" : base,
                   (long)getpid());
}

static tal_status append(void *context, const void *data, size_t bytes)
{
    return tal_buffer_append(context, data, bytes);
}

/* The export of a sample as text; the caller frees `out`. */
static const char *export_sample(const sample *content, const tal_export_params *params,
                                 tal_buffer *out)
{
    tal_result_reader *reader = NULL;
    CU_ASSERT_EQUAL_FATAL(sample_write(comm, content, path, true), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_result_open(path, &reader), TAL_OK);
    const tal_export_sink sink = {.write = append, .context = out};
    CU_ASSERT_EQUAL(tal_export_write(reader, params, &sink), TAL_OK);
    tal_result_close(reader);
    CU_ASSERT_EQUAL(tal_buffer_append(out, "", 1), TAL_OK);
    return (const char *)out->data;
}

static void expect(const sample *content, const tal_export_params *params, const char *expected)
{
    tal_buffer out = {0};
    const char *text = export_sample(content, params, &out);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0)
        printf("got:\n%s\nexpected:\n%s\n", text, expected);
    tal_buffer_deinit(&out);
}

/* Query  MKV-LWQ*X   Reference (from 3)  MRVGLWQ */
static void fill_protein(sample *content)
{
    sample_init(content, TAL_PROTEIN);
    sample_add_reference(content, 5, "sp|P1|REF first\treference", 40);
    sample_add_reference(content, (tal_gid)1 << 33, "", 12);
    sample_add_query(content, 0, "q1 a \"quoted\" \xff name", "AMKVLWQ*X");
    sample_add_query(content, 1, "q2", "");
    tal_hit hit = {.query = 0, .reference = 5, .evalue = 1.2345e-7, .bits = 34.56, .score = 77};
    hit.query_begin = 1;
    hit.query_end = 7;
    hit.ref_begin = 3;
    hit.ref_end = 10;
    hit.positive_count = 6;
    sample_add_hit(content, 0, hit, "1=1X1=1D3=", "RG");
    hit = (tal_hit){.query = 0, .reference = (tal_gid)1 << 33, .evalue = NAN, .bits = NAN};
    hit.score = 9;
    hit.query_begin = 0;
    hit.query_end = 2;
    hit.ref_begin = 11;
    hit.ref_end = 12;
    sample_add_hit(content, 0, hit, "1I1=", "");
}

/* The query's reverse complement: NTTGCAACGT; columns 2..8 of it against the reference. */
static void fill_nucleotide(sample *content)
{
    sample_init(content, TAL_NUCLEOTIDE);
    sample_add_reference(content, 0, "chr(1)", 1000);
    sample_add_query(content, 0, "@read*", "ACGTTGCAAN");
    tal_hit hit = {.query = 0, .reference = 0, .evalue = 12.3, .bits = 123.99, .score = 11};
    hit.is_reverse = 1;
    hit.query_begin = 2;
    hit.query_end = 8;
    hit.ref_begin = 100;
    hit.ref_end = 105;
    sample_add_hit(content, 0, hit, "2=1X1I2=", "A");
}

static void m8_has_twelve_columns_as_blast_prints_them(void)
{
    sample content;
    fill_protein(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_M8},
           "q1\tsp|P1|REF\t71.429\t7\t1\t1\t2\t7\t4\t10\t1.23e-07\t34.6\n"
           "q1\tSubject_8589934593\t50.000\t2\t0\t1\t1\t2\t12\t12\tnan\tnan\n");
    sample_deinit(&content);
    fill_nucleotide(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_M8},
           "@read*\tchr(1)\t66.667\t6\t1\t1\t3\t8\t105\t101\t12\t123\n");
    sample_deinit(&content);
}

static void numbers_are_printed_as_blast_prints_them(void)
{
    /* Pairs that blastp 2.12 printed (XML value, tabular text). */
    static const struct {
        double evalue;
        const char *text;
    } evalues[] = {{0.0, "0.0"},
                   {5.4538e-104, "5.45e-104"},
                   {6.40472e-4, "6.40e-04"},
                   {0.00106991, "0.001"},
                   {0.0187576, "0.019"},
                   {0.0996381, "0.100"},
                   {0.108771, "0.11"},
                   {0.933891, "0.93"},
                   {1.45401, "1.5"},
                   {9.98318, "10.0"},
                   {10.0012, "10"},
                   {39.8927, "40"}};
    static const struct {
        double bits;
        const char *text;
    } bits[] = {
        {10.001, "10.0"}, {95.1301, "95.1"}, {100.523, "100"}, {646.351, "646"}, {934.95, "934"}};
    sample content;
    sample_init(&content, TAL_PROTEIN);
    sample_add_reference(&content, 0, "r", 1);
    sample_add_query(&content, 0, "q", "A");
    tal_buffer expected = {0};
    size_t evalue_count = sizeof(evalues) / sizeof(evalues[0]);
    for (size_t i = 0; i < evalue_count; i++) {
        size_t k = i % (sizeof(bits) / sizeof(bits[0]));
        tal_hit hit = {.evalue = evalues[i].evalue, .bits = bits[k].bits};
        hit.query_end = 1;
        hit.ref_end = 1;
        sample_add_hit(&content, 0, hit, "1=", "");
        (void)tal_buffer_printf(&expected, "q\tr\t100.000\t1\t0\t0\t1\t1\t1\t1\t%s\t%s\n",
                                evalues[i].text, bits[k].text);
    }
    CU_ASSERT_EQUAL(tal_buffer_append(&expected, "", 1), TAL_OK);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_M8}, (const char *)expected.data);
    tal_buffer_deinit(&expected);
    sample_deinit(&content);
}

static void tsv_shows_the_columns_asked_for(void)
{
    sample content;
    fill_protein(&content);
    expect(&content,
           &(tal_export_params){.kind = TAL_EXPORT_TSV,
                                .columns = "reference_index,query,evalue,bits,identity,"
                                           "query_coverage,ref_coverage,strand,cigar,"
                                           "reference_header,query_begin,score,score"},
           "reference_index\tquery\tevalue\tbits\tidentity\tquery_coverage\tref_coverage\tstrand\t"
           "cigar\treference_header\tquery_begin\tscore\tscore\n"
           "5\tq1\t1.2345e-07\t34.56\t71.429\t66.667\t17.500\t+\t1=1X1=1D3=\t"
           "sp|P1|REF first reference\t1\t77\t77\n"
           "8589934592\tq1\tnan\tnan\t50.000\t22.222\t8.333\t+\t1I1=\t\t0\t9\t9\n");
    sample_deinit(&content);
}

static void unknown_columns_are_refused_with_the_nearest(void)
{
    static const struct {
        const char *columns, *cause;
    } cases[] = {{"query,evale", "unknown column 'evale'; did you mean 'evalue'?"},
                 {"", "unknown column ''"},
                 {"score,", "unknown column ''"},
                 {"Score", "did you mean 'score'"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tal_export_params params = {.kind = TAL_EXPORT_TSV, .columns = cases[i].columns};
        CU_ASSERT_EQUAL(tal_export_check(&params), TAL_ERR_USAGE);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), cases[i].cause));
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "reference_index"));
        tal_status_clear();
    }
    tal_export_params usual = {.kind = TAL_EXPORT_TSV};
    CU_ASSERT_EQUAL(tal_export_check(&usual), TAL_OK);
}

static void paf_has_strand_and_path(void)
{
    sample content;
    fill_nucleotide(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_PAF},
           "@read*\t10\t2\t8\t-\tchr(1)\t1000\t100\t105\t4\t6\t255\ttp:A:P\tAS:i:11\tNM:i:2\t"
           "cg:Z:2=1X1I2=\n");
    sample_deinit(&content);
}

static void sam_clips_and_names_as_the_format_asks(void)
{
    sample content;
    fill_protein(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_SAM},
           "@HD\tVN:1.6\tSO:unsorted\tGO:query\n"
           "@SQ\tSN:sp|P1|REF\tLN:40\n"
           "@SQ\tSN:Subject_8589934593\tLN:12\n"
           "@PG\tID:talaria\tPN:talaria\tVN:" TAL_VERSION "\n"
           "q1\t0\tsp|P1|REF\t4\t255\t1S1=1X1=1D3=2S\t*\t0\t0\tAMKVLWQXX\t*\tAS:i:77\tNM:i:2\t"
           "MD:Z:1R1^G3\tZE:f:1.2345e-07\tZB:f:34.56\n"
           "q1\t256\tSubject_8589934593\t12\t255\t1I1=7H\t*\t0\t0\t*\t*\tAS:i:9\tNM:i:1\tMD:Z:1\n"
           "q2\t4\t*\t0\t0\t*\t*\t0\t0\t*\t*\n");
    sample_deinit(&content);
    fill_nucleotide(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_SAM},
           "@HD\tVN:1.6\tSO:unsorted\tGO:query\n"
           "@SQ\tSN:chr_1_\tLN:1000\n"
           "@PG\tID:talaria\tPN:talaria\tVN:" TAL_VERSION "\n"
           "_read*\t16\tchr_1_\t101\t255\t2S2=1X1I2=2S\t*\t0\t0\tNTTGCAACGT\t*\tAS:i:11\tNM:i:2\t"
           "MD:Z:2A2\tZE:f:12.3\tZB:f:123.99\n");
    sample_deinit(&content);
}

static void json_escapes_what_is_not_text(void)
{
    sample content;
    fill_protein(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_JSON},
           "{\"program\":\"talaria " TAL_VERSION "\",\"alphabet\":\"protein\",\"queries\":[\n"
           "{\"index\":0,\"id\":\"q1\",\"header\":\"q1 a \\\"quoted\\\" \\u00ff name\","
           "\"length\":9,\"hits\":[\n"
           "{\"reference\":{\"index\":5,\"id\":\"sp|P1|REF\",\"header\":"
           "\"sp|P1|REF first\\u0009reference\",\"length\":40},\"score\":77,\"bits\":34.56,"
           "\"evalue\":1.2345e-07,\"strand\":\"+\",\"query_begin\":1,\"query_end\":7,"
           "\"ref_begin\":3,\"ref_end\":10,\"columns\":7,\"identities\":5,\"mismatches\":1,"
           "\"positives\":6,\"gap_opens\":1,\"gap_columns\":1,\"cigar\":\"1=1X1=1D3=\"},\n"
           "{\"reference\":{\"index\":8589934592,\"id\":\"\",\"header\":\"\",\"length\":12},"
           "\"score\":9,\"bits\":null,\"evalue\":null,\"strand\":\"+\",\"query_begin\":0,"
           "\"query_end\":2,\"ref_begin\":11,\"ref_end\":12,\"columns\":2,\"identities\":1,"
           "\"mismatches\":0,\"positives\":0,\"gap_opens\":1,\"gap_columns\":1,"
           "\"cigar\":\"1I1=\"}]},\n"
           "{\"index\":1,\"id\":\"q2\",\"header\":\"q2\",\"length\":0,\"hits\":[]}]}\n");
    sample_deinit(&content);
}

/* Valid characters stay, broken ones are escaped byte by byte. */
static void json_keeps_valid_utf8_only(void)
{
    static const struct {
        const char *header, *text;
    } cases[] = {{"\303\257", "\303\257"},
                 {"\303", "\\u00c3"},
                 {"\300\200", "\\u00c0\\u0080"},
                 {"\355\240\200", "\\u00ed\\u00a0\\u0080"},
                 {"\360\237\230\200", "\360\237\230\200"},
                 {"\364\220\200\200", "\\u00f4\\u0090\\u0080\\u0080"},
                 {"\342\202", "\\u00e2\\u0082"},
                 {"a\\b", "a\\\\b"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sample content;
        char expected[256];
        tal_buffer out = {0};
        sample_init(&content, TAL_PROTEIN);
        sample_add_query(&content, 0, cases[i].header, "A");
        (void)snprintf(expected, sizeof(expected), "\"header\":\"%s\"", cases[i].text);
        const char *text =
            export_sample(&content, &(tal_export_params){.kind = TAL_EXPORT_JSON}, &out);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
        tal_buffer_deinit(&out);
        sample_deinit(&content);
    }
}

static void pairwise_rebuilds_the_alignment(void)
{
    sample content;
    tal_matrix matrix = {.alphabet = TAL_PROTEIN};
    uint8_t codes[256];
    tal_alphabet_codes(TAL_PROTEIN, codes);
    matrix.score[codes['K']][codes['R']] = 2;
    fill_protein(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_PAIRWISE, .matrix = &matrix},
           "Query= q1 a \"quoted\" \xff name\n\nLength=9\n\n\n"
           "> sp|P1|REF first reference\nLength=40\n\n"
           " Score = 34.6 bits (77),  Expect = 1.23e-07\n"
           " Identities = 5/7 (71%), Positives = 6/7 (86%), Gaps = 1/7 (14%)\n\n"
           "Query  2   MKV-LWQ  7\n"
           "           M+V LWQ\n"
           "Sbjct  4   MRVGLWQ  10\n\n\n"
           "> \nLength=12\n\n"
           " Score = 9,  Expect = nan\n"
           " Identities = 1/2 (50%), Positives = 0/2 (0%), Gaps = 1/2 (50%)\n\n"
           "Query  1   AM  2\n"
           "            M\n"
           "Sbjct  12  -M  12\n\n\n"
           "Query= q2\n\nLength=0\n\n\n***** No hits found *****\n\n\n");
    sample_deinit(&content);
}

static void pairwise_shows_the_query_forward_on_the_minus_strand(void)
{
    sample content;
    fill_nucleotide(&content);
    expect(&content, &(tal_export_params){.kind = TAL_EXPORT_PAIRWISE},
           "Query= @read*\n\nLength=10\n\n\n"
           "> chr(1)\nLength=1000\n\n"
           " Score = 123 bits (11),  Expect = 12\n"
           " Identities = 4/6 (67%), Gaps = 1/6 (17%)\n"
           " Strand=Plus/Minus\n\n"
           "Query  3    GTTGCA  8\n"
           "            ||  ||\n"
           "Sbjct  105  GT-TCA  101\n\n\n");
    sample_deinit(&content);
}

/* Along the reference one residue is not masked, two are: its other strand is shown. */
static void pairwise_shows_masked_residues_of_the_reference(void)
{
    sample content;
    sample_init(&content, TAL_NUCLEOTIDE);
    sample_add_reference(&content, 0, "r", 20);
    sample_add_query(&content, 0, "q", "ACGTAC");
    tal_hit hit = {.score = 6, .evalue = NAN, .bits = NAN, .query_end = 6, .ref_end = 6};
    hit.is_reverse = 1;
    sample_add_hit(&content, 0, hit, "6=", "\x01\x02");
    tal_buffer out = {0};
    const char *text =
        export_sample(&content, &(tal_export_params){.kind = TAL_EXPORT_PAIRWISE}, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Query  1  ACGTAC  6\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Sbjct  6  ACGtaC  1\n"));
    tal_buffer_deinit(&out);
    sample_deinit(&content);
}

static void pairwise_breaks_lines_after_sixty_columns(void)
{
    sample content;
    char letters[122];
    sample_init(&content, TAL_PROTEIN);
    memset(letters, 'A', sizeof(letters));
    letters[121] = '\0';
    sample_add_reference(&content, 0, "r", 200);
    sample_add_query(&content, 0, "q", letters);
    tal_hit hit = {.score = 5, .evalue = NAN, .bits = NAN, .query_end = 121, .ref_end = 61};
    sample_add_hit(&content, 0, hit, "60=60I1=", "");
    tal_buffer out = {0};
    const char *text =
        export_sample(&content, &(tal_export_params){.kind = TAL_EXPORT_PAIRWISE}, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Query  61   AAAAAAAA"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Sbjct  60   --------"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "-----  60\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Query  121  A  121\n            A\nSbjct  61   A  61\n"));
    tal_buffer_deinit(&out);
    sample_deinit(&content);
}

/* A sink that is full after some bytes. */
typedef struct full_sink {
    size_t left;
} full_sink;

static tal_status write_until_full(void *context, const void *data, size_t bytes)
{
    full_sink *sink = context;
    (void)data; /* Only counted. */
    if (bytes > sink->left)
        return tal_fail(TAL_ERR_IO, "full");
    sink->left -= bytes;
    return TAL_OK;
}

static void random_results_are_exported_until_the_disk_is_full(void)
{
    sample content;
    sample_init(&content, TAL_NUCLEOTIDE);
    sample_fill(&content, 100, 6);
    CU_ASSERT_EQUAL_FATAL(sample_write(comm, &content, path, true), TAL_OK);
    for (int kind = 0; kind < TAL_EXPORT_COUNT; kind++) {
        for (size_t left = 0; left <= SIZE_MAX / 2; left += SIZE_MAX / 2) {
            tal_result_reader *reader = NULL;
            full_sink full = {.left = left};
            const tal_export_sink sink = {.write = write_until_full, .context = &full};
            tal_export_params params = {.kind = (tal_export_kind)kind};
            CU_ASSERT_EQUAL_FATAL(tal_result_open(path, &reader), TAL_OK);
            CU_ASSERT_EQUAL(tal_export_write(reader, &params, &sink),
                            left == 0 ? TAL_ERR_IO : TAL_OK);
            tal_result_close(reader);
            tal_status_clear();
        }
    }
    sample_deinit(&content);
}

static void ranks_end(void)
{
    CU_ASSERT_EQUAL(unlink(path), 0);
    tal_comm_destroy(comm);
}

const test_case test_cases[] = {TEST_CASE(ranks_start),
                                TEST_CASE(m8_has_twelve_columns_as_blast_prints_them),
                                TEST_CASE(numbers_are_printed_as_blast_prints_them),
                                TEST_CASE(tsv_shows_the_columns_asked_for),
                                TEST_CASE(unknown_columns_are_refused_with_the_nearest),
                                TEST_CASE(paf_has_strand_and_path),
                                TEST_CASE(sam_clips_and_names_as_the_format_asks),
                                TEST_CASE(json_escapes_what_is_not_text),
                                TEST_CASE(json_keeps_valid_utf8_only),
                                TEST_CASE(pairwise_rebuilds_the_alignment),
                                TEST_CASE(pairwise_shows_the_query_forward_on_the_minus_strand),
                                TEST_CASE(pairwise_shows_masked_residues_of_the_reference),
                                TEST_CASE(pairwise_breaks_lines_after_sixty_columns),
                                TEST_CASE(random_results_are_exported_until_the_disk_is_full),
                                TEST_CASE(ranks_end),
                                {0}};
