/* The score pass: every query of the block against every reference of this rank.
 *
 * Items (a batch of 64 references x a run of queries) are handed to workers, long references first.
 * A worker interleaves the batch once and runs the ladder, or the filter before it (filter.c), for
 * each query and strand of the item.
 */
#include "search/search_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/stop.h"
#include "par/wait.h"

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

/* Enter those of `lanes` that pass the cuts. */
static tal_status collect(tal_search *search, const tal_batch *batch, tal_lid query, int strand,
                          uint64_t lanes, const int32_t *scores, uint64_t *candidate_count)
{
    const tal_search_params *params = &search->params;
    tal_search_space space = {
        .query_len = tal_seqset_len(search->queries, query),
        .residue_count = params->residue_count,
        .sequence_count = params->sequence_count,
    };
    int32_t cut = params->score_min;
    int32_t cut_len = -1;
    for (int lane = 0; lane < batch->lane_count; lane++) {
        int32_t score = scores[lane];
        if ((lanes >> lane & 1) == 0)
            continue;
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

/* Count the lanes of the mask into the histogram and among what was scored in full. */
static void count_lanes(const tal_search *search, tal_search_worker *own, const tal_batch *batch,
                        tal_lid query, uint64_t lanes, const int32_t *scores, tal_tally *tally)
{
    uint64_t query_len = (uint64_t)tal_seqset_len(search->queries, query);
    for (int lane = 0; lane < batch->lane_count; lane++) {
        if ((lanes >> lane & 1) == 0)
            continue;
        int32_t bin = scores[lane] < 0 ? 0 : scores[lane];
        own->histogram[bin < TAL_HISTOGRAM_BINS ? bin : TAL_HISTOGRAM_BINS - 1]++;
        tally->scored_pairs++;
        tally->scored_cells += query_len * (uint64_t)batch->lane_len[lane];
    }
}

tal_status tal_search_score_lanes(tal_search *search, tal_search_worker *own,
                                  const tal_batch *batch, tal_lid query, int strand, uint64_t lanes,
                                  tal_tally *tally)
{
    _Alignas(TAL_VECTOR_BYTES) int32_t scores[TAL_BATCH_LANES];
    tal_status status =
        tal_ladder_score(&search->ladder, &own->ladder, search->views[query].profile[strand],
                         tal_seqset_len(search->queries, query), search->references, batch, scores);
    if (status == TAL_OK)
        status = collect(search, batch, query, strand, lanes, scores, &tally->candidates);
    if (status == TAL_OK)
        count_lanes(search, own, batch, query, lanes, scores, tally);
    return status;
}

void tal_search_count(tal_search *search, int worker, const tal_tally *tally)
{
    tal_search_worker *own = &search->workers[worker];
    tal_accum *accum = search->accum;
    tal_accum_add(accum, worker, TAL_COUNT_PAIRS, tally->pairs);
    tal_accum_add(accum, worker, TAL_COUNT_CELLS, tally->cells);
    tal_accum_add(accum, worker, TAL_COUNT_SCORED_PAIRS, tally->scored_pairs);
    tal_accum_add(accum, worker, TAL_COUNT_SCORED_CELLS, tally->scored_cells);
    tal_accum_add(accum, worker, TAL_COUNT_CANDIDATES, tally->candidates);
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
    params->progress(params->progress_context, (double)done / (double)pass->cells_total);
}

static tal_status score_item(void *context, int worker, size_t idx)
{
    score_pass *pass = context;
    tal_search *search = pass->search;
    const tal_item *item = &pass->items[idx];
    tal_search_worker *own = &search->workers[worker];
    tal_lid lane_count = item->lane_count;
    tal_status status = tal_stop_check();
    if (status == TAL_OK)
        status = tal_batch_fill(&own->batch, search->references, search->order + item->first,
                                (int)lane_count);
    if (status != TAL_OK)
        return status;
    if (search->params.is_filtered)
        tal_filter_begin_batch(search, own);
    uint64_t batch_residues = 0;
    for (tal_lid lane = 0; lane < lane_count; lane++)
        batch_residues += (uint64_t)own->batch.lane_len[lane];

    tal_tally tally = {0};
    for (tal_lid query = item->query_begin; query < item->query_end; query++) {
        int32_t query_len = tal_seqset_len(search->queries, query);
        for (int strand = 0; strand < 2 && query_len > 0; strand++) {
            if (search->views[query].profile[strand] == NULL)
                continue;
            if (search->params.is_filtered)
                status = tal_filter_score(search, own, query, strand, &tally);
            else
                status = tal_search_score_lanes(search, own, &own->batch, query, strand, UINT64_MAX,
                                                &tally);
            if (status != TAL_OK)
                return status;
            tally.pairs += lane_count;
            tally.cells += batch_residues * (uint64_t)query_len;
        }
    }
    tal_search_count(search, worker, &tally);
    tal_wait_note_progress();
    report(pass, worker, tally.cells);
    return TAL_OK;
}

tal_status tal_search_score(tal_search *search)
{
    tal_item *items = NULL;
    size_t item_count = 0;
    /* Gapless kernels know whole batches only; filter.c takes long references out afterwards. */
    tal_lid pair_count =
        search->params.is_filtered
            ? 0
            : tal_plan_pair_count(search->references, search->order, search->order_count,
                                  tal_ladder_rates_of(&search->ladder));
    tal_status status =
        tal_plan_items(search->queries, search->references, search->order, search->order_count,
                       pair_count, tal_team_size(search->team), &items, &item_count);
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
    status = tal_team_for(search->team, item_count, score_item, &pass);
    tal_free(items);
    if (status == TAL_OK && search->params.is_filtered)
        status = tal_filter_end(search);
    if (status == TAL_OK)
        tal_candidates_finish(search->candidates);
    return status;
}
