/* The 32-bit score kernel: pairs of the rescue list, one warp each, any length.
 *
 * The same wavefront as in score.h without packing: TAL_CUDA_WIDE_ROWS query positions in a pass,
 * the last row of a pass kept in memory. Scores are read from the profile in device memory: pairs
 * of such scores are rare. Gapless scores are those of a gap that costs more than any score.
 */
#ifndef TAL_KERNELS_CUDA_WIDE_CUH
#define TAL_KERNELS_CUDA_WIDE_CUH

#include "kernels/cuda/lane.cuh"

enum { WIDE_LANE_ROWS = TAL_CUDA_WIDE_ROWS / TAL_CUDA_WARP };

/* Rows [row, row + TAL_CUDA_WIDE_ROWS) of one query against one reference; raises *best. */
TAL_LANE void wide_pass(const tal_cuda_score_job &job, const tal_cuda_query &query, uint32_t row,
                        uint32_t reference, tal_cuda_border *borders, int *best)
{
    const uint32_t lane = thread_index() % TAL_CUDA_WARP;
    const uint32_t len = job.reference_len[reference];
    const uint8_t *letters = (const uint8_t *)(job.letters + job.reference_begin[reference]);
    const uint32_t first = row + lane * WIDE_LANE_ROWS;
    int h[WIDE_LANE_ROWS];
    int e[WIDE_LANE_ROWS];
    TAL_UNROLL
    for (int i = 0; i < WIDE_LANE_ROWS; i++) {
        h[i] = 0;
        e[i] = -job.gap_first;
    }
    int f = -job.gap_first;
    int diagonal = 0;
    for (uint32_t step = 0; step < len + TAL_CUDA_WARP - 1; step++) {
        int h_above = (int)shuffle_up((uint32_t)h[WIDE_LANE_ROWS - 1], 1, TAL_CUDA_WARP);
        int f_above = (int)shuffle_up((uint32_t)f, 1, TAL_CUDA_WARP);
        if (lane == 0) {
            h_above = row > 0 && step < len ? (int)borders[step].h : 0;
            f_above = row > 0 && step < len ? (int)borders[step].f : -job.gap_first;
        }
        const bool is_inside = step >= lane && step - lane < len;
        if (is_inside) {
            const uint32_t code = job.code_of_letter[letters[step - lane]];
            f = f_above;
            TAL_UNROLL
            for (int i = 0; i < WIDE_LANE_ROWS; i++) {
                const bool has_row = first + i < query.len;
                const int score = has_row
                                      ? job.profiles[(size_t)(query.row + first + i) * 32 + code]
                                      : TAL_CUDA_PAD_SCORE;
                int cell = tal_cell_wide(diagonal, score, job.gap_first, job.gap_extend, &e[i], &f);
                diagonal = h[i];
                h[i] = cell;
                *best = cell > *best ? cell : *best;
            }
            diagonal = h_above;
            if (lane == TAL_CUDA_WARP - 1) {
                borders[step - lane].h = (uint32_t)h[WIDE_LANE_ROWS - 1];
                borders[step - lane].f = (uint32_t)f;
            }
        }
    }
}

/* All pairs of the rescue list, divided among the warps of the grid. job.borders has border_stride
 * columns for every warp. */
TAL_LANE void wide_kernel(const tal_cuda_score_job &job)
{
    const uint32_t warps = thread_count() / TAL_CUDA_WARP;
    const uint32_t warp = block_index() * warps + thread_index() / TAL_CUDA_WARP;
    const uint32_t count = read_now(job.rescue_count);
    tal_cuda_border *borders = job.borders + (size_t)warp * job.border_stride;
    for (uint32_t i = warp; i < count; i += block_count() * warps) {
        const uint32_t place = job.rescue[i];
        const tal_cuda_query query = job.queries[place / job.score_stride];
        const uint32_t reference = job.tile_first + place % job.score_stride;
        int best = 0;
        for (uint32_t row = 0; row < query.len; row += TAL_CUDA_WIDE_ROWS) {
            wide_pass(job, query, row, reference, borders, &best);
            warp_barrier();
        }
        TAL_UNROLL
        for (int mask = TAL_CUDA_WARP / 2; mask > 0; mask /= 2) {
            int other = (int)shuffle_xor((uint32_t)best, mask);
            best = other > best ? other : best;
        }
        if (thread_index() % TAL_CUDA_WARP == 0)
            job.scores[place] = best;
        warp_barrier();
    }
}

#endif
