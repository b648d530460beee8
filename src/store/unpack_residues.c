/* Residues by place, whichever rank decodes them; see unpack_internal.h.
 *
 * Ranks ask those that hold a share of the blocks; these decode each block asked for once, in
 * order, with a moving cache of representatives.
 */
#include "store/unpack_internal.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* A job of decoding a block of representatives. */
typedef struct representative_job {
    size_t idx;
    tal_buffer bytes;
    tal_sequences *out;
} representative_job;

typedef struct decode_run {
    tal_unpacker *unpacker;
    representative_job *representatives;
    tal_member_job *members;
} decode_run;

static tal_status decode_representatives(void *context, int worker, size_t item)
{
    decode_run *run = context;
    tal_unpacker *unpacker = run->unpacker;
    representative_job *job = &run->representatives[item];
    const tal_block block =
        tal_container_block(unpacker->container, TAL_BLOCKS_REPRESENTATIVES, job->idx);
    tal_hash content = {0};
    tal_status status = tal_representatives_decode(
        unpacker->residue_codecs[worker], job->bytes.data, job->bytes.bytes, (size_t)block.count,
        block.amount, job->out, &content);
    if (status == TAL_OK &&
        (content.low != block.content.low || content.high != block.content.high))
        status = TAL_ERR_DATA;
    if (status == TAL_ERR_DATA)
        return tal_container_damaged(unpacker->container, TAL_BLOCKS_REPRESENTATIVES, job->idx,
                                     "its residues do not have their hash");
    return status;
}

static bool is_listed(const size_t *blocks, size_t count, size_t idx)
{
    for (size_t i = 0; i < count; i++)
        if (blocks[i] == idx)
            return true;
    return false;
}

/* Keep of the cache what is listed, in front. */
static void trim_cache(tal_unpacker *unpacker, const size_t *blocks, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < unpacker->cache_count; i++) {
        const tal_cached_block block = unpacker->cache[i];
        if (!is_listed(blocks, count, block.idx))
            continue;
        unpacker->cache[i] = unpacker->cache[kept]; /* Its memory serves again. */
        unpacker->cache[kept++] = block;
    }
    unpacker->cache_count = kept;
}

static tal_status grow_cache(tal_unpacker *unpacker, size_t count)
{
    if (count <= unpacker->cache_capacity)
        return TAL_OK;
    tal_cached_block *cache = tal_realloc_array(unpacker->cache, count, sizeof(*cache));
    if (cache == NULL)
        return TAL_ERR_MEMORY;
    memset(cache + unpacker->cache_capacity, 0,
           (count - unpacker->cache_capacity) * sizeof(*cache));
    unpacker->cache = cache;
    unpacker->cache_capacity = count;
    return TAL_OK;
}

static int compare_cached(const void *a, const void *b)
{
    const tal_cached_block *left = a, *right = b;
    return (left->idx > right->idx) - (left->idx < right->idx);
}

static bool is_cached(const tal_unpacker *unpacker, size_t idx)
{
    for (size_t i = 0; i < unpacker->cache_count; i++)
        if (unpacker->cache[i].idx == idx)
            return true;
    return false;
}

tal_status tal_unpack_representatives(tal_unpacker *unpacker, const size_t *blocks, size_t count)
{
    trim_cache(unpacker, blocks, count);
    tal_status status = grow_cache(unpacker, count);
    representative_job *jobs = tal_alloc_zero(count * sizeof(*jobs));
    if (jobs == NULL)
        status = TAL_ERR_MEMORY;
    size_t job_count = 0;
    const size_t cached = unpacker->cache_count;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        const size_t idx = blocks[i];
        if (is_cached(unpacker, idx))
            continue;
        representative_job *job = &jobs[job_count];
        job->idx = idx;
        job->out = &unpacker->cache[cached + job_count].sequences;
        status =
            tal_container_read(unpacker->container, TAL_BLOCKS_REPRESENTATIVES, idx, &job->bytes);
        job_count++;
    }
    decode_run run = {.unpacker = unpacker, .representatives = jobs};
    if (status == TAL_OK)
        status = tal_team_for(unpacker->team, job_count, decode_representatives, &run);
    if (status == TAL_OK) {
        for (size_t i = 0; i < job_count; i++)
            unpacker->cache[cached + i].idx = jobs[i].idx;
        unpacker->cache_count = cached + job_count;
        qsort(unpacker->cache, unpacker->cache_count, sizeof(*unpacker->cache), compare_cached);
    }
    for (size_t i = 0; jobs != NULL && i < job_count; i++)
        tal_buffer_deinit(&jobs[i].bytes);
    tal_free(jobs);
    return status;
}

const uint8_t *tal_unpack_cached(void *context, uint64_t cluster, int32_t *out_len)
{
    const tal_unpacker *unpacker = context;
    const tal_container *container = unpacker->container;
    if (cluster >= tal_container_count(container, TAL_BLOCKS_REPRESENTATIVES))
        return NULL;
    const tal_cached_block wanted = {
        .idx = tal_container_find_block(container, TAL_BLOCKS_REPRESENTATIVES, cluster)};
    const tal_cached_block *found =
        bsearch(&wanted, unpacker->cache, unpacker->cache_count, sizeof(wanted), compare_cached);
    if (found == NULL)
        return NULL;
    const uint64_t first =
        tal_container_block_begin(container, TAL_BLOCKS_REPRESENTATIVES, wanted.idx).count;
    return tal_sequences_get(&found->sequences, (size_t)(cluster - first), out_len);
}

static tal_status decode_members(void *context, int worker, size_t item)
{
    decode_run *run = context;
    tal_unpacker *unpacker = run->unpacker;
    tal_member_job *job = &run->members[item];
    if (job->status != TAL_OK)
        return TAL_OK;
    const tal_block block = tal_container_block(unpacker->container, TAL_BLOCKS_MEMBERS, job->idx);
    const tal_members_place place = {.cluster = block.cluster,
                                     .ordinal = block.ordinal,
                                     .count = (size_t)block.count,
                                     .residue_limit = block.amount};
    const tal_representative_source source = {tal_unpack_cached, unpacker};
    tal_status status = tal_members_decode(unpacker->residue_codecs[worker], job->bytes.data,
                                           job->bytes.bytes, &place, source, &job->members);
    if (status == TAL_OK && job->members.residues.bytes != block.amount)
        status = TAL_ERR_DATA;
    job->status = status;
    return status == TAL_ERR_DATA ? TAL_OK : status;
}

/* The blocks of representatives that the members of a block may need: [*out_first, *out_last]. The
 * index says where the next block begins, not where this one ends: `is_tight` takes it that they
 * end together with a block of representatives, as they do where members are few, but for sets made
 * before. False: the index contradicts itself. */
static bool find_needed(const tal_container *container, size_t idx, bool is_tight,
                        size_t *out_first, size_t *out_last)
{
    const uint64_t cluster_count = tal_container_count(container, TAL_BLOCKS_REPRESENTATIVES);
    const uint64_t low = tal_container_block(container, TAL_BLOCKS_MEMBERS, idx).cluster;
    uint64_t high = cluster_count - 1;
    bool is_last_whole = false; /* the next block begins with a cluster of its own */
    if (idx + 1 < tal_container_block_count(container, TAL_BLOCKS_MEMBERS)) {
        const tal_block next = tal_container_block(container, TAL_BLOCKS_MEMBERS, idx + 1);
        high = next.cluster;
        is_last_whole = next.ordinal <= 1;
    }
    if (cluster_count == 0 || low > high || high >= cluster_count)
        return false;
    *out_first = tal_container_find_block(container, TAL_BLOCKS_REPRESENTATIVES, low);
    *out_last = tal_container_find_block(container, TAL_BLOCKS_REPRESENTATIVES, high);
    *out_last -= is_tight && is_last_whole && *out_last > *out_first;
    return true;
}

/* Those of all jobs, rising, each once. */
static tal_status list_needed(const tal_unpacker *unpacker, const tal_member_job *jobs,
                              size_t count, bool is_tight, tal_buffer *out_blocks)
{
    size_t next = 0;
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        size_t first, last;
        if (!find_needed(unpacker->container, jobs[i].idx, is_tight, &first, &last))
            return tal_container_damaged(unpacker->container, TAL_BLOCKS_MEMBERS, jobs[i].idx,
                                         "the index names clusters that do not exist");
        for (next = first > next ? first : next; next <= last && status == TAL_OK; next++)
            status = tal_buffer_append(out_blocks, &next, sizeof(next));
    }
    return status;
}

/* Decode the jobs that have bytes and are not done, beside their representatives. */
static tal_status decode_jobs(tal_unpacker *unpacker, tal_member_job *jobs, size_t count,
                              bool is_tight)
{
    tal_buffer needed = {0};
    tal_status status = list_needed(unpacker, jobs, count, is_tight, &needed);
    if (status == TAL_OK)
        status = tal_unpack_representatives(unpacker, (const size_t *)(const void *)needed.data,
                                            needed.bytes / sizeof(size_t));
    tal_buffer_deinit(&needed);
    decode_run run = {.unpacker = unpacker, .members = jobs};
    return status == TAL_OK ? tal_team_for(unpacker->team, count, decode_members, &run) : status;
}

tal_status tal_unpack_members(tal_unpacker *unpacker, tal_member_job *jobs, size_t count)
{
    tal_status status = TAL_OK;
    bool is_missed = false;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        jobs[i].status = tal_container_read(unpacker->container, TAL_BLOCKS_MEMBERS, jobs[i].idx,
                                            &jobs[i].bytes);
        jobs[i].is_read = jobs[i].status == TAL_OK;
        if (jobs[i].status != TAL_ERR_DATA)
            status = jobs[i].status;
    }
    if (status == TAL_OK)
        status = decode_jobs(unpacker, jobs, count, true);
    for (size_t i = 0; i < count && status == TAL_OK; i++)
        is_missed |= jobs[i].is_read && jobs[i].status == TAL_ERR_DATA;
    if (status != TAL_OK || !is_missed)
        return status;
    /* Damaged, or a representative is in a block that was left out. */
    for (size_t i = 0; i < count; i++)
        jobs[i].status = jobs[i].is_read ? TAL_OK : jobs[i].status;
    return decode_jobs(unpacker, jobs, count, false);
}

/* A place that is asked for, and where the answer goes. */
typedef struct residue_request {
    tal_text_place place;
    uint64_t block; /* of its kind */
    uint64_t slot;  /* among the requests of all ranks */
} residue_request;

/* An answer: residues in `residues` from `at` on. */
typedef struct residue_answer {
    uint64_t at, len;
} residue_answer;

static int compare_requests(const void *a, const void *b)
{
    const residue_request *left = a, *right = b;
    const bool left_member = left->place.ordinal > 0, right_member = right->place.ordinal > 0;
    if (left_member != right_member)
        return left_member ? 1 : -1;
    if (left->place.cluster != right->place.cluster)
        return left->place.cluster < right->place.cluster ? -1 : 1;
    return (left->place.ordinal > right->place.ordinal) -
           (left->place.ordinal < right->place.ordinal);
}

static tal_status keep_answer(tal_buffer *residues, residue_answer *answer, const uint8_t *codes,
                              int32_t len)
{
    *answer = (residue_answer){.at = residues->bytes, .len = (uint64_t)len};
    return tal_buffer_append(residues, codes, (size_t)len);
}

/* Answer requests for representatives, sorted. */
static tal_status answer_representatives(tal_unpacker *unpacker, const residue_request *requests,
                                         size_t count, residue_answer *answers,
                                         tal_buffer *residues)
{
    const size_t batch = unpacker->worker_count * TAL_UNPACK_BATCH_REPRESENTATIVES;
    size_t *blocks = tal_alloc_array(batch, sizeof(*blocks));
    tal_status status = blocks == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK;) {
        size_t block_count = 0, end = i;
        for (; end < count; end++) {
            if (block_count > 0 && blocks[block_count - 1] == requests[end].block)
                continue;
            if (block_count == batch)
                break;
            blocks[block_count++] = (size_t)requests[end].block;
        }
        status = tal_unpack_representatives(unpacker, blocks, block_count);
        for (; i < end && status == TAL_OK; i++) {
            int32_t len;
            const uint8_t *codes = tal_unpack_cached(unpacker, requests[i].place.cluster, &len);
            TAL_ASSERT(codes != NULL);
            status = keep_answer(residues, &answers[requests[i].slot], codes, len);
        }
    }
    tal_free(blocks);
    return status;
}

/* Answer the requests into one decoded block of members. */
static tal_status answer_block(const tal_unpacker *unpacker, const tal_member_job *job,
                               const residue_request *requests, size_t count,
                               residue_answer *answers, tal_buffer *residues)
{
    const tal_member *rows = (const tal_member *)(const void *)job->members.rows.data;
    tal_status status = job->status;
    size_t row = 0;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        const tal_text_place *place = &requests[i].place;
        while (row < job->members.count &&
               (rows[row].cluster != place->cluster || rows[row].ordinal != place->ordinal))
            row++;
        if (row == job->members.count)
            status = TAL_ERR_DATA;
        else
            status =
                keep_answer(residues, &answers[requests[i].slot], rows[row].codes, rows[row].len);
    }
    if (status == TAL_ERR_DATA)
        return tal_container_damaged(unpacker->container, TAL_BLOCKS_MEMBERS, job->idx,
                                     "its members cannot be decoded");
    return status;
}

/* Answer requests for members, sorted. */
static tal_status answer_members(tal_unpacker *unpacker, const residue_request *requests,
                                 size_t count, residue_answer *answers, tal_buffer *residues)
{
    const size_t batch = unpacker->worker_count * TAL_UNPACK_BATCH_BLOCKS;
    tal_member_job *jobs = tal_alloc_zero(batch * sizeof(*jobs));
    tal_status status = jobs == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK;) {
        size_t job_count = 0, end = i;
        for (; end < count; end++) {
            if (job_count > 0 && jobs[job_count - 1].idx == requests[end].block)
                continue;
            if (job_count == batch)
                break;
            jobs[job_count++].idx = (size_t)requests[end].block;
        }
        status = tal_unpack_members(unpacker, jobs, job_count);
        for (size_t job = 0; job < job_count && status == TAL_OK; job++) {
            size_t next = i;
            while (next < end && requests[next].block == jobs[job].idx)
                next++;
            status = answer_block(unpacker, &jobs[job], requests + i, next - i, answers, residues);
            i = next;
        }
    }
    for (size_t i = 0; jobs != NULL && i < batch; i++) {
        tal_buffer_deinit(&jobs[i].bytes);
        tal_members_deinit(&jobs[i].members);
    }
    tal_free(jobs);
    return status;
}

size_t tal_unpack_decoder(const tal_unpacker *unpacker, tal_block_kind kind, size_t block)
{
    const size_t count = tal_container_block_count(unpacker->container, kind);
    return (size_t)((unsigned __int128)block * (unsigned)tal_comm_size(unpacker->comm) / count);
}

bool tal_unpack_locate(const tal_unpacker *unpacker, const tal_text_place *place,
                       tal_block_kind *out_kind, size_t *out_block)
{
    const tal_container *container = unpacker->container;
    const bool is_member = place->ordinal > 0;
    if (place->cluster >= tal_container_count(container, TAL_BLOCKS_REPRESENTATIVES) ||
        (is_member && tal_container_block_count(container, TAL_BLOCKS_MEMBERS) == 0))
        return false;
    *out_kind = is_member ? TAL_BLOCKS_MEMBERS : TAL_BLOCKS_REPRESENTATIVES;
    *out_block = is_member ? tal_container_find_member(container, place->cluster, place->ordinal)
                           : tal_container_find_block(container, *out_kind, place->cluster);
    return true;
}

/* Requests of this rank, by the rank that is asked; slots[i]: where the i-th went. TAL_ERR_DATA: a
 * place that does not exist. */
static tal_status make_requests(const tal_unpacker *unpacker, const tal_text_place *places,
                                size_t count, residue_request *requests, uint64_t *begin,
                                size_t *slots)
{
    const size_t rank_count = (size_t)tal_comm_size(unpacker->comm);
    memset(begin, 0, (rank_count + 2) * sizeof(*begin));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            tal_block_kind kind;
            size_t block;
            if (!tal_unpack_locate(unpacker, &places[i], &kind, &block))
                return tal_fail(TAL_ERR_DATA,
                                "cannot read '%s': the file is damaged: a record is in a cluster "
                                "that does not exist",
                                tal_container_path(unpacker->container));
            const size_t rank = tal_unpack_decoder(unpacker, kind, block);
            if (pass == 0) {
                begin[rank + 2]++;
                continue;
            }
            slots[i] = (size_t)begin[rank + 1]++;
            requests[slots[i]] = (residue_request){.place = places[i], .block = block};
        }
        for (size_t rank = 0; pass == 0 && rank <= rank_count; rank++)
            begin[rank + 1] += begin[rank];
    }
    return TAL_OK;
}

/* Answer what other ranks asked: lengths and residues in the order of the requests. */
static tal_status answer_all(tal_unpacker *unpacker, residue_request *requests, size_t count,
                             const uint64_t *begin, tal_buffer *lens, tal_buffer *codes,
                             uint64_t *code_begin)
{
    const size_t rank_count = (size_t)tal_comm_size(unpacker->comm);
    tal_buffer residues = {0};
    residue_answer *answers = tal_alloc_array(count, sizeof(*answers));
    tal_status status = answers == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t i = 0; i < count; i++)
        requests[i].slot = i;
    if (count > 0)
        qsort(requests, count, sizeof(*requests), compare_requests);
    size_t representatives = 0;
    while (representatives < count && requests[representatives].place.ordinal == 0)
        representatives++;
    if (status == TAL_OK)
        status = answer_representatives(unpacker, requests, representatives, answers, &residues);
    if (status == TAL_OK)
        status = answer_members(unpacker, requests + representatives, count - representatives,
                                answers, &residues);
    size_t next = 0;
    for (size_t rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        code_begin[rank] = codes->bytes;
        for (; next < begin[rank + 1] / sizeof(residue_request) && status == TAL_OK; next++) {
            status = tal_buffer_append(lens, &answers[next].len, sizeof(uint64_t));
            if (status == TAL_OK)
                status = tal_buffer_append(codes, residues.data + answers[next].at,
                                           (size_t)answers[next].len);
        }
    }
    code_begin[rank_count] = codes->bytes;
    tal_buffer_deinit(&residues);
    tal_free(answers);
    return status;
}

/* Turn answers by slot into residues in the order asked. */
static tal_status order_answers(const tal_buffer *lens, const tal_buffer *codes,
                                const size_t *slots, size_t count, uint64_t *out_begin,
                                tal_buffer *out_residues)
{
    const uint64_t *len = (const uint64_t *)(const void *)lens->data;
    uint64_t *at = tal_alloc_array(count + 1, sizeof(*at));
    tal_status status = at == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_buffer_reserve(out_residues, codes->bytes);
    uint64_t sum = 0;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        at[i] = sum;
        sum += len[i];
    }
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        out_begin[i] = out_residues->bytes;
        status = tal_buffer_append(out_residues, codes->data + at[slots[i]], (size_t)len[slots[i]]);
    }
    out_begin[count] = out_residues->bytes;
    tal_free(at);
    return status;
}

tal_status tal_unpack_residues(tal_unpacker *unpacker, const tal_text_place *places, size_t count,
                               uint64_t *out_begin, tal_buffer *out_residues)
{
    tal_comm *comm = unpacker->comm;
    const size_t rank_count = (size_t)tal_comm_size(comm);
    tal_buffer received = {0}, lens = {0}, codes = {0}, got_lens = {0}, got_codes = {0};
    residue_request *requests = tal_alloc_array(count, sizeof(*requests));
    size_t *slots = tal_alloc_array(count, sizeof(*slots));
    uint64_t *begin = tal_alloc_zero(3 * (rank_count + 2) * sizeof(*begin));
    uint64_t *got_begin = begin == NULL ? NULL : begin + rank_count + 2;
    uint64_t *code_begin = begin == NULL ? NULL : got_begin + rank_count + 2;
    const bool is_made = requests != NULL && slots != NULL && begin != NULL;
    tal_status status = is_made ? TAL_OK : TAL_ERR_MEMORY;
    if (status == TAL_OK)
        status = make_requests(unpacker, places, count, requests, begin, slots);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    for (size_t rank = 0; rank <= rank_count; rank++)
        begin[rank] *= sizeof(*requests);
    status = tal_comm_exchange(comm, (const uint8_t *)requests, begin, &received, got_begin);
    if (status != TAL_OK)
        goto done;
    status = answer_all(unpacker, (residue_request *)(void *)received.data,
                        received.bytes / sizeof(*requests), got_begin, &lens, &codes, code_begin);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    for (size_t rank = 0; rank <= rank_count; rank++)
        got_begin[rank] = got_begin[rank] / sizeof(*requests) * sizeof(uint64_t);
    status = tal_comm_exchange(comm, lens.data, got_begin, &got_lens, NULL);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, codes.data, code_begin, &got_codes, NULL);
    if (status != TAL_OK)
        goto done;
    tal_buffer_reset(out_residues);
    status = tal_comm_agree(
        comm, order_answers(&got_lens, &got_codes, slots, count, out_begin, out_residues));
done:
    tal_free(begin);
    tal_free(slots);
    tal_free(requests);
    tal_buffer_deinit(&got_codes);
    tal_buffer_deinit(&got_lens);
    tal_buffer_deinit(&codes);
    tal_buffer_deinit(&lens);
    tal_buffer_deinit(&received);
    return status;
}
