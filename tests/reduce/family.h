/* Random members with known edits. */
#ifndef TAL_TESTS_REDUCE_FAMILY_H
#define TAL_TESTS_REDUCE_FAMILY_H

#include "align/cigar.h"
#include "reduce/assignment.h"

/* Append a relative of `ref` to `member`: `change_permille` of its columns differ; some have ends
 * of their own. edits and out_assigned tell how (all but representative and score); out_assigned
 * views edits. */
void test_relative(tal_alphabet alphabet, const uint8_t *ref, int32_t ref_len, int change_permille,
                   tal_buffer *member, tal_cigar *edits, tal_assigned *out_assigned);

/* Append `len` random codes. */
void test_random_codes(tal_alphabet alphabet, int32_t len, tal_buffer *codes);

#endif
