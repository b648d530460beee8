/* Ranks: everything Talaria asks of MPI. Only the main thread calls these.
 *
 * Communication errors end the job (MPI_ERRORS_ARE_FATAL); statuses speak of memory only.
 */
#ifndef TAL_COMM_COMM_H
#define TAL_COMM_COMM_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/types.h"

typedef struct tal_comm tal_comm;

/* Start MPI (threads: funneled) and view the world. Collective. Release with tal_comm_destroy. */
tal_status tal_comm_create(int *argc, char ***argv, tal_comm **out_comm);

/* The first `count` ranks as a communicator of their own, with counters from 0; NULL on the others.
 * Collective; agreed status. Release with tal_comm_destroy, before `comm`. */
tal_status tal_comm_create_part(tal_comm *comm, int count, tal_comm **out_part);

/* End MPI, or the part. Accepts NULL. Collective. */
void tal_comm_destroy(tal_comm *comm);

/* End the whole job at once with `exit_code`, without the other ranks' consent. Not collective. */
void tal_comm_abort(const tal_comm *comm, int exit_code) __attribute__((noreturn));

int tal_comm_rank(const tal_comm *comm);
int tal_comm_size(const tal_comm *comm);

/* Ranks that share this rank's node, and this rank's place among them. */
int tal_comm_node_rank(const tal_comm *comm);
int tal_comm_node_size(const tal_comm *comm);

/* One value of each rank of this node, in the order of tal_comm_node_rank, into out_values
 * (tal_comm_node_size entries). Collective. */
void tal_comm_node_gather(tal_comm *comm, int value, int *out_values);

/* The worst status of all ranks, on all ranks, together with the message of the lowest rank that
 * has that status. Every collective is preceded by one where a rank may have failed. Collective. */
tal_status tal_comm_agree(tal_comm *comm, tal_status status);

void tal_comm_barrier(tal_comm *comm);

/* A barrier in which ranks sleep, for long waits: looks every few milliseconds. Collective. */
void tal_comm_rest(tal_comm *comm);

/* Serve other ranks' one-sided reads (window.h) while this one computes. Not collective; does not
 * block. */
void tal_comm_progress(tal_comm *comm);

/* Any number of bytes and values: sent in pieces. Collective. */
void tal_comm_broadcast(tal_comm *comm, void *data, uint64_t bytes, int root);

/* Element-wise over ranks, result on all ranks. Collective. */
void tal_comm_sum_u64(tal_comm *comm, uint64_t *values, size_t count);
void tal_comm_max_u64(tal_comm *comm, uint64_t *values, size_t count);

/* Bit-wise or over ranks, result on all ranks. Collective. */
void tal_comm_or_u64(tal_comm *comm, uint64_t *values, size_t count);

/* Element-wise sum to rank 0 by MPI_Reduce; other ranks' values are undefined after. Collective. */
void tal_comm_accumulate_u64(tal_comm *comm, uint64_t *values, size_t count);

/* Sum of the values of lower ranks (0 on rank 0). Collective. */
uint64_t tal_comm_prefix_u64(tal_comm *comm, uint64_t value);

/* One value of every rank, on every rank: out_values has size entries. Collective. */
void tal_comm_gather_u64(tal_comm *comm, uint64_t value, uint64_t *out_values);

/* Send send[send_begin[r], send_begin[r + 1]) to rank r and append what the others sent to
 * `received`, in rank order. out_begin (size + 1 entries, may be NULL) marks what came from whom,
 * relative to the start of what was appended. Runs in bounded rounds: any size. Collective. A rank
 * out of memory fails on all ranks alike. */
tal_status tal_comm_exchange(tal_comm *comm, const uint8_t *send, const uint64_t *send_begin,
                             tal_buffer *received, uint64_t *out_begin);

#endif
