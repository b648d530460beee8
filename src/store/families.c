/* The clusters of a reduced set for searching; see families.h. */
#include "store/families.h"

#include "base/alloc.h"
#include "base/check.h"
#include "reduce/outbox.h"
#include "store/unpack_internal.h"

#include <stdlib.h>
#include <string.h>

/* A representative's gid and which cluster of this rank it is of. */
typedef struct cluster_row {
    tal_gid gid;
    uint64_t local;
} cluster_row;

struct tal_families {
    tal_comm *comm;
    tal_container *container;
    tal_unpacker *unpacker;
    uint64_t count; /* clusters of this rank */
    tal_gid *representatives;
    uint64_t *member_begin; /* count + 1 */
    tal_gid *members;
    cluster_row *rows; /* by gid */
};

/* A record's place on its way to the rank of its cluster. */
typedef struct placed_record {
    tal_text_place place;
    tal_gid gid;
} placed_record;

void tal_families_destroy(tal_families *families)
{
    if (families == NULL)
        return;
    tal_unpacker_destroy(families->unpacker);
    tal_free(families->representatives);
    tal_free(families->member_begin);
    tal_free(families->members);
    tal_free(families->rows);
    tal_free(families);
}

typedef struct place_run {
    const tal_families *families;
    tal_outbox outbox;
} place_run;

static tal_status place_text(void *context, const tal_text *text, tal_gid first)
{
    place_run *run = context;
    const uint64_t size = (uint64_t)tal_comm_size(run->families->comm);
    const uint64_t cluster_count =
        tal_container_count(run->families->container, TAL_BLOCKS_REPRESENTATIVES);
    tal_status status = TAL_OK;
    for (size_t i = 0; i < text->record_count && status == TAL_OK; i++) {
        const placed_record row = {.place = tal_text_get(text, i)->place, .gid = first + i};
        if (row.place.cluster >= cluster_count)
            return tal_fail(TAL_ERR_DATA,
                            "cannot read '%s': the file is damaged: a record is in a cluster that "
                            "does not exist",
                            tal_container_path(run->families->container));
        status = tal_buffer_append(
            tal_outbox_at(&run->outbox, 0, (size_t)(row.place.cluster % size)), &row, sizeof(row));
    }
    return status;
}

static int compare_placed(const void *a, const void *b)
{
    const placed_record *left = a, *right = b;
    if (left->place.cluster != right->place.cluster)
        return left->place.cluster < right->place.cluster ? -1 : 1;
    return (left->place.ordinal > right->place.ordinal) -
           (left->place.ordinal < right->place.ordinal);
}

static int compare_rows(const void *a, const void *b)
{
    const cluster_row *left = a, *right = b;
    return (left->gid > right->gid) - (left->gid < right->gid);
}

/* What the text said of this rank's clusters, as its tables. */
static tal_status take_places(tal_families *families, placed_record *placed, size_t placed_count)
{
    const uint64_t size = (uint64_t)tal_comm_size(families->comm);
    const uint64_t rank = (uint64_t)tal_comm_rank(families->comm);
    const uint64_t all = tal_container_count(families->container, TAL_BLOCKS_REPRESENTATIVES);
    families->count = all > rank ? (all - rank - 1) / size + 1 : 0;
    const size_t count = (size_t)families->count;
    families->representatives = tal_alloc_array(count, sizeof(*families->representatives));
    families->member_begin = tal_alloc_array(count + 1, sizeof(*families->member_begin));
    families->members = tal_alloc_array(placed_count, sizeof(*families->members));
    families->rows = tal_alloc_array(count, sizeof(*families->rows));
    if (families->representatives == NULL || families->member_begin == NULL ||
        families->members == NULL || families->rows == NULL)
        return TAL_ERR_MEMORY;
    if (placed_count > 0)
        qsort(placed, placed_count, sizeof(*placed), compare_placed);
    size_t next = 0;
    uint64_t member = 0;
    families->member_begin[0] = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t cluster = i * size + rank;
        uint64_t ordinal = 0;
        for (; next < placed_count && placed[next].place.cluster == cluster; next++, ordinal++) {
            if (placed[next].place.ordinal != ordinal)
                break;
            if (ordinal == 0)
                families->representatives[i] = placed[next].gid;
            else
                families->members[member++] = placed[next].gid;
        }
        if (ordinal == 0 || (next < placed_count && placed[next].place.cluster == cluster))
            return tal_fail(TAL_ERR_DATA,
                            "cannot read '%s': the file is damaged: its text does not name each "
                            "record of cluster %llu once",
                            tal_container_path(families->container), (unsigned long long)cluster);
        families->member_begin[i + 1] = member;
        families->rows[i] = (cluster_row){families->representatives[i], i};
    }
    if (count > 0)
        qsort(families->rows, count, sizeof(*families->rows), compare_rows);
    return TAL_OK;
}

/* Collective; agreed status. */
static tal_status find_places(tal_families *families)
{
    place_run run = {.families = families};
    tal_buffer received = {0};
    tal_status status = tal_outbox_init(&run.outbox, 1, (size_t)tal_comm_size(families->comm));
    if (status == TAL_OK)
        status = tal_unpack_visit_texts(families->unpacker, NULL, place_text, &run);
    status = tal_comm_agree(families->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&run.outbox, families->comm, &received, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(families->comm,
                                take_places(families, (placed_record *)(void *)received.data,
                                            received.bytes / sizeof(placed_record)));
    tal_buffer_deinit(&received);
    tal_outbox_deinit(&run.outbox);
    return status;
}

tal_status tal_families_create(tal_comm *comm, tal_team *team, tal_container *container,
                               tal_families **out_families)
{
    tal_families *families = tal_alloc_zero(sizeof(*families));
    tal_status status = tal_comm_agree(comm, families == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK) {
        families->comm = comm;
        families->container = container;
        status = tal_unpacker_create(comm, team, container, &families->unpacker);
    }
    if (status == TAL_OK)
        status = find_places(families);
    if (status != TAL_OK) {
        tal_families_destroy(families);
        return status;
    }
    *out_families = families;
    return TAL_OK;
}

/* Append the residues of places, which rise, with the gids beside them. Collective; agreed status.
 */
static tal_status append_places(tal_families *families, const tal_text_place *places,
                                const tal_gid *gids, size_t count, tal_seqset *set)
{
    tal_buffer residues = {0};
    uint64_t *begin = tal_alloc_array(count + 1, sizeof(*begin));
    tal_status status = tal_comm_agree(families->comm, begin == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status == TAL_OK)
        status = tal_unpack_residues(families->unpacker, places, count, begin, &residues);
    if (status == TAL_OK) {
        for (size_t i = 0; i < count && status == TAL_OK; i++)
            status = tal_seqset_append(set, gids[i], residues.data + begin[i],
                                       (size_t)(begin[i + 1] - begin[i]), "", 0);
        status = tal_comm_agree(families->comm, status);
    }
    tal_free(begin);
    tal_buffer_deinit(&residues);
    return status;
}

tal_status tal_families_load(tal_families *families, uint64_t residue_limit, tal_seqset *set)
{
    const uint64_t size = (uint64_t)tal_comm_size(families->comm);
    const uint64_t rank = (uint64_t)tal_comm_rank(families->comm);
    const uint64_t residues = tal_container_amount(families->container, TAL_BLOCKS_REPRESENTATIVES);
    const uint64_t rounds = residues / size / residue_limit + 1;
    tal_text_place *places = tal_alloc_array((size_t)families->count, sizeof(*places));
    tal_status status = tal_comm_agree(families->comm, places == NULL ? TAL_ERR_MEMORY : TAL_OK);
    for (size_t i = 0; status == TAL_OK && i < families->count; i++)
        places[i] = (tal_text_place){.cluster = i * size + rank};
    size_t at = 0;
    for (uint64_t round = 0; round < rounds && status == TAL_OK; round++) {
        const size_t end = (size_t)((unsigned __int128)families->count * (round + 1) / rounds);
        status =
            append_places(families, places + at, families->representatives + at, end - at, set);
        at = end;
    }
    tal_free(places);
    return status;
}

uint64_t tal_families_member_count(const tal_families *families)
{
    return families->member_begin[families->count];
}

uint64_t tal_families_find(const tal_families *families, tal_gid representative,
                           uint64_t *out_first)
{
    const cluster_row key = {.gid = representative};
    const cluster_row *row =
        bsearch(&key, families->rows, (size_t)families->count, sizeof(key), compare_rows);
    TAL_ASSERT(row != NULL);
    *out_first = families->member_begin[row->local];
    return families->member_begin[row->local + 1] - *out_first;
}

/* The cluster of this rank that a member is of, `from` or later. */
static uint64_t cluster_of(const tal_families *families, uint64_t from, uint64_t member)
{
    uint64_t low = from, high = families->count; /* member_begin[low] <= member < [high] */
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (families->member_begin[middle] <= member)
            low = middle;
        else
            high = middle;
    }
    return low;
}

tal_status tal_families_fetch(tal_families *families, const tal_member_list *list,
                              size_t *out_taken, tal_seqset *set)
{
    const uint64_t size = (uint64_t)tal_comm_size(families->comm);
    const uint64_t rank = (uint64_t)tal_comm_rank(families->comm);
    tal_text_place *places = tal_alloc_array(list->count, sizeof(*places));
    tal_gid *gids = tal_alloc_array(list->count, sizeof(*gids));
    tal_status status = places == NULL || gids == NULL ? TAL_ERR_MEMORY : TAL_OK;
    uint64_t local = 0, residues = 0;
    size_t taken = 0;
    for (; status == TAL_OK && taken < list->count; taken++) {
        const uint64_t member = list->members[taken];
        local = cluster_of(families, local, member);
        const tal_text_place place = {.cluster = local * size + rank,
                                      .ordinal = member - families->member_begin[local] + 1};
        const tal_block block = tal_container_block(
            families->container, TAL_BLOCKS_MEMBERS,
            tal_container_find_member(families->container, place.cluster, place.ordinal));
        residues += block.amount / block.count + 1;
        if (taken > 0 && residues > list->residue_limit)
            break;
        places[taken] = place;
        gids[taken] = families->members[member];
    }
    status = tal_comm_agree(families->comm, status);
    if (status == TAL_OK)
        status = append_places(families, places, gids, taken, set);
    if (status == TAL_OK)
        *out_taken = taken;
    tal_free(gids);
    tal_free(places);
    return status;
}

/* --- Names --- */

void tal_families_text_share(const tal_families *families, tal_gid *out_begin, tal_gid *out_end)
{
    size_t begin, end;
    tal_unpack_share(families->unpacker, 0,
                     tal_container_block_count(families->container, TAL_BLOCKS_TEXT), &begin, &end);
    *out_begin = tal_container_block_begin(families->container, TAL_BLOCKS_TEXT, begin).count;
    *out_end = tal_container_block_begin(families->container, TAL_BLOCKS_TEXT, end).count;
}

void tal_named_records_deinit(tal_named_records *records)
{
    tal_seqset_destroy(records->set);
    tal_buffer_deinit(&records->lens);
    tal_buffer_deinit(&records->representatives);
    *records = (tal_named_records){0};
}

typedef struct name_run {
    const bool *is_wanted;
    tal_gid begin;       /* of the share */
    tal_buffer places;   /* tal_text_place, of the wanted records */
    tal_seqset *headers; /* NULL: not needed */
} name_run;

static tal_status name_text(void *context, const tal_text *text, tal_gid first)
{
    name_run *run = context;
    tal_status status = TAL_OK;
    for (size_t i = 0; i < text->record_count && status == TAL_OK; i++) {
        const tal_text_record *record = tal_text_get(text, i);
        if (!run->is_wanted[first + i - run->begin])
            continue;
        status = tal_buffer_append(&run->places, &record->place, sizeof(record->place));
        if (status == TAL_OK && run->headers != NULL)
            status = tal_seqset_append(run->headers, first + i, NULL, 0,
                                       (const char *)text->headers.data + record->header_at,
                                       record->header_bytes);
    }
    return status;
}

static tal_status answer_representative(const void *context, uint64_t local, tal_buffer *reply)
{
    const tal_families *families = context;
    TAL_ASSERT(local < families->count);
    return tal_buffer_append(reply, &families->representatives[local], sizeof(tal_gid));
}

/* The representatives of the clusters of `places` (tal_text_place) replace `out_gids`. Collective;
 * agreed status. */
static tal_status ask_representatives(tal_families *families, const tal_buffer *places,
                                      tal_buffer *out_gids)
{
    const tal_text_place *list = (const tal_text_place *)(const void *)places->data;
    const size_t count = places->bytes / sizeof(*list);
    tal_replies replies = {0};
    uint64_t *ids = tal_alloc_array(count, sizeof(*ids));
    tal_status status = tal_comm_agree(families->comm, ids == NULL ? TAL_ERR_MEMORY : TAL_OK);
    for (size_t i = 0; status == TAL_OK && i < count; i++)
        ids[i] = list[i].cluster;
    if (status == TAL_OK)
        status =
            tal_owners_ask(families->comm, ids, count, answer_representative, families, &replies);
    tal_buffer_reset(out_gids);
    if (status == TAL_OK) {
        for (size_t i = 0; status == TAL_OK && i < count; i++)
            status =
                tal_buffer_append(out_gids, replies.data.data + replies.at[i], sizeof(tal_gid));
        status = tal_comm_agree(families->comm, status);
    }
    tal_replies_deinit(&replies);
    tal_free(ids);
    return status;
}

/* The rank that reads the text of a record. */
static size_t text_rank_of(const tal_families *families, tal_gid gid)
{
    const size_t size = (size_t)tal_comm_size(families->comm);
    const size_t count = tal_container_block_count(families->container, TAL_BLOCKS_TEXT);
    const size_t block = tal_container_find_block(families->container, TAL_BLOCKS_TEXT, gid);
    size_t rank = (size_t)((unsigned __int128)block * size / count);
    while (rank + 1 < size && (size_t)((unsigned __int128)count * (rank + 1) / size) <= block)
        rank++;
    return rank;
}

/* Mark these representatives where their text is read. Collective; agreed status. */
static tal_status mark_representatives(tal_families *families, const tal_buffer *gids,
                                       tal_gid share_begin, bool *is_wanted)
{
    const tal_gid *list = (const tal_gid *)(const void *)gids->data;
    tal_outbox outbox = {0};
    tal_buffer received = {0};
    tal_status status = tal_outbox_init(&outbox, 1, (size_t)tal_comm_size(families->comm));
    for (size_t i = 0; status == TAL_OK && i < gids->bytes / sizeof(*list); i++)
        status = tal_buffer_append(tal_outbox_at(&outbox, 0, text_rank_of(families, list[i])),
                                   &list[i], sizeof(list[i]));
    status = tal_comm_agree(families->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, families->comm, &received, NULL);
    list = (const tal_gid *)(const void *)received.data;
    for (size_t i = 0; status == TAL_OK && i < received.bytes / sizeof(*list); i++)
        is_wanted[list[i] - share_begin] = true;
    tal_buffer_deinit(&received);
    tal_outbox_deinit(&outbox);
    return status;
}

/* The lengths of the records at `places`. Collective; agreed status. */
static tal_status find_lens(tal_families *families, const tal_buffer *places, tal_buffer *out_lens)
{
    const tal_text_place *list = (const tal_text_place *)(const void *)places->data;
    const size_t count = places->bytes / sizeof(*list);
    tal_buffer residues = {0};
    enum { ROUND_RECORDS = 1 << 14 };
    uint64_t rounds = count / ROUND_RECORDS + 1;
    uint64_t *begin = tal_alloc_array(ROUND_RECORDS + 1, sizeof(*begin));
    tal_status status = tal_comm_agree(families->comm, begin == NULL ? TAL_ERR_MEMORY : TAL_OK);
    tal_comm_max_u64(families->comm, &rounds, 1);
    for (uint64_t round = 0; round < rounds && status == TAL_OK; round++) {
        const size_t at = count < round * ROUND_RECORDS ? count : (size_t)round * ROUND_RECORDS;
        const size_t some = count - at < ROUND_RECORDS ? count - at : ROUND_RECORDS;
        status = tal_unpack_residues(families->unpacker, list + at, some, begin, &residues);
        if (status != TAL_OK)
            break;
        for (size_t i = 0; i < some && status == TAL_OK; i++) {
            const int32_t len = (int32_t)(begin[i + 1] - begin[i]);
            status = tal_buffer_append(out_lens, &len, sizeof(len));
        }
        status = tal_comm_agree(families->comm, status);
    }
    tal_free(begin);
    tal_buffer_deinit(&residues);
    return status;
}

tal_status tal_families_name(tal_families *families, bool *is_wanted,
                             tal_named_records *out_records)
{
    tal_comm *comm = families->comm;
    tal_named_records records = {0};
    name_run run = {.is_wanted = is_wanted};
    tal_gid end;
    tal_families_text_share(families, &run.begin, &end);
    tal_status status =
        tal_seqset_create(tal_container_alphabet(families->container), &records.set);
    if (status == TAL_OK)
        status = tal_unpack_visit_texts(families->unpacker, is_wanted, name_text, &run);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = ask_representatives(families, &run.places, &records.representatives);
    if (status == TAL_OK)
        status = mark_representatives(families, &records.representatives, run.begin, is_wanted);
    if (status == TAL_OK) {
        tal_buffer_reset(&run.places);
        run.headers = records.set;
        status = tal_comm_agree(
            comm, tal_unpack_visit_texts(families->unpacker, is_wanted, name_text, &run));
    }
    if (status == TAL_OK)
        status = ask_representatives(families, &run.places, &records.representatives);
    if (status == TAL_OK)
        status = find_lens(families, &run.places, &records.lens);
    if (status == TAL_OK) {
        *out_records = records;
        records = (tal_named_records){0};
    }
    tal_named_records_deinit(&records);
    tal_buffer_deinit(&run.places);
    return status;
}
