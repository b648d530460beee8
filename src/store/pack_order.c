/* The cluster order of a distributed set; see pack_internal.h.
 *
 * Every record asks the home of its representative (homes share gids evenly) and is told its place;
 * it tells its own home, where text blocks ask. Clusters are numbered by the homes of their first
 * records: in files of several genomes neighbours then have neighbouring numbers.
 */
#include "store/pack_internal.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

typedef struct order_request {
    tal_gid representative, gid;
    uint64_t len;
    uint64_t source; /* place among all that came, to answer in order */
} order_request;

typedef struct home_row {
    tal_gid gid;
    tal_text_place place;
} home_row;

static size_t home_of(const tal_pack_order *order, tal_gid gid)
{
    return (size_t)(gid / order->home_share);
}

/* Rows of `row_bytes` to the homes that `gids` name, in lid order within a home. `slots` is given
 * where each went among all rows. */
typedef struct home_outbox {
    uint8_t *rows;
    uint64_t *begin; /* rank count + 1, bytes */
} home_outbox;

static void home_outbox_deinit(home_outbox *outbox)
{
    tal_free(outbox->rows);
    tal_free(outbox->begin);
}

static tal_status home_outbox_init(home_outbox *outbox, tal_comm *comm, const tal_pack_order *order,
                                   const tal_gid *gids, size_t count, size_t row_bytes,
                                   size_t *slots)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    outbox->rows = tal_alloc_array(count, row_bytes);
    outbox->begin = tal_alloc_zero((rank_count + 2) * sizeof(*outbox->begin));
    if (outbox->rows == NULL || outbox->begin == NULL)
        return TAL_ERR_MEMORY;
    uint64_t *next = outbox->begin + 1;
    for (size_t i = 0; i < count; i++)
        next[home_of(order, gids[i]) + 1]++;
    for (size_t rank = 0; rank < rank_count; rank++)
        next[rank + 1] += next[rank];
    for (size_t i = 0; i < count; i++)
        slots[i] = (size_t)next[home_of(order, gids[i])]++;
    for (size_t rank = 0; rank <= rank_count; rank++)
        outbox->begin[rank] *= row_bytes;
    return TAL_OK;
}

static int compare_requests(const void *a, const void *b)
{
    const order_request *left = a, *right = b;
    if (left->representative != right->representative)
        return left->representative < right->representative ? -1 : 1;
    const bool left_first = left->gid == left->representative;
    const bool right_first = right->gid == right->representative;
    if (left_first != right_first)
        return left_first ? -1 : 1;
    return (left->gid > right->gid) - (left->gid < right->gid);
}

/* A cluster, for the home of its first record. */
typedef struct cluster_head {
    tal_gid first;
    uint64_t residues[2]; /* of its representative, of its members */
    uint64_t source;      /* place among all that came, to answer in order */
} cluster_head;

/* The answer: its number, and the residues of the clusters before. */
typedef struct cluster_number {
    uint64_t cluster;
    uint64_t before[2];
} cluster_number;

static int compare_heads(const void *a, const void *b)
{
    const cluster_head *left = a, *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

/* Where the cluster of requests[begin] ends. */
static size_t cluster_end(const order_request *requests, size_t count, size_t begin)
{
    size_t end = begin + 1;
    while (end < count && requests[end].representative == requests[begin].representative)
        end++;
    return end;
}

/* The clusters of sorted requests. */
static tal_status list_heads(const order_request *requests, size_t count, tal_buffer *heads,
                             tal_buffer *firsts)
{
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK;) {
        const size_t end = cluster_end(requests, count, i);
        TAL_ASSERT(requests[i].gid == requests[i].representative);
        cluster_head head = {.first = requests[i].gid, .residues = {requests[i].len, 0}};
        for (size_t j = i + 1; j < end; j++)
            head.residues[1] += requests[j].len;
        if (end > i + 1 && requests[i + 1].gid < head.first)
            head.first = requests[i + 1].gid;
        status = tal_buffer_append(heads, &head, sizeof(head));
        if (status == TAL_OK)
            status = tal_buffer_append(firsts, &head.first, sizeof(head.first));
        i = end;
    }
    return status;
}

/* Number the clusters that came to this home. Collective. */
static void number_heads(tal_comm *comm, cluster_head *heads, size_t count, tal_pack_order *order,
                         cluster_number *out_numbers)
{
    uint64_t residues[2] = {0};
    for (size_t i = 0; i < count; i++) {
        heads[i].source = i;
        residues[0] += heads[i].residues[0];
        residues[1] += heads[i].residues[1];
    }
    cluster_number next = {
        .cluster = tal_comm_prefix_u64(comm, count),
        .before = {tal_comm_prefix_u64(comm, residues[0]), tal_comm_prefix_u64(comm, residues[1])},
    };
    uint64_t totals[3] = {count, residues[0], residues[1]};
    tal_comm_sum_u64(comm, totals, 3);
    order->cluster_count = totals[0];
    order->residue_totals[0] = totals[1];
    order->residue_totals[1] = totals[2];
    if (count > 0)
        qsort(heads, count, sizeof(*heads), compare_heads);
    for (size_t i = 0; i < count; i++) {
        out_numbers[heads[i].source] = next;
        next.cluster++;
        next.before[0] += heads[i].residues[0];
        next.before[1] += heads[i].residues[1];
    }
}

/* Have the clusters numbered by the homes of their first records; `numbers` is given one a cluster,
 * slots where. Collective; agreed status. */
static tal_status number_clusters(tal_comm *comm, const tal_buffer *heads, const tal_buffer *firsts,
                                  tal_pack_order *order, tal_buffer *numbers, size_t **out_slots)
{
    const size_t rank_count = (size_t)tal_comm_size(comm);
    const size_t count = heads->bytes / sizeof(cluster_head);
    const cluster_head *given = (const cluster_head *)(const void *)heads->data;
    home_outbox outbox = {0};
    tal_buffer received = {0};
    cluster_number *answers = NULL;
    uint64_t *begin = tal_alloc_array(rank_count + 1, sizeof(*begin));
    size_t *slots = tal_alloc_array(count, sizeof(*slots));
    tal_status status = begin == NULL || slots == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = home_outbox_init(&outbox, comm, order, (const tal_gid *)(void *)firsts->data,
                                  count, sizeof(cluster_head), slots);
    status = tal_comm_agree(comm, status);
    *out_slots = slots;
    if (status != TAL_OK)
        goto done;
    for (size_t i = 0; i < count; i++)
        ((cluster_head *)(void *)outbox.rows)[slots[i]] = given[i];
    status = tal_comm_exchange(comm, outbox.rows, outbox.begin, &received, begin);
    if (status != TAL_OK)
        goto done;
    const size_t head_count = received.bytes / sizeof(cluster_head);
    answers = tal_alloc_array(head_count, sizeof(*answers));
    status = tal_comm_agree(comm, answers == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK)
        goto done;
    number_heads(comm, (cluster_head *)(void *)received.data, head_count, order, answers);
    for (size_t rank = 0; rank <= rank_count; rank++)
        begin[rank] = begin[rank] / sizeof(cluster_head) * sizeof(*answers);
    status = tal_comm_exchange(comm, (const uint8_t *)answers, begin, numbers, NULL);
done:
    tal_free(answers);
    tal_free(begin);
    tal_buffer_deinit(&received);
    home_outbox_deinit(&outbox);
    return status;
}

/* Answer sorted requests; answers go where the requests stood. Collective; agreed status. */
static tal_status answer(tal_comm *comm, const order_request *requests, size_t count,
                         tal_pack_order *order, tal_pack_place *answers)
{
    tal_buffer heads = {0}, firsts = {0}, numbers = {0};
    size_t *slots = NULL;
    tal_status status = tal_comm_agree(comm, list_heads(requests, count, &heads, &firsts));
    if (status == TAL_OK)
        status = number_clusters(comm, &heads, &firsts, order, &numbers, &slots);
    const cluster_number *told = (const cluster_number *)(const void *)numbers.data;
    size_t cluster = 0;
    for (size_t i = 0; i < count && status == TAL_OK; cluster++) {
        const size_t end = cluster_end(requests, count, i);
        const cluster_number number = told[slots[cluster]];
        uint64_t at = number.before[1], last = at;
        for (size_t j = i + 1; j < end; j++) {
            last = at;
            at += requests[j].len;
        }
        at = number.before[1];
        for (size_t j = i; j < end; j++) {
            answers[requests[j].source] = (tal_pack_place){
                .place = {.cluster = number.cluster, .ordinal = j - i},
                .residues_before = j == i ? number.before[0] : at,
                .member_count = end - i - 1,
                .first_member = number.before[1],
                .last_member = last,
            };
            at += j == i ? 0 : requests[j].len;
        }
        i = end;
    }
    tal_free(slots);
    tal_buffer_deinit(&numbers);
    tal_buffer_deinit(&firsts);
    tal_buffer_deinit(&heads);
    return status;
}

/* Ask for the place of every record. Collective; agreed status. */
static tal_status ask_places(tal_comm *comm, const tal_pack_params *params, const tal_gid *gids,
                             size_t *slots, tal_pack_order *order)
{
    const size_t count = tal_seqset_count(params->set);
    const size_t rank_count = (size_t)tal_comm_size(comm);
    home_outbox outbox = {0};
    tal_buffer received = {0}, replies = {0};
    uint64_t *begin = tal_alloc_array(rank_count + 1, sizeof(*begin));
    tal_pack_place *answers = NULL;
    tal_status status = begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = home_outbox_init(&outbox, comm, order, gids, count, sizeof(order_request), slots);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    order_request *out = (order_request *)(void *)outbox.rows;
    for (tal_lid lid = 0; lid < count; lid++)
        out[slots[lid]] = (order_request){.representative = gids[lid],
                                          .gid = tal_seqset_gid(params->set, lid),
                                          .len = (uint64_t)tal_seqset_len(params->set, lid)};
    status = tal_comm_exchange(comm, outbox.rows, outbox.begin, &received, begin);
    if (status != TAL_OK)
        goto done;
    order_request *requests = (order_request *)(void *)received.data;
    const size_t request_count = received.bytes / sizeof(*requests);
    answers = tal_alloc_array(request_count, sizeof(*answers));
    status = tal_comm_agree(comm, answers == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK)
        goto done;
    for (size_t i = 0; i < request_count; i++)
        requests[i].source = i;
    if (request_count > 0)
        qsort(requests, request_count, sizeof(*requests), compare_requests);
    status = answer(comm, requests, request_count, order, answers);
    if (status != TAL_OK)
        goto done;
    for (size_t rank = 0; rank <= rank_count; rank++)
        begin[rank] = begin[rank] / sizeof(order_request) * sizeof(tal_pack_place);
    status = tal_comm_exchange(comm, (const uint8_t *)answers, begin, &replies, NULL);
    if (status != TAL_OK)
        goto done;
    const tal_pack_place *got = (const tal_pack_place *)(const void *)replies.data;
    for (size_t i = 0; i < count; i++)
        order->places[i] = got[slots[i]];
done:
    tal_free(answers);
    tal_free(begin);
    tal_buffer_deinit(&replies);
    tal_buffer_deinit(&received);
    home_outbox_deinit(&outbox);
    return status;
}

/* Tell the homes of all records their places. Collective; agreed status. */
static tal_status tell_homes(tal_comm *comm, const tal_pack_params *params, tal_gid *gids,
                             size_t *slots, tal_pack_order *order)
{
    const size_t count = tal_seqset_count(params->set);
    home_outbox outbox = {0};
    tal_buffer received = {0};
    for (tal_lid lid = 0; lid < count; lid++)
        gids[lid] = tal_seqset_gid(params->set, lid);
    tal_status status = tal_comm_agree(
        comm, home_outbox_init(&outbox, comm, order, gids, count, sizeof(home_row), slots));
    if (status == TAL_OK) {
        home_row *out = (home_row *)(void *)outbox.rows;
        for (size_t i = 0; i < count; i++)
            out[slots[i]] = (home_row){.gid = gids[i], .place = order->places[i].place};
        status = tal_comm_exchange(comm, outbox.rows, outbox.begin, &received, NULL);
    }
    const home_row *rows = (const home_row *)(const void *)received.data;
    if (status == TAL_OK) {
        TAL_ASSERT(received.bytes / sizeof(*rows) == order->home_count);
        for (size_t i = 0; i < order->home_count; i++)
            order->home_places[rows[i].gid - order->home_begin] = rows[i].place;
    }
    tal_buffer_deinit(&received);
    home_outbox_deinit(&outbox);
    return status;
}

tal_status tal_pack_order_create(tal_comm *comm, const tal_pack_params *params,
                                 tal_pack_order *out_order)
{
    const size_t count = tal_seqset_count(params->set);
    const uint64_t rank_count = (uint64_t)tal_comm_size(comm);
    const uint64_t rank = (uint64_t)tal_comm_rank(comm);
    tal_pack_order order = {.record_count = params->info->sequence_count};
    order.home_share = (order.record_count + rank_count - 1) / rank_count;
    order.home_share = order.home_share == 0 ? 1 : order.home_share;
    const uint64_t begin = rank * order.home_share;
    order.home_begin = begin < order.record_count ? begin : order.record_count;
    const uint64_t left = order.record_count - order.home_begin;
    order.home_count = left < order.home_share ? left : order.home_share;
    order.places = tal_alloc_array(count, sizeof(*order.places));
    order.home_places = tal_alloc_array((size_t)order.home_count, sizeof(*order.home_places));
    size_t *slots = tal_alloc_array(count, sizeof(*slots));
    tal_gid *gids = tal_alloc_array(count, sizeof(*gids));
    const bool is_made =
        order.places != NULL && order.home_places != NULL && slots != NULL && gids != NULL;
    tal_status status = tal_comm_agree(comm, is_made ? TAL_OK : TAL_ERR_MEMORY);
    if (status == TAL_OK) {
        for (tal_lid lid = 0; lid < count; lid++)
            gids[lid] = tal_assignment_get(params->assignment, lid).representative;
        status = ask_places(comm, params, gids, slots, &order);
    }
    if (status == TAL_OK)
        status = tell_homes(comm, params, gids, slots, &order);
    tal_free(gids);
    tal_free(slots);
    if (status != TAL_OK) {
        tal_pack_order_deinit(&order);
        return status;
    }
    *out_order = order;
    return TAL_OK;
}

void tal_pack_order_deinit(tal_pack_order *order)
{
    tal_free(order->places);
    tal_free(order->home_places);
    *order = (tal_pack_order){0};
}
