/* Records by their names; see unpack.h. Every rank looks through its share of the text blocks. */
#include "base/alloc.h"
#include "base/check.h"
#include "store/unpack_internal.h"

#include <stdlib.h>
#include <string.h>

/* A name that is looked for. */
typedef struct wanted_id {
    const char *id;
    size_t bytes;
    size_t idx; /* as given */
} wanted_id;

static int compare_text(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    const int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static int compare_ids(const void *a, const void *b)
{
    const wanted_id *left = a, *right = b;
    return compare_text(left->id, left->bytes, right->id, right->bytes);
}

static wanted_id *sort_ids(const char *const *ids, size_t count)
{
    wanted_id *wanted = tal_alloc_array(count + 1, sizeof(*wanted));
    if (wanted == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        wanted[i] = (wanted_id){.id = ids[i], .bytes = strlen(ids[i]), .idx = i};
    if (count > 0)
        qsort(wanted, count, sizeof(*wanted), compare_ids);
    return wanted;
}

/* Bytes of the identifier that begins a header. */
static size_t id_bytes(const char *header, size_t bytes)
{
    size_t len = 0;
    while (len < bytes && header[len] != ' ' && header[len] != '\t' && header[len] != '\x01')
        len++;
    return len;
}

typedef struct id_search {
    const wanted_id *wanted;
    size_t count;
    tal_buffer *gids;
    uint64_t *found; /* bits, by the order in which ids were given */
} id_search;

/* Note the records of a block that are looked for. */
static tal_status search_text(void *context, const tal_text *text, tal_gid first)
{
    const id_search *search = context;
    const wanted_id *wanted = search->wanted;
    const size_t count = search->count;
    tal_status status = TAL_OK;
    for (size_t i = 0; i < text->record_count && status == TAL_OK; i++) {
        const tal_text_record *record = tal_text_get(text, i);
        const char *header = (const char *)text->headers.data + record->header_at;
        const wanted_id key = {.id = header, .bytes = id_bytes(header, record->header_bytes)};
        const wanted_id *hit = bsearch(&key, wanted, count, sizeof(key), compare_ids);
        if (hit == NULL)
            continue;
        const uint64_t gid = first + i;
        status = tal_buffer_append(search->gids, &gid, sizeof(gid));
        while (hit > wanted && compare_ids(hit - 1, &key) == 0)
            hit--;
        for (; hit < wanted + count && compare_ids(hit, &key) == 0; hit++)
            search->found[hit->idx / 64] |= UINT64_C(1) << (hit->idx % 64);
    }
    return status;
}

/* What every rank has, to all ranks, in rank order. Collective; agreed status. */
static tal_status share_all(tal_comm *comm, const tal_buffer *mine, tal_buffer *out)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    tal_buffer copies = {0};
    uint64_t *begin = tal_alloc_zero((rank_count + 1) * sizeof(*begin));
    tal_status status = begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    for (size_t rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        status = tal_buffer_append(&copies, mine->data, mine->bytes);
        begin[rank + 1] = copies.bytes;
    }
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, copies.data, begin, out, NULL);
    tal_buffer_deinit(&copies);
    tal_free(begin);
    return status;
}

tal_status tal_unpack_find(tal_unpacker *unpacker, const char *const *ids, size_t id_count,
                           tal_buffer *out_gids, bool *out_found)
{
    tal_buffer mine = {0};
    wanted_id *wanted = sort_ids(ids, id_count);
    const size_t word_count = id_count / 64 + 1;
    uint64_t *found = tal_alloc_zero(word_count * sizeof(*found));
    tal_status status = wanted == NULL || found == NULL ? TAL_ERR_MEMORY : TAL_OK;
    id_search search = {.wanted = wanted, .count = id_count, .gids = &mine, .found = found};
    if (status == TAL_OK)
        status = tal_unpack_visit_texts(unpacker, NULL, search_text, &search);
    status = tal_comm_agree(unpacker->comm, status);
    if (status == TAL_OK)
        status = share_all(unpacker->comm, &mine, out_gids);
    if (status == TAL_OK) {
        tal_comm_or_u64(unpacker->comm, found, word_count);
        for (size_t i = 0; i < id_count; i++)
            out_found[i] = (found[i / 64] >> (i % 64) & 1) != 0;
    }
    tal_free(found);
    tal_free(wanted);
    tal_buffer_deinit(&mine);
    return status;
}

tal_status tal_unpack_clusters(tal_unpacker *unpacker, const uint64_t *gids, size_t count,
                               uint64_t *out_clusters)
{
    const tal_container *container = unpacker->container;
    tal_text_job *job = tal_alloc_zero(sizeof(*job));
    tal_status status = job == NULL ? TAL_ERR_MEMORY : TAL_OK;
    /* Few: every rank reads all it needs. */
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        const size_t idx = tal_container_find_block(container, TAL_BLOCKS_TEXT, gids[i]);
        if (i == 0 || job->idx != idx) {
            job->idx = idx;
            status = tal_unpack_texts(unpacker, job, 1);
            if (status == TAL_OK && job->status != TAL_OK)
                status =
                    tal_container_damaged(container, TAL_BLOCKS_TEXT, idx, "it cannot be decoded");
        }
        const uint64_t first = tal_container_block_begin(container, TAL_BLOCKS_TEXT, idx).count;
        if (status == TAL_OK)
            out_clusters[i] = tal_text_get(&job->text, (size_t)(gids[i] - first))->place.cluster;
    }
    tal_text_jobs_destroy(job, 1);
    return tal_comm_agree(unpacker->comm, status);
}
