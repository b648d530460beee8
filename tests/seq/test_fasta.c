/* The FASTA parser, the guess of the alphabet, sets in pieces. */
#include "base/alloc.h"
#include "harness.h"
#include "seq/detect.h"
#include "seq/fasta.h"
#include "torture.h"

#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "seq/fasta";

static tal_seqset *make_set(tal_alphabet alphabet)
{
    tal_seqset *set = NULL;
    if (tal_seqset_create(alphabet, &set) != TAL_OK)
        abort();
    return set;
}

/* Parse `text` in pieces: cut at `cut`, and then every `step` bytes (0: at once). */
static tal_status parse(const tal_fasta_params *params, const char *text, size_t bytes, size_t cut,
                        size_t step, tal_seqset *set)
{
    tal_fasta *fasta = NULL;
    if (tal_fasta_create(params, set, &fasta) != TAL_OK)
        abort();
    tal_status status = TAL_OK;
    for (size_t at = 0; at < bytes && status == TAL_OK && !tal_fasta_is_done(fasta);) {
        size_t piece = bytes - at;
        if (at < cut)
            piece = cut - at;
        else if (step > 0 && step < piece)
            piece = step;
        /* A copy of its own, so that reading beyond it is found. */
        uint8_t *copy = tal_alloc(piece);
        memcpy(copy, text + at, piece);
        size_t used = 0;
        status = tal_fasta_push(fasta, copy, piece, &used);
        CU_ASSERT(status != TAL_OK || used == piece || tal_fasta_is_done(fasta));
        tal_free(copy);
        at += piece;
    }
    if (status == TAL_OK && !tal_fasta_is_done(fasta))
        status = tal_fasta_finish(fasta);
    tal_fasta_destroy(fasta);
    return status;
}

static void every_split_point_gives_the_same_set(void)
{
    for (int round = 0; round < 20; round++) {
        torture_params params = {.alphabet = round % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE,
                                 .record_count = 1 + (size_t)test_random_in(0, 8),
                                 .len_max = test_random_in(0, 60),
                                 .has_mark = round % 3 == 0};
        tal_buffer text = {0};
        tal_seqset *expected = make_set(params.alphabet);
        torture_make(&params, &text, expected);
        tal_fasta_params fasta_params = {.name = "x.fa", .alphabet = params.alphabet};
        tal_seqset *set = make_set(params.alphabet);
        for (size_t cut = 0; cut <= text.bytes; cut++) {
            tal_seqset_reset(set);
            CU_ASSERT_EQUAL(parse(&fasta_params, (char *)text.data, text.bytes, cut, 0, set),
                            TAL_OK);
            CU_ASSERT(torture_is_same(set, expected));
        }
        for (size_t step = 1; step <= 9; step++) {
            tal_seqset_reset(set);
            CU_ASSERT_EQUAL(parse(&fasta_params, (char *)text.data, text.bytes, 0, step, set),
                            TAL_OK);
            CU_ASSERT(torture_is_same(set, expected));
        }
        if (tal_status_message()[0] != '\0')
            printf("%s\n", tal_status_message());
        tal_seqset_destroy(set);
        tal_seqset_destroy(expected);
        tal_buffer_deinit(&text);
    }
}

static void ranges_hold_each_record_once_in_order(void)
{
    for (int round = 0; round < 30; round++) {
        torture_params params = {.alphabet = TAL_PROTEIN,
                                 .record_count = 1 + (size_t)test_random_in(0, 6),
                                 .len_max = test_random_in(0, 40)};
        tal_buffer text = {0};
        tal_seqset *expected = make_set(params.alphabet);
        torture_make(&params, &text, expected);
        tal_seqset *set = make_set(params.alphabet);
        for (size_t width = 1; width <= text.bytes; width += 1 + width / 8) {
            tal_seqset_reset(set);
            for (size_t begin = 0; begin < text.bytes; begin += width) {
                size_t from = begin == 0 ? 0 : begin - 1;
                tal_fasta_params range = {.name = "x.fa",
                                          .alphabet = params.alphabet,
                                          .is_inside = begin > 0,
                                          .begin = from,
                                          .end = begin + width};
                CU_ASSERT_EQUAL(
                    parse(&range, (char *)text.data + from, text.bytes - from, 0, 3, set), TAL_OK);
            }
            CU_ASSERT(torture_is_same(set, expected));
        }
        tal_seqset_destroy(set);
        tal_seqset_destroy(expected);
        tal_buffer_deinit(&text);
    }
}

/* The message for `text`, or "" when it parses. */
static const char *message_of(const char *text, size_t bytes, tal_alphabet alphabet, bool is_guess)
{
    static char message[512];
    tal_fasta_params params = {
        .name = "x.fa", .alphabet = alphabet, .is_alphabet_guessed = is_guess};
    tal_seqset *set = make_set(alphabet);
    for (size_t step = 0; step < 4; step++) {
        tal_status_clear();
        tal_status status = parse(&params, text, bytes, 0, step, set);
        CU_ASSERT(status == TAL_OK || status == TAL_ERR_DATA);
        CU_ASSERT((status == TAL_OK) == (tal_status_message()[0] == '\0'));
        CU_ASSERT(step == 0 || strcmp(message, tal_status_message()) == 0);
        (void)snprintf(message, sizeof(message), "%s", tal_status_message());
    }
    tal_status_clear();
    tal_seqset_destroy(set);
    return message;
}

static void expect_message(const char *text, tal_alphabet alphabet, const char *expected)
{
    const char *message = message_of(text, strlen(text), alphabet, false);
    CU_ASSERT_STRING_EQUAL(message, expected);
    if (strcmp(message, expected) != 0)
        printf("got: %s\n", message);
}

static void errors_name_file_record_line_and_advice(void)
{
    expect_message(">sp|P1 x\nACGT\r\nACGE\n", TAL_NUCLEOTIDE,
                   "cannot read 'x.fa': record 'sp|P1' line 3: 'E' is no nucleotide letter; is "
                   "this protein? use --type protein");
    expect_message(">a\n>b\n\n\rAC-GT\n", TAL_PROTEIN,
                   "cannot read 'x.fa': record 'b' line 5: '-' is no protein letter; remove gap "
                   "characters: sequences must not be aligned");
    expect_message(">a\nAC.", TAL_PROTEIN,
                   "cannot read 'x.fa': record 'a' line 2: '.' is no protein letter; remove gap "
                   "characters: sequences must not be aligned");
    expect_message(">\nA\n> x\n1 AC\n", TAL_PROTEIN,
                   "cannot read 'x.fa': record 2 line 4: '1' is no protein letter; remove digits");
    expect_message(">a\nAC\x07", TAL_PROTEIN,
                   "cannot read 'x.fa': record 'a' line 2: byte 0x07 is no protein letter; is the "
                   "file damaged?");
    expect_message(">a\nAC\xc3\xa9", TAL_PROTEIN,
                   "cannot read 'x.fa': record 'a' line 2: byte 0xc3 is no protein letter; is the "
                   "file damaged?");
    expect_message(">a\nAC\n >b\n", TAL_PROTEIN,
                   "cannot read 'x.fa': record 'a' line 3: '>' is no protein letter; '>' must be "
                   "the first byte of its line to start a record");
    expect_message("", TAL_PROTEIN, "cannot read 'x.fa': it is empty; name a file with sequences");
    expect_message("\n\r\n;x\n \t", TAL_PROTEIN,
                   "cannot read 'x.fa': it is empty: no sequences, only blank or comment lines");
    expect_message("\n  ACGT", TAL_PROTEIN,
                   "cannot read 'x.fa': it is not FASTA: expected '>' but line 2 begins with 'A'; "
                   "give FASTA, plain, gzip or zstd");
    expect_message("\n  >a", TAL_PROTEIN,
                   "cannot read 'x.fa': line 2: blanks before '>'; a record must start at the "
                   "begin of its line");
    expect_message("\x7f"
                   "ELF",
                   TAL_PROTEIN,
                   "cannot read 'x.fa': it is not FASTA: it looks binary (byte 0x7f at its "
                   "start); give FASTA, plain, gzip or zstd");
    expect_message("\xef\xbb>a\nAC\n", TAL_PROTEIN,
                   "cannot read 'x.fa': it is not FASTA: it looks binary (byte 0xef at its "
                   "start); give FASTA, plain, gzip or zstd");
    const char *message = message_of(">a\nAC\n>b\0c\nA", 12, TAL_PROTEIN, false);
    CU_ASSERT_STRING_EQUAL(
        message, "cannot read 'x.fa': header at line 3 holds a NUL byte; is the file damaged?");
    message = message_of(">a\nACGTL", 8, TAL_NUCLEOTIDE, true);
    CU_ASSERT_STRING_EQUAL(message,
                           "cannot read 'x.fa': record 'a' line 2: 'L' is no nucleotide letter; "
                           "the first letters looked like nucleotides; is this protein? use "
                           "--type protein");
}

static void odd_but_legal_files_parse(void)
{
    CU_ASSERT_STRING_EQUAL(message_of(">", 1, TAL_PROTEIN, false), "");
    CU_ASSERT_STRING_EQUAL(message_of(">a", 2, TAL_PROTEIN, false), "");
    CU_ASSERT_STRING_EQUAL(message_of(">\n>\n", 4, TAL_PROTEIN, false), "");
    CU_ASSERT_STRING_EQUAL(message_of("\xef\xbb\xbf>a\nbjouxz*", 13, TAL_PROTEIN, false), "");
    CU_ASSERT_STRING_EQUAL(message_of(">a\racgt\r>b\r", 11, TAL_NUCLEOTIDE, false), "");
}

static void header_limit_holds(void)
{
    size_t bytes = (size_t)TAL_HEADER_BYTES_MAX + 3;
    char *text = tal_alloc(bytes);
    memset(text, 'x', bytes);
    text[0] = '>';
    text[bytes - 2] = '\n';
    tal_fasta_params params = {.name = "x.fa"};
    tal_seqset *set = make_set(TAL_PROTEIN);
    CU_ASSERT_EQUAL(parse(&params, text, bytes - 1, 0, 0, set), TAL_OK);
    text[bytes - 2] = 'x';
    text[bytes - 1] = '\n';
    CU_ASSERT_EQUAL(parse(&params, text, bytes, 0, 1000, set), TAL_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "longer than 16 MiB"));
    tal_status_clear();
    tal_seqset_destroy(set);
    tal_free(text);
}

static void parser_pauses_before_a_record_when_the_set_is_full(void)
{
    const char *text = ">a\nACGT\n>b\nAC\n>c\nACGTACGT\n>d\n";
    size_t bytes = strlen(text);
    tal_fasta_params params = {.name = "x.fa", .pause_residues = 5, .pause_count = 3};
    tal_seqset *set = make_set(TAL_PROTEIN);
    tal_fasta *fasta = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_fasta_create(&params, set, &fasta), TAL_OK);
    static const tal_lid counts[] = {2, 1, 1};
    size_t at = 0;
    for (int block = 0; block < 3; block++) {
        size_t used = 0;
        CU_ASSERT_EQUAL(tal_fasta_push(fasta, (const uint8_t *)text + at, bytes - at, &used),
                        TAL_OK);
        at += used;
        CU_ASSERT_EQUAL(tal_seqset_count(set), counts[block]);
        CU_ASSERT_EQUAL(at < bytes, block < 2);
        tal_seqset_reset(set);
        if (block < 2)
            tal_fasta_set_target(fasta, set);
    }
    CU_ASSERT_EQUAL(tal_fasta_record_count(fasta), 4);
    CU_ASSERT_EQUAL(tal_fasta_finish(fasta), TAL_OK);
    tal_fasta_destroy(fasta);
    tal_seqset_destroy(set);
}

static tal_alphabet guess(const char *text)
{
    return tal_alphabet_detect((const uint8_t *)text, strlen(text));
}

static void alphabet_is_guessed_from_letters_of_residue_lines(void)
{
    CU_ASSERT_EQUAL(guess(">E\nACGTacgtUN\n"), TAL_NUCLEOTIDE);
    CU_ASSERT_EQUAL(guess(">a\nACGT\n>b\nACGEACGT\n"), TAL_PROTEIN);
    CU_ASSERT_EQUAL(guess(">a\nACGTACGTAR\n"), TAL_NUCLEOTIDE);   /* 9 of 10 */
    CU_ASSERT_EQUAL(guess(">a\nACGTACGTRR\n"), TAL_PROTEIN);      /* 8 of 10 */
    CU_ASSERT_EQUAL(guess(";E\n>E\r;E\rA1-C\n"), TAL_NUCLEOTIDE); /* not letters */
    CU_ASSERT_EQUAL(guess(">a\n>b\n"), TAL_PROTEIN);
    CU_ASSERT_EQUAL(guess(""), TAL_PROTEIN);
}

static void head_tells_other_formats(void)
{
    static const struct {
        const char *text;
        size_t bytes;
        const char *message; /* part of it; NULL: fine */
    } cases[] = {
        {"", 0, NULL},
        {"\n;x\n >", 6, NULL},
        {"\xef\xbb\xbf\n>a", 6, NULL},
        {"ACGT", 4, NULL}, /* left to the parser */
        {"@r1\nACGT\n+\n", 11, "FASTQ"},
        {"<?xml version", 13, "XML"},
        {"RI\0\1", 4, "binary"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tal_status_clear();
        tal_status status =
            tal_fasta_check_head("x", (const uint8_t *)cases[i].text, cases[i].bytes);
        CU_ASSERT_EQUAL(status, cases[i].message == NULL ? TAL_OK : TAL_ERR_DATA);
        CU_ASSERT(cases[i].message == NULL ||
                  strstr(tal_status_message(), cases[i].message) != NULL);
    }
    tal_status_clear();
}

static void sets_survive_encoding_and_moving(void)
{
    torture_params params = {.alphabet = TAL_PROTEIN, .record_count = 50, .len_max = 100};
    tal_buffer text = {0};
    tal_seqset *expected = make_set(TAL_PROTEIN);
    torture_make(&params, &text, expected);
    tal_buffer encoded = {0};
    CU_ASSERT_EQUAL(tal_seqset_encode(expected, &encoded), TAL_OK);
    tal_seqset *set = make_set(TAL_PROTEIN);
    CU_ASSERT_EQUAL(tal_seqset_decode(set, 7, encoded.data, encoded.bytes), TAL_OK);
    CU_ASSERT(torture_is_same(set, expected));
    CU_ASSERT_EQUAL(tal_seqset_gid(set, 49), 56);
    CU_ASSERT_EQUAL(tal_seqset_decode(set, 57, encoded.data, encoded.bytes), TAL_OK);
    CU_ASSERT_EQUAL(tal_seqset_count(set), 100);
    tal_seqset *moved = make_set(TAL_PROTEIN);
    for (int i = 0; i < 50; i++)
        CU_ASSERT_EQUAL(tal_seqset_move_last(set, moved), TAL_OK);
    CU_ASSERT(torture_is_same(set, expected));
    CU_ASSERT_EQUAL(tal_seqset_gid(moved, 0), 106);
    tal_seqset_reset(moved);
    while (tal_seqset_count(set) > 0)
        CU_ASSERT_EQUAL(tal_seqset_move_last(set, moved), TAL_OK);
    tal_buffer_reset(&encoded);
    CU_ASSERT_EQUAL(tal_seqset_encode(set, &encoded), TAL_OK); /* empty */
    CU_ASSERT_EQUAL(tal_seqset_decode(moved, 0, encoded.data, encoded.bytes), TAL_OK);
    CU_ASSERT_EQUAL(tal_seqset_count(moved), 50);
    tal_seqset_trim(moved);
    tal_seqset_trim(set);
    CU_ASSERT_EQUAL(tal_seqset_residue_count(moved), tal_seqset_residue_count(expected));
    tal_seqset_destroy(moved);
    tal_seqset_destroy(set);
    tal_seqset_destroy(expected);
    tal_buffer_deinit(&encoded);
    tal_buffer_deinit(&text);
}

const test_case test_cases[] = {
    TEST_CASE(every_split_point_gives_the_same_set),
    TEST_CASE(ranges_hold_each_record_once_in_order),
    TEST_CASE(errors_name_file_record_line_and_advice),
    TEST_CASE(odd_but_legal_files_parse),
    TEST_CASE(header_limit_holds),
    TEST_CASE(parser_pauses_before_a_record_when_the_set_is_full),
    TEST_CASE(alphabet_is_guessed_from_letters_of_residue_lines),
    TEST_CASE(head_tells_other_formats),
    TEST_CASE(sets_survive_encoding_and_moving),
    {0},
};
