/* The best references of every query of a block; see candidates.h.
 *
 * A list holds up to twice the limit; when full it is cut back to the limit by selection, which
 * costs O(1) amortised per candidate, and the floor rises to its worst score.
 */
#include "search/candidates.h"

#include "base/alloc.h"
#include "base/check.h"
#include "par/sharded.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_COUNT = 256, CAPACITY_MIN = 16 };

typedef struct list {
    tal_candidate *entries;
    size_t count;
    size_t capacity;
    _Atomic int32_t floor; /* Rises only; written under the list's lock, read by anyone. */
} list;

struct tal_candidates {
    size_t limit; /* SIZE_MAX: all */
    list *lists;
    tal_lid query_count;
    tal_lid query_capacity;
    tal_sharded *locks; /* a query's list is guarded by the lock of its index */
};

int tal_candidate_compare(const tal_candidate *a, const tal_candidate *b)
{
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->gid != b->gid)
        return a->gid < b->gid ? -1 : 1;
    return (a->is_reverse > b->is_reverse) - (a->is_reverse < b->is_reverse);
}

static int compare_for_sort(const void *a, const void *b)
{
    return tal_candidate_compare(a, b);
}

tal_status tal_candidates_create(uint64_t limit, tal_candidates **out_candidates)
{
    tal_candidates *candidates = tal_alloc_zero(sizeof(*candidates));
    if (candidates == NULL)
        return TAL_ERR_MEMORY;
    candidates->limit = limit == 0 || limit > SIZE_MAX / 4 ? SIZE_MAX : (size_t)limit;
    tal_status status = tal_sharded_create(TAL_CANDIDATES_LOCK_NAME, TAL_LOCK_RANK_HITS, LOCK_COUNT,
                                           &candidates->locks);
    if (status != TAL_OK) {
        tal_free(candidates);
        return status;
    }
    *out_candidates = candidates;
    return TAL_OK;
}

void tal_candidates_destroy(tal_candidates *candidates)
{
    if (candidates == NULL)
        return;
    for (tal_lid query = 0; query < candidates->query_capacity; query++)
        tal_free(candidates->lists[query].entries);
    tal_sharded_destroy(candidates->locks);
    tal_free(candidates->lists);
    tal_free(candidates);
}

tal_status tal_candidates_reset(tal_candidates *candidates, tal_lid query_count)
{
    if (query_count > candidates->query_capacity) {
        list *lists = tal_realloc_array(candidates->lists, query_count, sizeof(*lists));
        if (lists == NULL)
            return TAL_ERR_MEMORY;
        candidates->lists = lists;
        for (tal_lid query = candidates->query_capacity; query < query_count; query++)
            lists[query] = (list){0};
        candidates->query_capacity = query_count;
    }
    candidates->query_count = query_count;
    for (tal_lid query = 0; query < query_count; query++) {
        candidates->lists[query].count = 0;
        atomic_store_explicit(&candidates->lists[query].floor, INT32_MIN, memory_order_relaxed);
    }
    return TAL_OK;
}

int32_t tal_candidates_floor(const tal_candidates *candidates, tal_lid query)
{
    /* Relaxed: an old floor only lets a candidate in that a later cut removes. */
    return atomic_load_explicit(&candidates->lists[query].floor, memory_order_relaxed);
}

/* Move the `keep` best entries to the front (in any order): quickselect, median of three. */
static void select_best(tal_candidate *entries, size_t count, size_t keep)
{
    size_t low = 0;
    size_t high = count;
    while (high - low > 1) {
        tal_candidate pivot = entries[low + (high - low) / 2];
        size_t i = low;
        size_t j = high - 1;
        while (i <= j) {
            while (tal_candidate_compare(&entries[i], &pivot) < 0)
                i++;
            while (tal_candidate_compare(&entries[j], &pivot) > 0)
                j--;
            if (i <= j) {
                tal_candidate swap = entries[i];
                entries[i++] = entries[j];
                entries[j] = swap;
                if (j == 0)
                    break;
                j--;
            }
        }
        if (keep <= j && j < high)
            high = j + 1;
        else if (keep >= i)
            low = i;
        else
            return;
    }
}

/* Cut a full list back to the limit and raise its floor. The list's lock is held. */
static void cut_to_limit(list *entries, size_t limit)
{
    select_best(entries->entries, entries->count, limit);
    entries->count = limit;
    int32_t floor = INT32_MAX;
    for (size_t i = 0; i < limit; i++)
        floor = entries->entries[i].score < floor ? entries->entries[i].score : floor;
    atomic_store_explicit(&entries->floor, floor, memory_order_relaxed);
}

/* Entries a full list should have room for. The list's lock is held. */
static size_t next_capacity(const list *entries, size_t limit)
{
    size_t capacity = entries->capacity < CAPACITY_MIN ? CAPACITY_MIN : entries->capacity * 2;
    return limit != SIZE_MAX && capacity > 2 * limit ? 2 * limit : capacity;
}

/* Give a list room for `capacity` entries, unless another worker did. Memory is taken and given
 * back outside the lock. */
static tal_status grow(tal_candidates *candidates, tal_lid query, size_t capacity)
{
    list *entries = &candidates->lists[query];
    tal_candidate *room = tal_alloc_array(capacity, sizeof(*room));
    if (room == NULL)
        return TAL_ERR_MEMORY;
    tal_lock *lock = tal_sharded_acquire(candidates->locks, query);
    if (entries->capacity < capacity) {
        tal_candidate *old = entries->entries;
        if (entries->count > 0)
            memcpy(room, old, entries->count * sizeof(*room));
        entries->entries = room;
        entries->capacity = capacity;
        room = old;
    }
    tal_lock_release(lock);
    tal_free(room);
    return TAL_OK;
}

tal_status tal_candidates_add(tal_candidates *candidates, tal_lid query,
                              const tal_candidate *candidate)
{
    TAL_ASSERT(query < candidates->query_count);
    list *entries = &candidates->lists[query];
    for (;;) {
        size_t capacity = 0;
        tal_lock *lock = tal_sharded_acquire(candidates->locks, query);
        if (candidates->limit != SIZE_MAX && entries->count == 2 * candidates->limit)
            cut_to_limit(entries, candidates->limit);
        if (entries->count < entries->capacity)
            entries->entries[entries->count++] = *candidate;
        else
            capacity = next_capacity(entries, candidates->limit);
        tal_lock_release(lock);
        if (capacity == 0)
            return TAL_OK;
        tal_status status = grow(candidates, query, capacity);
        if (status != TAL_OK)
            return status;
    }
}

void tal_candidates_finish(tal_candidates *candidates)
{
    for (tal_lid query = 0; query < candidates->query_count; query++) {
        list *entries = &candidates->lists[query];
        if (entries->count > 1)
            qsort(entries->entries, entries->count, sizeof(*entries->entries), compare_for_sort);
        if (entries->count > candidates->limit)
            entries->count = candidates->limit;
    }
}

const tal_candidate *tal_candidates_view(const tal_candidates *candidates, tal_lid query,
                                         size_t *out_count)
{
    TAL_ASSERT(query < candidates->query_count);
    *out_count = candidates->lists[query].count;
    return candidates->lists[query].entries;
}

void tal_candidates_cut(tal_candidates *candidates, tal_lid query, size_t count)
{
    TAL_ASSERT(count <= candidates->lists[query].count);
    candidates->lists[query].count = count;
}
