/* Which residues of a reference are masked at the = columns of a hit, behind the hit's letters.
 *
 * Those at its other columns are among the letters, in lower case. The = columns alone, counted
 * along the path, are runs of unmasked and masked ones by turns, unmasked ones first; a length is
 * the sum of bytes up to and with the first below 255. After the last masked one nothing follows,
 * so that a hit without masked ones has no bytes.
 */
#ifndef TAL_SEARCH_HIT_MASKS_H
#define TAL_SEARCH_HIT_MASKS_H

#include "align/trace.h"
#include "seq/seqset.h"

/* Append the runs of an alignment, given the masked ranges of its reference. TAL_ERR_MEMORY. */
tal_status tal_hit_masks_append(tal_buffer *buffer, const tal_mask_range *ranges, size_t count,
                                const tal_alignment *alignment);

/* Whether the bytes are runs of at most so many = columns. */
bool tal_hit_masks_check(const char *bytes, size_t count, uint64_t equal_count);

/* Goes along the = columns of a hit whose bytes have been checked; views them. */
typedef struct tal_hit_masks {
    const char *next, *end;
    uint64_t left; /* columns of the run at hand */
    bool is_masked;
} tal_hit_masks;

void tal_hit_masks_init(tal_hit_masks *masks, const char *bytes, size_t count);

/* Step over the next = column: whether its reference residue is masked. */
bool tal_hit_masks_next(tal_hit_masks *masks);

#endif
