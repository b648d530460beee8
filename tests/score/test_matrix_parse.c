/* Matrix files: what is read, what is derived, and one message for each fault. */
#include "harness.h"

#include "base/buffer.h"
#include "score/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char test_suite_name[] = "score/matrix_parse";

static const char amino_acids[] = "ARNDCQEGHILKMFPSTWYV";
static uint8_t codes[256];

static int protein_score(const tal_matrix *matrix, char query, char reference)
{
    tal_alphabet_codes(TAL_PROTEIN, codes);
    return matrix->score[codes[(uint8_t)query]][codes[(uint8_t)reference]];
}

static int base_score(const tal_matrix *matrix, char query, char reference)
{
    tal_alphabet_codes(TAL_NUCLEOTIDE, codes);
    return matrix->score[codes[(uint8_t)query]][codes[(uint8_t)reference]];
}

/* A matrix text: `score` of each pair of letters; row letters unless told otherwise. */
static void text_make(tal_buffer *text, const char *letters, int (*score)(char, char),
                      bool has_row_letters)
{
    tal_buffer_reset(text);
    for (const char *c = letters; *c != '\0'; c++)
        (void)tal_buffer_printf(text, " %c", *c);
    (void)tal_buffer_printf(text, "\n");
    for (const char *r = letters; *r != '\0'; r++) {
        if (has_row_letters)
            (void)tal_buffer_printf(text, "%c", *r);
        for (const char *c = letters; *c != '\0'; c++)
            (void)tal_buffer_printf(text, " %d", score(*r, *c));
        (void)tal_buffer_printf(text, "\n");
    }
}

static int identity_score(char row, char column)
{
    return row == column ? 5 : -3;
}

/* Differs for every pair, also when turned around. */
static int skew_score(char row, char column)
{
    return row == column ? 7 : row > column ? -(row - 'A') : -(column - 'A') - 30;
}

static tal_status parse(const tal_buffer *text, tal_alphabet alphabet, tal_matrix *out_matrix)
{
    return tal_matrix_parse("dir/my.mat", (const char *)text->data, text->bytes, alphabet,
                            out_matrix);
}

static void expect_message(tal_status status, tal_status expected, const char *part)
{
    CU_ASSERT_EQUAL(status, expected);
    if (strstr(tal_status_message(), part) == NULL) {
        CU_FAIL("the message lacks a part");
        printf("\n  message '%s' lacks '%s'\n", tal_status_message(), part);
    }
    tal_status_clear();
}

static void expect_fault(const char *text, size_t bytes, tal_alphabet alphabet, const char *part)
{
    tal_matrix matrix;
    memset(&matrix, 0x5a, sizeof(matrix));
    tal_matrix before = matrix;
    expect_message(tal_matrix_parse("dir/my.mat", text, bytes, alphabet, &matrix), TAL_ERR_DATA,
                   part);
    CU_ASSERT_EQUAL(memcmp(&matrix, &before, sizeof(matrix)), 0); /* Written on success only. */
}

static void expect_base_fault(const char *text, const char *part)
{
    expect_fault(text, strlen(text), TAL_NUCLEOTIDE, part);
}

static void rows_are_query_letters(void)
{
    tal_buffer text = {0};
    tal_matrix matrix;
    text_make(&text, amino_acids, skew_score, true);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_PROTEIN, &matrix), TAL_OK);
    CU_ASSERT_STRING_EQUAL(matrix.name, "my.mat");
    for (const char *r = amino_acids; *r != '\0'; r++)
        for (const char *c = amino_acids; *c != '\0'; c++)
            CU_ASSERT_EQUAL(protein_score(&matrix, *r, *c), skew_score(*r, *c));
    tal_buffer_deinit(&text);
}

static void rows_without_letters_stand_in_column_order(void)
{
    tal_buffer text = {0};
    tal_matrix with;
    tal_matrix without;
    text_make(&text, "VYWTSPFMKLIHGEQCDNRAX", skew_score, true);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_PROTEIN, &with), TAL_OK);
    text_make(&text, "VYWTSPFMKLIHGEQCDNRAX", skew_score, false);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_PROTEIN, &without), TAL_OK);
    CU_ASSERT_EQUAL(memcmp(&with, &without, sizeof(with)), 0);
    (void)tal_buffer_printf(&text, "1 2 3\n");
    CU_ASSERT_EQUAL(parse(&text, TAL_PROTEIN, &without), TAL_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "line 23: more rows than the 21 columns"));
    tal_status_clear();
    tal_buffer_deinit(&text);
}

static void comments_case_and_blank_lines_do_not_matter(void)
{
    static const char plain[] = "A C G T\nA 5 -4 -4 -4\nC -4 5 -4 -4\nG -4 -4 5 -4\nT -4 -4 -4 5\n";
    static const char odd[] = "# a comment \xff\r\n\r\n\ta\tc g u # columns\r\n\n"
                              "u -4 -4 -4 +5 # last\r\n  g -4 -4 05 -4\r\n#\n"
                              "C -4 5 -4 -4\r\nA 5 -4 -4 -4";
    tal_matrix a;
    tal_matrix b;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_parse("m", plain, strlen(plain), TAL_NUCLEOTIDE, &a), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_matrix_parse("m", odd, strlen(odd), TAL_NUCLEOTIDE, &b), TAL_OK);
    CU_ASSERT_EQUAL(memcmp(&a, &b, sizeof(a)), 0);
    CU_ASSERT_EQUAL(a.match, 5);
    CU_ASSERT_EQUAL(a.mismatch, -4);
}

static void stop_and_u_of_nucleotide_files_are_not_used(void)
{
    static const char text[] = "A T G C U *\nA 5 -4 -4 -4 9 9\nT -4 5 -4 -4 9 9\nG -4 -4 5 -4 9 9\n"
                               "C -4 -4 -4 5 9 9\nU 9 9 9 9 9 9\n* 9 9 9 9 9 9\n";
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_parse("m", text, strlen(text), TAL_NUCLEOTIDE, &matrix),
                          TAL_OK);
    CU_ASSERT_EQUAL(matrix.score_max, 5);
    CU_ASSERT_EQUAL(base_score(&matrix, 'T', 'T'), 5);
    expect_base_fault("A C G T U U\n", "line 1: two columns for letter 'U'");
    expect_base_fault("A C G T * *\n", "line 1: two columns for letter '*'");
}

static void missing_protein_letters_are_derived(void)
{
    tal_buffer text = {0};
    tal_matrix matrix;
    text_make(&text, amino_acids, identity_score, true);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_PROTEIN, &matrix), TAL_OK);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'U', 'C'), 5);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'U', 'U'), 5);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'B', 'N'), 1);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'D', 'B'), 1);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'B', 'Z'), -3);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'J', 'J'), 1);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'X', 'A'), -3); /* -52/20 */
    CU_ASSERT_EQUAL(protein_score(&matrix, 'O', 'X'), -3);
    CU_ASSERT_EQUAL(protein_score(&matrix, '*', 'W'), -3);
    CU_ASSERT_EQUAL(protein_score(&matrix, '*', '*'), -3);
    CU_ASSERT_EQUAL(matrix.score[TAL_CODE_PAD][0], TAL_PAD_SCORE);
    tal_buffer_deinit(&text);
}

static int generous_score(char row, char column)
{
    return row == column ? 100 : row == 'X' || column == 'X' ? -7 : 1;
}

static void derived_x_never_scores_above_minus_one_and_o_follows_x(void)
{
    tal_buffer text = {0};
    tal_matrix matrix;
    text_make(&text, amino_acids, generous_score, true);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_PROTEIN, &matrix), TAL_OK);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'X', 'W'), -1);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'B', 'X'), -1);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'O', 'O'), -1);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'B', 'N'), 50); /* 50.5: halves go down */
    text_make(&text, "ARNDCQEGHILKMFPSTWYVX", generous_score, true);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_PROTEIN, &matrix), TAL_OK);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'O', 'W'), -7);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'X', 'X'), 100);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'B', 'X'), -7);
    tal_buffer_deinit(&text);
}

static void missing_nucleotide_letters_are_derived(void)
{
    tal_buffer text = {0};
    tal_matrix matrix;
    text_make(&text, "ACGT", identity_score, true);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_NUCLEOTIDE, &matrix), TAL_OK);
    CU_ASSERT_EQUAL(base_score(&matrix, 'R', 'A'), 1);
    CU_ASSERT_EQUAL(base_score(&matrix, 'R', 'Y'), -3);
    CU_ASSERT_EQUAL(base_score(&matrix, 'B', 'G'), 0); /* -1/3 */
    CU_ASSERT_EQUAL(base_score(&matrix, 'N', 'N'), -1);
    text_make(&text, "ACGT", generous_score, true);
    CU_ASSERT_EQUAL_FATAL(parse(&text, TAL_NUCLEOTIDE, &matrix), TAL_OK);
    CU_ASSERT_EQUAL(base_score(&matrix, 'N', 'A'), 0);
    tal_buffer_deinit(&text);
}

static void written_built_in_matrix_reads_back(void)
{
    static const char letters[] = "ARNDCQEGHILKMFPSTWYVBJZX*UO";
    tal_matrix built_in;
    tal_matrix again;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("PAM250", TAL_PROTEIN, &built_in), TAL_OK);
    for (size_t count = 25; count <= 27; count++) { /* U and O are derived alike. */
        tal_buffer text = {0};
        for (size_t j = 0; j < count; j++)
            (void)tal_buffer_printf(&text, "  %c", letters[j]);
        for (size_t i = 0; i < count; i++) {
            (void)tal_buffer_printf(&text, "\n%c", letters[i]);
            for (size_t j = 0; j < count; j++)
                (void)tal_buffer_printf(&text, " %d", built_in.score[i][j]);
        }
        CU_ASSERT_EQUAL_FATAL(
            tal_matrix_parse("PAM250", (const char *)text.data, text.bytes, TAL_PROTEIN, &again),
            TAL_OK);
        CU_ASSERT_EQUAL(memcmp(&built_in, &again, sizeof(again)), 0);
        tal_buffer_deinit(&text);
    }
}

static void faults_name_line_and_letter(void)
{
    expect_fault(NULL, 0, TAL_PROTEIN, "empty");
    expect_base_fault("", "matrix 'dir/my.mat': empty; give a matrix in NCBI format");
    expect_base_fault("# only\n\n  \n", "empty");
    expect_base_fault("A C G T\n\nA 1 2\n", "line 3: row 'A' has 2 scores, the header has 4");
    expect_base_fault("A C G T\nA 1 2 3 4 5\n", "line 2: row 'A' has 5 scores, the header has 4");
    expect_base_fault("A C G T\nA\n", "line 2: row 'A' has 0 scores");
    expect_base_fault("A C G A\n", "line 1: two columns for letter 'A'");
    expect_base_fault("A C G T\nC 1 1 1 1\nc 1 1 1 1\n", "line 3: two rows for letter 'C'");
    expect_base_fault("A C G T\n1 1 1 1\nA 1 1 1 1\n", "line 3: two rows for letter 'A'");
    expect_base_fault("A C G Q\n", "line 1: 'Q' is no nucleotide letter (one of ACGTRYSWKMBDHVN)");
    expect_base_fault("AC G T\n", "line 1: 'AC' is no nucleotide letter");
    expect_base_fault("A C G T\nE 1 1 1 1\n", "line 2: 'E' is no nucleotide letter");
    expect_base_fault("A C G T\nA 1 x 1 1\n", "line 2: 'x' is no whole number");
    expect_base_fault("A C G T\nA 1 1.5 1 1\n", "'1.5' is no whole number");
    expect_base_fault("A C G T\nA 1 - 1 1\n", "'-' is no whole number");
    expect_base_fault("A C G T\nA 1 1e1 1 1\n", "'1e1' is no whole number");
    expect_base_fault("A C G T\nA 1 101 1 1\n", "line 2: score 101 is outside -100 to 100");
    expect_base_fault("A C G T\nA 1 -101 1 1\n", "score -101 is outside");
    expect_base_fault("A C G T\nA 1 99999999999999999999999 1 1\n", "is outside -100 to 100");
    expect_base_fault("A C G\nA 1 1 1\nC 1 1 1\nG 1 1 1\n", "no column for letter 'T'");
    expect_base_fault("A C G T\nA 1 1 1 1\nC 1 1 1 1\nT 1 1 1 1\n", "no row for letter 'G'");
    expect_base_fault("A C G T N\n1 1 1 1 1\n1 1 1 1 1\n1 1 1 1 1\n1 1 1 1 1\n",
                      "no row for letter 'N'");
    expect_base_fault("A C G T\nA 0 1 1 1\nC 1 0 1 1\nG 1 1 -1 1\nT 1 1 1 0\n",
                      "no letter scores above 0 against itself");
}

static void faults_of_protein_files_name_the_letter(void)
{
    tal_buffer text = {0};
    text_make(&text, "ARNDCQEGHILKMFPSTYV", identity_score, true);
    expect_fault((const char *)text.data, text.bytes, TAL_PROTEIN, "no column for letter 'W'");
    text_make(&text, amino_acids, identity_score, true);
    text.bytes -= (size_t)20 * 3 + 1; /* about the last row */
    while (text.data[text.bytes - 1] != '\n')
        text.bytes--;
    expect_fault((const char *)text.data, text.bytes, TAL_PROTEIN, "no row for letter 'V'");
    expect_fault("A -\n", 4, TAL_PROTEIN, "line 1: '-' is no protein letter");
    tal_buffer_deinit(&text);
}

static void limits_of_scores_are_accepted(void)
{
    static const char text[] = "A C G T\nA 100 -100 -100 -100\nC 0 1 2 3\nG 4 5 6 7\nT 8 9 0 -0\n";
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_parse("m", text, strlen(text), TAL_NUCLEOTIDE, &matrix),
                          TAL_OK);
    CU_ASSERT_EQUAL(matrix.score_max, 100);
    CU_ASSERT_EQUAL(matrix.score_min, -100);
    CU_ASSERT_EQUAL(matrix.match, 0);
}

static void binary_bytes_are_refused(void)
{
    static const char zeros[] = "A C G T\nA 1 \0 1 1\n";
    static const char gzip[] = "\x1f\x8b\x08\x00\x00";
    expect_fault(zeros, sizeof(zeros) - 1, TAL_NUCLEOTIDE, "line 2: byte 0x00 is no text");
    expect_fault(gzip, sizeof(gzip) - 1, TAL_PROTEIN, "line 1: byte 0x1f is no text");
    expect_base_fault("A C G T\n\xc3\xa9 1\n", "line 2: byte 0xc3 is no text");
}

static void files_are_read_and_bounded(void)
{
    static const char text[] = "A C G T\nA 5 -4 -4 -4\nC -4 5 -4 -4\nG -4 -4 5 -4\nT -4 -4 -4 5\n";
    char path[] = "test-matrix-XXXXXX";
    int descriptor = mkstemp(path);
    CU_ASSERT_FATAL(descriptor >= 0);
    FILE *file = fdopen(descriptor, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fflush(file);
    tal_matrix matrix;
    CU_ASSERT_EQUAL(tal_matrix_load(path, TAL_NUCLEOTIDE, &matrix), TAL_OK);
    CU_ASSERT_STRING_EQUAL(matrix.name, path);
    for (size_t bytes = strlen(text); bytes < TAL_MATRIX_FILE_BYTES_MAX; bytes++)
        fputc('\n', file);
    fflush(file);
    CU_ASSERT_EQUAL(tal_matrix_load(path, TAL_NUCLEOTIDE, &matrix), TAL_OK);
    fputc('\n', file);
    fclose(file);
    expect_message(tal_matrix_load(path, TAL_NUCLEOTIDE, &matrix), TAL_ERR_DATA,
                   "larger than 1048576 bytes");
    unlink(path);
}

const test_case test_cases[] = {
    TEST_CASE(rows_are_query_letters),
    TEST_CASE(rows_without_letters_stand_in_column_order),
    TEST_CASE(comments_case_and_blank_lines_do_not_matter),
    TEST_CASE(stop_and_u_of_nucleotide_files_are_not_used),
    TEST_CASE(missing_protein_letters_are_derived),
    TEST_CASE(derived_x_never_scores_above_minus_one_and_o_follows_x),
    TEST_CASE(missing_nucleotide_letters_are_derived),
    TEST_CASE(written_built_in_matrix_reads_back),
    TEST_CASE(faults_name_line_and_letter),
    TEST_CASE(faults_of_protein_files_name_the_letter),
    TEST_CASE(limits_of_scores_are_accepted),
    TEST_CASE(binary_bytes_are_refused),
    TEST_CASE(files_are_read_and_bounded),
    {0},
};
