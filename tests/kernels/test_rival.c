/* Rival kernels: every instruction set as the scalar one, and the bound above plain alignments. */
#include "guarded.h"
#include "harness.h"

#include "base/cpu.h"
#include "kernels/table.h"
#include "seq/alphabet.h"

#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 300, LETTERS_MAX = ROWS_MAX + TAL_RIVAL_LANE_MAX };

const char test_suite_name[] = "kernels/rival";

static int8_t profile[ROWS_MAX * TAL_PROFILE_STRIDE];
static uint8_t query[ROWS_MAX];

/* Query and profile over `letters` letters; equal letters score 5 or so, others below 0. */
static void fill_profile(int32_t rows, int letters)
{
    memset(profile, 0, sizeof(profile));
    for (int32_t i = 0; i < rows; i++) {
        query[i] = (uint8_t)test_random_in(0, letters - 1);
        int8_t *row = profile + i * TAL_PROFILE_STRIDE;
        for (int code = 0; code < letters; code++)
            row[code] = (int8_t)(code == query[i] ? 4 + query[i] % 5 : -(code + query[i]) % 6);
        row[TAL_CODE_PAD] = -127;
    }
}

/* Letters whose lane `own` is the query with changes; pads outside. */
static void fill_letters(uint8_t *out, const tal_rival_job *job, int letters, int changes)
{
    const int32_t count = job->row_count + job->lane_count - 1;
    for (int32_t j = 0; j < count; j++) {
        int32_t i = j - job->own;
        bool is_outside = i < job->own_begin - 20 || i >= job->own_end;
        out[j] = is_outside ? TAL_CODE_PAD : (uint8_t)test_random_in(0, letters - 1);
        if (i >= job->own_begin && i < job->own_end && test_random_in(0, 99) >= changes)
            out[j] = query[i];
    }
}

static tal_rival_job make_job(int32_t rows)
{
    tal_rival_job job = {
        .profile = profile,
        .row_count = rows,
        .lane_count = TAL_RIVAL_LANE_STEP * (int32_t)test_random_in(1, 8),
        .gap_first = (int32_t)test_random_in(1, 14),
        .gap_next = (int32_t)test_random_in(0, 3),
    };
    job.own = (int32_t)test_random_in(0, job.lane_count - 1);
    job.own_begin = (int32_t)test_random_in(0, rows / 3);
    job.own_end = (int32_t)test_random_in(job.own_begin + 1, rows);
    return job;
}

static void every_instruction_set_equals_the_scalar_one(void)
{
    guarded memory = guarded_create(LETTERS_MAX);
    tal_kernel_table scalar;
    tal_kernel_table_init(&scalar, TAL_ISA_SCALAR);
    int proven = 0;
    for (int round = 0; round < 600; round++) {
        const int32_t rows = (int32_t)test_random_in(1, ROWS_MAX);
        const int letters = round % 3 == 0 ? 4 : 20;
        fill_profile(rows, letters);
        tal_rival_job job = make_job(rows);
        uint8_t *out = guarded_end(&memory, (size_t)(rows + job.lane_count - 1), 1);
        fill_letters(out, &job, letters, round % 40);
        job.letters = out;
        const int32_t expected = scalar.rival(&job);
        proven += expected < INT32_MAX;
        for (tal_isa isa = TAL_ISA_SSE41; isa <= tal_cpu_isa_best(); isa++) {
            tal_kernel_table table;
            tal_kernel_table_init(&table, isa);
            int32_t found = table.rival(&job);
            CU_ASSERT_EQUAL(found, expected);
            if (found != expected)
                printf("\n%s, round %d: %d, not %d\n", tal_isa_name(isa), round, found, expected);
        }
    }
    CU_ASSERT(proven > 100);
    guarded_destroy(&memory);
}

const test_case test_cases[] = {
    TEST_CASE(every_instruction_set_equals_the_scalar_one),
    {0},
};
