/* The 32-bit score kernel: pairs of the rescue list, one warp each, any length.
 *
 * The same wavefront as in score.cuh without packing: TAL_CUDA_WIDE_ROWS query positions in a pass,
 * the last row of a pass kept in memory. A warp has its own profile in shared memory,
 * [letter][position] bytes: a lane reads the scores of its rows at once, free of bank conflicts.
 * Gapless scores are those of a gap that costs more than any score.
 */
#ifndef TAL_KERNELS_CUDA_WIDE_CUH
#define TAL_KERNELS_CUDA_WIDE_CUH

#include "kernels/cuda/lane.cuh"

enum {
    WIDE_LANE_ROWS = TAL_CUDA_WIDE_ROWS / TAL_CUDA_WARP, /* the bytes of a quad */
    WIDE_PROFILE_QUADS = TAL_CUDA_LETTERS_MAX * TAL_CUDA_WIDE_ROWS / WIDE_LANE_ROWS,
};

/* Fill the profile of a warp: positions [row, row + TAL_CUDA_WIDE_ROWS), pads behind the query. */
TAL_LANE void load_wide_profile(const tal_cuda_score_job &job, const tal_cuda_query &query,
                                uint32_t row, tal_quad *profile)
{
    int8_t *bytes = (int8_t *)profile;
    for (uint32_t i = thread_index() % TAL_CUDA_WARP; i < TAL_CUDA_WIDE_ROWS; i += TAL_CUDA_WARP) {
        const bool has_row = row + i < query.len;
        const int8_t *scores = job.profiles + (size_t)(query.row + row + i) * 32;
        for (uint32_t letter = 0; letter < job.letter_count; letter++)
            bytes[letter * TAL_CUDA_WIDE_ROWS + i] =
                (int8_t)(has_row ? scores[job.code_of_letter[letter]] : TAL_CUDA_PAD_SCORE);
    }
}

/* The rows of a profile against one reference; raises *best. */
TAL_LANE void wide_pass(const tal_cuda_score_job &job, const tal_quad *profile, bool is_first,
                        uint32_t reference, tal_cuda_border *borders, int *best)
{
    const uint32_t lane = thread_index() % TAL_CUDA_WARP;
    const uint32_t len = job.reference_len[reference];
    const uint8_t *letters = (const uint8_t *)(job.letters + job.reference_begin[reference]);
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
            h_above = !is_first && step < len ? (int)borders[step].h : 0;
            f_above = !is_first && step < len ? (int)borders[step].f : -job.gap_first;
        }
        const bool is_inside = step >= lane && step - lane < len;
        if (is_inside) {
            const tal_quad quad = profile[letters[step - lane] * TAL_CUDA_WARP + lane];
            const uint32_t words[4] = {quad.x, quad.y, quad.z, quad.w};
            f = f_above;
            TAL_UNROLL
            for (int i = 0; i < WIDE_LANE_ROWS; i++) {
                const int score = (int8_t)(words[i / 4] >> i % 4 * 8);
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
 * columns for every warp, `profiles` WIDE_PROFILE_QUADS for every warp of the block. */
TAL_LANE void wide_kernel(const tal_cuda_score_job &job, tal_quad *profiles)
{
    const uint32_t warps = thread_count() / TAL_CUDA_WARP;
    const uint32_t block_warp = thread_index() / TAL_CUDA_WARP;
    const uint32_t warp = block_index() * warps + block_warp;
    const uint32_t count = read_now(job.rescue_count);
    tal_quad *profile = profiles + block_warp * WIDE_PROFILE_QUADS;
    tal_cuda_border *borders = job.borders + (size_t)warp * job.border_stride;
    for (uint32_t i = warp; i < count; i += block_count() * warps) {
        const uint32_t place = job.rescue[i];
        const tal_cuda_query query = job.queries[place / job.score_stride];
        const uint32_t reference = job.tile_first + place % job.score_stride;
        int best = 0;
        for (uint32_t row = 0; row < query.len; row += TAL_CUDA_WIDE_ROWS) {
            load_wide_profile(job, query, row, profile);
            warp_barrier();
            wide_pass(job, profile, row == 0, reference, borders, &best);
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
