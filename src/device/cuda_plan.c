/* Which compiled kernel takes which queries; see cuda_plan.h. */
#include "device/cuda_plan.h"

#include "base/check.h"

#define SHAPE(shape_lanes, shape_rows) {.lanes = (shape_lanes), .rows = (shape_rows)},

const tal_cuda_shape tal_cuda_score_shapes[TAL_CUDA_SCORE_SHAPE_COUNT] = {
    TAL_CUDA_SCORE_SHAPES(SHAPE)};
const tal_cuda_shape tal_cuda_gapless_shapes[TAL_CUDA_GAPLESS_SHAPE_COUNT] = {
    TAL_CUDA_GAPLESS_SHAPES(SHAPE)};
const tal_cuda_shape tal_cuda_long_shapes[TAL_CUDA_LONG_SHAPE_COUNT] = {
    TAL_CUDA_LONG_SHAPES(SHAPE)};

static int held(const tal_cuda_shape *shape)
{
    return shape->lanes * shape->rows;
}

size_t tal_cuda_shared_bytes(const tal_cuda_shape *shape, uint32_t letter_count)
{
    return (size_t)held(shape) * letter_count * sizeof(uint32_t);
}

int tal_cuda_block_threads(const tal_cuda_shape *shape, bool is_gapless, int threads,
                           int capability)
{
    bool is_sparse = !is_gapless && shape->rows > TAL_CUDA_ROWS_DENSE && capability >= 9;
    return is_sparse && threads > TAL_CUDA_THREADS_SPARSE / 2 ? TAL_CUDA_THREADS_SPARSE : threads;
}

/* Rows computed for a query in passes of a shape. */
static int64_t computed(const tal_cuda_shape *shape, int32_t query_len)
{
    int64_t rows = held(shape);
    return (query_len + rows - 1) / rows * rows;
}

tal_cuda_choice tal_cuda_choose(bool is_gapless, bool wants_long, int32_t query_len,
                                uint32_t letter_count, size_t shared_bytes)
{
    TAL_ASSERT(shared_bytes >= TAL_CUDA_SHARED_BYTES_MIN);
    const tal_cuda_shape *shapes = is_gapless ? tal_cuda_gapless_shapes : tal_cuda_score_shapes;
    int count = is_gapless ? TAL_CUDA_GAPLESS_SHAPE_COUNT : TAL_CUDA_SCORE_SHAPE_COUNT;
    for (int i = 0; i < count && !wants_long; i++)
        if (held(&shapes[i]) >= query_len &&
            tal_cuda_shared_bytes(&shapes[i], letter_count) <= shared_bytes)
            return (tal_cuda_choice){.is_long = false, .idx = i};
    int best = -1;
    for (int i = 0; i < TAL_CUDA_LONG_SHAPE_COUNT; i++) {
        const tal_cuda_shape *shape = &tal_cuda_long_shapes[i];
        const tal_cuda_shape *kept = best < 0 ? NULL : &tal_cuda_long_shapes[best];
        if (tal_cuda_shared_bytes(shape, letter_count) > shared_bytes)
            continue;
        /* Rising in rows held: as good and later is fewer passes. */
        if (kept == NULL || computed(shape, query_len) <= computed(kept, query_len) ||
            (wants_long && shape->lanes > kept->lanes))
            best = i;
    }
    TAL_ASSERT(best >= 0);
    return (tal_cuda_choice){.is_long = true, .idx = best};
}

uint32_t tal_cuda_short_begin(const uint32_t *reference_len, uint32_t begin, uint32_t end)
{
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (reference_len[middle] > TAL_CUDA_LONG_REFERENCE)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}
