/* Files read and parsed in turn by a thread of their own, handed over as blocks of records.
 *
 * Blocks run on over the borders of files.
 *
 * A pipeline (par/pipeline.h): one thread reads, unpacks and parses, a second one encodes where
 * that is asked for, both ahead of the caller by a fixed number of blocks, so that they overlap
 * with what the caller does. They make no MPI calls. The caller's functions are for one thread.
 */
#ifndef TAL_SEQ_READER_H
#define TAL_SEQ_READER_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/types.h"
#include "seq/seqset.h"
#include "seq/source.h"

typedef struct tal_reader tal_reader;

/* Under these names the monitor and the watcher show all readers. */
#define TAL_READER_QUEUE_NAME "blocks read"
#define TAL_READER_POOL_NAME  "blocks to fill"

typedef struct tal_reader_params {
    const char *const *paths; /* path_count paths, must outlive the reader */
    size_t path_count;
    tal_alphabet alphabet;
    bool is_alphabet_guessed;
    uint64_t block_residues; /* a block ends when it has that many (see is_strict) */
    tal_lid block_count;     /* or that many records; 0: any */
    bool is_strict;          /* never more than block_residues, but for a single record */
    size_t ahead_count;      /* blocks the thread may be ahead; >= 1 */
    size_t held_count;       /* blocks the caller holds at a time, at most; 0 stands for 1 */
    bool is_encoded;         /* encode blocks too, in a second thread */
    tal_source *first;       /* the first file, already open, or NULL; taken on success */
} tal_reader_params;

/* The records of one file in a block. */
typedef struct tal_reader_part {
    size_t file;      /* index in paths */
    tal_lid begin;    /* of its records in the block */
    uint64_t ordinal; /* of the first of them in its file, from 0 */
    uint64_t sequence_count;
    uint64_t residue_count;
    uint64_t hash;  /* sum of tal_record_hash */
    uint64_t bytes; /* stored size of the file where it ends in this block, else 0 */
} tal_reader_part;

typedef struct tal_reader_item tal_reader_item;
typedef struct tal_reader_block {
    tal_seqset *set; /* NULL at the end of the input */
    const tal_reader_part *parts;
    size_t part_count;
    uint64_t stored_bytes;     /* read of all files so far */
    const tal_buffer *encoded; /* the set by tal_seqset_encode; empty unless is_encoded */
    tal_reader_item *item;     /* for tal_reader_recycle */
} tal_reader_block;

tal_status tal_reader_create(const tal_reader_params *params, tal_reader **out_reader);

/* Stops the thread wherever it is. Accepts NULL. */
void tal_reader_destroy(tal_reader *reader);

/* The next block: the caller's until tal_reader_recycle, which must come before held_count more are
 * popped. TAL_ERR_DATA, TAL_ERR_NO_INPUT and others
 * as met by the thread, after all blocks before the failure. Blocks until there is one. */
tal_status tal_reader_pop(tal_reader *reader, tal_reader_block *out_block);

/* Give a popped block back (its memory serves the next ones) and forget it. Accepts one without a
 * set. */
void tal_reader_recycle(tal_reader *reader, tal_reader_block *block);

/* What a file's hash sums, modulo 2^64, over its records: depends on the record and its place in
 * the file only, so that any split of the work gives the same sum. XXH3 of the residue codes,
 * seeded with XXH3 of the header, seeded with the ordinal. */
uint64_t tal_record_hash(uint64_t ordinal, const char *header, const uint8_t *codes, size_t len);

#endif
