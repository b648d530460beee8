/* The alignment behind a score: where it begins and ends, and its path.
 *
 * Canonical: of all best alignments the one that ends first in the reference, then first in the
 * query; of those the one that begins last in the reference, then last in the query; of the paths
 * in between the one found by walking back from the end with preference match/mismatch, then gap in
 * the reference (insertion, consumes query), then gap in the query (deletion, consumes reference),
 * staying in a gap only as long as it must. So the result does not depend on how it is computed.
 */
#ifndef TAL_ALIGN_TRACE_H
#define TAL_ALIGN_TRACE_H

#include "base/status.h"
#include "kernels/contract.h"
#include "score/stats.h"

/* CIGAR runs as in BAM: length << 4 | operation. */
enum { TAL_CIGAR_INSERTION = 1, TAL_CIGAR_DELETION = 2, TAL_CIGAR_EQUAL = 7, TAL_CIGAR_DIFF = 8 };

typedef struct tal_alignment {
    int32_t score;
    int32_t query_begin, query_end; /* half-open, from 0, in the sequence that was aligned */
    int32_t ref_begin, ref_end;
    int32_t column_count; /* alignment length with gaps */
    int32_t identity_count, mismatch_count, positive_count;
    int32_t gap_open_count, gap_column_count;
    const uint32_t
        *cigar; /* cigar_count runs: =, X, I, D; owned by the tracer, until its next call */
    size_t cigar_count;
} tal_alignment;

/* One worker's memory: bounded by `memory_bytes` plus a few rows of the longest sequence. */
typedef struct tal_tracer tal_tracer;
tal_status tal_tracer_create(size_t memory_bytes, tal_tracer **out_tracer);
void tal_tracer_destroy(tal_tracer *tracer);

typedef struct tal_trace_job {
    const int8_t *profile; /* query_len rows of 32 */
    const uint8_t *query;  /* codes, for identities */
    int32_t query_len;
    const uint8_t *ref; /* codes */
    int32_t ref_len;
    tal_mode mode;
    tal_gaps gaps;
    int32_t score; /* as the score pass found it; a different optimum is our mistake (asserted) */
} tal_trace_job;

/* Local alignments of score 0 have no columns: begin = end = 0. */
tal_status tal_trace(tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out_alignment);

#endif
