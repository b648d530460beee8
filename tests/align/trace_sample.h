/* What the tests of traceback share: random pairs, and a plain score that shares no code. */
#ifndef TAL_TESTS_ALIGN_TRACE_SAMPLE_H
#define TAL_TESTS_ALIGN_TRACE_SAMPLE_H

#include "align/trace.h"

#include <stdbool.h>

/* A pair of sequences with its profile; release with trace_sample_deinit. */
typedef struct trace_sample {
    int8_t *profile;
    uint8_t *query, *ref;
    tal_trace_job job;
} trace_sample;

typedef struct trace_sample_params {
    int32_t query_len, ref_len;
    int letter_count;
    int score_min, score_max; /* of random scores; score_max of equal letters */
    bool is_profile_random;   /* every position its own scores, else one matrix */
    bool is_ref_related;      /* the reference is a mutated copy of the query's letters */
    tal_mode mode;
    tal_gaps gaps;
} trace_sample_params;

/* Fills job.score with the optimum. Aborts when there is no memory. */
void trace_sample_init(trace_sample *sample, const trace_sample_params *params);
void trace_sample_deinit(trace_sample *sample);

/* Optimum by Gotoh's recurrences in 64 bit, row by row with four separate arrays. */
int64_t trace_sample_optimum(const tal_trace_job *job);

/* Score, counts and spans recomputed from the CIGAR agree with what the alignment says; local
 * alignments begin and end with a pair. */
bool trace_sample_is_consistent(const tal_trace_job *job, const tal_alignment *alignment);

/* Equal in every field and run. */
bool trace_sample_is_same(const tal_alignment *a, const tal_alignment *b);

/* To standard output, for a failed case. */
void trace_sample_print(const tal_trace_job *job, const tal_alignment *alignment);

#endif
