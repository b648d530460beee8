/* What the studies of `talaria bench` share. */
#ifndef TAL_APP_BENCH_H
#define TAL_APP_BENCH_H

#include "app/command.h"
#include "base/buffer.h"

enum { TAL_BENCH_REPEATS_MAX = 99, TAL_BENCH_STEPS_MAX = 16, TAL_BENCH_LENGTHS_MAX = 32 };

/* Thread counts 1, 2, 4, ... up to `limit`, and `limit` itself. Returns how many; out_counts has
 * room for TAL_BENCH_STEPS_MAX. Pure. */
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

#endif
