/* Gumbel parameters by simulation; see gumbel.h.
 *
 * With P(y) the probability that global alignments from a point reach y, and N(y) the mean number
 * of cells that score at least y,
 *   lambda = (ln P(y1) - ln P(y2)) / (y2 - y1),   K = P(y)^2 exp(lambda y) / N(y)
 * for large y: a cell of a local alignment has the law of the best global one from a point read
 * backwards, so P exp(lambda y) is also the density of cells that score y or more, and an
 * alignment that reaches y has N / P of them. Of the cell where M first reaches y, mean, variance
 * and covariance of its coordinates grow with y by a, alpha and sigma (Park, Sheetlin, Ma, Madden
 * and Spouge 2012). Levels are in units of 1 / lambda without gaps: what is left of the border at
 * level_low is below the error. Errors are a jackknife's over groups of samples.
 */
#include "score/gumbel.h"

#include "base/alloc.h"
#include "base/random.h"
#include "score/composition.h"
#include "score/gumbel_walk.h"
#include "score/karlin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* gcc does not contract under -std=c17; clang does unless told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    LETTERS = TAL_WALK_LETTERS,
    SPAN_MAX = TAL_SCORE_MAX - TAL_SCORE_MIN + 1,
    GROUPS = 32,         /* of samples; an item of work each */
    PILOT_SAMPLES = 32,  /* of a group */
    ROUND_SAMPLES = 128, /* likewise, before errors are looked at again */
    ROUNDS_MIN = 2,
    UNRELATED_PAIRS = 32, /* global alignments that show the linear phase */
    UNRELATED_LEN = 800,
    SEED = 1,
    SEED_PILOT = 2,
};

static const double level_low = 5.0;
static const double level_counted = 7.0;
static const double level_high = 11.5;
static const double drop = 6.0; /* in units of 1 / lambda with gaps */
static const double failures_max = 0.01;
static const double lambda_share_least = 0.2; /* of lambda without gaps, in a pilot */

/* A scoring without common divisor. */
typedef struct scoring {
    tal_walk_model model;
    int divisor;
    tal_karlin ungapped;    /* as given, not divided */
    double a, alpha;        /* likewise without gaps */
    int window;             /* levels that count together at both ends */
    int low, counted, high; /* levels: first of the lower window, counted, last of the upper one */
} scoring;

typedef struct simulation {
    const scoring *scoring;
    tal_walk_aim aim;
    uint64_t seed;
    uint64_t first;   /* sample of this round, of a group */
    uint64_t samples; /* likewise */
    tal_walk **walks; /* of each worker */
    int walk_count;
    tal_walk_sums groups[GROUPS];
    double *rows;
} simulation;

typedef struct estimate {
    double lambda, k, a, alpha, sigma;
} estimate;

static int divide(int a, int b)
{
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static void fill_shares(const scoring *s, int divisor, int score_min, double *out_shares)
{
    const tal_walk_model *model = &s->model;
    for (int i = 0; i < model->letters; i++)
        for (int j = 0; j < model->letters; j++)
            out_shares[model->score[i][j] / divisor - score_min] +=
                model->share[i] * model->share[j];
}

/* a and alpha of alignments without gaps: of related letters' mean and variance a column. */
static void find_columns(scoring *s, const double *shares, int score_min, int score_max,
                         double root)
{
    double power = 1.0;
    for (int k = 0; k < -score_min; k++)
        power /= root;
    double mean = 0.0;
    double square = 0.0;
    for (int score = score_min; score <= score_max; score++, power *= root) {
        mean += shares[score - score_min] * power * score;
        square += shares[score - score_min] * power * score * score;
    }
    s->a = 1 / mean;
    s->alpha = (square - mean * mean) / (mean * mean * mean);
}

/* What exp(lambda) is below: the share of the largest score, `last`, times its power is below 1. */
static double root_bound(const double *shares, int last)
{
    return 1 / shares[last];
}

/* Lambda, K and H without gaps; scores have the divisor `divisor`. */
static tal_status find_ungapped(scoring *s, const tal_matrix *matrix, int divisor)
{
    int least = 0;
    int most = 0;
    for (int i = 0; i < s->model.letters; i++)
        for (int j = 0; j < s->model.letters; j++) {
            least = s->model.score[i][j] < least ? s->model.score[i][j] : least;
            most = s->model.score[i][j] > most ? s->model.score[i][j] : most;
        }
    least /= divisor;
    most /= divisor;
    double shares[SPAN_MAX] = {0};
    fill_shares(s, divisor, least, shares);
    double mean = 0.0;
    for (int score = least; score <= most; score++)
        mean += shares[score - least] * score;
    if (most <= 0 || mean >= 0.0)
        return tal_fail(
            TAL_ERR_CONFIG,
            "no E-values for '%s': the mean score of unrelated letters is %.3g and must "
            "be below 0, with some score above 0; give --min-score",
            matrix->name, mean * divisor);
    double root = tal_karlin_root(least, most, shares, root_bound(shares, most - least));
    tal_status status = tal_karlin_of(least, most, shares, root, &s->ungapped);
    if (status != TAL_OK)
        return status;
    find_columns(s, shares, least, most, root);
    s->ungapped.lambda /= divisor;
    s->a /= divisor;
    s->alpha /= divisor;
    return TAL_OK;
}

/* The score that equal letters have in the mean: what levels come in, more or less. */
static int mean_match(const tal_walk_model *model)
{
    double sum = 0.0;
    for (int i = 0; i < model->letters; i++)
        sum += model->share[i] * model->score[i][i];
    return sum < 1.5 ? 1 : (int)(sum + 0.5);
}

static tal_status prepare(scoring *s, const tal_matrix *matrix, tal_gaps gaps)
{
    const uint32_t *average = tal_composition_average();
    tal_walk_model *model = &s->model;
    model->letters = matrix->alphabet == TAL_PROTEIN ? LETTERS : 4;
    int divisor = 0;
    for (int i = 0; i < model->letters; i++) {
        model->share[i] = matrix->alphabet == TAL_PROTEIN
                              ? (double)average[i] / TAL_COMPOSITION_AVERAGE_SUM
                              : 0.25;
        for (int j = 0; j < model->letters; j++) {
            model->score[i][j] = matrix->score[i][j];
            divisor = divide(divisor, matrix->score[i][j]);
        }
    }
    tal_status status = find_ungapped(s, matrix, divisor);
    if (status != TAL_OK)
        return status;
    if (gaps.extend == 0)
        return tal_fail(TAL_ERR_CONFIG,
                        "no E-values for '%s' with gap open/extend costs %d/%d: gaps that cost "
                        "nothing to extend join all good parts of two sequences, whose score grows "
                        "with their lengths (the linear phase); raise extend, or give --min-score",
                        matrix->name, gaps.open, gaps.extend);
    s->divisor = divide(divide(divisor, gaps.open), gaps.extend);
    model->open = gaps.open / s->divisor;
    model->extend = gaps.extend / s->divisor;
    for (int i = 0; i < model->letters; i++)
        for (int j = 0; j < model->letters; j++)
            model->score[i][j] /= s->divisor;
    double shares[SPAN_MAX] = {0};
    int least = matrix->score_min / s->divisor;
    fill_shares(s, 1, least, shares);
    int most = matrix->score_max / s->divisor;
    while (shares[most - least] <= 0.0)
        most--; /* score_max may be another letter's */
    model->root = tal_karlin_root(least, most, shares, root_bound(shares, most - least));
    tal_walk_model_prepare(model);
    double unit = 1 / (s->ungapped.lambda * s->divisor);
    s->window = mean_match(model);
    s->low = (int)(level_low * unit) + 1;
    s->counted = (int)(level_counted * unit) + 1;
    int steps = (int)((level_high - level_low) * unit / s->window) + 1;
    s->high = s->low + (steps + 1) * s->window - 1;
    return TAL_OK;
}

static tal_status run_group(void *context, int worker, size_t group)
{
    simulation *self = context;
    for (uint64_t i = 0; i < self->samples; i++)
        tal_walk_sample(self->walks[worker], &self->scoring->model, &self->aim, self->seed,
                        (self->first + i) * GROUPS + group, &self->groups[group]);
    return TAL_OK;
}

static void add_sums(const tal_walk_sums *from, int level_max, tal_walk_sums *to, double sign)
{
    for (int y = 0; y <= level_max; y++) {
        to->weight[y] += sign * from->weight[y];
        to->place[y] += sign * from->place[y];
        to->square[y] += sign * from->square[y];
        to->product[y] += sign * from->product[y];
    }
    to->counted_weight += sign * from->counted_weight;
    to->counted_cells += sign * from->counted_cells;
}

/* Sums over the levels of a window: weight, and mean, variance and covariance of places. */
typedef struct window_sums {
    double weight, mean, variance, covariance;
} window_sums;

static window_sums sum_window(const tal_walk_sums *sums, int first, int count)
{
    window_sums w = {0};
    double place = 0.0;
    double square = 0.0;
    double product = 0.0;
    for (int y = first; y < first + count; y++) {
        w.weight += sums->weight[y];
        place += sums->place[y];
        square += sums->square[y];
        product += sums->product[y];
    }
    w.mean = place / w.weight;
    w.variance = square / w.weight - w.mean * w.mean;
    w.covariance = product / w.weight - w.mean * w.mean;
    return w;
}

static estimate estimate_from(const scoring *s, const tal_walk_sums *sums, double samples)
{
    int upper_first = s->high - s->window + 1;
    double distance = upper_first - s->low;
    window_sums lower = sum_window(sums, s->low, s->window);
    window_sums upper = sum_window(sums, upper_first, s->window);
    double lambda = (tal_random_log(lower.weight) - tal_random_log(upper.weight)) / distance;
    double reach = sums->weight[s->counted] / samples;
    double cells = sums->counted_cells / sums->counted_weight; /* N / P */
    return (estimate){
        .lambda = lambda,
        .k = reach * exp(lambda * s->counted) / cells,
        .a = (upper.mean - lower.mean) / distance,
        .alpha = (upper.variance - lower.variance) / distance,
        .sigma = (upper.covariance - lower.covariance) / distance,
    };
}

/* Sums of all groups; the rows of `all` are the caller's. */
static void add_groups(const simulation *self, tal_walk_sums *all)
{
    *all = (tal_walk_sums){
        .weight = all->weight, .place = all->place, .square = all->square, .product = all->product};
    for (int y = 0; y <= self->aim.level_max; y++)
        all->weight[y] = all->place[y] = all->square[y] = all->product[y] = 0.0;
    for (int group = 0; group < GROUPS; group++) {
        add_sums(&self->groups[group], self->aim.level_max, all, 1.0);
        all->samples += self->groups[group].samples;
        all->failures += self->groups[group].failures;
        all->cells += self->groups[group].cells;
    }
}

/* Standard errors, relative, of lambda and K: each group left out in turn. */
static void find_errors(simulation *self, tal_walk_sums *all, const estimate *whole,
                        double *out_lambda, double *out_k)
{
    double lambda = 0.0;
    double k = 0.0;
    double samples = (double)all->samples * (GROUPS - 1) / GROUPS;
    for (int group = 0; group < GROUPS; group++) {
        add_sums(&self->groups[group], self->aim.level_max, all, -1.0);
        estimate part = estimate_from(self->scoring, all, samples);
        lambda += (part.lambda - whole->lambda) * (part.lambda - whole->lambda);
        k += (part.k - whole->k) * (part.k - whole->k);
        add_sums(&self->groups[group], self->aim.level_max, all, 1.0);
    }
    *out_lambda = sqrt(lambda * (GROUPS - 1) / GROUPS) / whole->lambda;
    *out_k = sqrt(k * (GROUPS - 1) / GROUPS) / whole->k;
}

static tal_status run_round(tal_team *team, simulation *self, uint64_t samples)
{
    self->samples = samples;
    tal_status status = tal_team_for(team, GROUPS, run_group, self);
    self->first += samples;
    return status;
}

static tal_status create(tal_team *team, const scoring *s, simulation *self)
{
    self->scoring = s;
    self->aim = (tal_walk_aim){s->high, s->counted, s->high};
    size_t row = (size_t)s->high + 1;
    self->rows = tal_alloc_zero((size_t)(GROUPS + 1) * 4 * row * sizeof(double));
    self->walks = tal_alloc_zero((size_t)tal_team_size(team) * sizeof(tal_walk *));
    tal_status status = self->rows == NULL || self->walks == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (int i = 0; i < tal_team_size(team) && status == TAL_OK; i++) {
        status = tal_walk_create(&self->walks[i]);
        self->walk_count += status == TAL_OK;
    }
    return status;
}

static void destroy(simulation *self)
{
    for (int i = 0; i < self->walk_count; i++)
        tal_walk_destroy(self->walks[i]);
    tal_free(self->walks);
    tal_free(self->rows);
}

static void take_rows(const simulation *self, int number, tal_walk_sums *sums)
{
    size_t row = (size_t)self->scoring->high + 1;
    double *rows = self->rows + (size_t)number * 4 * row;
    *sums = (tal_walk_sums){rows, rows + row, rows + 2 * row, rows + 3 * row, 0, 0, 0, 0, 0};
    for (size_t i = 0; i < 4 * row; i++)
        rows[i] = 0.0;
}

static void start(simulation *self, uint64_t seed, int level_drop)
{
    for (int group = 0; group < GROUPS; group++)
        take_rows(self, group, &self->groups[group]);
    self->first = 0;
    self->seed = seed;
    self->aim.level_drop = level_drop;
}

/* Joined alignments are alignments, so that the mean of global scores is superadditive in the
 * length: where it is positive at one length, scores grow with the length without end. */
static bool is_linear(simulation *self)
{
    int64_t sum = 0;
    for (uint64_t i = 0; i < UNRELATED_PAIRS; i++)
        sum += tal_walk_unrelated(self->walks[0], &self->scoring->model, UNRELATED_LEN, SEED, i);
    return sum > 0;
}

static tal_status fail_linear(const tal_matrix *matrix, tal_gaps gaps, bool is_near)
{
    return tal_fail(
        TAL_ERR_CONFIG,
        "no E-values for '%s' with gap open/extend costs %d/%d: gaps are so cheap that "
        "scores of unrelated sequences grow with their lengths (the linear phase)%s; raise "
        "the gap costs, or give --min-score",
        matrix->name, gaps.open, gaps.extend,
        is_near ? ", or nearly so that lambda cannot be told" : "");
}

static bool has_failed(const tal_walk_sums *sums)
{
    return (double)sums->failures > failures_max * (double)sums->samples;
}

static double rounded(double value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%.4e", value);
    return strtod(text, NULL);
}

static double at_least(double value, double least)
{
    return value < least ? least : value;
}

/* The parameters as given, from those of the scoring without divisor. */
static void fill_stats(const scoring *s, tal_gaps gaps, const estimate *e, tal_stats *out_stats)
{
    double gap = 2.0 * (gaps.open + gaps.extend);
    double a = rounded(at_least(e->a / s->divisor, s->a));
    double alpha = rounded(at_least(e->alpha / s->divisor, s->alpha));
    double sigma = rounded(at_least(e->sigma / s->divisor, s->alpha));
    double lambda = rounded(e->lambda / s->divisor);
    *out_stats = (tal_stats){
        .is_known = true,
        .is_computed = true,
        .has_gumbel = true,
        .lambda_ungapped = rounded(s->ungapped.lambda),
        .k_ungapped = rounded(s->ungapped.k),
        .lambda = lambda,
        .k = rounded(e->k),
        .h = rounded(lambda / a),
        .alpha_a = a,
        .a = a,
        .b = rounded(gap * (s->a - a)),
        .alpha = alpha,
        .beta = rounded(gap * (s->alpha - alpha)),
        .sigma = sigma,
        .tau = rounded(gap * (s->alpha - sigma)),
    };
    out_stats->beta_b = out_stats->b;
}

static tal_status simulate(tal_team *team, simulation *self, const tal_matrix *matrix,
                           tal_gaps gaps, tal_stats *out_stats, tal_gumbel_cost *out_cost)
{
    const scoring *s = self->scoring;
    double unit = 1 / (s->ungapped.lambda * s->divisor);
    tal_walk_sums all;
    take_rows(self, GROUPS, &all);
    if (is_linear(self))
        return fail_linear(matrix, gaps, false);
    start(self, SEED_PILOT, (int)(drop * unit) + 1);
    tal_status status = run_round(team, self, PILOT_SAMPLES);
    if (status != TAL_OK)
        return status;
    add_groups(self, &all);
    double lambda =
        all.weight[s->high] > 0 ? estimate_from(s, &all, (double)all.samples).lambda : 0;
    *out_cost = (tal_gumbel_cost){all.samples, all.cells};
    if (has_failed(&all) || !(lambda * unit > lambda_share_least))
        return fail_linear(matrix, gaps, true);

    start(self, SEED, (int)(drop / lambda) + 1);
    estimate e;
    double error = 0.0;
    double error_k = 0.0;
    for (int round = 1;; round++) {
        status = run_round(team, self, ROUND_SAMPLES);
        if (status != TAL_OK)
            return status;
        add_groups(self, &all);
        e = estimate_from(s, &all, (double)all.samples);
        find_errors(self, &all, &e, &error, &error_k);
        bool is_done = error <= TAL_GUMBEL_ERROR && error_k <= TAL_GUMBEL_ERROR_K;
        if ((round >= ROUNDS_MIN && is_done) || all.cells >= TAL_GUMBEL_CELLS || has_failed(&all))
            break;
    }
    out_cost->samples += all.samples;
    out_cost->cells += all.cells;
    if (has_failed(&all) || !(error <= TAL_GUMBEL_ERROR_MAX) || !(e.lambda > 0))
        return fail_linear(matrix, gaps, true);
    fill_stats(s, gaps, &e, out_stats);
    out_stats->lambda_error = rounded(error);
    out_stats->k_error = rounded(error_k);
    return TAL_OK;
}

tal_status tal_gumbel_find(tal_team *team, const tal_matrix *matrix, tal_gaps gaps,
                           tal_stats *out_stats, tal_gumbel_cost *out_cost)
{
    scoring s = {.divisor = 1};
    simulation self = {0};
    tal_status status = prepare(&s, matrix, gaps);
    if (status == TAL_OK)
        status = create(team, &s, &self);
    if (status == TAL_OK)
        status = simulate(team, &self, matrix, gaps, out_stats, out_cost);
    destroy(&self);
    return status;
}
