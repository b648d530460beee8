/* A set of sequences in memory: residue codes back to back, headers back to back.
 *
 * Built by appending, then masked where it shall be, then read-only. About 1 byte per residue plus
 * the header and 24 bytes per sequence; 24 bytes per masked range and 1 per masked residue.
 *
 * A masked residue has the code tal_alphabet_mask_code in all that is scored; what it was is kept
 * beside, for identities and output, and travels with the set.
 */
#ifndef TAL_SEQ_SEQSET_H
#define TAL_SEQ_SEQSET_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/types.h"
#include "seq/alphabet.h"

typedef struct tal_seqset tal_seqset;

tal_status tal_seqset_create(tal_alphabet alphabet, tal_seqset **out_set);
void tal_seqset_destroy(tal_seqset *set);

/* Forget the sequences, keep the memory. */
void tal_seqset_reset(tal_seqset *set);

/* Append one sequence: `len` codes, the header line without '>' and line end (any bytes but NUL
 * and line ends). At most INT32_MAX residues a sequence, UINT32_MAX - 1 sequences a set. */
tal_status tal_seqset_append(tal_seqset *set, tal_gid gid, const uint8_t *codes, size_t len,
                             const char *header, size_t header_bytes);

/* Append `len` codes to the last sequence of the set (there must be one): long sequences arrive in
 * pieces. Fails as tal_seqset_append does, and then leaves the sequence as it was. */
tal_status tal_seqset_extend(tal_seqset *set, const uint8_t *codes, size_t len);

/* Move the last sequence of `from` (there must be one) to the end of `to`, a different set. */
tal_status tal_seqset_move_last(tal_seqset *from, tal_seqset *to);

/* Room for `residue_count` more residues, so that filling a set of known size moves no memory. */
tal_status tal_seqset_reserve(tal_seqset *set, uint64_t residue_count);

/* Append the set (without gids) to `buffer` as bytes for another rank of the same machine kind. */
tal_status tal_seqset_encode(const tal_seqset *set, tal_buffer *buffer);

/* Append the sequences of `bytes` bytes made by tal_seqset_encode; gids count from `gid_begin`.
 * On failure the set is as it was. */
tal_status tal_seqset_decode(tal_seqset *set, tal_gid gid_begin, const uint8_t *data, size_t bytes);

/* A masked range of a sequence, half-open. */
typedef struct tal_mask_range {
    uint64_t kept_at; /* the set's own */
    tal_lid lid;
    int32_t begin, end;
} tal_mask_range;

/* Mask [begin, end) of a sequence; empty ranges change nothing. Calls come in rising order of
 * (lid, begin), ranges do not overlap (asserted), and no residues are appended to sequences that
 * come before. TAL_ERR_MEMORY: the set is as it was. */
tal_status tal_seqset_mask(tal_seqset *set, tal_lid lid, int32_t begin, int32_t end);

/* The masked ranges of a sequence, rising; valid until the set changes. Cost: O(log ranges). */
const tal_mask_range *tal_seqset_masked(const tal_seqset *set, tal_lid lid, size_t *out_count);

/* Residues masked in the whole set. */
uint64_t tal_seqset_masked_count(const tal_seqset *set);

/* Copy the codes of [begin, end) of a sequence as they were before masking; returns whether one of
 * them is masked. */
bool tal_seqset_copy_letters(const tal_seqset *set, tal_lid lid, int32_t begin, int32_t end,
                             uint8_t *out_codes);

/* Copy [begin, end) as text: upper case, masked residues lower case. */
void tal_seqset_copy_text(const tal_seqset *set, tal_lid lid, int32_t begin, int32_t end,
                          char *out_text);

/* Shrink the memory to what is used. */
void tal_seqset_trim(tal_seqset *set);

/* Cut the set into `run_count` (>= 1) runs of about equal residues and put each in order of length,
 * longest first, ties as they were; run r is then [out_begin[r], out_begin[r + 1]), which may be
 * empty. Takes memory for the largest run meanwhile; on failure the set is still valid, in an order
 * of its own. */
tal_status tal_seqset_sort_runs(tal_seqset *set, size_t run_count, tal_lid *out_begin);

/* Remove the sequences whose flag is set (one for each); the others keep their order. */
void tal_seqset_remove(tal_seqset *set, const bool *is_removed);

/* The arrays behind a set: codes back to back, where each sequence's begin (count + 1 entries),
 * gids. Valid until the set changes. */
typedef struct tal_seqset_arrays {
    uint8_t *residues;
    uint64_t *residue_begin;
    tal_gid *gids;
} tal_seqset_arrays;

tal_seqset_arrays tal_seqset_view(const tal_seqset *set);

/* Make this a set of `count` sequences of `residue_count` residues in all, without headers, whose
 * arrays the caller then fills: residue_begin[0] is 0, residue_begin[count] residue_count. On
 * failure the set is empty. */
tal_status tal_seqset_shape(tal_seqset *set, tal_lid count, uint64_t residue_count,
                            tal_seqset_arrays *out_arrays);

tal_alphabet tal_seqset_alphabet(const tal_seqset *set);
tal_lid tal_seqset_count(const tal_seqset *set);
uint64_t tal_seqset_residue_count(const tal_seqset *set);

/* Memory held, in bytes. */
uint64_t tal_seqset_bytes(const tal_seqset *set);

/* Views, valid until the set changes. Residues are as scored: masked ones have the mask's code. */
int32_t tal_seqset_len(const tal_seqset *set, tal_lid lid);
const uint8_t *tal_seqset_residues(const tal_seqset *set, tal_lid lid);
tal_gid tal_seqset_gid(const tal_seqset *set, tal_lid lid);
/* NUL-terminated; the whole header line. */
const char *tal_seqset_header(const tal_seqset *set, tal_lid lid);
/* Length of the identifier that begins a header: up to the first blank, tab or \x01. */
size_t tal_header_id_bytes(const char *header);

/* Change the gid of a sequence (loading knows it only at the end). */
void tal_seqset_set_gid(tal_seqset *set, tal_lid lid, tal_gid gid);

#endif
