/* The packed score kernels: two queries, one reference, 16 bits each; exact or put on the rescue
 * list.
 *
 * A group of G lanes scores one reference against a pair of queries. Each lane keeps R rows (query
 * positions) of H and E in registers and works on the column of the reference one behind its left
 * neighbour's; the lane's last H and F go to the right neighbour by shuffle. Scores come from a
 * profile of the pair in shared memory, [letter][quad of rows][lane] words: whatever letters the
 * lanes are at, eight neighbours read eight neighbouring quads, which is free of bank conflicts.
 *
 * Blocks stay with a pair of queries while references are left for it and take them, longest
 * first, from a counter of the pair; then they help with the next pair.
 *
 * Queries longer than G * R are done in passes (IS_LONG): the last lane leaves H and F of its last
 * row in memory, from where the first lane of the next pass takes them.
 *
 * Operations of half rate on compute capability 9.0, per pair of cells: 3.5 (max of three, add-max,
 * add-max, half a max of three); two additions with a floor are of the pipe of binary16. Gapless:
 * 0.5 and one.
 *
 * EXTEND, where it is not 0, is the cost of extending a gap, known to the compiler: as an immediate
 * it spares each add-max the third register, of which an instruction reads two at once.
 */
#ifndef TAL_KERNELS_CUDA_SCORE_CUH
#define TAL_KERNELS_CUDA_SCORE_CUH

#include "kernels/cuda/lane.cuh"

/* Columns of one turn of the main loop: the letters of a word. */
#define SCORE_COLUMNS 4

/* What all lanes know of the launch. */
struct score_costs {
    tal_pair first, extend; /* codes, see tal_half_cell */
    uint32_t pad_word;
};

/* One lane's cells. Gapless kernels leave e alone. */
template <int R> struct score_rows {
    tal_pair h[R];
    tal_pair e[R];
    tal_pair best;
};

/* Fill the profile of a pair: rows [row, row + G * R) of both queries, pads where they end. */
template <int G, int R>
TAL_LANE void load_profile(const tal_cuda_score_job &job, uint32_t pair, uint32_t row,
                           uint32_t *profile)
{
    const tal_cuda_query low = job.queries[2 * pair];
    const tal_cuda_query high = job.queries[2 * pair + 1];
    for (uint32_t word = thread_index(); word < G * R; word += thread_count()) {
        uint32_t lane = word / 4 % G;
        uint32_t position = row + lane * R + word / (4 * G) * 4 + word % 4;
        bool has_low = position < low.len;
        bool has_high = position < high.len;
        const int8_t *low_row = job.profiles + (size_t)(low.row + position) * 32;
        const int8_t *high_row = job.profiles + (size_t)(high.row + position) * 32;
        for (uint32_t letter = 0; letter < job.letter_count; letter++) {
            uint32_t code = job.code_of_letter[letter];
            int low_score = has_low ? low_row[code] : TAL_CUDA_PAD_SCORE;
            int high_score = has_high ? high_row[code] : TAL_CUDA_PAD_SCORE;
            profile[letter * (G * R) + word] =
                tal_half_join(tal_half_code(low_score), tal_half_code(high_score));
        }
    }
}

/* One column of a lane: R cells. `scores` is the lane's first quad of the letter. `diagonal` is H
 * of the row above in the column before, f of the row above in this one. Returns f for the row
 * below. */
template <int G, int R>
TAL_LANE tal_pair advance(score_rows<R> &rows, const tal_quad *scores, tal_pair diagonal,
                          tal_pair f, const score_costs &costs)
{
    TAL_UNROLL
    for (int quad = 0; quad < R / 4; quad++) {
        const tal_quad four = scores[quad * G];
        const tal_pair score[4] = {four.x, four.y, four.z, four.w};
        TAL_UNROLL
        for (int i = 0; i < 4; i++) {
            const int row = quad * 4 + i;
            tal_pair h =
                tal_half_cell(diagonal, score[i], costs.first, costs.extend, &rows.e[row], &f);
            diagonal = rows.h[row];
            rows.h[row] = h;
        }
        rows.best = tal_half_max3(rows.best, rows.h[quad * 4], rows.h[quad * 4 + 1]);
        rows.best = tal_half_max3(rows.best, rows.h[quad * 4 + 2], rows.h[quad * 4 + 3]);
    }
    return f;
}

template <int G, int R>
TAL_LANE void advance_gapless(score_rows<R> &rows, const tal_quad *scores, tal_pair diagonal)
{
    TAL_UNROLL
    for (int quad = 0; quad < R / 4; quad++) {
        const tal_quad four = scores[quad * G];
        const tal_pair score[4] = {four.x, four.y, four.z, four.w};
        TAL_UNROLL
        for (int i = 0; i < 4; i++) {
            const int row = quad * 4 + i;
            tal_pair h = tal_half_add_floor(diagonal, score[i]);
            diagonal = rows.h[row];
            rows.h[row] = h;
        }
        rows.best = tal_half_max3(rows.best, rows.h[quad * 4], rows.h[quad * 4 + 1]);
        rows.best = tal_half_max3(rows.best, rows.h[quad * 4 + 2], rows.h[quad * 4 + 3]);
    }
}

/* The word of letters `idx` of a reference of `words` words, pads outside of it. */
TAL_LANE uint32_t letters_at(const uint32_t *letters, int32_t idx, int32_t words, uint32_t pads)
{
    return idx >= 0 && idx < words ? letters[idx] : pads;
}

/* One pass of a group: its rows against all columns of its reference. `columns` is the same for all
 * lanes of the warp. With IS_LONG, `borders` has this group's columns, which hold what the pass
 * before left when `is_first` is false. */
template <int G, int R, bool IS_LONG, bool IS_GAPLESS>
TAL_LANE void score_pass(score_rows<R> &rows, const tal_quad *profile, const uint32_t *letters,
                         uint32_t len, uint32_t columns, tal_cuda_border *borders, bool is_first,
                         const score_costs &costs)
{
    const uint32_t lane = thread_index() % G;
    const int32_t words = (int32_t)((len + 3) / 4);
    const uint32_t shift = lane % 4 * 8;
    const uint32_t pads = costs.pad_word;
    int32_t next = -(int32_t)(lane / 4);
    TAL_UNROLL
    for (int row = 0; row < R; row++) {
        rows.h[row] = 0;
        rows.e[row] = 0;
    }
    tal_pair f = 0;
    tal_pair diagonal = 0;
    uint32_t past = pads;
    uint32_t ahead = letters_at(letters, next, words, pads);
    const tal_quad *own = profile + lane;
    for (uint32_t step = 0; step < columns + G - 1; step += SCORE_COLUMNS) {
        /* This lane is `lane` columns behind: its four letters straddle two words. */
        uint32_t four = funnel_left(past, ahead, shift);
        past = ahead;
        ahead = letters_at(letters, ++next, words, pads);
        TAL_UNROLL
        for (int i = 0; i < SCORE_COLUMNS; i++) {
            const tal_quad *scores = own + (four & 0xff) * (G * R / 4);
            four >>= 8;
            tal_pair h_above = shuffle_up(rows.h[R - 1], 1, G);
            tal_pair f_above = IS_GAPLESS ? 0 : shuffle_up(f, 1, G);
            if (lane == 0) {
                h_above = 0;
                f_above = 0;
                if (IS_LONG && !is_first && step + i < columns) {
                    h_above = borders[step + i].h;
                    f_above = borders[step + i].f;
                }
            }
            if (IS_GAPLESS)
                advance_gapless<G, R>(rows, scores, diagonal);
            else
                f = advance<G, R>(rows, scores, diagonal, f_above, costs);
            diagonal = h_above;
            if (IS_LONG && lane == G - 1 && step + i >= G - 1 && step + i - (G - 1) < columns) {
                borders[step + i - (G - 1)].h = rows.h[R - 1];
                borders[step + i - (G - 1)].f = f;
            }
        }
    }
}

/* Write the two scores of a reference; what a half could not hold goes on the rescue list. */
TAL_LANE void put_scores(const tal_cuda_score_job &job, uint32_t pair, uint32_t reference,
                         tal_pair best)
{
    for (uint32_t side = 0; side < 2; side++) {
        uint32_t query = 2 * pair + side;
        if (job.queries[query].len == 0)
            continue;
        uint32_t place = query * job.score_stride + reference - job.tile_first;
        int value = tal_half_of(best, (int)side);
        job.scores[place] = value;
        if (value > TAL_HALF_LIMIT)
            job.rescue[fetch_add(job.rescue_count, 1)] = place;
    }
}

/* The best of all lanes of a group, in all of them. */
template <int G> TAL_LANE tal_pair best_of_group(tal_pair best)
{
    TAL_UNROLL
    for (int mask = G / 2; mask > 0; mask /= 2)
        best = tal_half_max(best, shuffle_xor(best, mask));
    return best;
}

/* All references left of one pair, up to G * R positions. The profile is in shared memory. */
template <int G, int R, bool IS_GAPLESS>
TAL_LANE void score_pair(const tal_cuda_score_job &job, uint32_t pair_idx, const tal_quad *profile,
                         const score_costs &costs)
{
    const uint32_t groups = TAL_CUDA_WARP / G;
    const uint32_t lane = thread_index() % TAL_CUDA_WARP;
    for (;;) {
        uint32_t first = 0;
        if (lane == 0)
            first = fetch_add(&job.cursors[pair_idx], groups);
        first = shuffle_from(first, 0);
        if (first >= job.reference_count)
            return;
        uint32_t place = first + lane / G;
        bool is_there = place < job.reference_count;
        uint32_t reference = job.reference_first + (is_there ? place : first);
        uint32_t len = is_there ? job.reference_len[reference] : 0;
        score_rows<R> rows;
        rows.best = 0;
        score_pass<G, R, false, IS_GAPLESS>(
            rows, profile, job.letters + job.reference_begin[reference], len, shuffle_from(len, 0),
            (tal_cuda_border *)0, true, costs);
        tal_pair best = best_of_group<G>(rows.best);
        if (lane % G == 0 && is_there)
            put_scores(job, job.query_first / 2 + pair_idx, reference, best);
    }
}

/* All references left of one pair of any length: the warps of the block take as many references as
 * they have groups, and go through the passes together, since they share the profile. */
template <int G, int R, bool IS_GAPLESS>
TAL_LANE void score_pair_long(const tal_cuda_score_job &job, uint32_t pair_idx, tal_quad *shared,
                              uint32_t *shared_first, const score_costs &costs)
{
    const uint32_t pair = job.query_first / 2 + pair_idx;
    const uint32_t query_len = job.queries[2 * pair].len > job.queries[2 * pair + 1].len
                                   ? job.queries[2 * pair].len
                                   : job.queries[2 * pair + 1].len;
    const uint32_t groups = thread_count() / G;
    const uint32_t group = thread_index() / G;
    const uint32_t warp_group = thread_index() / TAL_CUDA_WARP * (TAL_CUDA_WARP / G);
    tal_cuda_border *borders =
        job.borders + ((size_t)block_index() * groups + group) * job.border_stride;
    for (;;) {
        block_barrier();
        if (thread_index() == 0)
            *shared_first = fetch_add(&job.cursors[pair_idx], groups);
        block_barrier();
        const uint32_t first = *shared_first;
        if (first >= job.reference_count)
            return;
        const bool is_there = first + group < job.reference_count;
        const bool has_any = first + warp_group < job.reference_count;
        const uint32_t reference = job.reference_first + first + (is_there ? group : 0);
        const uint32_t len = is_there ? job.reference_len[reference] : 0;
        const uint32_t columns = shuffle_from(len, 0);
        score_rows<R> rows;
        rows.best = 0;
        for (uint32_t row = 0; row < query_len; row += G * R) {
            block_barrier();
            load_profile<G, R>(job, pair, row, (uint32_t *)shared);
            block_barrier();
            if (has_any)
                score_pass<G, R, true, IS_GAPLESS>(rows, shared,
                                                   job.letters + job.reference_begin[reference],
                                                   len, columns, borders, row == 0, costs);
            warp_barrier();
        }
        tal_pair best = best_of_group<G>(rows.best);
        if (thread_index() % G == 0 && is_there)
            put_scores(job, pair, reference, best);
    }
}

/* The kernel of one shape. `shared` has letter_count * G * R words; *shared_first is shared too. */
template <int G, int R, bool IS_LONG, bool IS_GAPLESS, int EXTEND>
TAL_LANE void score_kernel(const tal_cuda_score_job &job, tal_quad *shared, uint32_t *shared_first)
{
    score_costs costs;
    /* What costs more than a half holds leaves nothing of it either way. */
    const int first = job.gap_first < TAL_HALF_LIMIT ? job.gap_first : TAL_HALF_LIMIT;
    const int extend = job.gap_extend < TAL_HALF_LIMIT ? job.gap_extend : TAL_HALF_LIMIT;
    costs.first = tal_half_twice(tal_half_code(-first));
    costs.extend = tal_half_extend_code(EXTEND > 0 ? EXTEND : extend);
    costs.pad_word = (job.letter_count - 1) * 0x01010101u;
    for (uint32_t i = 0; i < job.pair_count; i++) {
        const uint32_t pair_idx = (block_index() + i) % job.pair_count;
        block_barrier();
        if (thread_index() == 0)
            *shared_first = read_now(&job.cursors[pair_idx]);
        block_barrier();
        if (*shared_first >= job.reference_count)
            continue;
        if (IS_LONG) {
            score_pair_long<G, R, IS_GAPLESS>(job, pair_idx, shared, shared_first, costs);
            continue;
        }
        load_profile<G, R>(job, job.query_first / 2 + pair_idx, 0, (uint32_t *)shared);
        block_barrier();
        score_pair<G, R, IS_GAPLESS>(job, pair_idx, shared, costs);
    }
}

#endif
