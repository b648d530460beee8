/* How a rank's references are cut into tiles: what is scored, and changes hands, as one.
 *
 * Pure. A tile is a run of the order of references (plan.h), longest first, of whole batches; with
 * the queries of a block it is a rectangle of work. Tiles become smaller towards the end, where
 * ranks that are through wait for those that are not: with n tiles the first costs twice an n-th,
 * the last about an n-th of an n-th.
 */
#ifndef TAL_SEARCH_TILE_CUT_H
#define TAL_SEARCH_TILE_CUT_H

#include "align/ladder.h"
#include "seq/seqset.h"

typedef struct tal_tile {
    tal_lid first, count; /* references order[first, + count) */
    tal_lid pair_count;   /* of these, from the front, are scored one at a time */
} tal_tile;

/* Cut an order of `order_count` references, the first `pair_count` of which are scored one at a
 * time, into at most `tile_max` (>= 1) tiles whose cost by the rates of the ladder falls evenly.
 * out_tiles has tile_max entries; returns how many there are: 0 without references. Cost:
 * O(references). */
size_t tal_tile_cut(const tal_seqset *set, const tal_lid *order, tal_lid order_count,
                    tal_lid pair_count, tal_ladder_rates rates, size_t tile_max,
                    tal_tile *out_tiles);

/* Where the references of a tile lie in a set that is sorted in runs (tal_seqset_sort_runs): from
 * each run a contiguous part; of an order that leaves out references, from the first to the last.
 */
typedef struct tal_tile_part {
    uint64_t lid_begin, count;
    uint64_t residue_begin, residue_count;
} tal_tile_part;

/* The parts of all tiles, tile after tile, run_count each. run_begin as tal_seqset_sort_runs gives
 * it; `order` lists what is in a tile by length, ties in set order. */
void tal_tile_list_parts(const tal_seqset *set, const tal_lid *order, const tal_tile *tiles,
                         size_t tile_count, const tal_lid *run_begin, size_t run_count,
                         tal_tile_part *out_parts);

/* How many of `left` tiles to take at once, so that a loop over them is worth starting and others
 * find something to take: about `aim_ns`, and at most a sixteenth. tile_ns: what one takes, as
 * measured; 0: unknown. left >= 1. */
uint64_t tal_tile_claim(uint64_t left, uint64_t tile_ns, uint64_t aim_ns);

#endif
