/* Statistics of a pair by its composition: how lambda scales for sequences that are not made like
 * the average protein.
 *
 * lambda of a scoring is the root of sum p_i q_j exp(lambda s_ij) = 1 over the frequencies p, q of
 * the two sequences; E-values of the matrix's tables hold for average ones. Schaffer, Aravind,
 * Madden, Shavirin, Spouge, Wolf, Koonin and Altschul (Nucleic Acids Research 29:2994, 2001) scale
 * scores by the ratio of the pair's ungapped lambda to the average's, and never up. Here the
 * scores stay and lambda is scaled, which is the same E-value for the same alignment; frequencies
 * are those of the sequence and of 20 residues of the average protein (pseudocounts, as in Yu and
 * Altschul, Bioinformatics 21:902, 2005).
 *
 * Arithmetic is + - * / in double in a fixed order: the same on every machine.
 */
#ifndef TAL_SCORE_COMPOSITION_H
#define TAL_SCORE_COMPOSITION_H

#include "score/matrix.h"

enum { TAL_COMPOSITION_LETTERS = 20 };

/* How often each amino acid occurs; other letters and masked residues do not count. */
typedef struct tal_composition {
    uint32_t counts[TAL_COMPOSITION_LETTERS];
} tal_composition;

/* The average protein, in the order of codes; sums to TAL_COMPOSITION_AVERAGE_SUM. */
enum { TAL_COMPOSITION_AVERAGE_SUM = 100000 };
const uint32_t *tal_composition_average(void);

tal_composition tal_composition_of(const uint8_t *codes, size_t len);

/* What does not change from pair to pair. */
typedef struct tal_scaling {
    int score_min, score_max; /* of amino acid pairs */
    double root;              /* exp(lambda) of the average protein without gaps */
    int8_t score[TAL_COMPOSITION_LETTERS][TAL_COMPOSITION_LETTERS];
} tal_scaling;

/* false when the matrix has no lambda: no pair scores above 0, or the average does. */
bool tal_scaling_init(const tal_matrix *matrix, tal_scaling *out_scaling);

/* In 1/TAL_SCALING_UNIT: the pair's lambda over the average's, at most 1 and at least
 * TAL_SCALING_MIN. Cost: about 1 us. */
enum { TAL_SCALING_UNIT = 4096, TAL_SCALING_MIN = 2048 };
int32_t tal_scaling_ratio(const tal_scaling *scaling, const tal_composition *query,
                          const tal_composition *ref);

/* Ungapped lambda of the average protein. */
double tal_scaling_lambda(const tal_scaling *scaling);

#endif
