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

typedef struct tal_matrix {
    char name[64]; /* "BLOSUM62", a file's base name, or "match 2 mismatch -3" */
    tal_alphabet alphabet;
    int match, mismatch; /* nucleotide match/mismatch scoring; 0 for protein matrices */
    int score_min, score_max;
    int8_t score[TAL_CODE_COUNT]
                [TAL_CODE_COUNT]; /* [query code][reference code]; unused codes pad */
} tal_matrix;

/* A built-in matrix by name (any case): BLOSUM45, 50, 62, 80, 90, PAM30, 70, 250; otherwise a file
 * in NCBI format. Letters a protein matrix lacks: U scores as C, O as X, J as the lower of I and L,
 * B, Z, X as BLAST derives them, * as the matrix minimum. A file must give all twenty amino acids
 * (protein) or A C G T (nucleotide); messages name file, line and letter. */
tal_status tal_matrix_load(const char *name_or_path, tal_alphabet alphabet, tal_matrix *out_matrix);

/* match > 0 > mismatch. An ambiguity letter scores against a letter the rounded mean over what both
 * may stand for, N at most 0 (documented in the .c). */
tal_status tal_matrix_match_mismatch(int match, int mismatch, tal_matrix *out_matrix);

/* "BLOSUM45, BLOSUM50, ..." for messages and help. */
const char *tal_matrix_names(void);

#endif
