/* What the host hands to the CUDA kernels: plain structures of C, read on both sides.
 *
 * A *tile* is a run of queries against a run of references; its scores stay on the device as
 * scores[query * score_stride + reference] and only those that pass a threshold return as hits.
 * References are held longest first, each beginning at a multiple of four letters and filled up to
 * the next one with `letter_pad`; letters are dense codes 0..letter_count - 1, of which the last is
 * the pad. Queries are profiles of 32 signed bytes per position (see kernels/contract.h) indexed by
 * the codes of `code_of_letter`.
 *
 * Two queries share a register: the even one of a pair in the lower half. All addresses are of the
 * device.
 */
#ifndef TAL_KERNELS_CUDA_JOB_H
#define TAL_KERNELS_CUDA_JOB_H

#include <stdint.h>

enum {
    TAL_CUDA_WARP = 32,
    TAL_CUDA_THREADS_MAX = 512,     /* of a block: 128 registers each must fit */
    TAL_CUDA_ROWS_DENSE = 28,       /* of a lane with gaps, that fit in 128 registers */
    TAL_CUDA_THREADS_SPARSE = 384,  /* of a block with more rows a lane: 168 registers */
    TAL_CUDA_THREADS_EARLY = 256,   /* before capability 9.0, where packed maxima take more */
    TAL_CUDA_LETTERS_MAX = 32,      /* the pad included */
    TAL_CUDA_HISTOGRAM_BINS = 1024, /* one for every score from 0, the last one for all above */
    TAL_CUDA_WIDE_ROWS = 512,       /* query positions of one pass of the 32-bit kernel */
    TAL_CUDA_WIDE_THREADS = 64,     /* of its blocks */
    TAL_CUDA_EXTEND_KNOWN = 2,      /* capability 9 has kernels for gap extensions of 1 to this */
};

/* Of a row that is no position of a query. */
#define TAL_CUDA_PAD_SCORE (-127)

/* Every compiled shape of the packed score kernel: (lanes of a group, rows of a lane). A group
 * scores one reference; lanes times rows query positions are held at once. Rising in rows held,
 * with as few lanes as can hold them: the fewer, the less wait at both ends of a reference. */
// clang-format off
#define TAL_CUDA_SCORE_SHAPES(X)                                                                \
    X(8, 4) X(8, 8) X(8, 12) X(8, 16) X(8, 20) X(8, 24) X(8, 28) X(8, 32) X(8, 36) X(8, 40)     \
    X(16, 24) X(16, 28) X(16, 32) X(16, 36) X(16, 40)                                           \
    X(32, 24) X(32, 32) X(32, 36)
#define TAL_CUDA_GAPLESS_SHAPES(X) \
    X(8, 8) X(8, 16) X(8, 24) X(8, 32) X(16, 24) X(16, 32) X(32, 24) X(32, 32)
/* Shapes for queries of any length, in passes; the last row of a pass is kept in memory. */
#define TAL_CUDA_LONG_SHAPES(X) X(8, 16) X(16, 24) X(32, 16) X(32, 24) X(32, 32) X(32, 36)
// clang-format on

typedef struct tal_cuda_query {
    uint32_t row; /* of its first position in `profiles` */
    uint32_t len; /* 0: no query, as the other half of an odd one */
} tal_cuda_query;

/* What the last row of a pass leaves to the next, per column. */
typedef struct tal_cuda_border {
    uint32_t h, f;
} tal_cuda_border;

typedef struct tal_cuda_hit {
    uint32_t query;     /* of the tile */
    uint32_t reference; /* of the upload */
    int32_t score;
} tal_cuda_hit;

/* One launch of a score kernel: all queries of one shape against the references of one bin. */
typedef struct tal_cuda_score_job {
    const uint32_t *letters;         /* four to a word */
    const uint32_t *reference_begin; /* word of the first letter */
    const uint32_t *reference_len;
    uint32_t reference_first; /* of this launch; longest first from here on */
    uint32_t reference_count;
    uint32_t tile_first; /* the first reference of the tile, the first column of `scores` */

    const int8_t *profiles;
    const tal_cuda_query *queries; /* of the tile, an even number */
    uint32_t query_first;          /* even */
    uint32_t pair_count;

    int32_t *scores; /* of the tile */
    uint32_t score_stride;
    uint32_t *cursors;      /* pair_count, 0 at launch: references handed out */
    uint32_t *rescue;       /* places in `scores` to be computed with 32 bits */
    uint32_t *rescue_count; /* room is for every score of the tile */

    tal_cuda_border *borders; /* border_stride columns for every group of the launch */
    uint32_t border_stride;   /* a multiple of 4, at least the longest reference */

    uint32_t letter_count;
    uint8_t code_of_letter[TAL_CUDA_LETTERS_MAX];
    int32_t gap_first;  /* open + extend */
    int32_t gap_extend; /* both >= 0 */
} tal_cuda_score_job;

/* Sum, maximum and histogram of the scores of a tile; all zero before the kernel. */
typedef struct tal_cuda_sums {
    uint64_t sum;
    int32_t maximum;
    uint32_t hit_count;    /* counts on beyond the room for hits: the host sees what it missed */
    uint32_t rescue_count; /* pairs computed with 32 bits */
    uint32_t reserved;
    uint64_t histogram[TAL_CUDA_HISTOGRAM_BINS];
} tal_cuda_sums;

typedef struct tal_cuda_collect_job {
    const int32_t *scores; /* of the tile, >= 0, [query * reference_count + reference] */
    uint32_t query_first;  /* hits: only queries from here on; sums: 0 */
    uint32_t query_count;
    uint32_t reference_begin; /* number of the first reference in hits */
    uint32_t reference_count;
    const int32_t *thresholds; /* per query: the least score of a hit */
    tal_cuda_hit *hits;
    uint32_t *hit_count;
    uint32_t hit_capacity;
    tal_cuda_sums *sums;
} tal_cuda_collect_job;

#endif
