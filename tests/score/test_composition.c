/* Scaling of lambda by composition. */
#include "harness.h"

#include "score/composition.h"

#include <math.h>
#include <string.h>

const char test_suite_name[] = "score/composition";

static tal_scaling scaling_of(const char *name)
{
    tal_matrix matrix;
    tal_scaling scaling;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load(name, TAL_PROTEIN, &matrix), TAL_OK);
    CU_ASSERT_TRUE_FATAL(tal_scaling_init(&matrix, &scaling));
    return scaling;
}

static tal_composition average(void)
{
    tal_composition composition;
    memcpy(composition.counts, tal_composition_average(), sizeof(composition.counts));
    return composition;
}

static void ungapped_lambdas_are_the_published_ones(void)
{
    static const struct {
        const char *name;
        double lambda;
    } rows[] = {{"BLOSUM62", 0.3176},
                {"BLOSUM45", 0.2291},
                {"BLOSUM80", 0.3430},
                {"PAM30", 0.3400},
                {"PAM250", 0.2252}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tal_scaling scaling = scaling_of(rows[i].name);
        CU_ASSERT_DOUBLE_EQUAL(tal_scaling_lambda(&scaling), rows[i].lambda, 6e-5);
    }
}

static void average_sequences_are_not_scaled(void)
{
    tal_scaling scaling = scaling_of("BLOSUM62");
    tal_composition a = average();
    tal_composition none = {{0}};
    CU_ASSERT_EQUAL(tal_scaling_ratio(&scaling, &a, &a), TAL_SCALING_UNIT);
    CU_ASSERT_EQUAL(tal_scaling_ratio(&scaling, &none, &a), TAL_SCALING_UNIT);
}

/* Half of both is alanine and lysine: sum p_i q_j exp(lambda s_ij) = 1 by another road. */
static void ratio_solves_the_equation_of_lambda(void)
{
    tal_scaling scaling = scaling_of("BLOSUM62");
    tal_composition a = average();
    for (int i = 0; i < TAL_COMPOSITION_LETTERS; i++)
        a.counts[i] /= 2;
    a.counts[0] += 8000;
    a.counts[11] += 8000;
    int32_t ratio = tal_scaling_ratio(&scaling, &a, &a);
    CU_ASSERT(ratio < TAL_SCALING_UNIT);
    CU_ASSERT(ratio > TAL_SCALING_MIN);
    double lambda = tal_scaling_lambda(&scaling) * ratio / TAL_SCALING_UNIT;
    double total = 0.0;
    double sum = 0.0;
    for (int i = 0; i < TAL_COMPOSITION_LETTERS; i++)
        for (int j = 0; j < TAL_COMPOSITION_LETTERS; j++) { /* Pseudocounts are too few to count. */
            double pairs = (double)a.counts[i] * a.counts[j];
            total += pairs;
            sum += pairs * exp(lambda * scaling.score[i][j]);
        }
    CU_ASSERT_DOUBLE_EQUAL(sum / total, 1.0, 1e-3);
}

static void ratio_has_a_floor_and_never_rises(void)
{
    tal_scaling scaling = scaling_of("BLOSUM62");
    tal_composition lysine = {{0}};
    tal_composition tryptophan = {{0}};
    lysine.counts[11] = 1000;
    tryptophan.counts[17] = 1000;
    CU_ASSERT_EQUAL(tal_scaling_ratio(&scaling, &lysine, &lysine), TAL_SCALING_MIN);
    CU_ASSERT_EQUAL(tal_scaling_ratio(&scaling, &lysine, &tryptophan), TAL_SCALING_UNIT);
}

static void short_sequences_are_scaled_less(void)
{
    tal_scaling scaling = scaling_of("BLOSUM62");
    int32_t before = TAL_SCALING_UNIT;
    for (uint32_t count = 1; count <= 64; count *= 4) {
        tal_composition serine = {{0}};
        serine.counts[15] = count;
        int32_t ratio = tal_scaling_ratio(&scaling, &serine, &serine);
        CU_ASSERT(ratio <= before);
        before = ratio;
    }
    CU_ASSERT(before < TAL_SCALING_UNIT);
}

static void composition_counts_amino_acids_alone(void)
{
    const uint8_t codes[] = {0, 0, 19, 23, TAL_PROTEIN_LETTER_COUNT, 5};
    tal_composition composition = tal_composition_of(codes, sizeof(codes));
    uint32_t sum = 0;
    for (int i = 0; i < TAL_COMPOSITION_LETTERS; i++)
        sum += composition.counts[i];
    CU_ASSERT_EQUAL(composition.counts[0], 2);
    CU_ASSERT_EQUAL(sum, 4);
}

static void matrices_without_lambda_are_refused(void)
{
    tal_matrix matrix;
    tal_scaling scaling;
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix), TAL_OK);
    for (int i = 0; i < TAL_COMPOSITION_LETTERS; i++)
        for (int j = 0; j < TAL_COMPOSITION_LETTERS; j++)
            matrix.score[i][j] = 1;
    CU_ASSERT_FALSE(tal_scaling_init(&matrix, &scaling));
}

const test_case test_cases[] = {
    TEST_CASE(ungapped_lambdas_are_the_published_ones),
    TEST_CASE(average_sequences_are_not_scaled),
    TEST_CASE(ratio_solves_the_equation_of_lambda),
    TEST_CASE(ratio_has_a_floor_and_never_rises),
    TEST_CASE(short_sequences_are_scaled_less),
    TEST_CASE(composition_counts_amino_acids_alone),
    TEST_CASE(matrices_without_lambda_are_refused),
    {0},
};
