/* Equal rows of a profile by open addressing; see row_class.h.
 *
 * The hash takes eight scores of a row: enough to tell letters apart, and rows are compared whole.
 */
#include "kernels/row_class.h"

#include <string.h>

enum {
    SLOT_BITS = 7,
    SLOT_COUNT = 1 << SLOT_BITS, /* four a class: probes are short */
    WORDS = TAL_PROFILE_STRIDE / 8,
};

_Static_assert(SLOT_COUNT >= 2 * TAL_ROW_CLASS_MAX, "a free slot ends a search");

static bool is_equal(const int8_t *a, const int8_t *b)
{
    uint64_t words_a[WORDS];
    uint64_t words_b[WORDS];
    memcpy(words_a, a, sizeof(words_a));
    memcpy(words_b, b, sizeof(words_b));
    return ((words_a[0] ^ words_b[0]) | (words_a[1] ^ words_b[1]) | (words_a[2] ^ words_b[2]) |
            (words_a[3] ^ words_b[3])) == 0;
}

void tal_row_classes_find(const int8_t *profile, int32_t query_len, uint8_t *out_class,
                          tal_row_classes *out_classes)
{
    uint8_t slots[SLOT_COUNT] = {0}; /* class + 1; 0 is free */
    out_classes->count = 0;
    for (int32_t i = 0; i < query_len; i++) {
        const int8_t *row = profile + (size_t)i * TAL_PROFILE_STRIDE;
        uint64_t word;
        memcpy(&word, row, sizeof(word));
        size_t slot = (size_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SLOT_BITS));
        while (slots[slot] != 0 && !is_equal(row, out_classes->rows[slots[slot] - 1]))
            slot = (slot + 1) % SLOT_COUNT;
        if (slots[slot] == 0) {
            if (out_classes->count == TAL_ROW_CLASS_MAX) {
                out_classes->count = 0;
                return;
            }
            out_classes->rows[out_classes->count] = row;
            slots[slot] = (uint8_t)++out_classes->count;
        }
        out_class[i] = (uint8_t)(slots[slot] - 1);
    }
}
