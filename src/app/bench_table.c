/* talaria bench table: what results say of how their searches ran; see bench.c.
 *
 * A row is one result. Shares are means over ranks of the time of the whole search; efficiency is
 * the rate of cells per rank and thread against that of the first row, so that it serves strong and
 * weak scaling alike.
 */
#include "app/bench.h"

#include "base/check.h"
#include "store/result.h"

#include <stdlib.h>

static tal_status find_number(tal_result_reader *reader, const char *path, const char *name,
                              double *out_value)
{
    char text[64];
    if (!tal_result_find_attribute(reader, "summary", name, text, sizeof(text)))
        return tal_fail(TAL_ERR_DATA, "cannot tabulate '%s': it does not say its '%s'", path, name);
    *out_value = strtod(text, NULL);
    return TAL_OK;
}

/* Mean and largest of a number of all ranks. */
static tal_status read_ranks(tal_result_reader *reader, const char *name, double *out_mean,
                             double *out_largest)
{
    tal_buffer values = {0};
    tal_status status = tal_result_rank_numbers(reader, name, &values);
    size_t count = values.bytes / sizeof(double);
    if (status == TAL_OK) {
        const double *list = (const double *)(const void *)values.data;
        double sum = 0;
        *out_largest = count > 0 ? list[0] : 0;
        for (size_t i = 0; i < count; i++) {
            sum += list[i];
            *out_largest = list[i] > *out_largest ? list[i] : *out_largest;
        }
        *out_mean = count > 0 ? sum / (double)count : 0;
    }
    tal_buffer_deinit(&values);
    return status;
}

tal_status tal_bench_run_read(const char *path, tal_bench_run *out_row)
{
    tal_result_reader *reader = NULL;
    tal_bench_run row;
    tal_status status = tal_result_open(path, &reader);
    const struct {
        const char *name;
        double *value;
    } numbers[] = {{"rank_count", &row.ranks},
                   {"threads_per_rank", &row.threads},
                   {"cells", &row.cells},
                   {"seconds", &row.seconds}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && status == TAL_OK; i++)
        status = find_number(reader, path, numbers[i].name, numbers[i].value);
    double unused;
    const struct {
        const char *name;
        double *mean, *largest;
    } of_ranks[] = {{"score_seconds", &row.score_mean, &row.score_largest},
                    {"comm_seconds", &row.comm_mean, &unused},
                    {"comm_wait_seconds", &row.wait_mean, &unused},
                    {"io_seconds", &row.io_mean, &unused},
                    {"comm_bytes", &row.comm_bytes_mean, &unused},
                    {"peak_bytes", &unused, &row.peak_bytes_largest}};
    for (size_t i = 0; i < sizeof(of_ranks) / sizeof(of_ranks[0]) && status == TAL_OK; i++)
        status = read_ranks(reader, of_ranks[i].name, of_ranks[i].mean, of_ranks[i].largest);
    tal_result_close(reader);
    if (status == TAL_OK)
        *out_row = row;
    return status;
}

static double divide(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double rate_of(const tal_bench_run *row)
{
    return divide(row->cells, row->seconds * row->ranks * row->threads);
}

tal_status tal_bench_runs_format(const tal_bench_run *rows, int count, tal_buffer *table,
                                 tal_buffer *csv)
{
    TAL_ASSERT(count >= 1);
    tal_status status = tal_buffer_printf(
        table, "  %6s %7s %10s %9s %10s %9s %6s %6s %6s %9s %9s\n", "ranks", "threads", "seconds",
        "GCUPS", "efficiency", "imbalance", "comm", "wait", "I/O", "MiB sent", "MiB peak");
    if (status == TAL_OK)
        status = tal_buffer_append_text(csv, "ranks,threads,cells,seconds,gcups,efficiency,"
                                             "imbalance,comm_share,wait_share,io_share,"
                                             "comm_bytes_per_rank,peak_bytes\n");
    for (int i = 0; i < count && status == TAL_OK; i++) {
        const tal_bench_run *row = &rows[i];
        double gcups = divide(row->cells * 1e-9, row->seconds);
        double efficiency = divide(rate_of(row), rate_of(&rows[0]));
        double imbalance = row->score_mean > 0 ? row->score_largest / row->score_mean : 1;
        double comm = divide(row->comm_mean, row->seconds);
        double wait = divide(row->wait_mean, row->seconds);
        double io = divide(row->io_mean, row->seconds);
        status = tal_buffer_printf(
            table, "  %6.0f %7.0f %10.3f %9.1f %9.1f%% %9.3f %5.1f%% %5.1f%% %5.1f%% %9.2f %9.1f\n",
            row->ranks, row->threads, row->seconds, gcups, 100 * efficiency, imbalance, 100 * comm,
            100 * wait, 100 * io, row->comm_bytes_mean / (1 << 20),
            row->peak_bytes_largest / (1 << 20));
        if (status == TAL_OK)
            status = tal_buffer_printf(
                csv, "%.0f,%.0f,%.0f,%.6f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f,%.0f,%.0f\n", row->ranks,
                row->threads, row->cells, row->seconds, gcups, efficiency, imbalance, comm, wait,
                io, row->comm_bytes_mean, row->peak_bytes_largest);
    }
    return status;
}

tal_status tal_bench_table(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    int count = tal_run_argument_count(run) - 1;
    tal_bench_run rows[TAL_BENCH_ROWS_MAX];
    if (count > TAL_BENCH_ROWS_MAX)
        return tal_fail(TAL_ERR_USAGE, "bench table takes at most %d results", TAL_BENCH_ROWS_MAX);
    for (int i = 0; i < count; i++) {
        tal_status status = tal_bench_run_read(tal_run_argument(run, i + 1), &rows[i]);
        if (status != TAL_OK)
            return status;
    }
    return tal_bench_runs_format(rows, count, table, csv);
}
