/* Built-in matrices, match/mismatch scoring, and matrix files as a whole; see matrix.h.
 *
 * The rule for nucleotide ambiguity letters is BLASTN's (its score of a letter pair is not the mean
 * over base pairs when both letters are ambiguous), so that scores compare with it one to one.
 * Parsing is in matrix_parse.c, figures in matrix_tables.c.
 */
#include "score/matrix.h"

#include "base/alloc.h"
#include "score/matrix_internal.h"
#include "score/matrix_tables.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

enum { CODE_C = 4, CODE_X = 23, CODE_U = 25, CODE_O = 26, CODE_N = 14 };

static const char matrix_names[] =
    "BLOSUM45, BLOSUM50, BLOSUM62, BLOSUM80, BLOSUM90, PAM30, PAM70, PAM250";

const char *tal_matrix_names(void)
{
    return matrix_names;
}

/* What a masked residue scores: as the unknown letter, never above -1. */
static void mask_fill(tal_matrix *matrix)
{
    int mask = tal_alphabet_mask_code(matrix->alphabet);
    int unknown = matrix->alphabet == TAL_PROTEIN ? CODE_X : CODE_N;
    for (int i = 0; i < mask; i++) {
        int8_t row = matrix->score[unknown][i];
        int8_t column = matrix->score[i][unknown];
        matrix->score[mask][i] = row < 0 ? row : -1;
        matrix->score[i][mask] = column < 0 ? column : -1;
    }
    int8_t both = matrix->score[unknown][unknown];
    matrix->score[mask][mask] = both < 0 ? both : -1;
}

void tal_matrix_finish(tal_matrix *matrix)
{
    mask_fill(matrix);
    int count = tal_matrix_letter_count(matrix->alphabet) + 1; /* And the mask. */
    matrix->score_min = matrix->score_max = matrix->score[0][0];
    for (int i = 0; i < TAL_CODE_COUNT; i++) {
        for (int j = 0; j < TAL_CODE_COUNT; j++) {
            if (i >= count || j >= count) {
                matrix->score[i][j] = TAL_PAD_SCORE;
                continue;
            }
            int score = matrix->score[i][j];
            matrix->score_min = score < matrix->score_min ? score : matrix->score_min;
            matrix->score_max = score > matrix->score_max ? score : matrix->score_max;
        }
    }
}

int tal_matrix_letter_count(tal_alphabet alphabet)
{
    return alphabet == TAL_PROTEIN ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
}

/* The code whose figures a code of a built-in matrix takes. */
static int table_code(int code)
{
    return code == CODE_U ? CODE_C : code == CODE_O ? CODE_X : code;
}

static void table_expand(const tal_matrix_table *table, tal_matrix *out_matrix)
{
    memset(out_matrix, 0, sizeof(*out_matrix));
    memcpy(out_matrix->name, table->name, sizeof(table->name));
    out_matrix->alphabet = TAL_PROTEIN;
    for (int i = 0; i < TAL_PROTEIN_LETTER_COUNT; i++) {
        for (int j = 0; j < TAL_PROTEIN_LETTER_COUNT; j++) {
            int high = table_code(i) > table_code(j) ? table_code(i) : table_code(j);
            int low = table_code(i) > table_code(j) ? table_code(j) : table_code(i);
            out_matrix->score[i][j] = table->lower[high * (high + 1) / 2 + low];
        }
    }
    tal_matrix_finish(out_matrix);
}

int tal_matrix_table_find(const tal_matrix *matrix)
{
    for (int index = 0; matrix->alphabet == TAL_PROTEIN && index < TAL_MATRIX_TABLE_COUNT;
         index++) {
        const int8_t *lower = tal_matrix_tables[index].lower;
        bool is_same = true;
        for (int i = 0; i < TAL_AMINO_ACID_COUNT; i++)
            for (int j = 0; j <= i; j++, lower++)
                is_same = is_same && matrix->score[i][j] == *lower && matrix->score[j][i] == *lower;
        if (is_same)
            return index;
    }
    return -1;
}

static tal_status file_read(const char *path, char *buffer, size_t *out_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL && errno == ENOENT)
        return tal_fail(TAL_ERR_NO_INPUT,
                        "no built-in matrix and no file '%s': give one of %s, or a matrix file in "
                        "NCBI format",
                        path, matrix_names);
    if (file == NULL)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot open matrix file '%s': %s", path,
                        strerror(errno));
    tal_status status = TAL_OK;
    size_t bytes = fread(buffer, 1, TAL_MATRIX_FILE_BYTES_MAX + 1, file);
    if (ferror(file)) {
        status = tal_fail(TAL_ERR_IO, "cannot read matrix file '%s': %s", path, strerror(errno));
    } else if (bytes > TAL_MATRIX_FILE_BYTES_MAX) {
        status = tal_fail(TAL_ERR_DATA,
                          "matrix file '%s': larger than %zu bytes; give a matrix in NCBI format",
                          path, TAL_MATRIX_FILE_BYTES_MAX);
    } else {
        *out_bytes = bytes;
    }
    (void)fclose(file); /* Only read. */
    return status;
}

tal_status tal_matrix_load(const char *name_or_path, tal_alphabet alphabet, tal_matrix *out_matrix)
{
    for (int i = 0; i < TAL_MATRIX_TABLE_COUNT; i++) {
        if (strcasecmp(name_or_path, tal_matrix_tables[i].name) != 0)
            continue;
        if (alphabet != TAL_PROTEIN)
            return tal_fail(TAL_ERR_CONFIG,
                            "matrix %s is for proteins, the sequences are nucleotides: give match "
                            "and mismatch scores or a nucleotide matrix file",
                            tal_matrix_tables[i].name);
        table_expand(&tal_matrix_tables[i], out_matrix);
        return TAL_OK;
    }
    char *text = tal_alloc(TAL_MATRIX_FILE_BYTES_MAX + 1);
    if (text == NULL)
        return TAL_ERR_MEMORY;
    size_t bytes = 0;
    tal_status status = file_read(name_or_path, text, &bytes);
    if (status == TAL_OK)
        status = tal_matrix_parse(name_or_path, text, bytes, alphabet, out_matrix);
    tal_free(text);
    return status;
}

static int bit_count(uint32_t set)
{
    int count = 0;
    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

/* What two letters score, given the sets of bases they stand for. */
static int8_t base_sets_score(uint32_t a, uint32_t b, int match, int mismatch)
{
    if ((a & b) == 0)
        return (int8_t)mismatch;
    int a_count = bit_count(a);
    int b_count = bit_count(b);
    int count = a_count > b_count ? a_count : b_count;
    int score = (int)round((double)(match + (count - 1) * mismatch) / count);
    return (int8_t)(count == 4 && score > 0 ? 0 : score);
}

tal_status tal_matrix_match_mismatch(int match, int mismatch, tal_matrix *out_matrix)
{
    if (match <= 0 || match > TAL_SCORE_MAX)
        return tal_fail(TAL_ERR_CONFIG, "match score %d: must be 1 to %d", match, TAL_SCORE_MAX);
    if (mismatch >= 0 || mismatch < TAL_SCORE_MIN)
        return tal_fail(TAL_ERR_CONFIG, "mismatch score %d: must be %d to -1", mismatch,
                        TAL_SCORE_MIN);
    memset(out_matrix, 0, sizeof(*out_matrix));
    (void)snprintf(out_matrix->name, sizeof(out_matrix->name), "match %d mismatch %d", match,
                   mismatch); /* Fits. */
    out_matrix->alphabet = TAL_NUCLEOTIDE;
    out_matrix->match = match;
    out_matrix->mismatch = mismatch;
    for (int i = 0; i < TAL_NUCLEOTIDE_LETTER_COUNT; i++)
        for (int j = 0; j < TAL_NUCLEOTIDE_LETTER_COUNT; j++)
            out_matrix->score[i][j] =
                base_sets_score(tal_matrix_members(TAL_NUCLEOTIDE, i),
                                tal_matrix_members(TAL_NUCLEOTIDE, j), match, mismatch);
    tal_matrix_finish(out_matrix);
    return TAL_OK;
}

uint64_t tal_matrix_hash(const tal_matrix *matrix)
{
    return XXH3_64bits(matrix->score, sizeof(matrix->score));
}

bool tal_matrix_is_symmetric(const tal_matrix *matrix, bool has_both_strands)
{
    int code_count = tal_alphabet_mask_code(matrix->alphabet) + 1;
    for (int a = 0; a < code_count; a++)
        for (int b = 0; b < code_count; b++) {
            if (matrix->score[a][b] != matrix->score[b][a])
                return false;
            if (has_both_strands &&
                matrix->score[a][b] != matrix->score[tal_nucleotide_complement((uint8_t)a)]
                                                    [tal_nucleotide_complement((uint8_t)b)])
                return false;
        }
    return true;
}
