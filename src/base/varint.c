/* Numbers of variable length; see varint.h. */
#include "base/varint.h"

tal_status tal_varint_append(tal_buffer *out, uint64_t value)
{
    tal_status status = tal_buffer_reserve(out, TAL_VARINT_BYTES_MAX);
    if (status == TAL_OK)
        tal_varint_put(out, value);
    return status;
}

bool tal_varint_read(const tal_buffer *bytes, size_t *at, uint64_t *out_value)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (*at >= bytes->bytes)
            return false;
        const uint8_t byte = bytes->data[(*at)++];
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *out_value = value;
            return true;
        }
    }
    return false;
}
