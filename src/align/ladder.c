/* The score ladder: 8 bit first, flagged lanes again wider; see ladder.h.
 *
 * Exactness rests on two things: a kernel flags what passes the upper limit of its width, and a
 * rung is only taken when nothing can pass its lower limit. The bounds below are over all cells
 * (i, j) of the matrix, 0 <= i <= m = query_len, 0 <= j <= n = reference length.
 */
#include "align/ladder.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

/* What 32-bit kernels may be given; see kernels/contract.h. */
#define VALUE_MAX_32 (INT64_C(1) << 30)
/* Gap costs an 8-bit lane holds. */
#define GAP_MAX_8 127

void tal_ladder_scratch_deinit(tal_ladder_scratch *scratch)
{
    tal_batch_deinit(&scratch->rescue);
    tal_free(scratch->memory);
    memset(scratch, 0, sizeof(*scratch));
}

/* The score of a gap of `len`. */
static int64_t gap_score(const tal_ladder *ladder, int64_t len)
{
    return len == 0 ? 0 : -(ladder->gaps.open + len * ladder->gaps.extend);
}

/* A lower bound of H over all cells.
 *
 * Global: H(i,j) is at least two gaps, -(2 open + (m + n) extend); it is also at least min(i,j)
 * pairs of score_min and a gap of |i - j|, and min(i,j) <= min(m,n), |i - j| <= max(m,n).
 * Semi-global: the query's rows before i in one gap, -(open + m extend). Local: 0. */
static int64_t lowest_value(const tal_ladder *ladder, int64_t query_len, int64_t ref_len)
{
    if (ladder->mode == TAL_LOCAL)
        return 0;
    if (ladder->mode == TAL_SEMIGLOBAL)
        return gap_score(ladder, query_len);
    int64_t shorter = query_len < ref_len ? query_len : ref_len;
    int64_t longer = query_len < ref_len ? ref_len : query_len;
    int64_t by_gaps = gap_score(ladder, query_len) + gap_score(ladder, ref_len);
    int64_t score_min = ladder->score_min < 0 ? ladder->score_min : 0;
    int64_t by_pairs = shorter * score_min + gap_score(ladder, longer);
    return by_gaps > by_pairs ? by_gaps : by_pairs;
}

bool tal_ladder_fits(const tal_ladder *ladder, int64_t query_len, int64_t ref_len)
{
    int64_t shorter = query_len < ref_len ? query_len : ref_len;
    int64_t score_max = ladder->score_max > 0 ? ladder->score_max : 0;
    return shorter * score_max <= VALUE_MAX_32 &&
           lowest_value(ladder, query_len, ref_len) >= -VALUE_MAX_32;
}

/* The narrowest width that is exact, or flags, for every lane up to ref_len. */
static tal_width first_width(const tal_ladder *ladder, int64_t query_len, int64_t ref_len)
{
    int gap_one = ladder->gaps.open + ladder->gaps.extend;
    if (ladder->mode == TAL_LOCAL)
        return gap_one <= GAP_MAX_8 ? TAL_WIDTH_8 : TAL_WIDTH_16;
    int64_t floor_16 = INT16_MIN + 127 + gap_one;
    return lowest_value(ladder, query_len, ref_len) >= floor_16 ? TAL_WIDTH_16 : TAL_WIDTH_32;
}

/* Scores that need no cells: an empty query against every lane. */
static void score_empty_query(const tal_ladder *ladder, const tal_batch *batch, int32_t *out_scores)
{
    for (int lane = 0; lane < batch->lane_count; lane++)
        out_scores[lane] =
            ladder->mode == TAL_GLOBAL ? (int32_t)gap_score(ladder, batch->lane_len[lane]) : 0;
}

static tal_status reserve(tal_ladder_scratch *scratch, size_t bytes)
{
    if (bytes <= scratch->bytes)
        return TAL_OK;
    tal_free(scratch->memory);
    scratch->bytes = 0;
    scratch->memory = tal_alloc_vector(bytes);
    if (scratch->memory == NULL)
        return TAL_ERR_MEMORY;
    scratch->bytes = bytes;
    return TAL_OK;
}

/* Run one rung over `batch`, lane i of which is lane lanes[i] of the caller. Unflagged scores go to
 * out_scores; `lanes` shrinks to the flagged ones and `lids` becomes their sequences. Returns their
 * count. */
static int run_rung(tal_score_function score, tal_score_job *job, const tal_batch *batch,
                    uint8_t *lanes, tal_lid *lids, int32_t *out_scores)
{
    _Alignas(TAL_VECTOR_BYTES) int32_t scores[TAL_BATCH_LANES];
    job->letters = batch->letters;
    job->lane_len = batch->lane_len;
    job->lane_count = batch->lane_count;
    job->scores = scores;
    uint64_t flagged = score(job);
    int flagged_count = 0;
    for (int i = 0; i < batch->lane_count; i++) {
        if ((flagged >> i & 1) == 0) {
            out_scores[lanes[i]] = scores[i];
            continue;
        }
        lanes[flagged_count] = lanes[i];
        lids[flagged_count] = batch->lids[i];
        flagged_count++;
    }
    return flagged_count;
}

tal_status tal_ladder_score(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                            const int8_t *profile, int32_t query_len, const tal_seqset *set,
                            const tal_batch *batch, int32_t *out_scores)
{
    TAL_ASSERT(batch->lane_count >= 1);
    TAL_ASSERT(ladder->gaps.open + ladder->gaps.extend <= TAL_KERNEL_GAP_MAX);
    int32_t longest = batch->lane_len[0];
    if (!tal_ladder_fits(ladder, query_len, longest))
        return tal_fail(TAL_ERR_DATA,
                        "a query of %d residues against reference '%.60s' of %d: scores may pass "
                        "2^30; split the longer one or use lower scores and gap costs",
                        query_len, tal_seqset_header(set, batch->lids[0]), longest);
    if (query_len == 0) {
        score_empty_query(ladder, batch, out_scores);
        return TAL_OK;
    }
    tal_status status = reserve(scratch, tal_kernel_scratch_bytes(query_len));
    if (status != TAL_OK)
        return status;

    tal_score_job job = {.profile = profile,
                         .query_len = query_len,
                         .gap_open = ladder->gaps.open,
                         .gap_extend = ladder->gaps.extend,
                         .scratch = scratch->memory};
    uint8_t lanes[TAL_BATCH_LANES];
    tal_lid lids[TAL_BATCH_LANES];
    for (int lane = 0; lane < batch->lane_count; lane++)
        lanes[lane] = (uint8_t)lane;
    tal_width width = first_width(ladder, query_len, longest);
    int flagged =
        run_rung(ladder->table.score[ladder->mode][width], &job, batch, lanes, lids, out_scores);
    while (flagged > 0) {
        width++;
        TAL_ASSERT(width < TAL_WIDTH_COUNT);
        *(width == TAL_WIDTH_16 ? &scratch->rescue_16 : &scratch->rescue_32) += (uint64_t)flagged;
        status = tal_batch_fill(&scratch->rescue, set, lids, flagged);
        if (status != TAL_OK)
            return status;
        flagged = run_rung(ladder->table.score[ladder->mode][width], &job, &scratch->rescue, lanes,
                           lids, out_scores);
    }
    return TAL_OK;
}

tal_status tal_ladder_gapless(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                              const int8_t *profile, int32_t query_len, const tal_batch *batch,
                              int32_t *out_scores)
{
    TAL_ASSERT(batch->lane_count >= 1);
    tal_status status = reserve(scratch, tal_gapless_scratch_bytes(query_len));
    if (status != TAL_OK)
        return status;
    _Alignas(TAL_VECTOR_BYTES) int32_t scores[TAL_BATCH_LANES];
    tal_score_job job = {.profile = profile,
                         .query_len = query_len,
                         .letters = batch->letters,
                         .lane_len = batch->lane_len,
                         .lane_count = batch->lane_count,
                         .scratch = scratch->memory,
                         .scores = scores};
    ladder->table.gapless(&job);
    memcpy(out_scores, scores, (size_t)batch->lane_count * sizeof(*scores));
    return TAL_OK;
}
