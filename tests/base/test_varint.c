/* Numbers of variable length. */
#include "base/varint.h"

#include "harness.h"

const char test_suite_name[] = "base/varint";

static void numbers_come_back_and_take_what_they_need(void)
{
    static const struct {
        uint64_t value;
        size_t bytes;
    } samples[] = {{0, 1}, {127, 1}, {128, 2}, {16383, 2}, {16384, 3}, {UINT64_MAX, 10}};
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        tal_buffer bytes = {0};
        uint64_t value = 1;
        size_t at = 0;
        CU_ASSERT_EQUAL_FATAL(tal_varint_append(&bytes, samples[i].value), TAL_OK);
        CU_ASSERT_EQUAL(bytes.bytes, samples[i].bytes);
        CU_ASSERT_TRUE(tal_varint_read(&bytes, &at, &value));
        CU_ASSERT_EQUAL(value, samples[i].value);
        CU_ASSERT_EQUAL(at, bytes.bytes);
        CU_ASSERT_FALSE(tal_varint_read(&bytes, &at, &value));
        bytes.bytes--; /* cut */
        at = 0;
        CU_ASSERT_FALSE(tal_varint_read(&bytes, &at, &value));
        tal_buffer_deinit(&bytes);
    }
}

static void a_number_without_end_is_none(void)
{
    uint8_t ones[12];
    for (size_t i = 0; i < sizeof(ones); i++)
        ones[i] = 255;
    const tal_buffer bytes = {.data = ones, .bytes = sizeof(ones)};
    uint64_t value;
    size_t at = 0;
    CU_ASSERT_FALSE(tal_varint_read(&bytes, &at, &value));
}

const test_case test_cases[] = {
    TEST_CASE(numbers_come_back_and_take_what_they_need),
    TEST_CASE(a_number_without_end_is_none),
    {0},
};
