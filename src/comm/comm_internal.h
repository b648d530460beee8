/* What comm and the two places that hand a communicator to a library share. */
#ifndef TAL_COMM_COMM_INTERNAL_H
#define TAL_COMM_COMM_INTERNAL_H

#include "comm/comm.h"

#include <mpi.h>

/* The communicator behind a tal_comm, for MPI-IO here and HDF5 in store/mpio.c. */
MPI_Comm tal_comm_world(const tal_comm *comm);

#endif
