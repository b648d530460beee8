/* What the parts of unpacking share: fetching residues (unpack_residues.c), text (unpack.c),
 * checking (unpack_check.c).
 */
#ifndef TAL_STORE_UNPACK_INTERNAL_H
#define TAL_STORE_UNPACK_INTERNAL_H

#include "score/stats.h"
#include "store/unpack.h"

enum {
    TAL_UNPACK_BATCH_BLOCKS = 16,         /* blocks that are read and decoded together, a worker */
    TAL_UNPACK_BATCH_REPRESENTATIVES = 4, /* those of representatives, which may be longer */
};

/* A decoded block of representatives. */
typedef struct tal_cached_block {
    size_t idx; /* SIZE_MAX: none */
    tal_sequences sequences;
} tal_cached_block;

struct tal_unpacker {
    tal_comm *comm;
    tal_team *team;
    tal_container *container;
    size_t worker_count;
    tal_residue_codec **residue_codecs; /* a worker */
    tal_text_codec **text_codecs;       /* a worker */
    tal_text_dictionary *dictionary;
    tal_cached_block *cache; /* blocks of representatives, rising idx */
    size_t cache_count, cache_capacity;
};

/* Decode the listed blocks of representatives (rising) into the cache, which forgets others. Not
 * collective. */
tal_status tal_unpack_representatives(tal_unpacker *unpacker, const size_t *blocks, size_t count);

/* A representative of a cached block; NULL: not there. */
const uint8_t *tal_unpack_cached(void *unpacker, uint64_t cluster, int32_t *out_len);

/* A block of members being decoded. */
typedef struct tal_member_job {
    size_t idx;
    tal_buffer bytes;
    tal_members members;
    tal_status status;
    bool is_read; /* its bytes are there */
} tal_member_job;

/* Read and decode the member blocks jobs[i].idx, rising, and the representatives they need (cached
 * afterwards). A block that cannot be decoded is a TAL_ERR_DATA in its job and no failure. Not
 * collective. */
tal_status tal_unpack_members(tal_unpacker *unpacker, tal_member_job *jobs, size_t count);

/* Give a decoded member its certificate's score, from the path of its edits along `ref`, its
 * representative. *out_is_path: whether every run is what its residues are; else there is no score.
 * `scratch` is overwritten. Threads: any. TAL_ERR_MEMORY. */
tal_status tal_unpack_score(const tal_unpacker *unpacker, tal_gaps gaps, const uint8_t *ref,
                            tal_member *member, tal_buffer *scratch, bool *out_is_path);

/* The residues of `count` places, on this rank: out_begin (count + 1 entries) into out_residues.
 * Collective; agreed status. */
tal_status tal_unpack_residues(tal_unpacker *unpacker, const tal_text_place *places, size_t count,
                               uint64_t *out_begin, tal_buffer *out_residues);

/* The block of residues that a place is in; false when there is no such place. */
bool tal_unpack_locate(const tal_unpacker *unpacker, const tal_text_place *place,
                       tal_block_kind *out_kind, size_t *out_block);

/* The rank that decodes a block of residues. */
size_t tal_unpack_decoder(const tal_unpacker *unpacker, tal_block_kind kind, size_t block);

/* Text blocks being decoded. */
typedef struct tal_text_job {
    size_t idx;
    tal_buffer bytes;
    tal_text text;
    tal_buffer rendered;
    tal_status status;
} tal_text_job;

/* Read and decode the text blocks jobs[i].idx. A block that cannot be read or decoded is a
 * TAL_ERR_DATA in its job and no failure. Not collective. */
tal_status tal_unpack_texts(tal_unpacker *unpacker, tal_text_job *jobs, size_t count);

void tal_text_jobs_destroy(tal_text_job *jobs, size_t count);

/* Does what is needed with a decoded text block, whose first record is `first`. */
typedef tal_status tal_text_visitor(void *context, const tal_text *text, tal_gid first);

/* Decode those of this rank's share of the text blocks that hold a wanted record (an entry for each
 * record of the share; NULL: all), and visit them in order. A block that cannot be decoded is a
 * TAL_ERR_DATA that names it. Not collective. */
tal_status tal_unpack_visit_texts(tal_unpacker *unpacker, const bool *is_wanted,
                                  tal_text_visitor *visit, void *context);

/* This rank's share of [begin, end). */
void tal_unpack_share(const tal_unpacker *unpacker, size_t begin, size_t end, size_t *out_begin,
                      size_t *out_end);

#endif
