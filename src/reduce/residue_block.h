/* Blocks of residues: some representatives, or some members in cluster order. Pure.
 *
 * Clusters are numbered in the order of their first records in the input; a cluster's records count
 * from 0: the representative, then its members in input order. Blocks are coded each on its own;
 * members need their representatives beside it.
 */
#ifndef TAL_REDUCE_RESIDUE_BLOCK_H
#define TAL_REDUCE_RESIDUE_BLOCK_H

#include "reduce/assignment.h"
#include "reduce/delta.h"
#include "reduce/residue_model.h"

/* 128 bits of XXH3. */
typedef struct tal_hash {
    uint64_t low, high;
} tal_hash;

tal_hash tal_hash_bytes(const void *data, size_t bytes);

/* What coding needs, made once. Threads: each its own. */
typedef struct tal_residue_codec tal_residue_codec;
tal_status tal_residue_codec_create(tal_alphabet alphabet, tal_residue_codec **out_codec);

/* Accepts NULL. */
void tal_residue_codec_destroy(tal_residue_codec *codec);

/* Sequences back to back; begin has count + 1 entries. */
typedef struct tal_sequences {
    tal_buffer residues;
    tal_buffer begin; /* uint64_t */
    size_t count;
} tal_sequences;

void tal_sequences_deinit(tal_sequences *sequences);
void tal_sequences_reset(tal_sequences *sequences);
tal_status tal_sequences_append(tal_sequences *sequences, const uint8_t *codes, size_t len);

static inline const uint8_t *tal_sequences_get(const tal_sequences *sequences, size_t idx,
                                               int32_t *out_len)
{
    const uint64_t *begin = (const uint64_t *)(const void *)sequences->begin.data;
    *out_len = (int32_t)(begin[idx + 1] - begin[idx]);
    return sequences->residues.data + begin[idx];
}

/* Append the block of `sequences` (their residues are scratch of the model, unchanged).
 * out_content: hash of what a decoder must find. */
tal_status tal_representatives_encode(tal_residue_codec *codec, tal_sequences *sequences,
                                      tal_buffer *out, tal_hash *out_content);

/* Decode `count` sequences of at most `residue_limit` residues together. TAL_ERR_DATA without a
 * message. */
tal_status tal_representatives_decode(tal_residue_codec *codec, const uint8_t *data, size_t bytes,
                                      size_t count, uint64_t residue_limit,
                                      tal_sequences *out_sequences, tal_hash *out_content);

/* One member of a block. */
typedef struct tal_member {
    uint64_t cluster;
    uint64_t ordinal; /* in its cluster, from 1 */
    const uint8_t *codes;
    int32_t len;
    tal_assigned assigned; /* all but the representative's gid */
} tal_member;

/* Gives the representative of a cluster; NULL when there is none such or it cannot be had. */
typedef const uint8_t *tal_representative_function(void *context, uint64_t cluster,
                                                   int32_t *out_len);

typedef struct tal_representative_source {
    tal_representative_function *get;
    void *context;
} tal_representative_source;

/* Append the block of members in cluster order. */
tal_status tal_members_encode(tal_residue_codec *codec, const tal_member *members, size_t count,
                              tal_representative_source source, tal_buffer *out);

/* What the hash of a block of members is made of: residues, strand, certificate, edits. */
void tal_members_hash(const tal_member *members, size_t count, tal_hash *out_content);

/* Decoded members; views into itself. */
typedef struct tal_members {
    tal_buffer rows; /* tal_member */
    size_t count;
    tal_buffer residues, runs;
    tal_cigar edits;
} tal_members;

void tal_members_deinit(tal_members *members);

/* Decode `count` members of `residue_limit` residues at most, the first of which is `ordinal` of
 * `cluster`. Certificates have no score: the caller may add it. TAL_ERR_DATA without a message;
 * members->count then says how many are whole. */
typedef struct tal_members_place {
    uint64_t cluster, ordinal;
    size_t count;
    uint64_t residue_limit;
} tal_members_place;
tal_status tal_members_decode(tal_residue_codec *codec, const uint8_t *data, size_t bytes,
                              const tal_members_place *place, tal_representative_source source,
                              tal_members *out_members);

#endif
