/* Whether a sequence may stand for another: the thresholds, and the alignment that proves it.
 *
 * The one definition. The member is the query, its representative the reference of the canonical
 * local alignment (align/trace.h) under the matrix and gap costs of the reduction; a nucleotide
 * member may be read as its reverse complement. With shares in hundredths of a percent,
 *   identical * 10000 >= identity * columns      columns: of the alignment, with gaps
 *   span * 10000 >= coverage * length            of the member, the representative, or both
 * and, where an E-value is asked for, that of the score, the member searched against the whole
 * input, is not larger. Letters are identical when their codes are, X and X too.
 */
#ifndef TAL_REDUCE_VERIFY_H
#define TAL_REDUCE_VERIFY_H

#include "align/ladder.h"
#include "align/prove.h"
#include "align/trace.h"
#include "base/buffer.h"
#include "reduce/assignment.h"
#include "score/stats.h"

/* Thresholds count in hundredths of a percent. */
#define TAL_REDUCE_SHARE_ONE 10000

/* Whose residues the alignment must span; in the order of the command's choices. */
typedef enum tal_coverage_mode {
    TAL_COVERAGE_BOTH = 0,
    TAL_COVERAGE_MEMBER,
    TAL_COVERAGE_REPRESENTATIVE,
} tal_coverage_mode;

/* The same for all workers, read-only while they verify; the identity may change in between. */
typedef struct tal_criteria {
    int32_t identity, coverage; /* 0 to TAL_REDUCE_SHARE_ONE */
    tal_coverage_mode coverage_mode;
    double evalue; /* INFINITY: none is asked for */
    const tal_stats *stats;
    uint64_t residue_count, sequence_count; /* of the whole input, for E-values */
    const tal_matrix *matrix;
    tal_ladder ladder;  /* local */
    tal_prover prover;  /* of the same scores */
    size_t trace_bytes; /* directions of a pair that are in memory; more is done in pieces */
} tal_criteria;

/* Whether sequences of these lengths can meet the coverage without gaps: the pairs that are looked
 * at. */
bool tal_criteria_allow_lengths(const tal_criteria *criteria, int64_t member_len,
                                int64_t representative_len);

/* Whether a score is far below that of pairs of these lengths that meet the thresholds. Pure. */
bool tal_criteria_is_hopeless(const tal_criteria *criteria, int64_t score, int64_t member_len,
                              int64_t representative_len);

/* Whether an alignment meets the thresholds. Pure. */
bool tal_criteria_check(const tal_criteria *criteria, const tal_certificate *certificate,
                        int64_t member_len, int64_t representative_len);

/* One worker's memory. */
typedef struct tal_verifier tal_verifier;
tal_status tal_verifier_create(const tal_criteria *criteria, tal_verifier **out_verifier);

/* Accepts NULL. */
void tal_verifier_destroy(tal_verifier *verifier);

/* Memory that a verifier takes for sequences of up to `len_max` residues, at most. Pure. */
uint64_t tal_verifier_bytes(const tal_criteria *criteria, int32_t len_max);

/* The member of the following calls; `codes` must stay as they are until the next one. */
void tal_verifier_set_member(tal_verifier *verifier, const uint8_t *codes, int32_t len);

/* Where a representative is thought to lie beside the member. */
typedef struct tal_verify_job {
    const uint8_t *codes;
    int32_t len;
    bool is_reverse;
    int32_t diagonal; /* position in the representative minus that in the member as read */
    bool is_seeded;   /* they share k-mers there: no hope near it is none at all */
} tal_verify_job;

/* Align member and representative and check. Pairs whose residues on the diagonal, or whose score,
 * show that they are far below the thresholds may be refused without path; what passes has been
 * aligned in full. When *out_passes, the certificate and the edits (appended to `edits` as
 * uint32_t) are those of the alignment. Sequences longer than tracing allows do not pass.
 * TAL_ERR_MEMORY. */
tal_status tal_verify(tal_verifier *verifier, const tal_verify_job *job, bool *out_passes,
                      tal_certificate *out_certificate, tal_buffer *edits);

/* What a verifier did so far. */
typedef struct tal_verifier_counts {
    uint64_t pairs, proven, refused, aligned, passed;
} tal_verifier_counts;

tal_verifier_counts tal_verifier_get_counts(const tal_verifier *verifier);

#endif
