/* Reading tiles of other ranks; see tiles_internal.h.
 *
 * A rank's set is sorted in runs, so that a tile is one contiguous part of each: nothing is packed
 * for others to read. One read for where the parts are, then three for each part.
 */
#include "search/tiles_internal.h"

#include "base/alloc.h"
#include "search/plan.h"

#include <string.h>

void tal_tile_windows_deinit(tal_tile_windows *windows)
{
    tal_window_destroy(windows->gids);
    tal_window_destroy(windows->residue_begin);
    tal_window_destroy(windows->residues);
    tal_window_destroy(windows->row_window);
    tal_free(windows->rows);
    *windows = (tal_tile_windows){0};
}

tal_status tal_tile_windows_fill(tal_tile_windows *windows, const tal_tiles_params *params,
                                 const tal_tile *tiles, size_t tile_count, size_t first,
                                 tal_gid gid_begin, tal_gid gid_end)
{
    tal_tile_part *parts = tal_alloc_array(tile_count * TAL_TILE_RUNS + 1, sizeof(*parts));
    if (parts == NULL)
        return TAL_ERR_MEMORY;
    tal_tile_list_parts(params->set, params->order, tiles, tile_count, params->run_begin,
                        TAL_TILE_RUNS, parts);
    tal_window_sync(windows->row_window);
    for (size_t i = 0; i < tile_count; i++) {
        tal_tile_row *row = &windows->rows[first + i];
        memcpy(row->parts, parts + i * TAL_TILE_RUNS, sizeof(row->parts));
        row->gid_begin = gid_begin;
        row->gid_end = gid_end;
        row->pair_count = tiles[i].pair_count;
    }
    tal_window_sync(windows->row_window);
    tal_free(parts);
    return TAL_OK;
}

tal_status tal_tile_windows_init(tal_tile_windows *windows, tal_comm *comm,
                                 const tal_tiles_params *params, const tal_tile *tiles,
                                 size_t tile_count)
{
    size_t row_count = params->is_recut ? TAL_TILE_COUNT : tile_count;
    windows->rows = tal_alloc_zero((row_count + 1) * sizeof(*windows->rows));
    tal_status status = windows->rows == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_tile_windows_fill(windows, params, tiles, tile_count, 0, 0, UINT64_MAX);
    status = tal_comm_agree(comm, status);
    tal_seqset_arrays arrays = tal_seqset_view(params->set);
    uint64_t count = tal_seqset_count(params->set);
    uint64_t residues = tal_seqset_residue_count(params->set);
    if (status == TAL_OK)
        status = tal_window_create(comm, windows->rows, row_count * sizeof(*windows->rows),
                                   &windows->row_window);
    if (status == TAL_OK && windows->row_window != NULL)
        status = tal_window_create(comm, arrays.residues, residues, &windows->residues);
    if (status == TAL_OK && windows->residues != NULL)
        status = tal_window_create(comm, arrays.residue_begin,
                                   count * sizeof(*arrays.residue_begin), &windows->residue_begin);
    if (status == TAL_OK && windows->residue_begin != NULL)
        status = tal_window_create(comm, arrays.gids, count * sizeof(*arrays.gids), &windows->gids);
    return status;
}

void tal_tile_slot_deinit(tal_tile_slot *slot)
{
    tal_free(slot->order);
    tal_free(slot->lids);
    tal_seqset_destroy(slot->set);
    *slot = (tal_tile_slot){0};
}

/* Room for the lids of that many sequences. */
static tal_status reserve_lids(tal_tile_slot *slot, size_t count)
{
    if (count <= slot->lid_capacity)
        return TAL_OK;
    tal_free(slot->lids);
    slot->lid_capacity = 0;
    slot->lids = tal_alloc_array(count, sizeof(*slot->lids));
    if (slot->lids == NULL)
        return TAL_ERR_MEMORY;
    slot->lid_capacity = count;
    return TAL_OK;
}

/* The view of what is in the slot and of these gids. */
static tal_status make_view(tal_tile_slot *slot, int rank, tal_gid gid_begin, tal_gid gid_end)
{
    tal_free(slot->order);
    slot->order = NULL;
    tal_lid order_count = 0;
    tal_status status = tal_plan_order(slot->set, &slot->order, &order_count);
    tal_lid kept = 0;
    for (tal_lid i = 0; i < order_count; i++) {
        tal_gid gid = tal_seqset_gid(slot->set, slot->order[i]);
        if (gid >= gid_begin && gid < gid_end)
            slot->order[kept++] = slot->order[i];
    }
    if (status == TAL_OK)
        slot->view = (tal_tile_view){
            .set = slot->set,
            .order = slot->order,
            .order_count = kept,
            .holder = (uint32_t)rank,
            .lids = slot->lids,
            .tile_count = 1,
        };
    return status;
}

tal_status tal_tile_read(tal_spill *spill, tal_ladder_rates rates, bool has_pairs, int rank,
                         uint64_t tile, tal_tile_slot *slot, uint64_t *byte_count)
{
    const tal_spill_tile *place = tal_spill_tile_get(spill, rank, (size_t)tile);
    tal_status status = TAL_OK;
    if (slot->set == NULL)
        status = tal_seqset_create(tal_spill_alphabet(spill), &slot->set);
    if (status == TAL_OK)
        status = reserve_lids(slot, place->count);
    if (status == TAL_OK)
        status = tal_spill_read(spill, rank, (size_t)tile, slot->set);
    if (status != TAL_OK)
        return status;
    for (tal_lid i = 0; i < place->count; i++)
        slot->lids[i] = place->first_lid + i;
    *byte_count += place->bytes;
    status = make_view(slot, rank, 0, UINT64_MAX);
    if (status == TAL_OK && has_pairs)
        slot->view.pair_count =
            tal_plan_pair_count(slot->set, slot->order, slot->view.order_count, rates);
    return status;
}

/* Room for the tile that the row tells of. */
static tal_status make_room(tal_tile_slot *slot, tal_alphabet alphabet,
                            tal_seqset_arrays *out_arrays, size_t *out_count)
{
    uint64_t count = 0;
    uint64_t residues = 0;
    for (size_t run = 0; run < TAL_TILE_RUNS; run++) {
        count += slot->row.parts[run].count;
        residues += slot->row.parts[run].residue_count;
    }
    tal_status status = TAL_OK;
    if (slot->set == NULL)
        status = tal_seqset_create(alphabet, &slot->set);
    if (status == TAL_OK)
        status = reserve_lids(slot, (size_t)count);
    if (status == TAL_OK)
        status = tal_seqset_shape(slot->set, (tal_lid)count, residues, out_arrays);
    *out_count = (size_t)count;
    return status;
}

/* Begins as they were at the holder become those of the slot; lids at the holder are noted. */
static void renumber(tal_tile_slot *slot, const tal_seqset_arrays *arrays)
{
    uint64_t at = 0;
    uint64_t residues = 0;
    for (size_t run = 0; run < TAL_TILE_RUNS; run++) {
        const tal_tile_part *part = &slot->row.parts[run];
        for (uint64_t i = 0; i < part->count; i++, at++) {
            arrays->residue_begin[at] += residues - part->residue_begin;
            slot->lids[at] = (tal_lid)(part->lid_begin + i);
        }
        residues += part->residue_count;
    }
    arrays->residue_begin[at] = residues;
}

tal_status tal_tile_fetch(const tal_tile_windows *windows, tal_alphabet alphabet, int rank,
                          uint64_t tile, tal_tile_slot *slot, uint64_t *byte_count)
{
    tal_window_get(windows->row_window, rank, tile * sizeof(slot->row), &slot->row,
                   sizeof(slot->row));
    tal_window_flush(windows->row_window, rank);
    tal_seqset_arrays arrays;
    size_t count;
    tal_status status = make_room(slot, alphabet, &arrays, &count);
    if (status != TAL_OK)
        return status;
    uint64_t at = 0;
    uint64_t residues = 0;
    for (size_t run = 0; run < TAL_TILE_RUNS; run++) {
        const tal_tile_part *part = &slot->row.parts[run];
        uint64_t offset = part->lid_begin * sizeof(uint64_t);
        uint64_t bytes = part->count * sizeof(uint64_t);
        tal_window_get(windows->gids, rank, offset, arrays.gids + at, bytes);
        tal_window_get(windows->residue_begin, rank, offset, arrays.residue_begin + at, bytes);
        tal_window_get(windows->residues, rank, part->residue_begin, arrays.residues + residues,
                       part->residue_count);
        at += part->count;
        residues += part->residue_count;
    }
    tal_window_flush(windows->gids, rank);
    tal_window_flush(windows->residue_begin, rank);
    tal_window_flush(windows->residues, rank);
    renumber(slot, &arrays);
    *byte_count += sizeof(slot->row) + at * 2 * sizeof(uint64_t) + residues;

    status = make_view(slot, rank, slot->row.gid_begin, slot->row.gid_end);
    slot->view.pair_count = (tal_lid)slot->row.pair_count;
    return status;
}
