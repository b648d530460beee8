/* Fewer references: representatives, and for every other sequence one that verifiably stands for
 * it.
 *
 * The result is a function of the distinct sequences and the parameters: ranks, threads, memory and
 * the order of the input change nothing but which of several equal records speaks for them (the
 * first one).
 */
#ifndef TAL_REDUCE_REDUCE_H
#define TAL_REDUCE_REDUCE_H

#include "base/cpu.h"
#include "comm/comm.h"
#include "par/team.h"
#include "reduce/assignment.h"
#include "reduce/verify.h"
#include "score/matrix.h"
#include "score/stats.h"

/* Who goes first when representatives are chosen; in the order of the command's choices. */
typedef enum tal_reduce_order {
    TAL_REDUCE_COVER = 0, /* who could stand for most others */
    TAL_REDUCE_LENGTH,    /* the longest */
    TAL_REDUCE_SET_COVER, /* who verifiably stands for most that are left, again and again */
} tal_reduce_order;

/* Most numbers of a state. */
enum { TAL_REDUCE_NUMBERS = 32 };

/* Where a reduction keeps its state, to go on from it when it was stopped or killed: numbers that
 * are the same on all ranks, and bytes of each. */
typedef struct tal_reduce_keeper {
    void *context;
    uint64_t interval_ns; /* a long round is kept so often, or less where keeping takes long */
    /* After this the state survives. Collective; agreed status. */
    tal_status (*keep)(void *context, const uint64_t *numbers, size_t count,
                       const tal_buffer *bytes);
    /* The last state that was kept: its numbers on all ranks, its bytes somehow dealt to them, on
     * any number of ranks. Collective; agreed status. */
    tal_status (*find)(void *context, uint64_t *out_numbers, size_t count, tal_buffer *out_bytes,
                       bool *out_is_found);
} tal_reduce_keeper;

typedef struct tal_reduce_params {
    tal_isa isa;
    int32_t identity, coverage; /* hundredths of a percent */
    /* Residues that representatives may have, of all, in hundredths of a percent: the highest
     * identity in whole percents that keeps to it is found instead of `identity`; 0: as it says. */
    int32_t target;
    tal_coverage_mode coverage_mode;
    double evalue; /* INFINITY: none */
    int32_t len_min;
    tal_reduce_order order;
    const tal_matrix *matrix;
    tal_gaps gaps;
    tal_stats stats;
    uint64_t residue_count, sequence_count; /* of the whole input */
    uint64_t residual_sample; /* representatives that are compared with all others at the end */
    uint64_t residual_cells;  /* what that may cost: fewer are taken where it is more; 0: any */
    uint64_t memory_bytes;    /* that a rank may take in all; 0: any */
    uint64_t work_bytes;      /* for what comes and goes in a round, done in several passes where it
                               * is more; 0: any */
    /* Records with gids below known_count were decided before and stay as `known`, an assignment of
     * the set, says: representatives among them go before all others. NULL and 0: none. */
    tal_assignment *known;
    uint64_t known_count;
    const tal_reduce_keeper *keeper; /* NULL: nothing is kept */
} tal_reduce_params;

/* Sums over all ranks. */
typedef struct tal_reduce_summary {
    uint64_t distinct_count, distinct_residues;
    uint64_t representative_count, representative_residues;
    uint64_t round_count, step_count;
    uint64_t pair_count;                          /* verified, or refused early */
    uint64_t proof_count;                         /* aligned by proof: without gaps */
    uint64_t alignment_count;                     /* by filling the matrix */
    uint64_t residual_sample, residual_count;     /* looked at; those another could stand for */
    uint64_t last_round_members, last_round_pool; /* what the last round still found, of how many */
    uint64_t identity;     /* what members were verified against: hundredths of a percent */
    uint64_t probe_count;  /* identities that were tried for a target */
    uint64_t was_finished; /* 1: nothing was left to do after the state that was kept */
} tal_reduce_summary;

/* Memory that `thread_count` threads take to verify pairs of sequences of up to `len_max` residues,
 * at most. Pure. */
uint64_t tal_reduce_verifier_bytes(const tal_reduce_params *params, int32_t len_max,
                                   int thread_count);

/* Assign every record of `set`, this rank's share of the input. With known records their assignment
 * is continued: on success it is *out_assignment. With a keeper a reduction goes on from the state
 * that it finds, with the result of one that was never stopped, and keeps its state after each
 * round, within long ones, and when it is asked to stop (base/stop.h): then TAL_ERR_INCOMPLETE. A
 * target that no identity reaches is TAL_ERR_USAGE. Collective; agreed status. */
tal_status tal_reduce(tal_comm *comm, tal_team *team, const tal_seqset *set,
                      const tal_reduce_params *params, tal_assignment **out_assignment,
                      tal_reduce_summary *out_summary);

#endif
