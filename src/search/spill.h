/* References on disk: what does not fit in memory, in tiles that are read when their turn comes.
 *
 * One file for all ranks. A tile is a run of the input, sorted by length; every rank knows where
 * all of them lie. Tiles belong to ranks in contiguous runs, but any rank can read any of them.
 * The file has no name once it is complete: it vanishes with the last process.
 */
#ifndef TAL_SEARCH_SPILL_H
#define TAL_SEARCH_SPILL_H

#include "comm/comm.h"
#include "seq/load.h"
#include "seq/seqset.h"

/* A tile in the file. */
typedef struct tal_spill_tile {
    uint64_t offset, bytes;
    uint64_t residue_count;
    tal_gid gid_begin; /* of its `count` references: consecutive gids */
    tal_lid count;
    tal_lid first_lid; /* of its first reference, among those of its rank */
} tal_spill_tile;

typedef struct tal_spill tal_spill;

/* What is done to the references before they are stored: masking. */
typedef tal_status (*tal_spill_prepare)(void *context, tal_seqset *set);

/* Read the stream to its end into the file `path`; tiles are as the stream cuts them. Memory: a
 * tile three times, beside the stream's. Collective; agreed status: TAL_ERR_OUTPUT when the file
 * cannot be made, TAL_ERR_IO when it cannot be written, TAL_ERR_DATA when a rank has too many
 * sequences. */
tal_status tal_spill_create(tal_comm *comm, const char *path, tal_stream *stream,
                            tal_spill_prepare prepare, void *context, tal_spill **out_spill);
/* Accepts NULL. */
void tal_spill_destroy(tal_spill *spill);

tal_alphabet tal_spill_alphabet(const tal_spill *spill);

/* The tiles of a rank, in input order. */
size_t tal_spill_count(const tal_spill *spill, int rank);
tal_lid tal_spill_reference_count(const tal_spill *spill, int rank);
uint64_t tal_spill_residue_count(const tal_spill *spill, int rank);
const tal_spill_tile *tal_spill_tile_get(const tal_spill *spill, int rank, size_t idx);

/* Residues masked in the tiles that this rank wrote. */
uint64_t tal_spill_masked_count(const tal_spill *spill);

/* Read a tile, longest first, into `set`. Memory: the tile once more. Not collective; threads:
 * main. */
tal_status tal_spill_read(tal_spill *spill, int rank, size_t idx, tal_seqset *set);

#endif
