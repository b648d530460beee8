/* Who computes which references: the team or the device.
 *
 * The references of the order, longest first, are dealt in runs of 64, none of which divides a
 * batch of the plan. The team takes runs from the front as its items reach them; the device claims
 * runs from the back, as many at a time as the measured rates of both suggest. A run belongs to
 * whoever takes it first. What the device could not complete it returns, and the team does it in a
 * second pass: every run is computed once.
 */
#ifndef TAL_SEARCH_DEVICE_RUNS_H
#define TAL_SEARCH_DEVICE_RUNS_H

#include "base/status.h"
#include "base/types.h"
#include "seq/seqset.h"

#include <stdatomic.h>

typedef struct tal_device_runs {
    tal_lid order_count;
    tal_lid pair_count, pair_run_count; /* the positions before pair_count make runs of their own */
    tal_lid count;
    uint64_t *residues; /* count + 1: of all runs before */
    /* Who has a run. The team's items go from free to the host, the driver from free to the device
     * and on to returned; each by compare-and-swap, relaxed: who takes a run needs nothing of who
     * did not, and the end of the pass orders the results. */
    _Atomic uint8_t *state;
    _Atomic uint64_t host_residues; /* of the runs the team has taken */
    /* The driver's own. */
    uint64_t start_ns;
    uint64_t device_ns, device_residues; /* of complete claims */
    uint64_t last_claim;                 /* residues */
} tal_device_runs;

/* What the split between team and device is decided by. */
typedef struct tal_device_rates {
    uint64_t host_residues, host_ns;     /* done by the team so far, and in how long */
    uint64_t device_residues, device_ns; /* the same of the device; 0: not yet known */
    uint64_t left_residues;              /* of runs that nobody has taken */
    uint64_t last_run;                   /* residues of the last free run */
    uint64_t last_claim;                 /* residues the device took the last time */
} tal_device_rates;

/* Residues the device's next claim should have: one run while rates are not known, then half of
 * what it would do of the rest, at most eight times the claim before (rates are rough at first); 0:
 * the team will be done with all before the device with a run. Pure. */
uint64_t tal_device_claim_size(const tal_device_rates *rates);

/* order: references, longest first; pair_count of them are batches of their own in the plan. */
tal_status tal_device_runs_init(tal_device_runs *runs, const tal_seqset *references,
                                const tal_lid *order, tal_lid order_count, tal_lid pair_count);
void tal_device_runs_deinit(tal_device_runs *runs); /* Accepts all zero. */

/* The position of a run's first reference; of `count`: order_count. */
tal_lid tal_device_runs_begin(const tal_device_runs *runs, tal_lid run);

/* A new block: all runs are free, nothing is measured. */
void tal_device_runs_reset(tal_device_runs *runs);

/* Whether the team has, or now gets, the run of this position. Threads: any. */
bool tal_device_runs_take(tal_device_runs *runs, tal_lid position);

/* Take the last run, before anybody else is there, or give it back then. */
void tal_device_runs_take_last(tal_device_runs *runs);
void tal_device_runs_free_last(tal_device_runs *runs);

/* Take free runs from the back for the device: [*out_begin, *out_end), one at least, not below
 * first_of(context, end) and run_count_max at most; empty when the device shall stop. */
typedef tal_lid (*tal_device_runs_first)(const void *context, tal_lid end);
void tal_device_runs_claim(tal_device_runs *runs, tal_lid run_count_max,
                           tal_device_runs_first first_of, const void *context, tal_lid *out_begin,
                           tal_lid *out_end);

/* What became of a claim: done in so many nanoseconds, or to be done by the team. */
void tal_device_runs_complete(tal_device_runs *runs, tal_lid begin, tal_lid end, uint64_t ns);
void tal_device_runs_return(tal_device_runs *runs, tal_lid begin, tal_lid end);

/* When all have stopped: returned runs are free again, all others done. True: there are some. */
bool tal_device_runs_finish(tal_device_runs *runs);

#endif
