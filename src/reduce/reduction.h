/* What the parts of a reduction share. */
#ifndef TAL_REDUCE_REDUCTION_H
#define TAL_REDUCE_REDUCTION_H

#include "reduce/distinct.h"
#include "reduce/kmers.h"
#include "reduce/reduce.h"
#include "reduce/verify.h"

#include <stdatomic.h>

/* The order in which sequences become representatives, smaller first: frozen ones (bit 63 clear),
 * then by degree, then by id. */
enum { TAL_ID_BITS = 40, TAL_DEGREE_BITS = 23 };
#define TAL_ID_MAX        ((UINT64_C(1) << TAL_ID_BITS) - 1)
#define TAL_DEGREE_MAX    ((UINT64_C(1) << TAL_DEGREE_BITS) - 1)
#define TAL_PRIORITY_OPEN (UINT64_C(1) << 63)

static inline uint64_t tal_priority_id(uint64_t priority)
{
    return priority & TAL_ID_MAX;
}

static inline uint64_t tal_priority_make(bool is_frozen, uint64_t degree, uint64_t id)
{
    degree = degree < TAL_DEGREE_MAX ? degree : TAL_DEGREE_MAX;
    return (is_frozen ? 0 : TAL_PRIORITY_OPEN) | (TAL_DEGREE_MAX - degree) << TAL_ID_BITS | id;
}

static inline uint64_t tal_priority_degree(uint64_t priority)
{
    return TAL_DEGREE_MAX - (priority >> TAL_ID_BITS & TAL_DEGREE_MAX);
}

typedef enum tal_vertex_state {
    TAL_VERTEX_OPEN = 0, /* not decided in this round */
    TAL_VERTEX_REPRESENTATIVE,
    TAL_VERTEX_MEMBER,
} tal_vertex_state;

/* A member's representative and the proof. Edits lie in the arena of the worker that made them. */
typedef struct tal_vertex {
    uint64_t representative; /* id */
    tal_certificate certificate;
    uint32_t edit_count;
    bool is_reverse;
    uint16_t arena;
    uint64_t edits_at; /* bytes */
} tal_vertex;

/* A sequence that may stand for another. */
typedef struct tal_candidate {
    uint64_t priority;
    uint32_t slot; /* local number, or ghost_begin + number of the ghost */
    int32_t diagonal;
    uint32_t shared; /* k-mers */
    uint32_t is_reverse;
} tal_candidate;

/* A distinct sequence of another rank that is a candidate here. */
typedef struct tal_ghost {
    uint64_t id;
    uint64_t at; /* of its residues, once it is a representative */
    int32_t len;
} tal_ghost;

/* How far a reduction is: numbers only. */
typedef struct tal_reduction_position {
    uint64_t stage; /* 0: nothing is done; then degrees, rounds, and more are over (reduce.c) */
    uint64_t is_finished; /* all is done */
    uint64_t is_within;   /* the round after these has begun */
    uint64_t orphans;     /* sequences that the last round left open */
    /* Of the search for a target (target.c), in percent: what is tried, 0: nothing yet; the highest
     * that is known to keep to it, and the lowest that is known not to. */
    uint64_t identity, low, high;
} tal_reduction_position;

typedef struct tal_reduction {
    tal_comm *comm;
    tal_team *team;
    const tal_reduce_params *params;
    tal_criteria *criteria;
    tal_distinct distinct;
    size_t rank_count, worker_count;
    uint64_t rank;
    tal_lid count;            /* owned sequences */
    int32_t len_max;          /* of all ranks' */
    tal_verifier **verifiers; /* one per worker */
    tal_buffer *arenas;       /* edits, one per worker */

    /* By local number. States: written by who decides (release), read by others (acquire: what a
     * representative is does not change any more). */
    _Atomic uint8_t *states;
    tal_vertex *vertices;
    uint64_t *degrees; /* by k-mers that are shared, counted once */
    uint64_t *sizes;   /* of the clusters when the round began; set cover only */
    uint64_t *priorities;
    bool *is_in_pool; /* takes part in this round */
    bool *is_known;   /* was a representative before, and stays one */

    /* Of a round. Candidates of `local`: [begin[local], + candidate_count[local]), smallest
     * priority first. */
    tal_candidate *candidates;
    size_t candidate_total; /* of all parts so far */
    uint64_t part_end;      /* those with smaller priorities are in this part, or decided */
    size_t *candidate_begin;
    uint32_t *candidate_count;
    tal_ghost *ghosts; /* by id */
    size_t ghost_count;
    _Atomic uint8_t *ghost_states;
    tal_buffer ghost_residues;

    /* With a target: candidates of the first round, which are the same for any identity. */
    tal_candidate *first_candidates;
    size_t *first_begin;
    uint32_t *first_count;

    uint32_t *cursors; /* by local number: candidates that are done with */

    tal_reduction_position position;
    tal_reduce_summary summary;
    tal_reduce_summary kept; /* as the state said that this run went on from */
} tal_reduction;

static inline uint64_t tal_reduction_id(const tal_reduction *self, tal_lid local)
{
    return (uint64_t)local * self->rank_count + self->rank;
}

/* Give the sequences of known records (params) of `set` the states and proofs they had. Collective;
 * agreed status. */
tal_status tal_known_mark(tal_reduction *self, const tal_seqset *set);

static inline uint8_t tal_reduction_state(const tal_reduction *self, tal_lid local)
{
    return atomic_load_explicit(&self->states[local], memory_order_relaxed);
}

static inline void tal_reduction_set_state(tal_reduction *self, tal_lid local,
                                           tal_vertex_state state)
{
    atomic_store_explicit(&self->states[local], (uint8_t)state, memory_order_relaxed);
}

/* Degrees, the rounds, and one more for orphans that are left: from where the position says.
 * Collective; agreed status. */
tal_status tal_reduction_run_rounds(tal_reduction *self);

/* Run the rounds at the highest identity that keeps to the target: it ends in the criteria.
 * TAL_ERR_USAGE when there is none. Collective; agreed status. */
tal_status tal_target_find(tal_reduction *self);

/* Keep the state, if there is a keeper. Collective; agreed status. */
tal_status tal_state_keep(tal_reduction *self);

/* Go on from the state that was kept, if there is one: states, proofs, degrees, priorities, the
 * pool and how far each sequence is; position and summary. Collective; agreed status. */
tal_status tal_state_find(tal_reduction *self);

/* Sum what was counted so far, over workers and ranks, into the summary. Collective. */
void tal_reduction_sum_up(tal_reduction *self);

/* The residues of a sequence (a tal_answer_function). */
tal_status tal_reduction_answer_residues(const void *context, uint64_t local, tal_buffer *reply);

/* The distinct representatives of this rank's members, sorted. Release the ids with tal_free. */
tal_status tal_reduction_list_representatives(const tal_reduction *self, uint64_t **out_ids,
                                              size_t *out_count);

/* Give the members of representatives that were taken to those who took them, where they pass.
 * *out_left: those who stay open, of all ranks. Collective; agreed status. */
tal_status tal_adopt_orphans(tal_reduction *self, uint64_t *out_left);

/* Of a sample of the representatives, how many another one could stand for: all pairs are scored,
 * and those that come near the thresholds aligned. Into the summary. Collective; agreed status. */
tal_status tal_residual_measure(tal_reduction *self);

/* Count, for every sequence in the pool, the sequences that share its k-mers and could be its
 * representatives by length: into degrees. Collective; agreed status. */
tal_status tal_candidates_count_degrees(tal_reduction *self, const tal_seed *seed);

/* Memory that a rank may take now for what comes and goes, in bytes, the same on all ranks;
 * UINT64_MAX: any. Collective. */
uint64_t tal_reduction_room(const tal_reduction *self);

/* Say that `needed` bytes are more than the `room` that is left under the limit. Returns
 * TAL_ERR_MEMORY. */
tal_status tal_reduction_refuse(const tal_reduction *self, uint64_t needed, uint64_t room);

/* The search for the candidates of a round. */
typedef struct tal_candidate_search tal_candidate_search;

/* Begin to look for candidates of the sequences in the pool. Collective; agreed status. */
tal_status tal_candidates_open(tal_reduction *self, const tal_seed *seed,
                               tal_candidate_search **out_search);

/* Find the candidates of the next part of the pool, as much of it as memory allows, in order of
 * priority: they come to those that are there. TAL_ERR_MEMORY when the limit cannot be kept.
 * Collective; agreed status. */
tal_status tal_candidates_next(tal_candidate_search *search, bool *out_is_last);

/* Accepts NULL. */
void tal_candidates_close(tal_candidate_search *search);

/* Find the candidates of all sequences in the pool. Collective; agreed status. */
tal_status tal_candidates_find(tal_reduction *self, const tal_seed *seed);

/* Give back what the candidates of a round took. */
void tal_candidates_release(tal_reduction *self);

/* Put the candidates of the first round aside, to be taken up again by tal_candidates_take_up; what
 * else the round took is given back. */
void tal_candidates_put_aside(tal_reduction *self);

/* False when none were put aside. */
bool tal_candidates_take_up(tal_reduction *self);

/* Pauses of a long round, in which its state is kept. */
typedef struct tal_pause {
    tal_reduction *self;
    uint64_t at_ns;
} tal_pause;

tal_pause tal_pause_begin(tal_reduction *self);

/* Whether it is time to keep the state, or a stop is asked for. Threads: any. */
bool tal_pause_is_due(const tal_pause *pause);

/* Keep the state when that is due on any rank; TAL_ERR_INCOMPLETE when a stop is asked for.
 * Nothing without a keeper. Collective; agreed status. */
tal_status tal_pause_keep(tal_pause *pause);

/* The same, but only when a stop is asked for. */
tal_status tal_pause_give_up(tal_pause *pause);

/* How many sequences each of this rank's stands for now, into sizes. Collective; agreed status. */
tal_status tal_cover_count_sizes(tal_reduction *self);

/* Decide every open sequence of the pool by greedy set cover: again and again the one becomes a
 * representative that verifiably stands for most of those that are undecided, of several the first,
 * and these its members. Nothing may be frozen. Collective; agreed status. */
tal_status tal_cover_decide(tal_reduction *self);

/* Decide every open sequence of the part: it is a member when a candidate that is a representative
 * passes, of several the one with the smallest priority; otherwise it is a representative.
 * Collective; agreed status. */
tal_status tal_greedy_decide(tal_reduction *self);

/* Verify whether `id`, which `job` shows, stands for the verifier's member: then *out_vertex says
 * so; the edits go to the worker's arena. */
tal_status tal_reduction_prove(tal_reduction *self, int worker, uint64_t id,
                               const tal_verify_job *job, tal_vertex *out_vertex, bool *out_passes);

/* Verify a pair by worker `worker`; a pair that passes makes `local` a member. */
tal_status tal_reduction_try(tal_reduction *self, int worker, tal_lid local, uint64_t id,
                             const tal_verify_job *job, bool *out_passes);

#endif
