/* The one place where HDF5 gets the communicator. Internal to src/store. */
#ifndef TAL_STORE_MPIO_H
#define TAL_STORE_MPIO_H

#include "comm/comm.h"

#include <hdf5.h>

/* How all ranks open one file together (latest format, collective metadata); negative on failure.
 * Close with H5Pclose. Collective. */
hid_t tal_mpio_file_access(const tal_comm *comm);

/* How all ranks write together; negative on failure. Close with H5Pclose. */
hid_t tal_mpio_transfer(void);

#endif
