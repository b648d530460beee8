/* Who computes which references; see device_runs.h. */
#include "search/device_runs.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "kernels/contract.h"

#include <stdlib.h>

enum {
    RUN = TAL_BATCH_LANES, /* references that are taken together */
    CLAIM_GROWTH = 8,
};

enum { RUN_FREE = 0, RUN_HOST, RUN_DEVICE, RUN_RETURNED, RUN_DONE };

uint64_t tal_device_claim_size(const tal_device_rates *rates)
{
    if (rates->device_residues == 0 || rates->device_ns == 0)
        return 1;
    double left = (double)rates->left_residues;
    double device_rate = (double)rates->device_residues / (double)rates->device_ns;
    double host_rate = (double)rates->host_residues / (double)(rates->host_ns + 1);
    if ((double)rates->last_run * host_rate > left * device_rate)
        return 0;
    double size = left * device_rate / (device_rate + host_rate) / 2;
    double most = (double)rates->last_claim * CLAIM_GROWTH;
    size = size < most ? size : most;
    return size < 1 ? 1 : (uint64_t)size;
}

tal_status tal_device_runs_init(tal_device_runs *runs, const tal_seqset *references,
                                const tal_lid *order, tal_lid order_count, tal_lid pair_count)
{
    *runs = (tal_device_runs){.order_count = order_count};
    runs->pair_count = order_count <= RUN ? 0 : pair_count; /* One run where there are so few. */
    runs->pair_run_count = (runs->pair_count + RUN - 1) / RUN;
    runs->count = runs->pair_run_count + (order_count - runs->pair_count + RUN - 1) / RUN;
    runs->residues = tal_alloc_array((size_t)runs->count + 1, sizeof(*runs->residues));
    runs->state = calloc((size_t)runs->count + 1, sizeof(*runs->state));
    if (runs->residues == NULL || runs->state == NULL)
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %u runs of references",
                        runs->count);
    uint64_t residues = 0;
    for (tal_lid run = 0; run < runs->count; run++) {
        runs->residues[run] = residues;
        tal_lid end = tal_device_runs_begin(runs, run + 1);
        for (tal_lid i = tal_device_runs_begin(runs, run); i < end; i++)
            residues += (uint64_t)tal_seqset_len(references, order[i]);
    }
    runs->residues[runs->count] = residues;
    return TAL_OK;
}

void tal_device_runs_deinit(tal_device_runs *runs)
{
    free(runs->state);
    tal_free(runs->residues);
    *runs = (tal_device_runs){0};
}

tal_lid tal_device_runs_begin(const tal_device_runs *runs, tal_lid run)
{
    uint64_t position = (uint64_t)run * RUN;
    if (run >= runs->pair_run_count)
        position = runs->pair_count + (uint64_t)(run - runs->pair_run_count) * RUN;
    return position < runs->order_count ? (tal_lid)position : runs->order_count;
}

static void set_state(tal_device_runs *runs, tal_lid begin, tal_lid end, uint8_t to)
{
    for (tal_lid run = begin; run < end; run++)
        atomic_store_explicit(&runs->state[run], to, memory_order_relaxed);
}

void tal_device_runs_reset(tal_device_runs *runs)
{
    set_state(runs, 0, runs->count, RUN_FREE);
    atomic_store_explicit(&runs->host_residues, 0, memory_order_relaxed);
    runs->device_ns = runs->device_residues = runs->last_claim = 0;
    runs->start_ns = tal_clock_ns();
}

static bool take(tal_device_runs *runs, tal_lid run, uint8_t to)
{
    uint8_t expected = RUN_FREE;
    return atomic_compare_exchange_strong_explicit(&runs->state[run], &expected, to,
                                                   memory_order_relaxed, memory_order_relaxed);
}

bool tal_device_runs_take(tal_device_runs *runs, tal_lid position)
{
    tal_lid run = position / RUN;
    if (position >= runs->pair_count)
        run = runs->pair_run_count + (position - runs->pair_count) / RUN;
    if (!take(runs, run, RUN_HOST))
        return atomic_load_explicit(&runs->state[run], memory_order_relaxed) == RUN_HOST;
    atomic_fetch_add_explicit(&runs->host_residues, runs->residues[run + 1] - runs->residues[run],
                              memory_order_relaxed);
    return true;
}

void tal_device_runs_take_last(tal_device_runs *runs)
{
    set_state(runs, runs->count - 1, runs->count, RUN_DEVICE);
}

void tal_device_runs_free_last(tal_device_runs *runs)
{
    set_state(runs, runs->count - 1, runs->count, RUN_FREE);
}

/* Rates as measured so far; `end`: after the last free run. */
static tal_device_rates measure(const tal_device_runs *runs, tal_lid end)
{
    uint64_t host = atomic_load_explicit(&runs->host_residues, memory_order_relaxed);
    uint64_t taken = host + runs->device_residues;
    uint64_t all = runs->residues[runs->count];
    return (tal_device_rates){
        .host_residues = host,
        .host_ns = tal_clock_ns() - runs->start_ns,
        .device_residues = runs->device_residues,
        .device_ns = runs->device_ns,
        .left_residues = taken < all ? all - taken : 0,
        .last_run = runs->residues[end] - runs->residues[end - 1],
        .last_claim = runs->last_claim,
    };
}

void tal_device_runs_claim(tal_device_runs *runs, tal_lid run_count_max,
                           tal_device_runs_first first_of, const void *context, tal_lid *out_begin,
                           tal_lid *out_end)
{
    tal_lid end = runs->count;
    while (end > 0 && atomic_load_explicit(&runs->state[end - 1], memory_order_relaxed) != RUN_FREE)
        end--;
    *out_begin = *out_end = end;
    if (end == 0)
        return;
    tal_device_rates rates = measure(runs, end);
    uint64_t size = tal_device_claim_size(&rates);
    if (size == 0)
        return;
    tal_lid first = first_of(context, end);
    tal_lid begin = end;
    while (begin > first && end - begin < run_count_max &&
           (begin == end || runs->residues[end] - runs->residues[begin] < size) &&
           take(runs, begin - 1, RUN_DEVICE))
        begin--;
    *out_begin = begin;
}

void tal_device_runs_complete(tal_device_runs *runs, tal_lid begin, tal_lid end, uint64_t ns)
{
    runs->last_claim = runs->residues[end] - runs->residues[begin];
    runs->device_residues += runs->last_claim;
    runs->device_ns += ns;
}

void tal_device_runs_return(tal_device_runs *runs, tal_lid begin, tal_lid end)
{
    set_state(runs, begin, end, RUN_RETURNED);
}

bool tal_device_runs_finish(tal_device_runs *runs)
{
    bool has_more = false;
    for (tal_lid run = 0; run < runs->count; run++) {
        bool is_returned =
            atomic_load_explicit(&runs->state[run], memory_order_relaxed) == RUN_RETURNED;
        has_more = has_more || is_returned;
        set_state(runs, run, run + 1, is_returned ? RUN_FREE : RUN_DONE);
    }
    return has_more;
}
