/* Sorting of tuples and pairs: records of three words, by all threads of a rank. */
#ifndef TAL_REDUCE_SORT_H
#define TAL_REDUCE_SORT_H

#include "base/status.h"
#include "base/types.h"
#include "par/team.h"

/* Ordered by key, then sub, then rest. */
typedef struct tal_sort_record {
    uint64_t key, sub, rest;
} tal_sort_record;
_Static_assert(sizeof(tal_sort_record) == 24, "travels between ranks");

/* Sort `count` records, those of `records`, into `out`; the contents of `records` are lost. Fast
 * where key * scale (modulo 2^64) is spread evenly over 64 bits and rises with the key. Threads:
 * main. TAL_ERR_MEMORY. */
tal_status tal_sort_records(tal_team *team, tal_sort_record *records, size_t count, uint64_t scale,
                            tal_sort_record *out);

#endif
