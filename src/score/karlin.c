/* Ungapped Karlin-Altschul parameters; see karlin.h.
 *
 * Karlin and Altschul, PNAS 87:2264 (1990). Equal bases meet with probability 1/4 whatever the
 * query's composition, as long as the references' bases are equally frequent. lambda solves
 *   1/4 exp(lambda match) + 3/4 exp(lambda mismatch) = 1,
 * H is lambda times the mean score under the tilted probabilities, and with S_k the score of k
 * random columns and scores of span 1
 *   K = lambda exp(-2 sum_k (P(S_k >= 0) + E(exp(lambda S_k); S_k < 0)) / k)
 *       / (H (1 - exp(-lambda))).
 * S_k is binomial here, so that the terms need no table of scores. The sum ends with the first term
 * below 1e-4, as in BLAST+ (K is then up to 1 % high), so that E-values compare. For match 1 there
 * is the closed form K = H / lambda (1 - exp(-lambda)).
 */
#include "score/karlin.h"

#include "base/check.h"

#include <math.h>

enum {
    COLUMN_COUNT_MAX = 100, /* terms fall by 0.9 a column or faster */
    BISECTION_COUNT = 100,
};

static const double match_probability = 0.25;
static const double term_least = 1e-4;

static double lambda_find(int match, int mismatch)
{
    double low = 0.0; /* the trivial root; below the other one the sum is < 1 */
    double high = log(1.0 / match_probability) / match;
    for (int i = 0; i < BISECTION_COUNT; i++) {
        double middle = low + (high - low) / 2;
        double sum = match_probability * exp(middle * match) +
                     (1 - match_probability) * exp(middle * mismatch);
        if (sum > 1.0)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* The sum over k in the formula of K. */
static double ladder_sum(int match, int mismatch, double lambda)
{
    double probability[COLUMN_COUNT_MAX + 1] = {1.0}; /* of i matches among k columns */
    double total = 0.0;
    double last = 1.0;
    for (int k = 1; k <= COLUMN_COUNT_MAX && last > term_least; k++) {
        for (int i = k; i >= 1; i--)
            probability[i] =
                (1 - match_probability) * probability[i] + match_probability * probability[i - 1];
        probability[0] *= 1 - match_probability;
        double term = 0.0;
        for (int i = 0; i <= k; i++) {
            int score = i * match + (k - i) * mismatch;
            term += probability[i] * (score >= 0 ? 1.0 : exp(lambda * score));
        }
        last = term / k;
        total += last;
    }
    return total;
}

tal_karlin tal_karlin_match_mismatch(int match, int mismatch)
{
    TAL_ASSERT(match > 0);
    TAL_ASSERT(match + 3 * mismatch < 0);

    double lambda = lambda_find(match, mismatch);
    double h = lambda * (match_probability * match * exp(lambda * match) +
                         (1 - match_probability) * mismatch * exp(lambda * mismatch));
    double span = 1 - exp(-lambda);
    double k = match == 1 ? h / lambda * span
                          : lambda * exp(-2 * ladder_sum(match, mismatch, lambda)) / (h * span);
    return (tal_karlin){.lambda = lambda, .k = k, .h = h};
}
