/* Traceback when the Nth allocation fails: a status, a usable tracer, nothing leaked.
 *
 * The linker routes the allocation functions of the whole program through the wrappers here.
 */
#include "align/trace_sample.h"
#include "base/status.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "align/trace-memory";

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

/* Allocations until one fails; negative: none fails. */
static long until_failure = -1;

static int must_fail(void)
{
    return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return must_fail() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return must_fail() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return must_fail() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return must_fail() ? NULL : __real_aligned_alloc(alignment, bytes);
}

/* Create a tracer and trace with the `nth` allocation failing; whether one failed. */
static bool fails_cleanly(const tal_trace_job *job, size_t memory_bytes, long nth,
                          const tal_alignment *expected)
{
    tal_tracer *tracer = NULL;
    tal_alignment alignment;
    memset(&alignment, 0x5a, sizeof(alignment));
    const tal_alignment untouched = alignment;
    tal_status_clear();
    until_failure = nth;
    tal_status status = tal_tracer_create(memory_bytes, &tracer);
    if (status == TAL_OK)
        status = tal_trace(tracer, job, &alignment);
    bool has_failed = until_failure < 0;
    until_failure = -1;
    CU_ASSERT_EQUAL(status, has_failed ? TAL_ERR_MEMORY : TAL_OK);
    if (has_failed) {
        CU_ASSERT(memcmp(&alignment, &untouched, sizeof(alignment)) == 0);
        CU_ASSERT(strstr(tal_status_message(), "out of memory") != NULL);
        if (tracer != NULL)
            CU_ASSERT_EQUAL(tal_trace(tracer, job, &alignment), TAL_OK);
    }
    if (tracer != NULL)
        CU_ASSERT(trace_sample_is_same(&alignment, expected));
    tal_tracer_destroy(tracer);
    return has_failed;
}

static void every_failed_allocation_is_a_status(void)
{
    for (int mode = 0; mode < TAL_MODE_COUNT; mode++) {
        trace_sample_params params = {
            .query_len = 600,
            .ref_len = 500,
            .letter_count = 4,
            .score_min = -2,
            .score_max = 2,
            .is_ref_related = true,
            .mode = (tal_mode)mode,
            .gaps = {.open = 1, .extend = 1},
        };
        trace_sample sample;
        trace_sample_init(&sample, &params);
        tal_tracer *tracer = NULL;
        tal_alignment expected = {0};
        CU_ASSERT_EQUAL_FATAL(tal_tracer_create(0, &tracer), TAL_OK);
        CU_ASSERT_EQUAL_FATAL(tal_trace(tracer, &sample.job, &expected), TAL_OK);
        CU_ASSERT(expected.cigar_count > 64); /* so that the path grows while it is walked */
        long nth = 0;
        while (fails_cleanly(&sample.job, 100000, nth, &expected))
            nth++;
        CU_ASSERT(nth >= 6); /* tracer, h, e, scores, region, path */
        tal_tracer_destroy(tracer);
        trace_sample_deinit(&sample);
    }
}

const test_case test_cases[] = {
    TEST_CASE(every_failed_allocation_is_a_status),
    {0},
};
