/* The path of an alignment, built from its end to its begin; runs as in BAM. */
#ifndef TAL_ALIGN_CIGAR_H
#define TAL_ALIGN_CIGAR_H

#include "base/status.h"
#include "base/types.h"

/* Longest run that BAM's 28 bits hold; a longer one continues in a second run. */
#define TAL_CIGAR_RUN_MAX ((UINT32_C(1) << 28) - 1)

/* All zero is an empty path. */
typedef struct tal_cigar {
    uint32_t *runs; /* length << 4 | operation */
    size_t count;
    size_t capacity;
} tal_cigar;

void tal_cigar_deinit(tal_cigar *cigar);

/* Empty it, keep the memory. */
void tal_cigar_reset(tal_cigar *cigar);

/* Append `len` columns of one operation (TAL_CIGAR_...), joined with the last run where it is the
 * same operation. len = 0 changes nothing. TAL_ERR_MEMORY leaves a valid, shorter path. */
tal_status tal_cigar_append(tal_cigar *cigar, uint32_t operation, int32_t len);

/* Turn the order round: a path walked from the end becomes one read from the begin. */
void tal_cigar_reverse(tal_cigar *cigar);

static inline uint32_t tal_cigar_operation(uint32_t run)
{
    return run & 15;
}

static inline int32_t tal_cigar_len(uint32_t run)
{
    return (int32_t)(run >> 4);
}

#endif
