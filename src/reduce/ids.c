/* Lists of ids; see ids.h. */
#include "reduce/ids.h"

#include <stdlib.h>

static int compare_u64(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

size_t tal_ids_distinct(uint64_t *ids, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(ids, count, sizeof(*ids), compare_u64);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || ids[i] != ids[i - 1])
            ids[kept++] = ids[i];
    return kept;
}

size_t tal_ids_find(const uint64_t *ids, size_t count, uint64_t id)
{
    const uint64_t *found = bsearch(&id, ids, count, sizeof(*ids), compare_u64);
    return (size_t)(found - ids);
}
