/* What the studies of `talaria bench` share. */
#ifndef TAL_APP_BENCH_H
#define TAL_APP_BENCH_H

#include "app/command.h"
#include "base/buffer.h"

enum {
    TAL_BENCH_REPEATS_MAX = 99,
    TAL_BENCH_STEPS_MAX = 24,
    TAL_BENCH_LENGTHS_MAX = 32,
    TAL_BENCH_ROWS_MAX = 256,
};

/* Counts of threads or ranks 1, 2, 4, ... up to `limit`, and `limit` itself. Returns how many;
 * out_counts has room for TAL_BENCH_STEPS_MAX. Pure. */
int tal_bench_steps(int limit, int *out_counts);

/* The middle of `count` >= 1 values, which are sorted; of an even count the mean of two. */
double tal_bench_median(double *values, int count);

/* "16,50,100": up to TAL_BENCH_LENGTHS_MAX lengths. TAL_ERR_USAGE where it is something else. */
tal_status tal_bench_lengths(const char *text, int32_t *out_lengths, int *out_count);

/* Measure, and append a table for people and lines of CSV (with a header line). One rank. */
tal_status tal_bench_scaling(const tal_run *run, tal_buffer *table, tal_buffer *csv);
tal_status tal_bench_kernels(const tal_run *run, tal_buffer *table, tal_buffer *csv);
tal_status tal_bench_device(const tal_run *run, tal_buffer *table, tal_buffer *csv);
tal_status tal_bench_contention(const tal_run *run, tal_buffer *table, tal_buffer *csv);

/* What E-values are worth (bench_calibration.c) and what searches find (bench_sensitivity.c); the
 * files are arguments after the study's name. */
tal_status tal_bench_calibration(const tal_run *run, tal_buffer *table, tal_buffer *csv);
tal_status tal_bench_sensitivity(const tal_run *run, tal_buffer *table, tal_buffer *csv);

/* Statistics of scorings by simulation beside published ones. One rank. */
tal_status tal_bench_statistics(const tal_run *run, tal_buffer *table, tal_buffer *csv);

/* The same from results that are there. One rank. */
tal_status tal_bench_table(const tal_run *run, tal_buffer *table, tal_buffer *csv);

/* Whole searches on 1, 2, 4, ... ranks; the table is rank 0's. Collective; status not agreed. */
tal_status tal_bench_strong(const tal_run *run, tal_buffer *table, tal_buffer *csv);
tal_status tal_bench_weak(const tal_run *run, tal_buffer *table, tal_buffer *csv);

/* How one search ran, from its result: mean and largest over ranks. */
typedef struct tal_bench_run {
    double ranks, threads; /* threads of each rank */
    double cells, seconds;
    double score_mean, score_largest;     /* seconds */
    double comm_mean, wait_mean, io_mean; /* seconds */
    double comm_bytes_mean, peak_bytes_largest;
} tal_bench_run;

/* TAL_ERR_DATA: not a result, or one of a program that did not say all this. */
tal_status tal_bench_run_read(const char *path, tal_bench_run *out_row);

/* Efficiency compares with the first of `count` >= 1 rows. */
tal_status tal_bench_runs_format(const tal_bench_run *rows, int count, tal_buffer *table,
                                 tal_buffer *csv);

#endif
