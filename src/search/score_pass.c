/* The score pass: every query of the block against every reference of this rank.
 *
 * A unit is one query against one batch of 64 references; units are numbered batch by batch, long
 * references first. Workers get runs of them: a worker interleaves a batch once, keeps it while its
 * items stay with that batch, and runs the ladder for each query and strand.
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
    uint64_t cells_total;
    _Atomic uint64_t cells_done;
    uint64_t progress_ns; /* when worker 0 last reported */
} score_pass;

static tal_lid item_lane_count(const tal_search *search, const tal_item *item)
{
    tal_lid left = search->order_count - item->batch * TAL_BATCH_LANES;
    return left < TAL_BATCH_LANES ? left : TAL_BATCH_LANES;
}

/* Enter the lanes of one query and strand that pass the cuts. */
static tal_status collect(tal_search *search, const tal_batch *batch, tal_lid query, int strand,
                          const int32_t *scores, uint64_t *candidate_count)
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
    params->progress(params->progress_context, (double)done / (double)pass->cells_total);
}

/* The item's references side by side in the worker's batch, unless they are there already. */
static tal_status fill_batch(const tal_search *search, tal_search_worker *own, const tal_item *item,
                             int lane_count)
{
    if (own->has_batch && own->batch_idx == item->batch)
        return TAL_OK;
    own->has_batch = false;
    tal_status status =
        tal_batch_fill(&own->batch, search->references,
                       search->order + (size_t)item->batch * TAL_BATCH_LANES, lane_count);
    own->has_batch = status == TAL_OK;
    own->batch_idx = item->batch;
    return status;
}

static tal_status score_item(score_pass *pass, int worker, const tal_item *item)
{
    tal_search *search = pass->search;
    tal_search_worker *own = &search->workers[worker];
    tal_lid lane_count = item_lane_count(search, item);
    tal_status status = fill_batch(search, own, item, (int)lane_count);
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

/* The units [begin, end): one item for each batch they touch. */
static tal_status score_units(void *context, int worker, size_t begin, size_t end)
{
    score_pass *pass = context;
    tal_lid query_count = tal_seqset_count(pass->search->queries);
    tal_status status = TAL_OK;
    while (begin < end && status == TAL_OK) {
        tal_item item = tal_plan_first_item(begin, end, query_count, &begin);
        status = score_item(pass, worker, &item);
    }
    return status;
}

tal_status tal_search_score(tal_search *search)
{
    uint64_t query_residues = tal_seqset_residue_count(search->queries);
    uint64_t strands = search->params.has_plus && search->params.has_minus ? 2 : 1;
    score_pass pass = {
        .search = search,
        .cells_total = query_residues * tal_seqset_residue_count(search->references) * strands,
        .progress_ns = tal_clock_ns(),
    };
    tal_loop loop = {
        .unit_count = tal_plan_unit_count(search->order_count, tal_seqset_count(search->queries)),
        .unit_sequences = TAL_BATCH_LANES,
        .function = score_units,
        .context = &pass,
    };
    tal_status status = tal_team_run(search->team, &loop);
    if (status == TAL_OK)
        tal_candidates_finish(search->candidates);
    return status;
}
