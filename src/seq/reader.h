/* Files read and parsed in turn by a thread of their own, handed over as blocks of records.
 *
 * Blocks run on over the borders of files.
 *
 * The thread works ahead by a fixed number of blocks, so that reading overlaps with what the caller
 * does; it makes no MPI calls. The caller's functions are for one thread.
 */
#ifndef TAL_SEQ_READER_H
#define TAL_SEQ_READER_H

#include "base/status.h"
#include "base/types.h"
#include "seq/seqset.h"
#include "seq/source.h"

typedef struct tal_reader tal_reader;

typedef struct tal_reader_params {
    const char *const *paths; /* path_count paths, must outlive the reader */
    size_t path_count;
    tal_alphabet alphabet;
    bool is_alphabet_guessed;
    uint64_t block_residues; /* a block ends when it has that many (see is_strict) */
    tal_lid block_count;     /* or that many records; 0: any */
    bool is_strict;          /* never more than block_residues, but for a single record */
    size_t ahead_count;      /* blocks the thread may be ahead; >= 1 */
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

typedef struct tal_reader_block {
    tal_seqset *set; /* NULL at the end of the input */
    tal_reader_part *parts;
    size_t part_count;
    uint64_t stored_bytes; /* read of all files so far */
} tal_reader_block;

tal_status tal_reader_create(const tal_reader_params *params, tal_reader **out_reader);

/* Stops the thread wherever it is. Accepts NULL. */
void tal_reader_destroy(tal_reader *reader);

/* The next block: the caller's until tal_reader_recycle. TAL_ERR_DATA, TAL_ERR_NO_INPUT and others
 * as met by the thread, after all blocks before the failure. Blocks until there is one. */
tal_status tal_reader_pop(tal_reader *reader, tal_reader_block *out_block);

/* Give a popped block back (its memory serves the next ones). Accepts one without a set. */
void tal_reader_recycle(tal_reader *reader, tal_reader_block *block);

/* What a file's hash sums, modulo 2^64, over its records: depends on the record and its place in
 * the file only, so that any split of the work gives the same sum. XXH3 of the residue codes,
 * seeded with XXH3 of the header, seeded with the ordinal. */
uint64_t tal_record_hash(uint64_t ordinal, const char *header, const uint8_t *codes, size_t len);

#endif
