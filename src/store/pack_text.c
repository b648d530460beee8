/* Text into blocks; see pack_internal.h.
 *
 * A block is the records that begin in a window of the file, so blocks depend on the file alone.
 */
#include "store/pack_internal.h"

#include "base/alloc.h"
#include "base/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A header to be in the dictionary. */
typedef struct dictionary_item {
    uint64_t cluster;
    const uint8_t *text;
    uint64_t bytes;
} dictionary_item;

/* What of a header may come again: what stands between its name and the species that it ends with,
 * as NCBI and UniProt write it. */
static size_t find_description(const char *header, size_t *out_bytes)
{
    const size_t begin = tal_header_id_bytes(header) + (header[tal_header_id_bytes(header)] == ' ');
    const char *text = header + begin;
    size_t bytes = strlen(text);
    const char *species = strstr(text, " OS=");
    if (species == NULL && bytes > 0 && text[bytes - 1] == ']')
        species = strrchr(text, '[') > text ? strrchr(text, '[') - 1 : NULL;
    *out_bytes = species != NULL ? (size_t)(species - text) : bytes;
    return begin;
}

static int compare_items(const void *a, const void *b)
{
    const dictionary_item *left = a, *right = b;
    return (left->cluster > right->cluster) - (left->cluster < right->cluster);
}

/* The descriptions of this rank's representatives with members, a share of `share` in 2^32. */
static tal_status collect_descriptions(const tal_pack_params *params, const tal_pack_order *order,
                                       uint64_t share, tal_buffer *out, uint64_t *out_bytes)
{
    tal_status status = TAL_OK;
    *out_bytes = 0;
    for (tal_lid lid = 0; lid < tal_seqset_count(params->set) && status == TAL_OK; lid++) {
        const tal_pack_place *place = &order->places[lid];
        const uint32_t lot = (uint32_t)(place->place.cluster * UINT64_C(0x9e3779b97f4a7c15) >> 32);
        if (place->place.ordinal > 0 || place->member_count == 0 || lot >= share)
            continue;
        size_t bytes;
        const char *header = tal_seqset_header(params->set, lid);
        header += find_description(header, &bytes);
        *out_bytes += bytes;
        if (out == NULL)
            continue;
        const uint64_t head[2] = {place->place.cluster, bytes};
        status = tal_buffer_append(out, head, sizeof(head));
        if (status == TAL_OK)
            status = tal_buffer_append(out, header, bytes);
    }
    return status;
}

/* Rank 0: put the descriptions in the order of their clusters. */
static tal_status join_descriptions(const tal_buffer *received, tal_buffer *out)
{
    tal_buffer items = {0};
    tal_status status = TAL_OK;
    for (size_t at = 0; at < received->bytes && status == TAL_OK;) {
        uint64_t head[2];
        memcpy(head, received->data + at, sizeof(head));
        at += sizeof(head);
        const dictionary_item item = {head[0], received->data + at, head[1]};
        at += (size_t)head[1];
        status = tal_buffer_append(&items, &item, sizeof(item));
    }
    dictionary_item *rows = (dictionary_item *)(void *)items.data;
    const size_t count = items.bytes / sizeof(*rows);
    if (status == TAL_OK && count > 0)
        qsort(rows, count, sizeof(*rows), compare_items);
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        const bool is_again = i > 0 && rows[i].bytes == rows[i - 1].bytes &&
                              memcmp(rows[i].text, rows[i - 1].text, (size_t)rows[i].bytes) == 0;
        if (is_again || out->bytes + rows[i].bytes >= TAL_PACK_DICTIONARY_BYTES)
            continue;
        status = tal_buffer_append(out, rows[i].text, (size_t)rows[i].bytes);
        if (status == TAL_OK)
            status = tal_buffer_append(out, "\n", 1);
    }
    tal_buffer_deinit(&items);
    return status;
}

tal_status tal_pack_dictionary(tal_comm *comm, const tal_pack_params *params,
                               const tal_pack_order *order, tal_buffer *out_dictionary)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    tal_buffer mine = {0}, received = {0};
    uint64_t bytes = 0;
    uint64_t *begin = tal_alloc_zero((rank_count + 1) * sizeof(*begin));
    (void)collect_descriptions(params, order, UINT64_MAX, NULL, &bytes); /* Only counts. */
    uint64_t total = bytes;
    tal_comm_sum_u64(comm, &total, 1);
    uint64_t share = UINT64_C(1) << 32;
    if (total > TAL_PACK_DICTIONARY_BYTES)
        share = (uint64_t)((unsigned __int128)share * TAL_PACK_DICTIONARY_BYTES / total);
    tal_status status = begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = collect_descriptions(params, order, share, &mine, &bytes);
    for (size_t rank = 1; status == TAL_OK && rank <= rank_count; rank++)
        begin[rank] = mine.bytes;
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, mine.data, begin, &received, NULL);
    if (status == TAL_OK && tal_comm_rank(comm) == 0)
        status = join_descriptions(&received, out_dictionary);
    uint64_t dictionary_bytes = out_dictionary->bytes;
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK) {
        tal_comm_broadcast(comm, &dictionary_bytes, sizeof(dictionary_bytes), 0);
        if (tal_comm_rank(comm) != 0)
            status = tal_buffer_reserve(out_dictionary, (size_t)dictionary_bytes);
        status = tal_comm_agree(comm, status);
    }
    if (status == TAL_OK) {
        out_dictionary->bytes = (size_t)dictionary_bytes;
        tal_comm_broadcast(comm, out_dictionary->data, dictionary_bytes, 0);
    }
    tal_buffer_deinit(&received);
    tal_buffer_deinit(&mine);
    tal_free(begin);
    return status;
}

/* A block of text in the making. */
typedef struct text_job {
    tal_text_stretch stretch;
    tal_block row;
    tal_buffer bytes;
    uint64_t hash;
} text_job;

/* One file being packed. */
typedef struct text_run {
    tal_comm *comm;
    tal_team *team;
    const tal_pack_order *order;
    tal_container_writer *writer;
    tal_text_codec **codecs;
    const char *path;
    uint64_t place_base;     /* of the file's windows among the text blocks */
    uint64_t gid_base;       /* of its records */
    uint64_t record_count;   /* of it so far, all ranks */
    uint64_t hash;           /* of this rank's records so far */
    uint64_t *cluster_count; /* clusters begun so far, all files and ranks */
    tal_buffer jobs;         /* text_job, of this rank's span */
} text_run;

/* Cut a span at windows into stretches. */
static tal_status cut_span(const tal_span *span, text_run *run, uint64_t *out_record_count)
{
    tal_buffer_reset(&run->jobs);
    *out_record_count = 0;
    tal_status status = TAL_OK;
    size_t at = 0;
    uint64_t window = UINT64_MAX;
    text_job job = {0};
    size_t next = 0;
    if (span->bytes > 0)
        next = span->content_begin + tal_layout_find_record(span->text + span->content_begin,
                                                            span->bytes - span->content_begin, 0,
                                                            true);
    const size_t preamble = next;
    while (next < span->bytes && status == TAL_OK) {
        const uint64_t next_window = (span->begin + next) / TAL_PACK_BLOCK_TEXT;
        if (window == UINT64_MAX) {
            job.stretch = (tal_text_stretch){.text = span->text, .preamble_bytes = preamble};
        } else if (next_window != window) {
            job.stretch.bytes = next - at;
            status = tal_buffer_append(&run->jobs, &job, sizeof(job));
            at = next;
            job = (text_job){.stretch = {.text = span->text + at}};
        }
        if (window != next_window) {
            window = next_window;
            job.row.place = run->place_base + window;
            job.stretch.file_ordinal = *out_record_count;
        }
        job.stretch.record_count++;
        ++*out_record_count;
        next = tal_layout_find_record(span->text, span->bytes, next + 1, false);
    }
    if (window == UINT64_MAX && span->bytes > 0) { /* No record yet: the file begins with more. */
        job.stretch = (tal_text_stretch){.text = span->text, .preamble_bytes = preamble};
        job.row.place = run->place_base + span->window_begin;
    }
    if (status == TAL_OK && span->bytes > 0) {
        job.stretch.bytes = span->bytes - at;
        status = tal_buffer_append(&run->jobs, &job, sizeof(job));
    }
    return status;
}

/* The places of this rank's `count` records from gid `begin` on. Collective; agreed status. */
static tal_status fetch_places(const text_run *run, uint64_t begin, uint64_t count,
                               tal_buffer *out_places)
{
    const size_t rank_count = (size_t)tal_comm_size(run->comm);
    const tal_pack_order *order = run->order;
    uint64_t *numbers = tal_alloc_zero(3 * (rank_count + 1) * sizeof(*numbers));
    tal_status status = tal_comm_agree(run->comm, numbers == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(numbers);
        return status;
    }
    uint64_t *begins = numbers, *counts = begins + rank_count + 1, *cut = counts + rank_count + 1;
    tal_comm_gather_u64(run->comm, begin, begins);
    tal_comm_gather_u64(run->comm, count, counts);
    tal_buffer out = {0};
    const uint64_t home_end = order->home_begin + order->home_count;
    for (size_t rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        uint64_t first = begins[rank] > order->home_begin ? begins[rank] : order->home_begin;
        uint64_t end =
            begins[rank] + counts[rank] < home_end ? begins[rank] + counts[rank] : home_end;
        if (first < end)
            status = tal_buffer_append(&out, order->home_places + (first - order->home_begin),
                                       (size_t)(end - first) * sizeof(tal_text_place));
        cut[rank + 1] = out.bytes;
    }
    status = tal_comm_agree(run->comm, status);
    tal_buffer_reset(out_places);
    if (status == TAL_OK)
        status = tal_comm_exchange(run->comm, out.data, cut, out_places, NULL);
    tal_buffer_deinit(&out);
    tal_free(numbers);
    return status;
}

static tal_status pack_stretch(void *context, int worker, size_t item)
{
    text_run *run = context;
    text_job *job = (text_job *)(void *)run->jobs.data + item;
    job->row.content = tal_hash_bytes(job->stretch.text, job->stretch.bytes);
    job->row.count = job->stretch.record_count;
    job->row.amount = job->stretch.bytes;
    return tal_text_encode(run->codecs[worker], &job->stretch, &job->bytes, &job->hash);
}

/* Clusters that have begun after these records, of which `begun` had before: they are numbered in
 * the order of their first records. */
static uint64_t count_begun(const tal_text_place *places, uint64_t count, uint64_t begun)
{
    for (uint64_t i = 0; i < count; i++)
        begun = places[i].cluster >= begun ? places[i].cluster + 1 : begun;
    return begun;
}

/* The same over this rank's records and those of all ranks before; *begun becomes that of all
 * ranks. Collective; agreed status. */
static tal_status count_begun_before(tal_comm *comm, const tal_text_place *places, uint64_t count,
                                     uint64_t *begun, uint64_t *out_before)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    uint64_t *ends = tal_alloc_array(rank_count, sizeof(*ends));
    tal_status status = tal_comm_agree(comm, ends == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK) {
        tal_comm_gather_u64(comm, count_begun(places, count, *begun), ends);
        for (size_t rank = 0; rank < rank_count; rank++) {
            if (rank == (size_t)tal_comm_rank(comm))
                *out_before = *begun;
            *begun = ends[rank] > *begun ? ends[rank] : *begun;
        }
    }
    tal_free(ends);
    return status;
}

/* Give the stretches of this rank their places, and pack them. Not collective. */
static tal_status pack_jobs(text_run *run, const tal_buffer *places, uint64_t first_ordinal,
                            uint64_t cluster_begin)
{
    text_job *jobs = (text_job *)(void *)run->jobs.data;
    const size_t count = run->jobs.bytes / sizeof(*jobs);
    const tal_text_place *next = (const tal_text_place *)(const void *)places->data;
    for (size_t i = 0; i < count; i++) {
        tal_text_stretch *stretch = &jobs[i].stretch;
        stretch->file_ordinal += first_ordinal;
        stretch->places = next;
        stretch->cluster_begin = cluster_begin;
        const uint64_t cluster_end = count_begun(next, stretch->record_count, cluster_begin);
        jobs[i].row.cluster = cluster_end - cluster_begin;
        cluster_begin = cluster_end;
        next += stretch->record_count;
    }
    tal_status status = tal_team_for(run->team, count, pack_stretch, run);
    for (size_t i = 0; i < count; i++) {
        if (status == TAL_OK)
            status = tal_container_add(run->writer, TAL_BLOCKS_TEXT, jobs[i].row,
                                       jobs[i].bytes.data, jobs[i].bytes.bytes);
        run->hash += jobs[i].hash;
        tal_buffer_deinit(&jobs[i].bytes);
    }
    return status;
}

static tal_status changed(const char *path)
{
    return tal_fail(TAL_ERR_DATA, "cannot pack '%s': it changed while it was read; run again",
                    path);
}

/* Pack one span of every rank. Collective; agreed status. */
static tal_status pack_span(text_run *run, const tal_span *span, uint64_t record_limit,
                            tal_buffer *places)
{
    uint64_t count = 0;
    tal_status status = tal_comm_agree(run->comm, cut_span(span, run, &count));
    if (status != TAL_OK)
        return status;
    const uint64_t first = run->record_count + tal_comm_prefix_u64(run->comm, count);
    uint64_t total = count;
    tal_comm_sum_u64(run->comm, &total, 1);
    if (total > record_limit - run->record_count) /* The same on every rank. */
        return changed(run->path);
    status = fetch_places(run, run->gid_base + first, count, places);
    if (status != TAL_OK)
        return status;
    const tal_text_place *rows = (const tal_text_place *)(const void *)places->data;
    uint64_t cluster_begin = 0;
    status = count_begun_before(run->comm, rows, count, run->cluster_count, &cluster_begin);
    if (status == TAL_OK)
        status = tal_comm_agree(run->comm, pack_jobs(run, places, first, cluster_begin));
    run->record_count += total;
    return status;
}

/* Pack one file. Collective; agreed status. */
static tal_status pack_file(text_run *run, int reader_rank, const tal_file_info *info,
                            uint64_t *out_bytes)
{
    tal_spans *spans = NULL;
    tal_buffer places = {0};
    bool is_end = false;
    run->path = info->path;
    run->record_count = 0;
    run->hash = 0;
    tal_status status = tal_spans_open(run->comm, info->path, reader_rank, &spans);
    while (status == TAL_OK && !is_end) {
        tal_span span;
        status = tal_spans_next(spans, &span, &is_end);
        if (status == TAL_OK && !is_end)
            status = pack_span(run, &span, info->sequence_count, &places);
    }
    if (status == TAL_OK) {
        *out_bytes = tal_spans_bytes(spans);
        tal_comm_sum_u64(run->comm, &run->hash, 1);
        if (run->record_count != info->sequence_count || run->hash != info->hash)
            status = changed(info->path);
    }
    tal_buffer_deinit(&places);
    tal_spans_close(spans);
    run->gid_base += info->sequence_count;
    run->place_base += *out_bytes / TAL_PACK_BLOCK_TEXT + 1;
    return status;
}

/* The text of the base as it is: places of its records are what they were, since clusters and
 * their records are numbered in input order. Each rank takes a share. Collective; agreed status. */
static tal_status keep_base(text_run *run, tal_container *base, uint64_t *out_file_bytes)
{
    const size_t count = tal_container_block_count(base, TAL_BLOCKS_TEXT);
    const size_t rank = (size_t)tal_comm_rank(run->comm);
    const size_t rank_count = (size_t)tal_comm_size(run->comm);
    tal_buffer bytes = {0};
    tal_status status = TAL_OK;
    for (size_t idx = count * rank / rank_count;
         idx < count * (rank + 1) / rank_count && status == TAL_OK; idx++) {
        status = tal_container_read(base, TAL_BLOCKS_TEXT, idx, &bytes);
        if (status == TAL_OK)
            status = tal_container_add(run->writer, TAL_BLOCKS_TEXT,
                                       tal_container_block(base, TAL_BLOCKS_TEXT, idx), bytes.data,
                                       bytes.bytes);
    }
    tal_buffer_deinit(&bytes);
    for (size_t i = 0; i < tal_container_input_count(base); i++)
        out_file_bytes[i] = tal_container_get_input(base, i).bytes;
    run->place_base = count;
    run->gid_base = tal_container_count(base, TAL_BLOCKS_TEXT);
    *run->cluster_count = tal_container_count(base, TAL_BLOCKS_REPRESENTATIVES);
    return tal_comm_agree(run->comm, status);
}

tal_status tal_pack_text(tal_comm *comm, tal_team *team, const tal_pack_params *params,
                         const tal_pack_order *order, const tal_buffer *dictionary,
                         tal_container_writer *writer, uint64_t *out_file_bytes)
{
    const size_t worker_count = (size_t)tal_team_size(team);
    uint64_t cluster_count = 0;
    tal_text_dictionary *shared = NULL;
    text_run run = {.comm = comm,
                    .team = team,
                    .order = order,
                    .writer = writer,
                    .cluster_count = &cluster_count,
                    .codecs = tal_alloc_zero(worker_count * sizeof(tal_text_codec *))};
    tal_status status = run.codecs == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_text_dictionary_create(dictionary->data, dictionary->bytes, true, &shared);
    for (size_t i = 0; i < worker_count && status == TAL_OK; i++)
        status = tal_text_codec_create(params->info->alphabet, shared, &run.codecs[i]);
    status = tal_comm_agree(comm, status);
    size_t kept = 0;
    if (status == TAL_OK && params->base != NULL) {
        kept = tal_container_input_count(params->base);
        status = keep_base(&run, params->base, out_file_bytes);
    }
    for (size_t i = kept; i < params->info->file_count && status == TAL_OK; i++) {
        out_file_bytes[i] = 0;
        status = pack_file(&run, (int)(i % (size_t)tal_comm_size(comm)), &params->info->files[i],
                           &out_file_bytes[i]);
    }
    for (size_t i = 0; run.codecs != NULL && i < worker_count; i++)
        tal_text_codec_destroy(run.codecs[i]);
    tal_free(run.codecs);
    tal_text_dictionary_destroy(shared);
    tal_buffer_deinit(&run.jobs);
    return status;
}
