/* One sequence into another along one branch. */
#include "harness.h"

#include "sim/evolve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "sim/evolve";

enum { LEN = 1000000 };

/* A root and its child. */
typedef struct pair {
    tal_model model;
    tal_buffer parent, child;
    tal_branch_counts counts;
} pair;

static void make_pair(pair *state, tal_alphabet alphabet, uint64_t len, double branch_len,
                      const tal_branch_params *params)
{
    *state = (pair){0};
    tal_random random;
    tal_random_init(&random, test_random(), 1, 0);
    tal_model_init(&state->model, alphabet);
    CU_ASSERT_EQUAL_FATAL(tal_evolve_root(&state->model, len, &random, &state->parent), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_evolve_branch(&state->model, params, branch_len, &state->parent, 0,
                                            len, &random, &state->child, &state->counts),
                          TAL_OK);
}

static void pair_deinit(pair *state)
{
    tal_buffer_deinit(&state->child);
    tal_buffer_deinit(&state->parent);
}

static const tal_branch_params no_indels = {.len_min = 30, .len_max = UINT64_C(1) << 40};

/* Counts of (letter, letter) at equal positions, by state. */
static void count_changes(const pair *state, tal_alphabet alphabet,
                          double counts[TAL_MODEL_STATES_MAX][TAL_MODEL_STATES_MAX])
{
    uint8_t codes[256];
    tal_alphabet_codes(alphabet, codes);
    memset(counts, 0, sizeof(double) * TAL_MODEL_STATES_MAX * TAL_MODEL_STATES_MAX);
    for (size_t i = 0; i < state->parent.bytes; i++)
        counts[codes[state->parent.data[i]]][codes[state->child.data[i]]]++;
}

/* exp(rate * t) by scaling and squaring of its series: the oracle of uniformization. */
static void exponentiate(const tal_model *model, double t,
                         double out[TAL_MODEL_STATES_MAX][TAL_MODEL_STATES_MAX])
{
    enum { HALVINGS = 20, N = TAL_MODEL_STATES_MAX };
    double scale = t / (1 << HALVINGS);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double square = 0.0;
            for (int k = 0; k < N; k++)
                square += model->rate[i][k] * model->rate[k][j];
            out[i][j] = (i == j) + scale * model->rate[i][j] + scale * scale * square / 2;
        }
    for (int step = 0; step < HALVINGS; step++) {
        double product[N][N];
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                product[i][j] = 0.0;
                for (int k = 0; k < N; k++)
                    product[i][j] += out[i][k] * out[k][j];
            }
        memcpy(out, product, sizeof(product));
    }
}

static void root_has_the_composition_of_the_model(void)
{
    for (int alphabet = 0; alphabet < TAL_ALPHABET_COUNT; alphabet++) {
        pair state;
        make_pair(&state, (tal_alphabet)alphabet, LEN, 0.0, &no_indels);
        double counts[TAL_MODEL_STATES_MAX][TAL_MODEL_STATES_MAX];
        count_changes(&state, (tal_alphabet)alphabet, counts);
        for (uint32_t i = 0; i < state.model.state_count; i++) {
            double expected = state.model.frequency[i] * LEN;
            CU_ASSERT(fabs(counts[i][i] - expected) < 6 * sqrt(expected));
        }
        pair_deinit(&state);
    }
}

static void branch_of_no_length_changes_nothing(void)
{
    static const tal_branch_params params = {0.5, 0.5, 30, 1 << 20};
    pair state;
    make_pair(&state, TAL_PROTEIN, 5000, 0.0, &params);
    CU_ASSERT_EQUAL(state.child.bytes, 5000);
    CU_ASSERT(memcmp(state.child.data, state.parent.data, 5000) == 0);
    CU_ASSERT(state.counts.substitutions == 0 && state.counts.insertions == 0 &&
              state.counts.deletions == 0);
    pair_deinit(&state);
}

static void substitutions_per_site_are_the_branch_length(void)
{
    static const double branch_lens[] = {0.001, 0.1, 1.0, 3.0};
    for (size_t i = 0; i < sizeof(branch_lens) / sizeof(branch_lens[0]); i++) {
        pair state;
        make_pair(&state, TAL_PROTEIN, LEN, branch_lens[i], &no_indels);
        double expected = branch_lens[i] * LEN;
        /* A little wider than Poisson: letters differ in speed. */
        CU_ASSERT(fabs((double)state.counts.substitutions - expected) < 10 * sqrt(expected));
        CU_ASSERT(state.counts.differences <= state.counts.substitutions);
        pair_deinit(&state);
    }
}

static void changes_follow_the_matrix_exponential(void)
{
    for (int alphabet = 0; alphabet < TAL_ALPHABET_COUNT; alphabet++) {
        const double branch_len = 0.6;
        pair state;
        make_pair(&state, (tal_alphabet)alphabet, LEN, branch_len, &no_indels);
        double counts[TAL_MODEL_STATES_MAX][TAL_MODEL_STATES_MAX];
        double probability[TAL_MODEL_STATES_MAX][TAL_MODEL_STATES_MAX];
        count_changes(&state, (tal_alphabet)alphabet, counts);
        exponentiate(&state.model, branch_len, probability);
        double identical = 0.0;
        for (uint32_t i = 0; i < state.model.state_count; i++) {
            identical += counts[i][i];
            for (uint32_t j = 0; j < state.model.state_count; j++) {
                double expected = state.model.frequency[i] * probability[i][j] * LEN;
                CU_ASSERT(fabs(counts[i][j] - expected) < 6 * sqrt(expected) + 3);
                /* Detailed balance: as often there as back. */
                CU_ASSERT(fabs(counts[i][j] - counts[j][i]) <
                          6 * sqrt(counts[i][j] + counts[j][i]) + 3);
            }
        }
        CU_ASSERT_EQUAL(LEN - identical, (double)state.counts.differences);
        pair_deinit(&state);
    }
}

static void low_divergence_keeps_identity_and_high_divergence_loses_it(void)
{
    static const struct {
        double branch_len, low, high;
    } known[] = {{0.05, 0.94, 0.97}, {0.5, 0.60, 0.70}, {10.0, 0.05, 0.10}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        pair state;
        make_pair(&state, TAL_PROTEIN, 100000, known[i].branch_len, &no_indels);
        double identity = 1.0 - (double)state.counts.differences / 100000;
        CU_ASSERT(identity > known[i].low && identity < known[i].high);
        pair_deinit(&state);
    }
}

static void indels_have_their_rate_and_len_and_add_up(void)
{
    static const tal_branch_params params = {
        .indel_rate = 0.02, .indel_extension = 0.6, .len_min = 30, .len_max = 2 * LEN};
    const double branch_len = 0.5;
    pair state;
    make_pair(&state, TAL_PROTEIN, LEN, branch_len, &params);
    const tal_branch_counts *counts = &state.counts;
    double insertions = (double)counts->insertions;
    double deletions = (double)counts->deletions;
    /* Half the events each; about one site in 50 is lost to one in a deletion or at one site. */
    double expected = params.indel_rate * branch_len * LEN / 2;
    CU_ASSERT(fabs(insertions - expected) < 0.02 * expected + 6 * sqrt(expected));
    CU_ASSERT(fabs(deletions - expected) < 0.02 * expected + 6 * sqrt(expected));
    CU_ASSERT(fabs((double)counts->inserted / insertions - 2.5) < 0.2);
    CU_ASSERT(fabs((double)counts->deleted / deletions - 2.5) < 0.2);
    CU_ASSERT_EQUAL(state.child.bytes, LEN + counts->inserted - counts->deleted);
    pair_deinit(&state);
}

static void len_stays_within_its_limits(void)
{
    static const tal_branch_params params = {
        .indel_rate = 1.0, .indel_extension = 0.9, .len_min = 30, .len_max = 60};
    for (uint64_t len = 30; len <= 60; len++) {
        pair state;
        make_pair(&state, TAL_NUCLEOTIDE, len, 5.0, &params);
        CU_ASSERT(state.child.bytes >= 30 && state.child.bytes <= 60);
        CU_ASSERT_EQUAL(state.child.bytes, len + state.counts.inserted - state.counts.deleted);
        pair_deinit(&state);
    }
}

/* The buffer that holds the parent moves while the child is appended to it. */
static void parent_and_child_may_share_a_buffer(void)
{
    static const tal_branch_params params = {0.1, 0.5, 30, 1 << 20};
    tal_model model;
    tal_model_init(&model, TAL_PROTEIN);
    tal_buffer apart = {0};
    tal_buffer child = {0};
    tal_buffer shared = {0};
    tal_branch_counts counts;
    for (uint64_t stream = 0; stream < 20; stream++) {
        size_t len = 64; /* The first capacity: appending reallocates. */
        tal_random random, again;
        tal_random_init(&random, 5, 1, stream);
        CU_ASSERT_EQUAL(tal_evolve_root(&model, len, &random, &apart), TAL_OK);
        CU_ASSERT_EQUAL(tal_buffer_append(&shared, apart.data, len), TAL_OK);
        again = random;
        CU_ASSERT_EQUAL(
            tal_evolve_branch(&model, &params, 0.5, &apart, 0, len, &random, &child, &counts),
            TAL_OK);
        CU_ASSERT_EQUAL(
            tal_evolve_branch(&model, &params, 0.5, &shared, 0, len, &again, &shared, &counts),
            TAL_OK);
        CU_ASSERT(shared.bytes == len + child.bytes);
        CU_ASSERT(memcmp(shared.data + len, child.data, child.bytes) == 0);
        tal_buffer_deinit(&shared);
        tal_buffer_deinit(&child);
        tal_buffer_deinit(&apart);
    }
}

const test_case test_cases[] = {
    TEST_CASE(root_has_the_composition_of_the_model),
    TEST_CASE(branch_of_no_length_changes_nothing),
    TEST_CASE(substitutions_per_site_are_the_branch_length),
    TEST_CASE(changes_follow_the_matrix_exponential),
    TEST_CASE(low_divergence_keeps_identity_and_high_divergence_loses_it),
    TEST_CASE(indels_have_their_rate_and_len_and_add_up),
    TEST_CASE(len_stays_within_its_limits),
    TEST_CASE(parent_and_child_may_share_a_buffer),
    {0},
};
