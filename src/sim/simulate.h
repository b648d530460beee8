/* `simulate`: families of sequences with known truth into a FASTA file and a table, by all ranks.
 */
#ifndef TAL_SIM_SIMULATE_H
#define TAL_SIM_SIMULATE_H

#include "comm/comm.h"
#include "par/team.h"
#include "seq/alphabet.h"
#include "sim/plan.h"

typedef struct tal_simulate_params {
    tal_alphabet alphabet;
    uint64_t seed;
    uint64_t sequence_count; /* 1 to TAL_SIMULATE_SEQUENCES_MAX */
    uint64_t family_count;   /* 1 to sequence_count */
    uint64_t mean_len;       /* TAL_SIMULATE_LEN_MIN to TAL_SIMULATE_MEAN_LEN_MAX */
    double divergence;       /* mean distance from a family's first member, 0 to
                                TAL_SIMULATE_DIVERGENCE_MAX substitutions per site */
    double indel_rate;       /* events per expected substitution, 0 to 1 */
    double indel_extension;  /* chance of one more residue, 0 to 0.99 */
    const char *path;        /* FASTA file to make */
    const char *truth_path;  /* table to make, or NULL */
    bool is_forced;          /* replace files that exist */
} tal_simulate_params;

/* What was made, over all ranks. */
typedef struct tal_simulate_summary {
    uint64_t sequence_count, residue_count;
    uint64_t substitutions, insertions, deletions;
    uint64_t len_min, len_max;
    uint64_t largest_family; /* sequences */
    uint64_t fasta_bytes, truth_bytes;
} tal_simulate_summary;

/* Make the files. Their bytes depend on the parameters alone, not on ranks or threads. They appear
 * under their names when complete; until then, and after a failure of nothing but the program's
 * life, they are called PATH.partial.
 *
 * TAL_ERR_USAGE for parameters out of range, TAL_ERR_OUTPUT for a file that exists or cannot be
 * made, TAL_ERR_IO for a full disk. Memory: some 64 MiB per rank and 2 MiB per thread, more for
 * sequences of over 100,000 residues. Collective; agreed status. */
tal_status tal_simulate(tal_comm *comm, tal_team *team, const tal_simulate_params *params,
                        tal_simulate_summary *out_summary);

#endif
