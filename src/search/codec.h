/* Hits as bytes: how they travel between ranks and lie in segments.
 *
 * One hit: tal_hit, its CIGAR runs, its reference letters, zeros up to a multiple of 8 bytes.
 */
#ifndef TAL_SEARCH_CODEC_H
#define TAL_SEARCH_CODEC_H

#include "base/buffer.h"
#include "search/hit.h"

/* Bytes of one hit. */
size_t tal_hit_encoded_bytes(const tal_hit *hit);

/* Append all hits, in order. */
tal_status tal_hits_encode(const tal_block_hits *hits, tal_buffer *out_bytes);

/* Memory that decoded hits lie in; all zero is empty. */
typedef struct tal_hit_rows {
    tal_hit *hits;
    size_t capacity;
    tal_buffer cigars, letters;
} tal_hit_rows;

void tal_hit_rows_deinit(tal_hit_rows *rows);

/* Decode `byte_count` bytes into rows; out_hits views them. Bytes that are not whole hits are
 * TAL_ERR_DATA. */
tal_status tal_hits_decode(const uint8_t *bytes, size_t byte_count, tal_hit_rows *rows,
                           tal_block_hits *out_hits);

#endif
