/* Representatives and certificates of a rank's records; see assignment.h.
 *
 * A row of fixed size for each record; edits of all rows back to back.
 */
#include "reduce/assignment.h"

#include "align/cigar.h"
#include "align/trace.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/check.h"

typedef struct assignment_row {
    tal_gid representative;
    uint64_t edit_begin; /* in runs */
    uint32_t edit_count;
    bool is_reverse;
    bool is_member;
    tal_certificate certificate;
} assignment_row;

struct tal_assignment {
    assignment_row *rows;
    tal_lid count;
    tal_buffer edits; /* uint32_t runs */
};

tal_status tal_assignment_create(const tal_seqset *set, tal_assignment **out_assignment)
{
    tal_assignment *assignment = tal_alloc_zero(sizeof(*assignment));
    if (assignment == NULL)
        return TAL_ERR_MEMORY;
    assignment->count = tal_seqset_count(set);
    assignment->rows = tal_alloc_array(assignment->count, sizeof(*assignment->rows));
    if (assignment->rows == NULL) {
        tal_assignment_destroy(assignment);
        return TAL_ERR_MEMORY;
    }
    for (tal_lid lid = 0; lid < assignment->count; lid++)
        assignment->rows[lid] = (assignment_row){.representative = tal_seqset_gid(set, lid)};
    *out_assignment = assignment;
    return TAL_OK;
}

void tal_assignment_destroy(tal_assignment *assignment)
{
    if (assignment == NULL)
        return;
    tal_buffer_deinit(&assignment->edits);
    tal_free(assignment->rows);
    tal_free(assignment);
}

tal_status tal_assignment_set(tal_assignment *assignment, tal_lid lid, const tal_assigned *assigned)
{
    TAL_ASSERT(lid < assignment->count);
    TAL_ASSERT(assigned->edit_count <= UINT32_MAX);
    assignment_row *row = &assignment->rows[lid];
    TAL_ASSERT(!row->is_member);
    TAL_ASSERT(row->representative != assigned->representative);
    const uint64_t begin = assignment->edits.bytes / sizeof(*assigned->edits);
    tal_status status = tal_buffer_append(&assignment->edits, assigned->edits,
                                          assigned->edit_count * sizeof(*assigned->edits));
    if (status != TAL_OK)
        return status;
    *row = (assignment_row){
        .representative = assigned->representative,
        .edit_begin = begin,
        .edit_count = (uint32_t)assigned->edit_count,
        .is_reverse = assigned->is_reverse,
        .is_member = true,
        .certificate = assigned->certificate,
    };
    return TAL_OK;
}

tal_lid tal_assignment_count(const tal_assignment *assignment)
{
    return assignment->count;
}

tal_assigned tal_assignment_get(const tal_assignment *assignment, tal_lid lid)
{
    TAL_ASSERT(lid < assignment->count);
    const assignment_row *row = &assignment->rows[lid];
    const uint32_t *edits = (const uint32_t *)(const void *)assignment->edits.data;
    return (tal_assigned){
        .representative = row->representative,
        .is_reverse = row->is_reverse,
        .certificate = row->certificate,
        .edits = row->edit_count > 0 ? edits + row->edit_begin : NULL,
        .edit_count = row->edit_count,
    };
}

uint64_t tal_assignment_bytes(const tal_assignment *assignment)
{
    return sizeof(*assignment) + assignment->count * sizeof(*assignment->rows) +
           assignment->edits.capacity;
}

tal_certificate tal_certificate_of_edits(const uint32_t *edits, size_t edit_count,
                                         int32_t query_begin, int32_t ref_begin)
{
    tal_certificate told = {
        .query_begin = query_begin,
        .query_end = query_begin,
        .ref_begin = ref_begin,
        .ref_end = ref_begin,
    };
    for (size_t i = 0; i < edit_count; i++) {
        const uint32_t operation = tal_cigar_operation(edits[i]);
        const int32_t len = tal_cigar_len(edits[i]);
        told.column_count += len;
        told.identity_count += operation == TAL_CIGAR_EQUAL ? len : 0;
        told.query_end += operation != TAL_CIGAR_DELETION ? len : 0;
        told.ref_end += operation != TAL_CIGAR_INSERTION ? len : 0;
    }
    return told;
}
