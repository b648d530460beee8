/* Inputs of device tests; see sample.h. */
#include "device/sample.h"

#include "kernels/table.h"

#include <stdlib.h>
#include <string.h>

static void *get(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes / 64 + 1) * 64);
    if (memory == NULL)
        abort();
    return memory;
}

static int by_length_falling(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left < right) - (left > right);
}

static int32_t *sorted(const int32_t *lens, uint32_t count)
{
    int32_t *copy = get(count * sizeof(*copy));
    memcpy(copy, lens, count * sizeof(*copy));
    qsort(copy, count, sizeof(*copy), by_length_falling);
    return copy;
}

void sample_scores(int8_t *out_score_of, uint64_t (*random)(void))
{
    for (int a = 0; a < 32; a++)
        for (int b = 0; b <= a; b++) {
            int score = a == b ? 4 + (int)(random() % 8) : -6 + (int)(random() % 8);
            out_score_of[a * 32 + b] = out_score_of[b * 32 + a] = (int8_t)score;
        }
}

sample sample_create(const int32_t *ref_lens, uint32_t ref_count, const int32_t *query_lens,
                     uint32_t query_count, int code_count, const int8_t *score_of,
                     uint64_t (*random)(void))
{
    sample own = {.ref_count = ref_count, .query_count = query_count};
    int32_t *lens = sorted(ref_lens, ref_count);
    own.offsets = get((ref_count + 1) * sizeof(*own.offsets));
    own.offsets[0] = 0;
    for (uint32_t i = 0; i < ref_count; i++)
        own.offsets[i + 1] = own.offsets[i] + (uint64_t)lens[i];
    own.letters = get(own.offsets[ref_count]);
    for (uint64_t i = 0; i < own.offsets[ref_count]; i++)
        own.letters[i] = (uint8_t)(random() % (uint64_t)code_count);
    free(lens);

    lens = sorted(query_lens, query_count);
    own.queries = get(query_count * sizeof(*own.queries));
    own.profiles = get(query_count * sizeof(*own.profiles));
    own.codes = get(query_count * sizeof(*own.codes));
    for (uint32_t i = 0; i < query_count; i++) {
        own.profiles[i] = get((size_t)lens[i] * 32);
        own.codes[i] = get((size_t)lens[i]);
        for (int32_t row = 0; row < lens[i]; row++) {
            own.codes[i][row] = (uint8_t)(random() % (uint64_t)code_count);
            memcpy(own.profiles[i] + (size_t)row * 32, score_of + own.codes[i][row] * 32, 32);
            own.profiles[i][(size_t)row * 32 + 31] = -127;
        }
        own.queries[i] = (tal_device_query){.profile = own.profiles[i], .len = lens[i], .cut = 1};
    }
    free(lens);
    return own;
}

void sample_destroy(sample *own)
{
    for (uint32_t i = 0; i < own->query_count; i++) {
        free(own->profiles[i]);
        free(own->codes[i]);
    }
    free(own->codes);
    free(own->profiles);
    free(own->queries);
    free(own->letters);
    free(own->offsets);
}

void sample_plant(sample *own, uint32_t query, uint32_t ref, uint32_t at)
{
    for (int32_t i = 0; i < own->queries[query].len; i++)
        if (own->offsets[ref] + at + (uint64_t)i < own->offsets[ref + 1])
            own->letters[own->offsets[ref] + at + (uint64_t)i] = own->codes[query][i];
}

tal_device_shape sample_shape(const sample *own)
{
    tal_device_shape shape = {
        .ref_count = own->ref_count,
        .ref_residue_count = own->offsets[own->ref_count],
        .ref_len_max = (int32_t)own->offsets[1],
        .query_count = own->query_count,
        .query_len_max = own->queries[0].len,
        .pair_count = (uint64_t)own->query_count * own->ref_count,
    };
    for (uint32_t i = 0; i < own->query_count; i++)
        shape.query_residue_count += (uint64_t)own->queries[i].len;
    return shape;
}

tal_device_references sample_references(const sample *own)
{
    return (tal_device_references){
        .letters = own->letters, .offsets = own->offsets, .count = own->ref_count};
}

uint64_t sample_cells(const sample *own)
{
    return sample_shape(own).query_residue_count * own->offsets[own->ref_count];
}

static int32_t gapless(const tal_device_query *query, const uint8_t *letters, int64_t len)
{
    int32_t best = 0;
    int32_t *above = get((size_t)(len + 1) * sizeof(*above)); /* runs that end in the row before */
    memset(above, 0, (size_t)(len + 1) * sizeof(*above));
    for (int32_t row = 0; row < query->len; row++)
        for (int64_t column = len; column > 0; column--) {
            int32_t run =
                above[column - 1] + query->profile[(size_t)row * 32 + letters[column - 1]];
            above[column] = run > 0 ? run : 0;
            best = above[column] > best ? above[column] : best;
        }
    free(above);
    return best;
}

void sample_expect(const sample *own, tal_device_task task, int gap_open, int gap_extend,
                   int32_t *out_scores)
{
    tal_kernel_table table;
    tal_kernel_table_init(&table, TAL_ISA_SCALAR);
    for (uint32_t ref = 0; ref < own->ref_count; ref++) {
        const uint8_t *letters = own->letters + own->offsets[ref];
        int32_t lens[TAL_BATCH_LANES] = {(int32_t)(own->offsets[ref + 1] - own->offsets[ref])};
        size_t columns = ((size_t)lens[0] + 3) / 4 * 4;
        uint8_t *batch = get(columns * TAL_BATCH_LANES);
        memset(batch, 31, columns * TAL_BATCH_LANES);
        for (int32_t i = 0; i < lens[0]; i++)
            batch[(size_t)i * TAL_BATCH_LANES] = letters[i];
        for (uint32_t query = 0; query < own->query_count; query++) {
            int32_t scores[TAL_BATCH_LANES];
            tal_score_job job = {
                .profile = own->profiles[query],
                .query_len = own->queries[query].len,
                .letters = batch,
                .lane_len = lens,
                .lane_count = 1,
                .gap_open = gap_open,
                .gap_extend = gap_extend,
                .scratch = get(tal_kernel_scratch_bytes(own->queries[query].len, lens[0])),
                .scores = scores,
            };
            if (task == TAL_DEVICE_GAPLESS)
                scores[0] = gapless(&own->queries[query], letters, lens[0]);
            else
                (void)table.score[TAL_LOCAL][TAL_WIDTH_32](&job); /* 32 bit never flags. */
            out_scores[(size_t)query * own->ref_count + ref] = scores[0];
            free(job.scratch);
        }
        free(batch);
    }
}
