/* The score pass: every query of the block against every reference of this rank.
 *
 * A unit is one query against one batch of references; units are numbered batch by batch, long
 * references first (plan.h). Workers get runs of them: a worker interleaves a batch once, keeps it
 * while its items stay with that batch, and runs the ladder, or the filter before it (filter.c),
 * for each query and strand.
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
    tal_plan plan; /* of what is scored now */
    uint64_t cells_total;
    _Atomic uint64_t cells_done;
    uint64_t progress_ns; /* when worker 0 last reported */
} score_pass;

tal_lid tal_search_pair_count(const tal_search *search)
{
    return search->pair_count;
}

tal_search_scratch tal_search_scratch_of(tal_search_worker *own)
{
    return (tal_search_scratch){&own->ladder, &own->letters};
}

tal_search_space tal_search_space_of(const tal_search *search, tal_lid query)
{
    return (tal_search_space){
        .query_len = tal_seqset_len(search->queries, query),
        .residue_count = search->params.residue_count,
        .sequence_count = search->params.sequence_count,
    };
}

/* A pair that passes the cuts. */
static tal_status add(tal_search *search, tal_lid query, int strand, tal_lid lid, int32_t score,
                      uint64_t *candidate_count)
{
    tal_candidate candidate = {
        .gid = tal_seqset_gid(search->references, lid),
        .lid = search->holder_lids == NULL ? lid : search->holder_lids[lid],
        .holder = search->holder,
        .score = score,
        .is_reverse = (uint32_t)strand,
    };
    tal_status status = tal_candidates_add(search->candidates, query, &candidate);
    if (status == TAL_OK)
        ++*candidate_count;
    return status;
}

tal_status tal_search_enter(tal_search *search, const tal_search_scratch *scratch, tal_lid query,
                            int strand, tal_lid lid, int32_t score, uint64_t *candidate_count)
{
    const tal_search_params *params = &search->params;
    const int32_t tested = tal_search_tested(search, score);
    if (tested < params->score_min || score < tal_candidates_floor(search->candidates, query) ||
        (params->mode == TAL_LOCAL && score <= 0))
        return TAL_OK;
    if (params->evalue < INFINITY) {
        tal_search_space space = tal_search_space_of(search, query);
        int32_t len = tal_seqset_len(search->references, lid);
        if (tested < tal_stats_score_cut(&params->stats, &space, params->evalue, len, tested))
            return TAL_OK;
    }
    bool is_significant;
    tal_status status =
        tal_search_find_significance(search, scratch, query, lid, tested, &is_significant);
    return status == TAL_OK && is_significant
               ? add(search, query, strand, lid, score, candidate_count)
               : status;
}

void tal_search_find_lengths(const tal_batch *batch, int32_t *out_min, int32_t *out_max)
{
    int32_t min = INT32_MAX;
    int32_t max = 1;
    for (int lane = 0; lane < batch->lane_count; lane++) {
        int32_t len = batch->lane_len[lane];
        min = len < min ? len : min;
        max = len > max ? len : max;
    }
    *out_min = min < max ? min : max;
    *out_max = max;
}

/* Below this score no pair of the query with the batch passes the cuts. */
static int32_t find_floor(const tal_search *search, const tal_batch *batch,
                          const tal_search_space *space)
{
    const tal_search_params *params = &search->params;
    int32_t floor = params->score_min;
    if (params->evalue < INFINITY) {
        int32_t min;
        int32_t max;
        tal_search_find_lengths(batch, &min, &max);
        const tal_stats_lengths lengths = {space->query_len, space->query_len, min, max};
        int32_t least = tal_stats_score_floor(&params->stats, space, params->evalue, &lengths);
        floor = least > floor ? least : floor;
    }
    return floor;
}

/* Enter those of `lanes` that pass the cuts. */
static tal_status collect(tal_search *search, tal_search_worker *own, const tal_batch *batch,
                          tal_lid query, int strand, uint64_t lanes, const int32_t *scores,
                          uint64_t *candidate_count)
{
    const tal_search_params *params = &search->params;
    const tal_search_scratch scratch = tal_search_scratch_of(own);
    tal_search_space space = tal_search_space_of(search, query);
    const int32_t floor = find_floor(search, batch, &space);
    int32_t cut = floor;
    int32_t cut_len = -1;
    for (int lane = 0; lane < batch->lane_count; lane++) {
        int32_t score = scores[lane];
        if ((lanes >> lane & 1) == 0)
            continue;
        int32_t tested = tal_search_tested(search, score);
        if (tested < floor || score < tal_candidates_floor(search->candidates, query))
            continue;
        if (params->evalue < INFINITY && batch->lane_len[lane] != cut_len) {
            cut_len = batch->lane_len[lane];
            cut = tal_stats_score_cut(&params->stats, &space, params->evalue, cut_len, cut);
        }
        if (tested < cut || (params->mode == TAL_LOCAL && score <= 0))
            continue;
        bool is_significant;
        tal_status status = tal_search_find_significance(search, &scratch, query, batch->lids[lane],
                                                         tested, &is_significant);
        if (status == TAL_OK && is_significant)
            status = add(search, query, strand, batch->lids[lane], score, candidate_count);
        if (status != TAL_OK)
            return status;
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
        status = collect(search, own, batch, query, strand, lanes, scores, &tally->candidates);
    if (status == TAL_OK)
        count_lanes(search, own, batch, query, lanes, scores, tally);
    if (status == TAL_OK && search->mirrors != NULL)
        status = tal_mirrors_collect(search, own, batch, query, strand, lanes, scores, tally);
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
    tal_accum_add(accum, worker, TAL_COUNT_MIRRORED_PAIRS, tally->mirrored_pairs);
    tal_accum_add(accum, worker, TAL_COUNT_MIRRORED_CELLS, tally->mirrored_cells);
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
    done += tal_device_pass_cells(pass->search->device_pass);
    double share = (double)done / (double)pass->cells_total;
    params->progress(params->progress_context, share < 1 ? share : 1); /* Others help. */
}

/* The item's references side by side in the worker's batch, unless they are there already. */
static tal_status fill_batch(const tal_search *search, tal_search_worker *own, const tal_item *item)
{
    if (own->has_batch && own->batch_first == item->first &&
        (tal_lid)own->batch.lane_count == item->lane_count)
        return TAL_OK;
    own->has_batch = false;
    tal_status status = tal_batch_fill(&own->batch, search->references, search->order + item->first,
                                       (int)item->lane_count);
    own->has_batch = status == TAL_OK;
    own->batch_first = item->first;
    if (status == TAL_OK && search->params.is_filtered)
        tal_filter_begin_batch(search, own);
    return status;
}

static tal_status score_item(score_pass *pass, int worker, const tal_item *item)
{
    tal_search *search = pass->search;
    tal_search_worker *own = &search->workers[worker];
    tal_tally tally = {0};
    tal_status status = tal_device_pass_help(search->device_pass, own, &tally.candidates);
    if (status != TAL_OK || !tal_device_pass_is_host(search->device_pass, item->first)) {
        if (tally.candidates > 0)
            tal_search_count(search, worker, &tally);
        return status;
    }
    tal_lid lane_count = item->lane_count;
    status = tal_stop_check();
    if (status == TAL_OK)
        status = fill_batch(search, own, item);
    if (status != TAL_OK)
        return status;
    uint64_t batch_residues = 0;
    for (tal_lid lane = 0; lane < lane_count; lane++)
        batch_residues += (uint64_t)own->batch.lane_len[lane];

    for (tal_lid query = item->query_begin; query < item->query_end; query++) {
        int32_t query_len = tal_seqset_len(search->queries, query);
        uint64_t lanes = UINT64_MAX;
        if (search->mirrors != NULL)
            lanes = tal_mirrors_lanes(search, &own->batch, query);
        for (int strand = 0; strand < 2 && query_len > 0 && lanes != 0; strand++) {
            if (search->views[query].profile[strand] == NULL)
                continue;
            if (search->params.is_filtered)
                status = tal_filter_score(search, own, query, strand, &tally);
            else
                status =
                    tal_search_score_lanes(search, own, &own->batch, query, strand, lanes, &tally);
            if (status != TAL_OK)
                return status;
            if (search->mirrors != NULL)
                continue; /* Counted by lane. */
            tally.pairs += lane_count;
            tally.cells += batch_residues * (uint64_t)query_len;
        }
    }
    tal_search_count(search, worker, &tally);
    tal_wait_note_progress();
    report(pass, worker, tally.cells - tally.mirrored_cells);
    return TAL_OK;
}

/* The units [begin, end): one item for each batch they touch. */
static tal_status score_units(void *context, int worker, size_t begin, size_t end)
{
    score_pass *pass = context;
    tal_status status = TAL_OK;
    while (begin < end && status == TAL_OK) {
        tal_item item = tal_plan_first_item(&pass->plan, begin, end, &begin);
        status = score_item(pass, worker, &item);
    }
    return status;
}

/* Serve other ranks and fetch ahead while workers score. */
static uint64_t meanwhile(void *context)
{
    return tal_tiles_meanwhile(context);
}

/* For tests: be slow, but not deaf. */
static void slow_down(const tal_search *search, uint64_t took_ns)
{
    double factor = search->params.slow_down;
    uint64_t start = tal_clock_ns();
    while (factor > 1 && (double)(tal_clock_ns() - start) < (factor - 1) * (double)took_ns) {
        tal_clock_sleep(TAL_TEAM_MEANWHILE_NS);
        tal_comm_progress(search->comm);
    }
}

/* Score one view. The device works on it too, if there is one. */
static tal_status score_view(score_pass *pass)
{
    tal_search *search = pass->search;
    pass->plan = (tal_plan){
        .order_count = search->order_count,
        .pair_count = search->pair_count,
        .query_count = tal_seqset_count(search->queries),
    };
    tal_loop loop = {
        .unit_count = tal_plan_unit_count(&pass->plan),
        .unit_sequences = TAL_BATCH_LANES,
        .function = score_units,
        .context = pass,
    };
    if (tal_tiles_has_meanwhile(search->tiles)) {
        loop.meanwhile = meanwhile;
        loop.meanwhile_context = search->tiles;
    }
    bool has_more = true;
    tal_status status = tal_device_pass_begin(search->device_pass);
    while (status == TAL_OK && has_more) {
        status = tal_team_run(search->team, &loop);
        tal_status device_status =
            tal_device_pass_end(search->device_pass, status != TAL_OK, &has_more);
        status = status == TAL_OK ? device_status : status;
    }
    atomic_fetch_add_explicit(&pass->cells_done, tal_device_pass_cells(search->device_pass),
                              memory_order_relaxed);
    return status;
}

/* Score all views there are; references that wait in the filter stay with their set. */
static tal_status score_views(score_pass *pass)
{
    tal_search *search = pass->search;
    const tal_tile_view *view;
    tal_status status = tal_tiles_take(search->tiles, &view);
    while (status == TAL_OK && view != NULL) {
        uint64_t start = tal_clock_ns();
        tal_search_use(search, view);
        status = score_view(pass);
        slow_down(search, tal_clock_ns() - start);
        tal_tiles_note(search->tiles, view, tal_clock_ns() - start);
        if (status == TAL_OK)
            status = tal_tiles_take(search->tiles, &view);
        bool is_last_of_set = view == NULL || view->set != search->references;
        if (status == TAL_OK && search->params.is_filtered && is_last_of_set)
            status = tal_filter_end(search);
    }
    tal_search_use(search, NULL);
    return status;
}

tal_status tal_search_score(tal_search *search)
{
    uint64_t query_residues = tal_seqset_residue_count(search->queries);
    uint64_t strands = search->params.has_plus && search->params.has_minus ? 2 : 1;
    uint64_t residues = search->mirrors != NULL ? tal_mirrors_residue_count(search->mirrors)
                                                : tal_tiles_residue_count(search->tiles);
    score_pass pass = {
        .search = search,
        .cells_total = query_residues * residues * strands,
        .progress_ns = tal_clock_ns(),
    };
    tal_status status = score_views(&pass);
    if (status != TAL_OK)
        tal_tiles_abandon(search->tiles);
    else
        tal_candidates_finish(search->candidates);
    return status;
}
