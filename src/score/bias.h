/* Correction of a query's profile for the composition around each position.
 *
 * Hauser, Mayer, Soeding, "kClust: fast and sensitive clustering of large protein sequence
 * databases", BMC Bioinformatics 14:248 (2013), as MMseqs2 and DIAMOND use it: a position scores
 * less where its neighbours (20 on each side) would score well against it, and more where they
 * would not:
 *   bias(i) = sum_a f(a) S(q_i, a) - mean of S(q_i, q_j) over the neighbours j,
 * rounded to the nearest whole number, halves away from 0. Integers only.
 */
#ifndef TAL_SCORE_BIAS_H
#define TAL_SCORE_BIAS_H

#include "score/matrix.h"

/* No bias is larger or smaller than this. */
enum { TAL_BIAS_MAX = 16 };

/* The bias of each position of a protein; 0 for letters that are no amino acids (masked ones too),
 * which are no neighbours either. Cost: O(20 len). */
void tal_bias_find(const tal_matrix *matrix, const uint8_t *codes, size_t len, int8_t *out_bias);

/* Add each position's bias to what letters score in its profile row (pads keep theirs), within
 * TAL_SCORE_MIN and TAL_SCORE_MAX. */
void tal_bias_apply(const int8_t *bias, size_t len, int8_t *profile);

#endif
