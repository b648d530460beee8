/* References side by side; see batch.h. */
#include "align/batch.h"

#include "base/alloc.h"
#include "base/check.h"

#include <string.h>

/* Columns written lane by lane before going on: 4 KiB of the batch, which stay in L1. */
#define FILL_COLUMNS 64

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

/* The columns [begin, begin + FILL_COLUMNS) of every lane that reaches them. */
static void fill_columns(tal_batch *batch, const tal_seqset *set, int32_t begin)
{
    for (int lane = 0; lane < batch->lane_count && batch->lane_len[lane] > begin; lane++) {
        const uint8_t *residues = tal_seqset_residues(set, batch->lids[lane]) + begin;
        uint8_t *letters = batch->letters + (size_t)begin * TAL_BATCH_LANES + lane;
        int32_t left = batch->lane_len[lane] - begin;
        int32_t count = left < FILL_COLUMNS ? left : FILL_COLUMNS;
        for (int32_t i = 0; i < count; i++)
            letters[(size_t)i * TAL_BATCH_LANES] = residues[i];
    }
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
    for (int64_t begin = 0; begin < longest; begin += FILL_COLUMNS)
        fill_columns(batch, set, (int32_t)begin);
    return TAL_OK;
}
