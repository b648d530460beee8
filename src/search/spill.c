/* References on disk; see spill.h.
 *
 * A tile in the file: gids (u64 each), then the set as ranks exchange it (tal_seqset_encode). Block
 * b of the stream is written by rank b modulo the ranks; after each round of as many blocks as
 * ranks, all learn how long they are.
 */
#include "search/spill.h"

#include "base/alloc.h"
#include "base/check.h"
#include "search/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct tal_spill {
    tal_alphabet alphabet;
    int file; /* -1: not open */
    char path[PATH_MAX];
    tal_spill_tile *tiles;
    size_t tile_count, tile_capacity;
    size_t *rank_begin; /* rank count + 1 */
    uint64_t bytes;     /* of the file */
    tal_buffer image;   /* a tile as it is in the file */
    uint64_t masked_count;
};

static tal_status write_all(const tal_spill *spill, uint64_t offset, const void *data,
                            uint64_t bytes)
{
    const char *cursor = data;
    for (uint64_t done = 0; done < bytes;) {
        ssize_t count = pwrite(spill->file, cursor + done, bytes - done, (off_t)(offset + done));
        if (count < 0 && errno != EINTR)
            return tal_fail(TAL_ERR_IO, "cannot write '%s': %s", spill->path, strerror(errno));
        done += count > 0 ? (uint64_t)count : 0;
    }
    return TAL_OK;
}

static tal_status read_all(const tal_spill *spill, uint64_t offset, void *data, uint64_t bytes)
{
    char *cursor = data;
    for (uint64_t done = 0; done < bytes;) {
        ssize_t count = pread(spill->file, cursor + done, bytes - done, (off_t)(offset + done));
        if (count == 0 || (count < 0 && errno != EINTR))
            return tal_fail(TAL_ERR_IO, "cannot read references back from '%s': %s", spill->path,
                            count == 0 ? "it has become shorter" : strerror(errno));
        done += count > 0 ? (uint64_t)count : 0;
    }
    return TAL_OK;
}

static tal_status note_tile(tal_spill *spill, const tal_seqset *block)
{
    if (spill->tile_count == spill->tile_capacity) {
        size_t capacity = spill->tile_capacity * 2 + 16;
        tal_spill_tile *tiles = tal_realloc_array(spill->tiles, capacity, sizeof(*tiles));
        if (tiles == NULL)
            return TAL_ERR_MEMORY;
        spill->tiles = tiles;
        spill->tile_capacity = capacity;
    }
    tal_spill_tile *tile = &spill->tiles[spill->tile_count];
    *tile = (tal_spill_tile){
        .residue_count = tal_seqset_residue_count(block),
        .gid_begin = tal_seqset_gid(block, 0),
        .count = tal_seqset_count(block),
    };
    spill->tile_count++;
    return TAL_OK;
}

/* The places of a block, longest first, empty ones last. order has room for all. */
static tal_status order_block(const tal_seqset *block, tal_lid **out_order)
{
    tal_lid count;
    tal_status status = tal_plan_order(block, out_order, &count);
    if (status != TAL_OK)
        return status;
    for (tal_lid lid = 0; lid < tal_seqset_count(block); lid++)
        if (tal_seqset_len(block, lid) == 0)
            (*out_order)[count++] = lid;
    TAL_ASSERT(count == tal_seqset_count(block));
    return TAL_OK;
}

/* The block as it will be in the file. */
static tal_status make_image(tal_spill *spill, const tal_seqset *block, tal_spill_prepare prepare,
                             void *context)
{
    tal_lid *order = NULL;
    tal_seqset *sorted = NULL;
    tal_buffer_reset(&spill->image);
    tal_status status = order_block(block, &order);
    if (status == TAL_OK)
        status = tal_seqset_create(spill->alphabet, &sorted);
    if (status == TAL_OK)
        status = tal_seqset_reserve(sorted, tal_seqset_residue_count(block));
    for (tal_lid i = 0; i < tal_seqset_count(block) && status == TAL_OK; i++) {
        const char *header = tal_seqset_header(block, order[i]);
        tal_gid gid = tal_seqset_gid(block, order[i]);
        status = tal_seqset_append(sorted, gid, tal_seqset_residues(block, order[i]),
                                   (size_t)tal_seqset_len(block, order[i]), header, strlen(header));
        if (status == TAL_OK)
            status = tal_buffer_append(&spill->image, &gid, sizeof(gid));
    }
    if (status == TAL_OK)
        status = prepare(context, sorted);
    if (status == TAL_OK)
        status = tal_seqset_encode(sorted, &spill->image);
    if (status == TAL_OK)
        spill->masked_count += tal_seqset_masked_count(sorted);
    tal_seqset_destroy(sorted);
    tal_free(order);
    return status;
}

/* Write this rank's tile of the round that ends with the last tile noted. sizes: one per rank.
 * Collective; agreed status. */
static tal_status write_round(tal_spill *spill, tal_comm *comm, uint64_t *sizes)
{
    size_t size = (size_t)tal_comm_size(comm);
    size_t first = (spill->tile_count - 1) / size * size;
    tal_comm_gather_u64(comm, spill->image.bytes, sizes);
    for (size_t i = first; i < spill->tile_count; i++) {
        spill->tiles[i].offset = spill->bytes;
        spill->tiles[i].bytes = sizes[i - first];
        spill->bytes += sizes[i - first];
    }
    size_t own = first + (size_t)tal_comm_rank(comm);
    tal_status status = TAL_OK;
    if (own < spill->tile_count)
        status = write_all(spill, spill->tiles[own].offset, spill->image.data, spill->image.bytes);
    tal_buffer_reset(&spill->image);
    return tal_comm_agree(comm, status);
}

/* Open the file on all ranks: rank 0 makes it. Collective; agreed status. */
static tal_status open_file(tal_spill *spill, tal_comm *comm, int flags)
{
    tal_status status = TAL_OK;
    for (int turn = 0; turn < 2 && status == TAL_OK; turn++) {
        bool is_root = tal_comm_rank(comm) == 0;
        if (is_root == (turn == 0)) {
            int create = is_root && flags == O_RDWR ? O_CREAT | O_TRUNC : 0;
            spill->file = open(spill->path, flags | O_CLOEXEC | create, 0600);
            if (spill->file < 0)
                status = tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': %s", spill->path,
                                  strerror(errno));
        }
        status = tal_comm_agree(comm, status);
    }
    return status;
}

/* All blocks of the stream into the file. Collective; agreed status. */
static tal_status write_tiles(tal_spill *spill, tal_comm *comm, tal_stream *stream,
                              tal_spill_prepare prepare, void *context)
{
    size_t size = (size_t)tal_comm_size(comm);
    uint64_t *sizes = tal_alloc_array(size, sizeof(*sizes));
    tal_status status = tal_comm_agree(comm, sizes == NULL ? TAL_ERR_MEMORY : TAL_OK);
    bool is_end = false;
    while (status == TAL_OK && !is_end) {
        tal_seqset *block;
        status = tal_stream_next(stream, &block);
        is_end = block == NULL;
        if (status != TAL_OK)
            break;
        if (!is_end) {
            status = note_tile(spill, block);
            if (status == TAL_OK && (spill->tile_count - 1) % size == (size_t)tal_comm_rank(comm))
                status = make_image(spill, block, prepare, context);
            status = tal_comm_agree(comm, status);
        }
        bool is_round = spill->tile_count % size == 0;
        if (status == TAL_OK && spill->tile_count > 0 && is_round != is_end)
            status = write_round(spill, comm, sizes);
    }
    tal_free(sizes);
    return status;
}

/* Give every rank a contiguous run of tiles and number its references. */
static tal_status deal_tiles(tal_spill *spill, size_t size)
{
    spill->rank_begin = tal_alloc_array(size + 1, sizeof(*spill->rank_begin));
    uint64_t *cost = tal_alloc_array(spill->tile_count, sizeof(*cost));
    tal_status status = spill->rank_begin == NULL || cost == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < spill->tile_count && status == TAL_OK; i++)
        cost[i] = spill->tiles[i].residue_count + 1;
    if (status == TAL_OK)
        tal_plan_split(cost, spill->tile_count, size, spill->rank_begin);
    for (size_t rank = 0; rank < size && status == TAL_OK; rank++) {
        uint64_t lid = 0;
        for (size_t i = spill->rank_begin[rank]; i < spill->rank_begin[rank + 1]; i++) {
            spill->tiles[i].first_lid = (tal_lid)lid;
            lid += spill->tiles[i].count;
        }
        if (lid > UINT32_MAX - 1)
            status = tal_fail(TAL_ERR_DATA, "more than %u sequences on one rank; use more ranks",
                              UINT32_MAX - 1);
    }
    tal_free(cost);
    return status;
}

tal_status tal_spill_create(tal_comm *comm, const char *path, tal_stream *stream,
                            tal_spill_prepare prepare, void *context, tal_spill **out_spill)
{
    tal_spill *spill = tal_alloc_zero(sizeof(*spill));
    tal_status status = tal_comm_agree(comm, spill == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(spill);
        return status;
    }
    spill->file = -1;
    spill->alphabet = tal_stream_alphabet(stream);
    (void)snprintf(spill->path, sizeof(spill->path), "%s", path);
    status = open_file(spill, comm, O_RDWR);
    if (status == TAL_OK)
        status = write_tiles(spill, comm, stream, prepare, context);
    if (status == TAL_OK && fsync(spill->file) != 0)
        status = tal_fail(TAL_ERR_IO, "cannot write '%s': %s", spill->path, strerror(errno));
    if (status == TAL_OK)
        status = deal_tiles(spill, (size_t)tal_comm_size(comm));
    status = tal_comm_agree(comm, status);
    /* Opened anew, so that network file systems show what others wrote. */
    if (spill->file >= 0)
        (void)close(spill->file); /* Flushed. */
    spill->file = -1;
    if (status == TAL_OK)
        status = open_file(spill, comm, O_RDONLY);
    if (tal_comm_rank(comm) == 0)
        (void)unlink(spill->path); /* It goes with the last process. */
    if (status != TAL_OK) {
        tal_spill_destroy(spill);
        return status;
    }
    *out_spill = spill;
    return TAL_OK;
}

void tal_spill_destroy(tal_spill *spill)
{
    if (spill == NULL)
        return;
    if (spill->file >= 0)
        (void)close(spill->file); /* Read only, and without a name. */
    tal_buffer_deinit(&spill->image);
    tal_free(spill->rank_begin);
    tal_free(spill->tiles);
    tal_free(spill);
}

tal_alphabet tal_spill_alphabet(const tal_spill *spill)
{
    return spill->alphabet;
}

size_t tal_spill_count(const tal_spill *spill, int rank)
{
    return spill->rank_begin[rank + 1] - spill->rank_begin[rank];
}

tal_lid tal_spill_reference_count(const tal_spill *spill, int rank)
{
    size_t count = tal_spill_count(spill, rank);
    if (count == 0)
        return 0;
    const tal_spill_tile *last = tal_spill_tile_get(spill, rank, count - 1);
    return last->first_lid + last->count;
}

uint64_t tal_spill_residue_count(const tal_spill *spill, int rank)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < tal_spill_count(spill, rank); i++)
        sum += tal_spill_tile_get(spill, rank, i)->residue_count;
    return sum;
}

uint64_t tal_spill_masked_count(const tal_spill *spill)
{
    return spill->masked_count;
}

const tal_spill_tile *tal_spill_tile_get(const tal_spill *spill, int rank, size_t idx)
{
    TAL_ASSERT(idx < tal_spill_count(spill, rank));
    return &spill->tiles[spill->rank_begin[rank] + idx];
}

tal_status tal_spill_read(tal_spill *spill, int rank, size_t idx, tal_seqset *set)
{
    const tal_spill_tile *tile = tal_spill_tile_get(spill, rank, idx);
    tal_buffer_reset(&spill->image);
    tal_seqset_reset(set);
    tal_status status = tal_buffer_reserve(&spill->image, (size_t)tile->bytes);
    if (status == TAL_OK)
        status = read_all(spill, tile->offset, spill->image.data, tile->bytes);
    size_t gid_bytes = tile->count * sizeof(tal_gid);
    if (status == TAL_OK)
        status = tal_seqset_decode(set, 0, spill->image.data + gid_bytes,
                                   (size_t)tile->bytes - gid_bytes);
    for (tal_lid lid = 0; lid < tile->count && status == TAL_OK; lid++) {
        tal_gid gid;
        memcpy(&gid, spill->image.data + lid * sizeof(gid), sizeof(gid));
        tal_seqset_set_gid(set, lid, gid);
    }
    return status;
}
