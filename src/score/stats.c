/* Bit scores, E-values and score cuts; see stats.h. Finding parameters is in stats_find.c.
 *
 * Protein: with score y, query and reference of lengths m and n,
 *   mean length  l = a y + b,  variance v = max(2 alpha/lambda, alpha y + beta),
 *   covariance   c = max(2 sigma/lambda, sigma y + tau),
 *   p(m) = (m - l) Phi((m - l)/sqrt v) + sqrt v phi((m - l)/sqrt v),
 *   E = (p(m) p(n) + c Phi_m Phi_n) K exp(-lambda y) * residues / n
 * (Park, Sheetlin, Ma, Madden and Spouge, BMC Research Notes 5:286, 2012).
 * Nucleotide: E = K (m - l) (residues - N l) exp(-lambda y), l as in the header. Bit scores take
 * the score as it is, also where E-values count odd scores as even: so does BLASTN.
 */
#include "score/stats.h"

#include "base/check.h"

#include <math.h>

/* What does not change with the score. */
typedef struct evaluation {
    const tal_stats *stats;
    double query_len, ref_len; /* protein */
    double scale;              /* protein: the whole set in units of this reference */
    double area;               /* nucleotide: effective search space */
} evaluation;

static const double ln_2 = 0.69314718055994530942;
static const double sqrt_half = 0.70710678118654752440;
static const double inverse_sqrt_2_pi = 0.39894228040143267794;

/* (m - l) (n - N l) */
static double space_left(const tal_search_space *space, int64_t l)
{
    return ((double)space->query_len - (double)l) *
           ((double)space->residue_count - (double)space->sequence_count * (double)l);
}

static bool is_adjustment(const tal_stats *stats, const tal_search_space *space, int64_t l)
{
    double m = (double)space->query_len;
    double n = (double)space->residue_count;
    if ((double)l >= m || (double)space->sequence_count * (double)l >= n)
        return false;
    double left = stats->k * space_left(space, l);
    return left >= (m > n ? m : n) &&
           stats->alpha_a / stats->lambda * log(left) + stats->beta_b >= (double)l;
}

int64_t tal_stats_length_adjustment(const tal_stats *stats, const tal_search_space *space)
{
    /* Both conditions hold up to some l and for none above it. */
    if (!is_adjustment(stats, space, 0))
        return 0;
    int64_t low = 0;
    int64_t high = space->query_len; /* no adjustment */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (is_adjustment(stats, space, middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

static evaluation prepare(const tal_stats *stats, const tal_search_space *space, int64_t ref_len)
{
    evaluation e = {.stats = stats};
    if (stats->has_gumbel) {
        e.query_len = (double)space->query_len;
        e.ref_len = ref_len < 1 ? 1.0 : (double)ref_len;
        e.scale = (double)space->residue_count / e.ref_len;
    } else if (stats->is_known) {
        e.area = space_left(space, tal_stats_length_adjustment(stats, space));
    }
    return e;
}

static double counted_score(const tal_stats *stats, int32_t score)
{
    return stats->is_score_even && score % 2 != 0 ? (double)score - 1 : (double)score;
}

/* p of a length in the formula above, and Phi. */
static double length_part(double len, double l, double deviation, double *out_phi)
{
    double z = (len - l) / deviation;
    double phi = 0.5 * erfc(-z * sqrt_half);
    *out_phi = phi;
    return (len - l) * phi + deviation * inverse_sqrt_2_pi * exp(-0.5 * z * z);
}

static double at_least(double value, double least)
{
    return value < least ? least : value;
}

static double evalue_at(const evaluation *e, double y)
{
    const tal_stats *s = e->stats;
    double tail = s->k * exp(-s->lambda * y);
    if (!s->has_gumbel)
        return e->area * tail;
    double l = s->a * y + s->b;
    double deviation = sqrt(at_least(s->alpha * y + s->beta, 2 * s->alpha / s->lambda));
    double covariance = at_least(s->sigma * y + s->tau, 2 * s->sigma / s->lambda);
    double query_phi = 0.0;
    double ref_phi = 0.0;
    double query_part = length_part(e->query_len, l, deviation, &query_phi);
    double ref_part = length_part(e->ref_len, l, deviation, &ref_phi);
    double area = query_part * ref_part + covariance * query_phi * ref_phi;
    return area * tail * e->scale;
}

static double evalue_of(const evaluation *e, int32_t score)
{
    return evalue_at(e, counted_score(e->stats, score));
}

double tal_stats_bits(const tal_stats *stats, double score)
{
    if (!stats->is_known)
        return NAN;
    return (stats->lambda * score - log(stats->k)) / ln_2;
}

double tal_stats_evalue(const tal_stats *stats, const tal_search_space *space, int32_t score,
                        int64_t ref_len)
{
    if (!stats->is_known)
        return NAN;
    evaluation e = prepare(stats, space, ref_len);
    return evalue_of(&e, score);
}

double tal_stats_evalue_scaled(const tal_stats *stats, const tal_search_space *space, double score,
                               int64_t ref_len)
{
    if (!stats->is_known)
        return NAN;
    evaluation e = prepare(stats, space, ref_len);
    return evalue_at(&e, score);
}

int32_t tal_stats_score_cut(const tal_stats *stats, const tal_search_space *space, double evalue,
                            int64_t ref_len, int32_t guess)
{
    if (!stats->is_known || !(evalue >= 0))
        return INT32_MAX;
    evaluation e = prepare(stats, space, ref_len);

    /* Widen (low, high] from the guess until it holds the cut; low = 0 is never tried. */
    int64_t low = guess > 1 ? guess - 1 : 0;
    int64_t high = low + 1;
    for (int64_t step = 1; low > 0 && evalue_of(&e, (int32_t)low) <= evalue; step *= 2) {
        high = low;
        low = low > step ? low - step : 0;
    }
    for (int64_t step = 1; high < INT32_MAX && evalue_of(&e, (int32_t)high) > evalue; step *= 2) {
        low = high;
        high = high < INT32_MAX - step ? high + step : INT32_MAX;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (evalue_of(&e, (int32_t)middle) <= evalue)
            high = middle;
        else
            low = middle;
    }
    return (int32_t)high;
}

/* With the finite-size correction p and Phi rise with a length, so that E times the reference's
 * length does: the E-value of a pair is at least that of the shortest lengths, times the shortest
 * over the longest reference. A millionth more is far beyond rounding. Without it lengths of
 * references do not count, and how E follows the query's is not simple. */
int32_t tal_stats_score_floor(const tal_stats *stats, const tal_search_space *space, double evalue,
                              const tal_stats_lengths *lengths)
{
    TAL_ASSERT(lengths->ref_min >= 1);
    TAL_ASSERT(lengths->query_min >= 1);
    if (!stats->has_gumbel && lengths->query_min < lengths->query_max)
        return 1;
    tal_search_space shortest = *space;
    shortest.query_len = lengths->query_min;
    double widened = evalue * (double)lengths->ref_max / (double)lengths->ref_min * 1.000001;
    /* Without borders: a few points too high. */
    double guess = log(stats->k * (double)lengths->query_min * (double)space->residue_count /
                       (widened > 0 ? widened : 1)) /
                   stats->lambda;
    int32_t begin = guess > 1 && guess < INT32_MAX ? (int32_t)guess : 1;
    return tal_stats_score_cut(stats, &shortest, widened, lengths->ref_min, begin);
}

double tal_stats_filter_score(const tal_stats *stats, const tal_search_space *space, double evalue,
                              double share)
{
    if (!stats->is_known || !(evalue > 0))
        return INFINITY;
    double nats = log((double)space->query_len * (double)space->residue_count / evalue);
    return (share * nats + log(stats->k_ungapped)) / stats->lambda_ungapped;
}

double tal_stats_filter_length_part(const tal_stats *stats, const tal_search_space *space,
                                    int64_t ref_len)
{
    if (!stats->is_known)
        return 0;
    double mean = (double)space->residue_count / (double)space->sequence_count;
    return log((ref_len < 1 ? 1.0 : (double)ref_len) / mean) / stats->lambda_ungapped;
}
