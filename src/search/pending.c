/* References waiting to be scored in full; see pending.h. */
#include "search/pending.h"

#include "base/alloc.h"
#include "base/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_COUNT = 256 };

typedef struct list {
    tal_lid count;
    tal_lid lids[TAL_BATCH_LANES - 1];
} list;
_Static_assert(sizeof(list) == TAL_BATCH_LANES * sizeof(tal_lid), "what the header promises");

typedef struct padded_lock {
    _Alignas(TAL_LINE_BYTES) pthread_mutex_t mutex;
} padded_lock;

struct tal_pending {
    list *lists;
    size_t list_count;
    size_t list_capacity;
    padded_lock *locks;
};

tal_status tal_pending_create(tal_pending **out_pending)
{
    tal_pending *pending = tal_alloc_zero(sizeof(*pending));
    padded_lock *locks = aligned_alloc(TAL_LINE_BYTES, LOCK_COUNT * sizeof(*locks));
    if (pending == NULL || locks == NULL) {
        free(locks);
        tal_free(pending);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get the lists of the filter");
    }
    pending->locks = locks;
    for (int i = 0; i < LOCK_COUNT; i++)
        (void)pthread_mutex_init(&locks[i].mutex, NULL); /* Cannot fail with default attributes. */
    *out_pending = pending;
    return TAL_OK;
}

void tal_pending_destroy(tal_pending *pending)
{
    if (pending == NULL)
        return;
    for (int i = 0; i < LOCK_COUNT; i++)
        (void)pthread_mutex_destroy(&pending->locks[i].mutex);
    free(pending->locks);
    tal_free(pending->lists);
    tal_free(pending);
}

tal_status tal_pending_reset(tal_pending *pending, size_t list_count)
{
    if (list_count > pending->list_capacity) {
        tal_free(pending->lists);
        pending->list_capacity = 0;
        pending->lists = tal_alloc_array(list_count, sizeof(*pending->lists));
        if (pending->lists == NULL)
            return TAL_ERR_MEMORY;
        pending->list_capacity = list_count;
    }
    pending->list_count = list_count;
    for (size_t i = 0; i < list_count; i++)
        pending->lists[i].count = 0;
    return TAL_OK;
}

/* Lock and return a list. */
static list *begin_list(tal_pending *pending, size_t idx)
{
    TAL_ASSERT(idx < pending->list_count);
    pthread_mutex_lock(&pending->locks[idx % LOCK_COUNT].mutex);
    return &pending->lists[idx];
}

static void end_list(tal_pending *pending, size_t idx)
{
    pthread_mutex_unlock(&pending->locks[idx % LOCK_COUNT].mutex);
}

bool tal_pending_add(tal_pending *pending, size_t list_idx, const tal_lid *lids, int count,
                     tal_lid out_full[TAL_BATCH_LANES])
{
    TAL_ASSERT(count >= 0);
    TAL_ASSERT(count <= TAL_BATCH_LANES);
    list *own = begin_list(pending, list_idx);
    size_t added = (size_t)count;
    bool is_full = own->count + added >= TAL_BATCH_LANES;
    if (is_full) {
        size_t moved = TAL_BATCH_LANES - own->count;
        memcpy(out_full, own->lids, own->count * sizeof(*lids));
        memcpy(out_full + own->count, lids, moved * sizeof(*lids));
        own->count = 0;
        lids += moved;
        added -= moved;
    }
    memcpy(own->lids + own->count, lids, added * sizeof(*lids));
    own->count += (tal_lid)added;
    end_list(pending, list_idx);
    return is_full;
}

int tal_pending_take(tal_pending *pending, size_t list_idx, tal_lid out_rest[TAL_BATCH_LANES])
{
    list *own = begin_list(pending, list_idx);
    int count = (int)own->count;
    memcpy(out_rest, own->lids, own->count * sizeof(*out_rest));
    own->count = 0;
    end_list(pending, list_idx);
    return count;
}
