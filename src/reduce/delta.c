/* Members as edits of their representative; see delta.h.
 *
 * One walk serves both directions: it asks the edits (encoding) or the coder (decoding) for the
 * next column. A column's history says what the last member that differed there had, and which of
 * the last members did.
 */
#include "reduce/delta.h"

#include "align/trace.h"
#include "base/alloc.h"
#include "base/check.h"
#include "reduce/residue_model.h"

#include <string.h>

enum {
    COLUMN_STATES = 13,
    BEFORE_STATES = 6,
    FOLLOW_STATES = 4,
    RATE_STATES = 4,
    OUTSIDE_ROOM = 32 << 10, /* residues of a block outside of alignments: few */
    FLAGS = COLUMN_STATES * BEFORE_STATES * FOLLOW_STATES * RATE_STATES,
};

/* What members before had at a column of the representative, and before it. */
typedef struct column_history {
    uint32_t at;          /* the residue of the last that had another one there */
    uint32_t inserted_at; /* the insertion of the last that had one in front */
    uint32_t inserted_len;
    uint8_t operation;           /* TAL_CIGAR_DIFF, TAL_CIGAR_DELETION, 0: none yet */
    uint8_t seen, inserted_seen; /* a bit per member, the last one lowest: differed */
} column_history;

struct tal_delta {
    tal_alphabet alphabet;
    tal_residue_model *outside; /* residues outside of alignments */
    tal_buffer literals;        /* what it has seen */
    tal_bit reverse[2];
    tal_number lens, query_skips, ref_skips, query_rests, ref_rests;
    tal_bit equal[FLAGS];
    tal_bit is_diff[COLUMN_STATES * BEFORE_STATES];
    tal_bit is_insertion[COLUMN_STATES * BEFORE_STATES];
    tal_bit same_residue[2][FOLLOW_STATES];
    tal_bit diff_residue[32][32];
    tal_bit inserted_residue[32][32];
    /* The cluster. */
    const uint8_t *ref;
    int32_t ref_len;
    unsigned was_reverse;
    tal_buffer columns; /* column_history, ref_len + 1 */
    tal_buffer members; /* codes of its members as aligned, back to back */
    tal_buffer flipped;
};

/* Where a walk through an alignment is. */
typedef struct delta_walk {
    int32_t query_at, query_end, ref_at, ref_end;
    uint32_t before;       /* the operation of the last column */
    uint32_t run;          /* columns of it so far */
    uint32_t recent;       /* a bit per column: differed */
    unsigned follow;       /* at the last two columns with a history: followed it */
    const uint32_t *edits; /* encoding */
    size_t edit_count, edit_idx;
    int32_t edit_used;
} delta_walk;

tal_status tal_delta_create(tal_alphabet alphabet, tal_delta **out_delta)
{
    tal_delta *delta = tal_alloc_zero(sizeof(*delta));
    if (delta == NULL)
        return TAL_ERR_MEMORY;
    delta->alphabet = alphabet;
    tal_status status = tal_residue_model_create(alphabet, &delta->outside);
    if (status != TAL_OK) {
        tal_delta_destroy(delta);
        return status;
    }
    *out_delta = delta;
    return TAL_OK;
}

void tal_delta_destroy(tal_delta *delta)
{
    if (delta == NULL)
        return;
    tal_buffer_deinit(&delta->flipped);
    tal_buffer_deinit(&delta->members);
    tal_buffer_deinit(&delta->columns);
    tal_buffer_deinit(&delta->literals);
    tal_residue_model_destroy(delta->outside);
    tal_free(delta);
}

#define RESET(bits) tal_bits_reset((tal_bit *)(bits), sizeof(bits) / sizeof(tal_bit))

tal_status tal_delta_begin(tal_delta *delta, tal_coder *coder)
{
    tal_buffer_reset(&delta->literals);
    RESET(delta->reverse);
    RESET(delta->equal);
    RESET(delta->is_diff);
    RESET(delta->is_insertion);
    RESET(delta->same_residue);
    RESET(delta->diff_residue);
    RESET(delta->inserted_residue);
    tal_number_reset(&delta->lens);
    tal_number_reset(&delta->query_skips);
    tal_number_reset(&delta->ref_skips);
    tal_number_reset(&delta->query_rests);
    tal_number_reset(&delta->ref_rests);
    delta->was_reverse = 0;
    return tal_residue_model_begin(delta->outside, coder, OUTSIDE_ROOM);
}

tal_status tal_delta_begin_cluster(tal_delta *delta, const uint8_t *representative, int32_t len)
{
    const size_t bytes = ((size_t)len + 1) * sizeof(column_history);
    tal_buffer_reset(&delta->columns);
    tal_buffer_reset(&delta->members);
    tal_status status = tal_buffer_reserve(&delta->columns, bytes);
    if (status != TAL_OK)
        return status;
    memset(delta->columns.data, 0, bytes);
    delta->columns.bytes = bytes;
    delta->ref = representative;
    delta->ref_len = len;
    return TAL_OK;
}

static unsigned before_state(const delta_walk *walk)
{
    if (walk->before == TAL_CIGAR_EQUAL)
        return walk->run >= 16 ? 0 : walk->run >= 4 ? 1 : 2;
    return walk->before == TAL_CIGAR_DIFF ? 3 : walk->before == TAL_CIGAR_INSERTION ? 4 : 5;
}

static unsigned column_state(const delta_walk *walk, const column_history *column)
{
    if (walk->before == TAL_CIGAR_INSERTION) {
        if (column->inserted_len == 0)
            return 0;
        return walk->run < column->inserted_len ? 10 : 9;
    }
    if (column->inserted_len > 0 && ((column->inserted_seen & 1) != 0 || column->operation == 0))
        return 9 + (column->inserted_seen & 3u);
    if (column->operation == 0)
        return 0;
    return 1 + (column->seen & 3u) + (column->operation == TAL_CIGAR_DELETION ? 4 : 0);
}

static unsigned rate_state(uint32_t recent)
{
    const int count = __builtin_popcount(recent);
    return count == 0 ? 0 : count == 1 ? 1 : count <= 4 ? 2 : 3;
}

/* The operation of the next column as the edits say. */
static uint32_t next_edit(delta_walk *walk)
{
    TAL_ASSERT(walk->edit_idx < walk->edit_count);
    const uint32_t run = walk->edits[walk->edit_idx];
    if (++walk->edit_used == tal_cigar_len(run)) {
        walk->edit_idx++;
        walk->edit_used = 0;
    }
    return tal_cigar_operation(run);
}

/* Code the operation of the next column. */
static uint32_t code_operation(tal_delta *delta, tal_coder *coder, delta_walk *walk,
                               const column_history *column)
{
    const uint32_t operation = coder->out != NULL ? next_edit(walk) : 0;
    const unsigned state = column_state(walk, column);
    const unsigned before = before_state(walk);
    const unsigned flag =
        ((state * BEFORE_STATES + before) * FOLLOW_STATES + walk->follow) * RATE_STATES +
        rate_state(walk->recent);
    if (tal_coder_bit(coder, &delta->equal[flag], operation == TAL_CIGAR_EQUAL) != 0)
        return TAL_CIGAR_EQUAL;
    const unsigned kind = state * BEFORE_STATES + before;
    if (tal_coder_bit(coder, &delta->is_diff[kind], operation == TAL_CIGAR_DIFF) != 0)
        return TAL_CIGAR_DIFF;
    return tal_coder_bit(coder, &delta->is_insertion[kind], operation == TAL_CIGAR_INSERTION) != 0
               ? TAL_CIGAR_INSERTION
               : TAL_CIGAR_DELETION;
}

/* Code a residue that the history may foretell (`told` >= 32: it does not). */
static unsigned code_residue(tal_coder *coder, tal_bit *same, tal_bit *tree, unsigned told,
                             unsigned residue)
{
    if (told < TAL_CODE_COUNT && tal_coder_bit(coder, same, residue == told) != 0)
        return told;
    return tal_coder_tree(coder, tree, 5, residue);
}

static void note_column(delta_walk *walk, column_history *column, uint32_t operation, uint32_t at)
{
    const bool is_different = operation != TAL_CIGAR_EQUAL;
    if (column->operation != 0)
        walk->follow = (walk->follow << 1 | (operation == column->operation)) & 3;
    column->seen = (uint8_t)(column->seen << 1 | is_different);
    if (is_different) {
        column->operation = (uint8_t)operation;
        column->at = at;
    }
    /* An insertion is complete when the column behind it comes. */
    if (walk->before == TAL_CIGAR_INSERTION) {
        column->inserted_len = walk->run;
        column->inserted_at = at - walk->run;
        column->inserted_seen = (uint8_t)(column->inserted_seen << 1 | 1);
    } else {
        column->inserted_seen = (uint8_t)(column->inserted_seen << 1);
    }
}

static void step(delta_walk *walk, uint32_t operation)
{
    walk->run = operation == walk->before ? walk->run + 1 : 1;
    walk->before = operation;
    walk->recent = walk->recent << 1 | (operation != TAL_CIGAR_EQUAL);
    walk->query_at += operation != TAL_CIGAR_DELETION;
    walk->ref_at += operation != TAL_CIGAR_INSERTION;
}

/* Code the columns of an alignment. `query` is read or filled; `base` is its place in members. */
static tal_status code_columns(tal_delta *delta, tal_coder *coder, delta_walk *walk, uint8_t *query,
                               size_t base, tal_cigar *edits)
{
    column_history *columns = (column_history *)(void *)delta->columns.data;
    const uint8_t *members = delta->members.data;
    tal_status status = TAL_OK;
    while ((walk->query_at < walk->query_end || walk->ref_at < walk->ref_end) && status == TAL_OK) {
        column_history *column = &columns[walk->ref_at];
        const unsigned follow = walk->follow;
        const uint32_t operation = code_operation(delta, coder, walk, column);
        if ((operation != TAL_CIGAR_DELETION && walk->query_at >= walk->query_end) ||
            (operation != TAL_CIGAR_INSERTION && walk->ref_at >= walk->ref_end))
            return TAL_ERR_DATA;
        const uint32_t at = (uint32_t)(base + (size_t)walk->query_at);
        uint8_t *residue = &query[walk->query_at];
        if (operation == TAL_CIGAR_INSERTION) {
            const uint32_t run = walk->before == TAL_CIGAR_INSERTION ? walk->run : 0;
            const unsigned told =
                run < column->inserted_len ? members[column->inserted_at + run] : TAL_CODE_COUNT;
            const unsigned last = walk->query_at > 0 ? residue[-1] : 31;
            *residue = (uint8_t)code_residue(coder, &delta->same_residue[0][follow],
                                             delta->inserted_residue[last], told, *residue);
        } else {
            const uint8_t ref = delta->ref[walk->ref_at];
            if (operation == TAL_CIGAR_EQUAL) {
                *residue = ref;
            } else if (operation == TAL_CIGAR_DIFF) {
                const unsigned told =
                    column->operation == TAL_CIGAR_DIFF ? members[column->at] : TAL_CODE_COUNT;
                *residue = (uint8_t)code_residue(coder, &delta->same_residue[1][follow],
                                                 delta->diff_residue[ref], told, *residue);
            }
            note_column(walk, column, operation, at);
        }
        step(walk, operation);
        if (edits != NULL)
            status = tal_cigar_append(edits, operation, 1);
    }
    return status;
}

/* Code the residues [begin, end) of `query`, which no column covers. */
static tal_status code_outside(tal_delta *delta, tal_coder *coder, uint8_t *query, int32_t begin,
                               int32_t end)
{
    const size_t len = (size_t)(end - begin);
    const size_t from = delta->literals.bytes;
    if (len == 0)
        return TAL_OK;
    tal_status status = tal_buffer_append(&delta->literals, query + begin, len);
    if (status != TAL_OK)
        return status;
    tal_residue_model_code(delta->outside, coder, delta->literals.data, from, from + len);
    memcpy(query + begin, delta->literals.data + from, len);
    return TAL_OK;
}

/* Code strand, length and spans; the rest of them is filled in when decoding. */
static tal_status code_spans(tal_delta *delta, tal_coder *coder, uint64_t len_limit, uint64_t *len,
                             tal_assigned *assigned)
{
    tal_certificate *told = &assigned->certificate;
    unsigned is_reverse = assigned->is_reverse;
    if (delta->alphabet == TAL_NUCLEOTIDE)
        is_reverse = tal_coder_bit(coder, &delta->reverse[delta->was_reverse], is_reverse);
    delta->was_reverse = is_reverse;
    assigned->is_reverse = is_reverse != 0;
    const uint64_t ref_len = (uint64_t)delta->ref_len;
    *len = (uint64_t)tal_coder_signed(coder, &delta->lens, (int64_t)(*len - ref_len)) + ref_len;
    if (*len > len_limit || *len > INT32_MAX)
        return TAL_ERR_DATA;
    const uint64_t query_begin =
        tal_coder_number(coder, &delta->query_skips, (uint64_t)told->query_begin);
    const uint64_t query_rest =
        tal_coder_number(coder, &delta->query_rests, *len - (uint64_t)told->query_end);
    const uint64_t ref_begin =
        tal_coder_number(coder, &delta->ref_skips, (uint64_t)told->ref_begin);
    const uint64_t ref_rest =
        tal_coder_number(coder, &delta->ref_rests, ref_len - (uint64_t)told->ref_end);
    if (query_begin > *len || query_rest > *len - query_begin || ref_begin > ref_len ||
        ref_rest > ref_len - ref_begin)
        return TAL_ERR_DATA;
    told->query_begin = (int32_t)query_begin;
    told->query_end = (int32_t)(*len - query_rest);
    told->ref_begin = (int32_t)ref_begin;
    told->ref_end = (int32_t)(ref_len - ref_rest);
    return TAL_OK;
}

/* Code a member as aligned at the end of members, `edits` being filled when decoding. */
static tal_status code_member(tal_delta *delta, tal_coder *coder, size_t base,
                              const tal_assigned *assigned, int32_t len, tal_cigar *edits)
{
    uint8_t *query = delta->members.data + base;
    delta_walk walk = {
        .query_at = assigned->certificate.query_begin,
        .query_end = assigned->certificate.query_end,
        .ref_at = assigned->certificate.ref_begin,
        .ref_end = assigned->certificate.ref_end,
        .before = TAL_CIGAR_EQUAL,
        .edits = assigned->edits,
        .edit_count = assigned->edit_count,
    };
    tal_status status = code_outside(delta, coder, query, 0, walk.query_at);
    if (status == TAL_OK)
        status = code_columns(delta, coder, &walk, query, base, edits);
    if (status == TAL_OK)
        status = code_outside(delta, coder, query, walk.query_end, len);
    return status;
}

tal_status tal_delta_encode(tal_delta *delta, tal_coder *coder, const uint8_t *member, int32_t len,
                            const tal_assigned *assigned)
{
    TAL_ASSERT(!assigned->is_reverse || delta->alphabet == TAL_NUCLEOTIDE);
    const size_t base = delta->members.bytes;
    tal_status status = tal_buffer_append(&delta->members, member, (size_t)len);
    if (status != TAL_OK)
        return status;
    if (assigned->is_reverse)
        tal_nucleotide_reverse_complement(member, (size_t)len, delta->members.data + base);
    tal_assigned coded = *assigned;
    uint64_t coded_len = (uint64_t)len;
    status = code_spans(delta, coder, INT32_MAX, &coded_len, &coded);
    TAL_ASSERT(status == TAL_OK); /* The certificate's spans lie within the sequences. */
    return code_member(delta, coder, base, &coded, len, NULL);
}

tal_status tal_delta_decode(tal_delta *delta, tal_coder *coder, uint64_t len_limit,
                            tal_buffer *residues, tal_cigar *edits, tal_assigned *out_assigned)
{
    tal_assigned assigned = {0};
    uint64_t len = 0;
    tal_status status = code_spans(delta, coder, len_limit, &len, &assigned);
    const size_t base = delta->members.bytes;
    if (status == TAL_OK)
        status = tal_buffer_reserve(&delta->members, (size_t)len);
    if (status == TAL_OK)
        status = tal_buffer_reserve(residues, (size_t)len);
    if (status != TAL_OK)
        return status;
    memset(delta->members.data + base, 0, (size_t)len);
    delta->members.bytes += (size_t)len;
    tal_cigar_reset(edits);
    status = code_member(delta, coder, base, &assigned, (int32_t)len, edits);
    if (status != TAL_OK)
        return status;
    if (!tal_codes_are_letters(delta->alphabet, delta->members.data + base, (size_t)len))
        return TAL_ERR_DATA;
    uint8_t *out = residues->data + residues->bytes;
    if (assigned.is_reverse)
        tal_nucleotide_reverse_complement(delta->members.data + base, (size_t)len, out);
    else
        memcpy(out, delta->members.data + base, (size_t)len);
    residues->bytes += (size_t)len;
    assigned.edits = edits->runs;
    assigned.edit_count = edits->count;
    assigned.certificate =
        tal_certificate_of_edits(edits->runs, edits->count, assigned.certificate.query_begin,
                                 assigned.certificate.ref_begin);
    *out_assigned = assigned;
    return TAL_OK;
}
