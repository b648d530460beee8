/* What comm and the two places that hand a communicator to a library share. */
#ifndef TAL_COMM_COMM_INTERNAL_H
#define TAL_COMM_COMM_INTERNAL_H

#include "comm/comm.h"
#include "comm/traffic.h"
#include "par/wait.h"

#include <mpi.h>

/* Counts in MPI 3 are int: what may be larger moves in pieces of so many things (bytes, numbers) at
 * most. The tests build with a small number, so that everything moves in many pieces. */
#ifndef TAL_COMM_PIECE
#define TAL_COMM_PIECE (1 << 30)
#endif
_Static_assert(TAL_COMM_PIECE >= 1 && TAL_COMM_PIECE <= 1 << 30, "an int");

/* Bytes that one rank sends to all others in one round of an exchange, at most; one each at least.
 */
#ifndef TAL_COMM_ROUND
#define TAL_COMM_ROUND (1 << 24)
#endif

/* The communicator behind a tal_comm, for MPI-IO here and HDF5 in store/mpio.c. */
MPI_Comm tal_comm_world(const tal_comm *comm);

/* Where calls of a kind are counted. */
tal_traffic *tal_comm_traffic(tal_comm *comm, tal_traffic_kind kind);

/* A call: timed and counted, and noted for the watcher if it may wait for other ranks. `what` is
 * constant text for the watcher; NULL: does not wait for others. */
typedef struct tal_call {
    tal_wait_mark mark;
    tal_traffic *traffic;
    uint64_t start_ns;
} tal_call;

tal_call tal_call_begin(tal_comm *comm, tal_traffic_kind kind, const char *what);

/* It is done; this rank gave others `bytes` in `messages`. */
void tal_call_end(const tal_call *call, uint64_t messages, uint64_t bytes);

#endif
