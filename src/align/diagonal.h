/* Alignments without gaps: their score and their path need no matrix. */
#ifndef TAL_ALIGN_DIAGONAL_H
#define TAL_ALIGN_DIAGONAL_H

#include "align/cigar.h"
#include "kernels/contract.h"

/* Positions of a query and a reference, one above the other. */
typedef struct tal_diagonal {
    const int8_t *profile; /* len rows of 32 */
    const uint8_t *query, *ref;
    int32_t len;
} tal_diagonal;

/* The sum of the pairs' scores. */
int64_t tal_diagonal_score(const tal_diagonal *diagonal);

/* Append its columns from the first to the last, = and X. TAL_ERR_MEMORY. */
tal_status tal_diagonal_append(const tal_diagonal *diagonal, tal_identity_function identity,
                               tal_cigar *cigar);

#endif
