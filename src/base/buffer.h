/* A growable run of bytes. */
#ifndef TAL_BASE_BUFFER_H
#define TAL_BASE_BUFFER_H

#include "base/status.h"
#include "base/types.h"

typedef struct tal_buffer {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
} tal_buffer;

/* All zero is an empty buffer: `tal_buffer buffer = {0};` needs no init. */
void tal_buffer_deinit(tal_buffer *buffer);

/* Empty it, keep the memory. */
void tal_buffer_reset(tal_buffer *buffer);

/* Room for `more` further bytes; doubles. Afterwards data is not NULL, even for 0 bytes.
 * TAL_ERR_MEMORY leaves the buffer as it was. */
tal_status tal_buffer_reserve(tal_buffer *buffer, size_t more);

tal_status tal_buffer_append(tal_buffer *buffer, const void *data, size_t bytes);
tal_status tal_buffer_append_text(tal_buffer *buffer, const char *text);
tal_status tal_buffer_printf(tal_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
