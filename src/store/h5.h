/* HDF5 calls with their outcome checked and their cause put into words.
 *
 * Internal to src/store. HDF5's own printing of errors is off from the first open or create.
 */
#ifndef TAL_STORE_H5_H
#define TAL_STORE_H5_H

#include "base/status.h"
#include "base/types.h"
#include "store/schema.h"

#include <hdf5.h>

/* Turn off the library's printing of errors. Idempotent. */
void tal_h5_quiet(void);

/* Record "cannot <action> '<path>': <cause>" with the cause taken from HDF5's error stack. */
tal_status tal_h5_fail(tal_status status, const char *action, const char *path);

/* Types in the file and in memory. */
hid_t tal_h5_file_type(tal_store_type type);
hid_t tal_h5_memory_type(tal_store_type type);

/* A dataset of `rows` rows; chunk_rows 0: of fixed size, contiguous, else extensible. Never filled,
 * no time stamps. A negative id on failure. */
hid_t tal_h5_create(hid_t file, const char *path, tal_store_type type, uint64_t rows,
                    uint64_t chunk_rows);

/* Write text (fixed length, UTF-8), uint64 or float64 as an attribute. False on failure. */
bool tal_h5_write_text(hid_t object, const char *name, const char *text);
bool tal_h5_write_u64(hid_t object, const char *name, uint64_t value);
bool tal_h5_write_f64(hid_t object, const char *name, double value);

/* An attribute as text; false when there is none that can be shown as text. */
bool tal_h5_find_text(hid_t object, const char *name, char *text, size_t bytes);
bool tal_h5_find_u64(hid_t object, const char *name, uint64_t *out_value);

#endif
