/* The built-in matrices against those of an independent library, parasail.
 *
 * Amino acids and '*' only: parasail has the older figures of B, Z and X, and no J. Without
 * BLOSUM80, which parasail has in thirds of bits and BLAST in halves. */
#include "harness.h"

#include "score/matrix.h"

#include <string.h>

#ifdef HAVE_PARASAIL
#include <parasail.h>
#include <parasail/matrix_lookup.h>
#endif

const char test_suite_name[] = "score/matrix_parasail";

#ifdef HAVE_PARASAIL
static void figures_equal_those_of_parasail(void)
{
    static const char letters[] = "ARNDCQEGHILKMFPSTWYV*";
    char names[256];
    CU_ASSERT_FATAL(strlen(tal_matrix_names()) < sizeof(names));
    strcpy(names, tal_matrix_names());
    uint8_t codes[256];
    tal_alphabet_codes(TAL_PROTEIN, codes);
    for (char *name = strtok(names, ", "); name != NULL; name = strtok(NULL, ", ")) {
        if (strcmp(name, "BLOSUM80") == 0)
            continue;
        tal_matrix matrix;
        CU_ASSERT_EQUAL_FATAL(tal_matrix_load(name, TAL_PROTEIN, &matrix), TAL_OK);
        for (char *c = name; *c != '\0'; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        const parasail_matrix_t *other = parasail_matrix_lookup(name);
        CU_ASSERT_PTR_NOT_NULL_FATAL(other);
        int difference_count = 0;
        for (const char *r = letters; *r != '\0'; r++) {
            for (const char *c = letters; *c != '\0'; c++) {
                int row = other->mapper[(uint8_t)*r];
                int column = other->mapper[(uint8_t)*c];
                int score = matrix.score[codes[(uint8_t)*r]][codes[(uint8_t)*c]];
                if (score != other->matrix[row * other->size + column]) {
                    difference_count++;
                    printf("\n  %s %c %c: %d, parasail %d", name, *r, *c, score,
                           other->matrix[row * other->size + column]);
                }
            }
        }
        CU_ASSERT_EQUAL(difference_count, 0);
    }
}
#else
static void figures_equal_those_of_parasail(void)
{
    test_skip("built without parasail");
}
#endif

const test_case test_cases[] = {
    TEST_CASE(figures_equal_those_of_parasail),
    {0},
};
