/* Position-specific score profiles: TAL_CODE_COUNT signed bytes per query position. */
#ifndef TAL_SCORE_PROFILE_H
#define TAL_SCORE_PROFILE_H

#include "score/matrix.h"

/* out_profile has len * TAL_CODE_COUNT bytes, aligned to TAL_VECTOR_BYTES; row i is what each
 * reference code scores at query position i. */
void tal_profile_build(const tal_matrix *matrix, const uint8_t *codes, size_t len,
                       int8_t *out_profile);

#endif
