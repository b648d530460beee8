/* What is decided before any letter: how many sequences each family has, how long its first one
 * is, who descends from whom.
 *
 * All of it is a function of the parameters and one index, so that any rank can work on any part
 * and nothing grows with the number of sequences or families.
 */
#ifndef TAL_SIM_PLAN_H
#define TAL_SIM_PLAN_H

#include "base/random.h"
#include "base/types.h"

/* The limits, and why. */
#define TAL_SIMULATE_SEQUENCES_MAX  (UINT64_C(1) << 36) /* logarithms stay monotone in doubles */
#define TAL_SIMULATE_MEAN_LEN_MAX   1000000             /* one worker's ancestors fit in memory */
#define TAL_SIMULATE_DIVERGENCE_MAX 10.0                /* beyond it nothing is left to find */

enum {
    TAL_SIMULATE_LEN_MIN = 30,    /* no sequence is shorter: search needs something to align */
    TAL_SIMULATE_LEN_FACTOR = 20, /* no sequence is longer than this times the mean */
    TAL_PLAN_ANCESTORS_MAX = 64,  /* members of a family that can have descendants */
};

/* What random streams are for. */
typedef enum tal_purpose {
    TAL_PURPOSE_FAMILY = 1, /* stream: family */
    TAL_PURPOSE_SEQUENCE,   /* stream: sequence */
} tal_purpose;

typedef struct tal_sim_plan {
    uint64_t seed, sequence_count, family_count, mean_len;
    double divergence;
    double share_per_log; /* sequences beyond one per family, per unit of log(1 + family) */
    double len_scale;     /* residues beyond the minimum per unit of tal_sim_plan_len_draw */
    uint32_t ancestor_count;
    double depth_sum[TAL_PLAN_ANCESTORS_MAX + 1]; /* expected depths of members below i, summed */
} tal_sim_plan;

/* 1 <= family_count <= sequence_count, TAL_SIMULATE_LEN_MIN <= mean_len. The length scale is not
 * set yet: tal_sim_plan_set_len_scale. */
void tal_sim_plan_init(tal_sim_plan *plan, uint64_t seed, uint64_t sequence_count,
                       uint64_t family_count, uint64_t mean_len, double divergence);

/* The first sequence of a family; sequence_count for family_count. Families are in falling order
 * of size. Cost: O(1). */
uint64_t tal_sim_plan_begin(const tal_sim_plan *plan, uint64_t family);

/* The family of a sequence. Cost: O(log family_count). */
uint64_t tal_sim_plan_family_of(const tal_sim_plan *plan, uint64_t sequence);

/* The relative length of a family beyond the minimum: a gamma deviate of shape 2 in fixed point, so
 * that sums do not depend on their order. */
uint64_t tal_sim_plan_len_draw(const tal_sim_plan *plan, uint64_t family);

/* Sum of size * tal_sim_plan_len_draw over families [begin, end). */
uint64_t tal_sim_plan_len_sum(const tal_sim_plan *plan, uint64_t begin, uint64_t end);

/* Choose the scale so that the mean over all sequences is mean_len; `sum` is over all families. */
void tal_sim_plan_set_len_scale(tal_sim_plan *plan, uint64_t sum);

/* Length of the first sequence of a family. */
uint64_t tal_sim_plan_root_len(const tal_sim_plan *plan, uint64_t family);

uint64_t tal_sim_plan_len_max(const tal_sim_plan *plan);

/* Expected branch length in a family of `size` members: the mean over its other members of the
 * expected distance from the first one is the divergence. */
double tal_sim_plan_branch_mean(const tal_sim_plan *plan, uint64_t size);

/* The parent of member >= 1: uniform among the members before it that can have descendants. */
uint32_t tal_sim_plan_draw_parent(const tal_sim_plan *plan, uint64_t member, tal_random *random);

#endif
