/* The journal of a job: what it computes, and which blocks are finished.
 *
 * An append-only run of records, each with its length and checksum. A record that is torn or
 * damaged ends the journal: what follows it is not believed. Pure: bytes in, structures out.
 */
#ifndef TAL_DIST_JOURNAL_H
#define TAL_DIST_JOURNAL_H

#include "base/buffer.h"

/* A run of bytes in a segment file, written by one rank: hits of consecutive queries, or queries,
 * or mirrors (search/mirror.h). */
typedef struct tal_piece {
    uint64_t segment; /* number of the segment file */
    uint64_t offset, bytes;
    uint64_t hit_count;
    uint64_t hash;                   /* XXH3 of the bytes */
    uint64_t query_begin, query_end; /* of mirrors: the queries they are for; else 0 */
} tal_piece;

/* A finished block of queries. */
typedef struct tal_block_record {
    uint64_t block;       /* 0, 1, 2, ... in query order */
    uint64_t query_begin; /* index of the first query in the input */
    tal_piece queries; /* tal_seqset_encode of the block; its hash tells when they have changed */
    uint64_t piece_count;   /* of hits, and then of mirrors */
    uint64_t mirror_count;  /* of these, of mirrors */
    uint64_t counter_count; /* what was counted in the block, summed over ranks */
} tal_block_record;

typedef struct tal_journal_entry {
    tal_block_record record;
    size_t piece_begin;   /* of record.piece_count pieces, in query order */
    size_t counter_begin; /* of record.counter_count counters */
} tal_journal_entry;

typedef struct tal_journal {
    char *parameters; /* lines "name value"; NULL: an empty journal */
    tal_journal_entry *entries;
    size_t entry_count;
    tal_piece *pieces;
    size_t piece_count;
    uint64_t *counters;
    size_t counter_count;
    size_t valid_bytes; /* up to the first record that is torn or damaged */
} tal_journal;

void tal_journal_deinit(tal_journal *journal);

/* Append the first record. */
tal_status tal_journal_encode_parameters(const char *parameters, tal_buffer *out_bytes);

/* Append the record of a finished block with its pieces and counters. */
tal_status tal_journal_encode_block(const tal_block_record *record, const tal_piece *pieces,
                                    const uint64_t *counters, tal_buffer *out_bytes);

/* Any bytes, aligned to 8: damage only shortens the journal. TAL_ERR_MEMORY otherwise. */
tal_status tal_journal_parse(const uint8_t *bytes, size_t byte_count, tal_journal *out_journal);

/* Add a finished block to the structure, as if its record had been parsed. */
tal_status tal_journal_take(tal_journal *journal, const tal_block_record *record,
                            const tal_piece *pieces, const uint64_t *counters);

/* The entry of a block, the last one when it was done twice; NULL when it is not there. */
const tal_journal_entry *tal_journal_find(const tal_journal *journal, uint64_t block);

/* The value of a line "name value" of parameters, cut to `capacity` with its 0; false when there is
 * none. */
bool tal_journal_find_parameter(const char *parameters, const char *name, char *out_value,
                                size_t capacity);

/* Compare parameters line by line; the first difference goes to `text` ("gap_open was 11, is 12")
 * and false is returned. */
bool tal_journal_is_same(const char *before, const char *now, char *text, size_t bytes);

#endif
