/* The folder of a job, as rank 0 sees it: created, locked, read, emptied. */
#ifndef TAL_DIST_FOLDER_H
#define TAL_DIST_FOLDER_H

#include "base/buffer.h"

/* Create `path` unless it is there, open and lock its journal; what still locks it is waited for a
 * few seconds: a run that was killed a moment ago. TAL_ERR_OUTPUT with the cause. */
tal_status tal_folder_open(const char *path, int *out_journal);

/* The journal's bytes. */
tal_status tal_folder_read(int journal, const char *path, tal_buffer *out_bytes);

/* Cut the journal to `keep_bytes`, append, and flush to stable storage. */
tal_status tal_folder_append(int journal, const char *path, uint64_t keep_bytes, const void *data,
                             size_t bytes);

/* Remove all files but the journal. */
void tal_folder_clear(const char *path);

/* Remove the folder with all its files and close (and so unlock) the journal. */
void tal_folder_remove(int journal, const char *path);

/* Read `bytes` at `offset` of a file of the folder; false when they are not all there. */
bool tal_folder_read_piece(const char *file_path, uint64_t offset, void *data, size_t bytes);

#endif
