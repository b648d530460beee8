/* An output under construction: a temporary file until it is complete, then renamed.
 *
 * Rank 0 creates it, reserves disk space before the ranks write, and renames it. Used for the
 * result file by all ranks.
 */
#ifndef TAL_STORE_PARTIAL_H
#define TAL_STORE_PARTIAL_H

#include "base/status.h"
#include "base/types.h"
#include "comm/comm.h"

typedef struct tal_partial tal_partial;

/* May `path` be written? TAL_ERR_OUTPUT: it exists and not is_forced, it is a folder or device.
 * Not collective. */
tal_status tal_partial_check(const char *path, bool is_forced);

/* Check `path` and create `folder`/.NAME.<random>.partial, empty; the folder must be on the file
 * system of `path`; NULL: the folder of `path`. TAL_ERR_OUTPUT as above or when it cannot be
 * created. Collective; agreed status. */
tal_status tal_partial_create(tal_comm *comm, const char *path, const char *folder, bool is_forced,
                              tal_partial **out_partial);

/* The final and the temporary name; the same on every rank. */
const char *tal_partial_path(const tal_partial *partial);
const char *tal_partial_temporary(const tal_partial *partial);

/* Get disk space for the first `bytes` bytes now, so that writing them cannot run out of it. What
 * lies beyond what was reserved before must not have been written. Collective; agreed status
 * (TAL_ERR_IO). */
tal_status tal_partial_reserve(tal_partial *partial, uint64_t bytes);

/* Give all disk space back: what was written is lost, what follows can be written. Collective. */
void tal_partial_empty(tal_partial *partial);

/* To stable storage, then to the final name. Destroys `partial` and, on failure, the temporary
 * file. Collective; agreed status. */
tal_status tal_partial_commit(tal_partial *partial);

/* Remove the temporary file. Accepts NULL. Not collective; every rank calls it. */
void tal_partial_discard(tal_partial *partial);

#endif
