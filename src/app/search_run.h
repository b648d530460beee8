/* One run of `talaria search`: what its parts share. */
#ifndef TAL_APP_SEARCH_RUN_H
#define TAL_APP_SEARCH_RUN_H

#include "app/command.h"
#include "app/diagnosis.h"
#include "app/memory_plan.h"
#include "app/progress.h"
#include "comm/traffic.h"
#include "dist/job.h"
#include "mask/mask.h"
#include "search/search.h"
#include "store/families.h"
#include "store/result.h"

enum {
    /* Queries of one block, the unit of restart: profiles take 32 bytes a residue and strand. */
    BLOCK_RESIDUES = 1 << 18,
    BLOCK_QUERIES = 1 << 12,
    TRACE_BYTES = 1 << 26,
    ATTRIBUTE_LIMIT = 128,
};

/* Parameters of a job that say how it is cut. */
#define TAL_GRID_QUERIES     "block_queries"
#define TAL_GRID_PAIRS       "each_pair"
#define TAL_GRID_PAIRS_TWICE "scored as asked"

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
    tal_lid grid_queries; /* of a block of the unfinished job; 0: nothing is unfinished */
    bool is_begun_twice;  /* the unfinished job scores each pair from both sides */
    uint64_t block_count;
    tal_seqset *references;   /* in memory; empty when they are on disk */
    tal_spill *spill;         /* NULL: in memory */
    uint64_t tile_residues;   /* of a tile on disk; 0: in memory */
    tal_container *container; /* NULL: the references are no reduced set */
    tal_families *families;
    tal_expansion expansion;
    uint64_t fetch_residues; /* of members in memory at a time */
    tal_set_info reference_info;
    tal_lid run_begin[TAL_TILE_RUNS + 1]; /* of the references, when ranks help each other */
    tal_matrix matrix;
    tal_mask_method query_mask, reference_mask;
    bool needs_statistics; /* E-values are asked for */
    tal_search_params params;
    tal_device *device; /* NULL: none */
    tal_search *search;
    tal_progress progress;
    tal_diagnosis diagnosis;
    double load_seconds, mask_seconds, write_seconds;
    double io_seconds; /* reading references, keeping blocks, assembling; without communication */
    uint64_t start_ns;
    tal_traffic_sums traffic_before; /* of what came before the search */
} tal_search_run;

/* A stretch of time that counts as io_seconds. */
typedef struct tal_io_stretch {
    uint64_t start_ns, comm_ns;
} tal_io_stretch;

tal_io_stretch tal_io_begin(const tal_search_run *self);
void tal_io_end(tal_search_run *self, const tal_io_stretch *stretch);

/* Seconds since a tal_clock_ns(). */
double tal_search_run_seconds(uint64_t start_ns);

/* Scoring, cuts and strands from the options and the alphabet; then, with the statistics of the
 * scoring, filter, mask and composition. Not collective, the same on every rank. */
tal_status tal_search_run_choose(tal_search_run *self, tal_alphabet alphabet);
tal_status tal_search_run_choose_rest(tal_search_run *self, tal_alphabet alphabet);

/* The files of queries or references. */
tal_load_params tal_search_run_load(const tal_search_run *self, bool is_query);

/* --memory, in bytes; 0: none. */
uint64_t tal_search_run_memory_limit(const tal_search_run *self);

/* Open the job and find out how an unfinished one was cut into blocks: it goes on so, whatever the
 * limit is now. Collective; agreed status. */
tal_status tal_search_run_open_job(tal_search_run *self);

/* Queries of a block at most, and what the plan of memory knows before the inputs are read. */
tal_lid tal_search_run_block_queries(const tal_search_run *self);
tal_memory_needs tal_search_run_needs(const tal_search_run *self);

/* Give tracing its part of --memory. */
void tal_search_run_limit_trace(tal_search_run *self);

/* With --memory: count the inputs and plan. Sets tile_residues when references are to lie on disk,
 * and fetch_residues. TAL_ERR_MEMORY when there is no plan. Collective; agreed status. */
tal_status tal_search_run_fit(tal_search_run *self);

/* Whether the references are a reduced set that is to be expanded: opens it then. Refuses one that
 * is not, and options that do not go with it. Collective; agreed status. */
tal_status tal_search_run_open_reduced(tal_search_run *self);

/* Load this rank's representatives. Collective; agreed status. */
tal_status tal_search_run_load_reduced(tal_search_run *self);

/* What the whole input that a reduced set stands for comes to; and its representatives. The longest
 * members are not known before they are unpacked: len_max is a bound of all sequences. */
tal_set_info tal_search_run_reduced_info(const tal_search_run *self);
tal_set_info tal_search_run_representative_info(const tal_search_run *self);

/* Put the references to disk, in the job's folder, masked. Collective; agreed status. */
tal_status tal_search_run_spill(tal_search_run *self);

/* The result file. Collective; agreed status. */
tal_status tal_search_run_assemble(tal_search_run *self);

/* Why pairs of a set against itself are scored from both sides; NULL: they need not be. */
const char *tal_search_run_why_twice(const tal_search_run *self);

/* Whether two sets have the same sequences under the same names, file by file. */
bool tal_search_run_is_same(const tal_set_info *queries, const tal_set_info *references);

/* Once references are loaded and the device is open: find out whether the queries are the
 * references; mask them alike then, and score each pair once where that will do. Collective; agreed
 * status. */
tal_status tal_search_run_find_self(tal_search_run *self);

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

/* This rank's own numbers; seconds of communication are those up to `timed`. */
size_t tal_search_run_rank_numbers(const tal_search_run *self, const tal_traffic_sums *timed,
                                   tal_result_attribute *list);

#endif
