/* What a device gets and gives: references in parts, queries in batches, hits of a claim.
 *
 * The device holds one part of the rank's references at a time, all of them where its memory
 * allows. A claim, runs of one part, meets all queries of the block in batches, as many in flight
 * as the device takes.
 */
#ifndef TAL_SEARCH_DEVICE_FEED_H
#define TAL_SEARCH_DEVICE_FEED_H

#include "base/buffer.h"
#include "device/device.h"
#include "search/device_runs.h"
#include "search/search.h"

typedef struct tal_search tal_search;

/* A query and strand. */
typedef struct tal_feed_query {
    tal_device_query query;
    tal_lid lid;
    int strand;
} tal_feed_query;

/* A batch in flight; batches come back in order. */
typedef struct tal_feed_batch {
    tal_device_query *queries;
    uint32_t query_begin, query_count;
} tal_feed_batch;

/* What the device found of the claim done last. */
typedef struct tal_feed_found {
    tal_buffer hits; /* tal_device_hit; query: index in tal_device_feed.queries, ref: position of
                        the order */
    uint64_t rescues;
    uint64_t histogram[TAL_HISTOGRAM_BINS]; /* of all pairs */
    uint64_t upload_ns;                     /* of its part, where that was not there yet */
} tal_feed_found;

typedef struct tal_device_feed {
    const tal_search *search;
    const tal_device_runs *runs;
    tal_device *device;
    tal_device_shape shape; /* as reserved; all 0: nothing is */
    tal_lid part_count, part;
    bool has_part;           /* `part` is uploaded */
    tal_feed_query *queries; /* of the block, longest first */
    uint32_t query_count, query_capacity;
    uint64_t query_residues;
    tal_feed_batch batches[TAL_DEVICE_SLOTS_MAX];
    tal_feed_found found;
} tal_device_feed;

/* Work for the driver while the device computes: a little of it each time; false when nothing is
 * left. A failure is the callback's own to remember. */
typedef struct tal_feed_meanwhile {
    bool (*function)(void *context);
    void *context;
} tal_feed_meanwhile;

/* How a claim ended. */
typedef enum tal_feed_end {
    TAL_FEED_DONE = 0,
    TAL_FEED_STOPPED, /* as asked */
    TAL_FEED_LOST,    /* the device failed: tal_device_message */
    TAL_FEED_FAILED,  /* the search fails: *out_status */
} tal_feed_end;

void tal_device_feed_init(tal_device_feed *feed, const tal_search *search,
                          const tal_device_runs *runs);
void tal_device_feed_deinit(tal_device_feed *feed);

/* The queries and strands of a new block. */
tal_status tal_device_feed_list(tal_device_feed *feed);

/* Device memory for the block: references in as few parts as fit. What fails is the device's. */
tal_status tal_device_feed_reserve(tal_device_feed *feed);

/* The first run of the part that has the run before `end`; a tal_device_runs_first of a feed. */
tal_lid tal_device_feed_first(const void *context, tal_lid end);

/* Compute runs [begin, end) of one part; `found` is what came out when it is done. `meanwhile` is
 * called while a batch is waited for; it may have work left at the end. */
tal_feed_end tal_device_feed_run(tal_device_feed *feed, tal_lid begin, tal_lid end,
                                 const tal_feed_meanwhile *meanwhile,
                                 const _Atomic bool *is_stopping, tal_status *out_status);

#endif
