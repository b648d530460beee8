/* Cutting references into tiles; see tile_cut.h. */
#include "search/tile_cut.h"

#include "base/check.h"

enum { CLAIM_SHARE = 16 };

/* The batch or single reference that begins at a place of the order. */
static tal_lid unit_end(tal_lid first, tal_lid order_count, tal_lid pair_count)
{
    tal_lid lanes = first < pair_count ? 1 : TAL_BATCH_LANES;
    return order_count - first < lanes ? order_count : first + lanes;
}

static uint64_t unit_cost(const tal_seqset *set, const tal_lid *order, tal_lid first,
                          tal_lid pair_count, tal_ladder_rates rates)
{
    int32_t len = tal_seqset_len(set, order[first]);
    if (first < pair_count)
        return tal_ladder_pair_cost(rates, len);
    return (uint64_t)len * TAL_BATCH_LANES * TAL_LADDER_COST_UNIT;
}

size_t tal_tile_cut(const tal_seqset *set, const tal_lid *order, tal_lid order_count,
                    tal_lid pair_count, tal_ladder_rates rates, size_t tile_max,
                    tal_tile *out_tiles)
{
    TAL_ASSERT(tile_max >= 1);
    TAL_ASSERT(pair_count <= order_count);
    uint64_t total = 0;
    for (tal_lid i = 0; i < order_count; i = unit_end(i, order_count, pair_count))
        total += unit_cost(set, order, i, pair_count, rates);
    size_t count = 0;
    tal_lid at = 0;
    uint64_t left = total;
    while (at < order_count) {
        /* Of the `room` tiles to come, each should cost as much as one more than are behind it: the
         * share 2 / (room + 1) of what is left. A costly unit shrinks the tiles after it. */
        uint64_t room = tile_max - count;
        uint64_t aim = left / (room + 1) * 2;
        tal_tile *tile = &out_tiles[count++];
        *tile = (tal_tile){.first = at};
        uint64_t cost = 0;
        while (at < order_count) {
            uint64_t unit = unit_cost(set, order, at, pair_count, rates);
            if (cost > 0 && cost + unit / 2 > aim && count < tile_max)
                break;
            cost += unit;
            at = unit_end(at, order_count, pair_count);
        }
        tile->count = at - tile->first;
        tile->pair_count = tile->first >= pair_count ? 0 : pair_count - tile->first;
        if (tile->pair_count > tile->count)
            tile->pair_count = tile->count;
        left -= cost;
    }
    return count;
}

void tal_tile_list_parts(const tal_seqset *set, const tal_lid *order, const tal_tile *tiles,
                         size_t tile_count, const tal_lid *run_begin, size_t run_count,
                         tal_tile_part *out_parts)
{
    for (size_t tile = 0; tile < tile_count; tile++) {
        tal_tile_part *parts = out_parts + tile * run_count;
        for (size_t run = 0; run < run_count; run++)
            parts[run] = (tal_tile_part){0};
        for (tal_lid i = 0; i < tiles[tile].count; i++) {
            tal_lid lid = order[tiles[tile].first + i];
            size_t run = 0;
            while (lid >= run_begin[run + 1])
                run++;
            tal_tile_part *part = &parts[run];
            uint64_t begin =
                (uint64_t)(tal_seqset_residues(set, lid) - tal_seqset_residues(set, 0));
            if (part->count == 0) {
                part->lid_begin = lid;
                part->residue_begin = begin;
            }
            TAL_ASSERT(lid >= part->lid_begin + part->count);
            part->count = lid - part->lid_begin + 1;
            part->residue_count = begin + (uint64_t)tal_seqset_len(set, lid) - part->residue_begin;
        }
    }
}

uint64_t tal_tile_claim(uint64_t left, uint64_t tile_ns, uint64_t aim_ns)
{
    TAL_ASSERT(left >= 1);
    uint64_t count = tile_ns == 0 ? 1 : aim_ns / tile_ns;
    uint64_t most = left / CLAIM_SHARE + 1;
    count = count < 1 ? 1 : count;
    return count < most ? count : most;
}
