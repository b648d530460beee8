/* Sequences of like length to the same rank. */
#ifndef TAL_SEQ_REGROUP_H
#define TAL_SEQ_REGROUP_H

#include "comm/comm.h"
#include "seq/seqset.h"

/* Exchange the longest sequences, so that what a rank has of them are whole groups of `group_size`
 * (>= 1) neighbours in the order of length (longest first, then by gid) of all ranks' sequences.
 *
 * Lanes of a batch are padded to its longest one, most of all where sequences are long and few:
 * with shares as they lie in the input each rank would pad as much as one rank alone does for all.
 * Some 16 groups a rank are enough, and at most 65,536 sequences are dealt; those that are so long
 * that a group would be more than half of an even share stay where they are. Groups go, longest
 * first, to the rank that has the fewest residues then. gids stay; the order within a rank is not
 * kept.
 *
 * `set`: this rank's, not masked (asserted). Memory: what moves, twice, and 2 MiB. Collective;
 * agreed status: TAL_ERR_MEMORY, after which the set is valid but may lack sequences. */
tal_status tal_regroup_longest(tal_comm *comm, tal_seqset *set, size_t group_size);

#endif
