/* Gathering: every hit moves to the rank that owns its query, and is put in order there.
 *
 * Owners are contiguous runs of the block's queries with about equal numbers of hits, known to all
 * ranks from query_hits, so that a rank's rows in the result file are contiguous.
 */
#include "search/search_internal.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* The rank whose run holds `query`, begin[rank] <= query < begin[rank + 1]; runs may be empty. */
static int owner_of(const size_t *begin, int size, uint64_t query)
{
    int low = 0;
    int high = size;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (begin[middle] <= query)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Sort the workers' encoded hits by owner into one buffer. send_begin: size + 1 entries. */
static tal_status pack(const tal_search *search, const size_t *owner_begin, tal_buffer *send,
                       uint64_t *send_begin)
{
    int size = tal_comm_size(search->comm);
    uint64_t first_query =
        tal_seqset_count(search->queries) > 0 ? tal_seqset_gid(search->queries, 0) : 0;
    memset(send_begin, 0, ((size_t)size + 1) * sizeof(*send_begin));
    uint64_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < tal_team_size(search->team); i++) {
            const tal_buffer *traced = &search->workers[i].traced;
            for (size_t at = 0; at < traced->bytes;) {
                tal_hit hit;
                memcpy(&hit, traced->data + at, sizeof(hit));
                int owner = owner_of(owner_begin, size, hit.query - first_query);
                size_t bytes = tal_hit_encoded_bytes(&hit);
                if (pass == 0)
                    send_begin[owner + 1] += bytes;
                else
                    memcpy(send->data + send_begin[owner], traced->data + at, bytes);
                if (pass == 1)
                    send_begin[owner] += bytes;
                at += bytes;
            }
        }
        if (pass == 0) {
            for (int rank = 0; rank < size; rank++)
                send_begin[rank + 1] += send_begin[rank];
            total = send_begin[size];
            tal_status status = tal_buffer_reserve(send, (size_t)total);
            if (status != TAL_OK)
                return status;
        }
    }
    /* The second pass moved every begin to its end: shift back. */
    memmove(send_begin + 1, send_begin, (size_t)size * sizeof(*send_begin));
    send_begin[0] = 0;
    send->bytes = (size_t)total;
    return TAL_OK;
}

static int compare_encoded(const void *left, const void *right)
{
    tal_hit a;
    tal_hit b;
    memcpy(&a, *(const uint8_t *const *)left, sizeof(a));
    memcpy(&b, *(const uint8_t *const *)right, sizeof(b));
    if (a.query != b.query)
        return a.query < b.query ? -1 : 1;
    return tal_hit_compare(&a, &b);
}

/* What was received, put in order and decoded. */
static tal_status unpack(tal_search *search, tal_block_hits *out_hits)
{
    const tal_buffer *received = &search->received;
    tal_buffer ordered = {0};
    size_t count = 0;
    for (size_t at = 0; at < received->bytes; count++) {
        tal_hit hit;
        memcpy(&hit, received->data + at, sizeof(hit));
        at += tal_hit_encoded_bytes(&hit);
    }
    const uint8_t **starts = tal_alloc_array(count, sizeof(*starts));
    tal_status status = starts == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_buffer_reserve(&ordered, received->bytes);
    if (status != TAL_OK)
        goto done;
    const uint8_t *cursor = received->data;
    for (size_t i = 0; i < count; i++) {
        tal_hit hit;
        starts[i] = cursor;
        memcpy(&hit, cursor, sizeof(hit));
        cursor += tal_hit_encoded_bytes(&hit);
    }
    if (count > 1)
        qsort(starts, count, sizeof(*starts), compare_encoded);
    for (size_t i = 0; i < count; i++) {
        tal_hit hit;
        memcpy(&hit, starts[i], sizeof(hit));
        (void)tal_buffer_append(&ordered, starts[i],
                                tal_hit_encoded_bytes(&hit)); /* Reserved above: cannot fail. */
    }
    status = tal_hits_decode(ordered.data, ordered.bytes, &search->rows, out_hits);
done:
    tal_free(starts);
    tal_buffer_deinit(&ordered);
    return status;
}

tal_status tal_search_gather(tal_search *search, tal_block_hits *out_hits)
{
    size_t size = (size_t)tal_comm_size(search->comm);
    tal_buffer send = {0};
    size_t *owner_begin = tal_alloc_array(size + 1, sizeof(*owner_begin));
    uint64_t *send_begin = tal_alloc_array(size + 1, sizeof(*send_begin));
    tal_status status = owner_begin == NULL || send_begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK) {
        tal_plan_split(search->query_hits, tal_seqset_count(search->queries), size, owner_begin);
        status = pack(search, owner_begin, &send, send_begin);
    }
    status = tal_comm_agree(search->comm, status);
    if (status != TAL_OK)
        goto done;
    tal_buffer_reset(&search->received);
    status = tal_comm_exchange(search->comm, send.data, send_begin, &search->received, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(search->comm, unpack(search, out_hits));
done:
    tal_free(send_begin);
    tal_free(owner_begin);
    tal_buffer_deinit(&send);
    return status;
}
