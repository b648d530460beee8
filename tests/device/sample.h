/* Inputs of device tests: references, queries with profiles, and the scalar kernel's answer. */
#ifndef TAL_TESTS_DEVICE_SAMPLE_H
#define TAL_TESTS_DEVICE_SAMPLE_H

#include "device/device.h"

typedef struct sample {
    uint8_t *letters;
    uint64_t *offsets;
    uint32_t ref_count;
    tal_device_query *queries; /* longest first; cut 1 */
    int8_t **profiles;
    uint8_t **codes; /* what the profiles were made of */
    uint32_t query_count;
} sample;

/* Random protein codes; lengths are sorted, longest first. The profiles are of `score_of`, a table
 * of 32 x 32 scores. */
sample sample_create(const int32_t *ref_lens, uint32_t ref_count, const int32_t *query_lens,
                     uint32_t query_count, int code_count, const int8_t *score_of,
                     uint64_t (*random)(void));
void sample_destroy(sample *own);

/* Codes of a query over those of a reference, from `at` on, as far as both reach. */
void sample_plant(sample *own, uint32_t query, uint32_t ref, uint32_t at);

/* A table like BLOSUM62: equal letters 4..11, others -6..1: unrelated sequences score little. */
void sample_scores(int8_t *out_score_of, uint64_t (*random)(void));

/* The shape of this sample as one batch. */
tal_device_shape sample_shape(const sample *own);
tal_device_references sample_references(const sample *own);

/* scores[query * ref_count + ref] of all pairs by the scalar kernel. */
void sample_expect(const sample *own, tal_device_task task, int gap_open, int gap_extend,
                   int32_t *out_scores);

/* Cells of all pairs. */
uint64_t sample_cells(const sample *own);

#endif
