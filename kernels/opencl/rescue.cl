/* The pairs that 16 bit could not hold, again in 32 bit; after score.cl.
 *
 * One work group computes one listed pair at a time: its LANES lanes hold WIDE_ROWS rows each and
 * work as the lanes of a group do in score.cl. Scores are read from the profile in global memory.
 */
#define WIDE_ROWS 8
#define WIDE_TILE (LANES * WIDE_ROWS)

/* What enters a lane from above: H and F of the row before its first. */
static inline int2 wide_above(int lane, int step, int column, int is_first, __local int2 (*exchange)[LANES],
                       __global const int2 *border)
{
    if (lane > 0)
        return exchange[(step + 1) & 1][lane - 1];
    return is_first ? (int2)(0) : border[column];
}

/* All columns of rows [row_begin, row_begin + WIDE_TILE); returns the lane's best. */
static inline int wide_tile(__global const char *profile, int row_begin, int query_len,
                     __global const uchar *letters, int ref_len, int is_gapless, int open_extend,
                     int extend, __local int2 (*exchange)[LANES], __global int2 *border)
{
    int lane = get_local_id(0);
    int row = row_begin + lane * WIDE_ROWS;
    int is_last = row_begin + WIDE_TILE >= query_len;
    int h[WIDE_ROWS];
    int e[WIDE_ROWS];
#pragma unroll
    for (int r = 0; r < WIDE_ROWS; r++)
        h[r] = e[r] = 0;
    int best = 0;
    int diagonal = 0;
    for (int step = 0; step < ref_len + LANES - 1; step++) {
        int column = step - lane;
        if (column >= 0 && column < ref_len) {
            int2 above = wide_above(lane, step, column, row_begin == 0, exchange, border);
            int up_left = diagonal;
            int f = above.y;
            diagonal = above.x;
            int code = letters[column];
#pragma unroll
            for (int r = 0; r < WIDE_ROWS; r++) {
                int score = row + r < query_len ? profile[(size_t)(row + r) * 32 + code] : BEYOND;
                int left = h[r];
                if (is_gapless)
                    h[r] = max(up_left + score, 0);
                else
                    h[r] = tal_cell_wide(up_left, score, open_extend, extend, &e[r], &f);
                best = max(best, h[r]);
                up_left = left;
            }
            int2 below = (int2)(h[WIDE_ROWS - 1], f);
            exchange[step & 1][lane] = below;
            if (!is_last && lane == LANES - 1)
                border[column] = below;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return best;
}

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void tal_rescue(
    __global const uchar *letters, __global const ulong *offsets, uint ref_begin, uint ref_count,
    __global const char *profiles, __global const ulong *query_rows, __global const int *query_lens,
    int is_gapless, int open_extend, int extend, __global int *scores,
    __global const uint *counters, __global const uint *rescues, __global int2 *borders,
    ulong border_stride)
{
    __local int2 exchange[2][LANES];
    __local int bests[LANES];
    __global int2 *border = borders + get_group_id(0) * border_stride;
    uint rescue_count = counters[1];
    for (uint i = get_group_id(0); i < rescue_count; i += get_num_groups(0)) {
        uint at = rescues[i];
        uint query = at / ref_count;
        ulong begin = offsets[ref_begin + at % ref_count];
        int ref_len = (int)(offsets[ref_begin + at % ref_count + 1] - begin);
        int best = 0;
        for (int row = 0; row < query_lens[query]; row += WIDE_TILE) {
            best = max(best, wide_tile(profiles + query_rows[query] * 32, row, query_lens[query],
                                       letters + begin, ref_len, is_gapless, open_extend, extend,
                                       exchange, border));
            barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        }
        bests[get_local_id(0)] = best;
        barrier(CLK_LOCAL_MEM_FENCE);
        if (get_local_id(0) == 0) {
            for (int lane = 1; lane < LANES; lane++)
                best = max(best, bests[lane]);
            scores[at] = best;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}
