/* What a device gets and gives; see device_feed.h. */
#include "search/device_feed.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "par/wait.h"
#include "search/search_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS_MAX = 1 << 12,   /* uploads that a rank's references are cut into at most */
    QUERIES_MAX = 1 << 12, /* of one batch */
    PAIRS_MIN = 1 << 12,   /* of one batch, whatever the budget */
    PAIRS_MAX = 1 << 24,
};
/* Shares of the budget: a pair takes about 20 bytes, a query residue 64, both twice. */
#define PAIR_BYTES    128
#define RESIDUE_BYTES 512

_Static_assert((int)TAL_DEVICE_BINS == (int)TAL_HISTOGRAM_BINS, "histograms are added up");

void tal_device_feed_init(tal_device_feed *feed, const tal_search *search,
                          const tal_device_runs *runs)
{
    *feed = (tal_device_feed){
        .search = search, .runs = runs, .device = search->params.device, .part_count = 1};
}

static void free_batches(tal_device_feed *feed)
{
    for (int i = 0; i < TAL_DEVICE_SLOTS_MAX; i++) {
        tal_free(feed->batches[i].queries);
        feed->batches[i].queries = NULL;
    }
}

void tal_device_feed_deinit(tal_device_feed *feed)
{
    free_batches(feed);
    tal_buffer_deinit(&feed->found.hits);
    tal_free(feed->queries);
}

static int32_t ref_len(const tal_device_feed *feed, tal_lid position)
{
    return tal_seqset_len(feed->search->references, feed->search->order[position]);
}

static tal_lid position_of(const tal_device_feed *feed, tal_lid run)
{
    return tal_device_runs_begin(feed->runs, run);
}

static tal_lid part_begin(const tal_device_feed *feed, tal_lid part)
{
    return (tal_lid)((uint64_t)feed->runs->count * part / feed->part_count);
}

static tal_lid part_of(const tal_device_feed *feed, tal_lid end)
{
    tal_lid part = 0;
    while (part_begin(feed, part + 1) < end)
        part++;
    return part;
}

tal_lid tal_device_feed_first(const void *context, tal_lid end)
{
    const tal_device_feed *feed = context;
    return part_begin(feed, part_of(feed, end));
}

static int by_length_falling(const void *a, const void *b)
{
    const tal_feed_query *left = a;
    const tal_feed_query *right = b;
    if (left->query.len != right->query.len)
        return left->query.len < right->query.len ? 1 : -1;
    if (left->lid != right->lid)
        return left->lid < right->lid ? -1 : 1;
    return left->strand - right->strand;
}

tal_status tal_device_feed_list(tal_device_feed *feed)
{
    const tal_search *search = feed->search;
    tal_lid count = tal_seqset_count(search->queries);
    if ((uint64_t)count * 2 > feed->query_capacity) {
        tal_free(feed->queries);
        feed->query_capacity = 0;
        feed->queries = tal_alloc_array((size_t)count * 2, sizeof(*feed->queries));
        if (feed->queries == NULL)
            return TAL_ERR_MEMORY;
        feed->query_capacity = count * 2;
    }
    feed->query_count = 0;
    feed->query_residues = 0;
    for (tal_lid lid = 0; lid < count; lid++)
        for (int strand = 0; strand < 2; strand++) {
            int32_t len = tal_seqset_len(search->queries, lid);
            const int8_t *profile = search->views[lid].profile[strand];
            if (profile == NULL || len == 0)
                continue;
            feed->queries[feed->query_count++] = (tal_feed_query){
                .query = {.profile = profile, .len = len}, .lid = lid, .strand = strand};
            feed->query_residues += (uint64_t)len;
        }
    if (feed->query_count > 1)
        qsort(feed->queries, feed->query_count, sizeof(*feed->queries), by_length_falling);
    return TAL_OK;
}

static uint64_t between(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The largest batches and uploads for this block, with the references in part_count parts. */
static tal_device_shape plan_shape(const tal_device_feed *feed)
{
    uint64_t budget = tal_device_describe(feed->device)->budget_bytes;
    budget = budget == 0 ? UINT64_MAX : budget;
    tal_device_shape shape = {
        .ref_len_max = ref_len(feed, 0),
        .query_len_max = feed->queries[0].query.len,
        .pair_count = between(budget / PAIR_BYTES, PAIRS_MIN, PAIRS_MAX),
        .query_count = feed->query_count < QUERIES_MAX ? feed->query_count : QUERIES_MAX,
    };
    uint64_t residues = budget / RESIDUE_BYTES;
    residues = residues < feed->query_residues ? residues : feed->query_residues;
    shape.query_residue_count =
        residues > (uint64_t)shape.query_len_max ? residues : (uint64_t)shape.query_len_max;
    uint64_t ref_max = feed->search->params.device_batch;
    for (tal_lid part = 0; part < feed->part_count; part++) {
        tal_lid begin = part_begin(feed, part);
        tal_lid end = part_begin(feed, part + 1);
        tal_lid count = position_of(feed, end) - position_of(feed, begin);
        uint64_t part_residues = feed->runs->residues[end] - feed->runs->residues[begin];
        shape.ref_count = count > shape.ref_count ? count : shape.ref_count;
        if (part_residues > shape.ref_residue_count)
            shape.ref_residue_count = part_residues;
    }
    ref_max = ref_max < shape.ref_count ? ref_max : shape.ref_count;
    if (shape.pair_count > ref_max * shape.query_count)
        shape.pair_count = ref_max * shape.query_count;
    return shape;
}

static bool is_within(const tal_device_shape *a, const tal_device_shape *b)
{
    return a->ref_count <= b->ref_count && a->ref_residue_count <= b->ref_residue_count &&
           a->ref_len_max <= b->ref_len_max && a->query_count <= b->query_count &&
           a->query_residue_count <= b->query_residue_count &&
           a->query_len_max <= b->query_len_max && a->pair_count <= b->pair_count;
}

tal_status tal_device_feed_reserve(tal_device_feed *feed)
{
    tal_device_shape shape = plan_shape(feed);
    if (is_within(&shape, &feed->shape))
        return TAL_OK;
    feed->has_part = false;
    tal_status status = tal_device_reserve(feed->device, &shape);
    while (status == TAL_ERR_MEMORY && feed->part_count * 2 <= feed->runs->count &&
           feed->part_count < PARTS_MAX) {
        feed->part_count *= 2;
        shape = plan_shape(feed);
        status = tal_device_reserve(feed->device, &shape);
    }
    feed->shape = (tal_device_shape){0};
    if (status != TAL_OK)
        return status;
    feed->shape = shape;
    free_batches(feed);
    for (int i = 0; i < tal_device_describe(feed->device)->slot_count; i++) {
        feed->batches[i].queries =
            tal_alloc_array(shape.query_count, sizeof(*feed->batches[i].queries));
        if (feed->batches[i].queries == NULL)
            return TAL_ERR_MEMORY;
    }
    tal_log(TAL_LOG_DEBUG, "device: references in %u parts, batches of up to %llu pairs",
            feed->part_count, (unsigned long long)shape.pair_count);
    return TAL_OK;
}

/* The references of a part to the device. */
static tal_status upload(tal_device_feed *feed, tal_lid part)
{
    if (feed->has_part && feed->part == part)
        return TAL_OK;
    tal_lid begin = position_of(feed, part_begin(feed, part));
    tal_lid end = position_of(feed, part_begin(feed, part + 1));
    feed->has_part = false;
    uint8_t *letters = tal_alloc((size_t)feed->shape.ref_residue_count);
    uint64_t *offsets = tal_alloc_array((size_t)(end - begin) + 1, sizeof(*offsets));
    tal_status status = TAL_ERR_MEMORY;
    if (letters != NULL && offsets != NULL) {
        offsets[0] = 0;
        for (tal_lid i = begin; i < end; i++) {
            size_t len = (size_t)ref_len(feed, i);
            memcpy(letters + offsets[i - begin],
                   tal_seqset_residues(feed->search->references, feed->search->order[i]), len);
            offsets[i - begin + 1] = offsets[i - begin] + len;
        }
        tal_device_references references = {letters, offsets, end - begin};
        status = tal_device_upload(feed->device, &references);
    }
    tal_free(letters);
    tal_free(offsets);
    feed->has_part = status == TAL_OK;
    feed->part = part;
    return status;
}

/* The smallest score that is tested as one that reaches the cut (tal_search_tested). */
static int32_t relax(const tal_search *search, int32_t cut)
{
    int32_t score = cut;
    if (search->is_relaxed)
        score = (int32_t)((cut - 1) * search->params.expansion->share);
    return score > 1 ? score : 1;
}

/* The smallest score of a query that any reference of these lengths may need. */
static int32_t device_cut(const tal_device_feed *feed, const tal_feed_query *query,
                          int32_t shortest, int32_t longest)
{
    const tal_search *search = feed->search;
    const tal_search_params *params = &search->params;
    int32_t cut = params->score_min > 1 ? params->score_min : 1;
    if (params->is_filtered)
        return tal_filter_cut(search, query->lid, shortest);
    int32_t floor = tal_candidates_floor(search->candidates, query->lid);
    cut = floor > cut ? floor : cut;
    if (params->evalue == INFINITY)
        return relax(search, cut);
    tal_search_space space = tal_search_space_of(search, query->lid);
    const tal_stats_lengths lengths = {space.query_len, space.query_len, shortest, longest};
    int32_t by_evalue = tal_stats_score_floor(&params->stats, &space, params->evalue, &lengths);
    return relax(search, by_evalue > cut ? by_evalue : cut);
}

/* Where the claim at work stands. */
typedef struct feed_claim {
    tal_lid ref_at, ref_end; /* positions; ref_at: of the next batch */
    uint32_t query_at;
    int next, oldest; /* places in `batches` */
} feed_claim;

/* Start the claim's next batch. */
static tal_status submit(tal_device_feed *feed, feed_claim *claim)
{
    tal_lid part_first = position_of(feed, part_begin(feed, feed->part));
    uint64_t ref_max = feed->search->params.device_batch;
    ref_max = ref_max < feed->shape.pair_count ? ref_max : feed->shape.pair_count;
    tal_lid left = claim->ref_end - claim->ref_at;
    tal_lid ref_count = left < ref_max ? left : (tal_lid)ref_max;
    int32_t longest = ref_len(feed, claim->ref_at);
    int32_t shortest = ref_len(feed, claim->ref_at + ref_count - 1);
    tal_feed_batch *batch = &feed->batches[claim->next];
    batch->query_begin = claim->query_at;
    batch->query_count = 0;
    uint64_t residues = 0;
    while (claim->query_at < feed->query_count && batch->query_count < feed->shape.query_count &&
           (uint64_t)(batch->query_count + 1) * ref_count <= feed->shape.pair_count) {
        const tal_feed_query *query = &feed->queries[claim->query_at];
        residues += (uint64_t)query->query.len;
        if (residues > feed->shape.query_residue_count)
            break;
        batch->queries[batch->query_count] = query->query;
        batch->queries[batch->query_count++].cut = device_cut(feed, query, shortest, longest);
        claim->query_at++;
    }
    TAL_ASSERT(batch->query_count > 0);
    tal_device_batch job = {
        .task = feed->search->params.is_filtered ? TAL_DEVICE_GAPLESS : TAL_DEVICE_LOCAL,
        .queries = batch->queries,
        .query_count = batch->query_count,
        .ref_begin = claim->ref_at - part_first,
        .ref_end = claim->ref_at - part_first + ref_count,
    };
    if (claim->query_at == feed->query_count) {
        claim->query_at = 0;
        claim->ref_at += ref_count;
    }
    claim->next = (claim->next + 1) % tal_device_describe(feed->device)->slot_count;
    return tal_device_submit(feed->device, &job);
}

/* Work on something else until the oldest batch is done or nothing else is left. */
static tal_status use_time(tal_device_feed *feed, const tal_feed_meanwhile *meanwhile,
                           bool *out_is_done)
{
    tal_status status = tal_device_poll(feed->device, out_is_done);
    while (status == TAL_OK && !*out_is_done && meanwhile->function(meanwhile->context))
        status = tal_device_poll(feed->device, out_is_done);
    return status;
}

/* Take in the oldest batch. *out_own: a failure of our own memory, not of the device. */
static tal_status collect(tal_device_feed *feed, feed_claim *claim,
                          const tal_feed_meanwhile *meanwhile, tal_status *out_own)
{
    tal_device_result result;
    bool is_done = false;
    tal_status status = use_time(feed, meanwhile, &is_done);
    if (status == TAL_OK && is_done) {
        status = tal_device_collect(feed->device, &result);
    } else if (status == TAL_OK) {
        tal_wait_for what = {TAL_WAIT_ITEM, "device", feed};
        tal_wait_mark mark = tal_wait_begin(&what);
        status = tal_device_collect(feed->device, &result);
        tal_wait_end(mark);
    }
    if (status != TAL_OK)
        return status;
    const tal_feed_batch *batch = &feed->batches[claim->oldest];
    tal_lid part_first = position_of(feed, part_begin(feed, feed->part));
    for (size_t i = 0; i < result.hit_count && *out_own == TAL_OK; i++) {
        tal_device_hit hit = result.hits[i];
        hit.query += batch->query_begin;
        hit.ref += part_first;
        *out_own = tal_buffer_append(&feed->found.hits, &hit, sizeof(hit));
    }
    for (int bin = 0; bin < TAL_HISTOGRAM_BINS; bin++)
        feed->found.histogram[bin] += result.histogram[bin];
    feed->found.rescues += result.rescue_count;
    claim->oldest = (claim->oldest + 1) % tal_device_describe(feed->device)->slot_count;
    return TAL_OK;
}

tal_feed_end tal_device_feed_run(tal_device_feed *feed, tal_lid begin, tal_lid end,
                                 const tal_feed_meanwhile *meanwhile,
                                 const _Atomic bool *is_stopping, tal_status *out_status)
{
    tal_device *device = feed->device;
    int slots = tal_device_describe(device)->slot_count;
    feed_claim claim = {.ref_at = position_of(feed, begin), .ref_end = position_of(feed, end)};
    tal_status own = TAL_OK;
    bool has_stopped = false;
    tal_buffer_reset(&feed->found.hits);
    feed->found.rescues = 0;
    memset(feed->found.histogram, 0, sizeof(feed->found.histogram));
    uint64_t start = tal_clock_ns();
    tal_status status = upload(feed, part_of(feed, end));
    feed->found.upload_ns = tal_clock_ns() - start;
    while (status == TAL_OK && (claim.ref_at < claim.ref_end || tal_device_in_flight(device) > 0)) {
        tal_wait_note_progress();
        if (own == TAL_OK)
            own = tal_stop_check();
        has_stopped =
            has_stopped || own != TAL_OK || atomic_load_explicit(is_stopping, memory_order_relaxed);
        if (has_stopped && tal_device_in_flight(device) == 0)
            break;
        if (!has_stopped && claim.ref_at < claim.ref_end && tal_device_in_flight(device) < slots)
            status = submit(feed, &claim);
        else
            status = collect(feed, &claim, meanwhile, &own);
    }
    if (own != TAL_OK) {
        *out_status = own;
        return TAL_FEED_FAILED;
    }
    if (status != TAL_OK)
        return TAL_FEED_LOST;
    return has_stopped ? TAL_FEED_STOPPED : TAL_FEED_DONE;
}
