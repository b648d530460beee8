/* Bit scores and E-values against those BLAST+ 2.12 printed. */
#include "harness.h"

#include "score/stats.h"

#include <math.h>

const char test_suite_name[] = "score/stats_blast";

/* Searches of two proteomes and a set of genes: blastp -comp_based_stats 0 -seg no, and blastn
 * -task blastn -dust no. Only sizes and results are kept. */
#define YEAST 2937432, 6059
#define ECOLI 1354179, 4391
#define ORFS  9078756, 6713

typedef struct blast_case {
    const char *matrix; /* NULL: match and mismatch */
    int match, mismatch;
    tal_gaps gaps;
    tal_search_space space;
    int64_t ref_len;
    int32_t score;
    double bits, evalue;
} blast_case;

/* clang-format off */
static const blast_case blast_cases[] = {
    {"BLOSUM62", 0, 0, {11, 1}, {314, YEAST}, 704, 89, 38.9, 8.12e-04},
    {"BLOSUM62", 0, 0, {11, 1}, {542, YEAST}, 420, 106, 45.4, 1.37e-05},
    {"BLOSUM62", 0, 0, {11, 1}, {542, YEAST}, 556, 122, 51.6, 1.89e-07},
    {"BLOSUM62", 0, 0, {11, 1}, {551, YEAST}, 239, 153, 63.5, 6.92e-12},
    {"BLOSUM62", 0, 0, {11, 1}, {542, YEAST}, 1367, 188, 77.0, 3.16e-15},
    {"BLOSUM62", 0, 0, {11, 1}, {217, YEAST}, 217, 1062, 413, 5.88e-150},
    {"BLOSUM62", 0, 0, {11, 1}, {16, YEAST}, 666, 70, 31.6, 3.83e-04},
    {"BLOSUM62", 0, 0, {11, 1}, {40, YEAST}, 269, 74, 33.1, 3.81e-04},
    {"BLOSUM62", 0, 0, {11, 1}, {40, YEAST}, 725, 77, 34.3, 1.48e-04},
    {"BLOSUM62", 0, 0, {11, 1}, {40, YEAST}, 406, 82, 36.2, 3.05e-05},
    {"BLOSUM62", 0, 0, {11, 1}, {40, YEAST}, 995, 107, 45.8, 1.17e-08},
    {"BLOSUM62", 0, 0, {11, 1}, {60, YEAST}, 260, 333, 132, 2.33e-41},
    {"BLOSUM45", 0, 0, {14, 2}, {112, ECOLI}, 121, 101, 33.4, 4.06e-04},
    {"BLOSUM45", 0, 0, {14, 2}, {260, ECOLI}, 260, 1680, 477, 6.88e-175},
    {"BLOSUM50", 0, 0, {13, 2}, {112, ECOLI}, 121, 102, 33.2, 6.94e-04},
    {"BLOSUM50", 0, 0, {13, 2}, {249, ECOLI}, 249, 1649, 463, 4.83e-170},
    {"BLOSUM62", 0, 0, {6, 2}, {238, ECOLI}, 210, 95, 33.9, 6.39e-04},
    {"BLOSUM62", 0, 0, {6, 2}, {260, ECOLI}, 260, 1377, 405, 1.54e-157},
    {"BLOSUM62", 0, 0, {9, 1}, {112, ECOLI}, 121, 82, 31.0, 8.32e-04},
    {"BLOSUM62", 0, 0, {9, 1}, {260, ECOLI}, 260, 1377, 415, 2.18e-160},
    {"BLOSUM80", 0, 0, {10, 1}, {10, ECOLI}, 10, 59, 29.3, 1.87e-04},
    {"BLOSUM80", 0, 0, {10, 1}, {142, ECOLI}, 142, 774, 337, 5.10e-117},
    {"BLOSUM90", 0, 0, {10, 1}, {10, ECOLI}, 10, 67, 31.8, 1.32e-05},
    {"BLOSUM90", 0, 0, {10, 1}, {142, ECOLI}, 142, 847, 358, 3.69e-127},
    {"PAM250", 0, 0, {14, 2}, {112, ECOLI}, 121, 104, 32.7, 2.65e-04},
    {"PAM250", 0, 0, {14, 2}, {362, ECOLI}, 362, 1727, 458, 2.40e-173},
    {"PAM30", 0, 0, {15, 3}, {238, ECOLI}, 229, 76, 39.0, 5.11e-04},
    {"PAM30", 0, 0, {15, 3}, {142, ECOLI}, 142, 1040, 510, 6.23e-162},
    {"PAM30", 0, 0, {9, 1}, {10, ECOLI}, 10, 82, 38.0, 9.65e-08},
    {"PAM30", 0, 0, {9, 1}, {142, ECOLI}, 142, 1040, 444, 8.38e-151},
    {"PAM70", 0, 0, {10, 1}, {10, ECOLI}, 10, 68, 32.0, 1.86e-05},
    {"PAM70", 0, 0, {10, 1}, {142, ECOLI}, 142, 898, 380, 1.64e-129},
    {"PAM70", 0, 0, {12, 3}, {10, ECOLI}, 10, 68, 34.6, 1.11e-14},
    {"PAM70", 0, 0, {12, 3}, {238, ECOLI}, 230, 469, 225, 6.53e-86},
    {NULL, 1, -1, {10, 10}, {22, ORFS}, 399, 22, 36.5, 3.81e-04},
    {NULL, 1, -1, {10, 10}, {3306, ORFS}, 4071, 393, 624, 2.98e-178},
    {NULL, 1, -1, {4, 1}, {22, ORFS}, 399, 22, 36.1, 4.81e-04},
    {NULL, 1, -1, {4, 1}, {3306, ORFS}, 4071, 393, 614, 3.75e-175},
    {NULL, 1, -2, {2, 1}, {22, ORFS}, 399, 22, 42.0, 1.04e-05},
    {NULL, 1, -2, {2, 1}, {330, ORFS}, 330, 330, 615, 1.79e-176},
    {NULL, 1, -2, {5, 5}, {18, ORFS}, 1212, 18, 35.3, 8.52e-04},
    {NULL, 1, -2, {5, 5}, {1737, ORFS}, 1740, 279, 537, 3.15e-152},
    {NULL, 1, -3, {2, 2}, {18, ORFS}, 1212, 18, 36.1, 6.14e-04},
    {NULL, 1, -3, {2, 2}, {1323, ORFS}, 5382, 273, 540, 3.04e-153},
    {NULL, 1, -3, {5, 2}, {18, ORFS}, 1212, 18, 36.2, 5.79e-04},
    {NULL, 1, -3, {5, 2}, {267, ORFS}, 267, 267, 529, 7.45e-151},
    {NULL, 1, -4, {2, 1}, {18, ORFS}, 1212, 18, 35.8, 6.13e-04},
    {NULL, 1, -4, {2, 1}, {1323, ORFS}, 1437, 316, 616, 3.82e-176},
    {NULL, 1, -5, {3, 3}, {18, ORFS}, 1212, 18, 36.5, 5.49e-04},
    {NULL, 1, -5, {3, 3}, {1323, ORFS}, 1323, 285, 571, 7.88e-163},
    {NULL, 2, -3, {2, 2}, {1323, ORFS}, 435, 56, 44.4, 4.62e-04},
    {NULL, 2, -3, {2, 2}, {1323, ORFS}, 5313, 442, 331, 2.15e-90},
    {NULL, 2, -3, {2, 2}, {1323, ORFS}, 5382, 816, 609, 4.81e-174},
    {NULL, 2, -3, {5, 2}, {22, ORFS}, 399, 44, 41.0, 1.67e-05},
    {NULL, 2, -3, {5, 2}, {90, ORFS}, 90, 180, 163, 3.45e-41},
    {NULL, 2, -3, {5, 2}, {330, ORFS}, 330, 660, 596, 7.99e-171},
    {NULL, 2, -3, {6, 4}, {22, ORFS}, 399, 44, 41.5, 1.71e-05},
    {NULL, 2, -3, {6, 4}, {1323, ORFS}, 5313, 102, 94.5, 4.01e-19},
    {NULL, 2, -3, {6, 4}, {330, ORFS}, 330, 660, 604, 2.54e-173},
    {NULL, 2, -4, {4, 4}, {18, ORFS}, 1212, 36, 35.2, 6.69e-04},
    {NULL, 2, -4, {4, 4}, {1737, ORFS}, 1740, 580, 557, 2.96e-158},
    {NULL, 2, -5, {4, 2}, {18, ORFS}, 1212, 36, 35.5, 7.34e-04},
    {NULL, 2, -5, {4, 2}, {1323, ORFS}, 5382, 650, 629, 5.21e-180},
    {NULL, 2, -6, {4, 4}, {18, ORFS}, 1212, 36, 36.1, 6.14e-04},
    {NULL, 2, -6, {4, 4}, {1323, ORFS}, 5382, 546, 540, 3.04e-153},
    {NULL, 2, -7, {4, 2}, {18, ORFS}, 1212, 36, 35.7, 6.23e-04},
    {NULL, 2, -7, {4, 2}, {1323, ORFS}, 5382, 549, 535, 1.64e-151},
    {NULL, 3, -2, {5, 5}, {330, ORFS}, 1704, 117, 40.2, 8.63e-04},
    {NULL, 3, -2, {5, 5}, {651, ORFS}, 651, 1953, 591, 3.85e-169},
    {NULL, 3, -4, {6, 3}, {22, ORFS}, 399, 66, 39.0, 7.93e-05},
    {NULL, 3, -4, {6, 3}, {330, ORFS}, 330, 990, 557, 3.72e-159},
    {NULL, 4, -5, {12, 8}, {22, ORFS}, 399, 88, 39.9, 3.43e-05},
    {NULL, 4, -5, {12, 8}, {3306, ORFS}, 4071, 1363, 593, 5.54e-169},
    {NULL, 4, -5, {6, 5}, {22, ORFS}, 399, 88, 37.8, 1.87e-04},
    {NULL, 4, -5, {6, 5}, {3306, ORFS}, 4071, 1383, 560, 4.02e-159},
    {NULL, 4, -6, {10, 4}, {22, ORFS}, 399, 88, 41.0, 1.67e-05},
    {NULL, 4, -6, {10, 4}, {330, ORFS}, 330, 1320, 596, 7.99e-171},
    {NULL, 5, -4, {10, 6}, {1323, ORFS}, 237, 169, 43.6, 7.54e-04},
    {NULL, 5, -4, {10, 6}, {1029, ORFS}, 492, 2460, 582, 3.79e-166},
    {NULL, 5, -4, {25, 10}, {28, ORFS}, 150, 140, 41.2, 2.13e-05},
    {NULL, 5, -4, {25, 10}, {3306, ORFS}, 4071, 2184, 605, 1.07e-172},
    /* A reference set smaller than the length adjustment it would have. */
    {NULL, 3, -2, {5, 5}, {40, 130, 2}, 40, 120, 41.1, 1.90e-09},
    {NULL, 1, -1, {4, 1}, {20, 130, 2}, 40, 20, 33.0, 1.59e-07},
};
/* clang-format on */

static tal_stats case_stats(const blast_case *blast)
{
    tal_matrix matrix;
    tal_stats stats;
    tal_status status = blast->matrix == NULL
                            ? tal_matrix_match_mismatch(blast->match, blast->mismatch, &matrix)
                            : tal_matrix_load(blast->matrix, TAL_PROTEIN, &matrix);
    CU_ASSERT_EQUAL_FATAL(status, TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_stats_find(&matrix, blast->gaps, &stats), TAL_OK);
    return stats;
}

static void evalues_agree_to_the_printed_digit(void)
{
    for (size_t i = 0; i < sizeof(blast_cases) / sizeof(blast_cases[0]); i++) {
        const blast_case *blast = &blast_cases[i];
        tal_stats stats = case_stats(blast);
        double evalue = tal_stats_evalue(&stats, &blast->space, blast->score, blast->ref_len);
        double unit = pow(10.0, floor(log10(blast->evalue)) - 2); /* of the third digit */
        /* Half a unit of rounding; K of ungapped parameters is a little finer than BLAST's. */
        double tolerance = 0.501 * unit + 0.002 * blast->evalue;
        if (!(fabs(evalue - blast->evalue) <= tolerance)) {
            CU_FAIL("an E-value differs");
            printf("\n  case %zu: %g, BLAST %g", i, evalue, blast->evalue);
        }
    }
}

static void bits_agree_to_the_printed_digit(void)
{
    for (size_t i = 0; i < sizeof(blast_cases) / sizeof(blast_cases[0]); i++) {
        const blast_case *blast = &blast_cases[i];
        tal_stats stats = case_stats(blast);
        double bits = tal_stats_bits(&stats, blast->score);
        /* BLAST prints a decimal below 99.9 and cuts off decimals above. */
        double low = blast->bits < 99 ? blast->bits - 0.0501 : blast->bits - 1e-9;
        double high = blast->bits < 99 ? blast->bits + 0.0501 : blast->bits + 1.0;
        if (!(bits >= low && bits <= high)) {
            CU_FAIL("a bit score differs");
            printf("\n  case %zu: %g, BLAST %g", i, bits, blast->bits);
        }
    }
}

const test_case test_cases[] = {
    TEST_CASE(evalues_agree_to_the_printed_digit),
    TEST_CASE(bits_agree_to_the_printed_digit),
    {0},
};
