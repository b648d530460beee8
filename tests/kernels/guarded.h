/* Memory that ends at a page nobody may touch: an access past the end stops the test. */
#ifndef TAL_TESTS_KERNELS_GUARDED_H
#define TAL_TESTS_KERNELS_GUARDED_H

#include <stddef.h>

typedef struct guarded {
    void *pages;  /* usable bytes, then one page without access */
    size_t bytes; /* usable, a multiple of the page size */
} guarded;

/* At least `bytes` usable bytes; stops the test program when the system gives none. */
guarded guarded_create(size_t bytes);
void guarded_destroy(guarded *memory);

/* The last `bytes` bytes before the guard page; what is before them is filled with `poison`, they
 * too. */
void *guarded_end(const guarded *memory, size_t bytes, int poison);

/* Whether all before the last `bytes` bytes is still `poison`. */
int guarded_is_untouched(const guarded *memory, size_t bytes, int poison);

#endif
