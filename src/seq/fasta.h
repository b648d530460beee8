/* FASTA, pushed in pieces of any size, into a sequence set.
 *
 * Lines end with LF, CR or CR LF; the last one may lack its end. A line that begins with '>' starts
 * a record: the rest of the line is its header (any bytes but NUL, other '>' included; may be
 * empty). A line that begins with ';' is a comment. All other lines are residues of the record:
 * letters of the alphabet in either case; spaces and tabs are dropped, blank lines too. A record
 * may have no residues. Before the first record only a UTF-8 byte order mark, blank lines and
 * comments may stand. Repeated identifiers are legal.
 *
 * Because '>' at the begin of a line always starts a record, a file can be parsed by byte ranges:
 * a record belongs to the range that holds its '>'.
 */
#ifndef TAL_SEQ_FASTA_H
#define TAL_SEQ_FASTA_H

#include "base/status.h"
#include "base/types.h"
#include "seq/seqset.h"

/* Longest header: far above real ones, it bounds the memory that junk can take. */
#define TAL_HEADER_BYTES_MAX (16u << 20)

typedef struct tal_fasta tal_fasta;

/* Where an error is, counted from 1; 0 is unknown. */
typedef struct tal_fasta_place {
    uint64_t line;
    uint64_t record;
} tal_fasta_place;

/* Find the place of the byte at `offset` of the file: called for an error when the parser did not
 * start at the begin of the file and so cannot know it. */
typedef tal_fasta_place tal_fasta_locate(void *context, uint64_t offset);

typedef struct tal_fasta_params {
    const char *name; /* of the file, for messages; must outlive the parser */
    tal_alphabet alphabet;
    bool is_alphabet_guessed; /* for messages */
    bool is_inside;           /* the first byte is inside a line: skip to the first record */
    uint64_t begin;           /* offset of the first byte in the file */
    uint64_t end;             /* records that begin at this offset or later are not read; 0: all */
    uint64_t pause_residues;  /* pause before a record when the set has that many; 0: never */
    tal_lid pause_count;      /* likewise by sequences */
    tal_fasta_locate *locate; /* may be NULL */
    void *locate_context;
} tal_fasta_params;

/* Records are appended to `set` (borrowed); their gids count from 0. */
tal_status tal_fasta_create(const tal_fasta_params *params, tal_seqset *set, tal_fasta **out_fasta);

/* Accepts NULL. */
void tal_fasta_destroy(tal_fasta *fasta);

/* Parse up to `bytes` bytes. *out_used < bytes when it paused before a record (see
 * tal_fasta_set_target) or is done. TAL_ERR_DATA names file, record and line. */
tal_status tal_fasta_push(tal_fasta *fasta, const uint8_t *data, size_t bytes, size_t *out_used);

/* Whether the record that begins at params.end or later has been reached: push no more. */
bool tal_fasta_is_done(const tal_fasta *fasta);

/* Offset in the file of the next byte to push. */
uint64_t tal_fasta_offset(const tal_fasta *fasta);

/* The input ended here. TAL_ERR_DATA when it held no record (and did not start inside one). */
tal_status tal_fasta_finish(tal_fasta *fasta);

/* Append from now on to another set: only when paused or before the first push. */
void tal_fasta_set_target(tal_fasta *fasta, tal_seqset *set);

/* Records begun so far. */
uint64_t tal_fasta_record_count(const tal_fasta *fasta);

#endif
