/* The parts of `talaria bench kernels`: inputs, kernels run on them, and what they could reach. */
#ifndef TAL_APP_BENCH_KERNELS_H
#define TAL_APP_BENCH_KERNELS_H

#include "align/batch.h"
#include "align/wave.h"
#include "kernels/table.h"
#include "mask/mask.h"
#include "score/matrix.h"
#include "score/stats.h"

enum { TAL_BENCH_BATCHES_MAX = 8, TAL_BENCH_LEN_MAX = 100000 };

/* How long references are; names in bench.c. */
typedef enum tal_bench_spread {
    TAL_BENCH_UNIFORM = 0, /* 346 to 354 residues */
    TAL_BENCH_PROTEIN,     /* log-normal about 300, as proteomes are */
    TAL_BENCH_SHORT,       /* 20 to 40 */
    TAL_BENCH_SPREAD_COUNT
} tal_bench_spread;

/* A query, and references in batches. */
typedef struct tal_bench_input {
    tal_gaps gaps;
    uint8_t *query; /* codes */
    int32_t query_len;
    int8_t *profile;
    tal_seqset *set;
    tal_batch batches[TAL_BENCH_BATCHES_MAX];
    int batch_count;
    void *scratch; /* of batch kernels */
    tal_wave_memory wave;
    uint8_t *twin; /* the query with every fourth residue changed */
    tal_mask_scratch mask;
    tal_buffer masks; /* tal_mask_span */
} tal_bench_input;

/* Random letters, the same in every run. 1 <= query_len <= TAL_BENCH_LEN_MAX. */
tal_status tal_bench_input_create(const tal_matrix *matrix, int32_t query_len,
                                  tal_bench_spread spread, tal_bench_input **out_input);
void tal_bench_input_destroy(tal_bench_input *input);

typedef enum tal_bench_kind {
    TAL_BENCH_SCORE = 0,
    TAL_BENCH_GAPLESS,
    TAL_BENCH_IDENTITY,
    TAL_BENCH_REPEATS,
    TAL_BENCH_WAVE
} tal_bench_kind;

typedef struct tal_bench_kernel {
    const char *name;
    tal_bench_kind kind;
    tal_mode mode;
    tal_width width;
} tal_bench_kernel;

/* Whether libraries of pairwise alignment compute the same. */
static inline bool tal_bench_has_rival(const tal_bench_kernel *kernel)
{
    return kernel->kind == TAL_BENCH_SCORE || kernel->kind == TAL_BENCH_WAVE;
}

/* Whether the level has the kernel and the kernel may be given this input. */
bool tal_bench_kernel_fits(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                           const tal_bench_input *input);

/* Run the kernel over the input once; *out_cells: cells of sequences, pads not counted. */
tal_status tal_bench_kernel_run(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                                tal_bench_input *input, uint64_t *out_cells);

/* Processor time of this thread in nanoseconds. */
uint64_t tal_bench_thread_ns(void);

/* How fast a level's operations run now, in operations of a nanosecond; see kernels/pace.h. */
typedef struct tal_bench_pace {
    double clock; /* GHz */
    double cell[TAL_WIDTH_COUNT], diagonal, load;
} tal_bench_pace;

void tal_bench_pace_measure(const tal_kernel_table *table, tal_bench_pace *out_pace);

/* The most the kernel could reach at that pace, in cells of a nanosecond; 0: none is known
 * (scalar).
 */
double tal_bench_bound(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                       const tal_bench_pace *pace);

#endif
