/* The host backend: the vector kernels of src/align through the interface of devices.
 *
 * For tests and comparison: one thread, a batch is computed when it is submitted. A search uses the
 * kernels directly.
 */
#include "device/backend.h"

#include "align/ladder.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct host_state {
    tal_ladder ladder;
    tal_ladder_scratch scratch;
    tal_seqset *references;
    tal_batch lanes;
    tal_device_result result; /* of the batch in flight */
    tal_buffer hits;
    int32_t *scores;
    int8_t *profile; /* a copy, aligned as kernels need it */
    uint64_t histogram[TAL_DEVICE_BINS];
} host_state;

static void host_close(tal_device *device)
{
    host_state *host = device->state;
    if (host == NULL)
        return;
    tal_free(host->profile);
    tal_free(host->scores);
    tal_buffer_deinit(&host->hits);
    tal_batch_deinit(&host->lanes);
    tal_seqset_destroy(host->references);
    tal_ladder_scratch_deinit(&host->scratch);
    tal_free(host);
}

static tal_status host_open(tal_device *device)
{
    const tal_device_params *params = &device->params;
    host_state *host = tal_alloc_zero(sizeof(*host));
    device->state = host;
    if (host == NULL || tal_seqset_create(TAL_PROTEIN, &host->references) != TAL_OK)
        return tal_device_fail(device, TAL_ERR_MEMORY, "host: out of memory");
    host->ladder = (tal_ladder){
        .mode = TAL_LOCAL,
        .gaps = {.open = params->gap_open, .extend = params->gap_extend},
        .score_max = 100,
        .score_min = -100,
    };
    tal_kernel_table_init(&host->ladder.table, params->isa);
    tal_device_info *info = &device->info;
    (void)snprintf(info->name, sizeof(info->name), "%s kernels", tal_isa_name(params->isa));
    (void)snprintf(info->platform, sizeof(info->platform), "this processor");
    info->unit_count = 1;
    info->group_size = TAL_BATCH_LANES;
    info->slot_count = 1;
    info->is_cpu = true;
    info->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    info->budget_bytes = params->memory_bytes;
    if (info->budget_bytes == 0 || info->budget_bytes > info->memory_bytes)
        info->budget_bytes = info->memory_bytes;
    return TAL_OK;
}

static tal_status host_reserve(tal_device *device, const tal_device_shape *shape)
{
    host_state *host = device->state;
    uint64_t bytes = shape->ref_residue_count + 32 * (uint64_t)shape->ref_count +
                     sizeof(int32_t) * shape->pair_count +
                     (uint64_t)shape->query_len_max * TAL_PROFILE_STRIDE;
    if (device->params.memory_bytes != 0 && bytes > device->params.memory_bytes)
        return tal_device_fail(device, TAL_ERR_MEMORY,
                               "host: %llu MiB are needed and gpu_memory_gb gives %llu",
                               (unsigned long long)(bytes >> 20),
                               (unsigned long long)(device->params.memory_bytes >> 20));
    tal_free(host->scores);
    tal_free(host->profile);
    host->scores = tal_alloc_array(shape->pair_count, sizeof(*host->scores));
    host->profile = tal_alloc_vector((size_t)shape->query_len_max * TAL_PROFILE_STRIDE);
    if (host->scores == NULL || host->profile == NULL)
        return tal_device_fail(device, TAL_ERR_MEMORY, "host: out of memory");
    return TAL_OK;
}

static tal_status host_upload(tal_device *device, const tal_device_references *references)
{
    host_state *host = device->state;
    tal_seqset_reset(host->references);
    for (uint32_t i = 0; i < references->count; i++) {
        size_t len = (size_t)(references->offsets[i + 1] - references->offsets[i]);
        tal_status status = tal_seqset_append(
            host->references, i, references->letters + references->offsets[i], len, "", 0);
        if (status != TAL_OK)
            return tal_device_fail(device, status, "host: out of memory");
    }
    return TAL_OK;
}

/* The gapless score of one pair, the specification of gapless kernels. */
static int32_t score_gapless(const tal_device_query *query, const uint8_t *letters, int32_t len)
{
    int32_t best = 0;
    for (int64_t diagonal = 1 - (int64_t)query->len; diagonal < len; diagonal++) {
        int32_t run = 0;
        int64_t row = diagonal < 0 ? -diagonal : 0;
        for (int64_t column = row + diagonal; row < query->len && column < len; row++, column++) {
            run += query->profile[row * TAL_PROFILE_STRIDE + letters[column]];
            run = run > 0 ? run : 0;
            best = run > best ? run : best;
        }
    }
    return best;
}

/* The scores of one query against all references of the batch. */
static tal_status score_query(host_state *host, const tal_device_batch *batch,
                              const tal_device_query *query, int32_t *out_scores)
{
    size_t bytes = (size_t)query->len * TAL_PROFILE_STRIDE;
    memcpy(host->profile, query->profile, bytes);
    for (uint32_t ref = batch->ref_begin; ref < batch->ref_end; ref += TAL_BATCH_LANES) {
        uint32_t left = batch->ref_end - ref;
        int count = left < TAL_BATCH_LANES ? (int)left : TAL_BATCH_LANES;
        if (batch->task == TAL_DEVICE_GAPLESS) {
            for (int i = 0; i < count; i++)
                *out_scores++ =
                    score_gapless(query, tal_seqset_residues(host->references, ref + (uint32_t)i),
                                  tal_seqset_len(host->references, ref + (uint32_t)i));
            continue;
        }
        tal_lid lids[TAL_BATCH_LANES];
        for (int i = 0; i < count; i++)
            lids[i] = ref + (uint32_t)i;
        tal_status status = tal_batch_fill(&host->lanes, host->references, lids, count);
        if (status == TAL_OK)
            status = tal_ladder_score(&host->ladder, &host->scratch, host->profile, query->len,
                                      host->references, &host->lanes, out_scores);
        if (status != TAL_OK)
            return status;
        out_scores += count;
    }
    return TAL_OK;
}

/* Enter one query's scores into the result. */
static tal_status enter(host_state *host, const tal_device_batch *batch, uint32_t query,
                        const int32_t *scores)
{
    for (uint32_t ref = batch->ref_begin; ref < batch->ref_end; ref++) {
        int32_t score = scores[ref - batch->ref_begin];
        host->histogram[score < TAL_DEVICE_BINS ? score : TAL_DEVICE_BINS - 1]++;
        host->result.score_sum += (uint64_t)score;
        if (score > host->result.score_max)
            host->result.score_max = score;
        if (score < batch->queries[query].cut)
            continue;
        tal_device_hit hit = {.query = query, .ref = ref, .score = score};
        tal_status status = tal_buffer_append(&host->hits, &hit, sizeof(hit));
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

static tal_status host_submit(tal_device *device, const tal_device_batch *batch)
{
    host_state *host = device->state;
    uint64_t start = tal_clock_ns();
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    host->result = (tal_device_result){.tag = batch->tag};
    host->scratch.rescue_32 = 0;
    memset(host->histogram, 0, sizeof(host->histogram));
    tal_buffer_reset(&host->hits);
    for (uint32_t query = 0; query < batch->query_count; query++) {
        int32_t *scores = host->scores + (size_t)query * ref_count;
        tal_status status = score_query(host, batch, &batch->queries[query], scores);
        if (status == TAL_OK)
            status = enter(host, batch, query, scores);
        if (status != TAL_OK)
            return tal_device_fail(device, status, "host: out of memory");
    }
    host->result.hits = (const tal_device_hit *)(const void *)host->hits.data;
    host->result.hit_count = host->hits.bytes / sizeof(tal_device_hit);
    host->result.scores = batch->wants_all ? host->scores : NULL;
    host->result.histogram = host->histogram;
    host->result.rescue_count = host->scratch.rescue_32;
    host->result.compute_ns = tal_clock_ns() - start;
    host->result.resident_groups = 1;
    return TAL_OK;
}

static tal_status host_poll(tal_device *device, bool *out_is_done)
{
    (void)device; /* Done when submitted. */
    *out_is_done = true;
    return TAL_OK;
}

static tal_status host_collect(tal_device *device, tal_device_result *out_result)
{
    const host_state *host = device->state;
    *out_result = host->result;
    return TAL_OK;
}

const tal_device_backend *tal_device_backend_host(void)
{
    static const tal_device_backend backend = {
        .kind = TAL_DEVICE_HOST,
        .open = host_open,
        .close = host_close,
        .reserve = host_reserve,
        .upload = host_upload,
        .submit = host_submit,
        .poll = host_poll,
        .collect = host_collect,
    };
    return &backend;
}
