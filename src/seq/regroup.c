/* Dealing the longest sequences in groups of like length; see regroup.h.
 *
 * Every rank learns of all that are dealt (length, gid, holder) and deals them by the same rules.
 */
#include "seq/regroup.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum {
    GROUPS_PER_RANK = 16,  /* more no longer save a percent */
    DEALT_MAX = 65536,     /* sequences, for they are listed on every rank */
    LEN_COUNT = 65536,     /* lengths that are told apart when they are counted */
    GROUP_SHARE_PARTS = 2, /* a group is at most this part of an even share */
};

/* A sequence that is dealt. */
typedef struct dealt {
    tal_gid gid;
    int32_t len;
    tal_lid lid;           /* at its holder */
    int32_t holder, owner; /* ranks: before, after */
} dealt;
_Static_assert(sizeof(dealt) == 24, "ranks exchange this: no padding");

/* Before a sequence that moves: its codes and its header follow. */
typedef struct moved_head {
    tal_gid gid;
    uint32_t len, header_bytes;
} moved_head;
_Static_assert(sizeof(moved_head) == 16, "ranks exchange this: no padding");

typedef struct regroup {
    tal_comm *comm;
    tal_seqset *set;
    int32_t len_min, len_max; /* of what is dealt; none when len_max < len_min */
    uint64_t *bins;           /* LEN_COUNT: sequences by length, the last: at least that */
    uint64_t *begin, *loads;  /* of ranks; one more */
    bool *is_moved;           /* of the set's sequences */
    tal_buffer sent, list, received;
} regroup;

static void regroup_deinit(regroup *self)
{
    tal_buffer_deinit(&self->received);
    tal_buffer_deinit(&self->list);
    tal_buffer_deinit(&self->sent);
    tal_free(self->is_moved);
    tal_free(self->loads);
    tal_free(self->begin);
    tal_free(self->bins);
}

/* Collective; agreed status. */
static tal_status regroup_init(regroup *self, tal_comm *comm, tal_seqset *set)
{
    size_t size = (size_t)tal_comm_size(comm);
    *self = (regroup){
        .comm = comm,
        .set = set,
        .bins = tal_alloc_zero(LEN_COUNT * sizeof(*self->bins)),
        .begin = tal_alloc_zero((size + 1) * sizeof(*self->begin)),
        .loads = tal_alloc_zero((size + 1) * sizeof(*self->loads)),
        .is_moved = tal_alloc_zero(((size_t)tal_seqset_count(set) + 1) * sizeof(*self->is_moved)),
    };
    bool is_complete =
        self->bins != NULL && self->begin != NULL && self->loads != NULL && self->is_moved != NULL;
    return tal_comm_agree(comm, is_complete ? TAL_OK : TAL_ERR_MEMORY);
}

/* Which lengths are dealt: as many of the longest as there is room for. Collective. */
static void choose_lengths(regroup *self, size_t group_size)
{
    uint64_t size = (uint64_t)tal_comm_size(self->comm);
    uint64_t room = GROUPS_PER_RANK * group_size * size;
    room = room < DEALT_MAX ? room : DEALT_MAX;
    for (tal_lid lid = 0; lid < tal_seqset_count(self->set); lid++) {
        int32_t len = tal_seqset_len(self->set, lid);
        self->bins[len < LEN_COUNT ? len : LEN_COUNT - 1]++;
    }
    tal_comm_sum_u64(self->comm, self->bins, LEN_COUNT);
    uint64_t total = tal_seqset_residue_count(self->set);
    tal_comm_sum_u64(self->comm, &total, 1);
    uint64_t most = total / size / GROUP_SHARE_PARTS / group_size;
    self->len_max = most < INT32_MAX ? (int32_t)most : INT32_MAX;
    int32_t bin = self->len_max < LEN_COUNT ? self->len_max : LEN_COUNT - 1;
    for (self->len_min = self->len_max + (self->len_max < INT32_MAX); bin > 0; bin--) {
        if (self->bins[bin] > room)
            break;
        room -= self->bins[bin];
        self->len_min = bin;
    }
}

static bool is_dealt(const regroup *self, tal_lid lid)
{
    int32_t len = tal_seqset_len(self->set, lid);
    return len >= self->len_min && len <= self->len_max;
}

/* Everybody's sequences that are dealt, into the list on every rank; loads are then what stays.
 * Collective; agreed status. */
static tal_status list_dealt(regroup *self)
{
    size_t size = (size_t)tal_comm_size(self->comm);
    uint64_t stays = tal_seqset_residue_count(self->set);
    tal_status status = TAL_OK;
    for (tal_lid lid = 0; lid < tal_seqset_count(self->set) && status == TAL_OK; lid++) {
        if (!is_dealt(self, lid))
            continue;
        dealt entry = {.gid = tal_seqset_gid(self->set, lid),
                       .len = tal_seqset_len(self->set, lid),
                       .lid = lid,
                       .holder = tal_comm_rank(self->comm)};
        status = tal_buffer_append(&self->sent, &entry, sizeof(entry));
        stays -= (uint64_t)entry.len;
    }
    const size_t bytes = self->sent.bytes; /* the same for every rank */
    if (status == TAL_OK)
        status = tal_buffer_reserve(&self->sent, (size - 1) * bytes);
    for (size_t rank = 1; rank < size && status == TAL_OK; rank++)
        status = tal_buffer_append(&self->sent, self->sent.data, bytes);
    for (size_t rank = 0; rank <= size; rank++)
        self->begin[rank] = rank * bytes;
    status = tal_comm_agree(self->comm, status);
    if (status != TAL_OK)
        return status;
    tal_comm_gather_u64(self->comm, stays, self->loads);
    return tal_comm_exchange(self->comm, self->sent.data, self->begin, &self->list, NULL);
}

static int longest_first(const void *a, const void *b)
{
    const dealt *left = a;
    const dealt *right = b;
    if (left->len != right->len)
        return left->len > right->len ? -1 : 1;
    return (left->gid > right->gid) - (left->gid < right->gid);
}

static int by_owner(const void *a, const void *b)
{
    const dealt *left = a;
    const dealt *right = b;
    return left->owner != right->owner ? (left->owner > right->owner) - (left->owner < right->owner)
                                       : longest_first(a, b);
}

/* Give each group to the rank with least. The same on every rank. */
static void deal(regroup *self, size_t group_size, dealt *list, size_t count)
{
    int size = tal_comm_size(self->comm);
    qsort(list, count, sizeof(*list), longest_first);
    for (size_t first = 0; first < count; first += group_size) {
        int least = 0;
        for (int rank = 1; rank < size; rank++)
            least = self->loads[rank] < self->loads[least] ? rank : least;
        for (size_t i = first; i < count && i < first + group_size; i++) {
            list[i].owner = least;
            self->loads[least] += (uint64_t)list[i].len;
        }
    }
}

/* Pack what this rank gives away, by owner, and mark it. */
static tal_status pack(regroup *self, dealt *list, size_t count)
{
    size_t size = (size_t)tal_comm_size(self->comm);
    int32_t self_rank = tal_comm_rank(self->comm);
    tal_buffer_reset(&self->sent);
    qsort(list, count, sizeof(*list), by_owner);
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        const dealt *entry = &list[i];
        if (entry->holder != self_rank || entry->owner == self_rank)
            continue;
        while (next <= (size_t)entry->owner)
            self->begin[next++] = self->sent.bytes;
        const char *header = tal_seqset_header(self->set, entry->lid);
        moved_head head = {entry->gid, (uint32_t)entry->len, (uint32_t)strlen(header)};
        tal_status status = tal_buffer_append(&self->sent, &head, sizeof(head));
        if (status == TAL_OK)
            status = tal_buffer_append(&self->sent, tal_seqset_residues(self->set, entry->lid),
                                       head.len);
        if (status == TAL_OK)
            status = tal_buffer_append(&self->sent, header, head.header_bytes);
        if (status != TAL_OK)
            return status;
        self->is_moved[entry->lid] = true;
    }
    while (next <= size)
        self->begin[next++] = self->sent.bytes;
    return TAL_OK;
}

/* What others gave takes the place of what was given away. */
static tal_status unpack(regroup *self)
{
    tal_seqset_remove(self->set, self->is_moved);
    const uint8_t *data = self->received.data;
    tal_status status = TAL_OK;
    for (size_t at = 0; at < self->received.bytes && status == TAL_OK;) {
        moved_head head;
        TAL_ASSERT(self->received.bytes - at >= sizeof(head));
        memcpy(&head, data + at, sizeof(head));
        at += sizeof(head);
        status = tal_seqset_append(self->set, head.gid, data + at, head.len,
                                   (const char *)data + at + head.len, head.header_bytes);
        at += (size_t)head.len + head.header_bytes;
    }
    tal_seqset_trim(self->set);
    return status;
}

tal_status tal_regroup_longest(tal_comm *comm, tal_seqset *set, size_t group_size)
{
    TAL_ASSERT(group_size >= 1);
    regroup self;
    tal_status status = regroup_init(&self, comm, set);
    if (status == TAL_OK) {
        choose_lengths(&self, group_size);
        status = list_dealt(&self);
    }
    if (status != TAL_OK)
        goto done;
    dealt *list = (dealt *)(void *)self.list.data;
    size_t count = self.list.bytes / sizeof(*list);
    deal(&self, group_size, list, count);
    status = tal_comm_agree(comm, pack(&self, list, count));
    if (status == TAL_OK)
        status = tal_comm_exchange(comm, self.sent.data, self.begin, &self.received, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(comm, unpack(&self));
done:
    regroup_deinit(&self);
    return status;
}
