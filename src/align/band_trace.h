/* Scores and alignments of similar nucleotide sequences, exact, from a band of the matrix.
 *
 * Two questions about a pair, each at the cost of a few passes over a band:
 *   - a score that no path passes: the best within the band, where paths that leave it are
 *     overvalued (band.h);
 *   - the canonical alignment (trace.h), when it can be proven that every path of its score stays
 * in the band. See band_trace.c for the proof.
 */
#ifndef TAL_ALIGN_BAND_TRACE_H
#define TAL_ALIGN_BAND_TRACE_H

#include "align/band_pass.h"
#include "align/cigar.h"
#include "align/trace.h"

/* One worker's memory; all zero is none. */
typedef struct tal_band_aligner {
    tal_band_outside outside;
    tal_band_memory forward, backward;
    tal_buffer directions;
    tal_cigar cigar;
} tal_band_aligner;

void tal_band_aligner_deinit(tal_band_aligner *aligner);

/* The best a pair can score; the same for all pairs. */
typedef struct tal_band_scoring {
    tal_gaps gaps;
    tal_band_costs costs;
    int32_t gain_max; /* of a row */
} tal_band_scoring;

/* Nucleotides; gap costs as tal_gaps_check accepts them. */
void tal_band_scoring_init(tal_band_scoring *scoring, const tal_matrix *matrix, tal_gaps gaps);

typedef struct tal_band_pair {
    const uint8_t *query, *ref; /* codes */
    int32_t query_len, ref_len; /* >= 1, within the limits of trace.h */
    tal_band band;              /* of the whole matrix */
    const tal_wave *waves;      /* of a kernel table */
} tal_band_pair;

/* Prepare for the pair, once before all that is asked of it; its band may change. TAL_ERR_MEMORY.
 */
tal_status tal_band_aligner_begin(tal_band_aligner *aligner, const tal_band_pair *pair);

/* As tal_band_bound, without any pass: an upper bound from words alone. Pure. */
int64_t tal_band_bound_by_words(const tal_band_aligner *aligner, const tal_band_pair *pair,
                                const tal_band_scoring *scoring, int32_t rows_min);

/* Choose the pair's band for the following questions. TAL_ERR_MEMORY. */
tal_status tal_band_aligner_choose(tal_band_aligner *aligner, const tal_band_pair *pair);

/* No local path of the whole matrix that spans at least rows_min query positions scores more than
 * *out_score; it costs less where that is far below `enough`. TAL_ERR_MEMORY. */
tal_status tal_band_bound(tal_band_aligner *aligner, const tal_band_pair *pair,
                          const tal_band_scoring *scoring, const int8_t *profile, int32_t rows_min,
                          int64_t enough, int64_t *out_score);

/* The canonical local alignment. *out_is_proven: it is *out_alignment, which equals that of
 * tal_trace; its CIGAR is the aligner's, until its next call. Of alignments that span less than
 * query_span_min and ref_span_min only score, begin and end are given. TAL_ERR_MEMORY. */
tal_status tal_band_trace(tal_band_aligner *aligner, const tal_band_pair *pair,
                          const tal_band_scoring *scoring, const tal_trace_job *job,
                          bool *out_is_proven, tal_alignment *out_alignment);

#endif
