/* The references of a block of queries, tile by tile: first this rank's own, then those of ranks
 * that are behind.
 *
 * Every rank has a counter of its tiles, in order of length, longest first, that it and others draw
 * from by one-sided addition: whoever gets a number scores that tile. A rank whose own counter is
 * dry looks at up to TAL_TILE_PROBES others that are not, draws from the one that has most time
 * left by what it measured of itself, and reads the tile's references from its memory, while its
 * workers are still busy with what came before. Candidates know the rank that holds their reference
 * (tal_candidate), which is the one that aligns them.
 *
 * What a rank exposes is fixed when the object is made; between two blocks all counters go back to
 * 0. No rank waits for another to answer, but see comm/window.h.
 */
#ifndef TAL_SEARCH_TILES_H
#define TAL_SEARCH_TILES_H

#include "align/ladder.h"
#include "comm/comm.h"
#include "search/spill.h"
#include "seq/seqset.h"

enum {
    TAL_TILE_RUNS = 16,   /* sorted runs of the references of a rank that shares its tiles */
    TAL_TILE_COUNT = 128, /* tiles of a rank at most */
    TAL_TILE_PROBES = 8,
    TAL_TILE_GROUPS = 2,
};

/* What is scored as one: tiles of this rank that follow one another, or one tile of another. */
typedef struct tal_tile_view {
    const tal_seqset *set;
    const tal_lid *order; /* of the set, longest first, order_count of them */
    tal_lid order_count, pair_count;
    uint32_t holder;     /* rank */
    const tal_lid *lids; /* of each sequence of the set, at its holder; NULL: the same */
    uint64_t tile_count;
} tal_tile_view;

/* How this rank takes part; the same on all ranks but for `set` and what belongs to it. */
typedef struct tal_tiles_params {
    const tal_seqset *set;
    const tal_lid *order;
    tal_lid order_count, pair_count;
    tal_ladder_rates rates;
    bool has_pairs;   /* long references are scored one at a time: where a tile comes from disk */
    tal_spill *spill; /* where the references are instead, `set` being empty; or NULL */
    /* Sorted runs of the set: TAL_TILE_RUNS + 1 entries. */
    const tal_lid *run_begin;
    bool is_shared; /* with run_begin or a spill only */
    /* This rank: one tile, not for others. A device works on it, and what it does in a moment would
     * keep a rank without one for long. */
    bool is_whole;
    bool is_other_first; /* for tests: others' tiles before one's own */
    bool is_recut;       /* the order changes before each block: tal_tiles_recut; no spill */
} tal_tiles_params;

/* An order of references in groups that are cut into tiles of their own: group g has the next
 * count[g] of the order, the first pair_count[g] of them scored one at a time, and its gids are
 * those of the set in [gid_begin[g], gid_end[g]). */
typedef struct tal_tile_groups {
    tal_lid count[TAL_TILE_GROUPS], pair_count[TAL_TILE_GROUPS];
    tal_gid gid_begin[TAL_TILE_GROUPS], gid_end[TAL_TILE_GROUPS];
} tal_tile_groups;

/* What this rank did since creation. */
typedef struct tal_tiles_counts {
    uint64_t own, taken; /* tiles scored here: own ones, others' */
    uint64_t given;      /* own tiles that others took */
    uint64_t taken_bytes;
    uint64_t fetch_ns; /* of the main thread, in taking and reading others' tiles */
} tal_tiles_counts;

typedef struct tal_tiles tal_tiles;

/* Views what params names. Collective when tiles are shared; agreed status then. */
tal_status tal_tiles_create(tal_comm *comm, const tal_tiles_params *params, tal_tiles **out_tiles);
/* Accepts NULL. Collective when tiles are shared. */
void tal_tiles_destroy(tal_tiles *tiles);

/* Cut the order (params.order, with new contents) into tiles for the next block; after
 * tal_tiles_reset. The bounds of gids are the same on all ranks. Collective when tiles are shared;
 * agreed status. */
tal_status tal_tiles_recut(tal_tiles *tiles, const tal_tile_groups *groups);

/* The next references to score, NULL when there are no more anywhere. The view is valid until the
 * next call, its set until the one after that. Threads: main. */
tal_status tal_tiles_take(tal_tiles *tiles, const tal_tile_view **out_view);

/* While workers score the last view: serve others and fetch ahead. A failure shows in the next
 * take. Returns after how many ns it should be called again: soon while others take tiles from
 * here. Threads: main. */
uint64_t tal_tiles_meanwhile(tal_tiles *tiles);

/* Whether tal_tiles_meanwhile has anything to do. */
bool tal_tiles_has_meanwhile(const tal_tiles *tiles);

/* Say how long the last view took. */
void tal_tiles_note(tal_tiles *tiles, const tal_tile_view *view, uint64_t ns);

/* This rank cannot go on: leave nothing for others to do in vain. */
void tal_tiles_abandon(tal_tiles *tiles);

/* Of all of this rank's references. */
uint64_t tal_tiles_residue_count(const tal_tiles *tiles);

/* This rank's references as they fit in memory: all of them, or tile by tile. */
size_t tal_tiles_portion_count(const tal_tiles *tiles);
/* The lids of portion idx begin with this one; portion count: the end. */
tal_lid tal_tiles_portion_begin(const tal_tiles *tiles, size_t idx);
/* *out_view is NULL when there is one portion, of all. Valid until the next call. */
tal_status tal_tiles_load(tal_tiles *tiles, size_t idx, const tal_tile_view **out_view);

/* Ready for the next block. All ranks must have finished taking, and a collective call must follow
 * before the next take. */
void tal_tiles_reset(tal_tiles *tiles);

tal_tiles_counts tal_tiles_counts_get(const tal_tiles *tiles);

#endif
