/* What taking tiles and reading those of others share. */
#ifndef TAL_SEARCH_TILES_INTERNAL_H
#define TAL_SEARCH_TILES_INTERNAL_H

#include "comm/window.h"
#include "search/tile_cut.h"
#include "search/tiles.h"

/* What others read of a tile first. */
typedef struct tal_tile_row {
    tal_tile_part parts[TAL_TILE_RUNS];
    tal_gid gid_begin, gid_end; /* of the parts: what else is there is not the tile's */
    uint64_t pair_count;
} tal_tile_row;
_Static_assert(sizeof(tal_tile_row) == 8 * (4 * TAL_TILE_RUNS + 3), "rows cross ranks as bytes");

/* A tile of another rank, in memory of our own. */
typedef struct tal_tile_slot {
    tal_seqset *set;
    tal_lid *lids; /* lid_capacity entries */
    size_t lid_capacity;
    tal_lid *order;
    tal_tile_row row;
    tal_tile_view view;
} tal_tile_slot;

/* What this rank exposes, and reads of others. */
typedef struct tal_tile_windows {
    tal_tile_row *rows; /* of this rank's tiles: TAL_TILE_COUNT, or as many as there are */
    tal_window *row_window, *residues, *residue_begin, *gids;
} tal_tile_windows;

/* Expose the tiles of a set: `gids` stays NULL where the MPI library cannot. Collective; agreed
 * status. */
tal_status tal_tile_windows_init(tal_tile_windows *windows, tal_comm *comm,
                                 const tal_tiles_params *params, const tal_tile *tiles,
                                 size_t tile_count);
/* Say where other tiles lie: of the gids in [gid_begin, gid_end), from row `first` on. Nobody may
 * read meanwhile; others may after a collective call. */
tal_status tal_tile_windows_fill(tal_tile_windows *windows, const tal_tiles_params *params,
                                 const tal_tile *tiles, size_t tile_count, size_t first,
                                 tal_gid gid_begin, tal_gid gid_end);
/* Collective. */
void tal_tile_windows_deinit(tal_tile_windows *windows);

void tal_tile_slot_deinit(tal_tile_slot *slot);

/* Read tile `tile` of a rank into the slot, from the rank's memory or from disk; adds the bytes
 * read to *byte_count. Not collective. */
tal_status tal_tile_read(tal_spill *spill, tal_ladder_rates rates, bool has_pairs, int rank,
                         uint64_t tile, tal_tile_slot *slot, uint64_t *byte_count);
tal_status tal_tile_fetch(const tal_tile_windows *windows, tal_alphabet alphabet, int rank,
                          uint64_t tile, tal_tile_slot *slot, uint64_t *byte_count);

#endif
