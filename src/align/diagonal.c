/* Alignments without gaps; see diagonal.h. */
#include "align/diagonal.h"

#include "align/trace.h"

/* Positions whose identities are counted together: all or none of them equal is one run. */
#define BLOCK 64

int64_t tal_diagonal_score(const tal_diagonal *diagonal)
{
    int64_t score = 0;
    for (int32_t i = 0; i < diagonal->len; i++)
        score += diagonal->profile[(size_t)i * TAL_PROFILE_STRIDE + diagonal->ref[i]];
    return score;
}

tal_status tal_diagonal_append(const tal_diagonal *diagonal, tal_identity_function identity,
                               tal_cigar *cigar)
{
    const uint8_t *query = diagonal->query;
    const uint8_t *ref = diagonal->ref;
    tal_status status = TAL_OK;
    for (int32_t at = 0; at < diagonal->len && status == TAL_OK;) {
        int32_t len = diagonal->len - at < BLOCK ? diagonal->len - at : BLOCK;
        size_t equal = identity(query + at, ref + at, (size_t)len);
        if (equal != 0 && equal != (size_t)len) {
            bool is_equal = query[at] == ref[at];
            for (len = 1; at + len < diagonal->len; len++)
                if ((query[at + len] == ref[at + len]) != is_equal)
                    break;
            equal = is_equal ? (size_t)len : 0;
        }
        status = tal_cigar_append(cigar, equal > 0 ? TAL_CIGAR_EQUAL : TAL_CIGAR_DIFF, len);
        at += len;
    }
    return status;
}
