/* Substitution models. */
#include "harness.h"

#include "sim/model.h"

#include <math.h>
#include <string.h>

const char test_suite_name[] = "sim/model";

static void rates_are_scaled_and_rows_sum_to_zero(void)
{
    for (int alphabet = 0; alphabet < TAL_ALPHABET_COUNT; alphabet++) {
        tal_model model;
        tal_model_init(&model, (tal_alphabet)alphabet);
        double frequencies = 0.0;
        double mean = 0.0;
        for (uint32_t i = 0; i < model.state_count; i++) {
            double row = 0.0;
            for (uint32_t j = 0; j < model.state_count; j++)
                row += model.rate[i][j];
            CU_ASSERT(fabs(row) < 1e-12);
            CU_ASSERT(-model.rate[i][i] <= model.event_rate);
            frequencies += model.frequency[i];
            mean -= model.frequency[i] * model.rate[i][i];
        }
        CU_ASSERT(fabs(frequencies - 1.0) < 1e-12);
        CU_ASSERT(fabs(mean - 1.0) < 1e-12);
    }
}

static void models_are_reversible(void)
{
    for (int alphabet = 0; alphabet < TAL_ALPHABET_COUNT; alphabet++) {
        tal_model model;
        tal_model_init(&model, (tal_alphabet)alphabet);
        for (uint32_t i = 0; i < model.state_count; i++)
            for (uint32_t j = 0; j < model.state_count; j++)
                CU_ASSERT(fabs(model.frequency[i] * model.rate[i][j] -
                               model.frequency[j] * model.rate[j][i]) < 1e-15);
    }
}

/* LG is published with a mean rate of one: a slip in any of its 210 figures would show, and the
 * places of some of the largest and smallest ones are known. */
static void protein_model_has_the_published_figures(void)
{
    tal_model model;
    tal_model_init(&model, TAL_PROTEIN);
    const char *letters = tal_alphabet_letters(TAL_PROTEIN);
    static const struct {
        char from, to;
        double exchangeability, frequency;
    } known[] = {
        {'I', 'V', 10.649107, 0.069147}, {'F', 'Y', 7.803902, 0.034155},
        {'E', 'C', 0.003499, 0.012937},  {'R', 'K', 6.326067, 0.064600},
        {'A', 'R', 0.425093, 0.055941},  {'D', 'N', 5.076149, 0.041977},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t from = (size_t)(strchr(letters, known[i].from) - letters);
        size_t to = (size_t)(strchr(letters, known[i].to) - letters);
        double expected = known[i].exchangeability * known[i].frequency;
        CU_ASSERT(fabs(model.rate[from][to] / expected - 1.0) < 1e-5);
    }
}

static void nucleotide_model_prefers_transitions_by_kappa(void)
{
    tal_model model;
    tal_model_init(&model, TAL_NUCLEOTIDE);
    enum { A, C, G, T };
    CU_ASSERT(fabs(model.rate[A][G] / model.rate[A][C] - 3.0) < 1e-12);
    CU_ASSERT(fabs(model.rate[T][C] / model.rate[T][G] - 3.0) < 1e-12);
    CU_ASSERT(fabs(model.rate[C][A] / model.rate[C][G] - 0.29 / 0.21) < 1e-12);
}

/* Counts of letters drawn from a table against their probabilities, by chi square. */
static double chi_square(const tal_letter_table *table, const double *probability, uint32_t count,
                         const char *letters)
{
    enum { DRAWS = 400000 };
    tal_random random;
    tal_random_init(&random, test_random(), 1, 0);
    double counts[128] = {0};
    for (int i = 0; i < DRAWS; i++)
        counts[(int)tal_model_draw(table, count, &random)]++;
    double sum = 0.0;
    double drawn = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        double expected = probability[i] * DRAWS;
        double difference = counts[(int)letters[i]] - expected;
        drawn += counts[(int)letters[i]];
        sum += expected > 0.0 ? difference * difference / expected : difference * 1e9;
    }
    CU_ASSERT(drawn == DRAWS);
    return sum;
}

static void tables_draw_letters_with_their_probabilities(void)
{
    for (int alphabet = 0; alphabet < TAL_ALPHABET_COUNT; alphabet++) {
        tal_model model;
        tal_model_init(&model, (tal_alphabet)alphabet);
        const char *letters = tal_alphabet_letters((tal_alphabet)alphabet);
        uint32_t count = model.state_count;
        /* 60 is beyond the 10^-5 quantile of 19 degrees of freedom. */
        CU_ASSERT(chi_square(&model.equilibrium, model.frequency, count, letters) < 60.0);
        for (uint32_t i = 0; i < count; i++) {
            double probability[TAL_MODEL_STATES_MAX];
            for (uint32_t j = 0; j < count; j++)
                probability[j] = (i == j) + model.rate[i][j] / model.event_rate;
            const tal_letter_table *next = &model.next[letters[i] & 31];
            CU_ASSERT(chi_square(next, probability, count, letters) < 60.0);
        }
    }
}

const test_case test_cases[] = {
    TEST_CASE(rates_are_scaled_and_rows_sum_to_zero),
    TEST_CASE(models_are_reversible),
    TEST_CASE(protein_model_has_the_published_figures),
    TEST_CASE(nucleotide_model_prefers_transitions_by_kappa),
    TEST_CASE(tables_draw_letters_with_their_probabilities),
    {0},
};
