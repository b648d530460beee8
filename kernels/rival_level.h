/* What rows of all rival kernels have in common: the level K that lanes are relative to, and J. */
#ifndef TAL_KERNELS_RIVAL_LEVEL_H
#define TAL_KERNELS_RIVAL_LEVEL_H

#include "kernels/rival.h"

typedef struct rival_level {
    int32_t path;  /* P(i-1) */
    int32_t level; /* K(i-1) */
    int32_t best;  /* B(i-1) */
    int32_t jump;  /* J(i-1) */
} rival_level;

/* What a row adds to a lane. */
typedef struct rival_row {
    int8_t jump;  /* J(i) - K(i-1), saturated */
    int8_t fresh; /* -K(i-1), at least -128 */
    int8_t rise;  /* K(i) - K(i-1) */
} rival_row;

static inline rival_level rival_level_begin(void)
{
    return (rival_level){.jump = -(1 << 28)};
}

static inline int8_t rival_clamp(int32_t value)
{
    value = value < INT8_MIN ? INT8_MIN : value;
    return (int8_t)(value > INT8_MAX ? INT8_MAX : value);
}

/* Go to row i; best becomes K(i) until lanes say more. */
static inline rival_row rival_level_step(const tal_rival_job *job, int32_t i, rival_level *at)
{
    const int32_t open = at->best - job->gap_first;
    const int32_t extend = at->jump - job->gap_next;
    const int32_t before = at->level;
    at->jump = open > extend ? open : extend;
    if (i >= job->own_begin && i < job->own_end) {
        at->path = (at->path > 0 ? at->path : 0) +
                   job->profile[(ptrdiff_t)i * TAL_PROFILE_STRIDE + job->letters[i + job->own]];
        at->level = at->path > 0 ? at->path : 0;
    }
    at->best = at->level;
    return (rival_row){
        .jump = rival_clamp(at->jump - before),
        .fresh = rival_clamp(-before),
        .rise = (int8_t)(at->level - before),
    };
}

#endif
