/* The cluster order of a distributed set; see pack_internal.h.
 *
 * Every record asks the home of its representative (homes share gids evenly) and is told its place;
 * it tells its own home, where text blocks ask.
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

/* Number the clusters of sorted requests; answers go where the requests stood. Collective. */
static void answer(tal_comm *comm, const order_request *requests, size_t count,
                   tal_pack_order *order, tal_pack_place *answers)
{
    uint64_t cluster_count = 0, residues[2] = {0};
    for (size_t i = 0; i < count; i++) {
        const bool is_member = requests[i].gid != requests[i].representative;
        cluster_count += !is_member;
        residues[is_member] += requests[i].len;
    }
    uint64_t cluster = tal_comm_prefix_u64(comm, cluster_count);
    uint64_t before[2] = {tal_comm_prefix_u64(comm, residues[0]),
                          tal_comm_prefix_u64(comm, residues[1])};
    uint64_t totals[3] = {cluster_count, residues[0], residues[1]};
    tal_comm_sum_u64(comm, totals, 3);
    order->cluster_count = totals[0];
    order->residue_totals[0] = totals[1];
    order->residue_totals[1] = totals[2];
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && requests[end].representative == requests[i].representative)
            end++;
        TAL_ASSERT(requests[i].gid == requests[i].representative);
        tal_pack_place shared = {.member_count = end - i - 1, .first_member = before[1]};
        uint64_t last = before[1];
        for (size_t j = i; j < end; j++) {
            tal_pack_place *place = &answers[requests[j].source];
            place->place = (tal_text_place){.cluster = cluster, .ordinal = j - i};
            place->residues_before = before[j > i];
            last = before[1];
            before[j > i] += requests[j].len;
        }
        for (size_t j = i; j < end; j++) {
            tal_pack_place *place = &answers[requests[j].source];
            place->member_count = shared.member_count;
            place->first_member = shared.first_member;
            place->last_member = last;
        }
        cluster++;
        i = end;
    }
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
    answer(comm, requests, request_count, order, answers);
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
