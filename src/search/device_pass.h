/* The part of the score pass that a device takes: it works beside the team on the same references.
 *
 * Who computes what is decided run by run of 64 references (device_runs.h). What a device computed
 * of a claim counts only when the claim is complete; a device that fails gives the claim back, and
 * the team does it in a second pass. So every pair is counted once, and results are the same with
 * and without a device.
 */
#ifndef TAL_SEARCH_DEVICE_PASS_H
#define TAL_SEARCH_DEVICE_PASS_H

#include "base/status.h"
#include "base/types.h"

typedef struct tal_search tal_search;
typedef struct tal_search_worker tal_search_worker;
typedef struct tal_device_pass tal_device_pass;

/* A pair that passed the filter on the device; the team looks at it once more, see filter.c. */
typedef struct tal_passed {
    uint64_t list;    /* query x 2 + strand */
    tal_lid position; /* of the order */
} tal_passed;

/* NULL in *out_pass when the search has no device or none that can help (said in the log). */
tal_status tal_device_pass_create(tal_search *search, tal_device_pass **out_pass);
void tal_device_pass_destroy(tal_device_pass *pass); /* Accepts NULL. */

/* All further functions accept NULL: there is no device. */

/* What the search scores now (tal_search_use), against its block of queries: make the device ready
 * and start it. What fails of the device is said in the log; then the team does all. Each begin but
 * a failed one has an end. Threads: main. */
tal_status tal_device_pass_begin(tal_device_pass *pass);

/* Whether the team shall compute the reference at this position of the order against the item's
 * queries. Always the same answer for all references of a batch of plan.h, until
 * tal_device_pass_end.
 * Threads: any. */
bool tal_device_pass_is_host(tal_device_pass *pass, tal_lid position);

/* Enter the device's hits that wait for it, if any: workers between their items. Threads: workers,
 * between begin and end. */
tal_status tal_device_pass_help(tal_device_pass *pass, tal_search_worker *own,
                                uint64_t *candidate_count);

/* Cells that the device has done since it began. Threads: any. */
uint64_t tal_device_pass_cells(const tal_device_pass *pass);

/* Wait for the device and count what it did. `has_failed`: the search ends, stop at once.
 * *out_has_more: runs have come back; then go over all items once more, with
 * tal_device_pass_is_host saying which, and end again. Threads: main. */
tal_status tal_device_pass_end(tal_device_pass *pass, bool has_failed, bool *out_has_more);

/* Pairs that passed the filter on the device since it began, in no order; a view, until it begins
 * again. Threads: main, after tal_device_pass_end. */
const tal_passed *tal_device_pass_passed(const tal_device_pass *pass, size_t *out_count);

#endif
