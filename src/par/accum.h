/* Counters that many workers add to: one padded line per worker, summed when asked.
 *
 * Protocol: each worker adds to its own lane with relaxed atomics (a single writer: no contention,
 * no false sharing); tal_accum_sum may run at any time and sees at least what happened before.
 */
#ifndef TAL_PAR_ACCUM_H
#define TAL_PAR_ACCUM_H

#include "base/status.h"
#include "base/types.h"

typedef struct tal_accum tal_accum;

/* `counter_count` counters for `worker_count` workers, all zero. */
tal_status tal_accum_create(int worker_count, size_t counter_count, tal_accum **out_accum);
void tal_accum_destroy(tal_accum *accum);

/* Threads: any, with worker < worker_count. */
void tal_accum_add(tal_accum *accum, int worker, size_t counter, uint64_t amount);

/* out_values has counter_count entries. */
void tal_accum_sum(const tal_accum *accum, uint64_t *out_values);

#endif
