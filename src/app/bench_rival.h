/* A library of pairwise alignment to compare with: libparasail, where it was found at build time. A
 * build without it has no candidates. */
#ifndef TAL_APP_BENCH_RIVAL_H
#define TAL_APP_BENCH_RIVAL_H

#include "app/bench_kernels.h"

typedef struct tal_bench_rival tal_bench_rival;

/* The rival's kernels for a mode are numbered from 0. */
int tal_bench_rival_count(tal_mode mode);
const char *tal_bench_rival_name(tal_mode mode, int idx);

/* Its kernel with the profile of the input's query. The input must live as long. */
tal_status tal_bench_rival_create(tal_mode mode, int idx, const tal_bench_input *input,
                                  tal_bench_rival **out_rival);
void tal_bench_rival_destroy(tal_bench_rival *rival);

/* Score a reference of the input. Returns its cells, or 0 when the kernel could not hold a value.
 */
uint64_t tal_bench_rival_run(tal_bench_rival *rival, tal_lid lid);

#endif
