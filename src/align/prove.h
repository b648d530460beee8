/* Alignments without gaps, proven to be the canonical ones without filling the matrix.
 *
 * Similar sequences mostly align along one diagonal. That no other path scores as much follows from
 * two bounds: of paths that stay near the diagonal by the rival kernel (kernels/rival.h); of paths
 * that leave them by how many pairs they lose: every pair that the shorter sequence cannot have is
 * a score it cannot bring. Then the diagonal's best segment is the canonical alignment (trace.h),
 * at the cost of a few hundred operations a residue instead of a matrix.
 */
#ifndef TAL_ALIGN_PROVE_H
#define TAL_ALIGN_PROVE_H

#include "align/cigar.h"
#include "align/trace.h"
#include "kernels/table.h"
#include "score/matrix.h"

/* What a proof needs to know about the scores; the same for all workers, read-only. */
typedef struct tal_prover {
    tal_rival_function rival;
    tal_identity_function identity;
    tal_gaps gaps;
    int32_t row_max[TAL_CODE_COUNT];    /* the best a query letter can score */
    int32_t column_max[TAL_CODE_COUNT]; /* a reference letter */
    int32_t strong; /* the least of these over the letters proper; <= 0: no proofs */
} tal_prover;

void tal_prover_init(tal_prover *prover, const tal_kernel_table *table, const tal_matrix *matrix,
                     tal_gaps gaps);

/* One worker's memory; all zero is none. */
typedef struct tal_prover_memory {
    uint8_t *letters;
    size_t capacity;
    tal_cigar cigar;
} tal_prover_memory;

void tal_prover_memory_deinit(tal_prover_memory *memory);

typedef struct tal_prove_job {
    const int8_t *profile;      /* of the query and the prover's matrix */
    const uint8_t *query, *ref; /* codes */
    int32_t query_len, ref_len;
    int32_t diagonal; /* position in the reference minus that in the query */
} tal_prove_job;

/* The best segment of the diagonal, as it is canonical: its score, begin and end; score 0: none.
 * Pure. */
void tal_prove_find_segment(const tal_prove_job *job, tal_alignment *out_segment);

/* Try to prove that the best local alignment is the best segment of the diagonal. When
 * *out_is_proven, *segment becomes the alignment that tal_trace gives; its CIGAR is the memory's,
 * until its next use. Otherwise it stays as it is. TAL_ERR_MEMORY. */
tal_status tal_prove(const tal_prover *prover, tal_prover_memory *memory, const tal_prove_job *job,
                     tal_alignment *segment, bool *out_is_proven);

#endif
