/* Selection: each query's k best over all ranks.
 *
 * Queries of the block are owned by ranks in contiguous runs. Every rank sends the keys of its (at
 * most k) candidates to the owners; an owner finds the k-th best key of each of its queries; one
 * MAX over ranks tells everybody all k-th keys (0 where a rank does not own the query), and each
 * rank drops what lies behind. Only keys travel, at most ranks x k per query.
 */
#include "search/search_internal.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* A candidate's place in its query's order, as two numbers: smaller is better. */
typedef struct key {
    uint64_t query;  /* in the block */
    uint64_t score;  /* inverted and shifted: rising where the score falls */
    uint64_t target; /* gid * 2 + strand */
} key;

static key key_of(tal_lid query, const tal_candidate *candidate)
{
    return (key){
        .query = query,
        .score = (uint64_t)((int64_t)INT32_MAX - candidate->score),
        .target = candidate->gid * 2 + candidate->is_reverse,
    };
}

static int compare_keys(const void *left, const void *right)
{
    const key *a = left;
    const key *b = right;
    if (a->query != b->query)
        return a->query < b->query ? -1 : 1;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    return (a->target > b->target) - (a->target < b->target);
}

/* The first query that rank `rank` owns. */
static tal_lid owner_begin(tal_lid query_count, int rank, int size)
{
    return (tal_lid)((uint64_t)query_count * (uint64_t)rank / (uint64_t)size);
}

/* This rank's keys in query order, and where each owner's begin (in bytes). */
static tal_status pack_keys(const tal_search *search, tal_buffer *keys, uint64_t *send_begin)
{
    tal_lid query_count = tal_seqset_count(search->queries);
    int size = tal_comm_size(search->comm);
    for (int rank = 0; rank < size; rank++) {
        send_begin[rank] = keys->bytes;
        tal_lid end = owner_begin(query_count, rank + 1, size);
        for (tal_lid query = owner_begin(query_count, rank, size); query < end; query++) {
            size_t count;
            const tal_candidate *list = tal_candidates_view(search->candidates, query, &count);
            for (size_t i = 0; i < count; i++) {
                key packed = key_of(query, &list[i]);
                tal_status status = tal_buffer_append(keys, &packed, sizeof(packed));
                if (status != TAL_OK)
                    return status;
            }
        }
    }
    send_begin[size] = keys->bytes;
    return TAL_OK;
}

/* The k-th best key of every query that has more than k; `cuts` has two numbers per query and was
 * all zero: score + 1 and target of the last key kept, so that 0 means "keep all". */
static void find_cuts(key *keys, size_t count, uint64_t limit, uint64_t *cuts)
{
    if (count > 1)
        qsort(keys, count, sizeof(*keys), compare_keys);
    size_t begin = 0;
    while (begin < count) {
        size_t end = begin;
        while (end < count && keys[end].query == keys[begin].query)
            end++;
        if (end - begin > limit) {
            const key *last = &keys[begin + limit - 1];
            cuts[2 * last->query] = last->score + 1;
            cuts[2 * last->query + 1] = last->target;
        }
        begin = end;
    }
}

static void apply_cut(tal_search *search, tal_lid query, uint64_t score, uint64_t target)
{
    size_t count;
    const tal_candidate *list = tal_candidates_view(search->candidates, query, &count);
    key last = {.query = query, .score = score, .target = target};
    while (count > 0) {
        key own = key_of(query, &list[count - 1]);
        if (compare_keys(&own, &last) <= 0)
            break;
        count--;
    }
    tal_candidates_cut(search->candidates, query, count);
}

static tal_status select_over_ranks(tal_search *search)
{
    tal_lid query_count = tal_seqset_count(search->queries);
    size_t size = (size_t)tal_comm_size(search->comm);
    tal_buffer keys = {0};
    tal_buffer owned = {0};
    uint64_t *cuts = tal_alloc_zero((size_t)query_count * 2 * sizeof(*cuts));
    uint64_t *send_begin = tal_alloc_array(size + 1, sizeof(*send_begin));
    tal_status status = cuts == NULL || send_begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = pack_keys(search, &keys, send_begin);
    status = tal_comm_agree(search->comm, status);
    if (status != TAL_OK)
        goto done;
    status = tal_comm_exchange(search->comm, keys.data, send_begin, &owned, NULL);
    if (status != TAL_OK)
        goto done;
    find_cuts((key *)(void *)owned.data, owned.bytes / sizeof(key), search->params.hit_limit, cuts);
    tal_comm_max_u64(search->comm, cuts, (size_t)query_count * 2);
    for (tal_lid query = 0; query < query_count; query++)
        if (cuts[2 * (size_t)query] > 0)
            apply_cut(search, query, cuts[2 * (size_t)query] - 1, cuts[2 * (size_t)query + 1]);
done:
    tal_free(send_begin);
    tal_free(cuts);
    tal_buffer_deinit(&owned);
    tal_buffer_deinit(&keys);
    return status;
}

/* This rank's candidates of others' references. */
static tal_status list_moving(const tal_search *search, tal_buffer *moving)
{
    uint32_t self = (uint32_t)tal_comm_rank(search->comm);
    tal_status status = TAL_OK;
    for (tal_lid query = 0; query < tal_seqset_count(search->queries); query++) {
        size_t count;
        const tal_candidate *list = tal_candidates_view(search->candidates, query, &count);
        for (size_t i = 0; i < count && status == TAL_OK; i++) {
            tal_moved_candidate moved = {list[i], query};
            if (list[i].holder != self)
                status = tal_buffer_append(moving, &moved, sizeof(moved));
        }
    }
    return status;
}

/* Where a candidate goes next: to its holder, or to the rank that knows who that is. */
static int next_rank(const tal_search *search, const tal_moved_candidate *moved)
{
    uint32_t holder = moved->candidate.holder;
    return holder == TAL_HOLDER_UNKNOWN ? tal_mirrors_home(search->mirrors, moved->candidate.gid)
                                        : (int)holder;
}

/* Put candidates behind one another, by where they go; send_begin has size + 1 entries. */
static tal_status pack_moving(const tal_search *search, const tal_buffer *moving, tal_buffer *send,
                              uint64_t *send_begin)
{
    size_t size = (size_t)tal_comm_size(search->comm);
    const tal_moved_candidate *list = (const tal_moved_candidate *)(const void *)moving->data;
    size_t count = moving->bytes / sizeof(*list);
    tal_status status = tal_buffer_reserve(send, moving->bytes);
    if (status != TAL_OK)
        return status;
    memset(send_begin, 0, (size + 1) * sizeof(*send_begin));
    for (size_t i = 0; i < count; i++)
        send_begin[next_rank(search, &list[i]) + 1] += sizeof(*list);
    for (size_t rank = 0; rank < size; rank++)
        send_begin[rank + 1] += send_begin[rank];
    for (size_t i = 0; i < count; i++) {
        uint64_t *at = &send_begin[next_rank(search, &list[i])];
        memcpy(send->data + *at, &list[i], sizeof(*list));
        *at += sizeof(*list);
    }
    /* Every begin has moved to its end: shift back. */
    memmove(send_begin + 1, send_begin, size * sizeof(*send_begin));
    send_begin[0] = 0;
    send->bytes = moving->bytes;
    return TAL_OK;
}

/* Candidates one step on; status: of what came before. Collective; agreed status. */
static tal_status move_on(tal_search *search, tal_status status, const tal_buffer *moving,
                          tal_buffer *received)
{
    tal_buffer send = {0};
    size_t size = (size_t)tal_comm_size(search->comm);
    uint64_t *send_begin = tal_alloc_array(size + 1, sizeof(*send_begin));
    if (status == TAL_OK)
        status =
            send_begin == NULL ? TAL_ERR_MEMORY : pack_moving(search, moving, &send, send_begin);
    status = tal_comm_agree(search->comm, status);
    if (status == TAL_OK)
        status = tal_comm_exchange(search->comm, send.data, send_begin, received, NULL);
    tal_free(send_begin);
    tal_buffer_deinit(&send);
    return status;
}

/* Candidates to the ranks that hold their references. Collective; agreed status. */
static tal_status move_candidates(tal_search *search)
{
    tal_buffer moving = {0};
    tal_buffer known = {0};
    tal_status status = list_moving(search, &moving);
    if (search->mirrors == NULL) {
        status = move_on(search, status, &moving, &search->moved);
        goto done;
    }
    status = move_on(search, status, &moving, &known);
    tal_moved_candidate *list = (tal_moved_candidate *)(void *)known.data;
    for (size_t i = 0; i < known.bytes / sizeof(*list); i++)
        if (list[i].candidate.holder == TAL_HOLDER_UNKNOWN)
            tal_mirrors_find(search->mirrors, list[i].candidate.gid, &list[i].candidate.holder,
                             &list[i].candidate.lid);
    if (status == TAL_OK)
        status = move_on(search, TAL_OK, &known, &search->moved);
done:
    tal_buffer_deinit(&known);
    tal_buffer_deinit(&moving);
    return status;
}

tal_status tal_search_move(tal_search *search)
{
    tal_lid query_count = tal_seqset_count(search->queries);
    uint64_t *moving = &search->query_hits[query_count];
    *moving = 0;
    for (tal_lid query = 0; query < query_count; query++) {
        size_t count;
        const tal_candidate *list = tal_candidates_view(search->candidates, query, &count);
        search->query_hits[query] = count;
        for (size_t i = 0; i < count; i++)
            *moving += list[i].holder != (uint32_t)tal_comm_rank(search->comm);
    }
    tal_comm_sum_u64(search->comm, search->query_hits, (size_t)query_count + 1);
    tal_buffer_reset(&search->moved);
    return *moving > 0 ? move_candidates(search) : TAL_OK;
}

tal_status tal_search_select(tal_search *search)
{
    if (search->params.hit_limit > 0 && tal_comm_size(search->comm) > 1) {
        tal_status status = select_over_ranks(search);
        if (status != TAL_OK)
            return status;
    }
    return tal_search_move(search);
}
