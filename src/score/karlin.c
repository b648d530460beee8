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

#include "base/alloc.h"
#include "base/check.h"
#include "base/random.h"

#include <math.h>

/* gcc does not contract under -std=c17; clang does unless told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    COLUMN_COUNT_MAX = 100, /* terms fall by 0.9 a column or faster */
    BISECTION_COUNT = 100,
    HALVINGS = 48,     /* of an interval not above 10 */
    COLUMN_LIMIT = 300 /* for any law; what further terms give is taken to fall geometrically */
};

static const double match_probability = 0.25;
static const double term_least = 1e-4;
static const double term_least_exact = 1e-9;

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

/* Sum of the shares times x^score, less 1; its sign is all that counts: times x^-score_min. */
static double excess(int score_min, int score_max, const double *shares, double x)
{
    double sum = 0.0;
    for (int k = score_max - score_min; k >= 0; k--)
        sum = sum * x + shares[k];
    double power = 1.0;
    for (int k = score_min; k < 0; k++)
        power *= x;
    return sum - power;
}

double tal_karlin_root(int score_min, int score_max, const double *shares, double high)
{
    if (excess(score_min, score_max, shares, high) <= 0.0)
        return high;
    double low = 1.0;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = low + (high - low) / 2;
        if (excess(score_min, score_max, shares, middle) > 0.0)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* The law of one more column: next = law * shares; lowest scores first, `span` above 0 and below.
 */
static void add_column(const double *law, int law_span, const double *shares, int span,
                       double *out_next)
{
    for (int i = 0; i <= law_span + span; i++)
        out_next[i] = 0.0;
    for (int k = 0; k <= span; k++)
        for (int i = 0; shares[k] > 0.0 && i <= law_span; i++)
            out_next[i + k] += law[i] * shares[k];
}

/* P(S >= 0) + E(root^S; S < 0) of a law whose lowest score is `lowest`. */
static double ladder_term(const double *law, int span, int lowest, double root)
{
    double sum = 0.0;
    double power = 1.0;
    for (int i = span; i >= 0; i--) {
        if (i + lowest < 0)
            power /= root;
        sum += law[i] * power;
    }
    return sum;
}

/* The sum over columns in the formula of K for any law. */
static double ladder_sum_of(int score_min, int score_max, const double *shares, double root,
                            double *law, double *next)
{
    int span = score_max - score_min;
    double total = 0.0;
    double last = 1.0;
    law[0] = 1.0;
    for (int k = 1; k <= COLUMN_LIMIT; k++) {
        add_column(law, (k - 1) * span, shares, span, next);
        double *swap = law;
        law = next;
        next = swap;
        double term = ladder_term(law, k * span, k * score_min, root) / k;
        double ratio = term / last;
        total += term;
        last = term;
        if (term < term_least_exact)
            break;
        if (k == COLUMN_LIMIT)
            total += term * ratio / (1.0 - ratio);
    }
    return total;
}

tal_status tal_karlin_of(int score_min, int score_max, const double *shares, double root,
                         tal_karlin *out_karlin)
{
    TAL_ASSERT(score_min < 0 && score_max > 0 && root > 1.0);
    int span = score_max - score_min;
    size_t room = (size_t)span * COLUMN_LIMIT + 1;
    double *laws = tal_alloc_array(2 * room, sizeof(*laws));
    if (laws == NULL)
        return TAL_ERR_MEMORY;
    double sum = ladder_sum_of(score_min, score_max, shares, root, laws, laws + room);
    tal_free(laws);
    double mean = 0.0; /* of a column of related letters */
    double power = 1.0;
    for (int k = 0; k < -score_min; k++)
        power /= root;
    for (int k = 0; k <= span; k++, power *= root)
        mean += shares[k] * power * (k + score_min);
    double lambda = tal_random_log(root);
    double h = lambda * mean;
    *out_karlin = (tal_karlin){
        .lambda = lambda,
        .k = lambda * exp(-2 * sum) / (h * (1 - 1 / root)),
        .h = h,
    };
    return TAL_OK;
}
