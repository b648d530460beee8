/* Masked residues at = columns; see hit_masks.h. */
#include "search/hit_masks.h"

enum { BYTE_MORE = 255 };

static tal_status append_run(tal_buffer *buffer, int64_t len)
{
    tal_status status = TAL_OK;
    for (int64_t left = len; status == TAL_OK; left -= BYTE_MORE) {
        const uint8_t byte = (uint8_t)(left < BYTE_MORE ? left : BYTE_MORE);
        status = tal_buffer_append(buffer, &byte, 1);
        if (byte < BYTE_MORE)
            break;
    }
    return status;
}

/* Read the length of a run and step over it; false: the bytes end within. */
static bool read_run(const char **at, const char *end, uint64_t *out_len)
{
    uint64_t len = 0;
    while (*at < end) {
        const uint8_t byte = (uint8_t) * (*at)++;
        len += byte;
        if (byte < BYTE_MORE) {
            *out_len = len;
            return true;
        }
    }
    return false;
}

tal_status tal_hit_masks_append(tal_buffer *buffer, const tal_mask_range *ranges, size_t count,
                                const tal_alignment *alignment)
{
    const tal_mask_range *range = ranges;
    const tal_mask_range *last = ranges + count;
    int32_t at = alignment->ref_begin;
    int64_t equal = 0;          /* = columns before the run of the path */
    int64_t begin = 0, end = 0; /* the masked run at hand, in = columns */
    int64_t written = 0;        /* = columns that runs were appended for */
    tal_status status = TAL_OK;
    for (size_t run = 0; run < alignment->cigar_count && range < last; run++) {
        const int32_t len = (int32_t)(alignment->cigar[run] >> 4);
        const uint32_t operation = alignment->cigar[run] & 15;
        if (operation == TAL_CIGAR_INSERTION)
            continue;
        while (range < last && range->end <= at)
            range++;
        for (const tal_mask_range *here = range;
             operation == TAL_CIGAR_EQUAL && here < last && here->begin < at + len; here++) {
            const int64_t first = equal + (here->begin > at ? here->begin - at : 0);
            const int64_t past = equal + (here->end < at + len ? here->end - at : len);
            if (first > end && end > begin) {
                status = append_run(buffer, begin - written);
                if (status == TAL_OK)
                    status = append_run(buffer, end - begin);
                if (status != TAL_OK)
                    return status;
                written = end;
            }
            begin = first > end || end == begin ? first : begin;
            end = past;
        }
        equal += operation == TAL_CIGAR_EQUAL ? len : 0;
        at += len;
    }
    if (end > begin)
        status = append_run(buffer, begin - written);
    if (end > begin && status == TAL_OK)
        status = append_run(buffer, end - begin);
    return status;
}

bool tal_hit_masks_check(const char *bytes, size_t count, uint64_t equal_count)
{
    const char *at = bytes;
    const char *end = bytes + count;
    uint64_t sum = 0;
    for (bool is_first = true; at < end; is_first = false) {
        uint64_t unmasked, masked;
        if (!read_run(&at, end, &unmasked) || !read_run(&at, end, &masked))
            return false;
        if (masked == 0 || (unmasked == 0 && !is_first))
            return false;
        sum += unmasked + masked;
    }
    return sum <= equal_count;
}

void tal_hit_masks_init(tal_hit_masks *masks, const char *bytes, size_t count)
{
    *masks = (tal_hit_masks){.next = bytes, .end = bytes + count, .is_masked = true};
}

bool tal_hit_masks_next(tal_hit_masks *masks)
{
    while (masks->left == 0) {
        if (!read_run(&masks->next, masks->end, &masks->left))
            return false;
        masks->is_masked = !masks->is_masked;
    }
    masks->left--;
    return masks->is_masked;
}
