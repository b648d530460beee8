/* Lists of ids. */
#ifndef TAL_REDUCE_IDS_H
#define TAL_REDUCE_IDS_H

#include <stddef.h>
#include <stdint.h>

/* Sort and drop repeats; returns the new count. */
size_t tal_ids_distinct(uint64_t *ids, size_t count);

/* The place of an id that is there, in sorted ids. */
size_t tal_ids_find(const uint64_t *ids, size_t count, uint64_t id);

#endif
