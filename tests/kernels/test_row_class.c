/* Classes of equal profile rows against comparing all pairs of rows. */
#include "harness.h"

#include "kernels/row_class.h"

#include <string.h>

enum { ROWS = 300 };

const char test_suite_name[] = "kernels/row_class";

static bool rows_are_equal(const int8_t *profile, int32_t a, int32_t b)
{
    return memcmp(profile + a * TAL_PROFILE_STRIDE, profile + b * TAL_PROFILE_STRIDE,
                  TAL_PROFILE_STRIDE) == 0;
}

/* `different` rows that differ only in entry `entry`, each met once, then any of them again. */
static void lay_out(int8_t *profile, int32_t different, int entry)
{
    memset(profile, -1, ROWS * TAL_PROFILE_STRIDE);
    for (int32_t i = 0; i < ROWS; i++) {
        int32_t kind = i < different ? i : (int32_t)test_random_in(0, different - 1);
        profile[i * TAL_PROFILE_STRIDE + entry] = (int8_t)kind;
    }
}

static void rows_of_a_class_are_equal_and_of_two_differ(void)
{
    static int8_t profile[ROWS * TAL_PROFILE_STRIDE];
    static const int32_t counts[] = {1, 2, 20, TAL_ROW_CLASS_MAX};
    for (int entry = 0; entry < TAL_PROFILE_STRIDE; entry++) {
        for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
            uint8_t row_class[ROWS];
            tal_row_classes classes;
            lay_out(profile, counts[k], entry);
            tal_row_classes_find(profile, ROWS, row_class, &classes);
            CU_ASSERT_EQUAL(classes.count, counts[k]);
            for (int32_t i = 0; i < ROWS; i++) {
                CU_ASSERT_EQUAL(memcmp(classes.rows[row_class[i]], profile + i * TAL_PROFILE_STRIDE,
                                       TAL_PROFILE_STRIDE),
                                0);
                CU_ASSERT_EQUAL(row_class[0] == row_class[i], rows_are_equal(profile, 0, i));
            }
        }
    }
}

static void one_row_more_than_there_are_classes_gives_none(void)
{
    static int8_t profile[ROWS * TAL_PROFILE_STRIDE];
    uint8_t row_class[ROWS];
    tal_row_classes classes;
    for (int32_t different = TAL_ROW_CLASS_MAX + 1; different <= 100; different += 33) {
        lay_out(profile, different, 31);
        tal_row_classes_find(profile, ROWS, row_class, &classes);
        CU_ASSERT_EQUAL(classes.count, 0);
    }
}

static void a_single_row_is_a_class(void)
{
    int8_t profile[TAL_PROFILE_STRIDE] = {3};
    uint8_t row_class = 9;
    tal_row_classes classes;
    tal_row_classes_find(profile, 1, &row_class, &classes);
    CU_ASSERT_EQUAL(classes.count, 1);
    CU_ASSERT_EQUAL(row_class, 0);
    CU_ASSERT_PTR_EQUAL(classes.rows[0], profile);
}

const test_case test_cases[] = {
    TEST_CASE(rows_of_a_class_are_equal_and_of_two_differ),
    TEST_CASE(one_row_more_than_there_are_classes_gives_none),
    TEST_CASE(a_single_row_is_a_class),
    {0},
};
