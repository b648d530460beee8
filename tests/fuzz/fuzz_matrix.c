/* Any bytes as a matrix file: no crash, and a matrix that was read keeps its contract. */
#include "base/check.h"
#include "base/status.h"
#include "score/matrix.h"
#include "score/stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void matrix_check(const tal_matrix *matrix, tal_alphabet alphabet)
{
    int count = alphabet == TAL_PROTEIN ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
    TAL_ASSERT(matrix->alphabet == alphabet);
    TAL_ASSERT(matrix->score_max > 0);
    for (int i = 0; i < TAL_CODE_COUNT; i++) {
        for (int j = 0; j < TAL_CODE_COUNT; j++) {
            int score = matrix->score[i][j];
            if (i >= count || j >= count) {
                TAL_ASSERT(score == TAL_PAD_SCORE);
            } else {
                TAL_ASSERT(score >= matrix->score_min);
                TAL_ASSERT(score <= matrix->score_max);
            }
        }
    }
    TAL_ASSERT(matrix->score_min >= TAL_SCORE_MIN);
    TAL_ASSERT(matrix->score_max <= TAL_SCORE_MAX);
    tal_gaps gaps = tal_gaps_default(matrix);
    TAL_ASSERT(tal_gaps_check(&gaps) == TAL_OK);
    tal_stats stats;
    (void)tal_stats_look_up(matrix, gaps, &stats); /* Either answer is right. */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    tal_alphabet alphabet = data[0] % 2 == 0 ? TAL_PROTEIN : TAL_NUCLEOTIDE;
    tal_matrix matrix;
    tal_status status =
        tal_matrix_parse("fuzzed", (const char *)data + 1, bytes - 1, alphabet, &matrix);
    TAL_ASSERT((status == TAL_OK) == (tal_status_message()[0] == '\0'));
    if (status == TAL_OK)
        matrix_check(&matrix, alphabet);
    tal_status_clear();
    return 0;
}
