/* Built-in matrices and match/mismatch scoring. */
#include "harness.h"

#include "score/matrix.h"
#include "score/profile.h"

#include <string.h>

const char test_suite_name[] = "score/matrix";

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

static void expect_failure(tal_status status, tal_status expected, const char *part)
{
    CU_ASSERT_EQUAL(status, expected);
    if (strstr(tal_status_message(), part) == NULL) {
        CU_FAIL("the message lacks a part");
        printf("\n  message '%s' lacks '%s'\n", tal_status_message(), part);
    }
    tal_status_clear();
}

static void blosum62_has_its_well_known_scores(void)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix), TAL_OK);
    CU_ASSERT_STRING_EQUAL(matrix.name, "BLOSUM62");
    CU_ASSERT_EQUAL(protein_score(&matrix, 'W', 'W'), 11);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'A', 'A'), 4);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'L', 'I'), 2);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'B', 'D'), 4);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'J', 'L'), 3);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'X', 'W'), -1);
    CU_ASSERT_EQUAL(protein_score(&matrix, '*', 'A'), -4);
    CU_ASSERT_EQUAL(protein_score(&matrix, '*', '*'), 1);
    CU_ASSERT_EQUAL(matrix.score_min, -4);
    CU_ASSERT_EQUAL(matrix.score_max, 11);
    CU_ASSERT_EQUAL(matrix.match, 0);
}

static void selenocysteine_scores_as_cysteine_and_pyrrolysine_as_x(void)
{
    static const char letters[] = "ARNDCQEGHILKMFPSTWYVBJZX*";
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("PAM30", TAL_PROTEIN, &matrix), TAL_OK);
    for (const char *c = letters; *c != '\0'; c++) {
        CU_ASSERT_EQUAL(protein_score(&matrix, 'U', *c), protein_score(&matrix, 'C', *c));
        CU_ASSERT_EQUAL(protein_score(&matrix, *c, 'O'), protein_score(&matrix, *c, 'X'));
    }
    CU_ASSERT_EQUAL(protein_score(&matrix, 'U', 'U'), 10);
    CU_ASSERT_EQUAL(protein_score(&matrix, 'O', 'U'), -1);
}

static void every_name_of_the_list_loads_in_any_case_and_is_symmetric(void)
{
    char names[256];
    CU_ASSERT_FATAL(strlen(tal_matrix_names()) < sizeof(names));
    strcpy(names, tal_matrix_names());
    int count = 0;
    for (char *name = strtok(names, ", "); name != NULL; name = strtok(NULL, ", ")) {
        tal_matrix upper;
        tal_matrix lower;
        CU_ASSERT_EQUAL_FATAL(tal_matrix_load(name, TAL_PROTEIN, &upper), TAL_OK);
        for (char *c = name; *c != '\0'; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        CU_ASSERT_EQUAL_FATAL(tal_matrix_load(name, TAL_PROTEIN, &lower), TAL_OK);
        CU_ASSERT_EQUAL(memcmp(&upper, &lower, sizeof(upper)), 0);
        for (int i = 0; i < TAL_CODE_COUNT; i++)
            for (int j = 0; j < TAL_CODE_COUNT; j++)
                CU_ASSERT_EQUAL(upper.score[i][j], upper.score[j][i]);
        count++;
    }
    CU_ASSERT_EQUAL(count, 8);
}

static void masked_residues_score_as_unknown_ones_and_never_above_minus_one(void)
{
    tal_matrix protein;
    tal_matrix bases;
    const int x = 23, n = 14; /* codes of X and N */
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &protein), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_matrix_match_mismatch(5, -4, &bases), TAL_OK);
    const tal_matrix *matrices[] = {&protein, &bases};
    for (int which = 0; which < 2; which++) {
        const tal_matrix *matrix = matrices[which];
        int mask = tal_alphabet_mask_code(matrix->alphabet);
        int unknown = which == 0 ? x : n;
        for (int i = 0; i < mask; i++) {
            int row = matrix->score[unknown][i];
            int column = matrix->score[i][unknown];
            CU_ASSERT_EQUAL(matrix->score[mask][i], row < 0 ? row : -1);
            CU_ASSERT_EQUAL(matrix->score[i][mask], column < 0 ? column : -1);
        }
        CU_ASSERT(matrix->score[mask][mask] < 0);
    }
}

static void codes_without_letter_score_as_pads(void)
{
    tal_matrix protein;
    tal_matrix bases;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM45", TAL_PROTEIN, &protein), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_matrix_match_mismatch(1, -1, &bases), TAL_OK);
    for (int i = 0; i < TAL_CODE_COUNT; i++) {
        CU_ASSERT_EQUAL(protein.score[i][TAL_CODE_PAD], TAL_PAD_SCORE);
        CU_ASSERT_EQUAL(protein.score[TAL_PROTEIN_LETTER_COUNT + 1][i], TAL_PAD_SCORE);
        CU_ASSERT_EQUAL(bases.score[i][TAL_NUCLEOTIDE_LETTER_COUNT + 1], TAL_PAD_SCORE);
        CU_ASSERT_EQUAL(bases.score[TAL_CODE_PAD][i], TAL_PAD_SCORE);
    }
}

static void unknown_name_lists_the_known_ones(void)
{
    tal_matrix matrix;
    expect_failure(tal_matrix_load("BLOSUM61", TAL_PROTEIN, &matrix), TAL_ERR_NO_INPUT,
                   "no built-in matrix and no file 'BLOSUM61': give one of BLOSUM45");
    expect_failure(tal_matrix_load("", TAL_PROTEIN, &matrix), TAL_ERR_NO_INPUT, "PAM250");
}

static void protein_matrix_for_nucleotides_is_refused(void)
{
    tal_matrix matrix;
    expect_failure(tal_matrix_load("pam70", TAL_NUCLEOTIDE, &matrix), TAL_ERR_CONFIG,
                   "matrix PAM70 is for proteins");
}

static void directory_is_no_matrix_file(void)
{
    tal_matrix matrix;
    expect_failure(tal_matrix_load("/", TAL_PROTEIN, &matrix), TAL_ERR_IO,
                   "cannot read matrix file '/'");
}

static void ambiguity_letters_score_as_in_blastn(void)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_match_mismatch(2, -3, &matrix), TAL_OK);
    CU_ASSERT_STRING_EQUAL(matrix.name, "match 2 mismatch -3");
    CU_ASSERT_EQUAL(matrix.alphabet, TAL_NUCLEOTIDE);
    CU_ASSERT_EQUAL(base_score(&matrix, 'A', 'A'), 2);
    CU_ASSERT_EQUAL(base_score(&matrix, 'A', 'C'), -3);
    CU_ASSERT_EQUAL(base_score(&matrix, 'u', 't'), 2);
    CU_ASSERT_EQUAL(base_score(&matrix, 'R', 'A'), -1); /* -0.5, away from 0 */
    CU_ASSERT_EQUAL(base_score(&matrix, 'R', 'C'), -3);
    CU_ASSERT_EQUAL(base_score(&matrix, 'R', 'R'), -1);
    CU_ASSERT_EQUAL(base_score(&matrix, 'B', 'R'), -1); /* -4/3 */
    CU_ASSERT_EQUAL(base_score(&matrix, 'N', 'A'), -2); /* -7/4 */
    CU_ASSERT_EQUAL(base_score(&matrix, 'N', 'N'), -2);
    CU_ASSERT_EQUAL(matrix.score_min, -3);
    CU_ASSERT_EQUAL(matrix.score_max, 2);
}

static void n_never_scores_above_zero(void)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_match_mismatch(100, -1, &matrix), TAL_OK);
    CU_ASSERT_EQUAL(base_score(&matrix, 'N', 'N'), 0);
    CU_ASSERT_EQUAL(base_score(&matrix, 'G', 'N'), 0);
    CU_ASSERT_EQUAL(base_score(&matrix, 'R', 'G'), 50);
}

static void match_mismatch_limits_are_checked(void)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL(tal_matrix_match_mismatch(100, -100, &matrix), TAL_OK);
    expect_failure(tal_matrix_match_mismatch(0, -1, &matrix), TAL_ERR_CONFIG,
                   "match score 0: must be 1 to 100");
    expect_failure(tal_matrix_match_mismatch(101, -1, &matrix), TAL_ERR_CONFIG, "match score 101");
    expect_failure(tal_matrix_match_mismatch(1, 0, &matrix), TAL_ERR_CONFIG,
                   "mismatch score 0: must be -100 to -1");
    expect_failure(tal_matrix_match_mismatch(1, -101, &matrix), TAL_ERR_CONFIG, "-101");
}

static void profile_rows_are_matrix_rows(void)
{
    tal_matrix matrix;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM80", TAL_PROTEIN, &matrix), TAL_OK);
    _Alignas(TAL_VECTOR_BYTES) int8_t profile[3 * TAL_CODE_COUNT];
    const uint8_t query[3] = {0, 24, 17};
    tal_profile_build(&matrix, query, 3, profile);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < TAL_CODE_COUNT; j++)
            CU_ASSERT_EQUAL(profile[i * TAL_CODE_COUNT + j], matrix.score[query[i]][j]);
}

const test_case test_cases[] = {
    TEST_CASE(blosum62_has_its_well_known_scores),
    TEST_CASE(selenocysteine_scores_as_cysteine_and_pyrrolysine_as_x),
    TEST_CASE(every_name_of_the_list_loads_in_any_case_and_is_symmetric),
    TEST_CASE(masked_residues_score_as_unknown_ones_and_never_above_minus_one),
    TEST_CASE(codes_without_letter_score_as_pads),
    TEST_CASE(unknown_name_lists_the_known_ones),
    TEST_CASE(protein_matrix_for_nucleotides_is_refused),
    TEST_CASE(directory_is_no_matrix_file),
    TEST_CASE(ambiguity_letters_score_as_in_blastn),
    TEST_CASE(n_never_scores_above_zero),
    TEST_CASE(match_mismatch_limits_are_checked),
    TEST_CASE(profile_rows_are_matrix_rows),
    {0},
};
