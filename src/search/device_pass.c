/* The device's part of the score pass; see device_pass.h. */
#include "search/device_pass.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "device/device.h"
#include "search/search_internal.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUN = TAL_BATCH_LANES, /* references that are taken together */
    PARTS_MAX = 1 << 12,   /* uploads that a rank's references are cut into at most */
    CLAIM_PAIRS_MAX = 1 << 24,
    CLAIM_GROWTH = 8, /* a claim is at most this many times the one before: rates are rough at first
                       */
    QUERIES_MAX = 1 << 12, /* of one batch */
    PAIRS_MIN = 1 << 12,   /* of one batch, whatever the budget */
    PAIRS_MAX = 1 << 24,
};
/* Shares of the budget: a pair takes about 20 bytes, a query residue 64, both twice. */
#define PAIR_BYTES    128
#define RESIDUE_BYTES 512
/* Cuts for a run of lengths are not rounded against the hits. */
#define CUT_SLACK 1.001

_Static_assert((int)TAL_DEVICE_BINS == (int)TAL_HISTOGRAM_BINS, "histograms are added up");

/* Who has a run. The team's items go from FREE to HOST, the driver from FREE to DEVICE and on to
 * RETURNED; each by compare-and-swap, relaxed: who takes a run needs nothing of who did not, and
 * the end of the pass orders the results. */
enum { RUN_FREE = 0, RUN_HOST, RUN_DEVICE, RUN_RETURNED, RUN_DONE };

/* A query and strand. */
typedef struct pass_query {
    tal_device_query query;
    tal_lid lid;
    int strand;
} pass_query;

/* A batch in flight; batches come back in order. */
typedef struct pass_batch {
    tal_device_query *queries;
    uint32_t query_begin, query_count;
} pass_batch;

/* What the device found, of complete claims (or of the claim at work). */
typedef struct pass_counts {
    uint64_t pairs, cells, rescues, candidates;
    uint64_t histogram[TAL_HISTOGRAM_BINS];
} pass_counts;

struct tal_device_pass {
    tal_search *search;
    tal_device *device;
    tal_lid pair_count,
        pair_run_count; /* the references before pair_count make runs of their own */
    tal_lid run_count;
    uint64_t *residues;     /* run_count + 1: of all runs before */
    _Atomic uint8_t *state; /* of each run */
    _Atomic bool is_stopping;
    _Atomic uint64_t host_residues; /* of the runs the team has taken */
    _Atomic uint64_t cells_done;    /* for progress */

    uint8_t *letters; /* of one part */
    uint64_t *offsets;
    tal_lid part_count, part; /* runs of part p: see part_begin; `part` is uploaded when has_part */
    bool has_part;
    tal_device_shape shape; /* as reserved; all 0: nothing is */

    pass_query *queries; /* of the block, longest first */
    uint32_t query_count, query_capacity;
    uint64_t query_residues;
    pass_batch batches[TAL_DEVICE_SLOTS_MAX];
    tal_buffer hits; /* tal_device_hit of the claim at work; query: in `queries` */
    pass_counts claim, total;

    pthread_t thread;
    bool is_running;
    tal_status status; /* of the driver: our own memory, not the device's */
    uint64_t start_ns, busy_ns, device_residues, last_claim;
};

void tal_device_pass_destroy(tal_device_pass *pass)
{
    if (pass == NULL)
        return;
    for (int i = 0; i < TAL_DEVICE_SLOTS_MAX; i++)
        tal_free(pass->batches[i].queries);
    tal_buffer_deinit(&pass->hits);
    tal_free(pass->queries);
    tal_free(pass->offsets);
    tal_free(pass->letters);
    free(pass->state);
    tal_free(pass->residues);
    tal_free(pass);
}

static tal_lid ref_lid(const tal_device_pass *pass, tal_lid position)
{
    return pass->search->order[position];
}

static int32_t ref_len(const tal_device_pass *pass, tal_lid position)
{
    return tal_seqset_len(pass->search->references, ref_lid(pass, position));
}

/* The position after the last one of run `run` - 1. */
static tal_lid run_begin(const tal_device_pass *pass, tal_lid run)
{
    uint64_t position = (uint64_t)run * RUN;
    if (run >= pass->pair_run_count)
        position = pass->pair_count + (uint64_t)(run - pass->pair_run_count) * RUN;
    return position < pass->search->order_count ? (tal_lid)position : pass->search->order_count;
}

static tal_lid part_begin(const tal_device_pass *pass, tal_lid part)
{
    return (tal_lid)((uint64_t)pass->run_count * part / pass->part_count);
}

/* Why a device cannot help this search, or NULL. */
static const char *find_obstacle(const tal_search *search)
{
    int gap_one = search->params.gaps.open + search->params.gaps.extend;
    if (search->params.mode != TAL_LOCAL)
        return "devices score local alignments only";
    if (gap_one > TAL_DEVICE_GAP_MAX)
        return "gap costs are larger than devices hold";
    if (search->params.is_filtered)
        return "a filtered search runs on the processors alone";
    if (search->order_count == 0)
        return "this rank has no references";
    return NULL;
}

tal_status tal_device_pass_create(tal_search *search, tal_device_pass **out_pass)
{
    *out_pass = NULL;
    if (search->params.device == NULL)
        return TAL_OK;
    const char *obstacle = find_obstacle(search);
    if (obstacle != NULL) {
        tal_log(TAL_LOG_INFO, "device: not used: %s", obstacle);
        return TAL_OK;
    }
    tal_device_pass *pass = tal_alloc_zero(sizeof(*pass));
    if (pass == NULL)
        return TAL_ERR_MEMORY;
    pass->search = search;
    pass->device = search->params.device;
    /* One run where there are so few. */
    pass->pair_count = search->order_count <= RUN ? 0 : tal_search_pair_count(search);
    pass->pair_run_count = (pass->pair_count + RUN - 1) / RUN;
    pass->run_count =
        pass->pair_run_count + (search->order_count - pass->pair_count + RUN - 1) / RUN;
    pass->part_count = 1;
    pass->residues = tal_alloc_array((size_t)pass->run_count + 1, sizeof(*pass->residues));
    pass->state = calloc(pass->run_count, sizeof(*pass->state));
    if (pass->residues == NULL || pass->state == NULL) {
        tal_device_pass_destroy(pass);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %u runs of references",
                        pass->run_count);
    }
    uint64_t residues = 0;
    for (tal_lid run = 0; run < pass->run_count; run++) {
        pass->residues[run] = residues;
        for (tal_lid i = run_begin(pass, run); i < run_begin(pass, run + 1); i++)
            residues += (uint64_t)ref_len(pass, i);
    }
    pass->residues[pass->run_count] = residues;
    *out_pass = pass;
    return TAL_OK;
}

/* The device has failed: say so once and do without. */
static void give_up(tal_device_pass *pass)
{
    tal_log(TAL_LOG_WARN, "device given up, the search goes on without it: %s",
            tal_device_message(pass->device));
    pass->device = NULL;
}

static int by_length_falling(const void *a, const void *b)
{
    const pass_query *left = a;
    const pass_query *right = b;
    if (left->query.len != right->query.len)
        return left->query.len < right->query.len ? 1 : -1;
    if (left->lid != right->lid)
        return left->lid < right->lid ? -1 : 1;
    return left->strand - right->strand;
}

/* The block's queries and strands, longest first. */
static tal_status list_queries(tal_device_pass *pass)
{
    const tal_search *search = pass->search;
    tal_lid count = tal_seqset_count(search->queries);
    if ((uint64_t)count * 2 > pass->query_capacity) {
        tal_free(pass->queries);
        pass->query_capacity = 0;
        pass->queries = tal_alloc_array((size_t)count * 2, sizeof(*pass->queries));
        if (pass->queries == NULL)
            return TAL_ERR_MEMORY;
        pass->query_capacity = count * 2;
    }
    pass->query_count = 0;
    pass->query_residues = 0;
    for (tal_lid lid = 0; lid < count; lid++)
        for (int strand = 0; strand < 2; strand++) {
            int32_t len = tal_seqset_len(search->queries, lid);
            const int8_t *profile = search->views[lid].profile[strand];
            if (profile == NULL || len == 0)
                continue;
            pass->queries[pass->query_count++] = (pass_query){
                .query = {.profile = profile, .len = len}, .lid = lid, .strand = strand};
            pass->query_residues += (uint64_t)len;
        }
    if (pass->query_count > 1)
        qsort(pass->queries, pass->query_count, sizeof(*pass->queries), by_length_falling);
    return TAL_OK;
}

static uint64_t between(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The largest batches and uploads for this block, with the references in part_count parts. */
static tal_device_shape plan_shape(const tal_device_pass *pass)
{
    uint64_t budget = tal_device_describe(pass->device)->budget_bytes;
    budget = budget == 0 ? UINT64_MAX : budget;
    tal_device_shape shape = {
        .ref_len_max = ref_len(pass, 0),
        .query_len_max = pass->queries[0].query.len,
        .pair_count = between(budget / PAIR_BYTES, PAIRS_MIN, PAIRS_MAX),
        .query_count = pass->query_count < QUERIES_MAX ? pass->query_count : QUERIES_MAX,
    };
    uint64_t residues = budget / RESIDUE_BYTES;
    residues = residues < pass->query_residues ? residues : pass->query_residues;
    shape.query_residue_count =
        residues > (uint64_t)shape.query_len_max ? residues : (uint64_t)shape.query_len_max;
    uint64_t ref_max = pass->search->params.device_batch;
    for (tal_lid part = 0; part < pass->part_count; part++) {
        tal_lid begin = part_begin(pass, part);
        tal_lid end = part_begin(pass, part + 1);
        tal_lid count = run_begin(pass, end) - run_begin(pass, begin);
        uint64_t part_residues = pass->residues[end] - pass->residues[begin];
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

/* Device memory for the block: references in as few parts as fit. */
static tal_status reserve(tal_device_pass *pass)
{
    tal_device_shape shape = plan_shape(pass);
    if (is_within(&shape, &pass->shape))
        return TAL_OK;
    pass->has_part = false;
    tal_status status = tal_device_reserve(pass->device, &shape);
    while (status == TAL_ERR_MEMORY && pass->part_count * 2 <= pass->run_count &&
           pass->part_count < PARTS_MAX) {
        pass->part_count *= 2;
        shape = plan_shape(pass);
        status = tal_device_reserve(pass->device, &shape);
    }
    pass->shape = (tal_device_shape){0};
    if (status != TAL_OK)
        return status;
    pass->shape = shape;
    for (int i = 0; i < TAL_DEVICE_SLOTS_MAX; i++) {
        tal_free(pass->batches[i].queries);
        pass->batches[i].queries = NULL;
    }
    for (int i = 0; i < tal_device_describe(pass->device)->slot_count; i++) {
        pass->batches[i].queries =
            tal_alloc_array(shape.query_count, sizeof(*pass->batches[i].queries));
        if (pass->batches[i].queries == NULL)
            return TAL_ERR_MEMORY;
    }
    tal_log(TAL_LOG_DEBUG, "device: references in %u parts, batches of up to %llu pairs",
            pass->part_count, (unsigned long long)shape.pair_count);
    return TAL_OK;
}

/* The references of a part to the device. */
static tal_status upload(tal_device_pass *pass, tal_lid part)
{
    if (pass->has_part && pass->part == part)
        return TAL_OK;
    tal_lid begin = run_begin(pass, part_begin(pass, part));
    tal_lid end = run_begin(pass, part_begin(pass, part + 1));
    pass->has_part = false;
    pass->letters = tal_alloc((size_t)pass->shape.ref_residue_count);
    pass->offsets = tal_alloc_array((size_t)(end - begin) + 1, sizeof(*pass->offsets));
    tal_status status = TAL_ERR_MEMORY;
    if (pass->letters != NULL && pass->offsets != NULL) {
        pass->offsets[0] = 0;
        for (tal_lid i = begin; i < end; i++) {
            size_t len = (size_t)ref_len(pass, i);
            memcpy(pass->letters + pass->offsets[i - begin],
                   tal_seqset_residues(pass->search->references, ref_lid(pass, i)), len);
            pass->offsets[i - begin + 1] = pass->offsets[i - begin] + len;
        }
        tal_device_references references = {pass->letters, pass->offsets, end - begin};
        status = tal_device_upload(pass->device, &references);
    }
    tal_free(pass->letters);
    tal_free(pass->offsets);
    pass->letters = NULL;
    pass->offsets = NULL;
    pass->has_part = status == TAL_OK;
    pass->part = part;
    return status;
}

static bool take(tal_device_pass *pass, tal_lid run, uint8_t to)
{
    uint8_t expected = RUN_FREE;
    return atomic_compare_exchange_strong_explicit(&pass->state[run], &expected, to,
                                                   memory_order_relaxed, memory_order_relaxed);
}

bool tal_device_pass_is_host(tal_device_pass *pass, tal_lid position)
{
    if (pass == NULL)
        return true;
    tal_lid run = position / RUN;
    if (position >= pass->pair_count)
        run = pass->pair_run_count + (position - pass->pair_count) / RUN;
    if (!take(pass, run, RUN_HOST))
        return atomic_load_explicit(&pass->state[run], memory_order_relaxed) == RUN_HOST;
    atomic_fetch_add_explicit(&pass->host_residues, pass->residues[run + 1] - pass->residues[run],
                              memory_order_relaxed);
    return true;
}

/* Residues the next claim should have; 0: the team will be done with all before the device with a
 * run. `last`: residues of the last free run. */
static uint64_t claim_size(const tal_device_pass *pass, uint64_t last)
{
    if (pass->device_residues == 0 || pass->busy_ns == 0)
        return 1;
    uint64_t host = atomic_load_explicit(&pass->host_residues, memory_order_relaxed);
    uint64_t taken = host + pass->device_residues;
    uint64_t all = pass->residues[pass->run_count];
    double left = taken < all ? (double)(all - taken) : 0;
    double device_rate = (double)pass->device_residues / (double)pass->busy_ns;
    double host_rate = (double)host / (double)(tal_clock_ns() - pass->start_ns + 1);
    if ((double)last * host_rate > left * device_rate)
        return 0;
    double size = left * device_rate / (device_rate + host_rate) / 2;
    double most = (double)pass->last_claim * CLAIM_GROWTH;
    size = size < most ? size : most;
    return size < 1 ? 1 : (uint64_t)size;
}

/* Claim runs from the back, within one part: [*out_begin, *out_end), empty when the device shall
 * stop. */
static void claim_runs(tal_device_pass *pass, tal_lid *out_begin, tal_lid *out_end)
{
    tal_lid end = pass->run_count;
    while (end > 0 && atomic_load_explicit(&pass->state[end - 1], memory_order_relaxed) != RUN_FREE)
        end--;
    *out_begin = *out_end = end;
    if (end == 0)
        return;
    uint64_t size = claim_size(pass, pass->residues[end] - pass->residues[end - 1]);
    if (size == 0)
        return;
    uint64_t runs_max = CLAIM_PAIRS_MAX / RUN / pass->query_count + 1;
    tal_lid part = 0;
    while (part_begin(pass, part + 1) < end)
        part++;
    tal_lid begin = end;
    while (begin > part_begin(pass, part) && (uint64_t)(end - begin) < runs_max &&
           (begin == end || pass->residues[end] - pass->residues[begin] < size) &&
           take(pass, begin - 1, RUN_DEVICE))
        begin--;
    *out_begin = begin;
}

/* The smallest score of a query that any reference of n1 to n2 residues may need.
 *
 * E(n, s) = p(n) ... N / n, with p and Phi growing with n: so E(n, s) >= E(n1, s) n1 / n2, and what
 * passes at n has E(n1, s) <= evalue n2 / n1. */
static int32_t device_cut(const tal_device_pass *pass, const pass_query *query, int32_t shortest,
                          int32_t longest)
{
    const tal_search *search = pass->search;
    const tal_search_params *params = &search->params;
    int32_t cut = params->score_min > 1 ? params->score_min : 1;
    int32_t floor = tal_candidates_floor(search->candidates, query->lid);
    cut = floor > cut ? floor : cut;
    if (params->evalue == INFINITY)
        return cut;
    tal_search_space space = tal_search_space_of(search, query->lid);
    double evalue = params->evalue * ((double)longest / shortest) * CUT_SLACK;
    int32_t by_evalue = tal_stats_score_cut(&params->stats, &space, evalue, shortest, cut);
    return by_evalue > cut ? by_evalue : cut;
}

/* Positions of references and indices of queries of the claim at work. */
typedef struct pass_claim {
    tal_lid ref_begin, ref_end, ref_at; /* ref_at: of the next batch */
    uint32_t query_at;
    int next, oldest; /* places in `batches` */
} pass_claim;

/* Start the claim's next batch. */
static tal_status submit(tal_device_pass *pass, pass_claim *claim)
{
    tal_lid part_first = run_begin(pass, part_begin(pass, pass->part));
    uint64_t ref_max = pass->search->params.device_batch;
    ref_max = ref_max < pass->shape.pair_count ? ref_max : pass->shape.pair_count;
    tal_lid left = claim->ref_end - claim->ref_at;
    tal_lid ref_count = left < ref_max ? left : (tal_lid)ref_max;
    int32_t longest = ref_len(pass, claim->ref_at);
    int32_t shortest = ref_len(pass, claim->ref_at + ref_count - 1);
    pass_batch *batch = &pass->batches[claim->next];
    batch->query_begin = claim->query_at;
    batch->query_count = 0;
    uint64_t residues = 0;
    while (claim->query_at < pass->query_count && batch->query_count < pass->shape.query_count &&
           (uint64_t)(batch->query_count + 1) * ref_count <= pass->shape.pair_count) {
        const pass_query *query = &pass->queries[claim->query_at];
        residues += (uint64_t)query->query.len;
        if (residues > pass->shape.query_residue_count)
            break;
        batch->queries[batch->query_count] = query->query;
        batch->queries[batch->query_count++].cut = device_cut(pass, query, shortest, longest);
        claim->query_at++;
    }
    TAL_ASSERT(batch->query_count > 0);
    tal_device_batch job = {
        .queries = batch->queries,
        .query_count = batch->query_count,
        .ref_begin = claim->ref_at - part_first,
        .ref_end = claim->ref_at - part_first + ref_count,
    };
    if (claim->query_at == pass->query_count) {
        claim->query_at = 0;
        claim->ref_at += ref_count;
    }
    claim->next = (claim->next + 1) % tal_device_describe(pass->device)->slot_count;
    return tal_device_submit(pass->device, &job);
}

/* Take in the oldest batch; its hits wait for the end of the claim. */
static tal_status collect(tal_device_pass *pass, pass_claim *claim)
{
    tal_device_result result;
    tal_status status = tal_device_collect(pass->device, &result);
    if (status != TAL_OK)
        return status;
    const pass_batch *batch = &pass->batches[claim->oldest];
    tal_lid part_first = run_begin(pass, part_begin(pass, pass->part));
    for (size_t i = 0; i < result.hit_count; i++) {
        tal_device_hit hit = result.hits[i];
        hit.query += batch->query_begin;
        hit.ref += part_first;
        pass->status = tal_buffer_append(&pass->hits, &hit, sizeof(hit));
        if (pass->status != TAL_OK)
            return pass->status;
    }
    for (int bin = 0; bin < TAL_HISTOGRAM_BINS; bin++)
        pass->claim.histogram[bin] += result.histogram[bin];
    pass->claim.rescues += result.rescue_count;
    claim->oldest = (claim->oldest + 1) % tal_device_describe(pass->device)->slot_count;
    return TAL_OK;
}

/* All batches of a claim. */
static tal_status run_claim(tal_device_pass *pass, pass_claim *claim)
{
    int slots = tal_device_describe(pass->device)->slot_count;
    tal_buffer_reset(&pass->hits);
    memset(&pass->claim, 0, sizeof(pass->claim));
    tal_status status = TAL_OK;
    while (status == TAL_OK &&
           (claim->ref_at < claim->ref_end || tal_device_in_flight(pass->device) > 0)) {
        if (pass->status == TAL_OK)
            pass->status = tal_stop_check();
        bool is_stopping = pass->status != TAL_OK ||
                           atomic_load_explicit(&pass->is_stopping, memory_order_relaxed);
        if (is_stopping && tal_device_in_flight(pass->device) == 0)
            return pass->status; /* The search ends, here or elsewhere. */
        if (!is_stopping && claim->ref_at < claim->ref_end &&
            tal_device_in_flight(pass->device) < slots)
            status = submit(pass, claim);
        else
            status = collect(pass, claim);
    }
    return status;
}

/* A complete claim becomes part of the search. */
static tal_status enter_claim(tal_device_pass *pass, const pass_claim *claim)
{
    const tal_device_hit *hits = (const tal_device_hit *)(const void *)pass->hits.data;
    size_t hit_count = pass->hits.bytes / sizeof(*hits);
    for (size_t i = 0; i < hit_count; i++) {
        const pass_query *query = &pass->queries[hits[i].query];
        tal_status status =
            tal_search_enter(pass->search, query->lid, query->strand, ref_lid(pass, hits[i].ref),
                             hits[i].score, &pass->total.candidates);
        if (status != TAL_OK)
            return status;
    }
    uint64_t residues = 0;
    for (tal_lid i = claim->ref_begin; i < claim->ref_end; i++)
        residues += (uint64_t)ref_len(pass, i);
    pass->total.pairs += (uint64_t)(claim->ref_end - claim->ref_begin) * pass->query_count;
    pass->total.cells += residues * pass->query_residues;
    pass->total.rescues += pass->claim.rescues;
    atomic_store_explicit(&pass->cells_done, pass->total.cells, memory_order_relaxed);
    for (int bin = 0; bin < TAL_HISTOGRAM_BINS; bin++)
        pass->total.histogram[bin] += pass->claim.histogram[bin];
    return TAL_OK;
}

/* Compute the runs [begin, end) and enter them, or return them. False: no further claims. */
static bool work(tal_device_pass *pass, tal_lid begin, tal_lid end)
{
    uint64_t start = tal_clock_ns();
    tal_lid part = 0;
    while (part_begin(pass, part + 1) < end)
        part++;
    pass_claim claim = {.ref_begin = run_begin(pass, begin), .ref_end = run_begin(pass, end)};
    claim.ref_at = claim.ref_begin;
    tal_status status = upload(pass, part);
    if (status == TAL_OK)
        status = run_claim(pass, &claim);
    if (status != TAL_OK || atomic_load_explicit(&pass->is_stopping, memory_order_relaxed)) {
        for (tal_lid run = begin; run < end; run++)
            atomic_store_explicit(&pass->state[run], RUN_RETURNED, memory_order_relaxed);
        if (status != TAL_OK && pass->status == TAL_OK)
            give_up(pass);
        return false;
    }
    pass->status = enter_claim(pass, &claim);
    pass->busy_ns += tal_clock_ns() - start;
    pass->last_claim = pass->residues[end] - pass->residues[begin];
    pass->device_residues += pass->last_claim;
    return pass->status == TAL_OK;
}

static void *drive(void *context)
{
    tal_device_pass *pass = context;
    tal_lid begin, end;
    /* The first run was claimed before the team began. */
    bool has_more = work(pass, pass->run_count - 1, pass->run_count);
    while (has_more && !atomic_load_explicit(&pass->is_stopping, memory_order_relaxed)) {
        claim_runs(pass, &begin, &end);
        has_more = begin < end && work(pass, begin, end);
    }
    return NULL;
}

void tal_device_pass_begin(tal_device_pass *pass)
{
    if (pass == NULL)
        return;
    for (tal_lid run = 0; run < pass->run_count; run++)
        atomic_store_explicit(&pass->state[run], RUN_FREE, memory_order_relaxed);
    atomic_store_explicit(&pass->is_stopping, false, memory_order_relaxed);
    atomic_store_explicit(&pass->host_residues, 0, memory_order_relaxed);
    atomic_store_explicit(&pass->cells_done, 0, memory_order_relaxed);
    memset(&pass->total, 0, sizeof(pass->total));
    pass->busy_ns = pass->device_residues = pass->last_claim = 0;
    pass->start_ns = tal_clock_ns();
    pass->status = TAL_OK;
    if (pass->device == NULL)
        return;
    pass->status = list_queries(pass);
    if (pass->status != TAL_OK || pass->query_count == 0)
        return;
    tal_status status = reserve(pass);
    if (status != TAL_OK) {
        give_up(pass);
        return;
    }
    (void)take(pass, pass->run_count - 1, RUN_DEVICE); /* Nobody else is there yet. */
    pass->is_running = pthread_create(&pass->thread, NULL, drive, pass) == 0;
    if (!pass->is_running) {
        atomic_store_explicit(&pass->state[pass->run_count - 1], RUN_FREE, memory_order_relaxed);
        tal_log(TAL_LOG_WARN, "device: cannot start its thread; this block goes without it");
    }
}

uint64_t tal_device_pass_cells(const tal_device_pass *pass)
{
    return pass == NULL ? 0 : atomic_load_explicit(&pass->cells_done, memory_order_relaxed);
}

tal_status tal_device_pass_end(tal_device_pass *pass, bool has_failed, bool *out_has_more)
{
    *out_has_more = false;
    if (pass == NULL)
        return TAL_OK;
    if (has_failed)
        atomic_store_explicit(&pass->is_stopping, true, memory_order_relaxed);
    if (pass->is_running)
        (void)pthread_join(pass->thread, NULL); /* Cannot fail for a thread that was started. */
    pass->is_running = false;
    if (pass->status != TAL_OK)
        return pass->status;
    tal_accum *accum = pass->search->accum;
    tal_accum_add(accum, 0, TAL_COUNT_PAIRS, pass->total.pairs);
    tal_accum_add(accum, 0, TAL_COUNT_CELLS, pass->total.cells);
    tal_accum_add(accum, 0, TAL_COUNT_SCORED_PAIRS, pass->total.pairs);
    tal_accum_add(accum, 0, TAL_COUNT_SCORED_CELLS, pass->total.cells);
    tal_accum_add(accum, 0, TAL_COUNT_DEVICE_CELLS, pass->total.cells);
    tal_accum_add(accum, 0, TAL_COUNT_CANDIDATES, pass->total.candidates);
    tal_accum_add(accum, 0, TAL_COUNT_RESCUE_32, pass->total.rescues);
    for (int bin = 0; bin < TAL_HISTOGRAM_BINS; bin++)
        tal_accum_add(accum, 0, (size_t)TAL_COUNT_HISTOGRAM + (size_t)bin,
                      pass->total.histogram[bin]);
    memset(&pass->total, 0, sizeof(pass->total));
    for (tal_lid run = 0; run < pass->run_count; run++) {
        bool is_returned =
            atomic_load_explicit(&pass->state[run], memory_order_relaxed) == RUN_RETURNED;
        *out_has_more = *out_has_more || is_returned;
        atomic_store_explicit(&pass->state[run], is_returned ? RUN_FREE : RUN_DONE,
                              memory_order_relaxed);
    }
    return TAL_OK;
}
