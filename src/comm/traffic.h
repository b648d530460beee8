/* What a rank asked of the others and of shared files, counted by kind of call.
 *
 * Bytes and messages are what was handed over, not what a library makes of it: a rank's bytes are
 * those it gives that others get (for files: that it reads or writes), a message is a pair of ranks
 * that exchange bytes directly. How a collective travels is the library's affair: it counts as a
 * call. One rank gives others nothing.
 */
#ifndef TAL_COMM_TRAFFIC_H
#define TAL_COMM_TRAFFIC_H

#include "comm/comm.h"

typedef enum tal_traffic_kind {
    TAL_TRAFFIC_AGREE = 0,  /* waiting for one another: no data moves */
    TAL_TRAFFIC_BARRIER,    /* likewise */
    TAL_TRAFFIC_BROADCAST,  /* bytes count at the root */
    TAL_TRAFFIC_COMBINE,    /* sum, maximum, or: result on all ranks */
    TAL_TRAFFIC_ACCUMULATE, /* sum on rank 0 */
    TAL_TRAFFIC_PREFIX,
    TAL_TRAFFIC_GATHER,
    TAL_TRAFFIC_SIZES,     /* what an exchange will bring from whom */
    TAL_TRAFFIC_EXCHANGE,  /* a round of it */
    TAL_TRAFFIC_DRAW,      /* from a counter of a rank, this one included; no bytes count */
    TAL_TRAFFIC_FETCH,     /* one-sided reads: bytes count where they arrive */
    TAL_TRAFFIC_FILE_OPEN, /* and close: metadata */
    TAL_TRAFFIC_FILE_READ,
    TAL_TRAFFIC_FILE_WRITE,
    TAL_TRAFFIC_FILE_SYNC,
    TAL_TRAFFIC_COUNT
} tal_traffic_kind;

/* Since the communicator was made. */
typedef struct tal_traffic {
    uint64_t calls;
    uint64_t messages; /* of exchanges only */
    uint64_t bytes;
    uint64_t ns; /* in these calls, waiting for other ranks included */
} tal_traffic;

/* This rank's. Not collective. */
tal_traffic tal_traffic_get(const tal_comm *comm, tal_traffic_kind kind);

/* Over all kinds between ranks, those of files apart: waiting is AGREE and BARRIER, data the rest.
 */
typedef struct tal_traffic_sums {
    tal_traffic waiting, data, files;
} tal_traffic_sums;

tal_traffic_sums tal_traffic_sum(const tal_comm *comm);

#endif
