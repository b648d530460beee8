/* Hits as bytes; see codec.h. */
#include "search/codec.h"

#include "base/alloc.h"

#include <string.h>

size_t tal_hit_encoded_bytes(const tal_hit *hit)
{
    size_t bytes = sizeof(*hit) + (size_t)hit->cigar_count * sizeof(uint32_t) + hit->letter_bytes;
    return (bytes + 7) / 8 * 8;
}

tal_status tal_hits_encode(const tal_block_hits *hits, tal_buffer *out_bytes)
{
    static const uint8_t zeros[8];
    const uint32_t *cigar = hits->cigars;
    const char *letters = hits->letters;
    for (size_t i = 0; i < hits->hit_count; i++) {
        const tal_hit *hit = &hits->hits[i];
        size_t cigar_bytes = (size_t)hit->cigar_count * sizeof(*cigar);
        size_t bytes = sizeof(*hit) + cigar_bytes + hit->letter_bytes;
        tal_status status = tal_buffer_append(out_bytes, hit, sizeof(*hit));
        if (status == TAL_OK)
            status = tal_buffer_append(out_bytes, cigar, cigar_bytes);
        if (status == TAL_OK)
            status = tal_buffer_append(out_bytes, letters, hit->letter_bytes);
        if (status == TAL_OK)
            status = tal_buffer_append(out_bytes, zeros, tal_hit_encoded_bytes(hit) - bytes);
        if (status != TAL_OK)
            return status;
        cigar += hit->cigar_count;
        letters += hit->letter_bytes;
    }
    return TAL_OK;
}

void tal_hit_rows_deinit(tal_hit_rows *rows)
{
    tal_buffer_deinit(&rows->letters);
    tal_buffer_deinit(&rows->cigars);
    tal_free(rows->hits);
    *rows = (tal_hit_rows){0};
}

/* The number of hits in the bytes, or SIZE_MAX when they are not whole hits. */
static size_t count_hits(const uint8_t *bytes, size_t byte_count)
{
    size_t count = 0;
    for (size_t at = 0; at < byte_count; count++) {
        tal_hit hit;
        if (byte_count - at < sizeof(hit))
            return SIZE_MAX;
        memcpy(&hit, bytes + at, sizeof(hit));
        size_t hit_bytes = tal_hit_encoded_bytes(&hit);
        if (hit_bytes > byte_count - at)
            return SIZE_MAX;
        at += hit_bytes;
    }
    return count;
}

tal_status tal_hits_decode(const uint8_t *bytes, size_t byte_count, tal_hit_rows *rows,
                           tal_block_hits *out_hits)
{
    size_t count = count_hits(bytes, byte_count);
    if (count == SIZE_MAX)
        return tal_fail(TAL_ERR_DATA, "stored hits are damaged: a hit is cut off");
    if (count > rows->capacity) {
        tal_hit *hits = tal_realloc_array(rows->hits, count, sizeof(*hits));
        if (hits == NULL)
            return TAL_ERR_MEMORY;
        rows->hits = hits;
        rows->capacity = count;
    }
    tal_buffer_reset(&rows->cigars);
    tal_buffer_reset(&rows->letters);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        tal_hit *hit = &rows->hits[i];
        memcpy(hit, bytes + at, sizeof(*hit));
        const uint8_t *payload = bytes + at + sizeof(*hit);
        size_t cigar_bytes = (size_t)hit->cigar_count * sizeof(uint32_t);
        tal_status status = tal_buffer_append(&rows->cigars, payload, cigar_bytes);
        if (status == TAL_OK)
            status = tal_buffer_append(&rows->letters, payload + cigar_bytes, hit->letter_bytes);
        if (status != TAL_OK)
            return status;
        at += tal_hit_encoded_bytes(hit);
    }
    *out_hits = (tal_block_hits){
        .hits = rows->hits,
        .hit_count = count,
        .cigars = (const uint32_t *)(const void *)rows->cigars.data,
        .letters = (const char *)rows->letters.data,
    };
    return TAL_OK;
}
