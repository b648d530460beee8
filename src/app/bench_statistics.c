/* talaria bench statistics: what simulation gives for scorings whose statistics are published. */
#include "app/bench.h"
#include "app/team_setup.h"
#include "base/clock.h"
#include "score/gumbel.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A matrix, or match and mismatch, and gap costs: of what is published the defaults, and for
 * BLOSUM62 from costs that nearly forbid gaps to the lowest. */
static const struct {
    const char *matrix;
    int match, mismatch;
    tal_gaps gaps;
} scorings[] = {
    {"BLOSUM45", 0, 0, {14, 2}}, {"BLOSUM50", 0, 0, {13, 2}}, {"BLOSUM62", 0, 0, {11, 2}},
    {"BLOSUM62", 0, 0, {9, 2}},  {"BLOSUM62", 0, 0, {13, 1}}, {"BLOSUM62", 0, 0, {11, 1}},
    {"BLOSUM62", 0, 0, {9, 1}},  {"BLOSUM80", 0, 0, {10, 1}}, {"BLOSUM90", 0, 0, {10, 1}},
    {"PAM30", 0, 0, {9, 1}},     {"PAM70", 0, 0, {10, 1}},    {"PAM250", 0, 0, {14, 2}},
    {NULL, 1, -3, {2, 1}},       {NULL, 1, -2, {2, 2}},       {NULL, 2, -3, {5, 2}},
    {NULL, 1, -1, {3, 1}},       {NULL, 4, -5, {6, 5}},       {NULL, 5, -4, {10, 6}},
};

static tal_status load(size_t i, tal_matrix *out_matrix)
{
    return scorings[i].matrix != NULL
               ? tal_matrix_load(scorings[i].matrix, TAL_PROTEIN, out_matrix)
               : tal_matrix_match_mismatch(scorings[i].match, scorings[i].mismatch, out_matrix);
}

/* Whether --scoring names it, or nothing. */
static bool is_wanted(const tal_run *run, const tal_matrix *matrix)
{
    int count = tal_run_text_count(run, "scoring");
    bool is_named = count == 0;
    for (int i = 0; i < count && !is_named; i++)
        is_named = strcmp(tal_run_text_at(run, "scoring", i), matrix->name) == 0;
    return is_named;
}

static tal_status measure(tal_team *team, const tal_matrix *matrix, tal_gaps gaps,
                          tal_buffer *table, tal_buffer *csv)
{
    tal_stats published;
    tal_stats own;
    tal_gumbel_cost cost;
    tal_status status = tal_stats_find(matrix, gaps, &published);
    uint64_t start = tal_clock_ns();
    if (status == TAL_OK)
        status = tal_gumbel_find(team, matrix, gaps, &own, &cost);
    double seconds = (double)(tal_clock_ns() - start) * 1e-9;
    double a = published.has_gumbel ? published.a : published.alpha_a;
    double lambda_off = 100 * (own.lambda / published.lambda - 1);
    double k_off = 100 * (own.k / published.k - 1);
    if (status == TAL_OK)
        status = tal_buffer_printf(table,
                                   "  %-20s %2d %2d  %7.4f %7.4f %+6.2f %6.2f  %7.4f %7.4f %+6.1f "
                                   "%6.1f  %5.2f %5.2f %7.1f\n",
                                   matrix->name, gaps.open, gaps.extend, published.lambda,
                                   own.lambda, lambda_off, 100 * own.lambda_error, published.k,
                                   own.k, k_off, 100 * own.k_error, a, own.a, seconds);
    if (status == TAL_OK)
        status = tal_buffer_printf(csv, "%s,%d,%d,%g,%g,%g,%g,%g,%g,%g,%g,%" PRIu64 ",%.2f\n",
                                   matrix->name, gaps.open, gaps.extend, published.lambda,
                                   own.lambda, own.lambda_error, published.k, own.k, own.k_error, a,
                                   own.a, cost.samples, seconds);
    return status;
}

tal_status tal_bench_statistics(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    tal_team *team = NULL;
    tal_status status = tal_team_setup(run, &team);
    if (status == TAL_OK)
        status = tal_buffer_printf(table,
                                   "Statistics by simulation beside published ones; off by, and "
                                   "standard error, in percent\n"
                                   "  %-20s %5s  %7s %7s %6s %6s  %7s %7s %6s %6s  %5s %5s %7s\n",
                                   "scoring", "gaps", "lambda", "own", "off", "error", "K", "own",
                                   "off", "error", "a", "own", "seconds");
    if (status == TAL_OK)
        status = tal_buffer_append_text(csv, "scoring,gap_open,gap_extend,lambda,own_lambda,"
                                             "lambda_error,k,own_k,k_error,a,own_a,samples,"
                                             "seconds\n");
    size_t measured_count = 0;
    for (size_t i = 0; i < sizeof(scorings) / sizeof(scorings[0]) && status == TAL_OK; i++) {
        tal_matrix matrix;
        status = load(i, &matrix);
        if (status != TAL_OK || !is_wanted(run, &matrix))
            continue;
        measured_count++;
        status = measure(team, &matrix, scorings[i].gaps, table, csv);
    }
    if (status == TAL_OK && measured_count == 0)
        status = tal_fail(TAL_ERR_USAGE,
                          "no published scoring is called '%.80s'; bench statistics "
                          "without --scoring shows all",
                          tal_run_text_at(run, "scoring", 0));
    tal_team_destroy(team);
    return status;
}
