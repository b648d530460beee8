/* Compressed files and pipes: the second half of tal_load_partition.
 *
 * At most open_file_limit slots, spread over the ranks, each with one reader at a time. In rounds,
 * every slot gives up to CHUNKS_A_ROUND chunks of its file; chunk c of file f goes to rank
 * (f + c) modulo the ranks. Which chunk comes in which round depends on the input and the limits
 * only, so the partition does too. A rank that fails says so at the next agreement, which comes
 * before every exchange; a reader's failure reaches its rank through its queue.
 */
#include "seq/load_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "seq/reader.h"

#include <string.h>

enum { CHUNK_RESIDUES = 1 << 20, CHUNKS_A_ROUND = 2 };

/* Exchange buffers larger than this are not kept for the next round. */
enum { KEPT_BYTES_MAX = 64 << 20 };

/* Reads the files of one slot in turn. */
typedef struct chunk_slot {
    size_t slot;
    size_t next; /* path to look for the next file from */
    size_t file; /* the open one */
    uint64_t chunk_count;
    tal_reader *reader; /* NULL: none open */
    bool is_finished;
} chunk_slot;

typedef struct chunk {
    chunk_slot *slot;
    int rank; /* where it goes */
    tal_reader_block block;
    size_t file;
} chunk;

typedef struct chunk_head {
    uint64_t file;
    uint64_t ordinal;
    uint64_t bytes; /* of the encoded set that follows */
} chunk_head;

typedef struct chunk_loader {
    tal_loader *loader;
    size_t *file_slots; /* per path */
    size_t slot_count;  /* over all ranks */
    chunk_slot *slots;  /* of this rank */
    size_t own_count;
    chunk *chunks; /* of this round: own_count * CHUNKS_A_ROUND entries */
    size_t chunk_count;
    uint64_t *send_begin; /* rank count + 1 entries */
    tal_buffer send, received;
} chunk_loader;

static tal_status chunk_loader_init(chunk_loader *chunks, tal_loader *loader)
{
    size_t path_count = loader->params->path_count;
    size_t sequential_count = 0;
    for (size_t i = 0; i < path_count; i++)
        sequential_count += loader->plan.probes[i].kind != TAL_SOURCE_RANGES;
    size_t limit = (size_t)loader->params->open_file_limit;
    *chunks = (chunk_loader){.loader = loader,
                             .slot_count = sequential_count < limit ? sequential_count : limit};
    if (sequential_count == 0)
        return TAL_OK;
    int size = tal_comm_size(loader->comm);
    uint64_t *slot_bytes = tal_alloc_array(chunks->slot_count, sizeof(*slot_bytes));
    chunks->file_slots = tal_alloc_array(path_count, sizeof(*chunks->file_slots));
    chunks->slots = tal_alloc_zero(chunks->slot_count * sizeof(*chunks->slots));
    chunks->chunks = tal_alloc_zero(chunks->slot_count * CHUNKS_A_ROUND * sizeof(*chunks->chunks));
    chunks->send_begin = tal_alloc_array((size_t)size + 1, sizeof(*chunks->send_begin));
    if (slot_bytes == NULL || chunks->file_slots == NULL || chunks->slots == NULL ||
        chunks->chunks == NULL || chunks->send_begin == NULL) {
        tal_free(slot_bytes);
        return TAL_ERR_MEMORY;
    }
    tal_load_plan_assign_slots(loader->plan.probes, path_count, chunks->slot_count,
                               chunks->file_slots, slot_bytes);
    for (size_t slot = 0; slot < chunks->slot_count; slot++)
        if (tal_load_plan_slot_rank(slot, chunks->slot_count, size) == tal_comm_rank(loader->comm))
            chunks->slots[chunks->own_count++].slot = slot;
    tal_free(slot_bytes);
    return TAL_OK;
}

/* Give the round's chunks back to their readers. */
static void release_chunks(chunk_loader *chunks)
{
    for (size_t i = 0; i < chunks->chunk_count; i++)
        tal_reader_recycle(chunks->chunks[i].slot->reader, &chunks->chunks[i].block);
    chunks->chunk_count = 0;
}

static void chunk_loader_deinit(chunk_loader *chunks)
{
    release_chunks(chunks);
    for (size_t i = 0; i < chunks->own_count; i++)
        tal_reader_destroy(chunks->slots[i].reader);
    tal_buffer_deinit(&chunks->received);
    tal_buffer_deinit(&chunks->send);
    tal_free(chunks->send_begin);
    tal_free(chunks->chunks);
    tal_free(chunks->slots);
    tal_free(chunks->file_slots);
}

/* Open the slot's next file, if it has one. */
static tal_status open_next(chunk_loader *chunks, chunk_slot *slot)
{
    tal_loader *loader = chunks->loader;
    size_t path_count = loader->params->path_count;
    while (slot->next < path_count && chunks->file_slots[slot->next] != slot->slot)
        slot->next++;
    slot->is_finished = slot->next == path_count;
    if (slot->is_finished)
        return TAL_OK;
    slot->file = slot->next++;
    slot->chunk_count = 0;
    tal_reader_params params = {.paths = &loader->params->paths[slot->file],
                                .path_count = 1,
                                .alphabet = loader->plan.alphabet,
                                .is_alphabet_guessed = loader->plan.is_alphabet_guessed,
                                .block_residues = CHUNK_RESIDUES,
                                .ahead_count = CHUNKS_A_ROUND,
                                .held_count = CHUNKS_A_ROUND};
    if (slot->file == 0)
        params.first = loader->plan.first;
    tal_status status = tal_reader_create(&params, &slot->reader);
    if (status == TAL_OK && slot->file == 0)
        loader->plan.first = NULL; /* Taken. */
    return status;
}

/* Take up to CHUNKS_A_ROUND chunks of the slot's file. Its reader outlives them: a finished one is
 * replaced in the next round. */
static tal_status take_chunks(chunk_loader *chunks, chunk_slot *slot)
{
    tal_loader *loader = chunks->loader;
    tal_status status = TAL_OK;
    if (slot->reader == NULL && !slot->is_finished)
        status = open_next(chunks, slot);
    for (int i = 0; i < CHUNKS_A_ROUND && status == TAL_OK && slot->reader != NULL; i++) {
        chunk *next = &chunks->chunks[chunks->chunk_count];
        *next = (chunk){.slot = slot, .file = slot->file};
        status = tal_reader_pop(slot->reader, &next->block);
        if (status != TAL_OK)
            break;
        if (next->block.set == NULL) {
            if (i == 0) {
                tal_reader_destroy(slot->reader);
                slot->reader = NULL;
            }
            break;
        }
        uint64_t size = (uint64_t)tal_comm_size(loader->comm);
        next->rank = (int)((slot->file + slot->chunk_count) % size);
        slot->chunk_count++;
        chunks->chunk_count++;
        TAL_ASSERT(next->block.part_count == 1);
        const tal_reader_part *part = &next->block.parts[0];
        tal_file_share *share = &loader->shares[slot->file];
        share->bytes += part->bytes;
        share->sequence_count += part->sequence_count;
        share->residue_count += part->residue_count;
        share->hash += part->hash;
    }
    return status;
}

static tal_status encode_chunk(chunk_loader *chunks, const chunk *next)
{
    tal_buffer *send = &chunks->send;
    chunk_head head = {.file = next->file, .ordinal = next->block.parts[0].ordinal};
    size_t head_at = send->bytes;
    tal_status status = tal_buffer_append(send, &head, sizeof(head));
    if (status == TAL_OK)
        status = tal_seqset_encode(next->block.set, send);
    if (status != TAL_OK)
        return status;
    head.bytes = send->bytes - head_at - sizeof(head);
    memcpy(send->data + head_at, &head, sizeof(head));
    return TAL_OK;
}

/* Gather what this rank sends in this round, ordered by receiver. */
static tal_status collect(chunk_loader *chunks)
{
    /* Nothing received is a place in memory too. */
    tal_status status = tal_buffer_reserve(&chunks->received, 1);
    for (size_t i = 0; i < chunks->own_count && status == TAL_OK; i++)
        status = take_chunks(chunks, &chunks->slots[i]);
    tal_buffer_reset(&chunks->send);
    int size = tal_comm_size(chunks->loader->comm);
    chunks->send_begin[0] = 0;
    for (int rank = 0; rank < size && status == TAL_OK; rank++) {
        for (size_t i = 0; i < chunks->chunk_count && status == TAL_OK; i++)
            if (chunks->chunks[i].rank == rank)
                status = encode_chunk(chunks, &chunks->chunks[i]);
        chunks->send_begin[rank + 1] = chunks->send.bytes;
    }
    return status;
}

/* Append what this rank received to its set. */
static tal_status keep_received(chunk_loader *chunks)
{
    tal_loader *loader = chunks->loader;
    const uint8_t *data = chunks->received.data;
    tal_status status = TAL_OK;
    for (size_t at = 0; at < chunks->received.bytes && status == TAL_OK;) {
        chunk_head head;
        TAL_ASSERT(chunks->received.bytes - at >= sizeof(head));
        memcpy(&head, data + at, sizeof(head));
        at += sizeof(head);
        TAL_ASSERT(chunks->received.bytes - at >= head.bytes);
        status =
            tal_loader_add_segment(loader, (tal_segment){.file = head.file,
                                                         .begin = tal_seqset_count(loader->set),
                                                         .ordinal = head.ordinal});
        if (status == TAL_OK)
            status = tal_seqset_decode(loader->set, head.ordinal, data + at, (size_t)head.bytes);
        at += head.bytes;
    }
    return status;
}

static void limit_kept(tal_buffer *buffer)
{
    tal_buffer_reset(buffer);
    if (buffer->capacity > KEPT_BYTES_MAX)
        tal_buffer_deinit(buffer);
}

/* Slots of this rank that are not at their end. */
static uint64_t busy_count(const chunk_loader *chunks)
{
    uint64_t count = 0;
    for (size_t i = 0; i < chunks->own_count; i++)
        count += !chunks->slots[i].is_finished;
    return count;
}

tal_status tal_loader_read_chunks(tal_loader *loader)
{
    chunk_loader chunks;
    tal_status status = tal_comm_agree(loader->comm, chunk_loader_init(&chunks, loader));
    while (status == TAL_OK && chunks.slot_count > 0) {
        status = tal_comm_agree(loader->comm, collect(&chunks));
        if (status != TAL_OK)
            break;
        release_chunks(&chunks);
        uint64_t busy = busy_count(&chunks);
        tal_comm_sum_u64(loader->comm, &busy, 1);
        if (busy == 0)
            break;
        status = tal_comm_exchange(loader->comm, chunks.send.data, chunks.send_begin,
                                   &chunks.received, NULL);
        limit_kept(&chunks.send);
        if (status == TAL_OK)
            status = tal_comm_agree(loader->comm, keep_received(&chunks));
        limit_kept(&chunks.received);
    }
    chunk_loader_deinit(&chunks);
    return status;
}
