/* A bounded pool of buffers; see pool.h. */
#include "par/pool.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct tal_pool {
    tal_queue *free; /* room for all items: giving back never fails but when closed */
    uint8_t *items;
    size_t item_count;
    size_t stride; /* bytes from one item to the next */
};

tal_status tal_pool_create(const char *name, size_t item_count, size_t item_bytes,
                           tal_wait_strategy strategy, tal_pool **out_pool)
{
    TAL_ASSERT(item_count >= 1);
    TAL_ASSERT(item_bytes >= 1);
    tal_pool *pool = tal_alloc_zero(sizeof(*pool));
    if (pool == NULL)
        return TAL_ERR_MEMORY;
    tal_status status = TAL_ERR_MEMORY;
    size_t bytes;
    pool->item_count = item_count;
    pool->stride = (item_bytes + TAL_LINE_BYTES - 1) / TAL_LINE_BYTES * TAL_LINE_BYTES;
    if (tal_mul_size(item_count, pool->stride, &bytes))
        pool->items = aligned_alloc(TAL_LINE_BYTES, bytes);
    if (pool->items == NULL) {
        status = tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %zu buffers", item_count);
        goto done;
    }
    memset(pool->items, 0, bytes);
    status = tal_queue_create(name, item_count, strategy, &pool->free);
    if (status != TAL_OK)
        goto done;
    for (size_t i = 0; i < item_count; i++)
        tal_pool_release(pool, tal_pool_item(pool, i));
    *out_pool = pool;
    pool = NULL; /* Now the caller's. */
done:
    tal_pool_destroy(pool);
    return status;
}

void tal_pool_destroy(tal_pool *pool)
{
    if (pool == NULL)
        return;
    tal_queue_destroy(pool->free);
    free(pool->items);
    tal_free(pool);
}

void *tal_pool_acquire(tal_pool *pool, uint64_t timeout_ns)
{
    void *item = NULL;
    if (tal_pool_is_closed(pool) || tal_queue_pop(pool->free, timeout_ns, &item) != TAL_QUEUE_DONE)
        return NULL;
    return item;
}

void tal_pool_release(tal_pool *pool, void *item)
{
    const uint8_t *at = item;
    TAL_ASSERT(at >= pool->items);
    TAL_ASSERT(at < pool->items + pool->item_count * pool->stride);
    TAL_ASSERT((size_t)(at - pool->items) % pool->stride == 0);
    /* There is room for all items, but a taker may stand between taking its place in the ring and
     * leaving it. Closed: nobody will ask for the item again. */
    (void)tal_queue_push(pool->free, item, TAL_WAIT_FOREVER);
}

void tal_pool_close(tal_pool *pool)
{
    tal_queue_close(pool->free);
}

bool tal_pool_is_closed(const tal_pool *pool)
{
    return tal_queue_is_closed(pool->free);
}

void *tal_pool_item(const tal_pool *pool, size_t idx)
{
    TAL_ASSERT(idx < pool->item_count);
    return pool->items + idx * pool->stride;
}

size_t tal_pool_item_count(const tal_pool *pool)
{
    return pool->item_count;
}
