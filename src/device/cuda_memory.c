/* Memory of the CUDA backend: the reservation of a shape and the upload of references.
 *
 * Everything is taken in reserve, for all slots, and counted against the budget first.
 */
#include "device/cuda_internal.h"

#include "base/alloc.h"
#include "device/cuda_pack.h"
#include "kernels/contract.h"
#include "seq/alphabet.h"

#include <string.h>

/* Bytes for the last rows of passes: as much as fills the device, but no more than this and this
 * share of the budget; one block must be able to work. */
#define ROWS_BYTES_MAX (UINT64_C(64) << 20)
#define ROWS_SHARE     16
/* Hits of a batch that are fetched at once. */
#define HITS_MIN        65536
#define BLOCKS_PER_UNIT 2
/* Letters that are packed and copied at once; a multiple of 4. */
#define PIECE_BYTES ((size_t)1 << 18)

/* What the device memory of one slot is made of. */
typedef struct slot_bytes {
    uint64_t profiles, queries, thresholds, scores, rescue, cursors, hits, sums;
    uint64_t main_rows, side_rows, wide_rows;
    uint32_t main_groups, side_groups, wide_groups;
} slot_bytes;

static uint32_t round_up_4(uint32_t value)
{
    return (value + 3) / 4 * 4;
}

/* Groups that may keep a row of `len` columns: a multiple of those of one block. */
static uint32_t group_count(const tal_cuda *cuda, uint32_t len, uint32_t block_groups)
{
    uint64_t block_bytes = (uint64_t)round_up_4(len) * sizeof(tal_cuda_border) * block_groups;
    uint64_t share = cuda->device->info.budget_bytes / (ROWS_SHARE * (uint64_t)cuda->slot_count);
    uint64_t blocks = (share < ROWS_BYTES_MAX ? share : ROWS_BYTES_MAX) / block_bytes;
    uint64_t most = (uint64_t)cuda->device->info.unit_count * BLOCKS_PER_UNIT;
    blocks = blocks < most ? blocks : most;
    return (uint32_t)(blocks < 1 ? 1 : blocks) * block_groups;
}

static uint64_t row_bytes(uint32_t groups, uint32_t len)
{
    return (uint64_t)groups * round_up_4(len) * sizeof(tal_cuda_border);
}

static slot_bytes measure_slot(const tal_cuda *cuda, const tal_device_shape *shape,
                               uint32_t hit_capacity)
{
    uint64_t queries = shape->query_count + UINT64_C(1);
    slot_bytes bytes = {
        .profiles = shape->query_residue_count * TAL_PROFILE_STRIDE,
        .queries = queries * sizeof(tal_cuda_query),
        .thresholds = queries * sizeof(int32_t),
        .scores = shape->pair_count * sizeof(int32_t),
        .rescue = shape->pair_count * sizeof(uint32_t),
        .cursors = queries * sizeof(uint32_t), /* a pair has one in each stream */
        .hits = (uint64_t)hit_capacity * sizeof(tal_cuda_hit),
        .sums = sizeof(tal_cuda_sums),
    };
    uint32_t longest = (uint32_t)shape->ref_len_max;
    uint32_t shorter = longest < TAL_CUDA_LONG_REFERENCE ? longest : TAL_CUDA_LONG_REFERENCE;
    uint32_t letters = (uint32_t)cuda->device->params.code_count + 1;
    uint32_t block_groups = (uint32_t)cuda->threads / 8; /* of the smallest group */
    if (tal_cuda_choose(false, false, shape->query_len_max, letters, cuda->shared_bytes).is_long ||
        tal_cuda_choose(true, false, shape->query_len_max, letters, cuda->shared_bytes).is_long) {
        bytes.main_groups = group_count(cuda, shorter, block_groups);
        bytes.main_rows = row_bytes(bytes.main_groups, shorter);
    }
    if (longest > TAL_CUDA_LONG_REFERENCE) {
        bytes.side_groups = group_count(cuda, longest, block_groups);
        bytes.side_rows = row_bytes(bytes.side_groups, longest);
    }
    bytes.wide_groups = group_count(cuda, longest, TAL_CUDA_WIDE_THREADS / TAL_CUDA_WARP);
    bytes.wide_rows = row_bytes(bytes.wide_groups, longest);
    return bytes;
}

static uint64_t sum_slot(const slot_bytes *bytes)
{
    return bytes->profiles + bytes->queries + bytes->thresholds + bytes->scores + bytes->rescue +
           bytes->cursors + bytes->hits + bytes->sums + bytes->main_rows + bytes->side_rows +
           bytes->wide_rows;
}

void tal_cuda_release(tal_cuda *cuda)
{
    for (int i = 0; i < TAL_DEVICE_SLOTS_MAX; i++) {
        tal_cuda_slot *slot = &cuda->slots[i];
        tal_cuda_address memory[] = {
            slot->profiles,
            slot->queries,
            slot->thresholds,
            slot->scores,
            slot->rescue,
            slot->cursors,
            slot->hits,
            slot->sums,
            slot->main_rows.address,
            slot->side_rows.address,
            slot->wide_rows.address,
        };
        for (size_t k = 0; k < sizeof(memory) / sizeof(memory[0]); k++)
            if (memory[k] != 0)
                (void)cuda->driver.memory_free(memory[k]); /* Nothing to do about a failure. */
        void *locked[] = {slot->host_profiles, slot->host_queries, slot->host_thresholds,
                          slot->host_sums};
        for (size_t k = 0; k < sizeof(locked) / sizeof(locked[0]); k++)
            if (locked[k] != NULL)
                (void)cuda->driver.host_free(locked[k]); /* As above. */
        *slot = (tal_cuda_slot){.stream = slot->stream,
                                .side = slot->side,
                                .begin = slot->begin,
                                .loaded = slot->loaded,
                                .fork = slot->fork,
                                .joined = slot->joined,
                                .computed = slot->computed,
                                .done = slot->done};
    }
    tal_cuda_address *memory[] = {&cuda->letters, &cuda->reference_begin, &cuda->reference_len};
    for (size_t k = 0; k < sizeof(memory) / sizeof(memory[0]); k++) {
        if (*memory[k] != 0)
            (void)cuda->driver.memory_free(*memory[k]); /* As above. */
        *memory[k] = 0;
    }
    tal_free(cuda->host_reference_len);
    cuda->host_reference_len = NULL;
    cuda->taken_bytes = 0;
}

/* Device memory, nothing for nothing. */
static tal_status take(tal_cuda *cuda, uint64_t bytes, tal_cuda_address *out_address)
{
    if (bytes == 0)
        return TAL_OK;
    return tal_cuda_check(cuda, cuda->driver.memory_alloc(out_address, bytes), "take memory");
}

static tal_status take_locked(tal_cuda *cuda, uint64_t bytes, void *out_pointer)
{
    void *memory = NULL;
    tal_status status =
        tal_cuda_check(cuda, cuda->driver.host_alloc(&memory, bytes, 0), "lock host memory");
    if (status == TAL_OK)
        memcpy(out_pointer, &memory, sizeof(memory));
    return status;
}

static tal_status reserve_slot(tal_cuda *cuda, tal_cuda_slot *slot, const slot_bytes *bytes,
                               const tal_device_shape *shape)
{
    uint32_t longest = round_up_4((uint32_t)shape->ref_len_max);
    slot->main_rows.group_count = bytes->main_groups;
    slot->main_rows.stride = longest < TAL_CUDA_LONG_REFERENCE ? longest : TAL_CUDA_LONG_REFERENCE;
    slot->side_rows.group_count = bytes->side_groups;
    slot->side_rows.stride = longest;
    slot->wide_rows.group_count = bytes->wide_groups;
    slot->wide_rows.stride = longest;
    const struct {
        uint64_t bytes;
        tal_cuda_address *address;
    } parts[] = {
        {bytes->profiles, &slot->profiles},
        {bytes->queries, &slot->queries},
        {bytes->thresholds, &slot->thresholds},
        {bytes->scores, &slot->scores},
        {bytes->rescue, &slot->rescue},
        {bytes->cursors, &slot->cursors},
        {bytes->hits, &slot->hits},
        {bytes->sums, &slot->sums},
        {bytes->main_rows, &slot->main_rows.address},
        {bytes->side_rows, &slot->side_rows.address},
        {bytes->wide_rows, &slot->wide_rows.address},
    };
    tal_status status = TAL_OK;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && status == TAL_OK; i++)
        status = take(cuda, parts[i].bytes, parts[i].address);
    if (status == TAL_OK)
        status = take_locked(cuda, bytes->profiles, &slot->host_profiles);
    if (status == TAL_OK)
        status = take_locked(cuda, bytes->queries, &slot->host_queries);
    if (status == TAL_OK)
        status = take_locked(cuda, bytes->thresholds, &slot->host_thresholds);
    if (status == TAL_OK)
        status = take_locked(cuda, bytes->sums, &slot->host_sums);
    return status;
}

tal_status tal_cuda_reserve(tal_device *device, const tal_device_shape *shape)
{
    tal_cuda *cuda = device->state;
    tal_status status =
        tal_cuda_check(cuda, cuda->driver.context_set(cuda->context), "enter the context");
    if (status != TAL_OK)
        return status;
    tal_cuda_release(cuda);
    if (shape->pair_count > UINT32_MAX)
        return tal_device_fail(device, TAL_ERR_MEMORY,
                               "cuda: a batch of %llu pairs; at most 2^32 - 1 can be numbered",
                               (unsigned long long)shape->pair_count);
    uint64_t hits = shape->ref_count > HITS_MIN ? shape->ref_count : HITS_MIN;
    cuda->hit_capacity = (uint32_t)(hits < shape->pair_count ? hits : shape->pair_count);
    slot_bytes slot = measure_slot(cuda, shape, cuda->hit_capacity);
    uint64_t letter_bytes = shape->ref_residue_count + 4 * (uint64_t)shape->ref_count;
    uint64_t reference_bytes = (uint64_t)shape->ref_count * sizeof(uint32_t);
    uint64_t bytes =
        letter_bytes + 2 * reference_bytes + (uint64_t)cuda->slot_count * sum_slot(&slot);
    if (bytes > device->info.budget_bytes)
        return tal_device_fail(device, TAL_ERR_MEMORY,
                               "cuda: %llu MiB are needed for %d batches in flight and the budget "
                               "is %llu; raise gpu_memory_gb or lower batch_size, cuda_streams",
                               (unsigned long long)(bytes >> 20), cuda->slot_count,
                               (unsigned long long)(device->info.budget_bytes >> 20));
    cuda->host_reference_len = tal_alloc_array(shape->ref_count, sizeof(uint32_t));
    if (cuda->host_reference_len == NULL)
        status = tal_device_fail(device, TAL_ERR_MEMORY, "cuda: out of host memory");
    if (status == TAL_OK)
        status = take(cuda, letter_bytes, &cuda->letters);
    if (status == TAL_OK)
        status = take(cuda, reference_bytes, &cuda->reference_begin);
    if (status == TAL_OK)
        status = take(cuda, reference_bytes, &cuda->reference_len);
    for (int i = 0; i < cuda->slot_count && status == TAL_OK; i++)
        status = reserve_slot(cuda, &cuda->slots[i], &slot, shape);
    if (status != TAL_OK)
        tal_cuda_release(cuda);
    else
        cuda->taken_bytes = bytes;
    return status;
}

/* Pack and copy piece by piece: a piece stays in the cache and takes little memory. */
static tal_status send_letters(tal_cuda *cuda, const tal_device_references *references,
                               uint8_t *piece, void *stream)
{
    const tal_cuda_driver *driver = &cuda->driver;
    tal_cuda_packer packer;
    tal_cuda_packer_init(&packer, references);
    cuda->letter_count = packer.letter_count;
    memcpy(cuda->code_of_letter, packer.code_of_letter, sizeof(cuda->code_of_letter));
    uint64_t sent = 0;
    tal_status status = TAL_OK;
    size_t bytes = tal_cuda_pack(&packer, piece, PIECE_BYTES);
    while (bytes > 0 && status == TAL_OK) {
        status = tal_cuda_check(cuda, driver->copy_to(cuda->letters + sent, piece, bytes, stream),
                                "copy references");
        if (status == TAL_OK)
            status = tal_cuda_check(cuda, driver->stream_synchronize(stream), "copy references");
        sent += bytes;
        bytes = tal_cuda_pack(&packer, piece, PIECE_BYTES);
    }
    return status;
}

tal_status tal_cuda_upload(tal_device *device, const tal_device_references *references)
{
    tal_cuda *cuda = device->state;
    const tal_cuda_driver *driver = &cuda->driver;
    uint64_t bytes = references->offsets[references->count] + 4 * (uint64_t)references->count;
    if (bytes / 4 > UINT32_MAX)
        return tal_device_fail(device, TAL_ERR_MEMORY,
                               "cuda: more than 2^34 residues in one upload");
    uint8_t *piece = tal_alloc_array(PIECE_BYTES, 1);
    uint32_t *begins = tal_alloc_array(references->count, sizeof(*begins));
    tal_status status = TAL_OK;
    if (piece == NULL || begins == NULL) {
        status = tal_device_fail(device, TAL_ERR_MEMORY, "cuda: out of host memory");
        goto done;
    }
    tal_cuda_place(references, begins, cuda->host_reference_len);
    size_t numbers = (size_t)references->count * sizeof(*begins);
    void *stream = cuda->slots[0].stream;
    status = tal_cuda_check(cuda, driver->context_set(cuda->context), "enter the context");
    if (status == TAL_OK)
        status = send_letters(cuda, references, piece, stream);
    if (status == TAL_OK)
        status = tal_cuda_check(
            cuda, driver->copy_to(cuda->reference_begin, begins, numbers, stream), "copy begins");
    if (status == TAL_OK)
        status = tal_cuda_check(
            cuda, driver->copy_to(cuda->reference_len, cuda->host_reference_len, numbers, stream),
            "copy lengths");
    if (status == TAL_OK)
        status = tal_cuda_check(cuda, driver->stream_synchronize(stream), "copy references");
done:
    tal_free(begins);
    tal_free(piece);
    return status;
}
