/* A job: work in blocks that survives being killed at any instant.
 *
 * A job lives in the folder "<output>.job" beside its output: a journal and segment files. The hits
 * of a finished block are written to a segment and flushed, then the journal names the block; so a
 * block is either finished, with checksums, or done again. The same command, with any number of
 * ranks, goes on after the last finished block. A job locks its journal: two at once are refused.
 */
#ifndef TAL_DIST_JOB_H
#define TAL_DIST_JOB_H

#include "comm/comm.h"
#include "search/hit.h"
#include "search/mirror.h"
#include "seq/seqset.h"

typedef struct tal_job tal_job;

/* Create or find the folder, lock it and read what its journal says; nothing in it changes before
 * tal_job_begin. TAL_ERR_OUTPUT when it cannot be or is in use.
 * Collective; agreed status. Release with tal_job_close. */
tal_status tal_job_open(tal_comm *comm, const char *output_path, tal_job **out_job);

/* The folder; files of the caller in it vanish with the job. */
const char *tal_job_folder(const tal_job *job);

/* The value of a parameter that the unfinished job was begun with; false when nothing is unfinished
 * or it was begun without. After tal_job_open. Not collective, the same on every rank. */
bool tal_job_find_parameter(const tal_job *job, const char *name, char *out_value, size_t capacity);

/* Say what the job computes: lines "name value". A job that was begun with others is refused with
 * the first difference (TAL_ERR_OUTPUT), or begun anew when is_forced. Then checks all segments:
 * blocks whose bytes are not as the journal says are forgotten. Collective; agreed status. */
tal_status tal_job_begin(tal_job *job, const char *parameters, tal_alphabet alphabet,
                         bool is_forced);

/* Blocks found finished by tal_job_begin. */
uint64_t tal_job_resumed_count(const tal_job *job);

/* Is this block finished? Its queries must be those it was finished with, else TAL_ERR_DATA.
 * Collective; agreed status. */
tal_status tal_job_find(tal_job *job, uint64_t block, const tal_seqset *queries,
                        bool *out_is_finished);

/* A finished block: its hits as tal_search_block gives them, what this rank counted in it, and what
 * it found for later blocks (tal_search_mirrors). */
typedef struct tal_job_block {
    const tal_seqset *queries;
    const tal_block_hits *hits;
    const uint64_t *counters; /* counter_count, the same on all ranks */
    size_t counter_count;
    bool has_mirrors; /* the same on all ranks */
    const tal_mirror *mirrors;
    size_t mirror_count;
} tal_job_block;

/* Keep a block: after this it survives. Collective; agreed status. */
tal_status tal_job_keep(tal_job *job, uint64_t block, const tal_job_block *finished);

/* Read this rank's share of the mirrors that blocks before `block`, all finished, have left for the
 * queries [query_begin, query_end), some at a time, into `take`. Not collective. */
tal_status tal_job_read_mirrors(
    const tal_job *job, uint64_t block, tal_gid query_begin, tal_gid query_end,
    tal_status (*take)(void *context, const tal_mirror *mirrors, size_t count), void *context);

/* Sums over all finished blocks and ranks. Not collective, the same on every rank. */
void tal_job_counts(const tal_job *job, uint64_t *out_counters, size_t counter_count);

/* Read a finished block back: the queries whole on every rank, and on each a contiguous run of
 * their hits, rising with rank. Views, until the next call. Collective; agreed status. */
tal_status tal_job_read(tal_job *job, uint64_t block, const tal_seqset **out_queries,
                        tal_block_hits *out_hits);

/* References of this rank: those of a set, or `count` of consecutive gids. */
typedef struct tal_job_references {
    const tal_seqset *set; /* NULL: the gids from gid_begin on */
    tal_gid gid_begin;
    tal_lid count;
} tal_job_references;

/* is_hit[i] = true for every reference of this rank, by place, that any finished block names.
 * Collective; agreed status. */
tal_status tal_job_mark_hits(tal_job *job, const tal_job_references *references,
                             uint64_t sequence_count, bool *is_hit);

/* Keep the state of work that is not cut into blocks: numbers that are the same on all ranks, and
 * bytes of each. After this it survives; the one before it is kept too, older ones are not.
 * Collective; agreed status. */
tal_status tal_job_keep_state(tal_job *job, const uint64_t *numbers, size_t count,
                              const tal_buffer *bytes);

/* The state that was kept last and is whole: its numbers (TAL_ERR_DATA when they are not `count`),
 * and appended to out_bytes this rank's share of its bytes, those of one rank never parted.
 * Collective; agreed status. */
tal_status tal_job_find_state(tal_job *job, uint64_t *out_numbers, size_t count,
                              tal_buffer *out_bytes, bool *out_is_found);

/* Release; the folder is removed when is_done or when no block is finished. Accepts NULL.
 * Collective. */
void tal_job_close(tal_job *job, bool is_done);

#endif
