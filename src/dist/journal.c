/* The journal of a job; see journal.h.
 *
 * A record: kind (8 bytes, also a magic number), payload length, payload, zeros up to a multiple of
 * 8, XXH3 of all before. Numbers are little-endian, as on all machines Talaria runs on.
 */
#include "dist/journal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#define KIND_PARAMETERS UINT64_C(0x314d415241504c54) /* "TLPARAM1" */
#define KIND_BLOCK      UINT64_C(0x324b434f4c424c54) /* "TLBLOCK2" */

_Static_assert(sizeof(tal_piece) == 56 && sizeof(tal_block_record) == 96, "records are bytes");

typedef struct record_head {
    uint64_t kind;
    uint64_t payload_bytes;
} record_head;

void tal_journal_deinit(tal_journal *journal)
{
    tal_free(journal->counters);
    tal_free(journal->pieces);
    tal_free(journal->entries);
    tal_free(journal->parameters);
    *journal = (tal_journal){0};
}

static tal_status append_record(uint64_t kind, const tal_buffer *payload, tal_buffer *out_bytes)
{
    static const uint8_t zeros[8];
    size_t begin = out_bytes->bytes;
    record_head head = {kind, payload->bytes};
    tal_status status = tal_buffer_append(out_bytes, &head, sizeof(head));
    if (status == TAL_OK)
        status = tal_buffer_append(out_bytes, payload->data, payload->bytes);
    if (status == TAL_OK)
        status = tal_buffer_append(out_bytes, zeros, (8 - payload->bytes % 8) % 8);
    if (status != TAL_OK)
        return status;
    uint64_t hash = XXH3_64bits(out_bytes->data + begin, out_bytes->bytes - begin);
    return tal_buffer_append(out_bytes, &hash, sizeof(hash));
}

tal_status tal_journal_encode_parameters(const char *parameters, tal_buffer *out_bytes)
{
    tal_buffer payload = {0};
    tal_status status = tal_buffer_append_text(&payload, parameters);
    if (status == TAL_OK)
        status = append_record(KIND_PARAMETERS, &payload, out_bytes);
    tal_buffer_deinit(&payload);
    return status;
}

tal_status tal_journal_encode_block(const tal_block_record *record, const tal_piece *pieces,
                                    const uint64_t *counters, tal_buffer *out_bytes)
{
    tal_buffer payload = {0};
    tal_status status = tal_buffer_append(&payload, record, sizeof(*record));
    if (status == TAL_OK)
        status = tal_buffer_append(&payload, pieces, (size_t)record->piece_count * sizeof(*pieces));
    if (status == TAL_OK)
        status = tal_buffer_append(&payload, counters,
                                   (size_t)record->counter_count * sizeof(*counters));
    if (status == TAL_OK)
        status = append_record(KIND_BLOCK, &payload, out_bytes);
    tal_buffer_deinit(&payload);
    return status;
}

/* The whole length of the good record that begins at `bytes`, or 0. */
static size_t check_record(const uint8_t *bytes, size_t byte_count, record_head *head)
{
    uint64_t hash;
    if (byte_count < sizeof(*head) + sizeof(hash))
        return 0;
    memcpy(head, bytes, sizeof(*head));
    size_t room = byte_count - sizeof(*head) - sizeof(hash);
    if (head->payload_bytes > room ||
        (8 - head->payload_bytes % 8) % 8 > room - head->payload_bytes)
        return 0;
    size_t hashed = sizeof(*head) + ((size_t)head->payload_bytes + 7) / 8 * 8;
    memcpy(&hash, bytes + hashed, sizeof(hash));
    return XXH3_64bits(bytes, hashed) == hash ? hashed + sizeof(hash) : 0;
}

static tal_status take_parameters(tal_journal *journal, const uint8_t *payload, size_t bytes)
{
    char *copy = tal_alloc(bytes + 1);
    if (copy == NULL)
        return TAL_ERR_MEMORY;
    memcpy(copy, payload, bytes);
    copy[bytes] = '\0';
    journal->parameters = copy;
    return TAL_OK;
}

static bool is_good_block(const uint8_t *payload, size_t bytes)
{
    tal_block_record record;
    if (bytes < sizeof(record))
        return false;
    memcpy(&record, payload, sizeof(record));
    size_t rest = bytes - sizeof(record);
    if (record.piece_count > rest / sizeof(tal_piece) || record.mirror_count > record.piece_count)
        return false;
    rest -= (size_t)record.piece_count * sizeof(tal_piece);
    return rest % sizeof(uint64_t) == 0 && rest / sizeof(uint64_t) == record.counter_count;
}

/* Grow an array by `more` entries of `bytes` each; false when there is no memory. */
static bool grow(void *array_pointer, size_t count, size_t more, size_t bytes)
{
    void *array;
    memcpy(&array, array_pointer, sizeof(array));
    array = tal_realloc_array(array, count + more, bytes);
    if (array == NULL)
        return false;
    memcpy(array_pointer, &array, sizeof(array));
    return true;
}

tal_status tal_journal_take(tal_journal *journal, const tal_block_record *record,
                            const tal_piece *pieces, const uint64_t *counters)
{
    size_t piece_count = (size_t)record->piece_count;
    size_t counter_count = (size_t)record->counter_count;
    if (!grow(&journal->entries, journal->entry_count, 1, sizeof(*journal->entries)) ||
        !grow(&journal->pieces, journal->piece_count, piece_count, sizeof(*pieces)) ||
        !grow(&journal->counters, journal->counter_count, counter_count, sizeof(*counters)))
        return TAL_ERR_MEMORY;
    if (piece_count > 0)
        memcpy(journal->pieces + journal->piece_count, pieces, piece_count * sizeof(*pieces));
    if (counter_count > 0)
        memcpy(journal->counters + journal->counter_count, counters,
               counter_count * sizeof(*counters));
    journal->entries[journal->entry_count++] = (tal_journal_entry){
        .record = *record,
        .piece_begin = journal->piece_count,
        .counter_begin = journal->counter_count,
    };
    journal->piece_count += piece_count;
    journal->counter_count += counter_count;
    return TAL_OK;
}

/* Payloads lie at multiples of 8 bytes in memory from the allocator: pieces and counters can be
 * read in place. */
static tal_status parse_block(tal_journal *journal, const uint8_t *payload)
{
    tal_block_record record;
    memcpy(&record, payload, sizeof(record));
    const tal_piece *pieces = (const void *)(payload + sizeof(record));
    const uint64_t *counters = (const void *)(pieces + record.piece_count);
    return tal_journal_take(journal, &record, pieces, counters);
}

tal_status tal_journal_parse(const uint8_t *bytes, size_t byte_count, tal_journal *out_journal)
{
    tal_journal journal = {0};
    tal_status status = TAL_OK;
    while (status == TAL_OK && journal.valid_bytes < byte_count) {
        record_head head;
        const uint8_t *record = bytes + journal.valid_bytes;
        size_t record_bytes = check_record(record, byte_count - journal.valid_bytes, &head);
        const uint8_t *payload = record + sizeof(head);
        bool is_first = journal.parameters == NULL;
        if (record_bytes == 0 || (head.kind == KIND_PARAMETERS) != is_first)
            break;
        if (is_first)
            status = take_parameters(&journal, payload, (size_t)head.payload_bytes);
        else if (head.kind == KIND_BLOCK && is_good_block(payload, (size_t)head.payload_bytes))
            status = parse_block(&journal, payload);
        else
            break;
        journal.valid_bytes += record_bytes;
    }
    if (status != TAL_OK) {
        tal_journal_deinit(&journal);
        return status;
    }
    *out_journal = journal;
    return TAL_OK;
}

const tal_journal_entry *tal_journal_find(const tal_journal *journal, uint64_t block)
{
    for (size_t i = journal->entry_count; i > 0; i--)
        if (journal->entries[i - 1].record.block == block)
            return &journal->entries[i - 1];
    return NULL;
}

bool tal_journal_find_parameter(const char *parameters, const char *name, char *out_value,
                                size_t capacity)
{
    size_t name_bytes = strlen(name);
    for (const char *line = parameters; *line != '\0';) {
        size_t bytes = strcspn(line, "\n");
        if (bytes > name_bytes && memcmp(line, name, name_bytes) == 0 && line[name_bytes] == ' ') {
            (void)snprintf(out_value, capacity, "%.*s", (int)(bytes - name_bytes - 1),
                           line + name_bytes + 1); /* May be cut. */
            return true;
        }
        line += bytes + (line[bytes] != '\0');
    }
    return false;
}

bool tal_journal_is_same(const char *before, const char *now, char *text, size_t bytes)
{
    while (*before != '\0' || *now != '\0') {
        int before_bytes = (int)strcspn(before, "\n");
        int now_bytes = (int)strcspn(now, "\n");
        if (before_bytes != now_bytes || memcmp(before, now, (size_t)before_bytes) != 0) {
            (void)snprintf(text, bytes, "it was '%.*s' and is now '%.*s'", before_bytes, before,
                           now_bytes, now); /* May be cut. */
            return false;
        }
        before += before_bytes + (before[before_bytes] != '\0');
        now += now_bytes + (now[now_bytes] != '\0');
    }
    return true;
}
