/* What the files of the matrix share. */
#ifndef TAL_SCORE_MATRIX_INTERNAL_H
#define TAL_SCORE_MATRIX_INTERNAL_H

#include "score/matrix.h"

enum { TAL_AMINO_ACID_COUNT = 20 };

/* Letters with codes of their own. */
int tal_matrix_letter_count(tal_alphabet alphabet);

/* The plain residues (the twenty amino acids, A C G T) a code stands for, as a set of bits; empty
 * for '*'. U stands for itself alone: callers give it C's figures. */
uint32_t tal_matrix_members(tal_alphabet alphabet, int code);

/* Which of tal_matrix_tables scores the twenty amino acids as this matrix does; -1: none. */
int tal_matrix_table_find(const tal_matrix *matrix);

/* Set pads and the extremes of a matrix whose letters are filled in. */
void tal_matrix_finish(tal_matrix *matrix);

#endif
