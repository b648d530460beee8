/* The HDF5 library behind the store. */
#ifndef TAL_STORE_LIBRARY_H
#define TAL_STORE_LIBRARY_H

#include <stdbool.h>

/* "HDF5 1.10.8, parallel". A constant. */
const char *tal_store_library_version(void);

/* Whether ranks can write compressed datasets together (HDF5 1.10.2 and later, parallel). */
bool tal_store_has_parallel_filters(void);

#endif
