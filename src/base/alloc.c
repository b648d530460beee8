/* Memory from the heap; see alloc.h. */
#include "base/alloc.h"

#include "base/status.h"

#include <stdlib.h>

bool tal_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static void *checked(void *memory, size_t bytes)
{
    if (memory == NULL)
        (void)tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get %zu bytes", bytes);
    return memory;
}

void *tal_alloc(size_t bytes)
{
    return checked(malloc(bytes == 0 ? 1 : bytes), bytes);
}

void *tal_alloc_zero(size_t bytes)
{
    return checked(calloc(1, bytes == 0 ? 1 : bytes), bytes);
}

void *tal_alloc_array(size_t count, size_t bytes)
{
    size_t total;
    return tal_mul_size(count, bytes, &total) ? tal_alloc(total) : checked(NULL, SIZE_MAX);
}

void *tal_realloc_array(void *memory, size_t count, size_t bytes)
{
    size_t total;
    if (!tal_mul_size(count, bytes, &total))
        return checked(NULL, SIZE_MAX);
    return checked(realloc(memory, total == 0 ? 1 : total), total);
}

void *tal_alloc_vector(size_t bytes)
{
    if (bytes > SIZE_MAX - TAL_VECTOR_BYTES)
        return checked(NULL, bytes);
    size_t rounded = (bytes / TAL_VECTOR_BYTES + 1) * TAL_VECTOR_BYTES;
    return checked(aligned_alloc(TAL_VECTOR_BYTES, rounded), bytes);
}

void tal_free(void *memory)
{
    free(memory);
}
