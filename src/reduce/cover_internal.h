/* What the parts of a greedy set cover share; see cover.c. */
#ifndef TAL_REDUCE_COVER_INTERNAL_H
#define TAL_REDUCE_COVER_INTERNAL_H

#include "reduce/outbox.h"
#include "reduce/reduction.h"

typedef enum tal_edge_state {
    TAL_EDGE_UNTRIED = 0,
    TAL_EDGE_AGREED, /* the pair passes, with the other as member */
    TAL_EDGE_PROVEN,
    TAL_EDGE_REFUTED,
} tal_edge_state;

/* Who could stand for a sequence. */
typedef struct tal_cover_edge {
    uint64_t id, proof; /* proof: number among those of its worker */
    uint32_t slot;      /* local number, or ghost_begin + number of the ghost */
    int32_t diagonal;
    uint16_t worker;
    uint8_t is_reverse, state;
} tal_cover_edge;

/* Rank `rank` wants to know about a sequence of this one, its ghost number `ghost`. */
typedef struct tal_cover_subscription {
    uint64_t local;
    uint32_t rank, ghost;
} tal_cover_subscription;

typedef struct tal_cover {
    tal_reduction *self;
    tal_cover_edge *edges; /* of local number i: [edge_begin[i], edge_begin[i + 1]) */
    size_t *edge_begin;
    uint64_t *ghost_ids; /* rising */
    size_t ghost_count;
    tal_cover_subscription *subscriptions; /* by local number */
    size_t subscription_count;
    /* By slot: of this rank's sequences first, then of ghosts. */
    uint32_t *gains, *counts;
    uint8_t *verdicts;
    /* By local number. */
    bool *is_exact; /* all that the gain counts is verified */
    bool *has_changed;
    size_t *nominees; /* an edge, or SIZE_MAX: itself */
    tal_lid *open;
    size_t open_count;
    /* Of ghosts that are to be proven. */
    const uint8_t **ghost_codes;
    int32_t *ghost_lens;
    tal_buffer news;    /* elections that were heard */
    tal_buffer *proofs; /* tal_vertex, one buffer per worker */
    tal_outbox outbox;
    tal_outbox results; /* one for each worker */
    bool is_mutual;     /* both of a pair may stand for the other */
} tal_cover;

/* Where a representative lies beside its member, when the two are exchanged. */
int32_t tal_cover_turn(int32_t diagonal, bool is_reverse, int32_t member_len,
                       int32_t representative_len);

/* Who could stand for each sequence, both of every pair of candidates where lengths allow it; the
 * ghosts among them, and who asks for this rank's sequences. Collective; agreed status. */
tal_status tal_cover_connect(tal_cover *state);

#endif
