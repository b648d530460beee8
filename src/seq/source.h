/* One input file read from begin to end, decompressed as its content asks for.
 *
 * Plain files, pipes, standard input. Not for several threads at once.
 */
#ifndef TAL_SEQ_SOURCE_H
#define TAL_SEQ_SOURCE_H

#include "base/status.h"
#include "base/types.h"
#include "seq/decode.h"

typedef struct tal_source tal_source;

/* How a path is best read. */
typedef enum tal_source_kind {
    TAL_SOURCE_RANGES = 0, /* a plain FASTA file: anywhere, in parallel */
    TAL_SOURCE_SEQUENCE,   /* a compressed file: from its begin, by anyone */
    TAL_SOURCE_PIPE,       /* standard input, a pipe, a device: once, by one reader */
} tal_source_kind;

typedef struct tal_source_probe {
    tal_source_kind kind;
    uint64_t bytes;         /* as stored; 0 when unknown */
    uint64_t content_begin; /* TAL_SOURCE_RANGES: behind a byte order mark, else 0 */
} tal_source_probe;

/* What `path` is, by its first bytes (a pipe is not touched). TAL_ERR_NO_INPUT or TAL_ERR_DATA as
 * tal_source_open gives, for empty files too. */
tal_status tal_source_look(const char *path, tal_source_probe *out_probe);

/* The name of a path in messages: "standard input" for "-". */
const char *tal_source_name(const char *path);

/* Open `path` ("-": standard input) and read its first bytes. `path` must outlive the source.
 * A read that waits for a pipe ends when `wake_fd` becomes readable (-1: none).
 * TAL_ERR_NO_INPUT: missing, a directory, no permission. Blocks: until a pipe has data. */
tal_status tal_source_open(const char *path, int wake_fd, tal_source **out_source);

/* Accepts NULL. */
void tal_source_close(tal_source *source);

/* The descriptor that ends waits from now on. */
void tal_source_set_wake(tal_source *source, int wake_fd);

/* Up to `bytes` (at least 1) decompressed bytes; 0 at the end, or when woken.
 * TAL_ERR_DATA: truncated or corrupt. TAL_ERR_IO: reading failed. */
tal_status tal_source_read(tal_source *source, uint8_t *data, size_t bytes, size_t *out_read);

/* View the next `bytes` decompressed bytes (fewer at the end) without reading them: valid until
 * the next call. Only before the first read. */
tal_status tal_source_peek(tal_source *source, size_t bytes, const uint8_t **out_view,
                           size_t *out_bytes);

/* Stored bytes read so far. */
uint64_t tal_source_stored_bytes(const tal_source *source);

#endif
