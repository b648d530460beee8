/* The clusters of a reduced set for searching: each rank holds every size-th representative and
 * knows which records they stand for, whose residues it can have.
 *
 * Rank r holds the clusters c with c % ranks == r. Its members are numbered from 0, cluster by
 * cluster, those of a cluster in input order. Gids are places of records in the original input.
 */
#ifndef TAL_STORE_FAMILIES_H
#define TAL_STORE_FAMILIES_H

#include "seq/seqset.h"
#include "store/unpack.h"

typedef struct tal_families tal_families;

/* Reads all text blocks, the ranks sharing them out. Views the container and the team. Memory: 16
 * bytes a cluster and 8 a member of this rank; three times that meanwhile. Collective; agreed
 * status. */
tal_status tal_families_create(tal_comm *comm, tal_team *team, tal_container *container,
                               tal_families **out_families);

/* Accepts NULL. */
void tal_families_destroy(tal_families *families);

/* Append this rank's representatives, without headers; about `residue_limit` residues of each rank
 * are under way at a time, in some copies. Collective; agreed status. */
tal_status tal_families_load(tal_families *families, uint64_t residue_limit, tal_seqset *set);

/* Members of this rank. */
uint64_t tal_families_member_count(const tal_families *families);

/* How many members a representative (a gid of this rank) stands for, and the number of the first.
 */
uint64_t tal_families_find(const tal_families *families, tal_gid representative,
                           uint64_t *out_first);

/* Members to take out of their blocks. */
typedef struct tal_member_list {
    const uint64_t *members; /* rising; each rank its own */
    size_t count;
    uint64_t
        residue_limit; /* stop before so many, by the mean length in each block; one at least */
} tal_member_list;

/* Append the first *out_taken members of the list to `set`, in order, without headers; any rank's
 * list may be empty. Collective; agreed status. */
tal_status tal_families_fetch(tal_families *families, const tal_member_list *list,
                              size_t *out_taken, tal_seqset *set);

/* The records whose text this rank reads: gids [begin, end), rising with rank. */
void tal_families_text_share(const tal_families *families, tal_gid *out_begin, tal_gid *out_end);

/* Records by name. */
typedef struct tal_named_records {
    tal_seqset *set;            /* gids and headers, no residues */
    tal_buffer lens;            /* int32_t, of the records */
    tal_buffer representatives; /* tal_gid, likewise */
} tal_named_records;

void tal_named_records_deinit(tal_named_records *records);

/* Name the records of this rank's text share that `is_wanted` (of each, from the first) marks, and
 * their representatives, wherever they are: each on one rank. Collective; agreed status. */
tal_status tal_families_name(tal_families *families, bool *is_wanted,
                             tal_named_records *out_records);

#endif
