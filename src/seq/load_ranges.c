/* Plain files by byte ranges: the first half of tal_load_partition.
 *
 * Files are taken in groups of at most open_file_limit; the bytes of a group, laid end to end, are
 * cut evenly over the ranks. A record belongs to the range that holds its '>': a rank skips to the
 * first one and reads on behind its range to the end of its last record. So records are in input
 * order over the ranks, and a prefix sum of the counts gives each its ordinal.
 */
#include "seq/load_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "comm/file.h"
#include "seq/fasta.h"
#include "seq/reader.h"

#include <string.h>

/* What a rank reads at once; and behind its range, at first, to find the end of a record. */
enum { PIECE_BYTES = 8 << 20, BEYOND_BYTES = 16 << 10 };

/* Where an error is found by counting lines from the begin of the file, up to this offset. */
#define LOCATE_BYTES_MAX (UINT64_C(8) << 30)
enum { LOCATE_PIECE_BYTES = 1 << 20 };

typedef struct range_reader {
    tal_loader *loader;
    size_t group_begin, group_end; /* paths; those not plain are left out */
    tal_file **files;              /* open_file_limit entries, in the order of the group's files */
    size_t *paths;                 /* likewise: their indices */
    uint64_t *counts;              /* likewise: records of this rank, later of all */
    size_t file_count;
    uint8_t *piece;
    size_t piece_bytes;
} range_reader;

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

typedef struct line_counter {
    uint64_t line;
    uint64_t record;
    uint8_t before; /* the last byte */
} line_counter;

static void count_lines(line_counter *counter, const uint8_t *data, size_t bytes)
{
    uint8_t before = counter->before;
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] == '\n')
            counter->line += before != '\r';
        else if (data[i] == '\r')
            counter->line++;
        else if (data[i] == '>')
            counter->record += before == '\n' || before == '\r';
        before = data[i];
    }
    counter->before = before;
}

typedef struct locate_context {
    tal_file *file;
    uint64_t content_begin;
} locate_context;

/* Read the file up to `offset` once more: errors are rare, and a line number helps. */
static tal_fasta_place locate(void *context, uint64_t offset)
{
    const locate_context *where = context;
    tal_fasta_place place = {0};
    uint8_t *data = offset > LOCATE_BYTES_MAX ? NULL : tal_alloc(LOCATE_PIECE_BYTES);
    if (data == NULL)
        return place;
    line_counter counter = {.line = 1, .before = '\n'};
    for (uint64_t at = where->content_begin; at < offset;) {
        uint64_t bytes = 0;
        uint64_t wanted = min_u64(offset - at, LOCATE_PIECE_BYTES);
        if (tal_file_read_at(where->file, at, data, wanted, &bytes) != TAL_OK || bytes == 0)
            goto done;
        count_lines(&counter, data, (size_t)bytes);
        at += bytes;
    }
    place = (tal_fasta_place){.line = counter.line, .record = counter.record};
done:
    tal_free(data);
    return place;
}

/* Parse the records of the `index`th file of the group that begin in [begin, end). */
static tal_status read_range(range_reader *reader, size_t index, uint64_t begin, uint64_t end)
{
    tal_loader *loader = reader->loader;
    tal_file *file = reader->files[index];
    size_t path = reader->paths[index];
    locate_context where = {file, loader->plan.probes[path].content_begin};
    bool is_inside = begin > where.content_begin;
    tal_fasta_params params = {.name = loader->params->paths[path],
                               .alphabet = loader->plan.alphabet,
                               .is_alphabet_guessed = loader->plan.is_alphabet_guessed,
                               .is_inside = is_inside,
                               .begin = is_inside ? begin - 1 : begin,
                               .end = end,
                               .locate = locate,
                               .locate_context = &where};
    tal_fasta *fasta = NULL;
    tal_lid count_before = tal_seqset_count(loader->set);
    tal_status status = tal_fasta_create(&params, loader->set, &fasta);
    uint64_t beyond = min_u64(BEYOND_BYTES, reader->piece_bytes);
    while (status == TAL_OK && !tal_fasta_is_done(fasta)) {
        uint64_t offset = tal_fasta_offset(fasta);
        uint64_t wanted = offset < end ? min_u64(end - offset, reader->piece_bytes) : beyond;
        if (offset >= end)
            beyond = min_u64(2 * beyond, reader->piece_bytes);
        uint64_t bytes = 0;
        status = tal_file_read_at(file, offset, reader->piece, wanted, &bytes);
        if (status != TAL_OK)
            break;
        if (bytes == 0) {
            status = offset < tal_file_bytes(file)
                         ? tal_fail(TAL_ERR_IO,
                                    "cannot read '%s': it became shorter while it was "
                                    "read",
                                    params.name)
                         : tal_fasta_finish(fasta);
            break;
        }
        size_t used = 0;
        status = tal_fasta_push(fasta, reader->piece, (size_t)bytes, &used);
        TAL_ASSERT(status != TAL_OK || used == bytes || tal_fasta_is_done(fasta));
    }
    tal_fasta_destroy(fasta);
    reader->counts[index] = tal_seqset_count(loader->set) - count_before;
    return status;
}

/* This rank's part of every file of the group. */
static tal_status read_share(range_reader *reader)
{
    const tal_loader *loader = reader->loader;
    uint64_t total = 0;
    for (size_t i = 0; i < reader->file_count; i++)
        total += tal_file_bytes(reader->files[i]) -
                 min_u64(loader->plan.probes[reader->paths[i]].content_begin,
                         tal_file_bytes(reader->files[i]));
    uint64_t rank = (uint64_t)tal_comm_rank(loader->comm);
    uint64_t size = (uint64_t)tal_comm_size(loader->comm);
    uint64_t share_begin = tal_load_plan_cut(total, rank, size);
    uint64_t share_end = tal_load_plan_cut(total, rank + 1, size);

    tal_status status = tal_seqset_reserve(loader->set, share_end - share_begin);
    uint64_t file_begin = 0; /* where the file lies in the group */
    for (size_t i = 0; i < reader->file_count && status == TAL_OK; i++) {
        uint64_t skipped = min_u64(loader->plan.probes[reader->paths[i]].content_begin,
                                   tal_file_bytes(reader->files[i]));
        uint64_t file_end = file_begin + tal_file_bytes(reader->files[i]) - skipped;
        uint64_t begin = max_u64(share_begin, file_begin);
        uint64_t end = min_u64(share_end, file_end);
        if (begin < end)
            status =
                read_range(reader, i, begin - file_begin + skipped, end - file_begin + skipped);
        file_begin = file_end;
    }
    return status;
}

/* Give the records of the group, which the set holds from `begin` on, their ordinals, and count
 * them. Collective; agreed status. */
static tal_status note_records(range_reader *reader, tal_lid begin)
{
    tal_loader *loader = reader->loader;
    tal_status status = TAL_OK;
    uint64_t *all = tal_alloc_array(reader->file_count, sizeof(*all));
    status = tal_comm_agree(loader->comm, all == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK)
        goto done;
    memcpy(all, reader->counts, reader->file_count * sizeof(*all));
    tal_comm_sum_u64(loader->comm, all, reader->file_count);
    /* Of this rank's first record, counted over the whole group. */
    uint64_t place = tal_comm_prefix_u64(loader->comm, tal_seqset_count(loader->set) - begin);
    uint64_t file_place = 0; /* of the file's first record, likewise */
    tal_lid lid = begin;
    for (size_t i = 0; i < reader->file_count && status == TAL_OK; i++) {
        tal_file_share *share = &loader->shares[reader->paths[i]];
        uint64_t ordinal = place - file_place;
        if (reader->counts[i] > 0)
            status = tal_loader_add_segment(
                loader, (tal_segment){.file = reader->paths[i], .begin = lid, .ordinal = ordinal});
        for (uint64_t k = 0; k < reader->counts[i]; k++, lid++) {
            size_t len = (size_t)tal_seqset_len(loader->set, lid);
            share->residue_count += len;
            share->hash += tal_record_hash(ordinal + k, tal_seqset_header(loader->set, lid),
                                           tal_seqset_residues(loader->set, lid), len);
        }
        share->sequence_count += reader->counts[i];
        place += reader->counts[i];
        file_place += all[i];
    }
    status = tal_comm_agree(loader->comm, status);
done:
    tal_free(all);
    return status;
}

/* Open, read and close one group. Collective; agreed status. */
static tal_status read_group(range_reader *reader)
{
    tal_loader *loader = reader->loader;
    tal_status status = TAL_OK;
    reader->file_count = 0;
    for (size_t i = reader->group_begin; i < reader->group_end && status == TAL_OK; i++) {
        if (loader->plan.probes[i].kind != TAL_SOURCE_RANGES)
            continue;
        size_t index = reader->file_count;
        status = tal_file_open_read(loader->comm, loader->params->paths[i], &reader->files[index]);
        if (status != TAL_OK)
            break;
        reader->paths[index] = i;
        reader->counts[index] = 0;
        reader->file_count++;
        if (tal_comm_rank(loader->comm) == 0)
            loader->shares[i].bytes = tal_file_bytes(reader->files[index]);
    }
    tal_lid begin = tal_seqset_count(loader->set);
    if (status == TAL_OK)
        status = tal_comm_agree(loader->comm, read_share(reader));
    for (size_t i = 0; i < reader->file_count; i++) {
        tal_status closed = tal_file_close(loader->comm, reader->files[i]);
        status = status == TAL_OK ? closed : status;
    }
    return status == TAL_OK ? note_records(reader, begin) : status;
}

/* The next files up to the limit; false when there are none. */
static bool next_group(range_reader *reader)
{
    const tal_loader *loader = reader->loader;
    size_t limit = (size_t)loader->params->open_file_limit;
    size_t count = 0;
    reader->group_begin = reader->group_end;
    for (size_t i = reader->group_begin; i < loader->params->path_count && count < limit; i++) {
        count += loader->plan.probes[i].kind == TAL_SOURCE_RANGES;
        reader->group_end = i + 1;
    }
    return count > 0;
}

tal_status tal_loader_read_ranges(tal_loader *loader)
{
    size_t limit = min_u64((uint64_t)loader->params->open_file_limit, loader->params->path_count);
    uint64_t read_limit = loader->params->range_bytes_limit;
    range_reader reader = {.loader = loader};
    reader.piece_bytes = read_limit > 0 && read_limit < PIECE_BYTES ? read_limit : PIECE_BYTES;
    reader.files = tal_alloc_array(limit, sizeof(*reader.files));
    reader.paths = tal_alloc_array(limit, sizeof(*reader.paths));
    reader.counts = tal_alloc_array(limit, sizeof(*reader.counts));
    reader.piece = tal_alloc(reader.piece_bytes);
    bool is_complete = reader.files != NULL && reader.paths != NULL && reader.counts != NULL &&
                       reader.piece != NULL;
    tal_status status = tal_comm_agree(loader->comm, is_complete ? TAL_OK : TAL_ERR_MEMORY);
    while (status == TAL_OK && next_group(&reader))
        status = read_group(&reader);
    tal_free(reader.piece);
    tal_free(reader.counts);
    tal_free(reader.paths);
    tal_free(reader.files);
    return status;
}
