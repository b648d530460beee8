/* Words and numbers as users type them. */
#include "harness.h"

#include "conf/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "conf/text";

static void whole_numbers_are_decimal_digits_with_a_sign(void)
{
    static const struct {
        const char *text;
        bool is_valid;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-7", true, -7},
        {"+7", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
        {"+-1", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = 0;
        CU_ASSERT_EQUAL(tal_text_parse_int(rows[i].text, &value), rows[i].is_valid);
        CU_ASSERT_EQUAL(value, rows[i].value);
    }
}

static void numbers_are_finite_decimals(void)
{
    double value = 0;
    CU_ASSERT_TRUE(tal_text_parse_real("1e-3", &value));
    CU_ASSERT_DOUBLE_EQUAL(value, 0.001, 0.0);
    CU_ASSERT_TRUE(tal_text_parse_real("-.5", &value));
    CU_ASSERT_DOUBLE_EQUAL(value, -0.5, 0.0);
    static const char *const wrong[] = {"", "nan", "inf", "1e999", "0x1p3", "1,5", "1.5x", "e"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CU_ASSERT_FALSE(tal_text_parse_real(wrong[i], &value));
}

static void bytes_take_binary_units(void)
{
    static const struct {
        const char *text;
        bool is_valid;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"17", true, 17},
        {"1K", true, 1024},
        {"3m", true, 3 << 20},
        {"2G", true, (int64_t)2 << 30},
        {"8388607T", true, (int64_t)8388607 << 40},
        {"8388608T", false, 0},
        {"K", false, 0},
        {"-1", false, 0},
        {"1KB", false, 0},
        {"1.5G", false, 0},
        {"", false, 0},
        {"1\v", false, 0},
        {"1+", false, 0},
        {"99999999999999999999999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t value = 0;
        CU_ASSERT_EQUAL(tal_text_parse_bytes(rows[i].text, &value), rows[i].is_valid);
        CU_ASSERT_EQUAL(value, rows[i].value);
    }
}

static void choices_are_found_whole(void)
{
    CU_ASSERT_EQUAL(tal_text_find_choice("spin|yield|park", "spin"), 0);
    CU_ASSERT_EQUAL(tal_text_find_choice("spin|yield|park", "park"), 2);
    CU_ASSERT_EQUAL(tal_text_find_choice("spin|yield|park", "par"), -1);
    CU_ASSERT_EQUAL(tal_text_find_choice("spin|yield|park", "parks"), -1);
    CU_ASSERT_EQUAL(tal_text_find_choice("spin|yield|park", ""), -1);
    CU_ASSERT_EQUAL(tal_text_find_choice("spin|yield|park", "spin|yield"), -1);
    char list[32];
    tal_text_list_choices("spin|yield|park", list, sizeof(list));
    CU_ASSERT_STRING_EQUAL(list, "spin, yield, park");
}

static void ranges_name_only_real_bounds(void)
{
    char text[64];
    tal_text_describe_range(0, 4096, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, " from 0 to 4096");
    tal_text_describe_range(1, 1e300, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, " of at least 1");
    tal_text_describe_range(-INFINITY, 0.5, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, " of at most 0.5");
    tal_text_describe_range(-INFINITY, INFINITY, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "");
}

/* The definition, as it stands: the oracle for short words. */
static int slow_distance(const char *a, size_t i, const char *b, size_t j)
{
    if (i == 0 || j == 0)
        return (int)(i + j);
    int best = slow_distance(a, i - 1, b, j - 1) + (a[i - 1] != b[j - 1]);
    int removed = slow_distance(a, i - 1, b, j) + 1;
    int inserted = slow_distance(a, i, b, j - 1) + 1;
    best = removed < best ? removed : best;
    best = inserted < best ? inserted : best;
    if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        int swapped = slow_distance(a, i - 2, b, j - 2) + 1;
        best = swapped < best ? swapped : best;
    }
    return best;
}

static void distance_equals_its_definition(void)
{
    for (int round = 0; round < 300; round++) {
        char words[2][8];
        for (int w = 0; w < 2; w++) {
            int len = (int)test_random_in(0, 6);
            for (int i = 0; i < len; i++)
                words[w][i] = (char)test_random_in('a', 'c');
            words[w][len] = '\0';
        }
        int expected = slow_distance(words[0], strlen(words[0]), words[1], strlen(words[1]));
        CU_ASSERT_EQUAL(tal_text_distance(words[0], words[1]), expected);
    }
}

static void distance_of_long_words_is_bounded(void)
{
    char a[300];
    char b[300];
    memset(a, 'a', sizeof(a) - 1);
    memset(b, 'b', sizeof(b) - 1);
    a[sizeof(a) - 1] = b[sizeof(b) - 1] = '\0';
    CU_ASSERT_EQUAL(tal_text_distance(a, b), 100);
    CU_ASSERT_EQUAL(tal_text_distance(a, ""), 100);
    CU_ASSERT_EQUAL(tal_text_distance("", ""), 0);
}

const test_case test_cases[] = {
    TEST_CASE(whole_numbers_are_decimal_digits_with_a_sign),
    TEST_CASE(numbers_are_finite_decimals),
    TEST_CASE(bytes_take_binary_units),
    TEST_CASE(choices_are_found_whole),
    TEST_CASE(ranges_name_only_real_bounds),
    TEST_CASE(distance_equals_its_definition),
    TEST_CASE(distance_of_long_words_is_bounded),
    {0},
};
