/* The filter of a filtered search: gapless scores of all pairs, full scores of those that pass.
 *
 * The lanes of a batch that reach the query's cut wait in a list of their query and strand until 64
 * have come together, from whatever batches, so that full scoring runs on full vectors; what is
 * left at the end is scored in a second round.
 *
 * A device finds the best run of any diagonal; the processors' kernels look at every second row
 * only, so that their score may be smaller. What passes on the device is therefore few, but more
 * than passes here, and goes through the processors' filter before it is scored. Whether a pair
 * passes depends on this pair and the whole set's size alone, and full scores are exact, so that
 * the result does not depend on how pairs came together.
 */
#include "search/search_internal.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* With so many lanes passing, scoring the batch as it stands costs less than gathering them. */
#define DIRECT_LANES 56

static tal_search_space space_of(const tal_search *search, int32_t query_len)
{
    return (tal_search_space){
        .query_len = query_len,
        .residue_count = search->params.residue_count,
        .sequence_count = search->params.sequence_count,
    };
}

tal_status tal_filter_begin(tal_search *search)
{
    const tal_search_params *params = &search->params;
    tal_lid query_count = tal_seqset_count(search->queries);
    for (tal_lid query = 0; query < query_count; query++) {
        tal_search_space space = space_of(search, tal_seqset_len(search->queries, query));
        search->filter_cuts[query] = params->filter_cut;
        if (params->filter_cut < 0)
            search->filter_cuts[query] = tal_stats_filter_score(
                &params->stats, &space, params->evalue, params->filter_share);
    }
    return tal_pending_reset(search->pending, (size_t)query_count * 2);
}

/* The reference's part of the cut; grows with its length. */
static double length_part(const tal_search *search, int32_t ref_len)
{
    if (search->params.filter_cut >= 0)
        return 0;
    tal_search_space space = space_of(search, 0);
    return tal_stats_filter_length_part(&search->params.stats, &space, ref_len);
}

void tal_filter_begin_batch(const tal_search *search, tal_search_worker *own)
{
    for (int lane = 0; lane < own->batch.lane_count; lane++)
        own->filter_parts[lane] = length_part(search, own->batch.lane_len[lane]);
}

bool tal_filter_passes(const tal_search *search, tal_lid query, tal_lid lid, int32_t score)
{
    int32_t len = tal_seqset_len(search->references, lid);
    return score >= search->filter_cuts[query] + length_part(search, len) ||
           score >= TAL_GAPLESS_SCORE_MAX;
}

int32_t tal_filter_cut(const tal_search *search, tal_lid query, int32_t ref_len)
{
    double cut = ceil(search->filter_cuts[query] + length_part(search, ref_len));
    if (!(cut < TAL_GAPLESS_SCORE_MAX))
        return TAL_GAPLESS_SCORE_MAX;
    return cut < 0 ? 0 : (int32_t)cut;
}

/* The lanes whose gapless score reaches the cut, or its limit; returns their count. */
static int find_passed(const tal_search *search, const tal_search_worker *own, tal_lid query,
                       const int32_t *scores, uint64_t *out_lanes, tal_lid *out_lids)
{
    double query_cut = search->filter_cuts[query];
    uint64_t lanes = 0;
    int count = 0;
    for (int lane = 0; lane < own->batch.lane_count; lane++) {
        if (scores[lane] < query_cut + own->filter_parts[lane] &&
            scores[lane] < TAL_GAPLESS_SCORE_MAX)
            continue;
        lanes |= UINT64_C(1) << lane;
        out_lids[count++] = own->batch.lids[lane];
    }
    *out_lanes = lanes;
    return count;
}

/* What sorting a full list needs to know of each reference. */
typedef struct gathered {
    int32_t len;
    tal_lid lid;
} gathered;

static int compare_gathered(const void *left, const void *right)
{
    const gathered *a = left;
    const gathered *b = right;
    if (a->len != b->len)
        return a->len > b->len ? -1 : 1;
    return (a->lid > b->lid) - (a->lid < b->lid);
}

/* How many of the longest references to score one at a time, so that none holds the other lanes. */
static int count_alone(const tal_search *search, const tal_lid *order, int count)
{
    const tal_ladder_rates rates = tal_ladder_rates_of(&search->ladder);
    if (rates.pair_cost == 0)
        return 0;
    uint64_t alone = 0;
    uint64_t least = UINT64_MAX;
    int best = 0;
    for (int first = 0; first <= count; first++) {
        uint64_t together = 0;
        for (int i = first; i < count; i += (int)rates.lanes)
            together += (uint64_t)tal_seqset_len(search->references, order[i]) * rates.lanes *
                        TAL_LADDER_COST_UNIT;
        if (alone + together < least) {
            least = alone + together;
            best = first;
        }
        if (first < count)
            alone += tal_ladder_pair_cost(rates, tal_seqset_len(search->references, order[first]));
    }
    return best;
}

tal_status tal_search_score_gathered(tal_search *search, tal_search_worker *own, tal_lid query,
                                     int strand, const tal_lid *lids, int count, tal_tally *tally)
{
    gathered sorted[TAL_BATCH_LANES];
    tal_lid order[TAL_BATCH_LANES];
    for (int i = 0; i < count; i++)
        sorted[i] = (gathered){tal_seqset_len(search->references, lids[i]), lids[i]};
    qsort(sorted, (size_t)count, sizeof(*sorted), compare_gathered);
    for (int i = 0; i < count; i++)
        order[i] = sorted[i].lid;
    int alone = count_alone(search, order, count);
    for (int first = 0; first < count;) {
        int lanes = first < alone ? 1 : count - first;
        tal_status status =
            tal_batch_fill(&own->gathered, search->references, order + first, lanes);
        if (status == TAL_OK)
            status = tal_search_score_lanes(search, own, &own->gathered, query, strand, UINT64_MAX,
                                            tally);
        if (status != TAL_OK)
            return status;
        first += lanes;
    }
    return TAL_OK;
}

/* The same, of a list, as an item of its own. */
static tal_status score_and_count(tal_search *search, int worker, size_t list, const tal_lid *lids,
                                  int count)
{
    tal_tally tally = {0};
    tal_status status =
        tal_search_score_gathered(search, &search->workers[worker], (tal_lid)(list / 2),
                                  (int)(list % 2), lids, count, &tally);
    if (status == TAL_OK)
        tal_search_count(search, worker, &tally);
    return status;
}

tal_status tal_filter_score(tal_search *search, tal_search_worker *own, tal_lid query, int strand,
                            tal_tally *tally)
{
    const tal_batch *batch = &own->batch;
    int32_t scores[TAL_BATCH_LANES];
    tal_status status =
        tal_ladder_gapless(&search->ladder, &own->ladder, search->views[query].profile[strand],
                           tal_seqset_len(search->queries, query), batch, scores);
    if (status != TAL_OK)
        return status;
    tal_lid passed[TAL_BATCH_LANES];
    uint64_t lanes;
    int count = find_passed(search, own, query, scores, &lanes, passed);
    if (count >= DIRECT_LANES)
        return tal_search_score_lanes(search, own, batch, query, strand, lanes, tally);
    tal_lid full[TAL_BATCH_LANES];
    size_t list = (size_t)query * 2 + (size_t)strand;
    if (count > 0 && tal_pending_add(search->pending, list, passed, count, full))
        return tal_search_score_gathered(search, own, query, strand, full, TAL_BATCH_LANES, tally);
    return TAL_OK;
}

/* One list's rest. */
static tal_status score_rest(void *context, int worker, size_t list)
{
    tal_search *search = context;
    tal_lid rest[TAL_BATCH_LANES];
    int count = tal_pending_take(search->pending, list, rest);
    return count == 0 ? TAL_OK : score_and_count(search, worker, list, rest, count);
}

tal_status tal_search_score_pending(tal_search *search)
{
    return tal_team_for(search->team, (size_t)tal_seqset_count(search->queries) * 2, score_rest,
                        search);
}

/* What passed on the device, in order, and where its runs of up to 64 of one list begin. */
typedef struct device_rest {
    tal_search *search;
    tal_passed *passed;
    size_t *begins;
} device_rest;

static int compare_passed(const void *left, const void *right)
{
    const tal_passed *a = left;
    const tal_passed *b = right;
    if (a->list != b->list)
        return a->list < b->list ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

/* What passes by the processors' gapless score too waits with all others. */
static tal_status score_passed(void *context, int worker, size_t run)
{
    const device_rest *rest = context;
    tal_search *search = rest->search;
    tal_search_worker *own = &search->workers[worker];
    const tal_passed *passed = &rest->passed[rest->begins[run]];
    int count = (int)(rest->begins[run + 1] - rest->begins[run]);
    tal_lid query = (tal_lid)(passed->list / 2);
    tal_lid lids[TAL_BATCH_LANES];
    int32_t scores[TAL_BATCH_LANES];
    for (int i = 0; i < count; i++)
        lids[i] = search->order[passed[i].position];
    tal_status status = tal_batch_fill(&own->gathered, search->references, lids, count);
    if (status == TAL_OK)
        status = tal_ladder_gapless(&search->ladder, &own->ladder,
                                    search->views[query].profile[passed->list % 2],
                                    tal_seqset_len(search->queries, query), &own->gathered, scores);
    if (status != TAL_OK)
        return status;
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (tal_filter_passes(search, query, lids[i], scores[i]))
            lids[kept++] = lids[i];
    tal_lid full[TAL_BATCH_LANES];
    if (kept == 0 || !tal_pending_add(search->pending, passed->list, lids, kept, full))
        return TAL_OK;
    return score_and_count(search, worker, passed->list, full, TAL_BATCH_LANES);
}

/* Take what passed on the device through the filter. */
static tal_status score_device_rest(tal_search *search)
{
    size_t count;
    const tal_passed *passed = tal_device_pass_passed(search->device_pass, &count);
    if (count == 0)
        return TAL_OK;
    device_rest rest = {
        .search = search,
        .passed = tal_alloc_array(count, sizeof(*rest.passed)),
        .begins = tal_alloc_array(count + 1, sizeof(*rest.begins)),
    };
    tal_status status = TAL_ERR_MEMORY;
    if (rest.passed != NULL && rest.begins != NULL) {
        memcpy(rest.passed, passed, count * sizeof(*passed));
        qsort(rest.passed, count, sizeof(*rest.passed), compare_passed);
        size_t run_count = 0;
        for (size_t i = 0; i < count; i++)
            if (i == 0 || rest.passed[i].list != rest.passed[i - 1].list ||
                i - rest.begins[run_count - 1] == TAL_BATCH_LANES)
                rest.begins[run_count++] = i;
        rest.begins[run_count] = count;
        status = tal_team_for(search->team, run_count, score_passed, &rest);
    }
    tal_free(rest.begins);
    tal_free(rest.passed);
    return status;
}

tal_status tal_filter_end(tal_search *search)
{
    tal_status status = score_device_rest(search);
    return status == TAL_OK ? tal_search_score_pending(search) : status;
}
