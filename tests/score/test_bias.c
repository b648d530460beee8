/* Local composition bias. */
#include "harness.h"

#include "score/bias.h"
#include "score/composition.h"
#include "score/profile.h"

#include <math.h>

const char test_suite_name[] = "score/bias";

enum { LEN = 90, REACH = 20 };

static tal_matrix matrix;

/* The definition in floating point; out_is_near: too near to a half to tell. */
static int expected(const uint8_t *codes, int at, bool *out_is_near)
{
    double mean = 0.0;
    for (int a = 0; a < TAL_COMPOSITION_LETTERS; a++)
        mean += tal_composition_average()[a] / 1e5 * matrix.score[codes[at]][a];
    double sum = 0.0;
    int count = 0;
    for (int j = at - REACH; j <= at + REACH; j++) {
        if (j < 0 || j >= LEN || j == at || codes[j] >= TAL_COMPOSITION_LETTERS)
            continue;
        sum += matrix.score[codes[at]][codes[j]];
        count++;
    }
    double bias = count == 0 ? 0.0 : mean - sum / count;
    *out_is_near = fabs(fabs(bias - floor(bias)) - 0.5) < 1e-9;
    return (int)round(bias);
}

static void bias_is_its_definition(void)
{
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix), TAL_OK);
    for (int round = 0; round < 20; round++) {
        uint8_t codes[LEN];
        int8_t bias[LEN];
        for (int i = 0; i < LEN; i++)
            codes[i] = (uint8_t)(test_random_in(0, 9) < round / 2 ? 11 : test_random_in(0, 27));
        tal_bias_find(&matrix, codes, LEN, bias);
        for (int i = 0; i < LEN; i++) {
            bool is_near;
            int want = codes[i] < TAL_COMPOSITION_LETTERS ? expected(codes, i, &is_near) : 0;
            if (codes[i] < TAL_COMPOSITION_LETTERS && is_near)
                continue;
            CU_ASSERT_EQUAL(bias[i], want);
        }
    }
}

static void bias_moves_letters_and_leaves_pads(void)
{
    CU_ASSERT_EQUAL_FATAL(tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix), TAL_OK);
    const uint8_t codes[2] = {17, 0};
    const int8_t bias[2] = {-3, 2};
    _Alignas(64) int8_t profile[2 * TAL_CODE_COUNT];
    tal_profile_build(&matrix, codes, 2, profile);
    tal_bias_apply(bias, 2, profile);
    CU_ASSERT_EQUAL(profile[17], 11 - 3);
    CU_ASSERT_EQUAL(profile[TAL_CODE_COUNT], 4 + 2);
    CU_ASSERT_EQUAL(profile[TAL_CODE_PAD], TAL_PAD_SCORE);
    CU_ASSERT_EQUAL(profile[TAL_PROTEIN_LETTER_COUNT], matrix.score[17][TAL_PROTEIN_LETTER_COUNT]);
}

const test_case test_cases[] = {
    TEST_CASE(bias_is_its_definition),
    TEST_CASE(bias_moves_letters_and_leaves_pads),
    {0},
};
