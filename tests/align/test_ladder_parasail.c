/* The score ladder against libparasail (Daily 2016), an outside oracle; skipped where it is absent.
 *
 * libparasail's gap open is the cost of a gap's first residue, our open + extend; its sg_dx leaves
 * gaps before and after the database sequence's part free, our semi-global.
 */
#include "harness.h"

#include "align/ladder.h"
#include "base/cpu.h"

#ifdef TEST_HAS_PARASAIL
#include "base/alloc.h"
#include "score/profile.h"

#include <parasail.h>
#include <stdio.h>
#include <string.h>
#endif

const char test_suite_name[] = "align/ladder_parasail";

#ifdef TEST_HAS_PARASAIL

enum { LEN_MAX = 600, REFS = 64 };

typedef parasail_result_t *(*parasail_score)(const char *, int, const char *, int, int, int,
                                             const parasail_matrix_t *);

static const parasail_score oracles[TAL_MODE_COUNT] = {parasail_sw, parasail_nw, parasail_sg_dx};

/* The same matrix in our codes; letters that libparasail lacks score as its '*'. */
static void matrix_transfer(const parasail_matrix_t *from, tal_matrix *out_matrix)
{
    const char *letters = tal_alphabet_letters(TAL_PROTEIN);
    memset(out_matrix, TAL_PAD_SCORE, sizeof(*out_matrix));
    out_matrix->score_min = from->min;
    out_matrix->score_max = from->max;
    for (int a = 0; a < TAL_PROTEIN_LETTER_COUNT; a++)
        for (int b = 0; b < TAL_PROTEIN_LETTER_COUNT; b++) {
            int row = from->mapper[(unsigned char)letters[a]];
            int column = from->mapper[(unsigned char)letters[b]];
            out_matrix->score[a][b] = (int8_t)from->matrix[row * from->size + column];
        }
}

/* Letters and codes of one sequence. */
typedef struct sequence {
    char letters[LEN_MAX + 1];
    uint8_t codes[LEN_MAX];
    int len;
} sequence;

static void sequence_set(sequence *s, int i, int code)
{
    s->codes[i] = (uint8_t)code;
    s->letters[i] = tal_alphabet_letters(TAL_PROTEIN)[code];
}

/* Random residues with a mutated, gapped piece of `model` inside (when not NULL). */
static void sequence_random(sequence *s, int len, const sequence *model)
{
    s->len = len;
    for (int i = 0; i < len; i++)
        sequence_set(s, i, (int)test_random_in(0, TAL_PROTEIN_LETTER_COUNT - 1));
    if (model == NULL)
        return;
    int from = (int)test_random_in(0, model->len - 1);
    for (int i = (int)test_random_in(0, len - 1); i < len && from < model->len; i++, from++) {
        if (test_random() % 10 != 0)
            sequence_set(s, i, model->codes[from]);
        if (test_random() % 40 == 0)
            from += (int)test_random_in(-2, 5);
        from = from < 0 ? 0 : from;
    }
}

static void expect_equal_scores(const parasail_matrix_t *oracle_matrix, const tal_ladder *ladder,
                                const sequence *query, const sequence *refs, const int32_t *scores)
{
    for (int lane = 0; lane < REFS; lane++) {
        parasail_result_t *result = oracles[ladder->mode](
            query->letters, query->len, refs[lane].letters, refs[lane].len,
            ladder->gaps.open + ladder->gaps.extend, ladder->gaps.extend, oracle_matrix);
        int expected = parasail_result_get_score(result);
        parasail_result_free(result);
        if (scores[lane] == expected)
            continue;
        printf("\n%s mode %d gaps %d %d: %d, not %d\n%s\n%s\n", tal_isa_name(ladder->table.isa),
               (int)ladder->mode, ladder->gaps.open, ladder->gaps.extend, scores[lane], expected,
               query->letters, refs[lane].letters);
        CU_FAIL("score differs from libparasail");
    }
}

static void expect_parasail(const char *name, tal_mode mode, tal_gaps gaps)
{
    static sequence refs[REFS];
    static sequence query;
    memset(refs, 0, sizeof(refs));
    memset(&query, 0, sizeof(query));
    const parasail_matrix_t *oracle_matrix = parasail_matrix_lookup(name);
    tal_matrix matrix;
    matrix_transfer(oracle_matrix, &matrix);
    sequence_random(&query, (int)test_random_in(1, LEN_MAX / 2), NULL);
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    tal_lid lids[REFS];
    for (int i = 0; i < REFS; i++) {
        sequence_random(&refs[i], LEN_MAX - i * (LEN_MAX / REFS), i % 2 == 0 ? &query : NULL);
        lids[i] = (tal_lid)i;
        CU_ASSERT_EQUAL_FATAL(
            tal_seqset_append(set, lids[i], refs[i].codes, (size_t)refs[i].len, "", 0), TAL_OK);
    }
    tal_batch batch = {0};
    CU_ASSERT_EQUAL_FATAL(tal_batch_fill(&batch, set, lids, REFS), TAL_OK);
    int8_t *profile = tal_alloc_vector((size_t)query.len * TAL_CODE_COUNT);
    tal_profile_build(&matrix, query.codes, (size_t)query.len, profile);
    tal_ladder_scratch scratch = {0};
    for (tal_isa isa = TAL_ISA_SCALAR; isa <= tal_cpu_isa_best(); isa++) {
        tal_ladder ladder = {.mode = mode,
                             .gaps = gaps,
                             .score_max = matrix.score_max,
                             .score_min = matrix.score_min};
        tal_kernel_table_init(&ladder.table, isa);
        int32_t scores[TAL_BATCH_LANES];
        CU_ASSERT_EQUAL_FATAL(
            tal_ladder_score(&ladder, &scratch, profile, query.len, set, &batch, scores), TAL_OK);
        expect_equal_scores(oracle_matrix, &ladder, &query, refs, scores);
    }
    tal_ladder_scratch_deinit(&scratch);
    tal_free(profile);
    tal_batch_deinit(&batch);
    tal_seqset_destroy(set);
}

static void expect_mode(tal_mode mode)
{
    static const char *const names[] = {"blosum62", "blosum45", "pam30"};
    static const tal_gaps gaps[] = {{11, 1}, {0, 1}, {5, 3}, {200, 7}};
    for (size_t name = 0; name < sizeof(names) / sizeof(names[0]); name++)
        for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++)
            expect_parasail(names[name], mode, gaps[i]);
}

static void local_scores_equal_libparasail(void)
{
    expect_mode(TAL_LOCAL);
}

static void global_scores_equal_libparasail(void)
{
    expect_mode(TAL_GLOBAL);
}

static void semiglobal_scores_equal_libparasail(void)
{
    expect_mode(TAL_SEMIGLOBAL);
}

const test_case test_cases[] = {
    TEST_CASE(local_scores_equal_libparasail),
    TEST_CASE(global_scores_equal_libparasail),
    TEST_CASE(semiglobal_scores_equal_libparasail),
    {0},
};

#else

static void scores_equal_libparasail(void)
{
    test_skip("built without libparasail");
}

const test_case test_cases[] = {
    TEST_CASE(scores_equal_libparasail),
    {0},
};

#endif
