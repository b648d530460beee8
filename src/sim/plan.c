/* What is decided before any letter; see plan.h.
 *
 * Sizes: rank and size of protein families follow a power law (Huynen and van Nimwegen, Mol. Biol.
 * Evol. 15:583, 1998); here every family has one sequence, and the rest is shared in proportion to
 * 1 / (1 + rank), integrated, so that the begin of a family is one logarithm. Small families end up
 * with a single sequence.
 *
 * Lengths: gamma with shape 2, about that of proteomes (median 0.84 of the mean).
 *
 * Trees: a random recursive tree over the first members of a family, its ancestors; all later
 * members descend from one of them. So a member can be made from the ancestors alone.
 */
#include "sim/plan.h"

#include "base/check.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* Units of tal_sim_plan_len_draw per mean: fine enough, and sums over 2^36 sequences fit in 64
 * bits. */
enum { DRAW_UNIT = 1 << 12 };

/* Residues of the ancestors one worker keeps, about. */
enum { ANCESTOR_RESIDUES = 1 << 24, ANCESTORS_MIN = 4 };

void tal_sim_plan_init(tal_sim_plan *plan, uint64_t seed, uint64_t sequence_count,
                       uint64_t family_count, uint64_t mean_len, double divergence)
{
    TAL_ASSERT(family_count >= 1);
    TAL_ASSERT(family_count <= sequence_count);
    TAL_ASSERT(sequence_count <= TAL_SIMULATE_SEQUENCES_MAX);
    TAL_ASSERT(mean_len >= TAL_SIMULATE_LEN_MIN);
    TAL_ASSERT(mean_len <= TAL_SIMULATE_MEAN_LEN_MAX);
    *plan = (tal_sim_plan){
        .seed = seed,
        .sequence_count = sequence_count,
        .family_count = family_count,
        .mean_len = mean_len,
        .divergence = divergence,
    };
    plan->share_per_log =
        (double)(sequence_count - family_count) / tal_random_log((double)family_count + 1.0);
    uint64_t ancestors = ANCESTOR_RESIDUES / mean_len;
    ancestors = ancestors < ANCESTORS_MIN ? ANCESTORS_MIN : ancestors;
    plan->ancestor_count =
        (uint32_t)(ancestors < TAL_PLAN_ANCESTORS_MAX ? ancestors : TAL_PLAN_ANCESTORS_MAX);
    /* Member i of a recursive tree has expected depth 1 + 1/2 + ... + 1/i. */
    double depth = 0.0;
    for (uint32_t i = 0; i < plan->ancestor_count; i++) {
        depth += i == 0 ? 0.0 : 1.0 / i;
        plan->depth_sum[i + 1] = plan->depth_sum[i] + depth;
    }
}

uint64_t tal_sim_plan_begin(const tal_sim_plan *plan, uint64_t family)
{
    TAL_ASSERT(family <= plan->family_count);
    if (family == plan->family_count)
        return plan->sequence_count;
    uint64_t spare = plan->sequence_count - plan->family_count;
    uint64_t more = (uint64_t)(plan->share_per_log * tal_random_log((double)family + 1.0));
    return family + (more < spare ? more : spare);
}

uint64_t tal_sim_plan_family_of(const tal_sim_plan *plan, uint64_t sequence)
{
    TAL_ASSERT(sequence < plan->sequence_count);
    uint64_t low = 0; /* begin(low) <= sequence < begin(high) */
    uint64_t high = plan->family_count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (tal_sim_plan_begin(plan, middle) <= sequence)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint64_t tal_sim_plan_len_draw(const tal_sim_plan *plan, uint64_t family)
{
    tal_random random;
    tal_random_init(&random, plan->seed, TAL_PURPOSE_FAMILY, family);
    double sum = tal_random_exponential(&random) + tal_random_exponential(&random);
    return (uint64_t)(sum * (DRAW_UNIT / 2) + 0.5);
}

uint64_t tal_sim_plan_len_sum(const tal_sim_plan *plan, uint64_t begin, uint64_t end)
{
    uint64_t sum = 0;
    uint64_t first = tal_sim_plan_begin(plan, begin);
    for (uint64_t family = begin; family < end; family++) {
        uint64_t next = tal_sim_plan_begin(plan, family + 1);
        sum += (next - first) * tal_sim_plan_len_draw(plan, family);
        first = next;
    }
    return sum;
}

void tal_sim_plan_set_len_scale(tal_sim_plan *plan, uint64_t sum)
{
    double residues =
        (double)(plan->mean_len - TAL_SIMULATE_LEN_MIN) * (double)plan->sequence_count;
    plan->len_scale = residues / (double)(sum == 0 ? 1 : sum);
}

uint64_t tal_sim_plan_len_max(const tal_sim_plan *plan)
{
    return plan->mean_len * TAL_SIMULATE_LEN_FACTOR;
}

uint64_t tal_sim_plan_root_len(const tal_sim_plan *plan, uint64_t family)
{
    double more = (double)tal_sim_plan_len_draw(plan, family) * plan->len_scale;
    double room = (double)(tal_sim_plan_len_max(plan) - TAL_SIMULATE_LEN_MIN);
    return TAL_SIMULATE_LEN_MIN + (uint64_t)((more < room ? more : room) + 0.5);
}

double tal_sim_plan_branch_mean(const tal_sim_plan *plan, uint64_t size)
{
    if (size < 2)
        return 0.0;
    uint64_t ancestors = size < plan->ancestor_count ? size : plan->ancestor_count;
    double sum = plan->depth_sum[ancestors];
    sum += (double)(size - ancestors) * (1.0 + sum / (double)ancestors);
    return plan->divergence * (double)(size - 1) / sum;
}

uint32_t tal_sim_plan_draw_parent(const tal_sim_plan *plan, uint64_t member, tal_random *random)
{
    TAL_ASSERT(member >= 1);
    uint64_t choices = member < plan->ancestor_count ? member : plan->ancestor_count;
    return (uint32_t)tal_random_below(random, choices);
}
