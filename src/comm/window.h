/* Memory that other ranks read, and counters they draw from, without this rank's help.
 *
 * One-sided: MPI windows with passive targets, locked by all for as long as they live. Where the
 * network or the library has no hardware for it, a target serves only while its main thread is
 * inside MPI: who computes for long calls tal_comm_progress about every millisecond, from the main
 * thread, so that nobody waits for it.
 */
#ifndef TAL_COMM_WINDOW_H
#define TAL_COMM_WINDOW_H

#include "comm/comm.h"

typedef struct tal_window tal_window;

/* Let all ranks read `bytes` of this rank at `data` (which may differ between ranks, 0 bytes too).
 * The memory stays the caller's, changes only as tal_window_sync says, and outlives the window.
 * *out_window is NULL where the library cannot. Collective; agreed status. */
tal_status tal_window_create(tal_comm *comm, void *data, uint64_t bytes, tal_window **out_window);

/* Before and after this rank changes memory that it lets others read. Nobody may read from before
 * until a collective call afterwards. Not collective. Accepts NULL. */
void tal_window_sync(tal_window *window);

/* `count` counters on every rank, all 0. Collective; agreed status. */
tal_status tal_window_create_counters(tal_comm *comm, size_t count, tal_window **out_window);

/* Accepts NULL on all ranks alike. Collective: no rank may still read. */
void tal_window_destroy(tal_window *window);

/* Add to a rank's counter and return what it was before; adding 0 reads it. Not collective; blocks
 * until the value is here: one round trip. */
uint64_t tal_window_fetch_add(tal_window *window, int rank, size_t counter, uint64_t value);

/* Set a counter of this rank to which nobody adds meanwhile. Not collective. */
void tal_window_set(tal_window *window, size_t counter, uint64_t value);

/* Begin to read `bytes` at `offset` of a rank's memory, in pieces of at most 1 GiB; they are at
 * `data` after tal_window_flush. Not collective. */
void tal_window_get(tal_window *window, int rank, uint64_t offset, void *data, uint64_t bytes);

/* Wait for all reads begun; they were all of this rank. Not collective. */
void tal_window_flush(tal_window *window, int rank);

#endif
