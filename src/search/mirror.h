/* A set searched against itself: each pair is scored once and counts for both of its sequences.
 *
 * The queries of a block are the references [begin, end). References before `begin` were scored
 * with them by earlier blocks and are left out. Of two queries of the block the one that comes
 * first in (length falling, gid) is the query. What is found in a reference that is no query of the
 * block is kept for the later block whose query it is; there both have changed places. E-values,
 * the order of hits and alignments are those of the query that reports them, so that the result is
 * the same. Asks for scores that do not depend on which of the two is the query
 * (tal_matrix_is_symmetric).
 */
#ifndef TAL_SEARCH_MIRROR_H
#define TAL_SEARCH_MIRROR_H

#include "align/batch.h"
#include "base/buffer.h"
#include "comm/comm.h"

/* A pair as its reference sees it. Order: query, score falling, gid, strand. */
typedef struct tal_mirror {
    tal_gid query; /* the reference that was scored */
    tal_gid gid;   /* the query it was scored with */
    int32_t score;
    uint32_t is_reverse;
} tal_mirror;
_Static_assert(sizeof(tal_mirror) == 24, "mirrors cross ranks and files as bytes: no padding");

/* The holder of a candidate whose reference this rank may not know. */
#define TAL_HOLDER_UNKNOWN UINT32_MAX

typedef struct tal_search tal_search;
typedef struct tal_search_worker tal_search_worker;
typedef struct tal_tally tal_tally;
typedef struct tal_mirrors tal_mirrors;

/* Tell the home of every reference who holds it. Collective; agreed status. */
tal_status tal_mirrors_create(tal_search *search, tal_mirrors **out_mirrors);
void tal_mirrors_destroy(tal_mirrors *mirrors); /* Accepts NULL. */

/* Leave out the references that are done, and enter what earlier blocks found. `status` is that of
 * what came before. Collective; agreed status. */
tal_status tal_mirrors_begin(tal_search *search, tal_status status);

/* The lanes that are to be scored with a query. Threads: any. */
uint64_t tal_mirrors_lanes(const tal_search *search, const tal_batch *batch, tal_lid query);

/* Count the lanes that were scored, and enter those that pass the cuts the other way round.
 * Threads: any. */
tal_status tal_mirrors_collect(tal_search *search, tal_search_worker *own, const tal_batch *batch,
                               tal_lid query, int strand, uint64_t lanes, const int32_t *scores,
                               tal_tally *tally);

/* What was found for later blocks, to the homes of their queries: each keeps the best, in order.
 * Collective; agreed status. */
tal_status tal_mirrors_end(tal_search *search);

/* What tal_mirrors_end left here; valid until the next begin. */
const tal_mirror *tal_mirrors_view(const tal_mirrors *mirrors, size_t *out_count);

/* The rank that knows who holds a reference; who that is, on that rank. */
int tal_mirrors_home(const tal_mirrors *mirrors, tal_gid gid);
void tal_mirrors_find(const tal_mirrors *mirrors, tal_gid gid, uint32_t *out_holder,
                      tal_lid *out_lid);

/* Residues of this rank's references that the block meets. */
uint64_t tal_mirrors_residue_count(const tal_mirrors *mirrors);

/* Sort and keep the `limit` best of each query; returns how many are left. Pure. */
size_t tal_mirrors_cut(tal_mirror *records, size_t count, size_t limit);

#endif
