/* Decompression of gzip and zstd, and none, as a stream. */
#ifndef TAL_SEQ_DECODE_H
#define TAL_SEQ_DECODE_H

#include "base/status.h"
#include "base/types.h"

typedef enum tal_coding { TAL_CODING_PLAIN = 0, TAL_CODING_GZIP, TAL_CODING_ZSTD } tal_coding;

/* Bytes of a file that tal_coding_detect needs, where the file has as many. */
#define TAL_CODING_HEAD_BYTES 6

/* By the first bytes, never by the name. TAL_ERR_DATA for other compressed files and archives. */
tal_status tal_coding_detect(const char *name, const uint8_t *head, size_t bytes,
                             tal_coding *out_coding);

typedef struct tal_decoder tal_decoder;

/* `name` is of the file, for messages, and must outlive the decoder. */
tal_status tal_decoder_create(tal_coding coding, const char *name, tal_decoder **out_decoder);

/* Accepts NULL. */
void tal_decoder_destroy(tal_decoder *decoder);

/* Input not used yet and room not filled yet; both move on as they are used. */
typedef struct tal_decoder_io {
    const uint8_t *in;
    size_t in_bytes;
    uint8_t *out;
    size_t out_bytes;
} tal_decoder_io;

/* Decode until the input is used up or the room is full. Several members (gzip) or frames (zstd)
 * in a row are one stream. TAL_ERR_DATA for damage. */
tal_status tal_decoder_run(tal_decoder *decoder, tal_decoder_io *io);

/* The input ended: TAL_ERR_DATA when it ended too early. */
tal_status tal_decoder_finish(const tal_decoder *decoder);

#endif
