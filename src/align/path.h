/* The canonical path through a box of the alignment matrix from corner to corner, in bounded
 * memory. See trace.h for what is canonical.
 */
#ifndef TAL_ALIGN_PATH_H
#define TAL_ALIGN_PATH_H

#include "align/cigar.h"
#include "align/column.h"
#include "score/stats.h"

/* The scores of a stretch of query against each reference letter, letter by letter: what a column
 * reads lies in one piece. */
typedef struct tal_path_scores {
    const int8_t *scores; /* scores[row_of_code[code] * stride + query position] */
    size_t stride;
    uint8_t row_of_code[32];
} tal_path_scores;

typedef struct tal_path_box {
    const tal_path_scores *scores;
    const uint8_t *query, *ref; /* codes; the box is [query_begin, + query_len) of query, ... */
    int32_t query_begin, query_len;
    int32_t ref_begin, ref_len;
    tal_gaps gaps;
} tal_path_box;

/* Borrowed memory; contents are scratch. */
typedef struct tal_path_memory {
    int32_t *h, *e; /* query_len entries each */
    uint8_t *region;
    size_t region_bytes; /* at least tal_path_bytes_min */
} tal_path_memory;

/* Enough for the directions of all cells at once. */
uint64_t tal_path_bytes_full(int32_t query_len, int32_t ref_len);

/* What the path takes at least: one column of 8-byte cells per halving of the reference. */
uint64_t tal_path_bytes_min(int32_t query_len, int32_t ref_len);

/* The boundary cell `len` gap residues from the corner: 0 or the cost of that gap, at most 2^30
 * below 0 so that long boundaries far from any path do not overflow. */
int32_t tal_path_boundary(tal_gaps gaps, int64_t len);

/* The boundary column from row 1 to `count`: only gaps that consume query. */
void tal_path_fill_boundary(tal_gaps gaps, int32_t count, int32_t *out_h, int32_t *out_e);

/* The scores of reference letter `code` from query position `begin` on. */
static inline const int8_t *tal_path_scores_of(const tal_path_scores *scores, uint8_t code,
                                               int32_t begin)
{
    return scores->scores + scores->row_of_code[code] * scores->stride + begin;
}

/* Append the path to `cigar` from its end to its begin (reversed order). Cost: each cell once where
 * all directions fit in the region; otherwise once per level of checkpoints and once more, in ever
 * fewer rows. */
tal_status tal_path_walk(const tal_path_box *box, const tal_path_memory *memory, tal_cigar *cigar);

#endif
