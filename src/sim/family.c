/* The sequences of families; see family.h. */
#include "sim/family.h"

#include "base/check.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

void tal_family_maker_init(tal_family_maker *maker, const tal_sim_plan *plan,
                           const tal_model *model, double indel_rate, double indel_extension)
{
    *maker = (tal_family_maker){
        .plan = plan,
        .model = model,
        .branch = {.indel_rate = indel_rate,
                   .indel_extension = indel_extension,
                   .len_min = TAL_SIMULATE_LEN_MIN,
                   .len_max = tal_sim_plan_len_max(plan)},
    };
}

void tal_family_maker_deinit(tal_family_maker *maker)
{
    tal_buffer_deinit(&maker->letters);
    tal_buffer_deinit(&maker->ancestors);
}

static void start_family(tal_family_maker *maker, uint64_t family)
{
    maker->family = family;
    maker->first = tal_sim_plan_begin(maker->plan, family);
    maker->size = tal_sim_plan_begin(maker->plan, family + 1) - maker->first;
    maker->branch_mean = tal_sim_plan_branch_mean(maker->plan, maker->size);
    maker->made_count = 0;
    tal_buffer_reset(&maker->ancestors);
}

/* Member `idx` of the family at hand; all ancestors before it are there. */
static tal_status make_member(tal_family_maker *maker, uint64_t idx, tal_member *out_member)
{
    TAL_ASSERT(idx < maker->size);
    bool is_ancestor = idx < maker->plan->ancestor_count;
    TAL_ASSERT(!is_ancestor || idx == maker->made_count);
    tal_buffer *letters = is_ancestor ? &maker->ancestors : &maker->letters;
    if (!is_ancestor)
        tal_buffer_reset(letters);
    size_t begin = letters->bytes;
    tal_random random;
    tal_random_init(&random, maker->plan->seed, TAL_PURPOSE_SEQUENCE, maker->first + idx);
    tal_member member = {
        .sequence = maker->first + idx,
        .family = maker->family,
        .member = idx,
        .parent = TAL_NO_PARENT,
    };
    tal_status status;
    if (idx == 0) {
        uint64_t len = tal_sim_plan_root_len(maker->plan, maker->family);
        status = tal_evolve_root(maker->model, len, &random, letters);
    } else {
        uint32_t parent = tal_sim_plan_draw_parent(maker->plan, idx, &random);
        member.parent = maker->first + parent;
        member.branch_len = tal_random_exponential(&random) * maker->branch_mean;
        member.distance = maker->distance[parent] + member.branch_len;
        status =
            tal_evolve_branch(maker->model, &maker->branch, member.branch_len, &maker->ancestors,
                              maker->begin[parent], maker->begin[parent + 1] - maker->begin[parent],
                              &random, letters, &member.counts);
    }
    if (status != TAL_OK)
        return status;
    if (is_ancestor) {
        maker->distance[idx] = member.distance;
        maker->begin[idx] = begin;
        maker->begin[idx + 1] = letters->bytes;
        maker->made_count++;
    }
    member.letters = (const char *)letters->data + begin;
    member.len = letters->bytes - begin;
    *out_member = member;
    return TAL_OK;
}

/* Have family `family` at hand, ready to make `sequence` and later ones: ancestors of an earlier
 * range stay where they serve. */
static void select_family(tal_family_maker *maker, uint64_t family, uint64_t sequence)
{
    bool is_at_hand = maker->size > 0 && maker->family == family;
    if (!is_at_hand || sequence < maker->first + maker->made_count)
        start_family(maker, family);
}

/* Visit the members of the family at hand that are in [begin, end). */
static tal_status make_members(tal_family_maker *maker, uint64_t begin, uint64_t end,
                               tal_member_function visit, void *context)
{
    uint64_t skipped = begin > maker->first ? begin - maker->first : 0;
    uint64_t idx = maker->made_count;
    while (idx < maker->size && maker->first + idx < end) {
        /* What cannot have descendants and is not wanted is not made. */
        if (idx >= maker->plan->ancestor_count && idx < skipped)
            idx = skipped;
        tal_member member;
        tal_status status = make_member(maker, idx, &member);
        if (status != TAL_OK)
            maker->size = 0; /* An ancestor may be half made: start again. */
        if (status == TAL_OK && idx >= skipped)
            status = visit(context, &member);
        if (status != TAL_OK)
            return status;
        idx++;
    }
    return TAL_OK;
}

tal_status tal_family_make(tal_family_maker *maker, uint64_t begin, uint64_t end,
                           tal_member_function visit, void *context)
{
    TAL_ASSERT(end <= maker->plan->sequence_count);
    uint64_t sequence = begin;
    while (sequence < end) {
        uint64_t family =
            sequence == begin ? tal_sim_plan_family_of(maker->plan, sequence) : maker->family + 1;
        select_family(maker, family, sequence);
        tal_status status = make_members(maker, begin, end, visit, context);
        if (status != TAL_OK)
            return status;
        sequence = maker->first + maker->size;
    }
    return TAL_OK;
}
