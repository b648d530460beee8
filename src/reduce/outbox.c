/* Messages to other ranks, and questions to the owners of sequences; see outbox.h. */
#include "reduce/outbox.h"

#include "base/alloc.h"

#include <string.h>

tal_status tal_outbox_init(tal_outbox *outbox, size_t worker_count, size_t rank_count)
{
    *outbox = (tal_outbox){.worker_count = worker_count, .rank_count = rank_count};
    outbox->buffers = tal_alloc_zero(worker_count * rank_count * sizeof(*outbox->buffers));
    return outbox->buffers == NULL ? TAL_ERR_MEMORY : TAL_OK;
}

void tal_outbox_deinit(tal_outbox *outbox)
{
    for (size_t i = 0; outbox->buffers != NULL && i < outbox->worker_count * outbox->rank_count;
         i++)
        tal_buffer_deinit(&outbox->buffers[i]);
    tal_free(outbox->buffers);
    *outbox = (tal_outbox){0};
}

tal_buffer *tal_outbox_at(const tal_outbox *outbox, size_t worker, size_t rank)
{
    return &outbox->buffers[worker * outbox->rank_count + rank];
}

/* Append what all workers have for one rank, and give their memory back. */
static tal_status gather(tal_outbox *outbox, size_t rank, tal_buffer *send)
{
    size_t bytes = 0;
    if (send->data == NULL) { /* The first worker's becomes the whole. */
        tal_buffer *first = tal_outbox_at(outbox, 0, rank);
        *send = *first;
        *first = (tal_buffer){0};
    }
    for (size_t worker = 0; worker < outbox->worker_count; worker++)
        bytes += tal_outbox_at(outbox, worker, rank)->bytes;
    tal_status status = tal_buffer_reserve(send, bytes);
    for (size_t worker = 0; status == TAL_OK && worker < outbox->worker_count; worker++) {
        tal_buffer *part = tal_outbox_at(outbox, worker, rank);
        status = tal_buffer_append(send, part->data, part->bytes);
        tal_buffer_deinit(part);
    }
    return status;
}

tal_status tal_outbox_append(tal_buffer *out, const void *head, size_t head_bytes, const void *body,
                             size_t body_bytes)
{
    static const uint8_t zeros[8];
    tal_status status = tal_buffer_append(out, head, head_bytes);
    if (status == TAL_OK)
        status = tal_buffer_append(out, body, body_bytes);
    if (status == TAL_OK)
        status = tal_buffer_append(out, zeros, (8 - out->bytes % 8) % 8);
    return status;
}

tal_status tal_outbox_exchange(tal_outbox *outbox, tal_comm *comm, tal_buffer *received,
                               uint64_t *out_begin)
{
    const size_t rank_count = outbox->rank_count;
    if (rank_count == 1) {
        size_t before = received->bytes;
        tal_status status = gather(outbox, 0, received);
        if (status == TAL_OK && out_begin != NULL) {
            out_begin[0] = 0;
            out_begin[1] = received->bytes - before;
        }
        return tal_comm_agree(comm, status);
    }
    tal_buffer send = {0};
    uint64_t *send_begin = tal_alloc_array(rank_count + 1, sizeof(*send_begin));
    tal_status status = send_begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t rank = 0; status == TAL_OK && rank < rank_count; rank++) {
        send_begin[rank] = send.bytes;
        status = gather(outbox, rank, &send);
        send_begin[rank + 1] = send.bytes;
    }
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, send.data, send_begin, received, out_begin);
    tal_free(send_begin);
    tal_buffer_deinit(&send);
    return status;
}

void tal_replies_deinit(tal_replies *replies)
{
    tal_buffer_deinit(&replies->data);
    tal_free(replies->at);
    tal_free(replies->bytes);
    *replies = (tal_replies){0};
}

/* A payload behind its length, padded to 8 bytes. */
static tal_status append_answer(tal_answer_function answer, const void *context, uint64_t local,
                                tal_buffer *out)
{
    static const uint8_t zeros[8];
    uint64_t payload_bytes = 0;
    size_t head = out->bytes;
    tal_status status = tal_buffer_append(out, &payload_bytes, sizeof(payload_bytes));
    if (status == TAL_OK)
        status = answer(context, local, out);
    if (status != TAL_OK)
        return status;
    payload_bytes = out->bytes - head - sizeof(payload_bytes);
    memcpy(out->data + head, &payload_bytes, sizeof(payload_bytes));
    return tal_buffer_append(out, zeros, (8 - out->bytes % 8) % 8);
}

static tal_status answer_all(const tal_buffer *asked, const uint64_t *asked_begin,
                             size_t rank_count, tal_answer_function answer, const void *context,
                             tal_outbox *outbox)
{
    for (size_t rank = 0; rank < rank_count; rank++) {
        for (uint64_t at = asked_begin[rank]; at < asked_begin[rank + 1]; at += sizeof(uint64_t)) {
            uint64_t id;
            memcpy(&id, asked->data + at, sizeof(id));
            tal_status status =
                append_answer(answer, context, id / rank_count, tal_outbox_at(outbox, 0, rank));
            if (status != TAL_OK)
                return status;
        }
    }
    return TAL_OK;
}

/* Replies lie by owner, of each in the order asked. */
static tal_status find_replies(const uint64_t *ids, size_t count, size_t rank_count,
                               const uint64_t *begin, tal_replies *replies)
{
    uint64_t *cursor = tal_alloc_array(rank_count, sizeof(*cursor));
    replies->at = tal_alloc_array(count, sizeof(*replies->at));
    replies->bytes = tal_alloc_array(count, sizeof(*replies->bytes));
    if (cursor == NULL || replies->at == NULL || replies->bytes == NULL) {
        tal_free(cursor);
        return TAL_ERR_MEMORY;
    }
    memcpy(cursor, begin, rank_count * sizeof(*cursor));
    for (size_t i = 0; i < count; i++) {
        uint64_t *at = &cursor[ids[i] % rank_count];
        uint64_t bytes;
        memcpy(&bytes, replies->data.data + *at, sizeof(bytes));
        replies->at[i] = (size_t)*at + sizeof(bytes);
        replies->bytes[i] = (size_t)bytes;
        *at += sizeof(bytes) + (bytes + 7) / 8 * 8;
    }
    tal_free(cursor);
    return TAL_OK;
}

tal_status tal_owners_ask(tal_comm *comm, const uint64_t *ids, size_t count,
                          tal_answer_function answer, const void *context, tal_replies *out_replies)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    tal_outbox outbox = {0};
    tal_buffer asked = {0};
    tal_replies replies = {0};
    uint64_t *begin = tal_alloc_array(rank_count + 1, sizeof(*begin));
    tal_status status = begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_outbox_init(&outbox, 1, rank_count);
    for (size_t i = 0; status == TAL_OK && i < count; i++)
        status = tal_buffer_append(tal_outbox_at(&outbox, 0, ids[i] % rank_count), &ids[i],
                                   sizeof(ids[i]));
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, comm, &asked, begin);
    if (status == TAL_OK)
        status =
            tal_comm_agree(comm, answer_all(&asked, begin, rank_count, answer, context, &outbox));
    tal_buffer_deinit(&asked);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, comm, &replies.data, begin);
    if (status == TAL_OK)
        status = tal_comm_agree(comm, find_replies(ids, count, rank_count, begin, &replies));
    if (status == TAL_OK) {
        *out_replies = replies;
        replies = (tal_replies){0};
    }
    tal_replies_deinit(&replies);
    tal_outbox_deinit(&outbox);
    tal_free(begin);
    return status;
}
