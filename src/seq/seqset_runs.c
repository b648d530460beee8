/* Sequences in order of length, without some, and sets filled from outside; see seqset.h. */
#include "seq/seqset_internal.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* A sequence of a run: where it was. */
typedef struct place {
    uint32_t len;
    tal_lid lid;
} place;

static int longest_first(const void *a, const void *b)
{
    const place *left = a;
    const place *right = b;
    if (left->len != right->len)
        return left->len > right->len ? -1 : 1;
    return (left->lid > right->lid) - (left->lid < right->lid);
}

/* What a run was like before it is put in order. */
typedef struct copies {
    place *places;
    uint64_t *residue_begin, *header_begin; /* count + 1 entries */
    tal_gid *gids;
    uint8_t *bytes; /* of residues, then of headers */
} copies;

static void copies_deinit(copies *old)
{
    tal_free(old->bytes);
    tal_free(old->gids);
    tal_free(old->header_begin);
    tal_free(old->residue_begin);
    tal_free(old->places);
}

static tal_status copies_init(copies *old, const tal_seqset *set, tal_lid begin, tal_lid end)
{
    size_t count = (size_t)end - begin;
    uint64_t residues = set->residue_begin[end] - set->residue_begin[begin];
    uint64_t headers = set->header_begin[end] - set->header_begin[begin];
    *old = (copies){
        .places = tal_alloc_array(count, sizeof(*old->places)),
        .residue_begin = tal_alloc_array(count + 1, sizeof(*old->residue_begin)),
        .header_begin = tal_alloc_array(count + 1, sizeof(*old->header_begin)),
        .gids = tal_alloc_array(count, sizeof(*old->gids)),
        .bytes = tal_alloc((size_t)(residues > headers ? residues : headers)),
    };
    if (old->places == NULL || old->residue_begin == NULL || old->header_begin == NULL ||
        old->gids == NULL || old->bytes == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        tal_lid lid = begin + (tal_lid)i;
        uint64_t len = set->residue_begin[lid + 1] - set->residue_begin[lid];
        old->places[i] = (place){(uint32_t)len, lid};
    }
    memcpy(old->residue_begin, set->residue_begin + begin, (count + 1) * sizeof(uint64_t));
    memcpy(old->header_begin, set->header_begin + begin, (count + 1) * sizeof(uint64_t));
    memcpy(old->gids, set->gids + begin, count * sizeof(*old->gids));
    qsort(old->places, count, sizeof(*old->places), longest_first);
    return TAL_OK;
}

/* Move one kind of bytes of a run: piece i of the new order is what places[i] says. */
static void move_bytes(const copies *old, size_t count, const uint64_t *old_begin, tal_lid first,
                       uint8_t *bytes, uint64_t *new_begin)
{
    uint64_t run_begin = old_begin[0];
    memcpy(old->bytes, bytes + run_begin, (size_t)(old_begin[count] - run_begin));
    uint64_t at = run_begin;
    for (size_t i = 0; i < count; i++) {
        size_t was = old->places[i].lid - first;
        size_t len = (size_t)(old_begin[was + 1] - old_begin[was]);
        memcpy(bytes + at, old->bytes + (old_begin[was] - run_begin), len);
        new_begin[i] = at;
        at += len;
    }
}

static tal_status sort_run(tal_seqset *set, tal_lid begin, tal_lid end)
{
    if (end - begin < 2)
        return TAL_OK;
    copies old;
    size_t count = (size_t)end - begin;
    tal_status status = copies_init(&old, set, begin, end);
    if (status == TAL_OK) {
        move_bytes(&old, count, old.residue_begin, begin, set->residues.data,
                   set->residue_begin + begin);
        move_bytes(&old, count, old.header_begin, begin, set->headers.data,
                   set->header_begin + begin);
        for (size_t i = 0; i < count; i++)
            set->gids[begin + i] = old.gids[old.places[i].lid - begin];
    }
    copies_deinit(&old);
    return status;
}

tal_status tal_seqset_sort_runs(tal_seqset *set, size_t run_count, tal_lid *out_begin)
{
    TAL_ASSERT(run_count >= 1);
    TAL_ASSERT(set->masks.bytes == 0); /* They name sequences by their place. */
    uint64_t total = set->residues.bytes;
    tal_lid lid = 0;
    for (size_t run = 0; run < run_count; run++) {
        out_begin[run] = lid;
        uint64_t end = total / run_count * (run + 1);
        while (lid < set->count && (set->residue_begin[lid] < end || run + 1 == run_count))
            lid++;
        tal_status status = sort_run(set, out_begin[run], lid);
        if (status != TAL_OK)
            return status;
    }
    out_begin[run_count] = lid;
    return TAL_OK;
}

/* Move a piece of bytes down to `*at`, which rises by its length. */
static void move_down(tal_buffer *buffer, uint64_t begin, uint64_t end, uint64_t *at)
{
    if (begin < end && begin != *at)
        memmove(buffer->data + *at, buffer->data + begin, (size_t)(end - begin));
    *at += end - begin;
}

void tal_seqset_remove(tal_seqset *set, const bool *is_removed)
{
    TAL_ASSERT(set->masks.bytes == 0); /* They name sequences by their place. */
    if (set->count == 0)
        return;
    tal_lid kept = 0;
    uint64_t residues = 0;
    uint64_t headers = 0;
    for (tal_lid lid = 0; lid < set->count; lid++) {
        if (is_removed[lid])
            continue;
        uint64_t residue_begin = residues;
        uint64_t header_begin = headers;
        move_down(&set->residues, set->residue_begin[lid], set->residue_begin[lid + 1], &residues);
        move_down(&set->headers, set->header_begin[lid], set->header_begin[lid + 1], &headers);
        set->residue_begin[kept] = residue_begin;
        set->header_begin[kept] = header_begin;
        set->gids[kept++] = set->gids[lid];
    }
    set->residue_begin[kept] = residues;
    set->header_begin[kept] = headers;
    set->residues.bytes = (size_t)residues;
    set->headers.bytes = (size_t)headers;
    set->count = kept;
}

tal_seqset_arrays tal_seqset_view(const tal_seqset *set)
{
    return (tal_seqset_arrays){set->residues.data, set->residue_begin, set->gids};
}

tal_status tal_seqset_shape(tal_seqset *set, tal_lid count, uint64_t residue_count,
                            tal_seqset_arrays *out_arrays)
{
    tal_seqset_reset(set);
    tal_status status = TAL_OK;
    if (count > set->capacity || set->capacity == 0)
        status = tal_seqset_resize(set, count);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->residues, (size_t)residue_count + 1);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&set->headers, 1);
    if (status != TAL_OK)
        return status;
    set->count = count;
    set->residues.bytes = (size_t)residue_count;
    set->headers.data[0] = '\0';
    set->headers.bytes = 1;
    memset(set->header_begin, 0, ((size_t)count + 1) * sizeof(*set->header_begin));
    set->residue_begin[0] = 0;
    *out_arrays = tal_seqset_view(set);
    return TAL_OK;
}
