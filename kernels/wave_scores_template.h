/* The scores of an anti-diagonal, shared by both widths of wave_template.h; included
 * once by wave_ISA.c, after a wave_vec_*.h and before wave_template.h.
 *
 * Lane k meets the letter of k columns before, so every lane wants another row of another letter.
 * With the profile turned to one row of bytes per letter, the bytes of a column are one load, and
 * those of an anti-diagonal come by doubling: from column c and c - 1 take every other lane, from
 * the results for c and c - 2 every other pair of lanes, and so on; two such steps at once.
 */
#include "kernels/wave.h"

#include <string.h>

enum {
    WAVE_BLOCK = 32,      /* columns whose scores are laid out together */
    WAVE_RING = 128,      /* columns kept of the final stage: block and skew between vectors */
    WAVE_STAGE_RING = 64, /* of the stages before: block and 16 columns */
    WAVE_ROW_BYTES = VEC_STRIP * VEC_BYTES / 2, /* bytes of a column: a strip of 16-bit rows */
};

/* What a kernel is for; a constant wherever it is looked at. */
typedef enum wave_kind { WAVE_SCORE, WAVE_PEAK, WAVE_FIND, WAVE_DIRECTIONS } wave_kind;

typedef struct wave_scores {
    uint8_t of_letter[TAL_PROFILE_STRIDE][WAVE_ROW_BYTES];
    uint8_t stage_1[WAVE_STAGE_RING][WAVE_ROW_BYTES];
    uint8_t stage_2[WAVE_STAGE_RING][WAVE_ROW_BYTES];
    uint8_t of_step[WAVE_RING][WAVE_ROW_BYTES]; /* by column of the first lane, modulo */
} wave_scores;
_Static_assert(sizeof(wave_scores) <= TAL_WAVE_SCRATCH_BYTES, "scores fit in the scratch");

/* 16 rows of 16 bytes at `step` become 16 columns. */
static inline void wave_transpose_16(const int8_t *from, ptrdiff_t step, int row_count, uint8_t *to)
{
    __m128i a[16], b[16];
    for (int i = 0; i < 16; i++)
        a[i] =
            i < row_count ? _mm_loadu_si128((const void *)(from + i * step)) : _mm_set1_epi8(-127);
    /* Four rounds of pairing row i with row i + 8. */
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
            b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
        }
        memcpy(a, b, sizeof(a));
    }
    for (int i = 0; i < 16; i++)
        _mm_store_si128((void *)(to + i * WAVE_ROW_BYTES), a[i]);
}

/* Turn `row_count` profile rows; rows from there to `padded_count` score -127. */
static inline void wave_turn_profile(wave_scores *scores, const int8_t *profile, ptrdiff_t step,
                                     int row_count, int padded_count)
{
    for (int row = 0; row < padded_count; row += 16) {
        for (int code = 0; code < TAL_PROFILE_STRIDE; code += 16) {
            int left = row_count - row < 0 ? 0 : row_count - row;
            const int8_t *from = left > 0 ? profile + row * step + code : profile;
            wave_transpose_16(from, step, left, &scores->of_letter[code][row]);
        }
    }
}

/* Column `column` of a stage. */
static inline vec *wave_stage(uint8_t (*stage)[WAVE_ROW_BYTES], int64_t column)
{
    return (vec *)(void *)stage[column & (WAVE_STAGE_RING - 1)];
}

/* Copy `count` letters from column `begin` on, of `column_count` that begin at `letters`; pads
 * outside. */
static inline void wave_copy_letters(const uint8_t *letters, ptrdiff_t step, int64_t column_count,
                                     int64_t begin, int count, uint8_t *out_letters)
{
    int64_t first = begin < 0 ? -begin : 0;
    int64_t end = column_count - begin < count ? column_count - begin : count;
    first = first < count ? first : count;
    end = end > first ? end : first;
    memset(out_letters, TAL_PROFILE_STRIDE - 1, (size_t)first);
    memset(out_letters + end, TAL_PROFILE_STRIDE - 1, (size_t)(count - end));
    for (int64_t i = first; i < end; i++)
        out_letters[i] = letters[(begin + i) * step] & (TAL_PROFILE_STRIDE - 1);
}
