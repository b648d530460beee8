/* Ungapped Karlin-Altschul parameters. */
#ifndef TAL_SCORE_KARLIN_H
#define TAL_SCORE_KARLIN_H

#include "base/status.h"

typedef struct tal_karlin {
    double lambda, k, h;
} tal_karlin;

/* match > 0 > mismatch without common divisor, match + 3 * mismatch < 0: bases are equally
 * frequent. K as BLAST+ has it, up to 1 % high. Cost: about 10 us. */
tal_karlin tal_karlin_match_mismatch(int match, int mismatch);

/* Where the sum of shares[score - score_min] * x^score over the scores from score_min < 0 to
 * score_max > 0 passes 1, for x in (1, high); high when it does not. The log of it is lambda.
 * + - * / in a fixed order: the same on every machine. */
double tal_karlin_root(int score_min, int score_max, const double *shares, double high);

/* The parameters of any law of scores with a greatest common divisor of 1, from `root` found as
 * above; K to 1e-6. TAL_ERR_MEMORY. Cost: milliseconds. */
tal_status tal_karlin_of(int score_min, int score_max, const double *shares, double root,
                         tal_karlin *out_karlin);

#endif
