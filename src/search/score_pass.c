/* The score pass: every query of the block against every reference of this rank.
 *
 * Items (a batch of 64 references x a run of queries) are handed to workers, long references first.
 * A worker interleaves the batch once and runs the ladder for each query and strand of the item.
 */
#include "search/search_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Ask for progress at most this often. */
#define PROGRESS_NS 200000000u

typedef struct score_pass {
    tal_search *search;
    const tal_item *items;
    uint64_t cells_total;
    _Atomic uint64_t cells_done;
    uint64_t progress_ns; /* when worker 0 last reported */
} score_pass;

static tal_lid item_lane_count(const tal_search *search, const tal_item *item)
{
    tal_lid left = search->order_count - item->batch * TAL_BATCH_LANES;
    return left < TAL_BATCH_LANES ? left : TAL_BATCH_LANES;
}

tal_search_space tal_search_space_of(const tal_search *search, tal_lid query)
{
    return (tal_search_space){
        .query_len = tal_seqset_len(search->queries, query),
        .residue_count = search->params.residue_count,
        .sequence_count = search->params.sequence_count,
    };
}

tal_status tal_search_enter(tal_search *search, tal_lid query, int strand, tal_lid lid,
                            int32_t score, uint64_t *candidate_count)
{
    const tal_search_params *params = &search->params;
    if (score < params->score_min || score < tal_candidates_floor(search->candidates, query) ||
        (params->mode == TAL_LOCAL && score <= 0))
        return TAL_OK;
    if (params->evalue < INFINITY) {
        tal_search_space space = tal_search_space_of(search, query);
        int32_t len = tal_seqset_len(search->references, lid);
        if (score < tal_stats_score_cut(&params->stats, &space, params->evalue, len, score))
            return TAL_OK;
    }
    tal_candidate candidate = {
        .gid = tal_seqset_gid(search->references, lid),
        .lid = lid,
        .score = score,
        .is_reverse = (uint32_t)strand,
    };
    tal_status status = tal_candidates_add(search->candidates, query, &candidate);
    if (status == TAL_OK)
        ++*candidate_count;
    return status;
}

/* Enter the lanes of one query and strand that pass the cuts. */
static tal_status collect(tal_search *search, const tal_batch *batch, tal_lid query, int strand,
                          const int32_t *scores, uint64_t *candidate_count)
{
    const tal_search_params *params = &search->params;
    tal_search_space space = tal_search_space_of(search, query);
    int32_t cut = params->score_min;
    int32_t cut_len = -1;
    for (int lane = 0; lane < batch->lane_count; lane++) {
        int32_t score = scores[lane];
        if (score < params->score_min || score < tal_candidates_floor(search->candidates, query))
            continue;
        if (params->evalue < INFINITY && batch->lane_len[lane] != cut_len) {
            cut_len = batch->lane_len[lane];
            cut = tal_stats_score_cut(&params->stats, &space, params->evalue, cut_len, cut);
        }
        if (score < cut || (params->mode == TAL_LOCAL && score <= 0))
            continue;
        tal_candidate candidate = {
            .gid = tal_seqset_gid(search->references, batch->lids[lane]),
            .lid = batch->lids[lane],
            .score = score,
            .is_reverse = (uint32_t)strand,
        };
        tal_status status = tal_candidates_add(search->candidates, query, &candidate);
        if (status != TAL_OK)
            return status;
        ++*candidate_count;
    }
    return TAL_OK;
}

static void count_scores(uint64_t *histogram, const int32_t *scores, int lane_count)
{
    for (int lane = 0; lane < lane_count; lane++) {
        int32_t bin = scores[lane] < 0 ? 0 : scores[lane];
        histogram[bin < TAL_HISTOGRAM_BINS ? bin : TAL_HISTOGRAM_BINS - 1]++;
    }
}

/* Everything an item counted, into the worker's padded counters: once per item. */
static void count_item(tal_search *search, int worker, uint64_t pairs, uint64_t cells,
                       uint64_t candidates)
{
    tal_search_worker *own = &search->workers[worker];
    tal_accum *accum = search->accum;
    tal_accum_add(accum, worker, TAL_COUNT_PAIRS, pairs);
    tal_accum_add(accum, worker, TAL_COUNT_CELLS, cells);
    tal_accum_add(accum, worker, TAL_COUNT_CANDIDATES, candidates);
    tal_accum_add(accum, worker, TAL_COUNT_RESCUE_16, own->ladder.rescue_16);
    tal_accum_add(accum, worker, TAL_COUNT_RESCUE_32, own->ladder.rescue_32);
    own->ladder.rescue_16 = 0;
    own->ladder.rescue_32 = 0;
    for (int bin = 0; bin < TAL_HISTOGRAM_BINS; bin++)
        if (own->histogram[bin] > 0)
            tal_accum_add(accum, worker, (size_t)TAL_COUNT_HISTOGRAM + (size_t)bin,
                          own->histogram[bin]);
    memset(own->histogram, 0, TAL_HISTOGRAM_BINS * sizeof(*own->histogram));
}

static void report(score_pass *pass, int worker, uint64_t cells)
{
    uint64_t done =
        cells + atomic_fetch_add_explicit(&pass->cells_done, cells, memory_order_relaxed);
    const tal_search_params *params = &pass->search->params;
    if (worker != 0 || params->progress == NULL || pass->cells_total == 0)
        return;
    uint64_t now = tal_clock_ns();
    if (now - pass->progress_ns < PROGRESS_NS)
        return;
    pass->progress_ns = now;
    done += tal_device_pass_cells(pass->search->device_pass);
    params->progress(params->progress_context, (double)done / (double)pass->cells_total);
}

static tal_status score_item(void *context, int worker, size_t idx)
{
    score_pass *pass = context;
    tal_search *search = pass->search;
    const tal_item *item = &pass->items[idx];
    tal_search_worker *own = &search->workers[worker];
    if (!tal_device_pass_is_host(search->device_pass, item->batch * TAL_BATCH_LANES))
        return TAL_OK;
    tal_lid lane_count = item_lane_count(search, item);
    tal_status status =
        tal_batch_fill(&own->batch, search->references,
                       search->order + (size_t)item->batch * TAL_BATCH_LANES, (int)lane_count);
    if (status != TAL_OK)
        return status;
    uint64_t batch_residues = 0;
    for (tal_lid lane = 0; lane < lane_count; lane++)
        batch_residues += (uint64_t)own->batch.lane_len[lane];

    uint64_t pairs = 0;
    uint64_t cells = 0;
    uint64_t candidates = 0;
    for (tal_lid query = item->query_begin; query < item->query_end; query++) {
        int32_t query_len = tal_seqset_len(search->queries, query);
        for (int strand = 0; strand < 2 && query_len > 0; strand++) {
            const int8_t *profile = search->views[query].profile[strand];
            if (profile == NULL)
                continue;
            _Alignas(TAL_VECTOR_BYTES) int32_t scores[TAL_BATCH_LANES];
            status = tal_ladder_score(&search->ladder, &own->ladder, profile, query_len,
                                      search->references, &own->batch, scores);
            if (status == TAL_OK)
                status = collect(search, &own->batch, query, strand, scores, &candidates);
            if (status != TAL_OK)
                return status;
            count_scores(own->histogram, scores, own->batch.lane_count);
            pairs += lane_count;
            cells += batch_residues * (uint64_t)query_len;
        }
    }
    count_item(search, worker, pairs, cells, candidates);
    report(pass, worker, cells);
    return TAL_OK;
}

tal_status tal_search_score(tal_search *search)
{
    tal_item *items = NULL;
    size_t item_count = 0;
    tal_status status =
        tal_plan_items(search->queries, search->references, search->order, search->order_count,
                       tal_team_size(search->team), &items, &item_count);
    if (status != TAL_OK)
        return status;
    uint64_t query_residues = tal_seqset_residue_count(search->queries);
    uint64_t strands = search->params.has_plus && search->params.has_minus ? 2 : 1;
    score_pass pass = {
        .search = search,
        .items = items,
        .cells_total = query_residues * tal_seqset_residue_count(search->references) * strands,
        .progress_ns = tal_clock_ns(),
    };
    bool has_more = true;
    tal_device_pass_begin(search->device_pass);
    while (status == TAL_OK && has_more) {
        status = tal_team_for(search->team, item_count, score_item, &pass);
        tal_status device_status =
            tal_device_pass_end(search->device_pass, status != TAL_OK, &has_more);
        status = status == TAL_OK ? device_status : status;
    }
    tal_free(items);
    if (status == TAL_OK)
        tal_candidates_finish(search->candidates);
    return status;
}
