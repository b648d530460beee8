/* Substitution matrices over residue codes. */
#ifndef TAL_SCORE_MATRIX_H
#define TAL_SCORE_MATRIX_H

#include "base/status.h"
#include "seq/alphabet.h"

/* Scores a user's matrix may hold: profiles are signed bytes and the pad score must lie below. */
#define TAL_SCORE_MIN (-100)
#define TAL_SCORE_MAX 100
/* What a pad code scores against anything. */
#define TAL_PAD_SCORE (-127)
/* Matrix files are a few KiB; more is something else. */
#define TAL_MATRIX_FILE_BYTES_MAX ((size_t)1 << 20)

typedef struct tal_matrix {
    char name[64]; /* "BLOSUM62", a file's base name, or "match 2 mismatch -3" */
    tal_alphabet alphabet;
    int match, mismatch; /* nucleotide: what equal and unequal bases score; 0 where not uniform */
    int score_min, score_max;
    int8_t score[TAL_CODE_COUNT]
                [TAL_CODE_COUNT]; /* [query code][reference code]; unused codes pad */
} tal_matrix;

/* A masked residue (tal_alphabet_mask_code) has a row and a column: the scores of X or N, at most
 * -1 each. */

/* A built-in matrix by name (any case): BLOSUM45, 50, 62, 80, 90, PAM30, 70, 250; otherwise a file
 * in NCBI format (see tal_matrix_parse). In a built-in matrix U scores as C and O as X, and J has
 * its own figures, all as in BLAST+ 2.12. A built-in name goes before a file of that name.
 * Fails with TAL_ERR_NO_INPUT, TAL_ERR_IO, or as tal_matrix_parse does. */
tal_status tal_matrix_load(const char *name_or_path, tal_alphabet alphabet, tal_matrix *out_matrix);

/* Read a matrix in NCBI format from memory; `name` is what messages call it.
 *
 * '#' begins a comment. The first other line names the columns (reference letters), each further
 * line is a row: a query letter and one whole number a column; when no row has a letter the rows
 * stand in column order. Letters in either case, matrices may be asymmetric. In nucleotide files
 * '*', and U beside T, are read and not used. All twenty amino acids (A C G T for nucleotides) are
 * required, a letter needs both its row and its column, and some letter must score above 0 against
 * itself.
 *
 * Letters a file lacks: U scores as C, O as X. B (N, D), J (I, L), Z (Q, E), X (all twenty) and the
 * IUPAC nucleotide letters score the mean over what they stand for, rounded to the nearest whole
 * number, halves down; X at most -1, N at most 0. '*' scores the lowest score of the file.
 * TAL_ERR_DATA with name, line and letter. Cost: one pass, no memory. */
tal_status tal_matrix_parse(const char *name, const char *text, size_t bytes, tal_alphabet alphabet,
                            tal_matrix *out_matrix);

/* 0 < match <= TAL_SCORE_MAX, TAL_SCORE_MIN <= mismatch < 0, or TAL_ERR_CONFIG. An ambiguity letter
 * scores as in BLASTN: mismatch when the two letters share no base; otherwise, with d the larger
 * number of bases one of the two stands for, (match + (d - 1) mismatch) / d rounded to the nearest
 * whole number, halves away from 0. N at most 0. */
tal_status tal_matrix_match_mismatch(int match, int mismatch, tal_matrix *out_matrix);

/* A matrix from all its scores, [query code][reference code], as a file of ours keeps them;
 * TAL_PAD_SCORE to TAL_SCORE_MAX each (asserted). A name that is too long is cut. */
void tal_matrix_restore(const char *name, tal_alphabet alphabet,
                        const int32_t scores[TAL_CODE_COUNT * TAL_CODE_COUNT],
                        tal_matrix *out_matrix);

/* Whether a pair scores the same whichever is the query; with has_both_strands also when both are
 * complemented. */
bool tal_matrix_is_symmetric(const tal_matrix *matrix, bool has_both_strands);

/* A number that differs when any score differs (XXH3 of the scores). */
uint64_t tal_matrix_hash(const tal_matrix *matrix);

/* "BLOSUM45, BLOSUM50, ..." for messages and help. */
const char *tal_matrix_names(void);

#endif
