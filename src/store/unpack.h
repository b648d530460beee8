/* Records and files out of a reduced set's file: whole, some, or all checked.
 *
 * Each rank reads the file on its own; the ranks share out the decoding. Everything that is given
 * out has the hash that was stored for its block, or TAL_ERR_DATA names the block.
 */
#ifndef TAL_STORE_UNPACK_H
#define TAL_STORE_UNPACK_H

#include "par/team.h"
#include "reduce/assignment.h"
#include "reduce/text_block.h"
#include "score/stats.h"
#include "store/container.h"

typedef struct tal_unpacker tal_unpacker;

/* Views the container and the team. Collective; agreed status. */
tal_status tal_unpacker_create(tal_comm *comm, tal_team *team, tal_container *container,
                               tal_unpacker **out_unpacker);

/* Accepts NULL. */
void tal_unpacker_destroy(tal_unpacker *unpacker);

/* Which records of text blocks are wanted. */
typedef struct tal_unpack_choice {
    enum { TAL_UNPACK_ALL, TAL_UNPACK_REPRESENTATIVES, TAL_UNPACK_CLUSTER, TAL_UNPACK_LIST } kind;
    uint64_t cluster;     /* TAL_UNPACK_CLUSTER */
    const uint64_t *gids; /* TAL_UNPACK_LIST: rising, the same on every rank */
    size_t gid_count;
} tal_unpack_choice;

/* Append the text of the chosen records in this rank's share of text blocks [begin, end), in input
 * order; shares follow each other in rank order. All records: everything of the files, checked.
 * Memory: about five times the text of the share. Collective; agreed status. */
tal_status tal_unpack_text(tal_unpacker *unpacker, size_t begin, size_t end,
                           const tal_unpack_choice *choice, tal_buffer *out);

/* Find records by their identifiers, on all ranks the same: `out_gids` (uint64_t) is rising and
 * holds all records of each; out_found[i]: whether ids[i] is there. Reads all text blocks.
 * Collective; agreed status. */
tal_status tal_unpack_find(tal_unpacker *unpacker, const char *const *ids, size_t id_count,
                           tal_buffer *out_gids, bool *out_found);

/* The cluster of each of the records `gids` (rising, the same on every rank), on all ranks.
 * Collective; agreed status. */
tal_status tal_unpack_clusters(tal_unpacker *unpacker, const uint64_t *gids, size_t count,
                               uint64_t *out_clusters);

/* Append all records, without headers, to `set`: on each rank those whose residues it decodes, with
 * their numbers in the input as gids. out_assignment: who represents each of the set (those it had
 * before represent themselves), with scores under the matrix of the container and `gaps`. Memory:
 * the share. TAL_ERR_DATA names what is damaged. Collective; agreed status. */
tal_status tal_unpack_set(tal_unpacker *unpacker, tal_gaps gaps, tal_seqset *set,
                          tal_assignment **out_assignment);

/* What tal_unpack_check looked at, over all ranks. */
typedef struct tal_check_summary {
    uint64_t block_count, certificate_count, file_count;
    uint64_t fault_count;
} tal_check_summary;

/* Check every hash and recompute every certificate: identity, columns and spans from the edits and
 * residues, the score from the matrix, the thresholds from the parameters. Each fault is a line of
 * `out_faults` on rank 0, the first hundred of them. Collective; agreed status: TAL_OK with faults,
 * too. */
tal_status tal_unpack_check(tal_unpacker *unpacker, tal_buffer *out_faults,
                            tal_check_summary *out_summary);

#endif
