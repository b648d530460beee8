/* The best references of every query of a block, as the score pass finds them on this rank.
 *
 * Shared by all workers. Protocol: each query's list is guarded by one of a fixed number of locks
 * (queries are dealt to locks by index); a query's floor is an atomic that only rises, read without
 * the lock to turn away what cannot enter. What is kept does not depend on the order of arrival.
 */
#ifndef TAL_SEARCH_CANDIDATES_H
#define TAL_SEARCH_CANDIDATES_H

#include "base/status.h"
#include "base/types.h"

/* Order: score falling, gid, strand. */
typedef struct tal_candidate {
    tal_gid gid;
    tal_lid lid; /* at the rank that holds the reference */
    uint32_t holder;
    int32_t score;
    uint32_t is_reverse;
} tal_candidate;
_Static_assert(sizeof(tal_candidate) == 24, "candidates cross ranks as bytes: no padding");

int tal_candidate_compare(const tal_candidate *a, const tal_candidate *b);

typedef struct tal_candidates tal_candidates;

/* Under this name the monitor and the watcher show the table's locks. */
#define TAL_CANDIDATES_LOCK_NAME "hit table"

/* Keep the `limit` best of each query; 0 keeps all. */
tal_status tal_candidates_create(uint64_t limit, tal_candidates **out_candidates);
void tal_candidates_destroy(tal_candidates *candidates);

/* Forget all and expect `query_count` queries. Threads: main only. */
tal_status tal_candidates_reset(tal_candidates *candidates, tal_lid query_count);

/* Scores below this cannot enter any more (INT32_MIN while there is room). Threads: any. */
int32_t tal_candidates_floor(const tal_candidates *candidates, tal_lid query);

/* Threads: any. */
tal_status tal_candidates_add(tal_candidates *candidates, tal_lid query,
                              const tal_candidate *candidate);

/* Sort every list and cut it to the limit; then lists can be viewed. Threads: main only. */
void tal_candidates_finish(tal_candidates *candidates);

/* The list of a query, best first; valid until the next reset or cut. */
const tal_candidate *tal_candidates_view(const tal_candidates *candidates, tal_lid query,
                                         size_t *out_count);

/* Keep the first `count` of a finished list. */
void tal_candidates_cut(tal_candidates *candidates, tal_lid query, size_t count);

#endif
