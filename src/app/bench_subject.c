/* The kernels that `talaria bench kernels` runs, and their bounds; see bench_kernels.h.
 *
 * A bound counts the operations that a vector of cells cannot do without and divides the lanes by
 * the time these operations take when nothing else holds them up (kernels/pace.h). Looking up the
 * scores of batch kernels is not counted: a table of the different query rows makes it a load
 * beside the operations.
 */
#include "app/bench_kernels.h"

#include <math.h>
#include <time.h>

enum {
    PACE_ROUNDS = 100000,
    /* A vector of cells of the wave: scores widened, H and F shifted by a lane, the recurrence, the
     * largest H. */
    WAVE_OPERATIONS = 12,
    REPEAT_STATES = 48, /* of tantan for proteins */
};

static bool fits_16(const tal_bench_kernel *kernel, const tal_bench_input *input)
{
    static const tal_wave_border borders[TAL_MODE_COUNT] = {
        TAL_WAVE_BORDER_LOCAL, TAL_WAVE_BORDER_GLOBAL, TAL_WAVE_BORDER_SEMIGLOBAL};
    for (int i = 0; i < input->batch_count; i++)
        if (!tal_wave_fits_16(borders[kernel->mode], input->gaps, TAL_PAD_SCORE, input->query_len,
                              input->batches[i].lane_len[0]))
            return false;
    return true;
}

bool tal_bench_kernel_fits(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                           const tal_bench_input *input)
{
    if (kernel->kind == TAL_BENCH_SCORE && table->score[kernel->mode][kernel->width] == NULL)
        return false;
    return kernel->width != TAL_WIDTH_16 || fits_16(kernel, input);
}

static tal_status run_wave(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                           tal_bench_input *input, tal_lid lid)
{
    const tal_wave_block block = {
        .border = TAL_WAVE_BORDER_LOCAL,
        .width = kernel->width,
        .gaps = input->gaps,
        .row_count = input->query_len,
        .column_end = tal_seqset_len(input->set, lid),
    };
    tal_wave_job job;
    tal_status status = tal_wave_begin(&input->wave, &block, &job);
    if (status != TAL_OK)
        return status;
    job.profile = input->profile;
    job.profile_step = TAL_PROFILE_STRIDE;
    job.letters = tal_seqset_residues(input->set, lid);
    job.letter_step = 1;
    table->wave[kernel->width].score(&job);
    return TAL_OK;
}

/* A batch, or of it what takes about as long where the kernel does one lane at a time. */
static tal_status run_batch(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                            tal_bench_input *input, const tal_batch *batch, uint64_t *cells)
{
    int32_t scores[TAL_BATCH_LANES];
    tal_score_job job = {
        .profile = input->profile,
        .query_len = input->query_len,
        .letters = batch->letters,
        .lane_len = batch->lane_len,
        .lane_count = table->isa == TAL_ISA_SCALAR ? 1 : batch->lane_count,
        .gap_open = input->gaps.open,
        .gap_extend = input->gaps.extend,
        .scratch = input->scratch,
        .scores = scores,
    };
    tal_status status = TAL_OK;
    if (kernel->kind == TAL_BENCH_WAVE) {
        job.lane_count = 1;
        status = run_wave(kernel, table, input, batch->lids[0]);
    } else if (kernel->kind == TAL_BENCH_GAPLESS) {
        table->gapless(&job);
    } else {
        (void)table->score[kernel->mode][kernel->width](&job); /* The time alone counts. */
    }
    for (int lane = 0; lane < job.lane_count; lane++)
        *cells += (uint64_t)input->query_len * (uint64_t)batch->lane_len[lane];
    return status;
}

tal_status tal_bench_kernel_run(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                                tal_bench_input *input, uint64_t *out_cells)
{
    uint64_t cells = 0;
    tal_status status = TAL_OK;
    if (kernel->kind == TAL_BENCH_IDENTITY) {
        cells = (uint64_t)input->query_len;
        (void)table->identity(input->query, input->twin,
                              (size_t)cells); /* The time alone counts. */
    } else if (kernel->kind == TAL_BENCH_REPEATS) {
        cells = (uint64_t)input->query_len * REPEAT_STATES;
        tal_buffer_reset(&input->masks);
        status = tal_mask_find(TAL_MASK_TANTAN, table->isa, TAL_PROTEIN, input->query,
                               input->query_len, &input->mask, &input->masks);
    } else {
        for (int i = 0; i < input->batch_count && status == TAL_OK; i++)
            status = run_batch(kernel, table, input, &input->batches[i], &cells);
    }
    if (status == TAL_OK)
        *out_cells = cells;
    return status;
}

uint64_t tal_bench_thread_ns(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used); /* Cannot fail for the thread itself. */
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* Operations of a nanosecond: the best of a few, for whatever disturbs makes it slower. */
static double measure(tal_pace_function function, int operations)
{
    double best = 0;
    for (int i = 0; function != NULL && i < 3; i++) {
        uint64_t start = tal_bench_thread_ns();
        function(PACE_ROUNDS);
        double elapsed = (double)(tal_bench_thread_ns() - start);
        best = fmax(best, (double)PACE_ROUNDS * operations / fmax(elapsed, 1));
    }
    return best;
}

void tal_bench_pace_measure(const tal_kernel_table *table, tal_bench_pace *out_pace)
{
    out_pace->clock = measure(table->pace.chain, TAL_PACE_CHAIN_ADDITIONS);
    for (int width = 0; width < TAL_WIDTH_COUNT; width++)
        out_pace->cell[width] = measure(table->pace.cell[width], TAL_PACE_CELL_OPERATIONS);
    out_pace->diagonal = measure(table->pace.diagonal, TAL_PACE_DIAGONAL_ADDITIONS);
    out_pace->load = measure(table->pace.load, TAL_PACE_LOADS);
}

/* Operations of a vector of wave cells: the score bytes of an anti-diagonal are joined from those
 * of columns, 1, 2, 4, ... back (three selections two doublings at once, one what is left). */
static double count_wave(tal_width width, int32_t lanes)
{
    double selections = 3;
    if (lanes > 4)
        selections += lanes == 8 ? 1 : 3;
    if (lanes == 32)
        selections += 1;
    double element_bytes = width == TAL_WIDTH_16 ? 2 : 4;
    double floor = width == TAL_WIDTH_32 ? 1 : 0;
    return WAVE_OPERATIONS + floor + selections / element_bytes;
}

double tal_bench_bound(const tal_bench_kernel *kernel, const tal_kernel_table *table,
                       const tal_bench_pace *pace)
{
    const int32_t byte_lanes = 2 * table->wave[TAL_WIDTH_16].lanes;
    if (pace->diagonal <= 0 || pace->load <= 0)
        return 0;
    if (kernel->kind == TAL_BENCH_GAPLESS)
        return byte_lanes * pace->diagonal;
    if (kernel->kind == TAL_BENCH_IDENTITY)
        return byte_lanes * pace->load / 2;
    if (kernel->kind == TAL_BENCH_REPEATS)
        return 0;
    double lanes = byte_lanes >> kernel->width;
    double operations = TAL_PACE_CELL_OPERATIONS;
    if (kernel->kind == TAL_BENCH_WAVE)
        operations = count_wave(kernel->width, (int32_t)lanes);
    else if (kernel->width == TAL_WIDTH_32)
        operations += kernel->mode == TAL_LOCAL ? 1 : -1; /* The floor; no best score. */
    return lanes * pace->cell[kernel->width] / operations;
}
