/* The alignment behind a score: where it begins and ends, and its path.
 *
 * Canonical, so that the result does not depend on how it is computed:
 *   1. End. Local: of all cells with the best score the first in the reference, of those the first
 *      in the query. Semi-global: the first in the reference. Global: the corner.
 *   2. Begin, of the alignments with that end and score. Local: the last in the reference, of those
 *      the last in the query. Semi-global: the last in the reference. Global: the corner.
 *   3. Path: walked back from end to begin through the matrices H, E, F (kernels/contract.h) of the
 *      box between them, whose boundary costs gaps. In H(i,j) the first of these that has H's
 *      value is taken: the pair H(i-1,j-1) + S(i,j); F(i,j), an insertion (consumes query);
 *      E(i,j), a deletion (consumes reference). A gap is left as soon as it may be: in F(i,j) the
 *      step to H(i-1,j) (open) is taken when it has F's value, else the one to F(i-1,j) (extend);
 *      in E(i,j) likewise.
 * Since every gap costs at least 1, local alignments begin and end with a pair, and semi-global
 * ones neither begin nor end with a deletion.
 */
#ifndef TAL_ALIGN_TRACE_H
#define TAL_ALIGN_TRACE_H

#include "base/status.h"
#include "kernels/contract.h"
#include "kernels/table.h"
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

/* Longest sequence, and longest of the shorter ones of a pair, that 32 bit hold with any scores. */
#define TAL_TRACE_LEN_MAX     (1 << 29)
#define TAL_TRACE_SHORTER_MAX (1 << 22)

/* One worker's memory. The path takes `memory_bytes`, or where that is less than the least it can
 * do with, 8 bytes * query_len * (2 + log2(ref_len)); beside it 8 bytes for each query position, 1
 * for each query position and distinct letter of the reference, and the CIGAR. Memory is taken when
 * a job first needs it and kept until destroyed. Threads: each its own tracer. */
typedef struct tal_tracer tal_tracer;
tal_status tal_tracer_create(size_t memory_bytes, tal_tracer **out_tracer);

/* Use the kernels of a table, which must outlive the tracer; without, or with those of the scalar
 * level, plain columns do the work. The alignments are the same. Beside the memory above the
 * kernels take 8 bytes for each query and each reference position (with 32 bit; half of it with
 * 16), 30 and 10 more for what passes may leave out, and 64 KiB; where memory_bytes do not hold the
 * directions of some hundred columns, the path is left to the plain columns. */
void tal_tracer_use_kernels(tal_tracer *tracer, const tal_kernel_table *table);

/* Accepts NULL. */
void tal_tracer_destroy(tal_tracer *tracer);

typedef struct tal_trace_job {
    const int8_t *profile; /* query_len rows of 32 */
    const uint8_t *query;  /* codes, for identities */
    int32_t query_len;
    const uint8_t *ref; /* codes */
    int32_t ref_len;
    /* Where identities are of other letters than those scored (masked ones): the reference's; the
     * path is the same, only = and X are. NULL: as scored. */
    const uint8_t *ref_letters;
    tal_mode mode;
    /* Local: of alignments that span less, begin and end are all that is wanted: no path, counts or
     * CIGAR. */
    int32_t query_span_min, ref_span_min;
    /* Local: where the alignment ends, when that is known (tal_ladder_find_peak), else 0; and of
     * each query position the best score of alignments that end there, of those that may be
     * continued to the score, when that is known, else NULL. */
    int32_t query_end, ref_end;
    const int32_t *row_bests;
    tal_gaps gaps;
    int32_t score; /* the optimum, as the score pass found it: another is our mistake (asserted, but
                      one hidden behind the end only where TAL_SLOW_CHECKS is defined) */
} tal_trace_job;

/* Find the canonical alignment. Local alignments of score 0 have no columns: begin = end = 0. A
 * semi-global alignment that is all insertion, or of no query, has ref_begin = ref_end = 0.
 *
 * Fails with TAL_ERR_MEMORY, or TAL_ERR_DATA when the pair is beyond the limits above; the tracer
 * stays usable. Cost: forward to the end unless it is known, backward to
 * the begin, and the box once, or where its directions (a byte per cell) do not fit in memory_bytes
 * once more for each level of checkpoints. Global: the box only. */
tal_status tal_trace(tal_tracer *tracer, const tal_trace_job *job, tal_alignment *out_alignment);

/* Fill the counts of an alignment of the job whose begin, end and CIGAR are there, the counts being
 * 0. Returns the score of its path; where that does not lead from begin to end it is our mistake
 * (asserted). */
int64_t tal_trace_count_columns(const tal_trace_job *job, tal_alignment *alignment);

#endif
