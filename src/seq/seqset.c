/* A set of sequences in memory; see seqset.h. */
#include "seq/seqset_internal.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/check.h"

#include <string.h>

_Static_assert(sizeof(tal_mask_range) == 24, "ranks exchange this: no padding");

tal_status tal_seqset_create(tal_alphabet alphabet, tal_seqset **out_set)
{
    tal_seqset *set = tal_alloc_zero(sizeof(*set));
    if (set == NULL)
        return TAL_ERR_MEMORY;
    set->alphabet = alphabet;
    *out_set = set;
    return TAL_OK;
}

void tal_seqset_destroy(tal_seqset *set)
{
    if (set == NULL)
        return;
    tal_buffer_deinit(&set->kept);
    tal_buffer_deinit(&set->masks);
    tal_buffer_deinit(&set->headers);
    tal_buffer_deinit(&set->residues);
    tal_free(set->gids);
    tal_free(set->header_begin);
    tal_free(set->residue_begin);
    tal_free(set);
}

void tal_seqset_reset(tal_seqset *set)
{
    set->count = 0;
    tal_buffer_reset(&set->residues);
    tal_buffer_reset(&set->headers);
    tal_buffer_reset(&set->masks);
    tal_buffer_reset(&set->kept);
}

tal_status tal_seqset_resize(tal_seqset *set, size_t capacity)
{
    uint64_t *residue_begin =
        tal_realloc_array(set->residue_begin, capacity + 1, sizeof(*residue_begin));
    if (residue_begin == NULL)
        return TAL_ERR_MEMORY;
    set->residue_begin = residue_begin;
    uint64_t *header_begin =
        tal_realloc_array(set->header_begin, capacity + 1, sizeof(*header_begin));
    if (header_begin == NULL)
        return TAL_ERR_MEMORY;
    set->header_begin = header_begin;
    tal_gid *gids = tal_realloc_array(set->gids, capacity + 1, sizeof(*gids));
    if (gids == NULL)
        return TAL_ERR_MEMORY;
    set->gids = gids;
    set->capacity = capacity;
    return TAL_OK;
}

tal_status tal_seqset_append(tal_seqset *set, tal_gid gid, const uint8_t *codes, size_t len,
                             const char *header, size_t header_bytes)
{
    if (len > INT32_MAX)
        return tal_fail(TAL_ERR_DATA, "record '%.*s' has %zu residues; at most %d are supported",
                        header_bytes < 60 ? (int)header_bytes : 60, header, len, INT32_MAX);
    if (set->count >= UINT32_MAX - 1)
        return tal_fail(TAL_ERR_DATA, "more than %u sequences on one rank; use more ranks",
                        UINT32_MAX - 1);
    tal_status status = TAL_OK;
    if (set->count == set->capacity)
        status = tal_seqset_resize(set, set->capacity < 16 ? 16 : set->capacity * 2);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->residues, len + 1); /* Never a NULL view. */
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->headers, header_bytes + 1);
    if (status != TAL_OK)
        return status;

    set->residue_begin[set->count] = set->residues.bytes;
    set->header_begin[set->count] = set->headers.bytes;
    set->gids[set->count] = gid;
    (void)tal_buffer_append(&set->residues, codes, len); /* Reserved above: cannot fail. */
    (void)tal_buffer_append(&set->headers, header, header_bytes);
    (void)tal_buffer_append(&set->headers, "", 1);
    set->count++;
    set->residue_begin[set->count] = set->residues.bytes;
    set->header_begin[set->count] = set->headers.bytes;
    return TAL_OK;
}

tal_status tal_seqset_extend(tal_seqset *set, const uint8_t *codes, size_t len)
{
    TAL_ASSERT(set->count > 0);
    tal_lid last = set->count - 1;
    if (len > INT32_MAX - (size_t)tal_seqset_len(set, last))
        return tal_fail(TAL_ERR_DATA, "record '%.60s' has more than %d residues",
                        tal_seqset_header(set, last), INT32_MAX);
    tal_status status = tal_buffer_append(&set->residues, codes, len);
    if (status == TAL_OK)
        set->residue_begin[set->count] = set->residues.bytes;
    return status;
}

tal_status tal_seqset_move_last(tal_seqset *from, tal_seqset *to)
{
    TAL_ASSERT(from != to);
    TAL_ASSERT(from->count > 0);
    TAL_ASSERT(from->masks.bytes == 0); /* Masks come when a set is complete. */
    tal_lid last = from->count - 1;
    const char *header = tal_seqset_header(from, last);
    tal_status status =
        tal_seqset_append(to, from->gids[last], tal_seqset_residues(from, last),
                          (size_t)tal_seqset_len(from, last), header, strlen(header));
    if (status != TAL_OK)
        return status;
    from->count = last;
    from->residues.bytes = from->residue_begin[last];
    from->headers.bytes = from->header_begin[last];
    return TAL_OK;
}

tal_status tal_seqset_reserve(tal_seqset *set, uint64_t residue_count)
{
    return tal_buffer_reserve(&set->residues, (size_t)residue_count);
}

static const tal_mask_range *ranges_of(const tal_seqset *set)
{
    return (const tal_mask_range *)(const void *)set->masks.data;
}

tal_status tal_seqset_mask(tal_seqset *set, tal_lid lid, int32_t begin, int32_t end)
{
    TAL_ASSERT(lid < set->count);
    TAL_ASSERT(begin >= 0);
    TAL_ASSERT(end <= tal_seqset_len(set, lid));
    if (begin >= end)
        return TAL_OK;
    size_t count = set->masks.bytes / sizeof(tal_mask_range);
    const tal_mask_range *last = count == 0 ? NULL : ranges_of(set) + count - 1;
    TAL_ASSERT(last == NULL || last->lid < lid || (last->lid == lid && last->end <= begin));
    size_t len = (size_t)(end - begin);
    tal_mask_range range = {.kept_at = set->kept.bytes, .lid = lid, .begin = begin, .end = end};
    tal_status status = tal_buffer_reserve(&set->masks, sizeof(range));
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->kept, len);
    if (status != TAL_OK)
        return status;
    uint8_t *codes = set->residues.data + set->residue_begin[lid] + begin;
    (void)tal_buffer_append(&set->masks, &range, sizeof(range)); /* Reserved above. */
    (void)tal_buffer_append(&set->kept, codes, len);
    memset(codes, tal_alphabet_mask_code(set->alphabet), len);
    return TAL_OK;
}

const tal_mask_range *tal_seqset_masked(const tal_seqset *set, tal_lid lid, size_t *out_count)
{
    const tal_mask_range *ranges = ranges_of(set);
    size_t count = set->masks.bytes / sizeof(*ranges);
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].lid < lid)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < count && ranges[end].lid == lid)
        end++;
    *out_count = end - low;
    return end == low ? NULL : ranges + low;
}

uint64_t tal_seqset_masked_count(const tal_seqset *set)
{
    return set->kept.bytes;
}

bool tal_seqset_copy_letters(const tal_seqset *set, tal_lid lid, int32_t begin, int32_t end,
                             uint8_t *out_codes)
{
    if (begin < end)
        memcpy(out_codes, tal_seqset_residues(set, lid) + begin, (size_t)(end - begin));
    size_t count;
    const tal_mask_range *ranges = tal_seqset_masked(set, lid, &count);
    bool is_masked = false;
    for (size_t i = 0; i < count; i++) {
        int32_t from = ranges[i].begin > begin ? ranges[i].begin : begin;
        int32_t to = ranges[i].end < end ? ranges[i].end : end;
        if (from >= to)
            continue;
        is_masked = true;
        memcpy(out_codes + (from - begin),
               set->kept.data + ranges[i].kept_at + (size_t)(from - ranges[i].begin),
               (size_t)(to - from));
    }
    return is_masked;
}

void tal_seqset_copy_text(const tal_seqset *set, tal_lid lid, int32_t begin, int32_t end,
                          char *out_text)
{
    const char *letters = tal_alphabet_letters(set->alphabet);
    const uint8_t *scored = tal_seqset_residues(set, lid);
    uint8_t mask = tal_alphabet_mask_code(set->alphabet);
    (void)tal_seqset_copy_letters(set, lid, begin, end, (uint8_t *)out_text);
    for (int32_t i = begin; i < end; i++) {
        char letter = letters[(uint8_t)out_text[i - begin]];
        bool is_lower = scored[i] == mask && letter >= 'A' && letter <= 'Z';
        out_text[i - begin] = (char)(is_lower ? letter - 'A' + 'a' : letter);
    }
}

/* What a set looks like between ranks: this head, the lengths of all sequences (uint32_t), of all
 * headers with their NUL (uint32_t), all residues, all headers, all masked ranges with lids and
 * kept_at from 0, what was masked. */
typedef struct encoded_head {
    uint64_t count;
    uint64_t residue_bytes;
    uint64_t header_bytes;
    uint64_t mask_bytes;
    uint64_t kept_bytes;
} encoded_head;
_Static_assert(sizeof(encoded_head) == 40, "ranks exchange this");

tal_status tal_seqset_encode(const tal_seqset *set, tal_buffer *buffer)
{
    encoded_head head = {set->count, set->residues.bytes, set->headers.bytes, set->masks.bytes,
                         set->kept.bytes};
    size_t lens_bytes = 2 * sizeof(uint32_t) * (size_t)set->count;
    tal_status status =
        tal_buffer_reserve(buffer, sizeof(head) + lens_bytes + set->residues.bytes +
                                       set->headers.bytes + set->masks.bytes + set->kept.bytes);
    if (status != TAL_OK)
        return status;
    /* Reserved above: none of these can fail. */
    (void)tal_buffer_append(buffer, &head, sizeof(head));
    for (tal_lid lid = 0; lid < set->count; lid++) {
        uint32_t len = (uint32_t)(set->residue_begin[lid + 1] - set->residue_begin[lid]);
        (void)tal_buffer_append(buffer, &len, sizeof(len));
    }
    for (tal_lid lid = 0; lid < set->count; lid++) {
        uint64_t bytes = set->header_begin[lid + 1] - set->header_begin[lid];
        TAL_ASSERT(bytes <= UINT32_MAX);
        (void)tal_buffer_append(buffer, &(uint32_t){(uint32_t)bytes}, sizeof(uint32_t));
    }
    (void)tal_buffer_append(buffer, set->residues.data, set->residues.bytes);
    (void)tal_buffer_append(buffer, set->headers.data, set->headers.bytes);
    (void)tal_buffer_append(buffer, set->masks.data, set->masks.bytes);
    (void)tal_buffer_append(buffer, set->kept.data, set->kept.bytes);
    return TAL_OK;
}

/* Append `mask_bytes` bytes of encoded ranges, whose sequences begin at `first`, and what they
 * keep; there is room. */
static void decode_masks(tal_seqset *set, tal_lid first, const uint8_t *masks, size_t mask_bytes,
                         const uint8_t *kept, size_t kept_bytes)
{
    for (size_t at = 0; at < mask_bytes; at += sizeof(tal_mask_range)) {
        tal_mask_range range;
        memcpy(&range, masks + at, sizeof(range));
        range.lid += first;
        range.kept_at += set->kept.bytes;
        (void)tal_buffer_append(&set->masks, &range, sizeof(range));
    }
    (void)tal_buffer_append(&set->kept, kept, kept_bytes);
}

tal_status tal_seqset_decode(tal_seqset *set, tal_gid gid_begin, const uint8_t *data, size_t bytes)
{
    encoded_head head;
    TAL_ASSERT(bytes >= sizeof(head));
    memcpy(&head, data, sizeof(head));
    size_t lens_bytes = sizeof(uint32_t) * (size_t)head.count;
    size_t payload_bytes = head.residue_bytes + head.header_bytes;
    TAL_ASSERT(bytes ==
               sizeof(head) + 2 * lens_bytes + payload_bytes + head.mask_bytes + head.kept_bytes);
    if (head.count > UINT32_MAX - 1 - set->count)
        return tal_fail(TAL_ERR_DATA, "more than %u sequences on one rank; use more ranks",
                        UINT32_MAX - 1);
    tal_lid count = (tal_lid)head.count;
    tal_status status = TAL_OK;
    if (count > set->capacity - set->count) {
        size_t needed = (size_t)set->count + count;
        status = tal_seqset_resize(set, needed > set->capacity * 2 ? needed : set->capacity * 2);
    }
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->residues, head.residue_bytes + 1);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->headers, head.header_bytes);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->masks, head.mask_bytes);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->kept, head.kept_bytes);
    if (status != TAL_OK || count == 0)
        return status;

    const uint8_t *lens = data + sizeof(head);
    set->residue_begin[set->count] = set->residues.bytes;
    set->header_begin[set->count] = set->headers.bytes;
    for (tal_lid i = 0; i < count; i++) {
        uint32_t len;
        uint32_t header_bytes;
        memcpy(&len, lens + i * sizeof(len), sizeof(len));
        memcpy(&header_bytes, lens + lens_bytes + i * sizeof(len), sizeof(len));
        tal_lid lid = set->count + i;
        set->gids[lid] = gid_begin + i;
        set->residue_begin[lid + 1] = set->residue_begin[lid] + len;
        set->header_begin[lid + 1] = set->header_begin[lid] + header_bytes;
    }
    tal_lid first = set->count;
    set->count += count;
    (void)tal_buffer_append(&set->residues, lens + 2 * lens_bytes, head.residue_bytes);
    (void)tal_buffer_append(&set->headers, lens + 2 * lens_bytes + head.residue_bytes,
                            head.header_bytes);
    const uint8_t *masks = lens + 2 * lens_bytes + payload_bytes;
    decode_masks(set, first, masks, head.mask_bytes, masks + head.mask_bytes, head.kept_bytes);
    TAL_ASSERT(set->residue_begin[set->count] == set->residues.bytes);
    TAL_ASSERT(set->header_begin[set->count] == set->headers.bytes);
    return TAL_OK;
}

static void trim_buffer(tal_buffer *buffer)
{
    uint8_t *data = tal_realloc_array(buffer->data, buffer->bytes, 1);
    if (data == NULL)
        return;
    buffer->data = data;
    buffer->capacity = buffer->bytes;
}

void tal_seqset_trim(tal_seqset *set)
{
    trim_buffer(&set->residues);
    trim_buffer(&set->headers);
    trim_buffer(&set->masks);
    trim_buffer(&set->kept);
    /* Shrinking: a failure leaves what is there, which is valid. */
    (void)tal_seqset_resize(set, set->count);
}

tal_alphabet tal_seqset_alphabet(const tal_seqset *set)
{
    return set->alphabet;
}

tal_lid tal_seqset_count(const tal_seqset *set)
{
    return set->count;
}

uint64_t tal_seqset_residue_count(const tal_seqset *set)
{
    return set->residues.bytes;
}

uint64_t tal_seqset_bytes(const tal_seqset *set)
{
    uint64_t per_sequence = 2 * sizeof(uint64_t) + sizeof(tal_gid);
    return sizeof(*set) + set->residues.capacity + set->headers.capacity + set->masks.capacity +
           set->kept.capacity + (set->capacity + 1) * per_sequence;
}

int32_t tal_seqset_len(const tal_seqset *set, tal_lid lid)
{
    TAL_ASSERT(lid < set->count);
    return (int32_t)(set->residue_begin[lid + 1] - set->residue_begin[lid]);
}

const uint8_t *tal_seqset_residues(const tal_seqset *set, tal_lid lid)
{
    TAL_ASSERT(lid < set->count);
    return set->residues.data + set->residue_begin[lid];
}

tal_gid tal_seqset_gid(const tal_seqset *set, tal_lid lid)
{
    TAL_ASSERT(lid < set->count);
    return set->gids[lid];
}

const char *tal_seqset_header(const tal_seqset *set, tal_lid lid)
{
    TAL_ASSERT(lid < set->count);
    return (const char *)set->headers.data + set->header_begin[lid];
}

size_t tal_header_id_bytes(const char *header)
{
    return strcspn(header, " \t\x01");
}

void tal_seqset_set_gid(tal_seqset *set, tal_lid lid, tal_gid gid)
{
    TAL_ASSERT(lid < set->count);
    set->gids[lid] = gid;
}
