/* The methods of masking, one file each; arguments as tal_mask_find's. */
#ifndef TAL_MASK_MASK_INTERNAL_H
#define TAL_MASK_MASK_INTERNAL_H

#include "mask/mask.h"

/* method: TAL_MASK_TANTAN or TAL_MASK_TANTAN_SHORT. */
tal_status tal_mask_tantan(tal_mask_method method, tal_isa isa, tal_alphabet alphabet,
                           const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                           tal_buffer *masks);
tal_status tal_mask_seg(const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                        tal_buffer *masks);
tal_status tal_mask_dust(const uint8_t *codes, int32_t len, tal_mask_scratch *scratch,
                         tal_buffer *masks);

/* Append a range that begins after all before it; joined with the last one where it touches it.
 * `first` is where the sequence's ranges begin in `masks`, in bytes. */
tal_status tal_mask_append(tal_buffer *masks, size_t first, int32_t begin, int32_t end);

#endif
