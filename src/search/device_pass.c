/* The device's part of the score pass; see device_pass.h.
 *
 * A thread drives the device: it claims runs (device_runs.h) and has them computed
 * (device_feed.h). What a complete claim found is entered by this thread while the device is at the
 * next, and by workers between their items: a hit takes some ten microseconds where reversed
 * references are scored.
 */
#include "search/device_pass.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "par/lock.h"
#include "par/wait.h"
#include "search/device_feed.h"
#include "search/device_runs.h"
#include "search/search_internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum {
    CLAIM_PAIRS_MAX = 1 << 24,
    PASSED_MAX = 1 << 24, /* pairs that passed the filter, of a block: no more claims then */
    ENTERED_AT_ONCE = 32, /* hits */
    ENTERING_NS = 20000,  /* between looks at whether workers have entered theirs */
};

/* What the device found in complete claims. */
typedef struct pass_counts {
    uint64_t pairs, cells, scored_pairs, scored_cells, rescues, candidates;
    uint64_t histogram[TAL_HISTOGRAM_BINS];
} pass_counts;

/* Hits of complete claims on their way into the search. */
typedef struct pass_hits {
    tal_buffer hits; /* tal_device_hit, as of a feed; the driver's while nobody is at work */
    tal_lock lock;   /* of the following */
    size_t next;     /* the first that nobody has taken */
    int at_work;     /* how many are entering some */
    _Atomic bool has_some;
} pass_hits;

struct tal_device_pass {
    tal_search *search;
    tal_device *device;           /* NULL: given up */
    tal_device_runs runs;         /* of the references in work */
    const tal_seqset *references; /* these, in this order; NULL: none yet */
    const tal_lid *order;
    tal_lid order_count;
    tal_device_feed feed;
    _Atomic bool is_stopping;
    _Atomic uint64_t cells_done; /* for progress */
    pass_counts total;
    pass_hits pending;
    tal_buffer passed; /* tal_passed: of the block, filtered only */
    tal_ladder_scratch ladder;
    tal_buffer letters; /* of a reference, reversed */

    pthread_t thread;
    bool is_running;
    tal_status status; /* of the driver: our own memory, not the device's */
};

void tal_device_pass_destroy(tal_device_pass *pass)
{
    if (pass == NULL)
        return;
    tal_buffer_deinit(&pass->letters);
    tal_ladder_scratch_deinit(&pass->ladder);
    tal_buffer_deinit(&pass->passed);
    tal_lock_deinit(&pass->pending.lock);
    tal_buffer_deinit(&pass->pending.hits);
    tal_device_feed_deinit(&pass->feed);
    tal_device_runs_deinit(&pass->runs);
    tal_free(pass);
}

/* Why a device cannot help this search, or NULL. */
static const char *find_obstacle(const tal_search *search)
{
    int gap_one = search->params.gaps.open + search->params.gaps.extend;
    if (search->params.mode != TAL_LOCAL)
        return "devices score local alignments only";
    if (gap_one > TAL_DEVICE_GAP_MAX)
        return "gap costs are larger than devices hold";
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
    tal_device_feed_init(&pass->feed, search, &pass->runs);
    tal_lock_init(&pass->pending.lock, "hits of the device", TAL_LOCK_RANK_DEVICE);
    *out_pass = pass;
    return TAL_OK;
}

/* Cut the references that are scored now into runs, unless they are those of the last pass. Others'
 * tiles come in memory that is used again: theirs always are. */
static tal_status use_references(tal_device_pass *pass)
{
    const tal_search *search = pass->search;
    bool is_own = search->references == search->own_references;
    if (is_own && pass->references == search->references && pass->order == search->order &&
        pass->order_count == search->order_count) {
        tal_device_runs_reset(&pass->runs);
        return TAL_OK;
    }
    tal_device_runs_deinit(&pass->runs);
    pass->references = NULL;
    pass->feed.has_part = false;
    tal_status status = tal_device_runs_init(&pass->runs, search->references, search->order,
                                             search->order_count, tal_search_pair_count(search));
    if (status != TAL_OK)
        return status;
    pass->references = search->references;
    pass->order = search->order;
    pass->order_count = search->order_count;
    tal_device_runs_reset(&pass->runs);
    return TAL_OK;
}

/* The device has failed: say so once and do without. */
static void give_up(tal_device_pass *pass)
{
    tal_log(TAL_LOG_WARN, "device given up, the search goes on without it: %s",
            tal_device_message(pass->device));
    pass->device = NULL;
}

bool tal_device_pass_is_host(tal_device_pass *pass, tal_lid position)
{
    return pass == NULL || tal_device_runs_take(&pass->runs, position);
}

/* One pair with a score that may count becomes a candidate. */
static tal_status enter_hit(tal_device_pass *pass, const tal_search_scratch *scratch,
                            const tal_device_hit *hit, uint64_t *candidate_count)
{
    const tal_feed_query *query = &pass->feed.queries[hit->query];
    return tal_search_enter(pass->search, scratch, query->lid, query->strand,
                            pass->search->order[hit->ref], hit->score, candidate_count);
}

/* Or one that passes the filter. The driver only. */
static tal_status pass_hit(tal_device_pass *pass, const tal_device_hit *hit)
{
    const tal_search *search = pass->search;
    const tal_feed_query *query = &pass->feed.queries[hit->query];
    if (!tal_filter_passes(search, query->lid, search->order[hit->ref], hit->score))
        return TAL_OK;
    tal_passed passed = {.list = (uint64_t)query->lid * 2 + (uint64_t)query->strand,
                         .position = hit->ref};
    return tal_buffer_append(&pass->passed, &passed, sizeof(passed));
}

static size_t pending_count(const tal_device_pass *pass)
{
    return pass->pending.hits.bytes / sizeof(tal_device_hit) - pass->pending.next;
}

/* Some of the hits of complete claims, *out_count of them; 0: all are taken, else
 * put_down follows. */
static const tal_device_hit *take_up(tal_device_pass *pass, size_t *out_count)
{
    pass_hits *pending = &pass->pending;
    tal_lock_acquire(&pending->lock);
    const size_t left = pending_count(pass);
    const size_t count = left < ENTERED_AT_ONCE ? left : ENTERED_AT_ONCE;
    const tal_device_hit *hits = (const tal_device_hit *)(const void *)pending->hits.data;
    hits = count == 0 ? NULL : hits + pending->next;
    pending->next += count;
    pending->at_work += count > 0;
    atomic_store_explicit(&pending->has_some, count < left, memory_order_relaxed);
    tal_lock_release(&pending->lock);
    *out_count = count;
    return hits;
}

static void put_down(tal_device_pass *pass)
{
    tal_lock_acquire(&pass->pending.lock);
    pass->pending.at_work--;
    tal_lock_release(&pass->pending.lock);
}

/* The driver's part; false: all are taken, or one failed. */
static bool enter_some(void *context)
{
    tal_device_pass *pass = context;
    const tal_search_scratch scratch = {&pass->ladder, &pass->letters};
    size_t count;
    const tal_device_hit *hits = take_up(pass, &count);
    if (count == 0)
        return false;
    for (size_t i = 0; i < count && pass->status == TAL_OK; i++)
        pass->status = pass->search->params.is_filtered
                           ? pass_hit(pass, &hits[i])
                           : enter_hit(pass, &scratch, &hits[i], &pass->total.candidates);
    put_down(pass);
    return pass->status == TAL_OK;
}

/* Enter the rest, unless the search has failed and nothing counts; then nobody is at work. */
static void enter_rest(tal_device_pass *pass)
{
    while (!atomic_load_explicit(&pass->is_stopping, memory_order_relaxed) && enter_some(pass))
        continue;
    for (bool is_done = false; !is_done;) {
        tal_lock_acquire(&pass->pending.lock);
        is_done = pass->pending.at_work == 0;
        tal_lock_release(&pass->pending.lock);
        if (!is_done)
            tal_clock_sleep(ENTERING_NS);
    }
}

tal_status tal_device_pass_help(tal_device_pass *pass, tal_search_worker *own,
                                uint64_t *candidate_count)
{
    if (pass == NULL || pass->search->params.is_filtered)
        return TAL_OK;
    const tal_search_scratch scratch = tal_search_scratch_of(own);
    tal_status status = TAL_OK;
    while (status == TAL_OK &&
           atomic_load_explicit(&pass->pending.has_some, memory_order_relaxed)) {
        size_t count;
        const tal_device_hit *hits = take_up(pass, &count);
        for (size_t i = 0; i < count && status == TAL_OK; i++)
            status = enter_hit(pass, &scratch, &hits[i], candidate_count);
        if (count > 0)
            put_down(pass);
    }
    return status;
}

/* What is left when the device and the team are done. */
static tal_status help_item(void *context, int worker, size_t idx)
{
    tal_device_pass *pass = context;
    tal_search *search = pass->search;
    tal_tally tally = {0};
    (void)idx;
    tal_status status = tal_device_pass_help(pass, &search->workers[worker], &tally.candidates);
    tal_search_count(search, worker, &tally);
    return status;
}

/* A complete claim becomes part of the search; its hits are entered from now on. */
static void keep_claim(tal_device_pass *pass, tal_lid begin, tal_lid end)
{
    tal_feed_found *found = &pass->feed.found;
    pass_hits *pending = &pass->pending;
    tal_lock_acquire(&pending->lock);
    tal_buffer entered = pending->hits;
    pending->hits = found->hits;
    pending->next = 0;
    atomic_store_explicit(&pending->has_some, pending->hits.bytes > 0, memory_order_relaxed);
    tal_lock_release(&pending->lock);
    found->hits = entered;
    tal_lid ref_count =
        tal_device_runs_begin(&pass->runs, end) - tal_device_runs_begin(&pass->runs, begin);
    uint64_t pairs = (uint64_t)ref_count * pass->feed.query_count;
    uint64_t cells =
        (pass->runs.residues[end] - pass->runs.residues[begin]) * pass->feed.query_residues;
    pass->total.pairs += pairs;
    pass->total.cells += cells;
    atomic_store_explicit(&pass->cells_done, pass->total.cells, memory_order_relaxed);
    if (pass->search->params.is_filtered)
        return; /* Scores in full come later. */
    pass->total.scored_pairs += pairs;
    pass->total.scored_cells += cells;
    pass->total.rescues += found->rescues;
    for (int bin = 0; bin < TAL_HISTOGRAM_BINS; bin++)
        pass->total.histogram[bin] += found->histogram[bin];
}

/* Compute the runs [begin, end) and keep what they have, or return them; what was kept before is
 * entered. False: no further claims. */
static bool work(tal_device_pass *pass, tal_lid begin, tal_lid end)
{
    const tal_feed_meanwhile meanwhile = {enter_some, pass};
    uint64_t start = tal_clock_ns();
    tal_status status = TAL_OK;
    tal_feed_end how =
        tal_device_feed_run(&pass->feed, begin, end, &meanwhile, &pass->is_stopping, &status);
    /* References come once: how fast the device is with them does not show in that. */
    const uint64_t took_ns = tal_clock_ns() - start - pass->feed.found.upload_ns;
    enter_rest(pass);
    pass->status = pass->status == TAL_OK ? status : pass->status;
    if (how != TAL_FEED_DONE) {
        tal_device_runs_return(&pass->runs, begin, end);
        if (how == TAL_FEED_LOST)
            give_up(pass);
        return false;
    }
    keep_claim(pass, begin, end);
    tal_device_runs_complete(&pass->runs, begin, end, took_ns);
    if (pass->status != TAL_OK || !pass->search->params.is_filtered)
        return pass->status == TAL_OK;
    return pass->passed.bytes / sizeof(tal_passed) + pending_count(pass) < PASSED_MAX;
}

static void *drive(void *context)
{
    tal_device_pass *pass = context;
    tal_lid end = pass->runs.count;
    tal_lid begin = end - 1; /* The first run was claimed before the team began. */
    tal_lid run_count_max = CLAIM_PAIRS_MAX / TAL_BATCH_LANES / pass->feed.query_count + 1;
    bool has_more = work(pass, begin, end);
    while (has_more && !atomic_load_explicit(&pass->is_stopping, memory_order_relaxed)) {
        tal_device_runs_claim(&pass->runs, run_count_max, tal_device_feed_first, &pass->feed,
                              &begin, &end);
        has_more = begin < end && work(pass, begin, end);
    }
    if (pass->search->params.is_filtered)
        enter_rest(pass);
    return NULL;
}

static int start_thread(tal_device_pass *pass)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* Signals are for the main thread. */
    int code = pthread_create(&pass->thread, NULL, drive, pass);
    if (code == 0)
        (void)pthread_setname_np(pass->thread, "talaria-device"); /* For people. */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

tal_status tal_device_pass_begin(tal_device_pass *pass)
{
    if (pass == NULL)
        return TAL_OK;
    tal_status status = use_references(pass);
    if (status != TAL_OK)
        return status;
    atomic_store_explicit(&pass->is_stopping, false, memory_order_relaxed);
    atomic_store_explicit(&pass->cells_done, 0, memory_order_relaxed);
    memset(&pass->total, 0, sizeof(pass->total));
    tal_buffer_reset(&pass->passed);
    tal_buffer_reset(&pass->pending.hits);
    pass->pending.next = 0;
    atomic_store_explicit(&pass->pending.has_some, false, memory_order_relaxed);
    pass->status = TAL_OK;
    if (pass->device == NULL)
        return TAL_OK;
    status = tal_device_feed_list(&pass->feed);
    if (status != TAL_OK || pass->feed.query_count == 0)
        return status;
    if (tal_device_feed_reserve(&pass->feed) != TAL_OK) {
        give_up(pass);
        return TAL_OK;
    }
    tal_device_runs_take_last(&pass->runs); /* Nobody else is there yet. */
    pass->is_running = start_thread(pass) == 0;
    if (!pass->is_running) {
        tal_device_runs_free_last(&pass->runs);
        tal_log(TAL_LOG_WARN, "device: cannot start its thread; this block goes without it");
    }
    return TAL_OK;
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
    if (pass->is_running) {
        tal_wait_for what = {TAL_WAIT_THREAD, "device", pass};
        tal_wait_mark mark = tal_wait_begin(&what);
        (void)pthread_join(pass->thread, NULL); /* Cannot fail for a thread that was started. */
        tal_wait_end(mark);
    }
    pass->is_running = false;
    if (pass->status == TAL_OK && !has_failed && pending_count(pass) > 0)
        pass->status = tal_team_for(pass->search->team, (size_t)tal_team_size(pass->search->team),
                                    help_item, pass);
    if (pass->status != TAL_OK)
        return pass->status;
    tal_accum *accum = pass->search->accum;
    tal_accum_add(accum, 0, TAL_COUNT_PAIRS, pass->total.pairs);
    tal_accum_add(accum, 0, TAL_COUNT_CELLS, pass->total.cells);
    tal_accum_add(accum, 0, TAL_COUNT_SCORED_PAIRS, pass->total.scored_pairs);
    tal_accum_add(accum, 0, TAL_COUNT_SCORED_CELLS, pass->total.scored_cells);
    tal_accum_add(accum, 0, TAL_COUNT_DEVICE_CELLS, pass->total.cells);
    tal_accum_add(accum, 0, TAL_COUNT_CANDIDATES, pass->total.candidates);
    tal_accum_add(accum, 0, TAL_COUNT_RESCUE_32, pass->total.rescues);
    for (int bin = 0; bin < TAL_HISTOGRAM_BINS; bin++)
        tal_accum_add(accum, 0, (size_t)TAL_COUNT_HISTOGRAM + (size_t)bin,
                      pass->total.histogram[bin]);
    memset(&pass->total, 0, sizeof(pass->total));
    *out_has_more = tal_device_runs_finish(&pass->runs);
    return TAL_OK;
}

const tal_passed *tal_device_pass_passed(const tal_device_pass *pass, size_t *out_count)
{
    *out_count = pass == NULL ? 0 : pass->passed.bytes / sizeof(tal_passed);
    return *out_count == 0 ? NULL : (const tal_passed *)(const void *)pass->passed.data;
}
