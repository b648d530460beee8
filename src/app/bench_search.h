/* Searches in memory for the studies of `talaria bench` that look at hits. One rank. */
#ifndef TAL_APP_BENCH_SEARCH_H
#define TAL_APP_BENCH_SEARCH_H

#include "app/command.h"
#include "mask/mask.h"
#include "search/search.h"

/* A way to search. */
typedef struct tal_bench_setup {
    const char *name; /* "exact" or "filtered" */
    bool is_filtered;
    tal_mask_method mask; /* of queries and references */
    tal_composition_mode composition;
    bool has_reversed_null;
    bool is_default; /* of search */
} tal_bench_setup;

/* "none", "bias", "adjust". */
const char *tal_bench_composition_name(tal_composition_mode mode);

/* All proteins of a file, as they are. Collective; agreed status. */
tal_status tal_bench_load(const tal_run *run, const char *path, const char *role,
                          tal_seqset **out_set);

/* What a copy of a set does with its sequences. */
typedef enum tal_bench_copy {
    TAL_BENCH_AS_GIVEN = 0,
    TAL_BENCH_REVERSED,
    TAL_BENCH_SHUFFLED, /* each by random numbers of its own place in the set */
} tal_bench_copy;

/* `count` sequences of a set that is not masked, evenly spaced (at most all), with gids from 0. */
tal_status tal_bench_copy_set(const tal_seqset *from, tal_lid count, tal_bench_copy copy,
                              tal_seqset **out_set);

/* Write a set that is not masked as FASTA, with names up to the first blank. */
tal_status tal_bench_write_set(const char *path, const tal_seqset *set);

typedef struct tal_bench_search {
    const tal_run *run;
    tal_team *team;
    const tal_seqset *queries, *references; /* not masked */
    tal_bench_setup setup;
    double evalue;
    double seconds, cpu_seconds; /* out: of masking and searching */
    /* Called once with all hits, which are gone afterwards. */
    tal_status (*take)(void *context, const tal_block_hits *hits);
    void *context;
} tal_bench_search;

/* Search as `talaria search` does with BLOSUM62, 11 and 1, and all hits kept. */
tal_status tal_bench_search_run(tal_bench_search *search);

/* A search that was just taken: how it was done, and its seconds of wall and processor time (below
 * 0: not known). */
typedef struct tal_bench_done {
    const char *name, *mask, *composition, *null_model;
    double seconds, cpu_seconds;
} tal_bench_done;

/* Judge it. */
typedef tal_status (*tal_bench_judge)(void *context, const tal_bench_done *done);

/* Search in each way of `setups`, with --defaults in those of search's defaults alone, as `search`
 * says but for the setup, and judge each. */
tal_status tal_bench_each_setup(tal_bench_search *search, const tal_bench_setup *setups,
                                size_t count, tal_bench_judge judge);

/* A hit of a table as blastp -outfmt 6, DIAMOND and MMseqs2 write it. */
typedef struct tal_bench_row {
    tal_lid query, reference; /* places in the sets */
    double evalue, bits;
} tal_bench_row;

/* Read the hits of a table: columns 1, 2, 11 and 12; names are those of the sets, up to the first
 * blank. *out_rows (tal_bench_row) is reset. TAL_ERR_NO_INPUT, TAL_ERR_DATA for other names or
 * lines. */
tal_status tal_bench_read_hits(const char *path, const tal_seqset *queries,
                               const tal_seqset *references, tal_buffer *out_rows);

/* Read each table that --hits names into *rows, likewise, and judge it. */
tal_status tal_bench_each_table(const tal_run *run, const tal_seqset *queries,
                                const tal_seqset *references, tal_buffer *rows,
                                tal_bench_judge judge, void *context);

/* The reference is the query, or what it is a copy of: their headers are the same. */
bool tal_bench_is_own(const tal_seqset *queries, tal_lid query, const tal_seqset *references,
                      tal_lid reference);

#endif
