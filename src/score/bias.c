/* Local composition bias of queries; see bias.h. */
#include "score/bias.h"

#include "score/composition.h"

enum { REACH = 20, LETTERS = TAL_COMPOSITION_LETTERS };

/* a / b, b > 0, to the nearest whole number, halves away from 0. */
static int64_t divide(int64_t a, int64_t b)
{
    int64_t magnitude = ((a < 0 ? -a : a) + b / 2) / b;
    return a < 0 ? -magnitude : magnitude;
}

void tal_bias_find(const tal_matrix *matrix, const uint8_t *codes, size_t len, int8_t *out_bias)
{
    int64_t counts[TAL_CODE_COUNT] = {0}; /* of the window [i - REACH, i + REACH] */
    int64_t neighbours = 0;
    const uint32_t *average = tal_composition_average();
    for (size_t i = 0; i < len && i < REACH; i++)
        counts[codes[i]]++;
    for (size_t i = 0; i < len; i++) {
        if (i + REACH < len)
            counts[codes[i + REACH]]++;
        if (i > REACH)
            counts[codes[i - REACH - 1]]--;
        out_bias[i] = 0;
        neighbours = -1;
        for (int a = 0; a < LETTERS; a++)
            neighbours += counts[a];
        if (codes[i] >= LETTERS || neighbours < 1)
            continue;
        const int8_t *scores = matrix->score[codes[i]];
        int64_t around = -(int64_t)scores[codes[i]];
        int64_t expected = 0; /* times TAL_COMPOSITION_AVERAGE_SUM */
        for (int a = 0; a < LETTERS; a++) {
            around += counts[a] * scores[a];
            expected += (int64_t)average[a] * scores[a];
        }
        int64_t bias = divide(expected * neighbours - around * TAL_COMPOSITION_AVERAGE_SUM,
                              neighbours * TAL_COMPOSITION_AVERAGE_SUM);
        bias = bias > TAL_BIAS_MAX ? TAL_BIAS_MAX : bias;
        out_bias[i] = (int8_t)(bias < -TAL_BIAS_MAX ? -TAL_BIAS_MAX : bias);
    }
}

void tal_bias_apply(const int8_t *bias, size_t len, int8_t *profile)
{
    for (size_t i = 0; i < len; i++)
        for (int code = 0; code < TAL_PROTEIN_LETTER_COUNT; code++) {
            int8_t *cell = profile + i * TAL_CODE_COUNT + code;
            int score = *cell + bias[i];
            score = score > TAL_SCORE_MAX ? TAL_SCORE_MAX : score;
            *cell = (int8_t)(score < TAL_SCORE_MIN ? TAL_SCORE_MIN : score);
        }
}
