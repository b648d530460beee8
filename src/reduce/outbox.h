/* What the threads of a rank have to say to other ranks, gathered and then sent at once. */
#ifndef TAL_REDUCE_OUTBOX_H
#define TAL_REDUCE_OUTBOX_H

#include "base/buffer.h"
#include "comm/comm.h"

/* One buffer for each worker and destination; all zero is none. */
typedef struct tal_outbox {
    tal_buffer *buffers;
    size_t worker_count, rank_count;
} tal_outbox;

tal_status tal_outbox_init(tal_outbox *outbox, size_t worker_count, size_t rank_count);
void tal_outbox_deinit(tal_outbox *outbox);

/* What `worker` has for `rank`: append to it. Threads: each worker its own. */
tal_buffer *tal_outbox_at(const tal_outbox *outbox, size_t worker, size_t rank);

/* Append a record to an outbox's buffer: its head, of a multiple of 8 bytes, and what follows,
 * padded to the next. */
tal_status tal_outbox_append(tal_buffer *out, const void *head, size_t head_bytes, const void *body,
                             size_t body_bytes);

/* Send all and empty the outbox. What arrives is appended to `received`, by sender in rank order,
 * of each sender in worker order; out_begin as in tal_comm_exchange, may be NULL. Collective;
 * agreed status. */
tal_status tal_outbox_exchange(tal_outbox *outbox, tal_comm *comm, tal_buffer *received,
                               uint64_t *out_begin);

/* Payload `idx` of the record at `local` of this rank, appended to `reply`. */
typedef tal_status (*tal_answer_function)(const void *context, uint64_t local, tal_buffer *reply);

/* What the owners of sequences said: reply i is data + at[i] and bytes[i] long, aligned to 8. */
typedef struct tal_replies {
    tal_buffer data;
    size_t *at, *bytes;
} tal_replies;

void tal_replies_deinit(tal_replies *replies);

/* Ask the owners of `count` ids (id modulo the number of ranks owns id / that number) each for its
 * payload. `answer` runs on the owner. Collective; agreed status. */
tal_status tal_owners_ask(tal_comm *comm, const uint64_t *ids, size_t count,
                          tal_answer_function answer, const void *context,
                          tal_replies *out_replies);

#endif
