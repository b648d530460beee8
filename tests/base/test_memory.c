/* Memory from the heap, and growable buffers. */
#include "harness.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/status.h"

#include <string.h>

const char test_suite_name[] = "base/memory";

/* Read by the address sanitizer where there is one: too much memory is NULL, not the end. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void product_that_fits_is_given_and_one_that_does_not_is_refused(void)
{
    size_t product = 1;
    CU_ASSERT(tal_mul_size(0, SIZE_MAX, &product) && product == 0);
    CU_ASSERT(tal_mul_size(SIZE_MAX, 1, &product) && product == SIZE_MAX);
    CU_ASSERT(tal_mul_size(SIZE_MAX / 2, 2, &product) && product == SIZE_MAX - 1);
    CU_ASSERT(!tal_mul_size(SIZE_MAX / 2 + 1, 2, &product));
    CU_ASSERT(!tal_mul_size(SIZE_MAX, SIZE_MAX, &product));
}

static void too_much_memory_is_null_with_a_message(void)
{
    tal_status_clear();
    CU_ASSERT_PTR_NULL(tal_alloc_array(SIZE_MAX / 2, 3));
    CU_ASSERT(strstr(tal_status_message(), "out of memory") != NULL);
    tal_status_clear();
    CU_ASSERT_PTR_NULL(tal_alloc_vector(SIZE_MAX));
    CU_ASSERT(tal_status_message()[0] != '\0');
    tal_status_clear();
}

static void failed_growth_keeps_what_was_there(void)
{
    uint32_t *values = tal_alloc_array(4, sizeof(*values));
    CU_ASSERT_PTR_NOT_NULL_FATAL(values);
    values[3] = 7;
    CU_ASSERT_PTR_NULL(tal_realloc_array(values, SIZE_MAX / 2, sizeof(*values)));
    CU_ASSERT_EQUAL(values[3], 7);
    tal_free(values);
    tal_status_clear();
}

static void no_bytes_are_still_a_pointer_to_free(void)
{
    void *memory[] = {tal_alloc(0), tal_alloc_zero(0), tal_alloc_array(0, 8), tal_alloc_vector(0)};
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(memory[i]);
        tal_free(memory[i]);
    }
    tal_free(NULL);
}

static void zeroed_memory_is_zero_and_vectors_are_aligned(void)
{
    for (size_t bytes = 1; bytes < 300; bytes += 7) {
        uint8_t *zero = tal_alloc_zero(bytes);
        uint8_t *vector = tal_alloc_vector(bytes);
        CU_ASSERT_PTR_NOT_NULL_FATAL(zero);
        CU_ASSERT_PTR_NOT_NULL_FATAL(vector);
        for (size_t i = 0; i < bytes; i++)
            CU_ASSERT_EQUAL(zero[i], 0);
        CU_ASSERT_EQUAL((uintptr_t)vector % TAL_VECTOR_BYTES, 0);
        /* All of the rounded size is there to write. */
        memset(vector, 1, (bytes + TAL_VECTOR_BYTES - 1) / TAL_VECTOR_BYTES * TAL_VECTOR_BYTES);
        tal_free(vector);
        tal_free(zero);
    }
}

static void buffer_keeps_all_that_was_appended(void)
{
    tal_buffer buffer = {0};
    uint8_t expected[20000];
    size_t bytes = 0;
    while (bytes < sizeof(expected) - 300) {
        uint8_t piece[300];
        size_t count = (size_t)test_random_in(0, 300);
        for (size_t i = 0; i < count; i++)
            piece[i] = expected[bytes + i] = (uint8_t)test_random();
        CU_ASSERT_EQUAL(tal_buffer_append(&buffer, piece, count), TAL_OK);
        bytes += count;
        CU_ASSERT(buffer.bytes == bytes && buffer.capacity >= bytes);
    }
    CU_ASSERT(memcmp(buffer.data, expected, bytes) == 0);
    size_t capacity = buffer.capacity;
    tal_buffer_reset(&buffer);
    CU_ASSERT(buffer.bytes == 0 && buffer.capacity == capacity);
    tal_buffer_deinit(&buffer);
    CU_ASSERT(buffer.data == NULL && buffer.capacity == 0);
}

static void nothing_appended_to_an_empty_buffer_is_fine(void)
{
    tal_buffer buffer = {0};
    CU_ASSERT_EQUAL(tal_buffer_append(&buffer, NULL, 0), TAL_OK);
    CU_ASSERT_EQUAL(tal_buffer_reserve(&buffer, 0), TAL_OK);
    CU_ASSERT_EQUAL(buffer.bytes, 0);
    tal_buffer_deinit(&buffer);
}

static void text_and_numbers_are_appended_as_printed(void)
{
    tal_buffer buffer = {0};
    CU_ASSERT_EQUAL(tal_buffer_append_text(&buffer, "one "), TAL_OK);
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(tal_buffer_printf(&buffer, "%d,", i), TAL_OK);
    CU_ASSERT_EQUAL(buffer.bytes, 4 + 10 * 2 + 90 * 3);
    CU_ASSERT(memcmp(buffer.data, "one 0,1,2,", 10) == 0);
    CU_ASSERT(memcmp(buffer.data + buffer.bytes - 6, "98,99,", 6) == 0);
    tal_buffer_deinit(&buffer);
}

static void refused_reservation_leaves_the_buffer_as_it_was(void)
{
    tal_buffer buffer = {0};
    CU_ASSERT_EQUAL(tal_buffer_append_text(&buffer, "kept"), TAL_OK);
    CU_ASSERT_EQUAL(tal_buffer_reserve(&buffer, SIZE_MAX), TAL_ERR_MEMORY);
    CU_ASSERT_EQUAL(tal_buffer_reserve(&buffer, SIZE_MAX / 2 - 4), TAL_ERR_MEMORY);
    CU_ASSERT(buffer.bytes == 4 && memcmp(buffer.data, "kept", 4) == 0);
    tal_buffer_deinit(&buffer);
    tal_status_clear();
}

const test_case test_cases[] = {
    TEST_CASE(product_that_fits_is_given_and_one_that_does_not_is_refused),
    TEST_CASE(too_much_memory_is_null_with_a_message),
    TEST_CASE(failed_growth_keeps_what_was_there),
    TEST_CASE(no_bytes_are_still_a_pointer_to_free),
    TEST_CASE(zeroed_memory_is_zero_and_vectors_are_aligned),
    TEST_CASE(buffer_keeps_all_that_was_appended),
    TEST_CASE(nothing_appended_to_an_empty_buffer_is_fine),
    TEST_CASE(text_and_numbers_are_appended_as_printed),
    TEST_CASE(refused_reservation_leaves_the_buffer_as_it_was),
    {0},
};
