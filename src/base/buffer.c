/* A growable run of bytes; see buffer.h. */
#include "base/buffer.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tal_buffer_deinit(tal_buffer *buffer)
{
    tal_free(buffer->data);
    *buffer = (tal_buffer){0};
}

void tal_buffer_reset(tal_buffer *buffer)
{
    buffer->bytes = 0;
}

tal_status tal_buffer_reserve(tal_buffer *buffer, size_t more)
{
    if (buffer->data != NULL && more <= buffer->capacity - buffer->bytes)
        return TAL_OK;
    if (more > SIZE_MAX / 2 - buffer->bytes)
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %zu more bytes", more);
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (capacity < buffer->bytes + more)
        capacity *= 2;
    uint8_t *data = tal_realloc_array(buffer->data, capacity, 1);
    if (data == NULL)
        return TAL_ERR_MEMORY;
    buffer->data = data;
    buffer->capacity = capacity;
    return TAL_OK;
}

tal_status tal_buffer_append(tal_buffer *buffer, const void *data, size_t bytes)
{
    tal_status status = tal_buffer_reserve(buffer, bytes);
    if (status != TAL_OK || bytes == 0)
        return status;
    memcpy(buffer->data + buffer->bytes, data, bytes);
    buffer->bytes += bytes;
    return TAL_OK;
}

tal_status tal_buffer_append_text(tal_buffer *buffer, const char *text)
{
    return tal_buffer_append(buffer, text, strlen(text));
}

tal_status tal_buffer_printf(tal_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int needed = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    tal_status status = needed < 0 ? tal_fail(TAL_ERR_INTERNAL, "cannot format text")
                                   : tal_buffer_reserve(buffer, (size_t)needed + 1);
    if (status == TAL_OK) {
        (void)vsnprintf((char *)buffer->data + buffer->bytes, (size_t)needed + 1, format, again);
        buffer->bytes += (size_t)needed;
    }
    va_end(again);
    return status;
}
