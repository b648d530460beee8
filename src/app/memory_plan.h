/* What a search takes of memory on each rank, before it is run: arithmetic on sizes, added up from
 * what the modules state in their headers.
 *
 * Without a limit the references are held in memory. With one (--memory) the plan is a promise:
 * where they do not fit they lie on disk and pass through memory in tiles, and blocks of queries
 * are as small as their hits need, taken as all that may be. The tests compare with what is used.
 */
#ifndef TAL_APP_MEMORY_PLAN_H
#define TAL_APP_MEMORY_PLAN_H

#include "base/status.h"
#include "seq/load.h"

/* What the memory of a rank depends on; all of the whole input. */
typedef struct tal_memory_needs {
    uint64_t reference_count, reference_residues, reference_header_bytes, reference_len_max;
    uint64_t query_count, query_residues, query_header_bytes, query_len_max;
    uint64_t block_queries, block_residues; /* most that a block of queries holds */
    bool is_grid_fixed; /* an earlier run of the job has cut them: a limit cannot make them smaller
                         */
    uint64_t hit_limit; /* as tal_search_params has it */
    uint64_t trace_bytes;
    uint64_t base_bytes;   /* what is used before any of this; 0: as usual */
    uint64_t record_count; /* that a reduced set stands for, of which the references are the
                            * representatives; 0: none */
    int strand_count;      /* 1, 2 */
    int thread_count;
} tal_memory_needs;

/* Bytes of one rank. */
typedef struct tal_memory_plan {
    uint64_t references; /* all of the rank's, or the tiles in memory at a time */
    uint64_t queries;    /* the block in work, its profiles, what is read ahead */
    uint64_t workers;    /* all threads together */
    uint64_t base;       /* program, MPI, HDF5, buffers of input and output */
    uint64_t total;      /* of the four */
    uint64_t hits_max;   /* at most on top of it, when every query of a block has all hits it may */
    uint64_t tile_residues; /* 0: references in memory; else residues of a tile on disk */
} tal_memory_plan;

/* References in memory. rank_count >= 1. Pure. */
tal_memory_plan tal_memory_plan_make(const tal_memory_needs *needs, uint64_t rank_count);

/* The plan that keeps to `limit_bytes` with hits: in memory, or in tiles as large as may be.
 * TAL_ERR_MEMORY, with what to do, when there is none. Pure. */
tal_status tal_memory_plan_fit(const tal_memory_needs *needs, uint64_t rank_count,
                               uint64_t limit_bytes, tal_memory_plan *out_plan);

/* The same for the representatives of a reduced set, which stay in memory; *out_residues of members
 * may be there beside them. limit_bytes 0: no limit. TAL_ERR_MEMORY when there is no plan. Pure. */
tal_status tal_memory_plan_fit_reduced(const tal_memory_needs *needs, uint64_t rank_count,
                                       uint64_t limit_bytes, tal_memory_plan *out_plan,
                                       uint64_t *out_residues);

/* Queries of a block under a limit: depends on nothing that may differ between runs of a job but
 * the limit itself. At most query_max. Pure. */
uint64_t tal_memory_block_queries(uint64_t limit_bytes, uint64_t hit_limit, uint64_t query_max);

/* "12.3 MiB" */
void tal_memory_format(uint64_t bytes, char *out_text, size_t capacity);

/* What a pass over a stream tells beyond its info. */
typedef struct tal_counted_set {
    uint64_t block_count;
    uint64_t header_bytes;
    double seconds;
} tal_counted_set;

/* Read a stream to its end. Collective; agreed status. */
tal_status tal_memory_count(tal_stream *stream, tal_counted_set *out_set);

#endif
