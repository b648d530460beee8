/* The specification of the rival kernel; see rival.h. */
#include "kernels/rival_level.h"
#include "kernels/rival_register.h"

static int32_t saturate(int32_t value)
{
    value = value < INT8_MIN ? INT8_MIN : value;
    return value > INT8_MAX ? INT8_MAX : value;
}

static int32_t rival(const tal_rival_job *job)
{
    int8_t lead[TAL_RIVAL_LANE_MAX];
    rival_level at = rival_level_begin();
    int32_t most = -1;
    for (int32_t w = 0; w < job->lane_count; w++)
        lead[w] = INT8_MIN;
    for (int32_t i = 0; i < job->row_count; i++) {
        const int8_t *scores = job->profile + (ptrdiff_t)i * TAL_PROFILE_STRIDE;
        const rival_row row = rival_level_step(job, i, &at);
        if (row.jump >= TAL_RIVAL_LEAD_MAX)
            return INT32_MAX;
        int32_t largest = -1;
        for (int32_t w = 0; w < job->lane_count; w++) {
            int32_t from = lead[w] > row.jump ? lead[w] : row.jump;
            if (w != job->own && row.fresh > from)
                from = row.fresh;
            int32_t gain = saturate(scores[job->letters[i + w]] - row.rise);
            lead[w] = (int8_t)saturate(from + gain);
            largest = lead[w] > largest ? lead[w] : largest;
        }
        if (largest >= TAL_RIVAL_LEAD_MAX)
            return INT32_MAX;
        if (largest < 0)
            continue;
        at.best = at.level + largest;
        most = at.best > most ? at.best : most;
    }
    return most;
}

void tal_rival_register_scalar(tal_kernel_table *table)
{
    table->rival = rival;
}
