/* The sequences of families, made in file order for any range of them. */
#ifndef TAL_SIM_FAMILY_H
#define TAL_SIM_FAMILY_H

#include "base/buffer.h"
#include "sim/evolve.h"
#include "sim/plan.h"

/* The parent of a family's first member. */
#define TAL_NO_PARENT UINT64_MAX

/* One sequence with its truth. Indices count from 0. */
typedef struct tal_member {
    uint64_t sequence, family;
    uint64_t member;   /* within the family */
    uint64_t parent;   /* a sequence of the same family, or TAL_NO_PARENT */
    double branch_len; /* from the parent, expected substitutions per site */
    double distance;   /* from the family's first member, along the tree */
    tal_branch_counts counts;
    const char *letters; /* len of them, valid during the visit */
    size_t len;
} tal_member;

/* Called once for each sequence, in order. */
typedef tal_status (*tal_member_function)(void *context, const tal_member *member);

/* One worker's memory: the ancestors of the family at hand. */
typedef struct tal_family_maker {
    const tal_sim_plan *plan;
    const tal_model *model;
    tal_branch_params branch;
    double branch_mean;
    uint64_t family, first, size; /* the family at hand: its first sequence, its members */
    uint32_t made_count;          /* ancestors made so far */
    size_t begin[TAL_PLAN_ANCESTORS_MAX + 1]; /* of the ancestors in `ancestors` */
    double distance[TAL_PLAN_ANCESTORS_MAX];
    tal_buffer ancestors;
    tal_buffer letters; /* of a member that has no descendants */
} tal_family_maker;

/* Plan and model are borrowed; their owner keeps them longer. */
void tal_family_maker_init(tal_family_maker *maker, const tal_sim_plan *plan,
                           const tal_model *model, double indel_rate, double indel_extension);
void tal_family_maker_deinit(tal_family_maker *maker);

/* Visit sequences [begin, end). Where `begin` is inside a family its ancestors before `begin` are
 * made first, without a visit: at most TAL_PLAN_ANCESTORS_MAX sequences of extra work, none where
 * the range before ended in the same family. */
tal_status tal_family_make(tal_family_maker *maker, uint64_t begin, uint64_t end,
                           tal_member_function visit, void *context);

#endif
