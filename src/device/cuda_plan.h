/* Which compiled kernel takes which queries; pure, see kernels/cuda/job.h for the shapes. */
#ifndef TAL_DEVICE_CUDA_PLAN_H
#define TAL_DEVICE_CUDA_PLAN_H

#include "kernels/cuda/job.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    TAL_CUDA_SCORE_SHAPE_COUNT = 18,
    TAL_CUDA_GAPLESS_SHAPE_COUNT = 8,
    TAL_CUDA_LONG_SHAPE_COUNT = 6,
    /* References above go to the kernel with the most lanes for one of them, in a stream of their
     * own, so that nobody waits for the last of them. */
    TAL_CUDA_LONG_REFERENCE = 4096,
    /* Shared memory that some kernel can always work with, at any count of letters. */
    TAL_CUDA_SHARED_BYTES_MIN = 128 * TAL_CUDA_LETTERS_MAX * 4,
};

typedef struct tal_cuda_shape {
    int lanes, rows;
} tal_cuda_shape;

extern const tal_cuda_shape tal_cuda_score_shapes[TAL_CUDA_SCORE_SHAPE_COUNT];
extern const tal_cuda_shape tal_cuda_gapless_shapes[TAL_CUDA_GAPLESS_SHAPE_COUNT];
extern const tal_cuda_shape tal_cuda_long_shapes[TAL_CUDA_LONG_SHAPE_COUNT];

/* A kernel: one of the shapes of its kind. */
typedef struct tal_cuda_choice {
    bool is_long; /* of tal_cuda_long_shapes */
    int idx;
} tal_cuda_choice;

/* Bytes of shared memory a shape needs. */
size_t tal_cuda_shared_bytes(const tal_cuda_shape *shape, uint32_t letter_count);

/* Threads of a block of a shape where `threads` were asked for; capability: the major number. From
 * 9.0 on, gapped kernels of more than TAL_CUDA_ROWS_DENSE rows a lane have registers for
 * TAL_CUDA_THREADS_SPARSE: they take that many where not even two blocks of `threads` would fit. */
int tal_cuda_block_threads(const tal_cuda_shape *shape, bool is_gapless, int threads,
                           int capability);

/* The kernel for queries of query_len >= 1 and fewer: the first that holds them at once, or else
 * the one that computes the fewest rows, in the fewest passes. shared_bytes, of a block, is at
 * least TAL_CUDA_SHARED_BYTES_MIN. With wants_long only kernels of passes are looked at, and those
 * with the most lanes come first. */
tal_cuda_choice tal_cuda_choose(bool is_gapless, bool wants_long, int32_t query_len,
                                uint32_t letter_count, size_t shared_bytes);

/* The smallest reference index in [begin, end) with a length <= TAL_CUDA_LONG_REFERENCE; end when
 * there is none. Lengths fall. */
uint32_t tal_cuda_short_begin(const uint32_t *reference_len, uint32_t begin, uint32_t end);

#endif
