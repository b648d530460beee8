/* Random members; see family.h. */
#include "reduce/family.h"

#include "harness.h"

#include "align/trace.h"

static uint8_t random_code(tal_alphabet alphabet)
{
    int count = alphabet == TAL_PROTEIN ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
    int usual = alphabet == TAL_PROTEIN ? 20 : 4;
    return (uint8_t)test_random_in(0, (test_random_in(0, 50) == 0 ? count : usual) - 1);
}

void test_random_codes(tal_alphabet alphabet, int32_t len, tal_buffer *codes)
{
    for (int32_t i = 0; i < len; i++) {
        uint8_t code = random_code(alphabet);
        CU_ASSERT_EQUAL_FATAL(tal_buffer_append(codes, &code, 1), TAL_OK);
    }
}

void test_relative(tal_alphabet alphabet, const uint8_t *ref, int32_t ref_len, int change_permille,
                   tal_buffer *member, tal_cigar *edits, tal_assigned *out_assigned)
{
    const size_t begin = member->bytes;
    int32_t head = test_random_in(0, 3) == 0 ? (int32_t)test_random_in(0, 9) : 0;
    int32_t ref_at = test_random_in(0, 3) == 0 ? (int32_t)test_random_in(0, ref_len / 10) : 0;
    int32_t ref_end = ref_len - (int32_t)test_random_in(0, (ref_len - ref_at) / 10);
    test_random_codes(alphabet, head, member);
    tal_cigar_reset(edits);
    *out_assigned = (tal_assigned){0};
    int32_t ref_begin = ref_at;
    while (ref_at < ref_end) {
        uint32_t operation = TAL_CIGAR_EQUAL;
        uint8_t code = ref[ref_at];
        if (test_random_in(0, 999) < change_permille) {
            int64_t kind = test_random_in(0, 5);
            operation = kind == 0   ? TAL_CIGAR_INSERTION
                        : kind == 1 ? TAL_CIGAR_DELETION
                                    : TAL_CIGAR_DIFF;
            while (operation == TAL_CIGAR_DIFF && code == ref[ref_at])
                code = random_code(alphabet);
        }
        int32_t len = operation == TAL_CIGAR_INSERTION ? (int32_t)test_random_in(1, 5) : 1;
        CU_ASSERT_EQUAL_FATAL(tal_cigar_append(edits, operation, len), TAL_OK);
        if (operation == TAL_CIGAR_INSERTION)
            test_random_codes(alphabet, len, member);
        else if (operation != TAL_CIGAR_DELETION)
            CU_ASSERT_EQUAL_FATAL(tal_buffer_append(member, &code, 1), TAL_OK);
        ref_at += operation != TAL_CIGAR_INSERTION;
    }
    out_assigned->certificate =
        tal_certificate_of_edits(edits->runs, edits->count, head, ref_begin);
    out_assigned->edits = edits->runs;
    out_assigned->edit_count = edits->count;
    test_random_codes(alphabet, test_random_in(0, 3) == 0 ? (int32_t)test_random_in(0, 9) : 0,
                      member);
    out_assigned->is_reverse = alphabet == TAL_NUCLEOTIDE && test_random_in(0, 1) == 1;
    if (out_assigned->is_reverse) {
        size_t len = member->bytes - begin;
        tal_buffer turned = {0};
        CU_ASSERT_EQUAL_FATAL(tal_buffer_reserve(&turned, len), TAL_OK);
        tal_nucleotide_reverse_complement(member->data + begin, len, turned.data);
        member->bytes = begin;
        CU_ASSERT_EQUAL_FATAL(tal_buffer_append(member, turned.data, len), TAL_OK);
        tal_buffer_deinit(&turned);
    }
}
