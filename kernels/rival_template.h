/* The rival kernel for one instruction set; included by rival_ISA.c.
 *
 * Needs the 8-bit operations of a vec_*.h and vec8_is_negative (whether all bytes are). Lanes keep
 * their lead over K; in almost all rows none reaches it, so that a row costs a lookup and four
 * operations a vector.
 */
#include "kernels/rival_level.h"

enum { LANES = (int)sizeof(vec) };

static int32_t largest_of(const int8_t *lead, int32_t count)
{
    int8_t largest = INT8_MIN;
    for (int32_t w = 0; w < count; w++)
        largest = lead[w] > largest ? lead[w] : largest;
    return largest;
}

static int32_t rival(const tal_rival_job *job)
{
    _Alignas(64) int8_t lead[TAL_RIVAL_LANE_MAX];
    _Alignas(64) int8_t own[TAL_RIVAL_LANE_MAX]; /* added to fresh starts: none on the own lane */
    rival_level at = rival_level_begin();
    int32_t most = -1;
    for (int32_t w = 0; w < job->lane_count; w++) {
        lead[w] = INT8_MIN;
        own[w] = w == job->own ? INT8_MIN : 0;
    }
    for (int32_t i = 0; i < job->row_count; i++) {
        const rival_row row = rival_level_step(job, i, &at);
        if (row.jump >= TAL_RIVAL_LEAD_MAX)
            return INT32_MAX;
        const vec8_row scores = vec8_row_load(job->profile + (ptrdiff_t)i * TAL_PROFILE_STRIDE);
        const vec jump = vec8_set1(row.jump), fresh = vec8_set1(row.fresh);
        const vec rise = vec8_set1(row.rise);
        bool is_behind = true;
        for (int32_t w = 0; w < job->lane_count; w += LANES) {
            vec *kept = (vec *)(void *)(lead + w);
            vec from = vec8_max(vec_load(kept), jump);
            from = vec8_max(from, vec8_add(fresh, vec_load((const vec *)(const void *)(own + w))));
            vec gain = vec8_sub(vec8_lookup(scores, vec8_letters_load(job->letters + i + w)), rise);
            from = vec8_add(from, gain);
            vec_store(kept, from);
            is_behind &= vec8_is_negative(from);
        }
        if (is_behind)
            continue;
        const int32_t largest = largest_of(lead, job->lane_count);
        if (largest >= TAL_RIVAL_LEAD_MAX)
            return INT32_MAX;
        at.best = at.level + largest;
        most = at.best > most ? at.best : most;
    }
    return most;
}
