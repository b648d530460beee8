/* Scores of pairs of queries against references: local with gaps, and gapless.
 *
 * Built after device_cell.h with -D GROUP (lanes of one reference), ROWS (query rows of one lane, a
 * multiple of 4), LANES (work items of a work group, a multiple of GROUP), CODES (letters).
 *
 * A work group takes units from a counter until none is left. A unit is a pair of queries (2p and
 * 2p + 1, one in each half of a short2) and UNIT_BLOCKS blocks of LANES / GROUP references. The
 * GROUP lanes of a reference hold GROUP * ROWS rows of the matrix in registers; lane l computes
 * column s - l in step s and hands H and F of its last row to lane l + 1: from register to register
 * where the device has sub-groups that GROUP divides (-D SUBGROUPS), else through local memory (two
 * buffers, one barrier a step). Longer queries are done in tiles of rows: the last lane writes its H
 * and F of every column to the border in global memory, from where lane 0 of the next tile reads
 * them. The two queries' scores stand in local memory such that the lanes of a group read 16
 * consecutive bytes each.
 *
 * Scores above what 16 bit hold are entered into a list; rescue.cl computes those pairs again.
 */
#ifdef SUBGROUPS
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#pragma OPENCL EXTENSION cl_khr_subgroup_shuffle_relative : enable
#define LOCAL_LANE (get_sub_group_id() * get_max_sub_group_size() + get_sub_group_local_id())
#define LANE_BEFORE(own)                                    \
    as_short4((int2)(sub_group_shuffle_up(as_int2(own).x, 1u), \
                     sub_group_shuffle_up(as_int2(own).y, 1u)))
#else
#define LOCAL_LANE get_local_id(0)
#endif

#define TILE        (GROUP * ROWS)
#define GROUP_COUNT (LANES / GROUP)
#define UNIT_BLOCKS 8
#define BEYOND      (-127) /* scores of rows beyond the end of a query */

/* What a work group shares. */
typedef struct shared_memory {
    short8 profile[CODES * TILE / 4]; /* [code][rows of a lane / 4][lane]: 4 rows x 2 queries */
    short4 exchange[2][LANES];        /* H and F of a lane's last row, for the next lane */
    uint unit;
} shared_memory;

/* One pair of queries. */
typedef struct query_pair {
    __global const char *profile[2]; /* rows of 32 */
    int len[2];                      /* 0: there is no second query */
} query_pair;

/* Where a lane stands. */
typedef struct lane_place {
    int lane;       /* in its group */
    int idx;        /* in the work group */
    int column_end; /* of this lane's reference */
    int step_count; /* the same for all lanes of the work group */
    __global const uchar *letters;
    __global short4 *border;
} lane_place;

static inline short query_score(const query_pair *pair, int side, int row, int code)
{
    return row < pair->len[side] ? pair->profile[side][(size_t)row * 32 + code] : (short)BEYOND;
}

/* The profile of rows [row_begin, row_begin + TILE) of both queries into local memory. */
static inline void load_profile(const query_pair *pair, int row_begin, __local short8 *profile)
{
    __local short2 *entries = (__local short2 *)profile;
    for (int i = get_local_id(0); i < CODES * TILE; i += LANES) {
        int code = i / TILE;
        int at = i % TILE; /* quarter * GROUP * 4 + lane * 4 + row of the quarter */
        int row = row_begin + at / 4 % GROUP * ROWS + at / (GROUP * 4) * 4 + at % 4;
        entries[i] = (short2)(query_score(pair, 0, row, code), query_score(pair, 1, row, code));
    }
}

/* All columns of one tile. `best` is the lane's own. */
static inline tal_pair score_tile(const lane_place *place, int is_first, int is_last, int is_gapless,
                           tal_pair floor_pair, tal_pair minus_extend, tal_pair best,
                           __local const short8 *profile, __local short4 (*exchange)[LANES])
{
    tal_pair h[ROWS];
    tal_pair e[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        h[r] = floor_pair;
        e[r] = (short2)(0);
    }
    tal_pair diagonal = floor_pair; /* H above the lane's first row, one column back */
    short4 below = (short4)(0);     /* H and F of its last row */
    for (int step = 0; step < place->step_count; step++) {
        int column = step - place->lane;
#ifdef SUBGROUPS
        short4 before = LANE_BEFORE(below); /* of all lanes, so outside of the condition */
#endif
        if (column >= 0 && column < place->column_end) {
            short4 above = (short4)(floor_pair, (short2)(0));
            if (place->lane > 0)
#ifdef SUBGROUPS
                above = before;
#else
                above = exchange[(step + 1) & 1][place->idx - 1];
#endif
            else if (!is_first)
                above = place->border[column];
            tal_pair up_left = diagonal;
            tal_pair f = above.hi;
            diagonal = above.lo;
            __local const short8 *scores =
                profile + (size_t)place->letters[column] * (TILE / 4) + place->lane;
#pragma unroll
            for (int quarter = 0; quarter < ROWS / 4; quarter++) {
                short8 four = scores[quarter * GROUP];
                short2 row_scores[4] = {four.s01, four.s23, four.s45, four.s67};
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    int r = quarter * 4 + i;
                    tal_pair left = h[r];
                    if (is_gapless)
                        h[r] = tal_cell_pair_gapless(up_left, row_scores[i]);
                    else
                        h[r] = tal_cell_pair(up_left, row_scores[i], floor_pair, minus_extend,
                                             &e[r], &f);
                    best = tal_pair_max(best, h[r]);
                    up_left = left;
                }
            }
            below = (short4)(h[ROWS - 1], f);
#ifndef SUBGROUPS
            exchange[step & 1][place->idx] = below;
#endif
            if (!is_last && place->lane == GROUP - 1)
                place->border[column] = below;
        }
#ifndef SUBGROUPS
        if (GROUP > 1)
            barrier(CLK_LOCAL_MEM_FENCE);
#endif
    }
    return best;
}

/* The largest best of a group's lanes, entered as the scores of both queries by its lane 0. */
static inline void enter_scores(const lane_place *place, const query_pair *pair, tal_pair best, int bias,
                         __local short4 (*exchange)[LANES], __global int *scores, uint first,
                         uint second, __global uint *rescue_count, __global uint *rescues)
{
    exchange[0][place->idx].lo = best;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (place->lane == 0 && place->column_end > 0) {
        for (int i = 1; i < GROUP; i++)
            best = tal_pair_max(best, exchange[0][place->idx + i].lo);
        int values[2] = {best.x, best.y};
        uint at[2] = {first, second};
        for (int side = 0; side < 2; side++) {
            if (pair->len[side] == 0)
                continue;
            scores[at[side]] = values[side] - bias;
            if (values[side] > TAL_CELL_LIMIT)
                rescues[atomic_inc(rescue_count)] = at[side];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* One reference of every group against the pair of queries. */
static inline void score_block(const lane_place *place, const query_pair *pair, int is_loaded,
                        int is_gapless, int open_extend, int extend, __local shared_memory *shared,
                        tal_pair *best)
{
    int tile_count = (pair->len[0] + TILE - 1) / TILE;
    int bias = is_gapless ? 0 : open_extend;
    *best = tal_pair_set1(bias);
    for (int tile = 0; tile < tile_count; tile++) {
        if (!is_loaded || tile_count > 1) {
            barrier(CLK_LOCAL_MEM_FENCE);
            load_profile(pair, tile * TILE, shared->profile);
        }
        barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
        *best = score_tile(place, tile == 0, tile == tile_count - 1, is_gapless,
                           tal_pair_set1(bias), tal_pair_set1(-extend), *best, shared->profile,
                           shared->exchange);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

static inline void score_units(int is_gapless, __global const uchar *letters,
                        __global const ulong *offsets, uint ref_begin, uint ref_count,
                        __global const char *profiles, __global const ulong *query_rows,
                        __global const int *query_lens, uint query_count, int open_extend,
                        int extend, __global int *scores, __global uint *counters,
                        __global uint *rescues, __global short4 *borders, ulong border_stride,
                        __local shared_memory *shared)
{
    uint block_count = (ref_count + GROUP_COUNT - 1) / GROUP_COUNT;
    uint chunk_count = (block_count + UNIT_BLOCKS - 1) / UNIT_BLOCKS;
    uint unit_count = (query_count + 1) / 2 * chunk_count;
    lane_place place;
    place.idx = LOCAL_LANE;
    place.lane = place.idx % GROUP;
    int group = place.idx / GROUP;
    place.border = borders + (get_group_id(0) * GROUP_COUNT + group) * border_stride;
    for (;;) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (place.idx == 0)
            shared->unit = atomic_inc(&counters[0]);
        barrier(CLK_LOCAL_MEM_FENCE);
        uint unit = shared->unit;
        if (unit >= unit_count)
            break;
        /* Long references first: all pairs of queries of a chunk before the next chunk. */
        uint pair_count = (query_count + 1) / 2;
        uint query = unit % pair_count * 2;
        uint block = unit / pair_count * UNIT_BLOCKS;
        query_pair pair;
        for (int side = 0; side < 2; side++) {
            int exists = query + side < query_count;
            pair.len[side] = exists ? query_lens[query + side] : 0;
            pair.profile[side] = profiles + (exists ? query_rows[query + side] * 32 : 0);
        }
        uint block_end = min(block + UNIT_BLOCKS, block_count);
        for (uint first_block = block; block < block_end; block++) {
            uint first = block * GROUP_COUNT;
            uint ref = first + group;
            ulong begin = ref < ref_count ? offsets[ref_begin + ref] : 0;
            place.letters = letters + begin;
            place.column_end = ref < ref_count ? (int)(offsets[ref_begin + ref + 1] - begin) : 0;
            place.step_count =
                (int)(offsets[ref_begin + first + 1] - offsets[ref_begin + first]) + GROUP - 1;
            tal_pair best;
            score_block(&place, &pair, block > first_block, is_gapless, open_extend, extend,
                        shared, &best);
            enter_scores(&place, &pair, best, is_gapless ? 0 : open_extend, shared->exchange,
                         scores, query * ref_count + ref, (query + 1) * ref_count + ref,
                         &counters[1], rescues);
        }
    }
}

#define SCORE_KERNEL(name, is_gapless)                                                          \
    __kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void name(                      \
        __global const uchar *letters, __global const ulong *offsets, uint ref_begin,           \
        uint ref_count, __global const char *profiles, __global const ulong *query_rows,        \
        __global const int *query_lens, uint query_count, int open_extend, int extend,          \
        __global int *scores, __global uint *counters, __global uint *rescues,                  \
        __global short4 *borders, ulong border_stride)                                          \
    {                                                                                           \
        __local shared_memory shared;                                                           \
        score_units(is_gapless, letters, offsets, ref_begin, ref_count, profiles, query_rows,   \
                    query_lens, query_count, open_extend, extend, scores, counters, rescues,    \
                    borders, border_stride, &shared);                                           \
    }

SCORE_KERNEL(tal_score_local, 0)
SCORE_KERNEL(tal_score_gapless, 1)
