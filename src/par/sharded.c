/* An array of padded locks; see sharded.h. */
#include "par/sharded.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdlib.h>

typedef struct padded_lock {
    _Alignas(TAL_LINE_BYTES) tal_lock lock;
} padded_lock;
_Static_assert(sizeof(padded_lock) % TAL_LINE_BYTES == 0, "locks must not share a line");

struct tal_sharded {
    padded_lock *shards;
    size_t shard_count;
};

static void read_meters(const void *object, tal_meter_values *sum)
{
    const tal_sharded *sharded = object;
    for (size_t i = 0; i < sharded->shard_count; i++)
        tal_meter_read(&sharded->shards[i].lock.meter, sum);
}

tal_status tal_sharded_create(const char *name, tal_lock_rank rank, size_t shard_count,
                              tal_sharded **out_sharded)
{
    TAL_ASSERT(shard_count >= 1);
    TAL_ASSERT(shard_count <= SIZE_MAX / sizeof(padded_lock));
    tal_sharded *sharded = tal_alloc_zero(sizeof(*sharded));
    if (sharded == NULL)
        return TAL_ERR_MEMORY;
    sharded->shards = aligned_alloc(TAL_LINE_BYTES, shard_count * sizeof(*sharded->shards));
    if (sharded->shards == NULL) {
        tal_free(sharded);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %zu locks", shard_count);
    }
    sharded->shard_count = shard_count;
    for (size_t i = 0; i < shard_count; i++)
        tal_lock_init(&sharded->shards[i].lock, name, rank);
    tal_monitor_add(name, sharded, read_meters);
    *out_sharded = sharded;
    return TAL_OK;
}

void tal_sharded_destroy(tal_sharded *sharded)
{
    if (sharded == NULL)
        return;
    tal_monitor_remove(sharded);
    for (size_t i = 0; i < sharded->shard_count; i++)
        tal_lock_deinit(&sharded->shards[i].lock);
    free(sharded->shards);
    tal_free(sharded);
}

tal_lock *tal_sharded_acquire(tal_sharded *sharded, size_t key)
{
    tal_lock *lock = &sharded->shards[key % sharded->shard_count].lock;
    tal_lock_acquire(lock);
    return lock;
}
