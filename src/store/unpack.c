/* Records and files out of a reduced set's file; see unpack.h. */
#include "store/unpack.h"

#include "base/alloc.h"
#include "base/check.h"
#include "store/unpack_internal.h"

#include <stdlib.h>
#include <string.h>

static tal_status create_codecs(tal_unpacker *unpacker)
{
    const tal_alphabet alphabet = tal_container_alphabet(unpacker->container);
    const tal_buffer *dictionary = tal_container_dictionary(unpacker->container);
    unpacker->residue_codecs = tal_alloc_zero(unpacker->worker_count * sizeof(void *));
    unpacker->text_codecs = tal_alloc_zero(unpacker->worker_count * sizeof(void *));
    if (unpacker->residue_codecs == NULL || unpacker->text_codecs == NULL)
        return TAL_ERR_MEMORY;
    tal_status status = tal_text_dictionary_create(dictionary->data, dictionary->bytes, false,
                                                   &unpacker->dictionary);
    for (size_t i = 0; i < unpacker->worker_count && status == TAL_OK; i++) {
        status = tal_residue_codec_create(alphabet, &unpacker->residue_codecs[i]);
        if (status == TAL_OK)
            status =
                tal_text_codec_create(alphabet, unpacker->dictionary, &unpacker->text_codecs[i]);
    }
    return status;
}

tal_status tal_unpacker_create(tal_comm *comm, tal_team *team, tal_container *container,
                               tal_unpacker **out_unpacker)
{
    tal_unpacker *unpacker = tal_alloc_zero(sizeof(*unpacker));
    tal_status status = unpacker == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK) {
        unpacker->comm = comm;
        unpacker->team = team;
        unpacker->container = container;
        unpacker->worker_count = (size_t)tal_team_size(team);
        status = create_codecs(unpacker);
    }
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK) {
        tal_unpacker_destroy(unpacker);
        return status;
    }
    *out_unpacker = unpacker;
    return TAL_OK;
}

void tal_unpacker_destroy(tal_unpacker *unpacker)
{
    if (unpacker == NULL)
        return;
    for (size_t i = 0; i < unpacker->worker_count; i++) {
        if (unpacker->residue_codecs != NULL)
            tal_residue_codec_destroy(unpacker->residue_codecs[i]);
        if (unpacker->text_codecs != NULL)
            tal_text_codec_destroy(unpacker->text_codecs[i]);
    }
    for (size_t i = 0; i < unpacker->cache_capacity; i++)
        tal_sequences_deinit(&unpacker->cache[i].sequences);
    tal_free(unpacker->cache);
    tal_free(unpacker->residue_codecs);
    tal_free(unpacker->text_codecs);
    tal_text_dictionary_destroy(unpacker->dictionary);
    tal_free(unpacker);
}

void tal_unpack_share(const tal_unpacker *unpacker, size_t begin, size_t end, size_t *out_begin,
                      size_t *out_end)
{
    const size_t rank = (size_t)tal_comm_rank(unpacker->comm);
    const size_t rank_count = (size_t)tal_comm_size(unpacker->comm);
    const size_t count = end - begin;
    *out_begin = begin + (size_t)((unsigned __int128)count * rank / rank_count);
    *out_end = begin + (size_t)((unsigned __int128)count * (rank + 1) / rank_count);
}

/* A team's work at text blocks. */
typedef struct text_work {
    tal_unpacker *unpacker;
    tal_text_job *jobs;
    /* Rendering. */
    const tal_buffer *chosen; /* size_t: the chosen records of each job, back to back */
    const size_t *chosen_begin;
    const uint64_t *residue_begin; /* of each chosen record */
    const uint8_t *residues;
    bool is_all;
} text_work;

static tal_status decode_text(void *context, int worker, size_t item)
{
    text_work *work = context;
    tal_text_job *job = &work->jobs[item];
    const tal_container *container = work->unpacker->container;
    const tal_block block = tal_container_block(container, TAL_BLOCKS_TEXT, job->idx);
    const uint64_t cluster =
        tal_container_block_begin(container, TAL_BLOCKS_TEXT, job->idx).cluster;
    if (job->status != TAL_OK)
        return TAL_OK;
    job->status =
        tal_text_decode(work->unpacker->text_codecs[worker], job->bytes.data, job->bytes.bytes,
                        (size_t)block.count, block.amount, cluster, &job->text);
    return job->status == TAL_ERR_DATA ? TAL_OK : job->status;
}

tal_status tal_unpack_texts(tal_unpacker *unpacker, tal_text_job *jobs, size_t count)
{
    text_work work = {.unpacker = unpacker, .jobs = jobs};
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        jobs[i].status =
            tal_container_read(unpacker->container, TAL_BLOCKS_TEXT, jobs[i].idx, &jobs[i].bytes);
        if (jobs[i].status != TAL_ERR_DATA)
            status = jobs[i].status;
    }
    return status == TAL_OK ? tal_team_for(unpacker->team, count, decode_text, &work) : status;
}

void tal_text_jobs_destroy(tal_text_job *jobs, size_t count)
{
    for (size_t i = 0; jobs != NULL && i < count; i++) {
        tal_buffer_deinit(&jobs[i].bytes);
        tal_buffer_deinit(&jobs[i].rendered);
        tal_text_deinit(&jobs[i].text);
    }
    tal_free(jobs);
}

tal_status tal_unpack_visit_texts(tal_unpacker *unpacker, const bool *is_wanted,
                                  tal_text_visitor *visit, void *context)
{
    const tal_container *container = unpacker->container;
    const size_t batch = unpacker->worker_count * TAL_UNPACK_BATCH_BLOCKS;
    size_t at, end;
    tal_unpack_share(unpacker, 0, tal_container_block_count(container, TAL_BLOCKS_TEXT), &at, &end);
    const tal_gid share_begin = tal_container_block_begin(container, TAL_BLOCKS_TEXT, at).count;
    tal_text_job *jobs = tal_alloc_zero(batch * sizeof(*jobs));
    tal_status status = jobs == NULL ? TAL_ERR_MEMORY : TAL_OK;
    while (at < end && status == TAL_OK) {
        size_t count = 0;
        for (; at < end && count < batch; at++) {
            const tal_gid first = tal_container_block_begin(container, TAL_BLOCKS_TEXT, at).count;
            const uint64_t records = tal_container_block(container, TAL_BLOCKS_TEXT, at).count;
            if (is_wanted == NULL ||
                memchr(is_wanted + (first - share_begin), true, (size_t)records) != NULL)
                jobs[count++].idx = at;
        }
        status = tal_unpack_texts(unpacker, jobs, count);
        for (size_t i = 0; i < count && status == TAL_OK; i++) {
            if (jobs[i].status != TAL_OK)
                status = tal_container_damaged(container, TAL_BLOCKS_TEXT, jobs[i].idx,
                                               "it cannot be decoded");
            else
                status =
                    visit(context, &jobs[i].text,
                          tal_container_block_begin(container, TAL_BLOCKS_TEXT, jobs[i].idx).count);
        }
    }
    tal_text_jobs_destroy(jobs, batch);
    return status;
}

/* The first of rising gids that is `gid` or above. */
static size_t first_from(const uint64_t *gids, size_t count, uint64_t gid)
{
    size_t low = 0;
    while (low < count) {
        const size_t middle = low + (count - low) / 2;
        if (gids[middle] < gid)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static bool is_chosen(const tal_unpack_choice *choice, uint64_t gid, const tal_text_place *place)
{
    switch (choice->kind) {
    case TAL_UNPACK_ALL:
        return true;
    case TAL_UNPACK_REPRESENTATIVES:
        return place->ordinal == 0;
    case TAL_UNPACK_CLUSTER:
        return place->cluster == choice->cluster;
    case TAL_UNPACK_LIST:
        break;
    }
    const size_t at = first_from(choice->gids, choice->gid_count, gid);
    return at < choice->gid_count && choice->gids[at] == gid;
}

/* Whether a text block may hold a chosen record. */
static bool is_block_chosen(const tal_unpacker *unpacker, const tal_unpack_choice *choice,
                            size_t idx)
{
    if (choice->kind != TAL_UNPACK_LIST)
        return true;
    const uint64_t begin =
        tal_container_block_begin(unpacker->container, TAL_BLOCKS_TEXT, idx).count;
    const uint64_t end =
        tal_container_block_begin(unpacker->container, TAL_BLOCKS_TEXT, idx + 1).count;
    const size_t at = first_from(choice->gids, choice->gid_count, begin);
    return at < choice->gid_count && choice->gids[at] < end;
}

/* The text jobs of this rank's share of [begin, end). */
static tal_status make_jobs(const tal_unpacker *unpacker, size_t begin, size_t end,
                            const tal_unpack_choice *choice, tal_text_job **out_jobs,
                            size_t *out_count)
{
    size_t first, last;
    tal_unpack_share(unpacker, begin, end, &first, &last);
    tal_text_job *jobs = tal_alloc_zero((last - first + 1) * sizeof(*jobs));
    *out_count = 0;
    *out_jobs = jobs;
    if (jobs == NULL)
        return TAL_ERR_MEMORY;
    for (size_t idx = first; idx < last; idx++)
        if (is_block_chosen(unpacker, choice, idx))
            jobs[(*out_count)++].idx = idx;
    return TAL_OK;
}

/* List the chosen records and their places. */
static tal_status choose_records(const tal_unpacker *unpacker, const tal_unpack_choice *choice,
                                 const tal_text_job *jobs, size_t count, tal_buffer *chosen,
                                 size_t *chosen_begin, tal_buffer *places)
{
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        if (jobs[i].status != TAL_OK)
            return tal_container_damaged(unpacker->container, TAL_BLOCKS_TEXT, jobs[i].idx,
                                         "it cannot be decoded");
        const uint64_t first =
            tal_container_block_begin(unpacker->container, TAL_BLOCKS_TEXT, jobs[i].idx).count;
        chosen_begin[i] = chosen->bytes / sizeof(size_t);
        for (size_t j = 0; j < jobs[i].text.record_count && status == TAL_OK; j++) {
            const tal_text_place *place = &tal_text_get(&jobs[i].text, j)->place;
            if (!is_chosen(choice, first + j, place))
                continue;
            status = tal_buffer_append(chosen, &j, sizeof(j));
            if (status == TAL_OK)
                status = tal_buffer_append(places, place, sizeof(*place));
        }
    }
    chosen_begin[count] = chosen->bytes / sizeof(size_t);
    return status;
}

static tal_status render_job(void *context, int worker, size_t item)
{
    (void)worker; /* A job has all it needs. */
    text_work *work = context;
    tal_text_job *job = &work->jobs[item];
    const size_t *chosen = (const size_t *)(const void *)work->chosen->data;
    const tal_block block =
        tal_container_block(work->unpacker->container, TAL_BLOCKS_TEXT, job->idx);
    tal_buffer *out = &job->rendered;
    tal_buffer_reset(out);
    tal_status status = TAL_OK;
    if (work->is_all)
        status = tal_buffer_append(out, job->text.contents.data, job->text.preamble_bytes);
    for (size_t i = work->chosen_begin[item]; i < work->chosen_begin[item + 1] && status == TAL_OK;
         i++) {
        const uint64_t begin = work->residue_begin[i], end = work->residue_begin[i + 1];
        status = tal_text_render(&job->text, chosen[i], work->residues + begin,
                                 (size_t)(end - begin), block.amount - out->bytes, out);
    }
    if (status == TAL_OK && work->is_all) {
        const tal_hash hash = tal_hash_bytes(out->data, out->bytes);
        if (hash.low != block.content.low || hash.high != block.content.high)
            status = TAL_ERR_DATA;
    }
    if (status == TAL_ERR_DATA)
        return tal_container_damaged(work->unpacker->container, TAL_BLOCKS_TEXT, job->idx,
                                     "what it holds does not have its hash");
    return status;
}

/* Render the chosen records of decoded jobs to the end of `out`. Collective; agreed status. */
static tal_status render_chosen(tal_unpacker *unpacker, const tal_unpack_choice *choice,
                                tal_text_job *jobs, size_t count, tal_buffer *out)
{
    tal_buffer chosen = {0}, places = {0}, residues = {0};
    uint64_t *residue_begin = NULL;
    size_t *chosen_begin = tal_alloc_zero((count + 1) * sizeof(*chosen_begin));
    tal_status status = chosen_begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = choose_records(unpacker, choice, jobs, count, &chosen, chosen_begin, &places);
    const size_t record_count = places.bytes / sizeof(tal_text_place);
    if (status == TAL_OK) {
        residue_begin = tal_alloc_array(record_count + 1, sizeof(*residue_begin));
        status = residue_begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    }
    status = tal_comm_agree(unpacker->comm, status);
    if (status == TAL_OK)
        status = tal_unpack_residues(unpacker, (const tal_text_place *)(const void *)places.data,
                                     record_count, residue_begin, &residues);
    if (status == TAL_OK) {
        text_work work = {.unpacker = unpacker,
                          .jobs = jobs,
                          .chosen = &chosen,
                          .chosen_begin = chosen_begin,
                          .residue_begin = residue_begin,
                          .residues = residues.data,
                          .is_all = choice->kind == TAL_UNPACK_ALL};
        status = tal_team_for(unpacker->team, count, render_job, &work);
        for (size_t i = 0; i < count && status == TAL_OK; i++) {
            status = tal_buffer_append(out, jobs[i].rendered.data, jobs[i].rendered.bytes);
            tal_buffer_deinit(&jobs[i].rendered);
        }
        status = tal_comm_agree(unpacker->comm, status);
    }
    tal_free(chosen_begin);
    tal_free(residue_begin);
    tal_buffer_deinit(&residues);
    tal_buffer_deinit(&places);
    tal_buffer_deinit(&chosen);
    return status;
}

tal_status tal_unpack_text(tal_unpacker *unpacker, size_t begin, size_t end,
                           const tal_unpack_choice *choice, tal_buffer *out)
{
    tal_text_job *jobs = NULL;
    size_t count = 0;
    tal_status status = make_jobs(unpacker, begin, end, choice, &jobs, &count);
    if (status == TAL_OK)
        status = tal_unpack_texts(unpacker, jobs, count);
    status = tal_comm_agree(unpacker->comm, status);
    if (status == TAL_OK)
        status = render_chosen(unpacker, choice, jobs, count, out);
    tal_text_jobs_destroy(jobs, count);
    return status;
}
