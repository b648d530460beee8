/* The text around residues; see layout.h. */
#include "reduce/layout.h"

#include "base/check.h"

#include <string.h>

static const struct {
    const char *text;
    size_t bytes;
} line_ends[TAL_LINE_END_COUNT] = {{"\n", 1}, {"\r\n", 2}, {"\r", 1}};

static bool is_line_end(uint8_t byte)
{
    return byte == '\n' || byte == '\r';
}

size_t tal_layout_find_record(const uint8_t *text, size_t bytes, size_t from, bool is_line_begin)
{
    while (from < bytes) {
        const uint8_t *found = memchr(text + from, '>', bytes - from);
        if (found == NULL)
            return bytes;
        const size_t at = (size_t)(found - text);
        if (at == 0 ? is_line_begin : is_line_end(text[at - 1]))
            return at;
        from = at + 1;
    }
    return bytes;
}

void tal_layout_body_deinit(tal_layout_body *body)
{
    tal_buffer_deinit(&body->codes);
    tal_buffer_deinit(&body->gaps);
    tal_buffer_deinit(&body->cases);
    tal_buffer_deinit(&body->letters);
}

/* What a body is read with. */
typedef struct body_reader {
    tal_layout_body *body;
    const uint8_t *bytes;
    size_t count;
    uint8_t codes[256];
    const char *letters;
    uint64_t u_count, t_count; /* T written as U, and as T */
    uint64_t case_len;         /* residues since the case changed */
    bool is_lower;
} body_reader;

/* The end of the gap that begins at `at`: comments, line ends and all that is no letter. */
static size_t gap_end(const body_reader *reader, size_t at, bool is_line_begin)
{
    while (at < reader->count) {
        const uint8_t byte = reader->bytes[at];
        if (is_line_begin && byte == ';') {
            while (at < reader->count && !is_line_end(reader->bytes[at]))
                at++;
            is_line_begin = false;
            continue;
        }
        if (reader->codes[byte] != TAL_CODE_INVALID)
            break;
        is_line_begin = is_line_end(byte);
        at++;
    }
    return at;
}

/* Take in the letters [begin, end). */
static tal_status read_run(body_reader *reader, size_t begin, size_t end)
{
    tal_layout_body *body = reader->body;
    const size_t len = end - begin;
    tal_status status = tal_buffer_reserve(&body->codes, len);
    if (status != TAL_OK)
        return status;
    for (size_t i = begin; i < end && status == TAL_OK; i++) {
        const uint8_t byte = reader->bytes[i];
        const uint8_t code = reader->codes[byte];
        const uint8_t upper = byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 32) : byte;
        const uint64_t at = body->codes.bytes;
        body->codes.data[body->codes.bytes++] = code;
        if ((byte != upper) != reader->is_lower) {
            status = tal_buffer_append(&body->cases, &reader->case_len, sizeof(uint64_t));
            reader->case_len = 0;
            reader->is_lower = !reader->is_lower;
        }
        reader->case_len++;
        reader->u_count += upper == 'U';
        reader->t_count += upper == 'T';
        if (status == TAL_OK && upper != (uint8_t)reader->letters[code]) {
            const tal_layout_letter letter = {.at = at, .letter = upper};
            status = tal_buffer_append(&body->letters, &letter, sizeof(letter));
        }
    }
    return status;
}

/* Where most T are written U, note those that are not instead. */
static tal_status turn_u(body_reader *reader)
{
    tal_layout_body *body = reader->body;
    body->has_u = reader->u_count > reader->t_count;
    if (!body->has_u)
        return TAL_OK;
    tal_buffer kept = {0};
    const tal_layout_letter *letters = (const tal_layout_letter *)(const void *)body->letters.data;
    const size_t count = body->letters.bytes / sizeof(*letters);
    size_t next = 0;
    tal_status status = TAL_OK;
    for (uint64_t at = 0; at < body->codes.bytes && status == TAL_OK; at++) {
        const bool is_noted = next < count && letters[next].at == at;
        tal_layout_letter letter = {.at = at, .letter = 'T'};
        if (is_noted)
            letter = letters[next++];
        const bool is_t = reader->letters[body->codes.data[at]] == 'T';
        if (is_noted ? letter.letter != 'U' : is_t)
            status = tal_buffer_append(&kept, &letter, sizeof(letter));
    }
    tal_buffer_deinit(&body->letters);
    body->letters = kept;
    return status;
}

tal_status tal_layout_parse(tal_alphabet alphabet, const uint8_t *body, size_t bytes,
                            tal_layout_body *out_body)
{
    body_reader reader = {
        .body = out_body, .bytes = body, .count = bytes, .letters = tal_alphabet_letters(alphabet)};
    tal_alphabet_codes(alphabet, reader.codes);
    tal_buffer_reset(&out_body->codes);
    tal_buffer_reset(&out_body->gaps);
    tal_buffer_reset(&out_body->cases);
    tal_buffer_reset(&out_body->letters);
    out_body->has_u = false;
    tal_status status = TAL_OK;
    size_t at = 0;
    while (at < bytes && status == TAL_OK) {
        const bool is_line_begin = at > 0 && is_line_end(body[at - 1]);
        size_t end = at;
        if (!is_line_begin || body[at] != ';')
            while (end < bytes && reader.codes[body[end]] != TAL_CODE_INVALID)
                end++;
        status = read_run(&reader, at, end);
        const size_t next = gap_end(&reader, end, end > at ? false : is_line_begin);
        const tal_layout_gap gap = {.run = end - at, .at = end, .bytes = next - end};
        if (status == TAL_OK)
            status = tal_buffer_append(&out_body->gaps, &gap, sizeof(gap));
        at = next;
    }
    return status == TAL_OK && alphabet == TAL_NUCLEOTIDE ? turn_u(&reader) : status;
}

static bool gap_is(const tal_layout_gap *gap, const uint8_t *bytes, tal_line_end end)
{
    return gap->bytes == line_ends[end].bytes &&
           memcmp(bytes + gap->at, line_ends[end].text, line_ends[end].bytes) == 0;
}

bool tal_layout_shape(const tal_layout_body *body, const uint8_t *bytes, tal_line_shape usual,
                      tal_line_shape *out_shape)
{
    const tal_layout_gap *gaps = (const tal_layout_gap *)(const void *)body->gaps.data;
    const size_t count = body->gaps.bytes / sizeof(*gaps);
    tal_line_shape shape = usual;
    if (count == 0 || gaps[0].run != 0)
        return false;
    shape.end = 0;
    while (shape.end < TAL_LINE_END_COUNT && !gap_is(&gaps[0], bytes, shape.end))
        shape.end++;
    if (shape.end == TAL_LINE_END_COUNT)
        return false;
    if (count > 2)
        shape.width = gaps[1].run;
    else if (count == 2 && usual.width != 0 && gaps[1].run > usual.width)
        shape.width = 0;
    for (size_t i = 1; i < count; i++) {
        const bool is_last = i + 1 == count;
        if (!gap_is(&gaps[i], bytes, shape.end) || gaps[i].run == 0 ||
            (is_last ? shape.width != 0 && gaps[i].run > shape.width : gaps[i].run != shape.width))
            return false;
    }
    *out_shape = shape;
    return true;
}

tal_status tal_layout_letters(tal_alphabet alphabet, const tal_layout_case *how,
                              const uint8_t *codes, size_t len, uint8_t *out)
{
    uint8_t letters[256] = {0};
    const char *upper = tal_alphabet_letters(alphabet);
    for (size_t code = 0; upper[code] != '\0'; code++)
        letters[code] = how->has_u && upper[code] == 'T' ? (uint8_t)'U' : (uint8_t)upper[code];
    for (size_t i = 0; i < len; i++)
        out[i] = letters[codes[i]];
    for (size_t i = 0; i < how->letter_count; i++) {
        if (how->letters[i].at >= len)
            return TAL_ERR_DATA;
        out[how->letters[i].at] = how->letters[i].letter;
    }
    size_t at = 0;
    for (size_t i = 0; i < how->case_count; i++) { /* Even: upper case until there. */
        if (how->cases[i] > len - at)
            return TAL_ERR_DATA;
        const size_t end = at + (size_t)how->cases[i];
        for (; at < end; at++)
            out[at] |= i % 2 == 1 ? 32 : 0;
    }
    if (how->case_count % 2 == 1)
        for (; at < len; at++)
            out[at] |= 32;
    return TAL_OK;
}

uint64_t tal_layout_folded_bytes(tal_line_shape shape, uint64_t len)
{
    const uint64_t lines = len == 0 ? 0 : shape.width == 0 ? 1 : (len - 1) / shape.width + 1;
    return len + (lines + 1) * line_ends[shape.end].bytes;
}

tal_status tal_layout_fold(tal_line_shape shape, const uint8_t *letters, size_t len,
                           tal_buffer *out)
{
    tal_status status = tal_buffer_reserve(out, (size_t)tal_layout_folded_bytes(shape, len));
    if (status != TAL_OK)
        return status;
    uint8_t *at = out->data + out->bytes;
    const size_t end_bytes = line_ends[shape.end].bytes;
    memcpy(at, line_ends[shape.end].text, end_bytes);
    at += end_bytes;
    for (size_t begin = 0; begin < len;) {
        const size_t left = len - begin;
        const size_t taken = shape.width == 0 || shape.width > left ? left : (size_t)shape.width;
        memcpy(at, letters + begin, taken);
        memcpy(at + taken, line_ends[shape.end].text, end_bytes);
        at += taken + end_bytes;
        begin += taken;
    }
    out->bytes = (size_t)(at - out->data);
    return TAL_OK;
}
