/* Padded counters; see accum.h. */
#include "par/accum.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>

struct tal_accum {
    int worker_count;
    size_t counter_count;
    size_t lane_counters; /* counters per lane, rounded up to whole lines */
    _Atomic uint64_t *lanes;
};

tal_status tal_accum_create(int worker_count, size_t counter_count, tal_accum **out_accum)
{
    TAL_ASSERT(worker_count >= 1);
    size_t per_line = TAL_LINE_BYTES / sizeof(uint64_t);
    tal_accum *accum = tal_alloc_zero(sizeof(*accum));
    if (accum == NULL)
        return TAL_ERR_MEMORY;
    accum->worker_count = worker_count;
    accum->counter_count = counter_count;
    accum->lane_counters = (counter_count / per_line + 1) * per_line;
    size_t total = (size_t)worker_count * accum->lane_counters;
    accum->lanes = aligned_alloc(TAL_LINE_BYTES, total * sizeof(*accum->lanes));
    if (accum->lanes == NULL) {
        tal_free(accum);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %zu counters", total);
    }
    for (size_t i = 0; i < total; i++)
        atomic_init(&accum->lanes[i], 0);
    *out_accum = accum;
    return TAL_OK;
}

void tal_accum_destroy(tal_accum *accum)
{
    if (accum == NULL)
        return;
    free(accum->lanes);
    tal_free(accum);
}

void tal_accum_add(tal_accum *accum, int worker, size_t counter, uint64_t amount)
{
    TAL_ASSERT(worker < accum->worker_count && counter < accum->counter_count);
    _Atomic uint64_t *value = &accum->lanes[(size_t)worker * accum->lane_counters + counter];
    atomic_fetch_add_explicit(value, amount, memory_order_relaxed);
}

void tal_accum_sum(const tal_accum *accum, uint64_t *out_values)
{
    for (size_t counter = 0; counter < accum->counter_count; counter++) {
        uint64_t sum = 0;
        for (int worker = 0; worker < accum->worker_count; worker++)
            sum +=
                atomic_load_explicit(&accum->lanes[(size_t)worker * accum->lane_counters + counter],
                                     memory_order_relaxed);
        out_values[counter] = sum;
    }
}
