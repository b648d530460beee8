/* Whose tile is next; see tiles.h. */
#include "search/tiles_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"

/* What a claim of own tiles should last, so that starting a loop over it costs nothing. */
#define CLAIM_NS 50000000u

/* How often to look up while workers score. A look takes some 10 us of a core, and where the MPI
 * library needs the target's help a thief waits for it: rarely while nobody takes anything, often
 * once somebody does. */
#define QUIET_PAUSE_NS  10000000u
#define GIVING_PAUSE_NS 1000000u

/* The counters of a rank: the next tile; what a tile took there, in ns, 0: unknown. */
enum { COUNTER_NEXT = 0, COUNTER_TILE_NS, COUNTER_COUNT };

struct tal_tiles {
    tal_comm *comm;
    tal_tiles_params params;
    tal_tile *tiles;
    size_t tile_count;
    uint64_t next; /* when they are not shared */
    uint64_t tile_ns;
    tal_tile_view own;
    tal_tiles_counts counts;
    tal_status status; /* of fetching ahead */

    bool is_shared;
    bool is_taking; /* others' tiles */
    tal_window *counters;
    tal_tile_windows windows;
    uint64_t *tile_counts; /* of every rank */
    int *victims;          /* ranks that may have tiles left, nearest behind us first */
    int victim_count;
    tal_tile_slot slots[2]; /* the view last given, and what is fetched ahead */
    int slot_in_use;
    bool has_ahead;     /* the other slot is full */
    bool is_own_in_use; /* the view last given is of own tiles in memory */
    uint64_t block_own;
    uint64_t drawn;                /* what this rank added to its own counter in this block */
    uint64_t split;                /* tiles of the first group */
    uint64_t rest_begin, rest_end; /* own tiles drawn, of the second group, for the next view */
};

/* All ranks but this one that have tiles, beginning with the next. */
static void list_victims(tal_tiles *tiles)
{
    int size = tal_comm_size(tiles->comm);
    tiles->victim_count = 0;
    for (int i = 1; i < size; i++) {
        int rank = (tal_comm_rank(tiles->comm) + i) % size;
        if (tiles->tile_counts[rank] > 0)
            tiles->victims[tiles->victim_count++] = rank;
    }
}

/* Let others draw. Without windows in this MPI library everyone keeps to their own. Collective;
 * agreed status. */
static tal_status share(tal_tiles *tiles)
{
    size_t size = (size_t)tal_comm_size(tiles->comm);
    tiles->tile_counts = tal_alloc_array(size, sizeof(*tiles->tile_counts));
    tiles->victims = tal_alloc_array(size, sizeof(*tiles->victims));
    tal_spill *spill = tiles->params.spill;
    bool is_complete = tiles->tile_counts != NULL && tiles->victims != NULL;
    tal_status status = tal_comm_agree(tiles->comm, is_complete ? TAL_OK : TAL_ERR_MEMORY);
    if (status != TAL_OK)
        return status;
    if (spill == NULL)
        status = tal_tile_windows_init(&tiles->windows, tiles->comm, &tiles->params, tiles->tiles,
                                       tiles->tile_count);
    if (status == TAL_OK && spill == NULL && tiles->windows.gids == NULL) {
        tal_log(TAL_LOG_INFO, "ranks cannot help each other: this MPI library makes no windows of "
                              "memory here");
        return TAL_OK;
    }
    if (status == TAL_OK)
        status = tal_window_create_counters(tiles->comm, COUNTER_COUNT, &tiles->counters);
    if (status != TAL_OK)
        return status;
    /* A whole rank's only tile is not for others. */
    tal_comm_gather_u64(tiles->comm, tiles->params.is_whole ? 0 : tiles->tile_count,
                        tiles->tile_counts);
    tiles->is_shared = true;
    list_victims(tiles);
    return TAL_OK;
}

tal_status tal_tiles_create(tal_comm *comm, const tal_tiles_params *params, tal_tiles **out_tiles)
{
    bool is_shared = params->is_shared;
    TAL_ASSERT(!is_shared || params->run_begin != NULL || params->spill != NULL);
    tal_tiles *tiles = tal_alloc_zero(sizeof(*tiles));
    size_t tile_max = is_shared && !params->is_whole ? TAL_TILE_COUNT : 1;
    size_t tile_room = params->is_recut && tile_max < TAL_TILE_GROUPS ? TAL_TILE_GROUPS : tile_max;
    tal_status status = TAL_ERR_MEMORY;
    if (tiles != NULL) {
        tiles->comm = comm;
        tiles->params = *params;
        tiles->tiles = tal_alloc_array(tile_room, sizeof(*tiles->tiles));
        status = tiles->tiles == NULL ? TAL_ERR_MEMORY : TAL_OK;
    }
    if (status == TAL_OK)
        tiles->tile_count = tal_tile_cut(params->set, params->order, params->order_count,
                                         params->pair_count, params->rates, tile_max, tiles->tiles);
    if (status == TAL_OK)
        tiles->split = tiles->tile_count;
    if (status == TAL_OK && params->spill != NULL)
        tiles->tile_count = tal_spill_count(params->spill, tal_comm_rank(comm));
    if (is_shared)
        status = tal_comm_agree(comm, status);
    if (status == TAL_OK && is_shared)
        status = share(tiles);
    if (status != TAL_OK) {
        tal_tiles_destroy(tiles);
        return status;
    }
    *out_tiles = tiles;
    return TAL_OK;
}

/* Tiles of the second group at most: a block's own queries are few of the references. */
enum { SECOND_GROUP_TILES = TAL_TILE_COUNT / 8 };

tal_status tal_tiles_recut(tal_tiles *tiles, const tal_tile_groups *groups)
{
    const tal_tiles_params *params = &tiles->params;
    TAL_ASSERT(params->is_recut && params->spill == NULL && !params->is_whole);
    const size_t tile_max[TAL_TILE_GROUPS] = {
        params->is_shared ? TAL_TILE_COUNT - SECOND_GROUP_TILES : 1,
        params->is_shared ? SECOND_GROUP_TILES : 1,
    };
    tal_status status = TAL_OK;
    tal_lid first = 0;
    tiles->tile_count = 0;
    for (int group = 0; group < TAL_TILE_GROUPS; group++) {
        tal_tile *own = tiles->tiles + tiles->tile_count;
        size_t count = tal_tile_cut(params->set, params->order + first, groups->count[group],
                                    groups->pair_count[group], params->rates, tile_max[group], own);
        for (size_t i = 0; i < count; i++)
            own[i].first += first;
        if (tiles->is_shared && status == TAL_OK)
            status = tal_tile_windows_fill(&tiles->windows, params, own, count, tiles->tile_count,
                                           groups->gid_begin[group], groups->gid_end[group]);
        first += groups->count[group];
        tiles->tile_count += count;
        if (group == 0)
            tiles->split = tiles->tile_count;
    }
    if (!tiles->is_shared)
        return status;
    status = tal_comm_agree(tiles->comm, status);
    if (status != TAL_OK)
        return status;
    tal_comm_gather_u64(tiles->comm, tiles->tile_count, tiles->tile_counts);
    list_victims(tiles);
    return TAL_OK;
}

void tal_tiles_destroy(tal_tiles *tiles)
{
    if (tiles == NULL)
        return;
    for (int i = 0; i < 2; i++)
        tal_tile_slot_deinit(&tiles->slots[i]);
    tal_window_destroy(tiles->counters);
    tal_tile_windows_deinit(&tiles->windows);
    tal_free(tiles->victims);
    tal_free(tiles->tile_counts);
    tal_free(tiles->tiles);
    tal_free(tiles);
}

static uint64_t draw(tal_tiles *tiles, uint64_t count)
{
    tiles->drawn += count;
    if (tiles->is_shared)
        return tal_window_fetch_add(tiles->counters, tal_comm_rank(tiles->comm), COUNTER_NEXT,
                                    count);
    uint64_t before = tiles->next;
    tiles->next += count;
    return before;
}

/* A tile of this or another rank into the slot that is free; failures are kept. */
static bool fill_slot(tal_tiles *tiles, int rank, uint64_t tile, uint64_t *byte_count)
{
    const tal_tiles_params *params = &tiles->params;
    tal_tile_slot *slot = &tiles->slots[1 - tiles->slot_in_use];
    if (params->spill != NULL)
        tiles->status = tal_tile_read(params->spill, params->rates, params->has_pairs, rank, tile,
                                      slot, byte_count);
    else
        tiles->status = tal_tile_fetch(&tiles->windows, tal_seqset_alphabet(params->set), rank,
                                       tile, slot, byte_count);
    return tiles->status == TAL_OK;
}

/* The next own tile from disk into the slot that is free. */
static bool read_own(tal_tiles *tiles)
{
    uint64_t bytes = 0;
    uint64_t next = tiles->status == TAL_OK ? draw(tiles, 1) : UINT64_MAX;
    if (next >= tiles->tile_count)
        return false;
    tiles->counts.own++;
    tiles->block_own++;
    return fill_slot(tiles, tal_comm_rank(tiles->comm), next, &bytes);
}

/* Draw own tiles: [*out_begin, *out_end) of one group, what else was drawn stays for the next. */
static bool draw_own(tal_tiles *tiles, uint64_t *out_begin, uint64_t *out_end)
{
    if (tiles->rest_begin == tiles->rest_end) {
        uint64_t next = draw(tiles, 0);
        if (next >= tiles->tile_count)
            return false;
        uint64_t claim = tal_tile_claim(tiles->tile_count - next, tiles->tile_ns, CLAIM_NS);
        next = draw(tiles, claim);
        if (next >= tiles->tile_count)
            return false;
        tiles->rest_begin = next;
        tiles->rest_end = tiles->tile_count - next < claim ? tiles->tile_count : next + claim;
    }
    *out_begin = tiles->rest_begin;
    bool is_split = *out_begin < tiles->split && tiles->split < tiles->rest_end;
    *out_end = is_split ? tiles->split : tiles->rest_end;
    tiles->rest_begin = *out_end;
    return true;
}

/* The next own tiles in memory, if any. */
static bool take_own(tal_tiles *tiles)
{
    uint64_t next;
    uint64_t end;
    if (!draw_own(tiles, &next, &end))
        return false;
    const tal_tile *first = &tiles->tiles[next];
    const tal_tile *last = &tiles->tiles[end - 1];
    tal_lid pair_count = 0;
    for (const tal_tile *tile = first; tile <= last; tile++)
        pair_count += tile->pair_count;
    tiles->own = (tal_tile_view){
        .set = tiles->params.set,
        .order = tiles->params.order + first->first,
        .order_count = last->first + last->count - first->first,
        .pair_count = pair_count,
        .holder = (uint32_t)tal_comm_rank(tiles->comm),
        .tile_count = end - next,
    };
    tiles->counts.own += end - next;
    tiles->block_own += end - next;
    return true;
}

/* The rank with most to do of the first few that are not known to be dry; -1: all are. */
static int find_victim(tal_tiles *tiles)
{
    int best = -1;
    uint64_t best_ns = 0;
    int at = 0;
    while (at < tiles->victim_count && at < TAL_TILE_PROBES) {
        int rank = tiles->victims[at];
        uint64_t next = tal_window_fetch_add(tiles->counters, rank, COUNTER_NEXT, 0);
        if (next >= tiles->tile_counts[rank]) {
            tiles->victim_count--;
            for (int i = at; i < tiles->victim_count; i++)
                tiles->victims[i] = tiles->victims[i + 1];
            continue;
        }
        uint64_t tile_ns = tal_window_fetch_add(tiles->counters, rank, COUNTER_TILE_NS, 0);
        /* Who has not finished its first tile yet is the slowest, for all we know. */
        tile_ns = tile_ns == 0 ? UINT32_MAX : tile_ns;
        uint64_t left_ns = (tiles->tile_counts[rank] - next) * tile_ns;
        if (left_ns > best_ns) {
            best = rank;
            best_ns = left_ns;
        }
        at++;
    }
    return best;
}

/* A tile of another rank into the slot that is free. False when there is none, or on failure. */
static bool take_other(tal_tiles *tiles)
{
    if (!tiles->is_shared || tiles->status != TAL_OK)
        return false;
    uint64_t start = tal_clock_ns();
    bool is_taken = false;
    for (int rank = find_victim(tiles); rank >= 0 && !is_taken; rank = find_victim(tiles)) {
        uint64_t tile = tal_window_fetch_add(tiles->counters, rank, COUNTER_NEXT, 1);
        if (tile >= tiles->tile_counts[rank])
            continue; /* Others were quicker; the next look finds it dry. */
        (void)fill_slot(tiles, rank, tile, &tiles->counts.taken_bytes); /* Kept in tiles->status. */
        is_taken = true;
    }
    tiles->counts.taken += is_taken;
    tiles->counts.fetch_ns += tal_clock_ns() - start;
    return is_taken && tiles->status == TAL_OK;
}

/* Something into the slot that is free: own tiles on disk, others' tiles. */
static bool take_ahead(tal_tiles *tiles)
{
    bool is_on_disk = tiles->params.spill != NULL;
    if (tiles->params.is_other_first)
        return take_other(tiles) || (is_on_disk && read_own(tiles));
    return (is_on_disk && read_own(tiles)) || take_other(tiles);
}

tal_status tal_tiles_take(tal_tiles *tiles, const tal_tile_view **out_view)
{
    *out_view = NULL;
    bool is_in_memory = tiles->params.spill == NULL;
    bool is_own_first = is_in_memory && !tiles->params.is_other_first;
    if (tiles->status == TAL_OK && !tiles->has_ahead && is_own_first && take_own(tiles)) {
        *out_view = &tiles->own;
        tiles->is_own_in_use = true;
        return TAL_OK;
    }
    tiles->is_own_in_use = false;
    if (tiles->has_ahead || take_ahead(tiles)) {
        tiles->has_ahead = false;
        tiles->slot_in_use = 1 - tiles->slot_in_use;
        *out_view = &tiles->slots[tiles->slot_in_use].view;
    } else if (tiles->status == TAL_OK && is_in_memory && take_own(tiles)) {
        *out_view = &tiles->own;
        tiles->is_own_in_use = true;
    }
    return tiles->status;
}

bool tal_tiles_has_meanwhile(const tal_tiles *tiles)
{
    return tiles->is_shared || tiles->params.spill != NULL;
}

uint64_t tal_tiles_meanwhile(tal_tiles *tiles)
{
    tal_comm_progress(tiles->comm);
    uint64_t next = draw(tiles, 0);
    bool is_giving = next > tiles->drawn;
    if (!tiles->has_ahead && tiles->status == TAL_OK) {
        bool is_on_disk = tiles->params.spill != NULL;
        bool is_own_dry = next >= tiles->tile_count;
        if (tiles->is_own_in_use && tiles->params.is_whole)
            is_own_dry = false; /* Long not: what it took now would wait. */
        if (is_own_dry ? tiles->victim_count > 0 : is_on_disk || tiles->params.is_other_first)
            tiles->has_ahead = take_ahead(tiles);
    }
    return is_giving ? GIVING_PAUSE_NS : QUIET_PAUSE_NS;
}

uint64_t tal_tiles_residue_count(const tal_tiles *tiles)
{
    const tal_spill *spill = tiles->params.spill;
    return spill == NULL ? tal_seqset_residue_count(tiles->params.set)
                         : tal_spill_residue_count(spill, tal_comm_rank(tiles->comm));
}

size_t tal_tiles_portion_count(const tal_tiles *tiles)
{
    return tiles->params.spill == NULL ? 1 : tiles->tile_count;
}

tal_lid tal_tiles_portion_begin(const tal_tiles *tiles, size_t idx)
{
    if (tiles->params.spill == NULL)
        return idx == 0 ? 0 : tal_seqset_count(tiles->params.set);
    if (idx == 0)
        return 0;
    const tal_spill_tile *before =
        tal_spill_tile_get(tiles->params.spill, tal_comm_rank(tiles->comm), idx - 1);
    return before->first_lid + before->count;
}

tal_status tal_tiles_load(tal_tiles *tiles, size_t idx, const tal_tile_view **out_view)
{
    *out_view = NULL;
    if (tiles->params.spill == NULL)
        return TAL_OK;
    uint64_t bytes = 0;
    if (!fill_slot(tiles, tal_comm_rank(tiles->comm), idx, &bytes))
        return tiles->status;
    tiles->slot_in_use = 1 - tiles->slot_in_use;
    *out_view = &tiles->slots[tiles->slot_in_use].view;
    return TAL_OK;
}

void tal_tiles_note(tal_tiles *tiles, const tal_tile_view *view, uint64_t ns)
{
    if (view->holder != (uint32_t)tal_comm_rank(tiles->comm))
        return;
    /* The last claim counts half. */
    uint64_t tile_ns = ns / view->tile_count;
    tiles->tile_ns = tiles->tile_ns == 0 ? tile_ns : (tiles->tile_ns + tile_ns) / 2;
    if (tiles->is_shared)
        tal_window_set(tiles->counters, COUNTER_TILE_NS, tiles->tile_ns + 1);
}

void tal_tiles_abandon(tal_tiles *tiles)
{
    (void)draw(tiles, tiles->tile_count); /* What was drawn before does not matter. */
}

void tal_tiles_reset(tal_tiles *tiles)
{
    tiles->counts.given += tiles->tile_count - tiles->block_own;
    tiles->block_own = 0;
    tiles->drawn = 0;
    tiles->next = 0;
    tiles->rest_begin = 0;
    tiles->rest_end = 0;
    tiles->tile_ns = 0; /* The next block's queries may be fewer. */
    tiles->has_ahead = false;
    if (!tiles->is_shared)
        return;
    tal_window_set(tiles->counters, COUNTER_NEXT, 0);
    tal_window_set(tiles->counters, COUNTER_TILE_NS, 0);
    list_victims(tiles);
}

tal_tiles_counts tal_tiles_counts_get(const tal_tiles *tiles)
{
    return tiles->counts;
}
