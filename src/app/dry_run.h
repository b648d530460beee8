/* What a search would cost, before it is run: memory of a rank, cells, seconds.
 *
 * Memory is planned from sizes by arithmetic, time from the speed of the real pipeline on a small
 * synthetic set on all ranks at once. Estimates, not promises: hits are known only afterwards.
 */
#ifndef TAL_APP_DRY_RUN_H
#define TAL_APP_DRY_RUN_H

#include "search/search.h"
#include "seq/load.h"

/* What the memory of a rank depends on; all of the whole input. */
typedef struct tal_memory_needs {
    uint64_t reference_count, reference_residues, reference_header_bytes, reference_len_max;
    uint64_t query_count, query_residues, query_header_bytes, query_len_max;
    uint64_t block_queries, block_residues; /* most that a block of queries holds */
    uint64_t hit_limit;                     /* as tal_search_params has it */
    uint64_t trace_bytes;
    int strand_count; /* 1, 2 */
    int thread_count;
} tal_memory_needs;

/* Bytes of one rank. */
typedef struct tal_memory_plan {
    uint64_t references;
    uint64_t queries;  /* the block in work, its profiles, what is read ahead */
    uint64_t workers;  /* all threads together */
    uint64_t base;     /* program, MPI, HDF5, buffers of input and output */
    uint64_t total;    /* of the four */
    uint64_t hits_max; /* at most on top of it, when every query of a block has all hits it may */
} tal_memory_plan;

/* rank_count >= 1. Pure. */
tal_memory_plan tal_memory_plan_make(const tal_memory_needs *needs, uint64_t rank_count);

/* The least number of ranks whose plan fits in `limit_bytes` each, hits not counted; 0 when none
 * does. Pure. */
uint64_t tal_memory_rank_count(const tal_memory_needs *needs, uint64_t limit_bytes);

/* TAL_ERR_MEMORY, with what to do, when a rank of `rank_count` needs more than `limit_bytes`. Pure.
 */
tal_status tal_memory_check(const tal_memory_needs *needs, uint64_t rank_count,
                            uint64_t limit_bytes);

/* A search that is planned. Queries and references are read to their ends, by streams, so that the
 * plan takes little memory itself. */
typedef struct tal_dry_run {
    tal_comm *comm;
    tal_team *team;
    const tal_search_params *params;
    tal_memory_needs needs; /* without counts, residues and lengths */
    tal_stream *queries;
    tal_stream *references;
    uint64_t memory_limit; /* bytes of a rank; 0: none given */
} tal_dry_run;

/* Count, measure, print the plan on rank 0's standard output; fails as tal_memory_check does after
 * that. Collective; agreed status. */
tal_status tal_dry_run_report(tal_dry_run *plan);

#endif
