/* The state of a reduction as bytes, and back on any number of ranks; see reduction.h.
 *
 * A row for each distinct sequence: id, flags, degree, then what the flags say. Sequences are not
 * kept: they are found again in the input, and their ids depend on it alone.
 */
#include "reduce/reduction.h"

#include "base/varint.h"
#include "reduce/outbox.h"

#include <inttypes.h>
#include <string.h>

enum {
    FLAG_STATE = 3, /* a tal_vertex_state */
    FLAG_POOL = 4,
    FLAG_FROZEN = 8,
    FLAG_REVERSE = 16,
    FLAGS_MAX = 31,
};

/* What all ranks know. */
typedef struct kept_numbers {
    uint64_t version, distinct_count;
    tal_reduction_position position;
    tal_reduce_summary summary;
} kept_numbers;

enum { VERSION = 1, NUMBER_COUNT = sizeof(kept_numbers) / sizeof(uint64_t) };
_Static_assert(sizeof(kept_numbers) == NUMBER_COUNT * sizeof(uint64_t), "numbers only");
_Static_assert((int)NUMBER_COUNT <= (int)TAL_REDUCE_NUMBERS, "a keeper holds them");

/* A row as numbers; a member's edits follow. */
typedef struct state_row {
    uint64_t id, flags, degree, weight; /* weight: what the priority goes by */
    uint64_t cursor;                    /* of those that are open */
    uint64_t representative, score, identity_count, column_count;
    uint64_t query_begin, query_span, ref_begin, ref_span, edit_count; /* of members */
} state_row;

static void put_all(tal_buffer *bytes, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tal_varint_put(bytes, values[i]);
}

static tal_status append_row(const tal_reduction *self, tal_lid local, tal_buffer *bytes)
{
    const tal_vertex *vertex = &self->vertices[local];
    const tal_certificate *told = &vertex->certificate;
    const uint8_t state = tal_reduction_state(self, local);
    const bool is_frozen = (self->priorities[local] & TAL_PRIORITY_OPEN) == 0;
    const uint64_t head[] = {tal_reduction_id(self, local),
                             state | (self->is_in_pool[local] ? FLAG_POOL : 0U) |
                                 (is_frozen ? FLAG_FROZEN : 0U) |
                                 (vertex->is_reverse ? FLAG_REVERSE : 0U),
                             self->degrees[local], tal_priority_degree(self->priorities[local])};
    const size_t edit_count = state == TAL_VERTEX_MEMBER ? vertex->edit_count : 0;
    tal_status status = tal_buffer_reserve(
        bytes, (sizeof(state_row) / sizeof(uint64_t) + edit_count) * TAL_VARINT_BYTES_MAX);
    if (status != TAL_OK)
        return status;
    put_all(bytes, head, sizeof(head) / sizeof(*head));
    if (state == TAL_VERTEX_OPEN)
        tal_varint_put(bytes, self->cursors[local]);
    if (state != TAL_VERTEX_MEMBER)
        return TAL_OK;
    const uint64_t proof[] = {vertex->representative,
                              (uint64_t)told->score,
                              (uint64_t)told->identity_count,
                              (uint64_t)told->column_count,
                              (uint64_t)told->query_begin,
                              (uint64_t)(told->query_end - told->query_begin),
                              (uint64_t)told->ref_begin,
                              (uint64_t)(told->ref_end - told->ref_begin),
                              vertex->edit_count};
    put_all(bytes, proof, sizeof(proof) / sizeof(*proof));
    const uint8_t *edits = self->arenas[vertex->arena].data + vertex->edits_at;
    for (size_t i = 0; i < edit_count; i++) {
        uint32_t edit;
        memcpy(&edit, edits + i * sizeof(edit), sizeof(edit));
        tal_varint_put(bytes, edit);
    }
    return TAL_OK;
}

tal_status tal_state_keep(tal_reduction *self)
{
    const tal_reduce_keeper *keeper = self->params->keeper;
    if (keeper == NULL)
        return TAL_OK;
    tal_buffer bytes = {0};
    tal_status status = TAL_OK;
    for (tal_lid local = 0; status == TAL_OK && local < self->count; local++)
        status = append_row(self, local, &bytes);
    tal_reduction_sum_up(self);
    const kept_numbers numbers = {VERSION, self->distinct.count, self->position, self->summary};
    uint64_t values[NUMBER_COUNT];
    memcpy(values, &numbers, sizeof(numbers));
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = keeper->keep(keeper->context, values, NUMBER_COUNT, &bytes);
    tal_buffer_deinit(&bytes);
    return status;
}

static tal_status misfit(void)
{
    return tal_fail(TAL_ERR_DATA, "the state that was kept does not fit the input: remove the "
                                  "folder of the unfinished work to start again");
}

static bool read_all(const tal_buffer *bytes, size_t *at, uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!tal_varint_read(bytes, at, &values[i]))
            return false;
    return true;
}

/* Read the row at *at, up to its edits; false when it is none. */
static bool read_row(const tal_reduction *self, const tal_buffer *bytes, size_t *at, state_row *row)
{
    memset(row, 0, sizeof(*row));
    if (!read_all(bytes, at, &row->id, 4) || row->id >= self->distinct.count ||
        row->flags > FLAGS_MAX || (row->flags & FLAG_STATE) > TAL_VERTEX_MEMBER)
        return false;
    if ((row->flags & FLAG_STATE) == TAL_VERTEX_OPEN)
        return tal_varint_read(bytes, at, &row->cursor) && row->cursor <= UINT32_MAX;
    if ((row->flags & FLAG_STATE) != TAL_VERTEX_MEMBER)
        return true;
    return read_all(bytes, at, &row->representative, 9) &&
           row->representative < self->distinct.count && row->score <= INT32_MAX &&
           row->identity_count <= INT32_MAX && row->column_count <= INT32_MAX &&
           row->query_begin + row->query_span <= INT32_MAX &&
           row->ref_begin + row->ref_span <= INT32_MAX && row->edit_count <= bytes->bytes - *at;
}

/* Send every row to the owner of its sequence. */
static tal_status deal_rows(const tal_reduction *self, const tal_buffer *bytes, tal_outbox *outbox)
{
    for (size_t at = 0; at < bytes->bytes;) {
        const size_t begin = at;
        state_row row;
        if (!read_row(self, bytes, &at, &row))
            return misfit();
        for (uint64_t i = 0, edit; i < row.edit_count; i++)
            if (!tal_varint_read(bytes, &at, &edit) || edit > UINT32_MAX)
                return misfit();
        tal_status status = tal_buffer_append(tal_outbox_at(outbox, 0, row.id % self->rank_count),
                                              bytes->data + begin, at - begin);
        if (status != TAL_OK)
            return status;
    }
    return TAL_OK;
}

static void take_vertex(tal_reduction *self, tal_lid local, const state_row *row)
{
    const int32_t query_begin = (int32_t)row->query_begin, ref_begin = (int32_t)row->ref_begin;
    self->vertices[local] = (tal_vertex){
        .representative = row->representative,
        .certificate = {.score = (int32_t)row->score,
                        .identity_count = (int32_t)row->identity_count,
                        .column_count = (int32_t)row->column_count,
                        .query_begin = query_begin,
                        .query_end = query_begin + (int32_t)row->query_span,
                        .ref_begin = ref_begin,
                        .ref_end = ref_begin + (int32_t)row->ref_span},
        .edit_count = (uint32_t)row->edit_count,
        .is_reverse = (row->flags & FLAG_REVERSE) != 0,
        .edits_at = self->arenas[0].bytes,
    };
}

/* Take in the rows of this rank's sequences: each must have one. */
static tal_status take_rows(tal_reduction *self, const tal_buffer *received)
{
    tal_lid taken = 0;
    tal_status status = TAL_OK;
    for (size_t at = 0; status == TAL_OK && at < received->bytes; taken++) {
        state_row row;
        if (!read_row(self, received, &at, &row))
            return misfit();
        const tal_lid local = (tal_lid)(row.id / self->rank_count);
        tal_reduction_set_state(self, local, (tal_vertex_state)(row.flags & FLAG_STATE));
        self->is_in_pool[local] = (row.flags & FLAG_POOL) != 0;
        self->degrees[local] = row.degree;
        self->priorities[local] =
            tal_priority_make((row.flags & FLAG_FROZEN) != 0, row.weight, row.id);
        self->cursors[local] = (uint32_t)row.cursor;
        take_vertex(self, local, &row);
        for (uint64_t i = 0; status == TAL_OK && i < row.edit_count; i++) {
            uint64_t value = 0;
            (void)tal_varint_read(received, &at, &value); /* Seen by the rank that sent it. */
            const uint32_t edit = (uint32_t)value;
            status = tal_buffer_append(&self->arenas[0], &edit, sizeof(edit));
        }
    }
    return status == TAL_OK && taken != self->count ? misfit() : status;
}

tal_status tal_state_find(tal_reduction *self)
{
    const tal_reduce_keeper *keeper = self->params->keeper;
    if (keeper == NULL)
        return TAL_OK;
    uint64_t values[NUMBER_COUNT];
    kept_numbers numbers;
    tal_buffer bytes = {0}, received = {0};
    tal_outbox outbox = {0};
    bool is_found = false;
    tal_status status = keeper->find(keeper->context, values, NUMBER_COUNT, &bytes, &is_found);
    if (status != TAL_OK || !is_found)
        goto done;
    memcpy(&numbers, values, sizeof(numbers));
    if (numbers.version != VERSION || numbers.distinct_count != self->distinct.count)
        status = misfit();
    if (status == TAL_OK)
        status = tal_outbox_init(&outbox, 1, self->rank_count);
    if (status == TAL_OK)
        status = deal_rows(self, &bytes, &outbox);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_outbox_exchange(&outbox, self->comm, &received, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, take_rows(self, &received));
    if (status == TAL_OK) {
        self->position = numbers.position;
        self->summary = numbers.summary;
        self->kept = numbers.summary;
    }
done:
    tal_outbox_deinit(&outbox);
    tal_buffer_deinit(&received);
    tal_buffer_deinit(&bytes);
    return status;
}
