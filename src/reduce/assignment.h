/* Which representative stands for each record of this rank's share, and the proof of it.
 *
 * Made for a set as tal_load_partition deals it: entry `lid` speaks of record `lid` of that set.
 * The clustering fills it; the container, its exports and its statistics read it.
 *
 * What is guaranteed once the clustering is done, over all ranks:
 *   1. Depth one: the record that an entry names as representative names itself.
 *   2. A representative has no edits and an all-zero certificate but its strand (forward).
 *   3. A member's edits turn the span [ref_begin, ref_end) of the representative into the span
 *      [query_begin, query_end) of the member, read as its reverse complement where is_reverse says
 *      so (nucleotides only): the canonical local alignment (align/trace.h) of the member as query
 *      with the representative as reference, under the scores the reduction was run with. Residues
 *      outside the spans are not aligned.
 *   4. The certificate repeats what follows from edits and residues: identity_count is the sum of
 *      the runs '=', column_count that of all runs, spans are sums of runs, score is the
 * alignment's. It meets the thresholds of the reduction in integers: identity_count * 100 >=
 * identity * column_count, and the same for the spans and the lengths of the records.
 */
#ifndef TAL_REDUCE_ASSIGNMENT_H
#define TAL_REDUCE_ASSIGNMENT_H

#include "base/status.h"
#include "base/types.h"
#include "seq/seqset.h"

/* Positions are half-open, from 0, in the sequences that were aligned. */
typedef struct tal_certificate {
    int32_t score;
    int32_t identity_count, column_count;
    int32_t query_begin, query_end; /* in the member, or its reverse complement */
    int32_t ref_begin, ref_end;     /* in the representative */
} tal_certificate;

typedef struct tal_assigned {
    tal_gid representative; /* the record's own gid: it is one */
    bool is_reverse;
    tal_certificate certificate;
    const uint32_t *edits; /* edit_count runs =, X, I, D as in align/cigar.h; owned by the
                              assignment */
    size_t edit_count;
} tal_assigned;

typedef struct tal_assignment tal_assignment;

/* Every record of `set` its own representative. The set is not kept. */
tal_status tal_assignment_create(const tal_seqset *set, tal_assignment **out_assignment);

/* Accepts NULL. */
void tal_assignment_destroy(tal_assignment *assignment);

/* Assign record `lid` (in any order; each at most once) to the representative of `assigned`, whose
 * edits are copied. TAL_ERR_MEMORY leaves the assignment as it was. */
tal_status tal_assignment_set(tal_assignment *assignment, tal_lid lid,
                              const tal_assigned *assigned);

tal_lid tal_assignment_count(const tal_assignment *assignment);

/* View, valid until the next tal_assignment_set. */
tal_assigned tal_assignment_get(const tal_assignment *assignment, tal_lid lid);

/* Memory held, in bytes. */
uint64_t tal_assignment_bytes(const tal_assignment *assignment);

/* What a certificate says, told by the edits alone: all but the score. */
tal_certificate tal_certificate_of_edits(const uint32_t *edits, size_t edit_count,
                                         int32_t query_begin, int32_t ref_begin);

#endif
