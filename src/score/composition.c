/* Scaling of lambda by composition; see composition.h. */
#include "score/composition.h"

#include "base/random.h"
#include "score/karlin.h"

#include <string.h>

/* gcc does not contract under -std=c17; clang does unless told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    LETTERS = TAL_COMPOSITION_LETTERS,
    SPAN_MAX = TAL_SCORE_MAX - TAL_SCORE_MIN + 1,
};

/* Frequencies of amino acids per 100,000, in the order of codes: Robinson and Robinson, PNAS
 * 88:8880 (1991), which BLAST uses. */
static const uint32_t average[LETTERS] = {7805, 5129, 4487, 5364, 1925, 4264, 6295,
                                          7377, 2199, 5142, 9019, 5744, 2243, 3856,
                                          5203, 7120, 5841, 1330, 3216, 6441};

const uint32_t *tal_composition_average(void)
{
    return average;
}

tal_composition tal_composition_of(const uint8_t *codes, size_t len)
{
    uint32_t counts[256] = {0};
    for (size_t i = 0; i < len; i++)
        counts[codes[i]]++;
    tal_composition composition;
    memcpy(composition.counts, counts, sizeof(composition.counts));
    return composition;
}

static const double pseudocounts = 20;

/* Frequencies of a composition, as if `pseudocounts` residues of the average protein were added: a
 * short sequence does not say much. */
static void fill_frequencies(const uint32_t *counts, double *out_frequencies)
{
    double total = pseudocounts;
    for (int i = 0; i < LETTERS; i++)
        total += counts[i];
    for (int i = 0; i < LETTERS; i++)
        out_frequencies[i] =
            (counts[i] + pseudocounts * average[i] / TAL_COMPOSITION_AVERAGE_SUM) / total;
}

/* The share of pairs of the compositions that score each value from score_min on. */
static void find_shares(const tal_scaling *s, const uint32_t *query, const uint32_t *ref,
                        double *out_shares)
{
    double p[LETTERS];
    double q[LETTERS];
    fill_frequencies(query, p);
    fill_frequencies(ref, q);
    for (int k = 0; k <= s->score_max - s->score_min; k++)
        out_shares[k] = 0.0;
    for (int i = 0; i < LETTERS; i++)
        for (int j = 0; j < LETTERS; j++)
            out_shares[s->score[i][j] - s->score_min] += p[i] * q[j];
}

bool tal_scaling_init(const tal_matrix *matrix, tal_scaling *out_scaling)
{
    tal_scaling s = {.score_min = 0, .score_max = 0};
    for (int i = 0; i < LETTERS; i++)
        for (int j = 0; j < LETTERS; j++) {
            s.score[i][j] = matrix->score[i][j];
            s.score_min = s.score[i][j] < s.score_min ? s.score[i][j] : s.score_min;
            s.score_max = s.score[i][j] > s.score_max ? s.score[i][j] : s.score_max;
        }
    double shares[SPAN_MAX];
    find_shares(&s, average, average, shares);
    double mean = 0.0;
    for (int k = 0; k <= s.score_max - s.score_min; k++)
        mean += shares[k] * (k + s.score_min);
    if (matrix->alphabet != TAL_PROTEIN || s.score_max <= 0 || mean >= 0.0)
        return false;
    /* A pair of the largest score alone is more than 1 in 10^10: x^score_max < 10^10. */
    s.root = tal_karlin_root(s.score_min, s.score_max, shares, s.score_max == 1 ? 1e10 : 1e5);
    *out_scaling = s;
    return true;
}

int32_t tal_scaling_ratio(const tal_scaling *scaling, const tal_composition *query,
                          const tal_composition *ref)
{
    double shares[SPAN_MAX];
    find_shares(scaling, query->counts, ref->counts, shares);
    double root = tal_karlin_root(scaling->score_min, scaling->score_max, shares, scaling->root);
    if (root >= scaling->root)
        return TAL_SCALING_UNIT;
    double ratio = tal_random_log(root) / tal_random_log(scaling->root);
    int32_t rounded = (int32_t)(ratio * TAL_SCALING_UNIT + 0.5);
    return rounded < TAL_SCALING_MIN ? TAL_SCALING_MIN : rounded;
}

double tal_scaling_lambda(const tal_scaling *scaling)
{
    return tal_random_log(scaling->root);
}
