/* Numbers in as few bytes as they need: seven bits a byte, the lowest first. */
#ifndef TAL_BASE_VARINT_H
#define TAL_BASE_VARINT_H

#include "base/buffer.h"

/* Bytes of any number, at most. */
enum { TAL_VARINT_BYTES_MAX = 10 };

tal_status tal_varint_append(tal_buffer *out, uint64_t value);

/* The same where room for TAL_VARINT_BYTES_MAX bytes is reserved. */
static inline void tal_varint_put(tal_buffer *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        out->data[out->bytes++] = (uint8_t)(value | 128);
    out->data[out->bytes++] = (uint8_t)value;
}

/* Read the number at *at and step over it; false at the end of the bytes, or when it is longer than
 * any number. */
bool tal_varint_read(const tal_buffer *bytes, size_t *at, uint64_t *out_value);

#endif
