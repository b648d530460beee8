/* The contract of all score kernels: batch layout, padding, overread, saturation.
 *
 * A batch holds TAL_BATCH_LANES references side by side. letters[column * TAL_BATCH_LANES + lane]
 * is the code of reference `lane` at `column`; columns beyond a lane's length hold TAL_CODE_PAD, up
 * to the longest lane's length rounded up to TAL_BATCH_COLUMN_STEP. Lanes are sorted by length,
 * longest first, so that a narrow vector may stop at the length of its first lane. Lanes from
 * lane_count on have length 0 and hold pads.
 *
 * A query is a profile: 32 signed bytes per position, profile[position * 32 + code], where
 * profile[.. + TAL_CODE_PAD] is -127 and real scores lie in -100..100.
 *
 * Kernels read nothing outside [letters, letters + padded columns * 64) and
 * [profile, profile + query_len * 32), write only scratch and scores[0, 64), allocate nothing, and
 * equal the scalar kernel in every lane they do not flag.
 *
 * Gaps: a gap of length k costs gap_open + k * gap_extend (Gotoh 1982). With S the profile score,
 *   E(i,j) = max(E(i,j-1) - extend, H(i,j-1) - open - extend)   consumes reference
 *   F(i,j) = max(F(i-1,j) - extend, H(i-1,j) - open - extend)   consumes query
 *   H(i,j) = max(H(i-1,j-1) + S(i,j), E(i,j), F(i,j))           local: and 0
 * so an insertion may stand beside a deletion.
 *
 * Borders: H(0,0) = 0; E(i,0) and F(0,j) do not exist (minus infinity). Local: H(i,0) = H(0,j) = 0.
 * Global: H(i,0) = -(open + i * extend), H(0,j) = -(open + j * extend). Semi-global: H(i,0) as
 * global, H(0,j) = 0. The score of a lane is the largest H (local), H(query_len, lane_len)
 * (global), or the largest H(query_len, j) with 0 <= j <= lane_len (semi-global).
 *
 * All widths need gap_open, gap_extend >= 0 and 1 <= gap_open + gap_extend <= TAL_KERNEL_GAP_MAX.
 *
 * Saturation is a result: bit `lane` of the returned mask says that a cell of this lane has passed
 * the limit of the width, so that the lane must be computed wider. A lane that is not flagged is
 * exact; lanes from lane_count on are never flagged. All kernels of a width flag the same lanes.
 *    8 bit: local only; 0 is kept as -128, so that saturation is the floor of local alignment;
 *           scores up to 254 are exact, more is flagged. Needs gap_open + gap_extend <= 127.
 *   16 bit: local: 0 is kept as -32768, scores up to 65534 are exact, more is flagged.
 *           Global and semi-global: values are kept as they are; lanes with a cell above 32766 are
 *           flagged. The caller guarantees that no H of a lane's own cells, borders included, falls
 *           below -32768 + 127 + gap_open + gap_extend.
 *   32 bit: all; never flags; the caller keeps every H within +-2^30.
 *
 * Gapless, for pre-filters: H(i,j) = min(255, max(0, H(i-1,j-1) + S(i,j))) alone, the runs of all
 * diagonals, 8 bit, nothing flagged. A lane's score is the largest H of the rows 2, 4, 6, ... and
 * query_len (rows from 1): at most the best run of a diagonal, and less by at most the largest
 * score of a pair (a best run that ends in another row has a cell one row up and, unless it is the
 * last one, one row down). The maxima left out are a sixth of all the work. Gap costs are not read.
 */
#ifndef TAL_KERNELS_CONTRACT_H
#define TAL_KERNELS_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TAL_BATCH_LANES = 64,
    TAL_BATCH_COLUMN_STEP = 4,
    TAL_PROFILE_STRIDE = 32,
    TAL_GAPLESS_SCORE_MAX = 255,
    TAL_KERNEL_GAP_MAX = 32767, /* 16-bit lanes must hold the cost of a gap of one */
};

/* Alignment modes. Semi-global: the whole query, anywhere in the reference (gaps before and after
 * the query's span of the reference are free). */
typedef enum tal_mode { TAL_LOCAL = 0, TAL_GLOBAL, TAL_SEMIGLOBAL, TAL_MODE_COUNT } tal_mode;

typedef enum tal_width { TAL_WIDTH_8 = 0, TAL_WIDTH_16, TAL_WIDTH_32, TAL_WIDTH_COUNT } tal_width;

typedef struct tal_score_job {
    const int8_t *profile;   /* query_len rows, aligned to 32 bytes */
    int32_t query_len;       /* >= 1 */
    const uint8_t *letters;  /* aligned to 64 bytes */
    const int32_t *lane_len; /* 64 lengths >= 0, falling */
    int32_t lane_count;      /* 1..64 */
    int32_t gap_open;
    int32_t gap_extend;
    void *scratch;   /* aligned to 64 bytes, tal_kernel_scratch_bytes(query_len, lane_len[0]) */
    int32_t *scores; /* out: 64 entries; lanes from lane_count on are undefined */
} tal_score_job;

/* Score every lane of the batch; returns the mask of saturated lanes, whose scores are undefined.
 */
typedef uint64_t (*tal_score_function)(const tal_score_job *job);

/* Gapless scores of every lane, 0..TAL_GAPLESS_SCORE_MAX. */
typedef void (*tal_gapless_function)(const tal_score_job *job);

/* The number of i < len with a[i] == b[i]. Any alignment; reads nothing outside the two runs. */
typedef size_t (*tal_identity_function)(const uint8_t *a, const uint8_t *b, size_t len);

#endif
