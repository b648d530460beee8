/* A header coded against the one before it in the file: what begins alike, a number that grew, what
 * goes on alike, new text, what ends alike. Pure.
 */
#ifndef TAL_REDUCE_HEADER_CODE_H
#define TAL_REDUCE_HEADER_CODE_H

#include "reduce/range_coder.h"

/* The pieces of a header: previous[0, prefix), the number behind it plus `growth` (0: no number),
 * `bridge` bytes that follow it in the previous one, new text, the last `suffix` bytes of the
 * previous one. */
typedef struct tal_header_code {
    uint64_t prefix, growth, bridge, fresh, suffix;
} tal_header_code;

/* Cut `header`; out_fresh is where its new text begins. */
tal_header_code tal_header_cut(const uint8_t *previous, size_t previous_bytes,
                               const uint8_t *header, size_t bytes, size_t *out_fresh);

/* Append the header that `code` describes to `out`, which does not hold `previous`. `fresh` has
 * code->fresh bytes. TAL_ERR_DATA without a message when the code does not fit the previous header
 * or makes more than `limit` bytes. */
tal_status tal_header_join(const uint8_t *previous, size_t previous_bytes,
                           const tal_header_code *code, const uint8_t *fresh, uint64_t limit,
                           tal_buffer *out);

#endif
