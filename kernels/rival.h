/* The contract of the rival kernels: can any path beat one diagonal?
 *
 * Given a diagonal of the alignment matrix, the kernel bounds from above the local score of every
 * path that is not this diagonal alone, among paths that stay on the lane_count diagonals around
 * it. Where the bound is below the diagonal's own best score, that is the best score of them all,
 * and no other path has it: an alignment without gaps is proven at the cost of some lanes a row.
 *
 * Rows count from 0. Lane w of row i is the pair of the query's row i and letters[i + w]. With S
 * the profile score, and S = 0 for the own lane of rows outside [own_begin, own_end), where there
 * is no letter, P(i) = max(P(i-1), 0) + S(i,own)           the diagonal alone, best path that ends
 * in row i K(i) = max(P(i), 0) in [own_begin, own_end), K(i-1) outside; K(-1) = 0 B(i) = max(K(i),
 * H(i,w) of all lanes) J(i) = max(B(i-1) - gap_first, J(i-1) - gap_next) H(i,w) = max(H(i-1,w),
 * J(i), 0 unless w = own) + S(i,w) So a path may change lanes at the cost of a gap of one, whatever
 * lane it goes to, and what rows it skips costs gap_next each: no path is undervalued, H is an
 * upper bound, and the rival is the largest H of all rows and lanes.
 *
 * Values are kept in 8 bit relative to K, as max(H - K, -128): small ones are overvalued, which is
 * safe. A lane, or J, that leads by TAL_RIVAL_LEAD_MAX or more ends the search: then the rival is
 * INT32_MAX. Rows in which no lane reaches K count nothing: all rivals are below K there, and so
 * below the diagonal's best. So rival is max over the rows where some H(i,w) >= K(i) of the largest
 * H, or -1.
 *
 * Scores lie in -127..100, and those of letters other than TAL_CODE_PAD differ by at most
 * TAL_RIVAL_SPREAD_MAX. 1 <= gap_first, 0 <= gap_next.
 */
#ifndef TAL_KERNELS_RIVAL_H
#define TAL_KERNELS_RIVAL_H

#include "kernels/contract.h"

enum {
    TAL_RIVAL_LANE_STEP = 64, /* lane_count is a multiple of it */
    TAL_RIVAL_LANE_MAX = 512,
    TAL_RIVAL_LEAD_MAX = 60,
    TAL_RIVAL_SPREAD_MAX = 60,
};

typedef struct tal_rival_job {
    const int8_t *profile;  /* row_count rows of 32 */
    const uint8_t *letters; /* row_count + lane_count - 1 are read; pads where there is no letter */
    int32_t row_count;      /* >= 1 */
    int32_t lane_count;     /* TAL_RIVAL_LANE_STEP to TAL_RIVAL_LANE_MAX */
    int32_t own;            /* the diagonal's lane */
    int32_t own_begin, own_end;
    int32_t gap_first, gap_next; /* of a gap's first residue (open and extend), of each further */
} tal_rival_job;

/* The rival as above; nothing is written. */
typedef int32_t (*tal_rival_function)(const tal_rival_job *job);

#endif
