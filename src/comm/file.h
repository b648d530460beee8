/* Files shared by ranks, through MPI-IO. */
#ifndef TAL_COMM_FILE_H
#define TAL_COMM_FILE_H

#include "base/status.h"
#include "base/types.h"
#include "comm/comm.h"

typedef struct tal_file tal_file;

/* Open an existing plain file for reading on all ranks. Collective; agreed status (a directory, a
 * missing file, no permission: TAL_ERR_NO_INPUT with the cause). */
tal_status tal_file_open_read(tal_comm *comm, const char *path, tal_file **out_file);

/* Create a file for writing; TAL_ERR_OUTPUT when it cannot be. Collective; agreed status. */
tal_status tal_file_open_write(tal_comm *comm, const char *path, tal_file **out_file);

/* What was written, to stable storage. Collective; agreed status. */
tal_status tal_file_sync(tal_comm *comm, tal_file *file);

/* Close; an error that surfaces now (disk full) is reported. Accepts NULL. Collective. */
tal_status tal_file_close(tal_comm *comm, tal_file *file);

/* Bytes of the file. */
uint64_t tal_file_bytes(const tal_file *file);

/* Read up to `bytes` at `offset`; out_read < bytes only at the end of the file. Pieces of at most
 * 1 GiB. Not collective. */
tal_status tal_file_read_at(tal_file *file, uint64_t offset, void *data, uint64_t bytes,
                            uint64_t *out_read);

/* Write `bytes` at `offset`, in pieces; ranks may give different sizes, 0 included. Collective;
 * agreed status. */
tal_status tal_file_write_at_all(tal_comm *comm, tal_file *file, uint64_t offset, const void *data,
                                 uint64_t bytes);

#endif
