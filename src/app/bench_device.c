/* talaria bench device: rates of the configured device by length; see bench.c.
 *
 * For every length, queries and references of it, then both with the lengths of proteins. First one
 * batch alone, whose times on the device say what share copies take; then as many batches in flight
 * as the device takes, for the rate. What a batch has is bounded, so that a slow device ends too.
 */
#include "app/bench.h"
#include "app/gpu.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "kernels/contract.h"
#include "score/profile.h"

#include <math.h>
#include <stdio.h>

enum {
    SEED = 17,
    LETTERS = 20,
    MEDIAN_LEN = 300, /* of proteins */
    GAP_OPEN = 11,
    GAP_EXTEND = 1,
    REFERENCES_LEAST = 64, /* as long as the bound on cells allows */
};

/* Cells of a batch at most. */
#define CELLS_MAX     2e11
#define CELLS_MAX_CPU 1e8

typedef struct bench_input {
    uint32_t query_count, ref_count;
    uint8_t *letters;
    uint64_t *offsets;
    int8_t *profiles;
    tal_device_query *queries;
    uint64_t query_residues;
} bench_input;

/* What one line shows. */
typedef struct bench_line {
    double gcups, busy_share, copy_share, copy_bytes; /* copy_share: negative: not known */
    int resident_groups;
} bench_line;

static void input_deinit(bench_input *input)
{
    tal_free(input->queries);
    tal_free(input->profiles);
    tal_free(input->offsets);
    tal_free(input->letters);
    *input = (bench_input){0};
}

/* The nth of `count` lengths of proteins, longest first: quantiles of a log-normal distribution by
 * that of the logistic, which is close and has a formula. */
static int32_t protein_len(uint32_t n, uint32_t count)
{
    double share = (n + 0.5) / count;
    return 1 + (int32_t)(MEDIAN_LEN * pow((1 - share) / share, 0.4));
}

/* len 0: those of proteins. */
static tal_status input_init(bench_input *input, const tal_matrix *matrix, int32_t len,
                             uint32_t query_count, uint32_t ref_count)
{
    *input = (bench_input){.query_count = query_count, .ref_count = ref_count};
    input->offsets = tal_alloc_array((size_t)ref_count + 1, sizeof(*input->offsets));
    input->queries = tal_alloc_array(query_count, sizeof(*input->queries));
    if (input->offsets == NULL || input->queries == NULL)
        return TAL_ERR_MEMORY;
    input->offsets[0] = 0;
    for (uint32_t i = 0; i < ref_count; i++)
        input->offsets[i + 1] =
            input->offsets[i] + (uint64_t)(len == 0 ? protein_len(i, ref_count) : len);
    for (uint32_t i = 0; i < query_count; i++) {
        int32_t own = len == 0 ? protein_len(i, query_count) : len;
        input->queries[i] = (tal_device_query){.len = own, .cut = INT32_MAX};
        input->query_residues += (uint64_t)own;
    }
    uint64_t most = input->offsets[ref_count] > input->query_residues ? input->offsets[ref_count]
                                                                      : input->query_residues;
    input->letters = tal_alloc(most);
    input->profiles = tal_alloc_vector(input->query_residues * TAL_PROFILE_STRIDE);
    if (input->letters == NULL || input->profiles == NULL)
        return TAL_ERR_MEMORY;
    tal_random random;
    tal_random_init(&random, SEED, 0, (uint64_t)len);
    for (uint64_t i = 0; i < input->query_residues; i++)
        input->letters[i] = (uint8_t)tal_random_below(&random, LETTERS);
    tal_profile_build(matrix, input->letters, input->query_residues, input->profiles);
    uint64_t row = 0;
    for (uint32_t i = 0; i < query_count; i++) {
        input->queries[i].profile = input->profiles + row * TAL_PROFILE_STRIDE;
        row += (uint64_t)input->queries[i].len;
    }
    for (uint64_t i = 0; i < input->offsets[ref_count]; i++)
        input->letters[i] = (uint8_t)tal_random_below(&random, LETTERS);
    return TAL_OK;
}

static tal_status load(tal_device *device, const bench_input *input)
{
    tal_device_shape shape = {
        .ref_count = input->ref_count,
        .ref_residue_count = input->offsets[input->ref_count],
        .ref_len_max = (int32_t)input->offsets[1],
        .query_count = input->query_count,
        .query_residue_count = input->query_residues,
        .query_len_max = input->queries[0].len,
        .pair_count = (uint64_t)input->query_count * input->ref_count,
    };
    tal_device_references references = {input->letters, input->offsets, input->ref_count};
    tal_status status = tal_device_reserve(device, &shape);
    return status == TAL_OK ? tal_device_upload(device, &references) : status;
}

static tal_status measure(tal_device *device, const bench_input *input, tal_device_task task,
                          uint64_t least_ns, bench_line *out_line)
{
    const tal_device_batch batch = {
        .task = task,
        .queries = input->queries,
        .query_count = input->query_count,
        .ref_end = input->ref_count,
    };
    tal_device_result result = {0};
    tal_status status = tal_device_submit(device, &batch);
    if (status == TAL_OK)
        status = tal_device_collect(device, &result);
    bench_line line = {
        .copy_share = result.copy_ns == 0 || result.compute_ns == 0
                          ? -1
                          : (double)result.copy_ns / (double)result.compute_ns,
        .copy_bytes = (double)result.copy_bytes,
        .resident_groups = result.resident_groups,
    };
    int slots = tal_device_describe(device)->slot_count;
    uint64_t start = tal_clock_ns();
    uint64_t elapsed = 0;
    uint64_t busy_ns = 0;
    int done = 0;
    while (status == TAL_OK && (done == 0 || elapsed < least_ns || tal_device_in_flight(device))) {
        bool has_room = tal_device_in_flight(device) < slots;
        if (has_room && (elapsed < least_ns || done + tal_device_in_flight(device) == 0)) {
            status = tal_device_submit(device, &batch);
        } else {
            status = tal_device_collect(device, &result);
            busy_ns += status == TAL_OK ? result.compute_ns : 0;
            done++;
        }
        elapsed = tal_clock_ns() - start;
    }
    double cells = (double)input->query_residues * (double)input->offsets[input->ref_count] * done;
    line.gcups = cells / (double)elapsed;
    line.busy_share = (double)busy_ns / (double)elapsed;
    *out_line = line;
    return status;
}

static tal_status append_line(tal_buffer *table, tal_buffer *csv, const tal_device_info *info,
                              tal_device_task task, int32_t len, const bench_input *input,
                              const bench_line *line)
{
    const char *task_name = task == TAL_DEVICE_GAPLESS ? "gapless" : "local";
    char name[16], occupancy[16] = "-", copies[16] = "-";
    (void)snprintf(name, sizeof(name), "%d", len); /* Fits, as all below. */
    double threads = (double)line->resident_groups * info->group_size;
    if (info->unit_threads > 0)
        (void)snprintf(occupancy, sizeof(occupancy), "%.0f", 100 * threads / info->unit_threads);
    if (line->copy_share >= 0)
        (void)snprintf(copies, sizeof(copies), "%.1f", 100 * line->copy_share);
    tal_status status = tal_buffer_printf(
        table, "  %-8s %8s %8u %10u %10.3f %7.0f %10d %10s %8s %10.0f\n", task_name,
        len == 0 ? "proteins" : name, input->query_count, input->ref_count, line->gcups,
        100 * line->busy_share, line->resident_groups, occupancy, copies, line->copy_bytes / 1024);
    if (status != TAL_OK)
        return status;
    return tal_buffer_printf(csv, "%s,%s,%u,%u,%.6g,%.4f,%d,%s,%s,%.0f\n", task_name,
                             len == 0 ? "proteins" : name, input->query_count, input->ref_count,
                             line->gcups, line->busy_share, line->resident_groups, occupancy,
                             copies, line->copy_bytes);
}

/* As many queries and references as were asked for, fewer where they would have too many cells. */
static void limit_counts(int32_t len, bool is_cpu, uint32_t *query_count, uint32_t *ref_count)
{
    double pair = pow(len == 0 ? 1.2 * MEDIAN_LEN : len, 2);
    double pairs = (is_cpu ? CELLS_MAX_CPU : CELLS_MAX) / pair;
    if ((double)*query_count * *ref_count > pairs && *ref_count > REFERENCES_LEAST) {
        double refs = pairs / *query_count;
        *ref_count = refs > REFERENCES_LEAST ? (uint32_t)refs : REFERENCES_LEAST;
    }
    if ((double)*query_count * *ref_count > pairs && *query_count > 2)
        *query_count = pairs / *ref_count > 2 ? (uint32_t)(pairs / *ref_count) : 2;
    if ((double)*query_count * *ref_count > pairs)
        *ref_count = pairs / *query_count > 1 ? (uint32_t)(pairs / *query_count) : 1;
}

static tal_status study_len(const tal_run *run, tal_device *device, const tal_matrix *matrix,
                            int32_t len, tal_buffer *table, tal_buffer *csv)
{
    const tal_device_info *info = tal_device_describe(device);
    uint32_t query_count = (uint32_t)tal_run_int(run, "query-count");
    uint32_t ref_count = (uint32_t)tal_run_int(run, "references");
    uint64_t least_ns = (uint64_t)tal_run_int(run, "sample-us") * 1000;
    limit_counts(len, info->is_cpu, &query_count, &ref_count);
    bench_input input;
    tal_status status = input_init(&input, matrix, len, query_count, ref_count);
    tal_status own = status;
    if (status == TAL_OK)
        status = load(device, &input);
    for (int task = 0; task < TAL_DEVICE_TASK_COUNT && status == TAL_OK; task++) {
        bench_line line;
        status = measure(device, &input, (tal_device_task)task, least_ns, &line);
        if (status == TAL_OK)
            own = append_line(table, csv, info, (tal_device_task)task, len, &input, &line);
        if (own != TAL_OK)
            break;
    }
    input_deinit(&input);
    if (own == TAL_OK && status != TAL_OK)
        return tal_fail(status, "the device failed: %s", tal_device_message(device));
    return own;
}

tal_status tal_bench_device(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    int32_t lengths[TAL_BENCH_LENGTHS_MAX];
    int length_count = 0;
    tal_matrix matrix;
    tal_device *device = NULL;
    tal_status status = tal_bench_lengths(tal_run_text(run, "lengths"), lengths, &length_count);
    if (status == TAL_OK)
        status = tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix);
    if (status == TAL_OK)
        status = tal_gpu_open_for_bench(run, GAP_OPEN, GAP_EXTEND, LETTERS, &device);
    if (status == TAL_OK)
        status = tal_buffer_printf(table, "%s\n  %-8s %8s %8s %10s %10s %7s %10s %10s %8s %10s\n",
                                   tal_device_describe(device)->text, "score", "length", "queries",
                                   "references", "GCUPS", "busy %", "groups", "occupied %",
                                   "copies %", "copied KiB");
    if (status == TAL_OK)
        status = tal_buffer_append_text(csv, "score,length,queries,references,gcups,busy_share,"
                                             "groups,occupied,copies,copied_bytes\n");
    for (int i = 0; i <= length_count && status == TAL_OK; i++)
        status = study_len(run, device, &matrix, i < length_count ? lengths[i] : 0, table, csv);
    tal_device_close(device);
    return status;
}
