/* Distinct sequences of the whole input: found, numbered, and dealt to ranks.
 *
 * Every distinct sequence gets an id by its place in the total order (longest first, then content
 * hash), so that ids depend neither on ranks nor on the order of the input. Sequence `id` belongs
 * to rank id % ranks, where it is number id / ranks: equal shares of every length.
 */
#ifndef TAL_REDUCE_DISTINCT_H
#define TAL_REDUCE_DISTINCT_H

#include "comm/comm.h"
#include "par/team.h"
#include "seq/seqset.h"

typedef struct tal_distinct {
    /* What this rank owns: entry `local` is id local * ranks + rank. gids of `sequences` are those
     * of the first records in the input that hold them. */
    tal_seqset *sequences;
    /* Of the records of the input share: by lid. */
    uint64_t *ids;
    /* Over all ranks. */
    uint64_t count;
    uint64_t residue_count;
} tal_distinct;

/* All zero is none. */
void tal_distinct_deinit(tal_distinct *distinct);

/* Records are equal when their residues are, byte by byte: 128-bit hashes bring them together, then
 * every copy is compared. TAL_ERR_DATA when two sequences differ and have one hash. Collective;
 * agreed status. */
tal_status tal_distinct_find(tal_comm *comm, tal_team *team, const tal_seqset *set,
                             tal_distinct *out_distinct);

#endif
