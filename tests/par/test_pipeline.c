/* Pipelines: order, bounds, failures in order, being stopped anywhere. */
#include "harness.h"

#include "par/pipeline.h"

#include <stdatomic.h>
#include <string.h>

const char test_suite_name[] = "par/pipeline";

enum { NOWHERE = -1, ITEMS = 500 };

typedef struct item {
    int number;
    int stages; /* passed */
} item;

typedef struct work {
    int item_count;
    int failing_item; /* in the last stage; NOWHERE: none */
    int source_failing_item;
    atomic_int in_flight, in_flight_max;
} work;

static tal_status count_up(void *context, tal_pipeline *pipeline)
{
    work *shared = context;
    for (int i = 0; i < shared->item_count; i++) {
        item *next = tal_pipeline_begin(pipeline);
        if (next == NULL)
            return TAL_OK;
        if (i == shared->source_failing_item)
            return tal_fail(TAL_ERR_IO, "the source fails at %d", i);
        int now = atomic_fetch_add(&shared->in_flight, 1) + 1;
        int max = atomic_load(&shared->in_flight_max);
        while (now > max && !atomic_compare_exchange_weak(&shared->in_flight_max, &max, now)) {
        }
        *next = (item){.number = i};
        tal_pipeline_send(pipeline, next);
    }
    return TAL_OK;
}

static tal_status pass(void *context, void *passing)
{
    (void)context; /* The item is enough. */
    ((item *)passing)->stages++;
    return TAL_OK;
}

static tal_status pass_or_fail(void *context, void *passing)
{
    work *shared = context;
    item *now = passing;
    if (now->number == shared->failing_item)
        return tal_fail(TAL_ERR_DATA, "a stage fails at %d", now->number);
    now->stages++;
    return TAL_OK;
}

static tal_pipeline *make(work *shared, size_t item_count, size_t stage_count)
{
    tal_pipeline_params params = {
        .queue_name = "test queue",
        .pool_name = "test pool",
        .item_count = item_count,
        .item_bytes = sizeof(item),
        .context = shared,
        .source_name = "test-source",
        .source = count_up,
        .stages = {{"test-pass", pass}, {"test-fail", pass_or_fail}, {"test-last", pass}},
        .stage_count = stage_count,
    };
    tal_pipeline *pipeline = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_pipeline_create(&params, &pipeline), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_pipeline_start(pipeline), TAL_OK);
    return pipeline;
}

/* Take all; returns the status of the end. */
static tal_status drain(tal_pipeline *pipeline, work *shared, size_t stage_count, int *out_count)
{
    *out_count = 0;
    for (;;) {
        void *next = NULL;
        tal_status status = tal_pipeline_next(pipeline, &next);
        if (next == NULL)
            return status;
        item *now = next;
        CU_ASSERT_EQUAL(status, TAL_OK);
        CU_ASSERT_EQUAL(now->number, *out_count);
        CU_ASSERT_EQUAL(now->stages, (int)stage_count);
        ++*out_count;
        atomic_fetch_sub(&shared->in_flight, 1);
        tal_pipeline_recycle(pipeline, next);
    }
}

static void items_come_out_in_order_and_never_more_than_there_are(void)
{
    for (size_t stages = 0; stages <= 3; stages++)
        for (size_t items = 1; items <= 4; items++)
            for (int count = 0; count <= ITEMS; count += ITEMS / 2) {
                work shared = {count, NOWHERE, NOWHERE, 0, 0};
                tal_pipeline *pipeline = make(&shared, items, stages);
                int seen = 0;
                CU_ASSERT_EQUAL(drain(pipeline, &shared, stages, &seen), TAL_OK);
                CU_ASSERT_EQUAL(seen, count);
                CU_ASSERT(atomic_load(&shared.in_flight_max) <= (int)items);
                void *more = &seen;
                CU_ASSERT_EQUAL(tal_pipeline_next(pipeline, &more), TAL_OK);
                CU_ASSERT_PTR_NULL(more);
                tal_pipeline_destroy(pipeline);
            }
    tal_pipeline_destroy(NULL);
}

static void items_before_a_failure_come_out_then_its_status(void)
{
    for (int failing = 0; failing < 20; failing += 3)
        for (int is_source = 0; is_source < 2; is_source++)
            for (size_t stages = (size_t)(is_source ? 0 : 2); stages <= 3; stages++) {
                tal_status_clear();
                work shared = {50, is_source ? NOWHERE : failing, is_source ? failing : NOWHERE, 0,
                               0};
                tal_pipeline *pipeline = make(&shared, 3, stages);
                int seen = 0;
                CU_ASSERT_EQUAL(drain(pipeline, &shared, stages, &seen),
                                is_source ? TAL_ERR_IO : TAL_ERR_DATA);
                CU_ASSERT_EQUAL(seen, failing);
                CU_ASSERT_PTR_NOT_NULL(strstr(tal_status_message(), "fails at"));
                tal_pipeline_destroy(pipeline);
            }
    tal_status_clear();
}

static void destroy_ends_a_pipeline_wherever_it_is(void)
{
    for (int taken = 0; taken < 30; taken++)
        for (size_t stages = 0; stages <= 3; stages++) {
            work shared = {1000, NOWHERE, NOWHERE, 0, 0};
            tal_pipeline *pipeline = make(&shared, 1 + (size_t)taken % 3, stages);
            for (int i = 0; i < taken; i++) {
                void *next = NULL;
                CU_ASSERT_EQUAL(tal_pipeline_next(pipeline, &next), TAL_OK);
                CU_ASSERT_PTR_NOT_NULL_FATAL(next);
                if (i + 1 < taken) /* The last stays out. */
                    tal_pipeline_recycle(pipeline, next);
            }
            tal_pipeline_destroy(pipeline);
        }
}

static void a_pipeline_that_never_started_can_be_destroyed(void)
{
    work shared = {1, NOWHERE, NOWHERE, 0, 0};
    tal_pipeline_params params = {
        .queue_name = "test queue",
        .pool_name = "test pool",
        .item_count = 1,
        .item_bytes = 1,
        .context = &shared,
        .source_name = "test-source",
        .source = count_up,
    };
    tal_pipeline *pipeline = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_pipeline_create(&params, &pipeline), TAL_OK);
    CU_ASSERT_EQUAL(tal_pipeline_item_count(pipeline), 1);
    CU_ASSERT_PTR_NOT_NULL(tal_pipeline_item(pipeline, 0));
    tal_pipeline_destroy(pipeline);
}

const test_case test_cases[] = {
    TEST_CASE(items_come_out_in_order_and_never_more_than_there_are),
    TEST_CASE(items_before_a_failure_come_out_then_its_status),
    TEST_CASE(destroy_ends_a_pipeline_wherever_it_is),
    TEST_CASE(a_pipeline_that_never_started_can_be_destroyed),
    {0},
};
