/* References that passed the filter and wait to be scored in full, gathered 64 at a time.
 *
 * One list for every query and strand of a block, shared by all workers, so that full batches come
 * together as soon as possible and memory does not grow with the team: 256 bytes a list. Protocol:
 * lists are dealt by index to a fixed number of locks; nothing is computed under a lock.
 */
#ifndef TAL_SEARCH_PENDING_H
#define TAL_SEARCH_PENDING_H

#include "base/status.h"
#include "base/types.h"
#include "kernels/contract.h"

typedef struct tal_pending tal_pending;

tal_status tal_pending_create(tal_pending **out_pending);
/* Accepts NULL. */
void tal_pending_destroy(tal_pending *pending);

/* Forget all and expect `list_count` lists. Threads: main only. */
tal_status tal_pending_reset(tal_pending *pending, size_t list_count);

/* Add `count` (0..64) references to a list. When it then has 64, these are taken out into out_full
 * and true is returned. Threads: any. */
bool tal_pending_add(tal_pending *pending, size_t list, const tal_lid *lids, int count,
                     tal_lid out_full[TAL_BATCH_LANES]);

/* Take what a list still holds (at most 63); returns the count. Threads: any. */
int tal_pending_take(tal_pending *pending, size_t list, tal_lid out_rest[TAL_BATCH_LANES]);

#endif
