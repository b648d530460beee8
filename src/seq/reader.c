/* Files read and parsed in turn by a thread of their own; see reader.h.
 *
 * The thread takes an item of the pipeline's fixed number before it begins a block, so that it is
 * never further ahead than there are items.
 */
#include "seq/reader.h"

#include "base/alloc.h"
#include "base/check.h"
#include "par/pipeline.h"
#include "seq/detect.h"
#include "seq/fasta.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE_BYTES = 256 << 10, HEAD_BYTES = 4096 };

/* What passes the pipeline. */
struct tal_reader_item {
    tal_seqset *set;
    tal_reader_part *parts;
    size_t part_count;
    uint64_t stored_bytes;
    tal_buffer encoded;
};

/* A recycled set larger than this is given back to the system instead. */
enum { KEPT_BYTES_MAX = 256 << 20 };

struct tal_reader {
    tal_reader_params params;
    int wake[2]; /* a pipe: closing the write end wakes a reader that waits for input */
    tal_pipeline *pipeline;

    /* The thread's own. */
    tal_source *source;
    tal_fasta *fasta;
    tal_reader_item *item; /* being filled; NULL when stopped */
    tal_seqset *carried;   /* holds the record that was too much for the last block, or nothing */
    size_t file;
    uint64_t ordinal;      /* records of the file in earlier blocks and parts */
    uint64_t stored_bytes; /* of the files before this one */
    uint8_t *piece;        /* PIECE_BYTES */
};

uint64_t tal_record_hash(uint64_t ordinal, const char *header, const uint8_t *codes, size_t len)
{
    return XXH3_64bits_withSeed(codes, len, XXH3_64bits_withSeed(header, strlen(header), ordinal));
}

static void item_deinit(tal_reader_item *item)
{
    tal_seqset_destroy(item->set);
    tal_free(item->parts);
    tal_buffer_deinit(&item->encoded);
    *item = (tal_reader_item){0};
}

/* Then there may be no item. */
static bool is_stopped(const tal_reader *reader)
{
    return tal_pipeline_is_stopped(reader->pipeline);
}

/* Wait for an item and make it ready for a block; none when stopped. */
static tal_status begin_block(tal_reader *reader)
{
    tal_reader_item *item = tal_pipeline_begin(reader->pipeline);
    reader->item = item;
    if (item == NULL)
        return TAL_OK;
    item->part_count = 0;
    if (item->set != NULL)
        tal_seqset_reset(item->set);
    else if (tal_seqset_create(reader->params.alphabet, &item->set) != TAL_OK)
        return TAL_ERR_MEMORY;
    if (reader->carried != NULL && tal_seqset_count(reader->carried) > 0)
        return tal_seqset_move_last(reader->carried, item->set);
    return TAL_OK;
}

/* The records in the block without a part belong to the file: note them. */
static tal_status add_part(tal_reader *reader, bool is_file_end)
{
    tal_reader_item *block = reader->item;
    tal_lid begin = 0;
    if (block->part_count > 0) {
        const tal_reader_part *last = &block->parts[block->part_count - 1];
        begin = last->begin + (tal_lid)last->sequence_count;
    }
    if (begin == tal_seqset_count(block->set) && !is_file_end)
        return TAL_OK; /* Nothing of this file. */
    tal_reader_part *parts = tal_realloc_array(block->parts, block->part_count + 1, sizeof(*parts));
    if (parts == NULL)
        return TAL_ERR_MEMORY;
    block->parts = parts;
    tal_reader_part part = {.file = reader->file,
                            .begin = begin,
                            .ordinal = reader->ordinal,
                            .bytes = is_file_end ? tal_source_stored_bytes(reader->source) : 0};
    for (tal_lid lid = begin; lid < tal_seqset_count(block->set); lid++) {
        size_t len = (size_t)tal_seqset_len(block->set, lid);
        part.hash += tal_record_hash(reader->ordinal, tal_seqset_header(block->set, lid),
                                     tal_seqset_residues(block->set, lid), len);
        part.residue_count += len;
        part.sequence_count++;
        reader->ordinal++;
    }
    parts[block->part_count++] = part;
    return TAL_OK;
}

static bool is_over(const tal_reader *reader)
{
    const tal_seqset *set = reader->item->set;
    return reader->params.is_strict && tal_seqset_count(set) > 1 &&
           tal_seqset_residue_count(set) > reader->params.block_residues;
}

/* Hand the block over. A record that is too much for a strict block waits for the next one. */
static tal_status end_block(tal_reader *reader)
{
    tal_reader_item *block = reader->item;
    if (is_over(reader)) {
        tal_status status = TAL_OK;
        if (reader->carried == NULL)
            status = tal_seqset_create(reader->params.alphabet, &reader->carried);
        if (status == TAL_OK)
            status = tal_seqset_move_last(block->set, reader->carried);
        if (status != TAL_OK)
            return status;
    }
    tal_status status = add_part(reader, false);
    if (status != TAL_OK)
        return status;
    block->stored_bytes = reader->stored_bytes;
    if (reader->source != NULL)
        block->stored_bytes += tal_source_stored_bytes(reader->source);

    reader->item = NULL;
    tal_pipeline_send(reader->pipeline, block);
    return TAL_OK;
}

/* One block is full, the next one begins. */
static tal_status turn_block(tal_reader *reader)
{
    tal_status status = end_block(reader);
    if (status == TAL_OK)
        status = begin_block(reader);
    if (status == TAL_OK && reader->item != NULL)
        tal_fasta_set_target(reader->fasta, reader->item->set);
    return status;
}

/* Parse the open file to its end, or until stopped. */
static tal_status read_records(tal_reader *reader)
{
    for (;;) {
        size_t bytes = 0;
        tal_status status = tal_source_read(reader->source, reader->piece, PIECE_BYTES, &bytes);
        if (status != TAL_OK || is_stopped(reader))
            return status;
        if (bytes == 0)
            return tal_fasta_finish(reader->fasta);
        for (size_t done = 0; done < bytes;) {
            size_t used = 0;
            status = tal_fasta_push(reader->fasta, reader->piece + done, bytes - done, &used);
            done += used;
            if (status == TAL_OK && done < bytes)
                status = turn_block(reader);
            if (status != TAL_OK || is_stopped(reader))
                return status;
        }
    }
}

static tal_status open_file(tal_reader *reader)
{
    const tal_reader_params *params = &reader->params;
    const char *path = params->paths[reader->file];
    tal_status status = TAL_OK;
    if (reader->file == 0 && params->first != NULL) {
        reader->source = params->first;
        reader->params.first = NULL;
        tal_source_set_wake(reader->source, reader->wake[0]);
    } else {
        status = tal_source_open(path, reader->wake[0], &reader->source);
    }
    if (status != TAL_OK)
        return status;
    reader->ordinal = 0;
    tal_fasta_params fasta_params = {.name = tal_source_name(path),
                                     .alphabet = params->alphabet,
                                     .is_alphabet_guessed = params->is_alphabet_guessed,
                                     .pause_residues = params->block_residues,
                                     .pause_count = params->block_count};
    return tal_fasta_create(&fasta_params, reader->item->set, &reader->fasta);
}

static void close_file(tal_reader *reader)
{
    if (reader->source != NULL)
        reader->stored_bytes += tal_source_stored_bytes(reader->source);
    tal_fasta_destroy(reader->fasta);
    reader->fasta = NULL;
    tal_source_close(reader->source);
    reader->source = NULL;
}

static tal_status read_file(tal_reader *reader)
{
    tal_status status = open_file(reader);
    const uint8_t *head;
    size_t bytes;
    if (status == TAL_OK && !is_stopped(reader))
        status = tal_source_peek(reader->source, HEAD_BYTES, &head, &bytes);
    if (status == TAL_OK && !is_stopped(reader))
        status =
            tal_fasta_check_head(tal_source_name(reader->params.paths[reader->file]), head, bytes);
    if (status == TAL_OK && !is_stopped(reader))
        status = read_records(reader);
    if (status == TAL_OK && !is_stopped(reader) && is_over(reader)) {
        status = end_block(reader);
        if (status == TAL_OK)
            status = begin_block(reader);
    }
    if (status == TAL_OK && !is_stopped(reader))
        status = add_part(reader, true);
    close_file(reader);
    return status;
}

/* The pipeline's source. */
static tal_status read_files(void *context, tal_pipeline *pipeline)
{
    tal_reader *reader = context;
    (void)pipeline; /* The reader knows it. */
    tal_status status = begin_block(reader);
    for (; status == TAL_OK && reader->file < reader->params.path_count; reader->file++) {
        if (is_stopped(reader))
            break;
        status = read_file(reader);
    }
    if (status == TAL_OK && !is_stopped(reader))
        status = end_block(reader);
    return status;
}

/* The pipeline's second stage. */
static tal_status encode_item(void *context, void *item)
{
    (void)context; /* Encoding needs the set only. */
    tal_reader_item *block = item;
    tal_buffer_reset(&block->encoded);
    return tal_seqset_encode(block->set, &block->encoded);
}

static tal_status create_pipeline(tal_reader *reader)
{
    const tal_reader_params *params = &reader->params;
    tal_pipeline_params pipeline = {
        .queue_name = TAL_READER_QUEUE_NAME,
        .pool_name = TAL_READER_POOL_NAME,
        .item_count = params->ahead_count + (params->held_count == 0 ? 1 : params->held_count),
        .item_bytes = sizeof(tal_reader_item),
        .context = reader,
        .source_name = "talaria-reader",
        .source = read_files,
        .stages = {{.name = "talaria-encoder", .run = encode_item}},
        .stage_count = params->is_encoded ? 1 : 0,
    };
    return tal_pipeline_create(&pipeline, &reader->pipeline);
}

tal_status tal_reader_create(const tal_reader_params *params, tal_reader **out_reader)
{
    TAL_ASSERT(params->path_count >= 1);
    TAL_ASSERT(params->ahead_count >= 1);
    tal_reader *reader = tal_alloc_zero(sizeof(*reader));
    if (reader == NULL)
        return TAL_ERR_MEMORY;
    reader->params = *params;
    reader->params.first = NULL;
    reader->wake[0] = reader->wake[1] = -1;
    tal_status status = TAL_OK;
    reader->piece = tal_alloc(PIECE_BYTES);
    if (reader->piece == NULL)
        status = TAL_ERR_MEMORY;
    else if (pipe2(reader->wake, O_CLOEXEC) != 0)
        status = tal_fail(TAL_ERR_INTERNAL, "cannot make a pipe: %s", strerror(errno));
    if (status == TAL_OK)
        status = create_pipeline(reader);
    if (status == TAL_OK) {
        reader->params.first = params->first;
        status = tal_pipeline_start(reader->pipeline);
    }
    if (status != TAL_OK)
        goto done;
    *out_reader = reader;
    reader = NULL; /* Now the caller's. */
done:
    if (reader != NULL)
        reader->params.first = NULL; /* Still the caller's. */
    tal_reader_destroy(reader);
    return status;
}

void tal_reader_destroy(tal_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->pipeline != NULL)
        tal_pipeline_stop(reader->pipeline);
    if (reader->wake[1] >= 0)
        (void)close(reader->wake[1]); /* A pipe of our own. */
    if (reader->pipeline != NULL) {
        tal_pipeline_join(reader->pipeline);
        for (size_t i = 0; i < tal_pipeline_item_count(reader->pipeline); i++)
            item_deinit(tal_pipeline_item(reader->pipeline, i));
        tal_pipeline_destroy(reader->pipeline);
    }
    if (reader->wake[0] >= 0)
        (void)close(reader->wake[0]);
    tal_source_close(reader->params.first); /* Taken, but stopped before its turn. */
    tal_seqset_destroy(reader->carried);
    tal_free(reader->piece);
    tal_free(reader);
}

tal_status tal_reader_pop(tal_reader *reader, tal_reader_block *out_block)
{
    void *item = NULL;
    tal_status status = tal_pipeline_next(reader->pipeline, &item);
    tal_reader_item *block = item;
    *out_block = (tal_reader_block){0};
    if (block != NULL)
        *out_block = (tal_reader_block){
            .set = block->set,
            .parts = block->parts,
            .part_count = block->part_count,
            .stored_bytes = block->stored_bytes,
            .encoded = &block->encoded,
            .item = block,
        };
    return status;
}

void tal_reader_recycle(tal_reader *reader, tal_reader_block *block)
{
    tal_reader_item *item = block->item;
    *block = (tal_reader_block){0};
    if (item == NULL)
        return;
    if (tal_seqset_bytes(item->set) > KEPT_BYTES_MAX || item->encoded.capacity > KEPT_BYTES_MAX)
        item_deinit(item);
    tal_pipeline_recycle(reader->pipeline, item);
}
