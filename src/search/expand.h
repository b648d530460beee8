/* Expanded search: the references are representatives, and each stands for members that are had on
 * demand.
 *
 * Representatives are scored first. Where one comes close to what is asked for, its members are
 * scored too, with the same kernels, and what is reported is chosen among all that was scored: a
 * reported hit has the score and E-value that it has in a search of everything; a hit is missed
 * when its representative scored too low. What is scored depends on the pair of query and
 * representative alone, so that ranks, threads and memory change nothing.
 */
#ifndef TAL_SEARCH_EXPAND_H
#define TAL_SEARCH_EXPAND_H

#include "base/status.h"
#include "seq/seqset.h"

/* Shares below this would expand everything; the usual one, as text. */
#define TAL_EXPAND_SHARE_MIN  0.1
#define TAL_EXPAND_SHARE_TEXT "0.6"

/* Members are numbered from 0 on each rank; those of a representative follow one another. */
typedef struct tal_expansion {
    /* A representative of score s is expanded for a query when s / share would be reported: the cut
     * is this share of the smallest score that is. TAL_EXPAND_SHARE_MIN to 1. */
    double share;
    /* How many members the representative with this gid, of this rank's references, stands for, and
     * the number of the first. Threads: main. */
    uint64_t (*find)(const void *context, tal_gid representative, uint64_t *out_first);
    /* Append members (rising numbers) from the front of the list to the set, as they are to be
     * scored: as many as memory allows, one at least. Collective, each rank its own list, which may
     * be empty; agreed status. */
    tal_status (*fetch)(void *context, const uint64_t *members, size_t count, size_t *out_taken,
                        tal_seqset *set);
    void *context;
} tal_expansion;

#endif
