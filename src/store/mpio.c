/* HDF5 over MPI; see mpio.h. */
#include "store/mpio.h"

#include "comm/comm_internal.h"

#include <mpi.h>

hid_t tal_mpio_file_access(const tal_comm *comm)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0)
        return access;
    if (H5Pset_fapl_mpio(access, tal_comm_world(comm), MPI_INFO_NULL) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST) >= 0 &&
        H5Pset_coll_metadata_write(access, true) >= 0 &&
        H5Pset_all_coll_metadata_ops(access, true) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0)
        return access;
    (void)H5Pclose(access); /* The failure is reported by the negative id. */
    return -1;
}

hid_t tal_mpio_transfer(void)
{
    hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
    if (transfer < 0 || H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE) >= 0)
        return transfer;
    (void)H5Pclose(transfer); /* The failure is reported by the negative id. */
    return -1;
}
