/* Memory from the heap. Failures record the message and return NULL: callers return TAL_ERR_MEMORY.
 */
#ifndef TAL_BASE_ALLOC_H
#define TAL_BASE_ALLOC_H

#include "base/types.h"

/* a * b into *out, or false when it does not fit in size_t. */
bool tal_mul_size(size_t a, size_t b, size_t *out);

/* Uninitialised memory; `bytes` may be 0 (still a unique pointer). Release with tal_free. */
void *tal_alloc(size_t bytes);

/* Zeroed memory. */
void *tal_alloc_zero(size_t bytes);

/* count * bytes, uninitialised, checked for overflow. */
void *tal_alloc_array(size_t count, size_t bytes);

/* Grow or shrink; on failure NULL and `memory` stays valid. */
void *tal_realloc_array(void *memory, size_t count, size_t bytes);

/* Aligned to TAL_VECTOR_BYTES, size rounded up to it. Release with tal_free. */
void *tal_alloc_vector(size_t bytes);

/* Accepts NULL. */
void tal_free(void *memory);

#endif
