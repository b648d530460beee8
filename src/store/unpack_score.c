/* The score of a member's certificate, which follows from its edits; see unpack_internal.h. */
#include "store/unpack_internal.h"

#include "align/trace.h"

/* The score of a path; false when a run is not what its residues are. */
static bool score_path(const tal_matrix *matrix, tal_gaps gaps, const tal_assigned *assigned,
                       const uint8_t *codes, const uint8_t *ref, int32_t *out_score)
{
    size_t query_at = (size_t)assigned->certificate.query_begin;
    size_t ref_at = (size_t)assigned->certificate.ref_begin;
    int64_t score = 0;
    for (size_t i = 0; i < assigned->edit_count; i++) {
        const uint32_t operation = tal_cigar_operation(assigned->edits[i]);
        const size_t len = (size_t)tal_cigar_len(assigned->edits[i]);
        if (operation == TAL_CIGAR_INSERTION || operation == TAL_CIGAR_DELETION) {
            score -= gaps.open + (int64_t)len * gaps.extend;
            query_at += operation == TAL_CIGAR_INSERTION ? len : 0;
            ref_at += operation == TAL_CIGAR_DELETION ? len : 0;
            continue;
        }
        for (size_t j = 0; j < len; j++, query_at++, ref_at++) {
            if ((codes[query_at] == ref[ref_at]) != (operation == TAL_CIGAR_EQUAL))
                return false;
            score += matrix->score[codes[query_at]][ref[ref_at]];
        }
    }
    *out_score = (int32_t)score;
    return true;
}

tal_status tal_unpack_score(const tal_unpacker *unpacker, tal_gaps gaps, const uint8_t *ref,
                            tal_member *member, tal_buffer *scratch, bool *out_is_path)
{
    const uint8_t *codes = member->codes;
    if (member->assigned.is_reverse) {
        tal_buffer_reset(scratch);
        tal_status status = tal_buffer_reserve(scratch, (size_t)member->len);
        if (status != TAL_OK)
            return status;
        tal_nucleotide_reverse_complement(codes, (size_t)member->len, scratch->data);
        codes = scratch->data;
    }
    *out_is_path = score_path(tal_container_matrix(unpacker->container), gaps, &member->assigned,
                              codes, ref, &member->assigned.certificate.score);
    return TAL_OK;
}
