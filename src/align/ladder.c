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
/* Scores it holds. */
#define LOCAL_MAX_8 254

/* A reference on its own. */
typedef struct ladder_pair {
    const int8_t *profile;
    const uint8_t *ref;
    int32_t query_len, ref_len;
} ladder_pair;

void tal_ladder_scratch_deinit(tal_ladder_scratch *scratch)
{
    tal_reach_memory_deinit(&scratch->reach);
    tal_wave_memory_deinit(&scratch->wave);
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

/* The rates of a rung. */
static tal_ladder_rates rates_at(const tal_ladder *ladder, tal_width width)
{
    static const uint32_t pair_cost[TAL_WIDTH_COUNT] = {112, 58, 42};
    const tal_wave *waves = ladder->table.wave;
    uint32_t lanes = width == TAL_WIDTH_8 ? 2 * (uint32_t)waves[TAL_WIDTH_16].lanes
                                          : (uint32_t)waves[width].lanes;
    bool is_scalar = ladder->table.isa == TAL_ISA_SCALAR;
    return (tal_ladder_rates){.lanes = lanes, .pair_cost = is_scalar ? 0 : pair_cost[width]};
}

tal_ladder_rates tal_ladder_rates_of(const tal_ladder *ladder)
{
    return rates_at(ladder, first_width(ladder, 0, 0));
}

/* Whether this rung costs less lane by lane. */
static bool is_better_as_pairs(const tal_ladder *ladder, tal_width width, int32_t query_len,
                               const tal_batch *batch)
{
    const tal_ladder_rates rates = rates_at(ladder, width);
    if (rates.pair_cost == 0)
        return false;
    const uint64_t wave_lanes =
        (uint64_t)ladder->table.wave[width == TAL_WIDTH_32 ? TAL_WIDTH_32 : TAL_WIDTH_16].lanes;
    const uint64_t rows = (uint64_t)query_len;
    const uint64_t wave_rows = (rows + wave_lanes - 1) / wave_lanes * wave_lanes;
    uint64_t as_batch = 0, as_pairs = 0;
    for (int lane = 0; lane < batch->lane_count; lane++) {
        if ((uint32_t)lane % rates.lanes == 0)
            as_batch += (uint64_t)batch->lane_len[lane] * rates.lanes * TAL_LADDER_COST_UNIT;
        as_pairs += tal_ladder_pair_cost(rates, batch->lane_len[lane]);
    }
    return as_pairs * wave_rows < as_batch * rows;
}

/* One pair at one width; *out_is_saturated: it must be computed wider. */
static tal_status begin_pair(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                             const ladder_pair *pair, tal_width width, tal_wave_job *out_job)
{
    static const tal_wave_border borders[TAL_MODE_COUNT] = {
        TAL_WAVE_BORDER_LOCAL, TAL_WAVE_BORDER_GLOBAL, TAL_WAVE_BORDER_SEMIGLOBAL};
    const tal_wave_block block = {
        .border = borders[ladder->mode],
        .width = width,
        .gaps = ladder->gaps,
        .row_count = pair->query_len,
        .column_end = pair->ref_len,
    };
    tal_status status = tal_wave_begin(&scratch->wave, &block, out_job);
    if (status != TAL_OK)
        return status;
    out_job->profile = pair->profile;
    out_job->profile_step = TAL_PROFILE_STRIDE;
    out_job->letters = pair->ref;
    out_job->letter_step = 1;
    return TAL_OK;
}

static tal_status score_pair(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                             const ladder_pair *pair, tal_width width, int32_t *out_score,
                             bool *out_is_saturated)
{
    if (pair->ref_len == 0) {
        *out_score = ladder->mode == TAL_LOCAL ? 0 : (int32_t)gap_score(ladder, pair->query_len);
        *out_is_saturated = false;
        return TAL_OK;
    }
    tal_wave_job job;
    tal_status status = begin_pair(ladder, scratch, pair, width, &job);
    if (status != TAL_OK)
        return status;
    ladder->table.wave[width].score(&job);
    int32_t score = tal_wave_value(job.row_h, width, pair->ref_len);
    if (ladder->mode == TAL_LOCAL)
        score = job.peak - tal_wave_zero(width);
    for (int32_t j = 0; ladder->mode == TAL_SEMIGLOBAL && j < pair->ref_len; j++) {
        int32_t value = tal_wave_value(job.row_h, width, j);
        score = value > score ? value : score;
    }
    *out_score = score;
    *out_is_saturated = width == TAL_WIDTH_16 && job.peak == INT16_MAX;
    return TAL_OK;
}

/* The lanes of `batch` one by one from this rung on; lane i is lane lanes[i] of the caller. */
static tal_status score_as_pairs(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                                 const tal_score_job *job, tal_width first, const tal_seqset *set,
                                 const tal_batch *batch, const uint8_t *lanes, int32_t *out_scores)
{
    for (int i = 0; i < batch->lane_count; i++) {
        const ladder_pair pair = {
            .profile = job->profile,
            .query_len = job->query_len,
            .ref = tal_seqset_residues(set, batch->lids[i]),
            .ref_len = batch->lane_len[i],
        };
        tal_width width = first == TAL_WIDTH_8 ? TAL_WIDTH_16 : first;
        int32_t score = 0;
        bool is_saturated = false;
        tal_status status = score_pair(ladder, scratch, &pair, width, &score, &is_saturated);
        /* 16 bit were needed just where 8 would have flagged. */
        scratch->rescue_16 += first == TAL_WIDTH_8 && (is_saturated || score > LOCAL_MAX_8);
        if (status == TAL_OK && is_saturated) {
            scratch->rescue_32++;
            status = score_pair(ladder, scratch, &pair, TAL_WIDTH_32, &score, &is_saturated);
        }
        if (status != TAL_OK)
            return status;
        out_scores[lanes[i]] = score;
    }
    return TAL_OK;
}

/* The peak at one width, of a score of `least` or more. */
static tal_status find_peak(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                            const ladder_pair *pair, tal_width width, int32_t least,
                            tal_wave_job *out_job)
{
    const tal_wave *wave = &ladder->table.wave[width];
    tal_status status = begin_pair(ladder, scratch, pair, width, out_job);
    if (status != TAL_OK || pair->ref_len > TAL_WAVE_PEAK_COLUMNS_MAX) {
        if (status == TAL_OK)
            wave->score(out_job);
        return status;
    }
    status = tal_reach_forward(&scratch->reach, pair->profile, pair->query_len, pair->ref,
                               pair->ref_len, least, tal_wave_zero(width));
    if (status != TAL_OK)
        return status;
    out_job->reach = &scratch->reach.reach;
    out_job->row_peaks = scratch->reach.row_peaks;
    wave->peak(out_job);
    return TAL_OK;
}

tal_status tal_ladder_find_peak(const tal_ladder *ladder, tal_ladder_scratch *scratch,
                                const int8_t *profile, int32_t query_len, const uint8_t *ref,
                                int32_t ref_len, int32_t least, tal_ladder_peak *out_peak)
{
    TAL_ASSERT(ladder->mode == TAL_LOCAL);
    TAL_ASSERT(query_len >= 1);
    TAL_ASSERT(ref_len >= 1);
    const ladder_pair pair = {
        .profile = profile, .query_len = query_len, .ref = ref, .ref_len = ref_len};
    tal_width width = first_width(ladder, query_len, ref_len);
    width = width == TAL_WIDTH_8 ? TAL_WIDTH_16 : width;
    tal_wave_job job;
    for (;; width = TAL_WIDTH_32) {
        tal_status status = find_peak(ladder, scratch, &pair, width, least < 1 ? 1 : least, &job);
        if (status != TAL_OK)
            return status;
        if (width == TAL_WIDTH_32 || job.peak < INT16_MAX)
            break;
    }
    const int32_t zero = tal_wave_zero(width);
    /* Where nothing was computed there is nothing above 0. */
    for (int32_t i = 0; job.row_peaks != NULL && i < query_len; i++)
        job.row_peaks[i] = job.row_peaks[i] > zero ? job.row_peaks[i] - zero : 0;
    *out_peak = (tal_ladder_peak){
        .score = job.peak > zero ? job.peak - zero : 0,
        .query_end = job.found_row,
        .ref_end = job.found_column,
        .row_bests = job.row_peaks,
    };
    return TAL_OK;
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
    tal_status status = reserve(scratch, tal_kernel_scratch_bytes(query_len, longest));
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
    if (longest > 0 && is_better_as_pairs(ladder, width, query_len, batch))
        return score_as_pairs(ladder, scratch, &job, width, set, batch, lanes, out_scores);
    int flagged =
        run_rung(ladder->table.score[ladder->mode][width], &job, batch, lanes, lids, out_scores);
    while (flagged > 0) {
        width++;
        TAL_ASSERT(width < TAL_WIDTH_COUNT);
        *(width == TAL_WIDTH_16 ? &scratch->rescue_16 : &scratch->rescue_32) += (uint64_t)flagged;
        status = tal_batch_fill(&scratch->rescue, set, lids, flagged);
        if (status == TAL_OK && is_better_as_pairs(ladder, width, query_len, &scratch->rescue))
            return score_as_pairs(ladder, scratch, &job, width, set, &scratch->rescue, lanes,
                                  out_scores);
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
