/* Position-specific score profiles; see profile.h. */
#include "score/profile.h"

#include <string.h>

void tal_profile_build(const tal_matrix *matrix, const uint8_t *codes, size_t len,
                       int8_t *out_profile)
{
    for (size_t i = 0; i < len; i++)
        memcpy(out_profile + i * TAL_CODE_COUNT, matrix->score[codes[i]], TAL_CODE_COUNT);
}
