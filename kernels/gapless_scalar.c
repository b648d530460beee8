/* The specification of the gapless kernel: every diagonal, one lane after the other. */
#include "kernels/gapless.h"

static int32_t clamp(int32_t cell)
{
    if (cell < 0)
        return 0;
    return cell < TAL_GAPLESS_SCORE_MAX ? cell : TAL_GAPLESS_SCORE_MAX;
}

/* The best of one lane; h keeps the cells of one column. */
static int32_t score_lane(const tal_score_job *job, int lane)
{
    int32_t *h = job->scratch;
    int32_t best = 0;
    for (int32_t row = 0; row < job->query_len; row++)
        h[row] = 0;
    for (int32_t column = 0; column < job->lane_len[lane]; column++) {
        uint8_t letter = job->letters[(size_t)column * TAL_BATCH_LANES + (size_t)lane];
        int32_t diagonal = 0;
        for (int32_t row = 0; row < job->query_len; row++) {
            int32_t cell =
                clamp(diagonal + job->profile[(size_t)row * TAL_PROFILE_STRIDE + letter]);
            diagonal = h[row];
            h[row] = cell;
            bool is_counted = row % 2 == 1 || row == job->query_len - 1;
            best = is_counted && cell > best ? cell : best;
        }
    }
    return best;
}

static void gapless_local(const tal_score_job *job)
{
    for (int lane = 0; lane < job->lane_count; lane++)
        job->scores[lane] = score_lane(job, lane);
}

void tal_kernels_register_gapless_scalar(tal_kernel_table *table)
{
    table->gapless = gapless_local;
}
