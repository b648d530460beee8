/* Inputs of `talaria bench kernels`; see bench_kernels.h. */
#include "app/bench_kernels.h"

#include "base/alloc.h"
#include "base/random.h"
#include "score/profile.h"
#include "seq/seqset.h"

#include <math.h>
#include <stdlib.h>

enum {
    SEED = 13,
    LETTERS = 20,
    /* Long queries meet fewer batches, or a measurement would take seconds. */
    LONG_QUERY = 5000,
    LONG_QUERY_BATCHES = 3,
    SAMPLE = 4096, /* references whose sorted lengths batches are taken from */
};

/* Streams of random numbers. */
enum { PURPOSE_QUERY = 1, PURPOSE_LENGTHS, PURPOSE_REFERENCES };

/* About normal: the sum of twelve uniform numbers. */
static double normal(tal_random *random)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += tal_random_unit(random);
    return sum;
}

static int32_t draw_len(tal_random *random, tal_bench_spread spread)
{
    if (spread == TAL_BENCH_UNIFORM)
        return 346 + (int32_t)tal_random_below(random, 9);
    if (spread == TAL_BENCH_SHORT)
        return 20 + (int32_t)tal_random_below(random, 21);
    double len = 300 * exp(0.7 * normal(random));
    return len < 30 ? 30 : (int32_t)len;
}

static int compare_falling(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left;
    int32_t b = *(const int32_t *)right;
    return (a < b) - (a > b);
}

static tal_status append_random(tal_seqset *set, int32_t len, tal_random *random)
{
    uint8_t *codes = tal_alloc((size_t)len);
    if (codes == NULL)
        return TAL_ERR_MEMORY;
    for (int32_t i = 0; i < len; i++)
        codes[i] = (uint8_t)tal_random_below(random, LETTERS);
    tal_status status = tal_seqset_append(set, tal_seqset_count(set), codes, (size_t)len, "r", 1);
    tal_free(codes);
    return status;
}

/* Batches evenly spaced in a sample sorted by length, as a search over many references has them;
 * where lengths hardly differ, one stands for all. */
static tal_status make_batches(tal_bench_input *input, tal_bench_spread spread)
{
    int32_t lengths[SAMPLE];
    tal_random random;
    tal_random_init(&random, SEED, PURPOSE_LENGTHS, 0);
    int batch_count = input->query_len < LONG_QUERY ? TAL_BENCH_BATCHES_MAX : LONG_QUERY_BATCHES;
    int sample = SAMPLE;
    if (spread != TAL_BENCH_PROTEIN) {
        batch_count = 1;
        sample = TAL_BATCH_LANES;
    }
    for (int i = 0; i < sample; i++)
        lengths[i] = draw_len(&random, spread);
    qsort(lengths, (size_t)sample, sizeof(*lengths), compare_falling);
    tal_random_init(&random, SEED, PURPOSE_REFERENCES, 0);
    int total = sample / TAL_BATCH_LANES;
    for (int i = 0; i < batch_count; i++) {
        int first = (2 * i + 1) * total / (2 * batch_count) * TAL_BATCH_LANES;
        tal_lid lids[TAL_BATCH_LANES];
        tal_status status = TAL_OK;
        for (int lane = 0; lane < TAL_BATCH_LANES && status == TAL_OK; lane++) {
            lids[lane] = tal_seqset_count(input->set);
            status = append_random(input->set, lengths[first + lane], &random);
        }
        if (status == TAL_OK)
            status = tal_batch_fill(&input->batches[i], input->set, lids, TAL_BATCH_LANES);
        if (status != TAL_OK)
            return status;
        input->batch_count = i + 1;
    }
    return TAL_OK;
}

static tal_status make_query(tal_bench_input *input, const tal_matrix *matrix)
{
    size_t len = (size_t)input->query_len;
    input->query = tal_alloc(len);
    input->twin = tal_alloc(len);
    input->profile = tal_alloc_vector(len * TAL_CODE_COUNT);
    if (input->query == NULL || input->twin == NULL || input->profile == NULL)
        return TAL_ERR_MEMORY;
    tal_random random;
    tal_random_init(&random, SEED, PURPOSE_QUERY, 0);
    for (size_t i = 0; i < len; i++) {
        input->query[i] = (uint8_t)tal_random_below(&random, LETTERS);
        input->twin[i] = (uint8_t)(i % 4 == 3 ? (input->query[i] + 1) % LETTERS : input->query[i]);
    }
    tal_profile_build(matrix, input->query, len, input->profile);
    return TAL_OK;
}

tal_status tal_bench_input_create(const tal_matrix *matrix, int32_t query_len,
                                  tal_bench_spread spread, tal_bench_input **out_input)
{
    tal_bench_input *input = tal_alloc_zero(sizeof(*input));
    if (input == NULL)
        return TAL_ERR_MEMORY;
    input->gaps = tal_gaps_default(matrix);
    input->query_len = query_len;
    tal_status status = tal_seqset_create(TAL_PROTEIN, &input->set);
    if (status == TAL_OK)
        status = make_query(input, matrix);
    if (status == TAL_OK)
        status = make_batches(input, spread);
    if (status != TAL_OK)
        goto done;
    size_t bytes = tal_gapless_scratch_bytes(query_len);
    for (int i = 0; i < input->batch_count; i++) {
        size_t more = tal_kernel_scratch_bytes(query_len, input->batches[i].lane_len[0]);
        bytes = more > bytes ? more : bytes;
    }
    input->scratch = tal_alloc_vector(bytes);
    if (input->scratch == NULL) {
        status = TAL_ERR_MEMORY;
        goto done;
    }
    *out_input = input;
    input = NULL; /* Now the caller's. */
done:
    tal_bench_input_destroy(input);
    return status;
}

void tal_bench_input_destroy(tal_bench_input *input)
{
    if (input == NULL)
        return;
    for (int i = 0; i < TAL_BENCH_BATCHES_MAX; i++)
        tal_batch_deinit(&input->batches[i]);
    tal_wave_memory_deinit(&input->wave);
    tal_mask_scratch_deinit(&input->mask);
    tal_buffer_deinit(&input->masks);
    tal_seqset_destroy(input->set);
    tal_free(input->scratch);
    tal_free(input->profile);
    tal_free(input->twin);
    tal_free(input->query);
    tal_free(input);
}
