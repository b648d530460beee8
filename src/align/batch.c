/* References side by side; see batch.h. */
#include "align/batch.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

/* Columns written before going on: 4 KiB of the batch, which stay in L1. */
#define FILL_COLUMNS 64
/* Lanes and columns that change places at once: the bytes of a word. */
#define TILE 8

void tal_batch_deinit(tal_batch *batch)
{
    tal_free(batch->letters);
    memset(batch, 0, sizeof(*batch));
}

/* Room for the columns of the longest lane; what was there is lost. */
static tal_status reserve(tal_batch *batch, int32_t longest)
{
    size_t columns = ((size_t)longest + TAL_BATCH_COLUMN_STEP - 1) / TAL_BATCH_COLUMN_STEP *
                     TAL_BATCH_COLUMN_STEP;
    size_t bytes = columns * TAL_BATCH_LANES;
    if (bytes > batch->letters_capacity) {
        tal_free(batch->letters);
        batch->letters_capacity = 0;
        batch->letters = tal_alloc_vector(bytes);
        if (batch->letters == NULL)
            return TAL_ERR_MEMORY;
        batch->letters_capacity = bytes;
    }
    if (bytes > 0)
        memset(batch->letters, TAL_CODE_PAD, bytes);
    return TAL_OK;
}

/* Eight bytes, the first one lowest; compilers make one load or store of it. */
static inline uint64_t load_8(const uint8_t *from)
{
    return (uint64_t)from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 |
           (uint64_t)from[3] << 24 | (uint64_t)from[4] << 32 | (uint64_t)from[5] << 40 |
           (uint64_t)from[6] << 48 | (uint64_t)from[7] << 56;
}

static inline void store_8(uint8_t *to, uint64_t word)
{
    for (int i = 0; i < TILE; i++)
        to[i] = (uint8_t)(word >> (8 * i));
}

/* Exchange the bytes of `mask`, `shift` bits up in *low, with those of `mask` in *high. */
static inline void exchange(uint64_t *low, uint64_t *high, int shift, uint64_t mask)
{
    uint64_t difference = (*low >> shift ^ *high) & mask;
    *high ^= difference;
    *low ^= difference << shift;
}

/* TILE columns of TILE lanes: rows and columns of a matrix of bytes change places, by halves,
 * quarters and eighths (Warren, Hacker's Delight, 2nd ed., 7-3). */
static void fill_tile(const uint8_t *const residues[TILE], int32_t column, uint8_t *letters)
{
    uint64_t words[TILE];
    for (int i = 0; i < TILE; i++)
        words[i] = load_8(residues[i] + column);
    for (int i = 0; i < 4; i++)
        exchange(&words[i], &words[i + 4], 32, UINT64_C(0x00000000ffffffff));
    for (int i = 0; i < 4; i++)
        exchange(&words[i + (i & 2)], &words[i + (i & 2) + 2], 16, UINT64_C(0x0000ffff0000ffff));
    for (int i = 0; i < 4; i++)
        exchange(&words[2 * i], &words[2 * i + 1], 8, UINT64_C(0x00ff00ff00ff00ff));
    for (int i = 0; i < TILE; i++)
        store_8(letters + (size_t)i * TAL_BATCH_LANES, words[i]);
}

/* The columns from `begin` to at most `end` of one lane. */
static void fill_lane(tal_batch *batch, const uint8_t *residues, int lane, int32_t begin,
                      int32_t end)
{
    uint8_t *letters = batch->letters + (size_t)begin * TAL_BATCH_LANES + lane;
    end = end < batch->lane_len[lane] ? end : batch->lane_len[lane];
    for (int32_t i = begin; i < end; i++) {
        *letters = residues[i];
        letters += TAL_BATCH_LANES;
    }
}

/* The columns [begin, end) of the lanes from `first` on that reach them: as tiles as far as TILE
 * lanes do. */
static void fill_lanes(tal_batch *batch, const tal_seqset *set, int first, int32_t begin,
                       int32_t end)
{
    const uint8_t *residues[TILE];
    int count = batch->lane_count - first < TILE ? batch->lane_count - first : TILE;
    for (int i = 0; i < count; i++)
        residues[i] = tal_seqset_residues(set, batch->lids[first + i]);
    int32_t column = begin;
    int32_t shortest = count < TILE ? 0 : batch->lane_len[first + TILE - 1];
    for (; column + TILE <= end && column + TILE <= shortest; column += TILE)
        fill_tile(residues, column, batch->letters + (size_t)column * TAL_BATCH_LANES + first);
    for (int i = 0; i < count; i++)
        fill_lane(batch, residues[i], first + i, column, end);
}

tal_status tal_batch_fill(tal_batch *batch, const tal_seqset *set, const tal_lid *lids, int count)
{
    TAL_ASSERT(count >= 1);
    TAL_ASSERT(count <= TAL_BATCH_LANES);
    for (int lane = 0; lane < count; lane++) {
        batch->lids[lane] = lids[lane];
        batch->lane_len[lane] = tal_seqset_len(set, lids[lane]);
        TAL_ASSERT(lane == 0 || batch->lane_len[lane] <= batch->lane_len[lane - 1]);
    }
    for (int lane = count; lane < TAL_BATCH_LANES; lane++)
        batch->lane_len[lane] = 0;
    batch->lane_count = 0;
    tal_status status = reserve(batch, batch->lane_len[0]);
    if (status != TAL_OK)
        return status;
    batch->lane_count = count;
    int64_t longest = batch->lane_len[0];
    for (int64_t begin = 0; begin < longest; begin += FILL_COLUMNS) {
        int32_t end = (int32_t)(longest - begin < FILL_COLUMNS ? longest : begin + FILL_COLUMNS);
        for (int first = 0; first < count && batch->lane_len[first] > begin; first += TILE)
            fill_lanes(batch, set, first, (int32_t)begin, end);
    }
    return TAL_OK;
}
