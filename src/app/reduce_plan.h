/* What a reduction takes of memory on each rank at least, before it is run: what stays, and what
 * comes and goes in as many passes and parts as may be. More is used where the limit allows it.
 */
#ifndef TAL_APP_REDUCE_PLAN_H
#define TAL_APP_REDUCE_PLAN_H

#include "app/command.h"
#include "reduce/reduce.h"
#include "seq/load.h"

/* All of the whole input. */
typedef struct tal_reduce_needs {
    uint64_t sequence_count, residue_count, header_bytes, len_max;
    uint64_t base_bytes; /* what the process has before any of it */
    uint64_t rank_count;
    int thread_count;
    tal_alphabet alphabet;
    bool has_set; /* a reduced set is written, not tables alone */
} tal_reduce_needs;

/* Bytes of one rank, at least; of phases with all that they hold. */
typedef struct tal_reduce_plan {
    uint64_t base;     /* program, MPI, HDF5 */
    uint64_t input;    /* the rank's share, which stays */
    uint64_t distinct; /* finding distinct sequences */
    uint64_t rounds;   /* without the proofs of members, which come to it */
    uint64_t tables;
    uint64_t pack;
    uint64_t total; /* the largest of the phases */
} tal_reduce_plan;

/* Pure. */
tal_reduce_plan tal_reduce_plan_make(const tal_reduce_needs *needs,
                                     const tal_reduce_params *params);

/* Count the input by reading it, for alphabet and counts of `needs`; pipes are not counted:
 * *out_is_counted. Collective; agreed status. */
tal_status tal_reduce_plan_count(tal_comm *comm, const tal_load_params *load,
                                 tal_reduce_needs *needs, bool *out_is_counted);

/* TAL_ERR_MEMORY, with what is needed, when the plan does not keep to the limit of the parameters
 * (0: none). Pure. */
tal_status tal_reduce_plan_check(const tal_reduce_needs *needs, const tal_reduce_params *params);

/* The plan as text, for a dry run. */
tal_status tal_reduce_plan_append(const tal_reduce_needs *needs, const tal_reduce_params *params,
                                  tal_buffer *text);

#endif
