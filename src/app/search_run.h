/* One run of `talaria search`: what its parts share. */
#ifndef TAL_APP_SEARCH_RUN_H
#define TAL_APP_SEARCH_RUN_H

#include "app/command.h"
#include "app/diagnosis.h"
#include "app/progress.h"
#include "dist/job.h"
#include "mask/mask.h"
#include "search/search.h"
#include "store/result.h"

enum {
    /* Queries of one block, the unit of restart: profiles take 32 bytes a residue and strand. */
    BLOCK_RESIDUES = 1 << 18,
    BLOCK_QUERIES = 1 << 12,
    TRACE_BYTES = 1 << 26,
    ATTRIBUTE_LIMIT = 128,
    JOB_END_SECONDS = 120, /* before the end of a Slurm job: time to stop */
};

/* Everything a search owns; one exit cleans up. */
typedef struct tal_search_run {
    tal_run *run;
    tal_comm *comm;
    const char **query_paths;
    size_t query_path_count;
    const char **reference_paths;
    size_t reference_path_count;
    tal_team *team;
    tal_stream *stream;
    tal_job *job;
    uint64_t block_count;
    tal_seqset *references;
    tal_set_info reference_info;
    tal_lid run_begin[TAL_TILE_RUNS + 1]; /* of the references, when ranks help each other */
    tal_matrix matrix;
    tal_mask_method mask;
    bool masks_queries, masks_references;
    tal_search_params params;
    tal_device *device; /* NULL: none */
    tal_search *search;
    tal_progress progress;
    tal_diagnosis diagnosis;
    double load_seconds, mask_seconds, write_seconds;
    double io_seconds; /* reading references, keeping blocks, assembling; without communication */
    uint64_t start_ns;
} tal_search_run;

/* A stretch of time that counts as io_seconds. */
typedef struct tal_io_stretch {
    uint64_t start_ns, comm_ns;
} tal_io_stretch;

tal_io_stretch tal_io_begin(const tal_search_run *self);
void tal_io_end(tal_search_run *self, const tal_io_stretch *stretch);

/* Seconds since a tal_clock_ns(). */
double tal_search_run_seconds(uint64_t start_ns);

/* Scoring, cuts, filter and strands from the options and the alphabet. Not collective, the same on
 * every rank. */
tal_status tal_search_run_choose(tal_search_run *self, tal_alphabet alphabet);

/* Let ranks help each other with the references just loaded, not yet masked, as TALARIA_TILES says.
 * Collective; agreed status. */
tal_status tal_search_run_share(tal_search_run *self);

/* Say who helped whom. Collective. */
void tal_search_run_show_tiles(const tal_search_run *self);

/* Lists of at most ATTRIBUTE_LIMIT entries; each returns how many. What the result was made with.
 */
size_t tal_search_run_parameters(const tal_search_run *self, tal_result_attribute *list);

/* What came out: counters summed over all ranks; run_cells and seconds are of this run. */
size_t tal_search_run_summary(const tal_search_run *self, const uint64_t *counts,
                              uint64_t run_cells, double seconds, tal_result_attribute *list);

/* This rank's own numbers. */
size_t tal_search_run_rank_numbers(const tal_search_run *self, tal_result_attribute *list);

#endif
