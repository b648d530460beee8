/* Sequence files as a stream of blocks, each whole on every rank; see load.h.
 *
 * Rank 0 reads and encodes everything, one block ahead in threads of its own, and broadcasts:
 * blocks are cut by one reader and so are the same for any number of ranks. With each block goes
 * what it adds to the info of the files.
 */
#include "seq/load.h"

#include "base/alloc.h"
#include "base/check.h"
#include "seq/plan.h"
#include "seq/reader.h"

struct tal_stream {
    tal_comm *comm;
    tal_set_info info;
    uint64_t bytes; /* stored size of all files; 0: unknown */
    double progress;
    bool is_finished;
    tal_gid next_gid;
    tal_seqset *block;  /* ranks but 0 */
    tal_buffer encoded; /* ranks but 0: what came */
    tal_buffer parts;   /* tal_reader_part of the block */

    /* Rank 0 only. */
    const char **paths; /* views of info.files */
    tal_reader *reader;
    tal_reader_block read;
};

/* What goes ahead of a block. */
typedef struct stream_head {
    uint64_t is_end;
    uint64_t part_count;
    uint64_t encoded_bytes;
    uint64_t stored_bytes;
} stream_head;

static tal_status start_reader(tal_stream *stream, const tal_load_params *params,
                               tal_load_plan *plan, uint64_t block_residues, tal_lid block_count)
{
    size_t path_count = params->path_count;
    stream->paths = tal_alloc_array(path_count, sizeof(*stream->paths));
    if (stream->paths == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < path_count; i++)
        stream->paths[i] = stream->info.files[i].path;
    tal_reader_params reader_params = {.paths = stream->paths,
                                       .path_count = path_count,
                                       .alphabet = plan->alphabet,
                                       .is_alphabet_guessed = plan->is_alphabet_guessed,
                                       .block_residues = block_residues,
                                       .block_count = block_count,
                                       .is_strict = true,
                                       .ahead_count = 1,
                                       .held_count = 1,
                                       .is_encoded = tal_comm_size(stream->comm) > 1,
                                       .first = plan->first};
    tal_status status = tal_reader_create(&reader_params, &stream->reader);
    if (status == TAL_OK)
        plan->first = NULL; /* Taken. */
    return status;
}

tal_status tal_stream_open(tal_comm *comm, const tal_load_params *params, uint64_t block_residues,
                           tal_lid block_count, tal_stream **out_stream)
{
    TAL_ASSERT(block_residues >= 1);
    TAL_ASSERT(block_count >= 1);
    tal_load_plan plan;
    tal_status status = tal_load_plan_init(&plan, comm, params, true);
    if (status != TAL_OK)
        return status;
    tal_stream *stream = tal_alloc_zero(sizeof(*stream));
    if (stream == NULL) {
        status = TAL_ERR_MEMORY;
        goto done;
    }
    stream->comm = comm;
    status = tal_set_info_init(&stream->info, params);
    if (status != TAL_OK)
        goto done;
    stream->info.alphabet = plan.alphabet;
    bool is_known = true;
    for (size_t i = 0; i < plan.path_count; i++) {
        stream->bytes += plan.probes[i].bytes;
        is_known = is_known && plan.probes[i].bytes > 0;
    }
    if (!is_known)
        stream->bytes = 0;
    stream->progress = is_known ? 0.0 : -1.0;
    status = tal_comm_rank(comm) == 0
                 ? start_reader(stream, params, &plan, block_residues, block_count)
                 : tal_seqset_create(plan.alphabet, &stream->block);
done:
    tal_load_plan_deinit(&plan);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        *out_stream = stream;
    else
        tal_stream_close(stream);
    return status;
}

void tal_stream_close(tal_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->reader != NULL)
        tal_reader_recycle(stream->reader, &stream->read);
    tal_reader_destroy(stream->reader);
    tal_free(stream->paths);
    tal_buffer_deinit(&stream->parts);
    tal_buffer_deinit(&stream->encoded);
    tal_seqset_destroy(stream->block);
    tal_set_info_deinit(&stream->info);
    tal_free(stream);
}

tal_alphabet tal_stream_alphabet(const tal_stream *stream)
{
    return stream->info.alphabet;
}

/* Rank 0: the next block and what to say of it. */
static tal_status read_block(tal_stream *stream, stream_head *head)
{
    tal_reader_recycle(stream->reader, &stream->read);
    tal_buffer_reset(&stream->parts);
    tal_status status = tal_reader_pop(stream->reader, &stream->read);
    if (status != TAL_OK)
        return status;
    *head = (stream_head){.is_end = stream->read.set == NULL};
    if (stream->read.set == NULL)
        return TAL_OK;
    status = tal_buffer_append(&stream->parts, stream->read.parts,
                               stream->read.part_count * sizeof(*stream->read.parts));
    head->part_count = stream->read.part_count;
    head->encoded_bytes = stream->read.encoded->bytes;
    head->stored_bytes = stream->read.stored_bytes;
    return status;
}

/* Ranks but 0: room for what comes. */
static tal_status make_room(tal_stream *stream, const stream_head *head)
{
    size_t parts_bytes = (size_t)head->part_count * sizeof(tal_reader_part);
    tal_buffer_reset(&stream->encoded);
    tal_buffer_reset(&stream->parts);
    tal_status status = tal_buffer_reserve(&stream->encoded, (size_t)head->encoded_bytes);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&stream->parts, parts_bytes);
    if (status != TAL_OK)
        return status;
    stream->encoded.bytes = (size_t)head->encoded_bytes;
    stream->parts.bytes = parts_bytes;
    return TAL_OK;
}

static void update_info(tal_stream *stream, const tal_seqset *block, const stream_head *head)
{
    tal_set_info *info = &stream->info;
    const tal_reader_part *parts = (const tal_reader_part *)(const void *)stream->parts.data;
    for (uint64_t i = 0; i < head->part_count; i++) {
        TAL_ASSERT(parts[i].file < info->file_count);
        tal_file_info *file = &info->files[parts[i].file];
        file->bytes += parts[i].bytes;
        file->sequence_count += parts[i].sequence_count;
        file->residue_count += parts[i].residue_count;
        file->hash += parts[i].hash;
        info->sequence_count += parts[i].sequence_count;
        info->residue_count += parts[i].residue_count;
    }
    for (tal_lid lid = 0; lid < tal_seqset_count(block); lid++) {
        uint64_t len = (uint64_t)tal_seqset_len(block, lid);
        info->len_max = len > info->len_max ? len : info->len_max;
    }
    if (stream->bytes > 0) {
        double share = (double)head->stored_bytes / (double)stream->bytes;
        stream->progress = share < 1.0 ? share : 1.0;
    }
}

tal_status tal_stream_next(tal_stream *stream, tal_seqset **out_block)
{
    if (stream->is_finished) {
        *out_block = NULL;
        return TAL_OK;
    }
    tal_comm *comm = stream->comm;
    bool is_reading = tal_comm_rank(comm) == 0;
    stream_head head = {0};
    tal_status status = is_reading ? read_block(stream, &head) : TAL_OK;
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        return status;
    tal_comm_broadcast(comm, &head, sizeof(head), 0);
    if (head.is_end != 0) {
        stream->is_finished = true;
        stream->progress = 1.0;
        *out_block = NULL;
        return TAL_OK;
    }
    status = tal_comm_agree(comm, is_reading ? TAL_OK : make_room(stream, &head));
    if (status != TAL_OK)
        return status;
    tal_comm_broadcast(comm, stream->parts.data, stream->parts.bytes, 0);
    tal_comm_broadcast(comm, is_reading ? stream->read.encoded->data : stream->encoded.data,
                       head.encoded_bytes, 0);
    tal_seqset *block = is_reading ? stream->read.set : stream->block;
    if (is_reading) {
        for (tal_lid lid = 0; lid < tal_seqset_count(block); lid++)
            tal_seqset_set_gid(block, lid, stream->next_gid + lid);
    } else {
        tal_seqset_reset(block);
        status =
            tal_seqset_decode(block, stream->next_gid, stream->encoded.data, stream->encoded.bytes);
    }
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        return status;
    stream->next_gid += tal_seqset_count(block);
    update_info(stream, block, &head);
    *out_block = block;
    return TAL_OK;
}

double tal_stream_progress(const tal_stream *stream)
{
    return stream->progress;
}

const tal_set_info *tal_stream_info(const tal_stream *stream)
{
    return &stream->info;
}
