/* Representatives and certificates of a rank's records. */
#include "harness.h"

#include "align/trace.h"
#include "reduce/assignment.h"

const char test_suite_name[] = "reduce/assignment";

static tal_seqset *set_of(tal_lid count)
{
    static const uint8_t codes[] = {0, 1, 2, 3};
    tal_seqset *set = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    for (tal_lid lid = 0; lid < count; lid++)
        CU_ASSERT_EQUAL_FATAL(tal_seqset_append(set, 1000 + lid, codes, sizeof(codes), "id", 2),
                              TAL_OK);
    return set;
}

static uint32_t run(uint32_t operation, uint32_t len)
{
    return len << 4 | operation;
}

static void every_record_is_first_its_own_representative(void)
{
    tal_seqset *set = set_of(3);
    tal_assignment *assignment = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_assignment_create(set, &assignment), TAL_OK);
    CU_ASSERT_EQUAL(tal_assignment_count(assignment), 3);
    for (tal_lid lid = 0; lid < 3; lid++) {
        tal_assigned assigned = tal_assignment_get(assignment, lid);
        CU_ASSERT_EQUAL(assigned.representative, 1000 + lid);
        CU_ASSERT_EQUAL(assigned.edit_count, 0);
        CU_ASSERT(!assigned.is_reverse);
    }
    tal_assignment_destroy(assignment);
    tal_seqset_destroy(set);
}

static void members_keep_their_edits_in_any_order(void)
{
    tal_seqset *set = set_of(100);
    tal_assignment *assignment = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_assignment_create(set, &assignment), TAL_OK);
    for (tal_lid i = 0; i < 99; i++) {
        tal_lid lid = 1 + (i * 37) % 99;
        uint32_t edits[3] = {run(TAL_CIGAR_EQUAL, lid), run(TAL_CIGAR_DIFF, 1),
                             run(TAL_CIGAR_EQUAL, 2)};
        tal_assigned assigned = {.representative = 1000,
                                 .is_reverse = lid % 2 == 1,
                                 .certificate = {.score = (int32_t)lid},
                                 .edits = edits,
                                 .edit_count = lid % 4};
        CU_ASSERT_EQUAL_FATAL(tal_assignment_set(assignment, lid, &assigned), TAL_OK);
    }
    for (tal_lid lid = 1; lid < 100; lid++) {
        tal_assigned assigned = tal_assignment_get(assignment, lid);
        CU_ASSERT_EQUAL(assigned.representative, 1000);
        CU_ASSERT_EQUAL(assigned.is_reverse, lid % 2 == 1);
        CU_ASSERT_EQUAL(assigned.certificate.score, (int32_t)lid);
        CU_ASSERT_EQUAL_FATAL(assigned.edit_count, lid % 4);
        if (assigned.edit_count > 0)
            CU_ASSERT_EQUAL(assigned.edits[0], run(TAL_CIGAR_EQUAL, lid));
    }
    tal_assignment_destroy(assignment);
    tal_seqset_destroy(set);
}

static void edits_tell_counts_and_spans(void)
{
    const uint32_t edits[] = {run(TAL_CIGAR_EQUAL, 5), run(TAL_CIGAR_INSERTION, 2),
                              run(TAL_CIGAR_DIFF, 1), run(TAL_CIGAR_DELETION, 3),
                              run(TAL_CIGAR_EQUAL, 4)};
    tal_certificate told = tal_certificate_of_edits(edits, 5, 10, 20);
    CU_ASSERT_EQUAL(told.identity_count, 9);
    CU_ASSERT_EQUAL(told.column_count, 15);
    CU_ASSERT_EQUAL(told.query_begin, 10);
    CU_ASSERT_EQUAL(told.query_end, 22);
    CU_ASSERT_EQUAL(told.ref_begin, 20);
    CU_ASSERT_EQUAL(told.ref_end, 33);
    told = tal_certificate_of_edits(NULL, 0, 1, 2);
    CU_ASSERT_EQUAL(told.column_count, 0);
    CU_ASSERT_EQUAL(told.query_end, 1);
}

const test_case test_cases[] = {
    TEST_CASE(every_record_is_first_its_own_representative),
    TEST_CASE(members_keep_their_edits_in_any_order),
    TEST_CASE(edits_tell_counts_and_spans),
    {0},
};
