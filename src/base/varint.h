/* Numbers in as few bytes as they need: seven bits a byte, the lowest first. */
#ifndef TAL_BASE_VARINT_H
#define TAL_BASE_VARINT_H

#include "base/buffer.h"

tal_status tal_varint_append(tal_buffer *out, uint64_t value);

/* Read the number at *at and step over it; false at the end of the bytes, or when it is longer than
 * any number. */
bool tal_varint_read(const tal_buffer *bytes, size_t *at, uint64_t *out_value);

#endif
