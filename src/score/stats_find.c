/* Which parameters belong to a matrix and gap costs; see stats.h.
 *
 * Match/mismatch pairs with a common divisor are the pair without it on a coarser scale, as BLASTN
 * has it: gap costs times, lambda and alpha divided by the divisor. Gap costs from a threshold on
 * are so high that ungapped parameters hold (karlin.c).
 */
#include "score/stats.h"

#include "score/karlin.h"
#include "score/matrix_internal.h"
#include "score/stats_tables.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

tal_status tal_gaps_check(const tal_gaps *gaps)
{
    if (gaps->open < 0 || gaps->open > TAL_GAP_MAX)
        return tal_fail(TAL_ERR_CONFIG, "gap open cost %d: must be 0 to %d", gaps->open,
                        TAL_GAP_MAX);
    if (gaps->extend < 0 || gaps->extend > TAL_GAP_MAX)
        return tal_fail(TAL_ERR_CONFIG, "gap extend cost %d: must be 0 to %d", gaps->extend,
                        TAL_GAP_MAX);
    if (gaps->open + gaps->extend < 1)
        return tal_fail(TAL_ERR_CONFIG, "gap costs 0, 0: a gap must cost something; raise open or "
                                        "extend");
    return TAL_OK;
}

static int divisor_find(int a, int b)
{
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The rows of a nucleotide matrix and its scale; NULL when there are none. */
static const tal_nucleotide_rows *nucleotide_find(const tal_matrix *matrix, int *out_divisor)
{
    if (matrix->alphabet != TAL_NUCLEOTIDE || matrix->match <= 0 || matrix->mismatch >= 0)
        return NULL;
    int divisor = divisor_find(matrix->match, -matrix->mismatch);
    for (int i = 0; i < TAL_NUCLEOTIDE_TABLE_COUNT; i++) {
        const tal_nucleotide_rows *rows = &tal_nucleotide_tables[i];
        if (rows->match * divisor == matrix->match &&
            rows->mismatch * divisor == matrix->mismatch) {
            *out_divisor = divisor;
            return rows;
        }
    }
    return NULL;
}

/* Linear costs: every gap letter costs half a match and a mismatch. */
static bool is_linear(const tal_matrix *matrix, tal_gaps gaps)
{
    return gaps.open == 0 && 2 * gaps.extend == matrix->match - 2 * matrix->mismatch;
}

static bool nucleotide_look_up(const tal_matrix *matrix, tal_gaps gaps, tal_stats *out_stats)
{
    int divisor = 1;
    const tal_nucleotide_rows *rows = nucleotide_find(matrix, &divisor);
    if (rows == NULL)
        return false;
    out_stats->is_score_even = rows->is_score_even;
    tal_karlin karlin = tal_karlin_match_mismatch(rows->match, rows->mismatch);
    out_stats->lambda_ungapped = karlin.lambda / divisor;
    out_stats->k_ungapped = karlin.k;
    for (int i = 0; i < rows->count; i++) {
        const tal_nucleotide_row *row = &rows->rows[i];
        bool is_row_linear = row->open == 0 && row->extend == 0;
        bool is_same = gaps.open == row->open * divisor && gaps.extend == row->extend * divisor;
        if (is_row_linear ? !is_linear(matrix, gaps) : !is_same)
            continue;
        out_stats->lambda = row->lambda / divisor;
        out_stats->k = row->k;
        out_stats->h = row->h;
        out_stats->alpha_a = row->alpha / divisor;
        out_stats->beta_b = row->beta;
        return true;
    }
    if (gaps.open < rows->open_max * divisor || gaps.extend < rows->extend_max * divisor)
        return false;
    out_stats->lambda = karlin.lambda / divisor;
    out_stats->k = karlin.k;
    out_stats->h = karlin.h;
    out_stats->alpha_a = out_stats->lambda / karlin.h;
    /* BLASTN's beta of ungapped alignments, for the pairs as given. */
    bool has_beta = (matrix->match == 1 && matrix->mismatch == -1) ||
                    (matrix->match == 2 && matrix->mismatch == -3);
    out_stats->beta_b = has_beta ? -2 : 0;
    return true;
}

static bool protein_look_up(const tal_matrix *matrix, tal_gaps gaps, tal_stats *out_stats)
{
    int index = tal_matrix_table_find(matrix);
    if (index < 0)
        return false;
    const tal_protein_rows *rows = &tal_protein_tables[index];
    const tal_protein_row *ungapped = &rows->rows[0];
    for (int i = 1; i < rows->count; i++) {
        const tal_protein_row *row = &rows->rows[i];
        if (gaps.open != row->open || gaps.extend != row->extend)
            continue;
        double gap = 2.0 * (gaps.open + gaps.extend);
        out_stats->has_gumbel = true;
        out_stats->lambda_ungapped = ungapped->lambda;
        out_stats->k_ungapped = ungapped->k;
        out_stats->lambda = row->lambda;
        out_stats->k = row->k;
        out_stats->h = row->h;
        out_stats->alpha_a = row->alpha;
        out_stats->beta_b = row->beta;
        out_stats->a = row->alpha;
        out_stats->b = gap * (ungapped->alpha - row->alpha);
        out_stats->alpha = row->alpha_variance;
        out_stats->beta = gap * (ungapped->alpha_variance - row->alpha_variance);
        out_stats->sigma = row->sigma;
        out_stats->tau = gap * (ungapped->alpha_variance - row->sigma);
        return true;
    }
    return false;
}

bool tal_stats_look_up(const tal_matrix *matrix, tal_gaps gaps, tal_stats *out_stats)
{
    tal_stats stats = {0};
    bool is_known = matrix->alphabet == TAL_PROTEIN ? protein_look_up(matrix, gaps, &stats)
                                                    : nucleotide_look_up(matrix, gaps, &stats);
    *out_stats = is_known ? stats : (tal_stats){0};
    out_stats->is_known = is_known;
    return is_known;
}

tal_gaps tal_gaps_default(const tal_matrix *matrix)
{
    tal_gaps gaps = {11, 1};
    if (matrix->alphabet == TAL_PROTEIN) {
        int index = tal_matrix_table_find(matrix);
        return index < 0 ? gaps : tal_protein_tables[index].preferred;
    }
    int divisor = 1;
    const tal_nucleotide_rows *rows = nucleotide_find(matrix, &divisor);
    if (rows == NULL) {
        int match = matrix->match > 0 ? matrix->match : matrix->score_max;
        return (tal_gaps){(5 * match + 1) / 2, match};
    }
    tal_stats stats;
    gaps = (tal_gaps){5 * divisor, 2 * divisor};
    if (tal_stats_look_up(matrix, gaps, &stats))
        return gaps;
    const tal_nucleotide_row *first = &rows->rows[0];
    if (first->open == 0 && first->extend == 0)
        first++;
    return (tal_gaps){first->open * divisor, first->extend * divisor};
}

/* Text being written; what does not fit is cut off. */
typedef struct writer {
    char *text;
    size_t bytes, used;
} writer;

static void writer_add(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void writer_add(writer *w, const char *format, ...)
{
    if (w->used >= w->bytes)
        return;
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(w->text + w->used, w->bytes - w->used, format, arguments);
    va_end(arguments);
    w->used += count > 0 ? (size_t)count : 0;
}

static void nucleotide_describe(const tal_matrix *matrix, writer *w)
{
    int divisor = 1;
    const tal_nucleotide_rows *rows = nucleotide_find(matrix, &divisor);
    if (rows == NULL)
        return;
    int linear = matrix->match - 2 * matrix->mismatch;
    for (int i = 0; i < rows->count; i++) {
        const tal_nucleotide_row *row = &rows->rows[i];
        if (row->open != 0 || row->extend != 0)
            writer_add(w, "%d/%d, ", row->open * divisor, row->extend * divisor);
        else if (linear % 2 == 0)
            writer_add(w, "0/%d, ", linear / 2);
    }
    writer_add(w, "or open >= %d with extend >= %d", rows->open_max * divisor,
               rows->extend_max * divisor);
}

static void protein_describe(const tal_matrix *matrix, writer *w)
{
    int index = tal_matrix_table_find(matrix);
    for (int i = 1; index >= 0 && i < tal_protein_tables[index].count; i++) {
        const tal_protein_row *row = &tal_protein_tables[index].rows[i];
        writer_add(w, "%s%d/%d", i == 1 ? "" : ", ", row->open, row->extend);
    }
}

void tal_stats_describe(const tal_matrix *matrix, char *out_text, size_t bytes)
{
    writer w = {.text = out_text, .bytes = bytes};
    writer_add(&w, "%s", ""); /* Ends the text. */
    if (matrix == NULL) {
        writer_add(&w, "%s; match/mismatch", tal_matrix_names());
        for (int i = 0; i < TAL_NUCLEOTIDE_TABLE_COUNT; i++)
            writer_add(&w, " %d/%d", tal_nucleotide_tables[i].match,
                       tal_nucleotide_tables[i].mismatch);
        writer_add(&w, " and their multiples");
    } else if (matrix->alphabet == TAL_PROTEIN) {
        protein_describe(matrix, &w);
    } else {
        nucleotide_describe(matrix, &w);
    }
}

tal_status tal_stats_find(const tal_matrix *matrix, tal_gaps gaps, tal_stats *out_stats)
{
    tal_stats stats;
    if (tal_stats_look_up(matrix, gaps, &stats)) {
        *out_stats = stats;
        return TAL_OK;
    }
    char known[1536];
    tal_stats_describe(matrix, known, sizeof(known));
    if (known[0] != '\0')
        return tal_fail(TAL_ERR_CONFIG,
                        "no E-values are known for '%s' with gap open/extend costs %d/%d: use one "
                        "of %s, or give --min-score",
                        matrix->name, gaps.open, gaps.extend, known);
    tal_stats_describe(NULL, known, sizeof(known));
    return tal_fail(TAL_ERR_CONFIG,
                    "no E-values are known for matrix '%s': give --min-score, or use one of %s",
                    matrix->name, known);
}
