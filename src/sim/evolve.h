/* One sequence into another along one branch.
 *
 * Insertions and deletions start at every site of the parent with rate indel_rate / 2 each, have
 * geometric lengths, and are taken as one pass along the parent: at most one starts at a site, and
 * none hits what the same branch inserted. Substitutions happen on the sites that survive; inserted
 * letters come from the equilibrium, in which the branch would leave them.
 */
#ifndef TAL_SIM_EVOLVE_H
#define TAL_SIM_EVOLVE_H

#include "base/buffer.h"
#include "sim/model.h"

typedef struct tal_branch_params {
    double indel_rate;      /* events per site and unit of branch length, >= 0 */
    double indel_extension; /* chance of one more residue: [0, 1) */
    uint64_t len_min;       /* deletions that would leave fewer residues do not happen */
    uint64_t len_max;       /* insertions that would leave more residues do not happen */
} tal_branch_params;

/* What happened on a branch. parent length + inserted - deleted = length. */
typedef struct tal_branch_counts {
    uint64_t substitutions; /* events that changed a letter, several at one site counted each */
    uint64_t differences;   /* surviving sites whose letter is not the parent's */
    uint64_t insertions, deletions; /* events */
    uint64_t inserted, deleted;     /* residues */
} tal_branch_counts;

/* `len` letters of the equilibrium, appended. */
tal_status tal_evolve_root(const tal_model *model, uint64_t len, tal_random *random,
                           tal_buffer *letters);

/* The child of `parent` after a branch of `branch_len` expected substitutions per site, appended.
 * `letters` may be the buffer that holds the parent at parent_begin. */
tal_status tal_evolve_branch(const tal_model *model, const tal_branch_params *params,
                             double branch_len, const tal_buffer *parents, size_t parent_begin,
                             size_t parent_len, tal_random *random, tal_buffer *letters,
                             tal_branch_counts *out_counts);

#endif
