/* Sequence files into memory: a partition of them on each rank, or a stream of blocks on all.
 *
 * Input is FASTA: plain (read in parallel by byte ranges through MPI-IO, records may span ranks),
 * gzip or zstd (recognised by content; one reader per file feeds the ranks), or "-" for standard
 * input of rank 0 (plain or compressed); other pipes are read by rank 0 too. Several files are read
 * concurrently. What FASTA is taken to be: fasta.h. Failures: TAL_ERR_NO_INPUT (missing, directory,
 * no permission), TAL_ERR_DATA (not FASTA, truncated, corrupt, a file without sequences; the
 * message names file, record and line), TAL_ERR_USAGE ("-" named twice), TAL_ERR_IO.
 */
#ifndef TAL_SEQ_LOAD_H
#define TAL_SEQ_LOAD_H

#include "comm/comm.h"
#include "seq/seqset.h"

typedef enum tal_alphabet_choice {
    TAL_ALPHABET_DETECT = 0,
    TAL_ALPHABET_FORCE_PROTEIN,
    TAL_ALPHABET_FORCE_NUCLEOTIDE,
} tal_alphabet_choice;

typedef struct tal_load_params {
    const char *const *paths; /* path_count paths, "-" is standard input */
    size_t path_count;
    const char *role; /* "queries" or "references", for messages */
    tal_alphabet_choice alphabet;
    int open_file_limit;        /* files read at once over all ranks; >= 1 */
    uint64_t range_bytes_limit; /* largest single read, <= 1 GiB; 0 = 1 GiB */
} tal_load_params;

/* One input file as it was read: what a result file records to say what it was made from. */
typedef struct tal_file_info {
    char *path;
    uint64_t bytes; /* as stored: compressed size for compressed files */
    uint64_t sequence_count;
    uint64_t residue_count;
    uint64_t hash; /* of (headers, residues) of all records; the same for any rank count, way of
                    * loading and compression (tal_record_hash in reader.h) */
} tal_file_info;

typedef struct tal_set_info {
    tal_alphabet alphabet;
    uint64_t sequence_count; /* over all ranks */
    uint64_t residue_count;
    uint64_t len_max;
    tal_file_info *files; /* file_count = path_count of the parameters */
    size_t file_count;
} tal_set_info;

void tal_set_info_deinit(tal_set_info *info);

/* Load this rank's share: every record on exactly one rank, residues about equal, gids in input
 * order over all files (a rank's gids rise within a plain or chunked run, not over its whole set).
 * `*out_info` is the same on every rank. A file without records is TAL_ERR_DATA. Memory: the share,
 * and a fixed budget of about 8 MiB for plain files and 10 MiB for each compressed file that is
 * open here, or a few times the longest record of a compressed file. Collective; agreed status. */
tal_status tal_load_partition(tal_comm *comm, const tal_load_params *params, tal_seqset **out_set,
                              tal_set_info *out_info);

/* Whether the files of `params` can be read more than once: none is a pipe or standard input.
 * Collective; rank 0 looks. */
bool tal_load_is_repeatable(tal_comm *comm, const tal_load_params *params);

/* The same input as a stream of blocks, each whole on every rank. */
typedef struct tal_stream tal_stream;

/* A block ends before `block_residues` are exceeded (one record at least) and holds at most
 * `block_count` records. Opening detects the alphabet. Collective; agreed status. */
tal_status tal_stream_open(tal_comm *comm, const tal_load_params *params, uint64_t block_residues,
                           tal_lid block_count, tal_stream **out_stream);

tal_alphabet tal_stream_alphabet(const tal_stream *stream);

/* The next block into *out_block (owned by the stream, valid until the next call), NULL at the end.
 * The caller may mask it. Collective; agreed status. */
tal_status tal_stream_next(tal_stream *stream, tal_seqset **out_block);

/* Share of the input consumed, 0 to 1 (by bytes), or a negative number when unknown (a pipe). */
double tal_stream_progress(const tal_stream *stream);

/* What was read so far; complete once tal_stream_next gave NULL. Owned by the stream. */
const tal_set_info *tal_stream_info(const tal_stream *stream);

/* Accepts NULL. Collective. */
void tal_stream_close(tal_stream *stream);

#endif
