/* Devices: every backend gives the scalar kernel's scores, for every shape of batch; what fails
 * says so. Backends that are absent are skipped, visibly. */
#include "harness.h"

#include "device/device.h"
#include "device/sample.h"
#include "seq/alphabet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "device/device";

/* As searches of proteins have, so that PoCL's cache serves all tests. */
enum { CODES = TAL_PROTEIN_LETTER_COUNT, LONG = 1250 + TEST_AMOUNT(1250) };

static tal_device_params base_params(tal_device_kind kind)
{
    return (tal_device_params){
        .kind = kind,
        .memory_bytes = (uint64_t)1 << 30,
        .isa = tal_cpu_isa_best(),
        .gap_open = 11,
        .gap_extend = 1,
        .code_count = CODES,
        .opencl_work_group_size = 32, /* large ones are slow on a processor */
    };
}

/* The device, or NULL where the backend is absent, which is printed. */
static tal_device *open_or_skip(const tal_device_params *params)
{
    tal_device *device;
    tal_status status = tal_device_open(params, &device);
    if (status == TAL_OK)
        return device;
    static bool is_told[TAL_DEVICE_KIND_COUNT];
    if (!is_told[params->kind])
        printf("\nskipped: %s\n", tal_device_message(device));
    is_told[params->kind] = true;
    CU_ASSERT_NOT_EQUAL(params->kind, TAL_DEVICE_HOST);
    CU_ASSERT_EQUAL(status, TAL_ERR_CONFIG);
    tal_device_close(device);
    return NULL;
}

static const tal_device_kind kinds[] = {TAL_DEVICE_HOST, TAL_DEVICE_OPENCL, TAL_DEVICE_CUDA};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void must(tal_device *device, tal_status status)
{
    if (status == TAL_OK)
        return;
    printf("\n%s\n", tal_device_message(device));
    CU_FAIL_FATAL("a device call failed");
}

/* Whether every pair at or above its cut is a hit, once, with its score, and no other is. */
static void expect_hits(const sample *own, const tal_device_batch *batch,
                        const tal_device_result *result, const int32_t *expected)
{
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    bool *is_seen = calloc((size_t)batch->query_count * ref_count, sizeof(*is_seen));
    size_t count = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < result->hit_count; i++) {
        const tal_device_hit *hit = &result->hits[i];
        CU_ASSERT_FATAL(hit->query < batch->query_count);
        CU_ASSERT_FATAL(hit->ref >= batch->ref_begin && hit->ref < batch->ref_end);
        bool *seen = &is_seen[(size_t)hit->query * ref_count + hit->ref - batch->ref_begin];
        wrong += *seen;
        *seen = true;
        size_t query = (size_t)(batch->queries - own->queries) + hit->query;
        wrong += hit->score != expected[query * own->ref_count + hit->ref];
        wrong += hit->score < batch->queries[hit->query].cut;
    }
    for (uint32_t query = 0; query < batch->query_count; query++)
        for (uint32_t ref = batch->ref_begin; ref < batch->ref_end; ref++) {
            size_t row = (size_t)(batch->queries - own->queries) + query;
            count += expected[row * own->ref_count + ref] >= batch->queries[query].cut;
        }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(result->hit_count, count);
    free(is_seen);
}

static void expect_result(const sample *own, const tal_device_batch *batch,
                          const tal_device_result *result, const int32_t *expected,
                          const char *backend)
{
    static uint64_t histogram[TAL_DEVICE_BINS];
    memset(histogram, 0, sizeof(histogram));
    uint32_t ref_count = batch->ref_end - batch->ref_begin;
    uint64_t sum = 0;
    int32_t largest = 0;
    int shown = 0;
    for (uint32_t query = 0; query < batch->query_count; query++)
        for (uint32_t ref = batch->ref_begin; ref < batch->ref_end; ref++) {
            size_t row = (size_t)(batch->queries - own->queries) + query;
            int32_t score = expected[row * own->ref_count + ref];
            histogram[score < TAL_DEVICE_BINS ? score : TAL_DEVICE_BINS - 1]++;
            sum += (uint64_t)score;
            largest = score > largest ? score : largest;
            if (!batch->wants_all)
                continue;
            int32_t got = result->scores[(size_t)query * ref_count + ref - batch->ref_begin];
            if (got == score)
                continue;
            if (shown++ < 5)
                printf("\n%s: query %u (%d rows), reference %u (%d): %d, not %d\n", backend, query,
                       batch->queries[query].len, ref,
                       (int)(own->offsets[ref + 1] - own->offsets[ref]), got, score);
        }
    CU_ASSERT_EQUAL(shown, 0);
    CU_ASSERT_EQUAL(result->tag, batch->tag);
    CU_ASSERT_EQUAL(result->score_sum, sum);
    CU_ASSERT_EQUAL(result->score_max, largest);
    CU_ASSERT_EQUAL(memcmp(result->histogram, histogram, sizeof(histogram)), 0);
    CU_ASSERT_EQUAL(result->scores == NULL, !batch->wants_all);
    expect_hits(own, batch, result, expected);
}

/* The whole sample as one batch. */
static void run_sample(tal_device *device, const sample *own, tal_device_task task,
                       const int32_t *expected)
{
    tal_device_shape shape = sample_shape(own);
    tal_device_references references = sample_references(own);
    must(device, tal_device_reserve(device, &shape));
    must(device, tal_device_upload(device, &references));
    tal_device_batch batch = {
        .task = task,
        .queries = own->queries,
        .query_count = own->query_count,
        .ref_end = own->ref_count,
        .wants_all = true,
        .tag = 77,
    };
    must(device, tal_device_submit(device, &batch));
    CU_ASSERT_EQUAL(tal_device_in_flight(device), 1);
    tal_device_result result;
    must(device, tal_device_collect(device, &result));
    CU_ASSERT_EQUAL(tal_device_in_flight(device), 0);
    expect_result(own, &batch, &result, expected, tal_device_describe(device)->text);
}

/* Compare all backends on one sample, both tasks. */
static void compare(const sample *own, tal_device_params params, int sizes)
{
    static const int group_sizes[] = {32, 1, 8, 100};
    int32_t *expected = calloc((size_t)own->query_count * own->ref_count, sizeof(*expected));
    for (int task = 0; task < TAL_DEVICE_TASK_COUNT; task++) {
        sample_expect(own, (tal_device_task)task, params.gap_open, params.gap_extend, expected);
        for (int i = 0; i < KINDS; i++)
            for (int size = 0; size < (kinds[i] == TAL_DEVICE_OPENCL ? sizes : 1); size++) {
                params.kind = kinds[i];
                params.opencl_work_group_size = group_sizes[size];
                tal_device *device = open_or_skip(&params);
                if (device == NULL)
                    break;
                run_sample(device, own, (tal_device_task)task, expected);
                tal_device_close(device);
            }
    }
    free(expected);
}

static void random_lens(int32_t *out_lens, uint32_t count, int32_t max)
{
    for (uint32_t i = 0; i < count; i++)
        out_lens[i] = (int32_t)test_random_in(1, max);
}

static void scores_equal_the_scalar_kernel(void)
{
    int8_t scores[32 * 32];
    int32_t ref_lens[70];
    int32_t query_lens[9];
    sample_scores(scores, test_random);
    random_lens(ref_lens, 70, 120);
    random_lens(query_lens, 9, 90);
    sample own = sample_create(ref_lens, 70, query_lens, 9, CODES, scores, test_random);
    for (uint32_t i = 0; i < 9; i++)
        sample_plant(&own, i, 3 * i, i);
    compare(&own, base_params(TAL_DEVICE_AUTO), 4);
    sample_destroy(&own);
}

static void one_residue_against_one_residue_is_right(void)
{
    int8_t scores[32 * 32];
    const int32_t lens[] = {1, 1, 1};
    sample_scores(scores, test_random);
    sample own = sample_create(lens, 3, lens, 1, CODES, scores, test_random);
    sample_plant(&own, 0, 1, 0);
    compare(&own, base_params(TAL_DEVICE_AUTO), 4);
    sample_destroy(&own);
}

static void long_queries_and_references_take_several_tiles(void)
{
    int8_t scores[32 * 32];
    const int32_t ref_lens[] = {LONG, LONG - 1, 700, 256, 17, 1};
    const int32_t query_lens[] = {LONG, 600, 257, 256, 255, 1};
    sample_scores(scores, test_random);
    sample own = sample_create(ref_lens, 6, query_lens, 6, CODES, scores, test_random);
    sample_plant(&own, 0, 0, 0);
    sample_plant(&own, 1, 1, 1000);
    compare(&own, base_params(TAL_DEVICE_AUTO), 2);
    sample_destroy(&own);
}

/* Equal sequences score `each` a residue: around what 16 bit hold, and far above. */
static void scores_beyond_16_bit_are_rescued(void)
{
    int8_t scores[32 * 32];
    memset(scores, -100, sizeof(scores));
    for (int i = 0; i < 32; i++)
        scores[i * 32 + i] = 100;
    const int32_t lens[] = {700, 330, 327, 326, 325, 10};
    sample own = sample_create(lens, 6, lens, 6, CODES, scores, test_random);
    memset(own.letters, 3, own.offsets[6]);
    for (uint32_t i = 0; i < 6; i++)
        for (int32_t row = 0; row < own.queries[i].len; row++)
            memcpy(own.profiles[i] + (size_t)row * 32, scores + 3 * 32, 31);
    compare(&own, base_params(TAL_DEVICE_AUTO), 2);
    tal_device_params params = base_params(TAL_DEVICE_AUTO);
    params.gap_open = TAL_DEVICE_GAP_MAX - 100;
    params.gap_extend = 100;
    compare(&own, params, 1);
    sample_destroy(&own);
}

static void gap_costs_may_be_anything_allowed(void)
{
    static const int gaps[][2] = {{0, 1}, {1, 0}, {0, TAL_DEVICE_GAP_MAX}, {TAL_DEVICE_GAP_MAX, 0},
                                  {3, 2}, {0, 3}};
    int8_t scores[32 * 32];
    int32_t lens[20];
    sample_scores(scores, test_random);
    random_lens(lens, 20, 60);
    sample own = sample_create(lens, 20, lens, 5, 4, scores, test_random);
    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
        tal_device_params params = base_params(TAL_DEVICE_AUTO);
        params.gap_open = gaps[i][0];
        params.gap_extend = gaps[i][1];
        params.code_count = 4;
        compare(&own, params, 1);
    }
    sample_destroy(&own);
}

/* Parts of the queries and references, several batches in flight, cuts. */
static void batches_come_back_in_order_with_hits_above_the_cut(void)
{
    int8_t scores[32 * 32];
    int32_t lens[40];
    static int32_t expected[40 * 12];
    sample_scores(scores, test_random);
    random_lens(lens, 40, 80);
    sample own = sample_create(lens, 40, lens, 12, CODES, scores, test_random);
    sample_expect(&own, TAL_DEVICE_LOCAL, 11, 1, expected);
    for (uint32_t i = 0; i < 12; i++)
        own.queries[i].cut = i == 5 ? INT32_MAX : 25 + (int32_t)i;
    for (int k = 0; k < KINDS; k++) {
        tal_device_params params = base_params(kinds[k]);
        tal_device *device = open_or_skip(&params);
        if (device == NULL)
            continue;
        tal_device_shape shape = sample_shape(&own);
        tal_device_references references = sample_references(&own);
        must(device, tal_device_reserve(device, &shape));
        must(device, tal_device_upload(device, &references));
        tal_device_batch batches[6];
        tal_device_result result;
        uint64_t collected = 0;
        for (uint64_t i = 0; i < 6; i++) {
            uint32_t query = (uint32_t)(i % 3) * 4;
            uint32_t ref = (uint32_t)(i / 3) * 17;
            batches[i] = (tal_device_batch){
                .queries = own.queries + query,
                .query_count = 4,
                .ref_begin = ref,
                .ref_end = i < 3 ? 17 : 40,
                .wants_all = i % 2 == 0,
                .tag = i,
            };
            if (tal_device_in_flight(device) == tal_device_describe(device)->slot_count) {
                must(device, tal_device_collect(device, &result));
                expect_result(&own, &batches[collected++], &result, expected, "part");
            }
            must(device, tal_device_submit(device, &batches[i]));
        }
        for (; collected < 6; collected++) {
            bool is_done = false;
            while (!is_done)
                must(device, tal_device_poll(device, &is_done));
            must(device, tal_device_collect(device, &result));
            expect_result(&own, &batches[collected], &result, expected, "part");
        }
        tal_device_close(device);
    }
    sample_destroy(&own);
}

/* More hits than the device keeps room for. */
static void every_pair_may_be_a_hit(void)
{
    int8_t scores[32 * 32];
    memset(scores, 1, sizeof(scores));
    int32_t lens[150];
    random_lens(lens, 150, 6);
    sample own = sample_create(lens, 150, lens, 150, CODES, scores, test_random);
    compare(&own, base_params(TAL_DEVICE_AUTO), 1);
    sample_destroy(&own);
}

static void a_small_budget_is_refused_and_a_smaller_shape_still_works(void)
{
    int8_t scores[32 * 32];
    int32_t lens[20];
    sample_scores(scores, test_random);
    random_lens(lens, 20, 30);
    sample own = sample_create(lens, 20, lens, 4, CODES, scores, test_random);
    static int32_t expected[80];
    sample_expect(&own, TAL_DEVICE_LOCAL, 11, 1, expected);
    for (int k = 0; k < KINDS; k++) {
        tal_device_params params = base_params(kinds[k]);
        params.memory_bytes = (uint64_t)64 << 20;
        tal_device *device = open_or_skip(&params);
        if (device == NULL)
            continue;
        tal_device_shape shape = sample_shape(&own);
        shape.ref_residue_count = (uint64_t)1 << 27;
        CU_ASSERT_EQUAL(tal_device_reserve(device, &shape), TAL_ERR_MEMORY);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_device_message(device), "MiB"));
        run_sample(device, &own, TAL_DEVICE_LOCAL, expected);
        tal_device_close(device);
    }
    sample_destroy(&own);
}

static void an_injected_failure_loses_the_device(void)
{
    int8_t scores[32 * 32];
    const int32_t lens[] = {5, 5};
    sample_scores(scores, test_random);
    sample own = sample_create(lens, 2, lens, 2, CODES, scores, test_random);
    for (int k = 0; k < KINDS; k++) {
        tal_device_params params = base_params(kinds[k]);
        params.fail_at = 2;
        tal_device *device = open_or_skip(&params);
        if (device == NULL)
            continue;
        tal_device_shape shape = sample_shape(&own);
        tal_device_references references = sample_references(&own);
        must(device, tal_device_reserve(device, &shape));
        must(device, tal_device_upload(device, &references));
        tal_device_batch batch = {.queries = own.queries, .query_count = 2, .ref_end = 2};
        tal_device_result result;
        must(device, tal_device_submit(device, &batch));
        must(device, tal_device_collect(device, &result));
        CU_ASSERT_EQUAL(tal_device_submit(device, &batch), TAL_ERR_IO);
        CU_ASSERT_PTR_NOT_NULL(strstr(tal_device_message(device), "launch 2"));
        CU_ASSERT_EQUAL(tal_device_in_flight(device), 0);
        CU_ASSERT_EQUAL(tal_device_submit(device, &batch), TAL_ERR_IO);
        CU_ASSERT_EQUAL(tal_device_reserve(device, &shape), TAL_ERR_IO);
        tal_device_close(device);
    }
    sample_destroy(&own);
}

/* Sub-groups of 16 work items for a device that has none: a shuffle through local memory. It stands
 * where the kernel has `exchange` and `place`. */
static const char sub_groups_of_16[] =
    "#define get_sub_group_id() (get_local_id(0) / 16)\n"
    "#define get_max_sub_group_size() 16\n"
    "#define get_sub_group_local_id() (get_local_id(0) % 16)\n"
    "#define sub_group_shuffle_up(value, delta) ({ \\\n"
    "    barrier(CLK_LOCAL_MEM_FENCE); \\\n"
    "    ((__local int *)exchange)[place->idx] = (value); \\\n"
    "    barrier(CLK_LOCAL_MEM_FENCE); \\\n"
    "    place->idx % 16 < (delta) ? -1 : ((__local int *)exchange)[place->idx - (delta)]; })\n";

static void sub_groups_give_the_same_scores(void)
{
    static const int group_sizes[] = {32, 8}; /* 8: no whole sub-group, so without */
    int8_t scores[32 * 32];
    int32_t lens[12];
    sample_scores(scores, test_random);
    random_lens(lens, 12, 60);
    lens[0] = 300; /* more than one tile */
    sample own = sample_create(lens, 12, lens, 5, CODES, scores, test_random);
    int32_t expected[60];
    for (int i = 0; i < 2; i++) {
        tal_device_params params = base_params(TAL_DEVICE_OPENCL);
        params.opencl_work_group_size = group_sizes[i];
        params.opencl_prelude = sub_groups_of_16;
        params.opencl_sub_group_size = 16;
        tal_device *device = open_or_skip(&params);
        if (device == NULL)
            break;
        const tal_device_info *info = tal_device_describe(device);
        CU_ASSERT_EQUAL(info->sub_group_size, i == 0 ? 16 : 0);
        CU_ASSERT_EQUAL(strstr(info->text, "sub-groups of 16") != NULL, i == 0);
        for (int task = 0; task < TAL_DEVICE_TASK_COUNT; task++) {
            sample_expect(&own, (tal_device_task)task, params.gap_open, params.gap_extend,
                          expected);
            run_sample(device, &own, (tal_device_task)task, expected);
        }
        tal_device_close(device);
    }
    sample_destroy(&own);
}

static void a_device_that_is_not_there_is_named(void)
{
    for (int k = 0; k < KINDS; k++) {
        tal_device_params params = base_params(kinds[k]);
        params.device_idx = 200;
        tal_device *device;
        CU_ASSERT_EQUAL(tal_device_open(&params, &device),
                        kinds[k] == TAL_DEVICE_HOST ? TAL_OK : TAL_ERR_CONFIG);
        CU_ASSERT_EQUAL(tal_device_message(device)[0] == '\0', kinds[k] == TAL_DEVICE_HOST);
        tal_device_close(device);
    }
    tal_device_params params = base_params(TAL_DEVICE_OPENCL);
    params.opencl_platform = 200;
    tal_device *device;
    CU_ASSERT_EQUAL(tal_device_open(&params, &device), TAL_ERR_CONFIG);
    tal_device_close(device);
}

static void work_groups_have_the_size_asked_for(void)
{
    static const int asked[] = {1, 100, 0};
    static const int used[] = {1, 96, 256};
    for (int i = 0; i < 3; i++) {
        tal_device_params params = base_params(TAL_DEVICE_OPENCL);
        params.opencl_work_group_size = asked[i];
        tal_device *device = open_or_skip(&params);
        if (device == NULL)
            return;
        CU_ASSERT_EQUAL(tal_device_describe(device)->group_size, used[i]);
        tal_device_close(device);
    }
}

const test_case test_cases[] = {
    TEST_CASE(scores_equal_the_scalar_kernel),
    TEST_CASE(one_residue_against_one_residue_is_right),
    TEST_CASE(long_queries_and_references_take_several_tiles),
    TEST_CASE(scores_beyond_16_bit_are_rescued),
    TEST_CASE(gap_costs_may_be_anything_allowed),
    TEST_CASE(batches_come_back_in_order_with_hits_above_the_cut),
    TEST_CASE(every_pair_may_be_a_hit),
    TEST_CASE(a_small_budget_is_refused_and_a_smaller_shape_still_works),
    TEST_CASE(an_injected_failure_loses_the_device),
    TEST_CASE(sub_groups_give_the_same_scores),
    TEST_CASE(a_device_that_is_not_there_is_named),
    TEST_CASE(work_groups_have_the_size_asked_for),
    {0},
};
