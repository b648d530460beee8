/* The CUDA backend on the emulated driver: every compiled shape, passes, the side stream, the
 * settings, and what a failing driver leads to; against the scalar kernel. */
#include "harness.h"

#include "device/cuda_pack.h"
#include "device/cuda_plan.h"
#include "device/device.h"
#include "device/sample.h"
#include "kernels/device_cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "device/cuda_emulation";

enum { CODES = 25 };

static tal_device_params params_of(int threads, int shared_kb)
{
    return (tal_device_params){
        .kind = TAL_DEVICE_CUDA,
        .memory_bytes = (uint64_t)1 << 30,
        .cuda_threads_per_block = threads,
        .cuda_shared_memory_kb = shared_kb,
        .cuda_streams = 2,
        .gap_open = 11,
        .gap_extend = 1,
        .code_count = CODES,
    };
}

/* The emulated device; without it the program is skipped. */
static tal_device *open_device(const tal_device_params *params)
{
    tal_device *device;
    tal_status status = tal_device_open(params, &device);
    if (status != TAL_OK) {
        char reason[TAL_DEVICE_TEXT_BYTES];
        (void)snprintf(reason, sizeof(reason), "%s", tal_device_message(device));
        tal_device_close(device);
        test_skip(reason);
    }
    return device;
}

static void must(tal_device *device, tal_status status)
{
    if (status == TAL_OK)
        return;
    printf("\n%s\n", tal_device_message(device));
    CU_FAIL_FATAL("a device call failed");
}

static tal_device_batch whole(const sample *own, tal_device_task task)
{
    return (tal_device_batch){.task = task,
                              .queries = own->queries,
                              .query_count = own->query_count,
                              .ref_end = own->ref_count,
                              .wants_all = true};
}

static void prepare(tal_device *device, const sample *own)
{
    tal_device_shape shape = sample_shape(own);
    tal_device_references references = sample_references(own);
    must(device, tal_device_reserve(device, &shape));
    must(device, tal_device_upload(device, &references));
}

/* All pairs of the sample, by the emulated device and by the scalar kernel; rescued is just what a
 * half cannot hold. */
static void expect_scores(const sample *own, const tal_device_params *params, tal_device_task task)
{
    size_t pairs = (size_t)own->query_count * own->ref_count;
    int32_t *expected = calloc(pairs, sizeof(*expected));
    sample_expect(own, task, params->gap_open, params->gap_extend, expected);
    tal_device *device = open_device(params);
    prepare(device, own);
    tal_device_batch batch = whole(own, task);
    tal_device_result result;
    must(device, tal_device_submit(device, &batch));
    must(device, tal_device_collect(device, &result));
    int shown = 0;
    uint64_t rescue_count = 0;
    for (size_t i = 0; i < pairs; i++)
        rescue_count += expected[i] > TAL_HALF_LIMIT;
    for (size_t i = 0; i < pairs; i++)
        if (result.scores[i] != expected[i] && shown++ < 5)
            printf("\ntask %d: query of %d, reference %zu: %d, not %d\n", task,
                   own->queries[i / own->ref_count].len, i % own->ref_count, result.scores[i],
                   expected[i]);
    CU_ASSERT_EQUAL(shown, 0);
    CU_ASSERT_EQUAL(result.rescue_count, rescue_count);
    tal_device_close(device);
    free(expected);
}

/* Queries of these lengths, planted in some references, both tasks. */
static void compare_lens(const int32_t *query_lens, uint32_t query_count, const int32_t *ref_lens,
                         uint32_t ref_count, const tal_device_params *params)
{
    int8_t scores[32 * 32];
    sample_scores(scores, test_random);
    sample own =
        sample_create(ref_lens, ref_count, query_lens, query_count, CODES, scores, test_random);
    for (uint32_t i = 0; i < query_count; i++)
        sample_plant(&own, i, i % ref_count, 2);
    expect_scores(&own, params, TAL_DEVICE_LOCAL);
    expect_scores(&own, params, TAL_DEVICE_GAPLESS);
    sample_destroy(&own);
}

static void random_lens(int32_t *out_lens, uint32_t count, int32_t least, int32_t most)
{
    for (uint32_t i = 0; i < count; i++)
        out_lens[i] = (int32_t)test_random_in(least, most);
}

/* The rows each shape holds, one less, one more. */
static void every_shape_equals_the_scalar_kernel(void)
{
    int32_t query_lens[3 * (TAL_CUDA_SCORE_SHAPE_COUNT + TAL_CUDA_GAPLESS_SHAPE_COUNT)];
    uint32_t count = 0;
    for (int i = 0; i < TAL_CUDA_SCORE_SHAPE_COUNT; i++)
        for (int more = -1; more <= 1; more++)
            query_lens[count++] =
                tal_cuda_score_shapes[i].lanes * tal_cuda_score_shapes[i].rows + more;
    for (int i = 0; i < TAL_CUDA_GAPLESS_SHAPE_COUNT; i++)
        for (int more = -1; more <= 1; more++)
            query_lens[count++] =
                tal_cuda_gapless_shapes[i].lanes * tal_cuda_gapless_shapes[i].rows + more;
    int32_t ref_lens[11];
    random_lens(ref_lens, 11, 1, 70);
    tal_device_params params = params_of(64, 0);
    compare_lens(query_lens, count, ref_lens, 11, &params);
}

static void every_kernel_of_passes_equals_the_scalar_kernel(void)
{
    static const int shared_kb[] = {1, 16, 48, 60, 90, 200};
    const int32_t query_lens[] = {3000, 1793, 1792, 897, 300, 129, 128, 1};
    int32_t ref_lens[9];
    random_lens(ref_lens, 9, 1, 150);
    for (size_t i = 0; i < sizeof(shared_kb) / sizeof(shared_kb[0]); i++) {
        tal_device_params params = params_of(i % 2 == 0 ? 32 : 96, shared_kb[i]);
        compare_lens(query_lens, 8, ref_lens, 9, &params);
    }
}

static void long_references_are_done_beside_the_others(void)
{
    const int32_t ref_lens[] = {TAL_CUDA_LONG_REFERENCE + 900,
                                TAL_CUDA_LONG_REFERENCE + 1,
                                TAL_CUDA_LONG_REFERENCE,
                                TAL_CUDA_LONG_REFERENCE - 1,
                                40,
                                1};
    const int32_t query_lens[] = {700, 33, 5};
    tal_device_params params = params_of(32, 48);
    compare_lens(query_lens, 3, ref_lens, 6, &params);
    compare_lens(query_lens, 3, ref_lens, 2, &params); /* no others */
}

/* One query of a pair beyond a half, the other not; both; neither: only those are rescued. */
static void only_what_a_half_cannot_hold_is_rescued(void)
{
    int8_t scores[32 * 32];
    memset(scores, -100, sizeof(scores));
    for (int i = 0; i < 32; i++)
        scores[i * 32 + i] = 100;
    /* 2047 is the last score that fits: 20 residues give 2000. */
    const int32_t lens[] = {900, 21, 20, 3};
    sample own = sample_create(lens, 4, lens, 4, CODES, scores, test_random);
    memset(own.letters, 3, own.offsets[4]);
    for (uint32_t i = 0; i < 4; i++)
        for (int32_t row = 0; row < own.queries[i].len; row++)
            memcpy(own.profiles[i] + (size_t)row * 32, scores + 3 * 32, 31);
    tal_device_params params = params_of(64, 0);
    expect_scores(&own, &params, TAL_DEVICE_LOCAL);
    expect_scores(&own, &params, TAL_DEVICE_GAPLESS);
    sample_destroy(&own);
}

/* Scores of exactly 2046 to 2049, by the last row. */
static void the_limit_of_a_half_is_exact(void)
{
    const int32_t lens[] = {21, 21, 21, 21};
    int8_t scores[32 * 32] = {0};
    sample own = sample_create(lens, 4, lens, 4, CODES, scores, test_random);
    memset(own.letters, 3, own.offsets[4]);
    for (uint32_t i = 0; i < 4; i++)
        for (int32_t row = 0; row < 21; row++)
            memset(own.profiles[i] + (size_t)row * 32, row < 20 ? 100 : 46 + (int)i, 31);
    tal_device_params params = params_of(64, 0);
    expect_scores(&own, &params, TAL_DEVICE_LOCAL);
    expect_scores(&own, &params, TAL_DEVICE_GAPLESS);
    sample_destroy(&own);
}

/* Costs with kernels of their own, others, none for extending, and more than a half can hold. */
static void every_cost_of_a_gap_equals_the_scalar_kernel(void)
{
    static const int costs[][2] = {{11, 1},   {8, 2},    {5, 3},    {1, 0},
                                   {0, 1},    {2046, 1}, {2047, 2}, {TAL_DEVICE_GAP_MAX - 1, 1},
                                   {10, 3000}};
    const int32_t query_lens[] = {1400, 300, 70, 5};
    int32_t ref_lens[6];
    random_lens(ref_lens, 6, 1, 90);
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
        tal_device_params params = params_of(64, 0);
        params.gap_open = costs[i][0];
        params.gap_extend = costs[i][1];
        compare_lens(query_lens, 4, ref_lens, 6, &params);
    }
}

static void settings_are_kept_within_the_device(void)
{
    static const int asked[] = {0, 1, 32, 100, 512, 1024};
    static const int used[] = {256, 32, 32, 96, 512, 512};
    for (int i = 0; i < 6; i++) {
        tal_device_params params = params_of(asked[i], 48);
        params.cuda_streams = i;
        tal_device *device = open_device(&params);
        CU_ASSERT_EQUAL(tal_device_describe(device)->group_size, used[i]);
        CU_ASSERT_EQUAL(tal_device_describe(device)->slot_count, i == 0 ? 4 : i);
        CU_ASSERT_EQUAL(tal_device_describe(device)->budget_bytes, params.memory_bytes);
        tal_device_close(device);
    }
}

static void early_devices_take_smaller_blocks(void)
{
    setenv("EMULATED_CUDA_CAPABILITY", "8", 1);
    tal_device_params params = params_of(512, 48);
    tal_device *device = open_device(&params);
    CU_ASSERT_EQUAL(tal_device_describe(device)->group_size, TAL_CUDA_THREADS_EARLY);
    tal_device_close(device);
    unsetenv("EMULATED_CUDA_CAPABILITY");
}

static void ranks_of_a_node_take_devices_in_turn(void)
{
    setenv("EMULATED_CUDA_DEVICES", "3", 1);
    for (int rank = 0; rank < 5; rank++) {
        tal_device_params params = params_of(32, 48);
        params.device_idx = 1;
        params.node_rank = rank;
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "device %d", (1 + rank) % 3);
        tal_device *device = open_device(&params);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_device_describe(device)->platform, expected));
        tal_device_close(device);
    }
    unsetenv("EMULATED_CUDA_DEVICES");
}

/* Buses 0x10, 0x20, ... as the emulated driver has them: the even devices are of node 1. */
static void find_places(const tal_pci_address *addresses, int count, int *out_places)
{
    for (int i = 0; i < count; i++) {
        CU_ASSERT(addresses[i].domain == 0 && addresses[i].slot == 0);
        out_places[i] = addresses[i].bus / 16 % 2;
    }
}

static void ranks_take_devices_near_to_them(void)
{
    static const int places[] = {1, 0, 1};
    static const char *const near[] = {"device 0", "device 1", "device 2"};
    static const char *const in_turn[] = {"device 1", "device 2", "device 0"};
    setenv("EMULATED_CUDA_DEVICES", "3", 1);
    for (int rank = 0; rank < 3; rank++)
        for (int device_idx = 0; device_idx < 2; device_idx++) {
            tal_device_params params = params_of(32, 48);
            params.device_idx = device_idx; /* another than 0: as asked, whatever is near */
            params.node_rank = rank;
            params.rank_places = places;
            params.rank_count = 3;
            params.find_places = find_places;
            tal_device *device = open_device(&params);
            CU_ASSERT_PTR_NOT_NULL(strstr(tal_device_describe(device)->platform,
                                          device_idx == 0 ? near[rank] : in_turn[rank]));
            tal_device_close(device);
        }
    unsetenv("EMULATED_CUDA_DEVICES");
}

/* Each launch of a batch may be the one that fails: the cause is named, nothing else happens. */
static void a_failing_launch_loses_the_device(void)
{
    int8_t scores[32 * 32];
    const int32_t ref_lens[] = {TAL_CUDA_LONG_REFERENCE + 1, 9};
    const int32_t query_lens[] = {400, 9, 8};
    sample_scores(scores, test_random);
    sample own = sample_create(ref_lens, 2, query_lens, 3, CODES, scores, test_random);
    int failed = 0;
    for (int launch = 1; launch <= 12; launch++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", launch);
        setenv("EMULATED_CUDA_FAIL_LAUNCH", text, 1);
        tal_device_params params = params_of(32, 0);
        tal_device *device = open_device(&params);
        prepare(device, &own);
        tal_device_batch batch = whole(&own, TAL_DEVICE_LOCAL);
        tal_status status = tal_device_submit(device, &batch);
        if (status != TAL_OK) {
            failed++;
            CU_ASSERT_EQUAL(status, TAL_ERR_IO);
            CU_ASSERT_PTR_NOT_NULL(strstr(tal_device_message(device), "CUDA_ERROR_LAUNCH_FAILED"));
            CU_ASSERT_EQUAL(tal_device_in_flight(device), 0);
        }
        tal_device_close(device);
    }
    unsetenv("EMULATED_CUDA_FAIL_LAUNCH");
    /* Two shapes in the main stream, one in the side stream, rescue, sums, hits. */
    CU_ASSERT_EQUAL(failed, 6);
    sample_destroy(&own);
}

/* The device has less memory than the budget says: refused, and a smaller shape works. */
static void a_device_with_too_little_memory_refuses(void)
{
    int8_t scores[32 * 32];
    const int32_t lens[] = {30, 20, 10};
    sample_scores(scores, test_random);
    sample own = sample_create(lens, 3, lens, 3, CODES, scores, test_random);
    setenv("EMULATED_CUDA_MEMORY_MB", "32", 1);
    tal_device_params params = params_of(32, 0);
    tal_device *device = open_device(&params);
    CU_ASSERT(tal_device_describe(device)->budget_bytes < (uint64_t)32 << 20);
    tal_device_shape shape = sample_shape(&own);
    shape.pair_count = 1 << 22;
    CU_ASSERT_EQUAL(tal_device_reserve(device, &shape), TAL_ERR_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(tal_device_message(device), "batch_size"));
    shape.pair_count = UINT64_C(1) << 32;
    CU_ASSERT_EQUAL(tal_device_reserve(device, &shape), TAL_ERR_MEMORY);
    prepare(device, &own);
    tal_device_batch batch = whole(&own, TAL_DEVICE_LOCAL);
    tal_device_result result;
    must(device, tal_device_submit(device, &batch));
    must(device, tal_device_collect(device, &result));
    CU_ASSERT(result.score_max > 0);
    tal_device_close(device);
    unsetenv("EMULATED_CUDA_MEMORY_MB");
    sample_destroy(&own);
}

static void a_choice_holds_the_query_and_fits_the_shared_memory(void)
{
    for (int32_t len = 1; len <= 4000; len += 7)
        for (uint32_t letters = 2; letters <= TAL_CUDA_LETTERS_MAX; letters += 5)
            for (size_t shared = TAL_CUDA_SHARED_BYTES_MIN; shared <= 232448; shared += 20000)
                for (int kind = 0; kind < 4; kind++) {
                    bool is_gapless = kind % 2 != 0;
                    tal_cuda_choice choice =
                        tal_cuda_choose(is_gapless, kind >= 2, len, letters, shared);
                    const tal_cuda_shape *shapes = choice.is_long ? tal_cuda_long_shapes
                                                   : is_gapless   ? tal_cuda_gapless_shapes
                                                                  : tal_cuda_score_shapes;
                    const tal_cuda_shape *shape = &shapes[choice.idx];
                    bool fits = tal_cuda_shared_bytes(shape, letters) <= shared;
                    bool holds = choice.is_long || shape->lanes * shape->rows >= len;
                    bool is_smallest =
                        choice.is_long || choice.idx == 0 || shape[-1].lanes * shape[-1].rows < len;
                    if (!fits || !holds || !is_smallest || (kind >= 2 && !choice.is_long))
                        CU_FAIL_FATAL("a choice does not fit");
                }
    CU_PASS("all choices fit");
}

static void blocks_of_many_rows_have_fewer_threads(void)
{
    const tal_cuda_shape dense = {.lanes = 8, .rows = TAL_CUDA_ROWS_DENSE};
    const tal_cuda_shape sparse = {.lanes = 8, .rows = TAL_CUDA_ROWS_DENSE + 4};
    CU_ASSERT_EQUAL(tal_cuda_block_threads(&dense, false, 512, 9), 512);
    CU_ASSERT_EQUAL(tal_cuda_block_threads(&sparse, false, 512, 9), TAL_CUDA_THREADS_SPARSE);
    CU_ASSERT_EQUAL(tal_cuda_block_threads(&sparse, false, 256, 9), TAL_CUDA_THREADS_SPARSE);
    CU_ASSERT_EQUAL(tal_cuda_block_threads(&sparse, false, 128, 9), 128);
    CU_ASSERT_EQUAL(tal_cuda_block_threads(&sparse, true, 512, 9), 512);
    CU_ASSERT_EQUAL(tal_cuda_block_threads(&sparse, false, 256, 8), 256);
}

/* Whatever fits in a piece, all pieces together are every reference, filled up to whole words. */
static void references_are_packed_the_same_in_pieces_of_any_size(void)
{
    enum { COUNT = 30, LETTERS_MAX = COUNT * 43 };
    uint8_t letters[LETTERS_MAX];
    uint64_t offsets[COUNT + 1] = {0};
    uint32_t begins[COUNT];
    uint32_t lens[COUNT];
    for (int i = 0; i < COUNT; i++)
        offsets[i + 1] = offsets[i] + (uint64_t)(COUNT - i) + (i < 10 ? test_random() % 11 : 0);
    for (uint64_t i = 0; i < offsets[COUNT]; i++)
        letters[i] = (uint8_t)(3 + test_random() % 5 * 2); /* 3, 5, 7, 9, 11 */
    letters[0] = 11;
    const tal_device_references references = {letters, offsets, COUNT};
    tal_cuda_place(&references, begins, lens);
    for (size_t room = 4; room <= 2 * LETTERS_MAX; room += room < 64 ? 4 : 500) {
        tal_cuda_packer packer;
        uint8_t packed[2 * LETTERS_MAX + 1000];
        size_t bytes = 0;
        tal_cuda_packer_init(&packer, &references);
        for (size_t piece = 1; piece > 0; bytes += piece) {
            piece = tal_cuda_pack(&packer, packed + bytes, room);
            CU_ASSERT_FATAL(piece <= room && piece % 4 == 0);
        }
        CU_ASSERT_EQUAL(bytes, 4 * (size_t)begins[COUNT - 1] + (lens[COUNT - 1] + 3) / 4 * 4);
        for (int i = 0; i < COUNT; i++)
            for (uint32_t k = 0; k < (lens[i] + 3) / 4 * 4; k++) {
                uint8_t letter = packed[4 * (size_t)begins[i] + k];
                CU_ASSERT_FATAL(letter < packer.letter_count);
                if (k < lens[i])
                    CU_ASSERT_EQUAL(packer.code_of_letter[letter], letters[offsets[i] + k])
                else
                    CU_ASSERT_EQUAL(letter, packer.letter_count - 1)
            }
    }
}

static void the_first_short_reference_is_found(void)
{
    const uint32_t lens[] = {TAL_CUDA_LONG_REFERENCE + 2, TAL_CUDA_LONG_REFERENCE + 1,
                             TAL_CUDA_LONG_REFERENCE, 3, 1};
    CU_ASSERT_EQUAL(tal_cuda_short_begin(lens, 0, 5), 2);
    CU_ASSERT_EQUAL(tal_cuda_short_begin(lens, 0, 2), 2);
    CU_ASSERT_EQUAL(tal_cuda_short_begin(lens, 1, 2), 2);
    CU_ASSERT_EQUAL(tal_cuda_short_begin(lens, 2, 5), 2);
    CU_ASSERT_EQUAL(tal_cuda_short_begin(lens, 4, 5), 4);
}

const test_case test_cases[] = {
    TEST_CASE(every_shape_equals_the_scalar_kernel),
    TEST_CASE(every_kernel_of_passes_equals_the_scalar_kernel),
    TEST_CASE(long_references_are_done_beside_the_others),
    TEST_CASE(only_what_a_half_cannot_hold_is_rescued),
    TEST_CASE(the_limit_of_a_half_is_exact),
    TEST_CASE(every_cost_of_a_gap_equals_the_scalar_kernel),
    TEST_CASE(settings_are_kept_within_the_device),
    TEST_CASE(early_devices_take_smaller_blocks),
    TEST_CASE(ranks_of_a_node_take_devices_in_turn),
    TEST_CASE(ranks_take_devices_near_to_them),
    TEST_CASE(a_failing_launch_loses_the_device),
    TEST_CASE(a_device_with_too_little_memory_refuses),
    TEST_CASE(a_choice_holds_the_query_and_fits_the_shared_memory),
    TEST_CASE(blocks_of_many_rows_have_fewer_threads),
    TEST_CASE(references_are_packed_the_same_in_pieces_of_any_size),
    TEST_CASE(the_first_short_reference_is_found),
    {0},
};
