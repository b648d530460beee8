/* Blocks of text: all of a stretch of a FASTA file but its residues. Pure.
 *
 * A block holds whole records: headers (each against the one before it, new text against a
 * dictionary of all blocks), where their residues are (cluster and place in it), and the layout of
 * their bodies; and what stands before the first record of a file.
 */
#ifndef TAL_REDUCE_TEXT_BLOCK_H
#define TAL_REDUCE_TEXT_BLOCK_H

#include "base/buffer.h"
#include "base/status.h"
#include "reduce/layout.h"
#include "reduce/residue_block.h"

/* Where a record's residues are: `ordinal` 0 is the representative of `cluster`. Clusters are
 * numbered in the order of their first records; a first record that is a member has ordinal 1. */
typedef struct tal_text_place {
    uint64_t cluster, ordinal;
} tal_text_place;

/* What all blocks of a container share. Threads: any number at a time. */
typedef struct tal_text_dictionary tal_text_dictionary;

/* Copies the bytes. For encoding or for decoding. */
tal_status tal_text_dictionary_create(const uint8_t *data, size_t bytes, bool is_encoding,
                                      tal_text_dictionary **out_dictionary);

/* Accepts NULL. */
void tal_text_dictionary_destroy(tal_text_dictionary *dictionary);

/* Whole bytes by zstd at its best, and back; for what is not worth a model. Appends to `out`.
 * Unpacking more than `limit` bytes, or damage: TAL_ERR_DATA without a message. */
tal_status tal_text_pack(const uint8_t *data, size_t bytes, tal_buffer *out);
tal_status tal_text_unpack(const uint8_t *data, size_t bytes, uint64_t limit, tal_buffer *out);

/* Threads: each its own. The dictionary must outlive it. */
typedef struct tal_text_codec tal_text_codec;
tal_status tal_text_codec_create(tal_alphabet alphabet, const tal_text_dictionary *dictionary,
                                 tal_text_codec **out_codec);

/* Accepts NULL. */
void tal_text_codec_destroy(tal_text_codec *codec);

/* A stretch of a file: text that begins with its first record, or at the begin of the file. */
typedef struct tal_text_stretch {
    const uint8_t *text;
    size_t bytes;
    size_t preamble_bytes;        /* before its first record */
    const tal_text_place *places; /* one a record */
    size_t record_count;          /* as tal_layout_find_record counts them */
    uint64_t cluster_begin;       /* clusters that begin in the input before it */
    uint64_t file_ordinal;        /* of its first record in its file */
} tal_text_stretch;

/* Append the block of a stretch. out_hash: sum of tal_record_hash over its records. */
tal_status tal_text_encode(tal_text_codec *codec, const tal_text_stretch *stretch, tal_buffer *out,
                           uint64_t *out_hash);

/* A record of a decoded block. */
typedef struct tal_text_record {
    size_t header_at, header_bytes; /* in headers */
    tal_text_place place;
    bool is_regular, has_u;
    tal_line_shape shape; /* regular */
    size_t gaps_at;       /* else: where its gaps are in contents */
    size_t case_begin, case_count, letter_begin, letter_count;
} tal_text_record;

/* A decoded block. All zero is empty. */
typedef struct tal_text {
    tal_alphabet alphabet;
    tal_buffer contents; /* preamble, gaps, new text of headers */
    tal_buffer headers;
    tal_buffer records; /* tal_text_record */
    size_t record_count;
    tal_buffer cases;      /* uint64_t */
    tal_buffer letters;    /* tal_layout_letter */
    size_t preamble_bytes; /* of contents */
    tal_buffer scratch;
} tal_text;

void tal_text_deinit(tal_text *text);

/* Decode a block of `count` records that stands for `text_bytes` bytes. TAL_ERR_DATA without a
 * message. */
tal_status tal_text_decode(tal_text_codec *codec, const uint8_t *data, size_t bytes, size_t count,
                           uint64_t text_bytes, uint64_t cluster_begin, tal_text *out_text);

static inline const tal_text_record *tal_text_get(const tal_text *text, size_t idx)
{
    return (const tal_text_record *)(const void *)text->records.data + idx;
}

/* Append record `idx` with the residues `codes` (valid letters) as it stood in the file. At most
 * `limit` bytes, else, or when the layout does not fit the residues: TAL_ERR_DATA without a
 * message. */
tal_status tal_text_render(tal_text *text, size_t idx, const uint8_t *codes, size_t len,
                           uint64_t limit, tal_buffer *out);

#endif
