/* Scoring each pair of a set once; see mirror.h. */
#include "search/mirror.h"

#include "base/alloc.h"
#include "base/check.h"
#include "search/search_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A worker's records are cut to the best of each query when there are that many, at least. */
#define CUT_BYTES_MIN ((size_t)16 << 20)

/* Where a reference is. */
typedef struct place {
    uint32_t holder;
    tal_lid lid;
} place;

/* A reference on its way to its home. */
typedef struct named_place {
    tal_gid gid;
    place place;
} named_place;
_Static_assert(sizeof(named_place) == 16, "places cross ranks as bytes: no padding");

struct tal_mirrors {
    size_t limit;       /* SIZE_MAX: all */
    uint64_t home_size; /* references of a home */
    tal_gid home_begin; /* of this rank's */
    place *places;      /* of those */
    tal_lid *all_order; /* this rank's references, longest first */
    tal_lid all_order_count;
    tal_gid begin, end; /* of the block's queries */
    uint64_t residue_count;
    tal_buffer kept; /* tal_mirror */
};

static int compare(const void *left, const void *right)
{
    const tal_mirror *a = left;
    const tal_mirror *b = right;
    if (a->query != b->query)
        return a->query < b->query ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->gid != b->gid)
        return a->gid < b->gid ? -1 : 1;
    return (a->is_reverse > b->is_reverse) - (a->is_reverse < b->is_reverse);
}

size_t tal_mirrors_cut(tal_mirror *records, size_t count, size_t limit)
{
    if (count > 1)
        qsort(records, count, sizeof(*records), compare);
    size_t kept = 0;
    size_t of_query = 0;
    for (size_t i = 0; i < count; i++) {
        of_query = i > 0 && records[i].query == records[i - 1].query ? of_query + 1 : 0;
        if (of_query < limit)
            records[kept++] = records[i];
    }
    return kept;
}

/* The same for what is in a buffer. */
static void cut_buffer(tal_buffer *records, size_t limit)
{
    size_t count = records->bytes / sizeof(tal_mirror);
    records->bytes =
        tal_mirrors_cut((tal_mirror *)(void *)records->data, count, limit) * sizeof(tal_mirror);
}

int tal_mirrors_home(const tal_mirrors *mirrors, tal_gid gid)
{
    return (int)(gid / mirrors->home_size);
}

void tal_mirrors_find(const tal_mirrors *mirrors, tal_gid gid, uint32_t *out_holder,
                      tal_lid *out_lid)
{
    const place *found = &mirrors->places[gid - mirrors->home_begin];
    *out_holder = found->holder;
    *out_lid = found->lid;
}

uint64_t tal_mirrors_residue_count(const tal_mirrors *mirrors)
{
    return mirrors->residue_count;
}

const tal_mirror *tal_mirrors_view(const tal_mirrors *mirrors, size_t *out_count)
{
    *out_count = mirrors->kept.bytes / sizeof(tal_mirror);
    return (const tal_mirror *)(const void *)mirrors->kept.data;
}

/* This rank's references by home; send_begin has size + 1 entries. */
static tal_status pack_places(const tal_search *search, const tal_mirrors *mirrors,
                              tal_buffer *send, uint64_t *send_begin)
{
    const tal_seqset *set = search->own_references;
    size_t size = (size_t)tal_comm_size(search->comm);
    tal_lid count = tal_seqset_count(set);
    tal_status status = tal_buffer_reserve(send, count * sizeof(named_place));
    if (status != TAL_OK)
        return status;
    memset(send_begin, 0, (size + 1) * sizeof(*send_begin));
    for (tal_lid lid = 0; lid < count; lid++)
        send_begin[tal_mirrors_home(mirrors, tal_seqset_gid(set, lid)) + 1] += sizeof(named_place);
    for (size_t rank = 0; rank < size; rank++)
        send_begin[rank + 1] += send_begin[rank];
    for (tal_lid lid = 0; lid < count; lid++) {
        tal_gid gid = tal_seqset_gid(set, lid);
        named_place named = {gid, {(uint32_t)tal_comm_rank(search->comm), lid}};
        uint64_t *at = &send_begin[tal_mirrors_home(mirrors, gid)];
        memcpy(send->data + *at, &named, sizeof(named));
        *at += sizeof(named);
    }
    /* Every begin has moved to its end: shift back. */
    memmove(send_begin + 1, send_begin, size * sizeof(*send_begin));
    send_begin[0] = 0;
    send->bytes = count * sizeof(named_place);
    return TAL_OK;
}

/* Collective; agreed status. */
static tal_status exchange_places(tal_search *search, tal_mirrors *mirrors)
{
    size_t size = (size_t)tal_comm_size(search->comm);
    tal_buffer send = {0};
    tal_buffer received = {0};
    uint64_t *send_begin = tal_alloc_array(size + 1, sizeof(*send_begin));
    tal_status status =
        send_begin == NULL ? TAL_ERR_MEMORY : pack_places(search, mirrors, &send, send_begin);
    status = tal_comm_agree(search->comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(search->comm, send.data, send_begin, &received, NULL);
    for (size_t at = 0; status == TAL_OK && at < received.bytes; at += sizeof(named_place)) {
        named_place named;
        memcpy(&named, received.data + at, sizeof(named));
        mirrors->places[named.gid - mirrors->home_begin] = named.place;
    }
    tal_free(send_begin);
    tal_buffer_deinit(&received);
    tal_buffer_deinit(&send);
    return status;
}

tal_status tal_mirrors_create(tal_search *search, tal_mirrors **out_mirrors)
{
    tal_mirrors *mirrors = tal_alloc_zero(sizeof(*mirrors));
    tal_status status = mirrors == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK) {
        uint64_t limit = search->params.hit_limit;
        uint64_t size = (uint64_t)tal_comm_size(search->comm);
        mirrors->limit = limit == 0 || limit > SIZE_MAX ? SIZE_MAX : (size_t)limit;
        mirrors->home_size = search->params.sequence_count / size + 1;
        mirrors->home_begin = mirrors->home_size * (uint64_t)tal_comm_rank(search->comm);
        mirrors->places = tal_alloc_array(mirrors->home_size, sizeof(*mirrors->places));
        mirrors->all_order_count = search->own_order_count;
        mirrors->all_order = tal_alloc_array(search->own_order_count, sizeof(tal_lid));
        if (mirrors->places == NULL || mirrors->all_order == NULL)
            status = TAL_ERR_MEMORY;
        else if (search->own_order_count > 0)
            memcpy(mirrors->all_order, search->own_order,
                   search->own_order_count * sizeof(*mirrors->all_order));
    }
    status = tal_comm_agree(search->comm, status);
    if (status == TAL_OK)
        status = exchange_places(search, mirrors);
    if (status != TAL_OK) {
        tal_mirrors_destroy(mirrors);
        return status;
    }
    *out_mirrors = mirrors;
    return TAL_OK;
}

void tal_mirrors_destroy(tal_mirrors *mirrors)
{
    if (mirrors == NULL)
        return;
    tal_buffer_deinit(&mirrors->kept);
    tal_free(mirrors->all_order);
    tal_free(mirrors->places);
    tal_free(mirrors);
}

/* This rank's references that the block meets: first those behind its queries, then those that are
 * its queries; each longest first. */
static void list_references(tal_search *search, tal_tile_groups *groups)
{
    tal_mirrors *mirrors = search->mirrors;
    const tal_seqset *set = search->own_references;
    tal_lid count = 0;
    mirrors->residue_count = 0;
    *groups = (tal_tile_groups){.gid_begin = {mirrors->end, mirrors->begin},
                                .gid_end = {UINT64_MAX, mirrors->end}};
    for (int group = 0; group < TAL_TILE_GROUPS; group++) {
        tal_lid first = count;
        for (tal_lid i = 0; i < mirrors->all_order_count; i++) {
            tal_lid lid = mirrors->all_order[i];
            tal_gid gid = tal_seqset_gid(set, lid);
            if (gid < groups->gid_begin[group] || gid >= groups->gid_end[group])
                continue;
            search->own_order[count++] = lid;
            mirrors->residue_count += (uint64_t)tal_seqset_len(set, lid);
        }
        groups->count[group] = count - first;
        groups->pair_count[group] = tal_plan_pair_count(
            set, search->own_order + first, count - first, tal_ladder_rates_of(&search->ladder));
    }
    search->own_order_count = count;
}

tal_status tal_mirrors_begin(tal_search *search, tal_status status)
{
    tal_mirrors *mirrors = search->mirrors;
    const tal_seqset *queries = search->queries;
    tal_buffer_reset(&mirrors->kept);
    for (int i = 0; i < tal_team_size(search->team); i++) {
        tal_buffer_reset(&search->workers[i].mirrored);
        search->workers[i].mirrored_bound = CUT_BYTES_MIN;
    }
    mirrors->begin = tal_seqset_count(queries) > 0 ? tal_seqset_gid(queries, 0) : mirrors->end;
    mirrors->end = mirrors->begin + tal_seqset_count(queries);
    const tal_search_params *params = &search->params;
    if (status == TAL_OK && params->read_mirrors != NULL)
        status = params->read_mirrors(params->mirror_context, search, mirrors->begin, mirrors->end);
    status = tal_comm_agree(search->comm, status);
    if (status != TAL_OK)
        return status;
    tal_tile_groups groups;
    list_references(search, &groups);
    status = tal_tiles_recut(search->tiles, &groups);
    tal_search_use(search, NULL);
    return status;
}

tal_status tal_search_add_mirrors(tal_search *search, const tal_mirror *records, size_t count)
{
    const tal_mirrors *mirrors = search->mirrors;
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        const tal_mirror *record = &records[i];
        TAL_ASSERT(record->query >= mirrors->begin && record->query < mirrors->end);
        TAL_ASSERT(record->gid < search->params.sequence_count);
        tal_candidate candidate = {.gid = record->gid,
                                   .holder = TAL_HOLDER_UNKNOWN,
                                   .score = record->score,
                                   .is_reverse = record->is_reverse};
        tal_lid query = (tal_lid)(record->query - mirrors->begin);
        if (record->score >= tal_candidates_floor(search->candidates, query))
            status = tal_candidates_add(search->candidates, query, &candidate);
    }
    return status;
}

uint64_t tal_mirrors_lanes(const tal_search *search, const tal_batch *batch, tal_lid query)
{
    int32_t query_len = tal_seqset_len(search->queries, query);
    tal_gid query_gid = tal_seqset_gid(search->queries, query);
    uint64_t lanes = 0;
    for (int lane = 0; lane < batch->lane_count; lane++) {
        tal_gid gid = tal_seqset_gid(search->references, batch->lids[lane]);
        int32_t len = batch->lane_len[lane];
        bool is_wanted = gid >= search->mirrors->end || query_len > len ||
                         (query_len == len && query_gid <= gid);
        lanes |= (uint64_t)is_wanted << lane;
    }
    return lanes;
}

/* Enter a pair that passes the cuts the other way round. */
static tal_status enter(tal_search *search, tal_search_worker *own, tal_gid query_gid, tal_gid gid,
                        int strand, int32_t score)
{
    const tal_mirrors *mirrors = search->mirrors;
    tal_mirror record = {gid, query_gid, score, (uint32_t)strand};
    if (gid < mirrors->end)
        return tal_search_add_mirrors(search, &record, 1);
    tal_status status = tal_buffer_append(&own->mirrored, &record, sizeof(record));
    if (status == TAL_OK && own->mirrored.bytes >= own->mirrored_bound) {
        cut_buffer(&own->mirrored, mirrors->limit);
        size_t bound = 2 * own->mirrored.bytes;
        own->mirrored_bound = bound > CUT_BYTES_MIN ? bound : CUT_BYTES_MIN;
    }
    return status;
}

/* Below this score no reference of the batch reports the query. */
static int32_t find_floor(const tal_search *search, const tal_batch *batch, int32_t query_len,
                          const tal_search_space *space)
{
    const tal_search_params *params = &search->params;
    if (!(params->evalue < INFINITY))
        return params->score_min;
    int32_t min;
    int32_t max;
    tal_search_find_lengths(batch, &min, &max);
    const tal_stats_lengths lengths = {min, max, query_len, query_len};
    int32_t floor = tal_stats_score_floor(&params->stats, space, params->evalue, &lengths);
    return floor > params->score_min ? floor : params->score_min;
}

tal_status tal_mirrors_collect(tal_search *search, tal_search_worker *own, const tal_batch *batch,
                               tal_lid query, int strand, uint64_t lanes, const int32_t *scores,
                               tal_tally *tally)
{
    const tal_search_params *params = &search->params;
    int32_t query_len = tal_seqset_len(search->queries, query);
    tal_gid query_gid = tal_seqset_gid(search->queries, query);
    tal_search_space space = tal_search_space_of(search, query);
    const tal_search_scratch scratch = tal_search_scratch_of(own);
    const int32_t floor = find_floor(search, batch, query_len, &space);
    int32_t cut = floor;
    space.query_len = -1;
    tal_status status = TAL_OK;
    for (int lane = 0; lane < batch->lane_count && status == TAL_OK; lane++) {
        if ((lanes >> lane & 1) == 0)
            continue;
        tal_lid lid = batch->lids[lane];
        tal_gid gid = tal_seqset_gid(search->references, lid);
        uint64_t cells = (uint64_t)query_len * (uint64_t)batch->lane_len[lane];
        uint64_t ways = gid == query_gid ? 1 : 2;
        tally->pairs += ways;
        tally->cells += ways * cells;
        if (gid == query_gid)
            continue;
        tally->mirrored_pairs++;
        tally->mirrored_cells += cells;
        int32_t score = scores[lane];
        own->histogram[score < TAL_HISTOGRAM_BINS ? score : TAL_HISTOGRAM_BINS - 1]++;
        if (score < floor || score <= 0)
            continue;
        if (params->evalue < INFINITY && batch->lane_len[lane] != space.query_len) {
            space.query_len = batch->lane_len[lane];
            cut = tal_stats_score_cut(&params->stats, &space, params->evalue, query_len, cut);
        }
        if (score < cut)
            continue;
        bool is_significant;
        status = tal_search_find_mirror_significance(search, &scratch, query, lid, score,
                                                     &is_significant);
        if (status != TAL_OK || !is_significant)
            continue;
        tally->candidates++;
        status = enter(search, own, query_gid, gid, strand, score);
    }
    return status;
}

/* What all workers found, by home; send_begin has size + 1 entries. */
static tal_status pack(const tal_search *search, tal_buffer *send, uint64_t *send_begin)
{
    const tal_mirrors *mirrors = search->mirrors;
    tal_status status = TAL_OK;
    for (int i = 0; i < tal_team_size(search->team) && status == TAL_OK; i++) {
        const tal_buffer *found = &search->workers[i].mirrored;
        status = tal_buffer_append(send, found->data, found->bytes);
    }
    if (status != TAL_OK)
        return status;
    cut_buffer(send, mirrors->limit);
    size_t size = (size_t)tal_comm_size(search->comm);
    memset(send_begin, 0, (size + 1) * sizeof(*send_begin));
    const tal_mirror *records = (const tal_mirror *)(const void *)send->data;
    for (size_t i = 0; i < send->bytes / sizeof(*records); i++)
        send_begin[tal_mirrors_home(mirrors, records[i].query) + 1] += sizeof(*records);
    for (size_t rank = 0; rank < size; rank++)
        send_begin[rank + 1] += send_begin[rank];
    return TAL_OK;
}

tal_status tal_mirrors_end(tal_search *search)
{
    tal_mirrors *mirrors = search->mirrors;
    size_t size = (size_t)tal_comm_size(search->comm);
    tal_buffer send = {0};
    uint64_t *send_begin = tal_alloc_array(size + 1, sizeof(*send_begin));
    tal_status status = send_begin == NULL ? TAL_ERR_MEMORY : pack(search, &send, send_begin);
    status = tal_comm_agree(search->comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(search->comm, send.data, send_begin, &mirrors->kept, NULL);
    if (status == TAL_OK)
        cut_buffer(&mirrors->kept, mirrors->limit);
    tal_free(send_begin);
    tal_buffer_deinit(&send);
    return status;
}

const tal_mirror *tal_search_mirrors(const tal_search *search, size_t *out_count)
{
    *out_count = 0;
    return search->mirrors == NULL ? NULL : tal_mirrors_view(search->mirrors, out_count);
}
