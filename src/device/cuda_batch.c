/* Batches on a CUDA device: copies and launches into a slot's stream, and what comes back.
 *
 * In the order of the stream: queries up; packed kernels, one launch for each run of query pairs of
 * one shape, while references too long for company are done in the side stream; the 32-bit kernel
 * over the rescue list; sums; hits; sums and the count of hits down. Nothing waits on the host
 * until collect, which knows from the count how many hits to fetch. Where they do not fit in the
 * room for hits, they are drawn from the scores again, some queries at a time.
 */
#include "device/cuda_internal.h"

#include "base/check.h"
#include "kernels/contract.h"

#include <string.h>

/* Gapless in the 32-bit kernel: a gap that no score pays for. */
#define GAP_NEVER (1 << 30)

/* Device addresses in what kernels read. */
static void *at(tal_cuda_address address)
{
    return (void *)(uintptr_t)address;
}

static tal_status launch(tal_cuda *cuda, void *kernel, uint32_t blocks, int threads,
                         size_t shared_bytes, void *stream, void *job)
{
    void *arguments[] = {job};
    return tal_cuda_check(cuda,
                          cuda->driver.launch(kernel, blocks, 1, 1, (unsigned)threads, 1, 1,
                                              (unsigned)shared_bytes, stream, arguments, NULL),
                          "launch a kernel");
}

/* What all score launches of a batch share. */
static tal_cuda_score_job make_job(const tal_cuda *cuda, const tal_cuda_slot *slot)
{
    const tal_device_params *params = &cuda->device->params;
    const tal_device_batch *batch = &slot->batch;
    tal_cuda_score_job job = {
        .letters = at(cuda->letters),
        .reference_begin = at(cuda->reference_begin),
        .reference_len = at(cuda->reference_len),
        .tile_first = batch->ref_begin,
        .profiles = at(slot->profiles),
        .queries = at(slot->queries),
        .scores = at(slot->scores),
        .score_stride = batch->ref_end - batch->ref_begin,
        .rescue = at(slot->rescue),
        .rescue_count = at(slot->sums + offsetof(tal_cuda_sums, rescue_count)),
        .letter_count = cuda->letter_count,
        .gap_first = params->gap_open + params->gap_extend,
        .gap_extend = params->gap_extend,
    };
    memcpy(job.code_of_letter, cuda->code_of_letter, sizeof(job.code_of_letter));
    return job;
}

/* One launch of a packed kernel over the pairs and references of `job`. */
static tal_status launch_packed(tal_cuda *cuda, tal_cuda_score_job *job, tal_cuda_choice choice,
                                bool is_gapless, const tal_cuda_rows *rows, void *stream,
                                int *out_resident)
{
    const tal_cuda_shape *shape =
        choice.is_long
            ? &tal_cuda_long_shapes[choice.idx]
            : &(is_gapless ? tal_cuda_gapless_shapes : tal_cuda_score_shapes)[choice.idx];
    void *const *kernels = is_gapless ? (choice.is_long ? cuda->gapless_long : cuda->gapless)
                                      : (choice.is_long ? cuda->score_long : cuda->score);
    void *kernel = kernels[choice.idx];
    int threads = tal_cuda_block_threads(shape, is_gapless, cuda->threads, cuda->capability);
    size_t shared_bytes = tal_cuda_shared_bytes(shape, job->letter_count);
    int resident = 0;
    tal_status status =
        tal_cuda_check(cuda, cuda->driver.occupancy(&resident, kernel, threads, shared_bytes),
                       "ask for the occupancy");
    if (status != TAL_OK)
        return status;
    *out_resident = resident;
    uint32_t block_groups = (uint32_t)(threads / shape->lanes);
    uint64_t blocks =
        (uint64_t)(resident > 0 ? resident : 1) * (uint64_t)cuda->device->info.unit_count;
    uint64_t useful =
        (uint64_t)job->pair_count * ((job->reference_count + block_groups - 1) / block_groups);
    blocks = blocks < useful ? blocks : useful;
    if (choice.is_long) {
        TAL_ASSERT(rows->group_count >= block_groups);
        uint64_t roomy = rows->group_count / block_groups;
        blocks = blocks < roomy ? blocks : roomy;
        job->borders = at(rows->address);
        job->border_stride = rows->stride;
    }
    return launch(cuda, kernel, (uint32_t)blocks, threads, shared_bytes, stream, job);
}

/* The kernel for a pair; its first query is the longer. */
static tal_cuda_choice choose(const tal_cuda *cuda, const tal_device_batch *batch, uint32_t pair,
                              bool wants_long)
{
    return tal_cuda_choose(batch->task == TAL_DEVICE_GAPLESS, wants_long,
                           batch->queries[2 * pair].len, cuda->letter_count, cuda->shared_bytes);
}

/* Launch all pairs of a batch against [begin, end), a launch for each run of one shape. */
static tal_status launch_runs(tal_cuda *cuda, tal_cuda_slot *slot, uint32_t begin, uint32_t end,
                              bool is_side)
{
    const tal_device_batch *batch = &slot->batch;
    uint32_t pair_count = (batch->query_count + 1) / 2;
    tal_cuda_score_job job = make_job(cuda, slot);
    job.reference_first = begin;
    job.reference_count = end - begin;
    tal_status status = TAL_OK;
    for (uint32_t pair = 0; pair < pair_count && status == TAL_OK;) {
        tal_cuda_choice choice = choose(cuda, batch, pair, is_side);
        uint32_t run = 1;
        for (; pair + run < pair_count; run++) {
            tal_cuda_choice next = choose(cuda, batch, pair + run, is_side);
            if (next.is_long != choice.is_long || next.idx != choice.idx)
                break;
        }
        job.query_first = 2 * pair;
        job.pair_count = run;
        job.cursors = at(slot->cursors + sizeof(uint32_t) * (pair + (is_side ? pair_count : 0)));
        status = launch_packed(cuda, &job, choice, batch->task == TAL_DEVICE_GAPLESS,
                               is_side ? &slot->side_rows : &slot->main_rows,
                               is_side ? slot->side : slot->stream, &slot->resident_groups);
        pair += run;
    }
    return status;
}

/* The packed scores of a batch: long references beside the others. */
static tal_status launch_scores(tal_cuda *cuda, tal_cuda_slot *slot)
{
    const tal_device_batch *batch = &slot->batch;
    const tal_cuda_driver *driver = &cuda->driver;
    uint32_t middle =
        tal_cuda_short_begin(cuda->host_reference_len, batch->ref_begin, batch->ref_end);
    tal_status status = TAL_OK;
    bool has_long = middle > batch->ref_begin;
    if (has_long) {
        status = tal_cuda_check(cuda, driver->event_record(slot->fork, slot->stream), "fork");
        if (status == TAL_OK)
            status = tal_cuda_check(cuda, driver->stream_wait(slot->side, slot->fork, 0), "fork");
        if (status == TAL_OK)
            status = launch_runs(cuda, slot, batch->ref_begin, middle, true);
        if (status == TAL_OK)
            status = tal_cuda_check(cuda, driver->event_record(slot->joined, slot->side), "join");
    }
    if (status == TAL_OK && middle < batch->ref_end)
        status = launch_runs(cuda, slot, middle, batch->ref_end, false);
    if (status == TAL_OK && has_long)
        status = tal_cuda_check(cuda, driver->stream_wait(slot->stream, slot->joined, 0), "join");
    return status;
}

/* What packed cells could not hold, in 32 bit. */
static tal_status launch_rescue(tal_cuda *cuda, tal_cuda_slot *slot)
{
    tal_cuda_score_job job = make_job(cuda, slot);
    if (slot->batch.task == TAL_DEVICE_GAPLESS) {
        job.gap_first = GAP_NEVER;
        job.gap_extend = 0;
    }
    job.borders = at(slot->wide_rows.address);
    job.border_stride = slot->wide_rows.stride;
    uint32_t blocks = slot->wide_rows.group_count / (TAL_CUDA_WIDE_THREADS / TAL_CUDA_WARP);
    return launch(cuda, cuda->wide, blocks, TAL_CUDA_WIDE_THREADS, 0, slot->stream, &job);
}

/* Sums of the tile (kernel cuda->sums), or the hits of some queries (cuda->hits). */
static tal_status launch_collect(tal_cuda *cuda, tal_cuda_slot *slot, void *kernel,
                                 uint32_t query_first, uint32_t query_count)
{
    const tal_device_batch *batch = &slot->batch;
    tal_cuda_collect_job job = {
        .scores = at(slot->scores),
        .query_first = query_first,
        .query_count = query_count,
        .reference_begin = batch->ref_begin,
        .reference_count = batch->ref_end - batch->ref_begin,
        .thresholds = at(slot->thresholds),
        .hits = at(slot->hits),
        .hit_count = at(slot->sums + offsetof(tal_cuda_sums, hit_count)),
        .hit_capacity = cuda->hit_capacity,
        .sums = at(slot->sums),
    };
    uint64_t useful = ((uint64_t)query_count * job.reference_count + TAL_CUDA_COLLECT_THREADS - 1) /
                      TAL_CUDA_COLLECT_THREADS;
    uint64_t most = (uint64_t)cuda->device->info.unit_count * 4;
    return launch(cuda, kernel, (uint32_t)(useful < most ? useful : most), TAL_CUDA_COLLECT_THREADS,
                  0, slot->stream, &job);
}

/* Queue the copies of the queries of a batch and zeros for its counters. */
static tal_status send_queries(tal_cuda *cuda, tal_cuda_slot *slot)
{
    const tal_device_batch *batch = &slot->batch;
    const tal_cuda_driver *driver = &cuda->driver;
    uint32_t even_count = (batch->query_count + 1) / 2 * 2;
    uint32_t row = 0;
    for (uint32_t i = 0; i < even_count; i++) {
        bool is_there = i < batch->query_count;
        const tal_device_query *query = is_there ? &batch->queries[i] : NULL;
        uint32_t len = is_there ? (uint32_t)query->len : 0;
        slot->host_queries[i] = (tal_cuda_query){.row = is_there ? row : 0, .len = len};
        slot->host_thresholds[i] = is_there ? query->cut : INT32_MAX;
        if (is_there)
            memcpy(slot->host_profiles + (size_t)row * TAL_PROFILE_STRIDE, query->profile,
                   (size_t)len * TAL_PROFILE_STRIDE);
        row += len;
    }
    void *stream = slot->stream;
    int error = driver->copy_to(slot->profiles, slot->host_profiles,
                                (size_t)row * TAL_PROFILE_STRIDE, stream);
    if (error == TAL_CUDA_OK)
        error = driver->copy_to(slot->queries, slot->host_queries,
                                even_count * sizeof(tal_cuda_query), stream);
    if (error == TAL_CUDA_OK)
        error = driver->copy_to(slot->thresholds, slot->host_thresholds,
                                even_count * sizeof(int32_t), stream);
    if (error == TAL_CUDA_OK)
        error = driver->fill(slot->cursors, 0, even_count * sizeof(uint32_t), stream);
    if (error == TAL_CUDA_OK)
        error = driver->fill(slot->sums, 0, sizeof(tal_cuda_sums), stream);
    slot->sent_bytes = (uint64_t)row * TAL_PROFILE_STRIDE +
                       even_count * (sizeof(tal_cuda_query) + sizeof(int32_t));
    if (error == TAL_CUDA_OK)
        error = driver->event_record(slot->loaded, stream);
    return tal_cuda_check(cuda, error, "send queries");
}

tal_status tal_cuda_submit(tal_device *device, const tal_device_batch *batch)
{
    tal_cuda *cuda = device->state;
    const tal_cuda_driver *driver = &cuda->driver;
    tal_cuda_slot *slot = &cuda->slots[cuda->next_slot];
    slot->batch = *batch;
    tal_status status =
        tal_cuda_check(cuda, driver->context_set(cuda->context), "enter the context");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, driver->event_record(slot->begin, slot->stream), "begin");
    if (status == TAL_OK)
        status = send_queries(cuda, slot);
    if (status == TAL_OK)
        status = launch_scores(cuda, slot);
    if (status == TAL_OK)
        status = launch_rescue(cuda, slot);
    if (status == TAL_OK)
        status = launch_collect(cuda, slot, cuda->sums, 0, batch->query_count);
    if (status == TAL_OK)
        status = launch_collect(cuda, slot, cuda->hits, 0, batch->query_count);
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, driver->event_record(slot->computed, slot->stream), "end");
    if (status == TAL_OK)
        status = tal_cuda_check(
            cuda,
            driver->copy_from(slot->host_sums, slot->sums, sizeof(tal_cuda_sums), slot->stream),
            "fetch sums");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, driver->event_record(slot->done, slot->stream), "end");
    if (status == TAL_OK)
        cuda->next_slot = (cuda->next_slot + 1) % cuda->slot_count;
    return status;
}

/* The slot of the oldest batch in flight. */
static tal_cuda_slot *oldest(const tal_device *device)
{
    tal_cuda *cuda = device->state;
    return &cuda->slots[(cuda->next_slot + cuda->slot_count - device->in_flight) %
                        cuda->slot_count];
}

tal_status tal_cuda_poll(tal_device *device, bool *out_is_done)
{
    tal_cuda *cuda = device->state;
    tal_status status =
        tal_cuda_check(cuda, cuda->driver.context_set(cuda->context), "enter the context");
    if (status != TAL_OK)
        return status;
    int error = cuda->driver.event_query(oldest(device)->done);
    *out_is_done = error == TAL_CUDA_OK;
    return error == TAL_CUDA_NOT_READY ? TAL_OK : tal_cuda_check(cuda, error, "run a batch");
}

/* Append `count` hits of the device to the result. */
static tal_status fetch_hits(tal_cuda *cuda, tal_cuda_slot *slot, uint32_t count)
{
    size_t bytes = (size_t)count * sizeof(tal_cuda_hit);
    tal_buffer *hits = &cuda->result_hits;
    if (tal_buffer_reserve(hits, bytes) != TAL_OK)
        return tal_device_fail(cuda->device, TAL_ERR_MEMORY, "cuda: out of host memory for hits");
    if (bytes == 0)
        return TAL_OK;
    int error = cuda->driver.copy_from(hits->data + hits->bytes, slot->hits, bytes, slot->stream);
    if (error == TAL_CUDA_OK)
        error = cuda->driver.stream_synchronize(slot->stream);
    hits->bytes += bytes;
    return tal_cuda_check(cuda, error, "fetch hits");
}

/* More hits than there is room for: draw them again, as many queries at a time as surely fit. */
static tal_status draw_hits(tal_cuda *cuda, tal_cuda_slot *slot)
{
    const tal_device_batch *batch = &slot->batch;
    tal_cuda_address count_address = slot->sums + offsetof(tal_cuda_sums, hit_count);
    uint32_t step = cuda->hit_capacity / (batch->ref_end - batch->ref_begin);
    TAL_ASSERT(step >= 1);
    tal_status status = TAL_OK;
    for (uint32_t first = 0; first < batch->query_count && status == TAL_OK; first += step) {
        uint32_t left = batch->query_count - first;
        uint32_t count = 0;
        status = tal_cuda_check(
            cuda, cuda->driver.fill(count_address, 0, sizeof(count), slot->stream), "draw hits");
        if (status == TAL_OK)
            status = launch_collect(cuda, slot, cuda->hits, first, left < step ? left : step);
        if (status == TAL_OK)
            status = tal_cuda_check(
                cuda, cuda->driver.copy_from(&count, count_address, sizeof(count), slot->stream),
                "draw hits");
        if (status == TAL_OK)
            status =
                tal_cuda_check(cuda, cuda->driver.stream_synchronize(slot->stream), "draw hits");
        TAL_ASSERT(status != TAL_OK || count <= cuda->hit_capacity);
        if (status == TAL_OK)
            status = fetch_hits(cuda, slot, count);
    }
    return status;
}

static tal_status fetch_scores(tal_cuda *cuda, tal_cuda_slot *slot)
{
    const tal_device_batch *batch = &slot->batch;
    size_t bytes =
        (size_t)batch->query_count * (batch->ref_end - batch->ref_begin) * sizeof(int32_t);
    tal_buffer_reset(&cuda->result_scores);
    if (tal_buffer_reserve(&cuda->result_scores, bytes) != TAL_OK)
        return tal_device_fail(cuda->device, TAL_ERR_MEMORY, "cuda: out of host memory for scores");
    int error = cuda->driver.copy_from(cuda->result_scores.data, slot->scores, bytes, slot->stream);
    if (error == TAL_CUDA_OK)
        error = cuda->driver.stream_synchronize(slot->stream);
    return tal_cuda_check(cuda, error, "fetch scores");
}

/* Milliseconds the device spent on a finished batch: since its begin, or since the end of the batch
 * before it where they overlapped. */
static tal_status take_time(tal_cuda *cuda, tal_cuda_slot *slot, float *out_ms, float *out_copy_ms)
{
    float own_ms = 0;
    float up_ms = 0;
    float down_ms = 0;
    int error = cuda->driver.event_elapsed(&own_ms, slot->begin, slot->done);
    if (error == TAL_CUDA_OK)
        error = cuda->driver.event_elapsed(&up_ms, slot->begin, slot->loaded);
    if (error == TAL_CUDA_OK)
        error = cuda->driver.event_elapsed(&down_ms, slot->computed, slot->done);
    *out_copy_ms = up_ms + down_ms;
    float since_ms = own_ms;
    if (error == TAL_CUDA_OK && cuda->has_last)
        error = cuda->driver.event_elapsed(&since_ms, cuda->last_done, slot->done);
    if (error != TAL_CUDA_OK)
        return tal_cuda_check(cuda, error, "take the time");
    void *done = slot->done;
    slot->done = cuda->last_done;
    cuda->last_done = done;
    cuda->has_last = true;
    since_ms = since_ms > 0 ? since_ms : 0; /* Streams may end in another order. */
    *out_ms = since_ms < own_ms ? since_ms : own_ms;
    return TAL_OK;
}

tal_status tal_cuda_collect(tal_device *device, tal_device_result *out_result)
{
    tal_cuda *cuda = device->state;
    tal_cuda_slot *slot = oldest(device);
    const tal_cuda_sums *sums = slot->host_sums;
    float elapsed_ms = 0;
    float copy_ms = 0;
    tal_status status =
        tal_cuda_check(cuda, cuda->driver.context_set(cuda->context), "enter the context");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, cuda->driver.event_synchronize(slot->done), "run a batch");
    if (status == TAL_OK)
        status = take_time(cuda, slot, &elapsed_ms, &copy_ms);
    tal_buffer_reset(&cuda->result_hits);
    if (status == TAL_OK)
        status = sums->hit_count <= cuda->hit_capacity ? fetch_hits(cuda, slot, sums->hit_count)
                                                       : draw_hits(cuda, slot);
    if (status == TAL_OK && slot->batch.wants_all)
        status = fetch_scores(cuda, slot);
    if (status != TAL_OK)
        return status;
    *out_result = (tal_device_result){
        .tag = slot->batch.tag,
        .hits = (const tal_device_hit *)(const void *)cuda->result_hits.data,
        .hit_count = cuda->result_hits.bytes / sizeof(tal_device_hit),
        .scores =
            slot->batch.wants_all ? (const int32_t *)(const void *)cuda->result_scores.data : NULL,
        .histogram = sums->histogram,
        .score_sum = sums->sum,
        .score_max = sums->maximum,
        .rescue_count = sums->rescue_count,
        .compute_ns = (uint64_t)((double)elapsed_ms * 1e6),
        .copy_ns = (uint64_t)((double)(copy_ms < elapsed_ms ? copy_ms : elapsed_ms) * 1e6),
        .copy_bytes = slot->sent_bytes + sizeof(*sums) + cuda->result_hits.bytes,
        .resident_groups = slot->resident_groups,
    };
    return TAL_OK;
}
