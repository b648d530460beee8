/* Members coded as edits of their representative, cluster by cluster.
 *
 * Along the certificate's alignment each column is coded as equal or as what it is instead, with
 * what earlier members of the same cluster and block had at that column as context: relatives share
 * their differences. Residues outside the alignment are coded by a residue model. What is decoded
 * is the member and the certificate's edits.
 */
#ifndef TAL_REDUCE_DELTA_H
#define TAL_REDUCE_DELTA_H

#include "align/cigar.h"
#include "reduce/assignment.h"
#include "reduce/range_coder.h"
#include "seq/alphabet.h"

/* One block's members. Threads: each its own. */
typedef struct tal_delta tal_delta;

tal_status tal_delta_create(tal_alphabet alphabet, tal_delta **out_delta);

/* Accepts NULL. */
void tal_delta_destroy(tal_delta *delta);

/* Forget what was learned: at the begin of every block. TAL_ERR_MEMORY; TAL_ERR_DATA without a
 * message. */
tal_status tal_delta_begin(tal_delta *delta, tal_coder *coder);

/* The members that follow are of this representative: `len` codes, borrowed until the next call. */
tal_status tal_delta_begin_cluster(tal_delta *delta, const uint8_t *representative, int32_t len);

/* Encode a member: `len` codes in its own orientation. */
tal_status tal_delta_encode(tal_delta *delta, tal_coder *coder, const uint8_t *member, int32_t len,
                            const tal_assigned *assigned);

/* Decode the next member of at most `len_limit` residues: its codes are appended to `residues`, its
 * edits replace those of `edits`; out_assigned has strand, spans and views of the edits, counts
 * included, no score. TAL_ERR_DATA without a message: the bytes are damaged. */
tal_status tal_delta_decode(tal_delta *delta, tal_coder *coder, uint64_t len_limit,
                            tal_buffer *residues, tal_cigar *edits, tal_assigned *out_assigned);

#endif
