/* The specification of all score kernels: Gotoh's recurrence, one lane after the other, in 32 bit.
 *
 * Narrow widths are the same numbers with a limit: a lane whose largest cell passes what the width
 * could hold is flagged. See contract.h for the recurrence, the borders and the limits.
 * Source: O. Gotoh, An improved algorithm for matching biological sequences, J. Mol. Biol. 162
 * (1982).
 */
#include "kernels/score.h"

/* H(row, 0) and H(0, column): the cost of a gap from the corner, or nothing where it is free. */
static int32_t border(const tal_score_job *job, bool is_free, int32_t len)
{
    return is_free || len == 0 ? 0 : -(job->gap_open + len * job->gap_extend);
}

static int32_t max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* One more column: h and e go from H(., column) and E(., column + 1) to those of the next column.
 * Returns the largest H of the column. */
static int32_t advance_column(const tal_score_job *job, tal_mode mode, int32_t column,
                              uint8_t letter, int32_t *h, int32_t *e)
{
    int32_t diagonal = border(job, mode != TAL_GLOBAL, column);
    int32_t f = border(job, mode != TAL_GLOBAL, column + 1) - job->gap_open - job->gap_extend;
    int32_t peak = INT32_MIN;
    for (int32_t row = 0; row < job->query_len; row++) {
        int32_t cell = diagonal + job->profile[(size_t)row * TAL_PROFILE_STRIDE + letter];
        cell = max(cell, e[row]);
        if (mode == TAL_LOCAL)
            cell = max(cell, 0);
        cell = max(cell, f);
        diagonal = h[row];
        h[row] = cell;
        int32_t opened = cell - job->gap_open - job->gap_extend;
        e[row] = max(e[row] - job->gap_extend, opened);
        f = max(f - job->gap_extend, opened);
        peak = max(peak, cell);
    }
    return peak;
}

/* The score of one lane; *out_peak is its largest cell. */
static int32_t score_lane(const tal_score_job *job, tal_mode mode, int lane, int32_t *out_peak)
{
    int32_t *h = job->scratch;
    int32_t *e = h + job->query_len;
    for (int32_t row = 0; row < job->query_len; row++) {
        h[row] = border(job, mode == TAL_LOCAL, row + 1);
        e[row] = h[row] - job->gap_open - job->gap_extend;
    }
    int32_t last = job->query_len - 1;
    int32_t end_best = h[last];
    int32_t peak = 0;
    for (int32_t column = 0; column < job->lane_len[lane]; column++) {
        uint8_t letter = job->letters[(size_t)column * TAL_BATCH_LANES + (size_t)lane];
        peak = max(peak, advance_column(job, mode, column, letter, h, e));
        end_best = max(end_best, h[last]);
    }
    *out_peak = peak;
    if (mode == TAL_LOCAL)
        return peak;
    return mode == TAL_GLOBAL ? h[last] : end_best;
}

static uint64_t score_batch(const tal_score_job *job, tal_mode mode, int32_t limit)
{
    uint64_t flagged = 0;
    for (int lane = 0; lane < job->lane_count; lane++) {
        int32_t peak;
        job->scores[lane] = score_lane(job, mode, lane, &peak);
        if (peak > limit)
            flagged |= UINT64_C(1) << lane;
    }
    return flagged;
}

static uint64_t score_local_8(const tal_score_job *job)
{
    return score_batch(job, TAL_LOCAL, 254);
}

static uint64_t score_local_16(const tal_score_job *job)
{
    return score_batch(job, TAL_LOCAL, 65534);
}

static uint64_t score_local_32(const tal_score_job *job)
{
    return score_batch(job, TAL_LOCAL, INT32_MAX);
}

static uint64_t score_global_16(const tal_score_job *job)
{
    return score_batch(job, TAL_GLOBAL, 32766);
}

static uint64_t score_global_32(const tal_score_job *job)
{
    return score_batch(job, TAL_GLOBAL, INT32_MAX);
}

static uint64_t score_semiglobal_16(const tal_score_job *job)
{
    return score_batch(job, TAL_SEMIGLOBAL, 32766);
}

static uint64_t score_semiglobal_32(const tal_score_job *job)
{
    return score_batch(job, TAL_SEMIGLOBAL, INT32_MAX);
}

void tal_kernels_register_scalar(tal_kernel_table *table)
{
    table->score[TAL_LOCAL][TAL_WIDTH_8] = score_local_8;
    table->score[TAL_LOCAL][TAL_WIDTH_16] = score_local_16;
    table->score[TAL_LOCAL][TAL_WIDTH_32] = score_local_32;
    table->score[TAL_GLOBAL][TAL_WIDTH_16] = score_global_16;
    table->score[TAL_GLOBAL][TAL_WIDTH_32] = score_global_32;
    table->score[TAL_SEMIGLOBAL][TAL_WIDTH_16] = score_semiglobal_16;
    table->score[TAL_SEMIGLOBAL][TAL_WIDTH_32] = score_semiglobal_32;
}
