/* FASTA push parser; see fasta.h.
 *
 * One state machine over bytes. Residues go straight into the set, a few hundred at a time, so that
 * a record of any length costs its own memory only; a header is collected and appended at the end
 * of its line. Every error is found at its own byte and reported once.
 */
#include "seq/fasta.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum fasta_state {
    AT_LINE = 0, /* before the first byte of a line */
    IN_HEADER,
    IN_COMMENT,
    IN_RESIDUES, /* also blanks before the first record */
    IN_SKIPPED,  /* inside a line of a record that began before our range */
} fasta_state;

/* What bytes of a residue line are, beside codes. */
enum { BYTE_BLANK = 0xfc, BYTE_LINE_END = 0xfd, BYTE_OTHER = TAL_CODE_INVALID };
_Static_assert((int)TAL_CODE_COUNT < (int)BYTE_BLANK, "codes and other bytes are apart");

enum { RUN_LEN = 1024, SHOWN_ID_BYTES = 60, TEXT_BYTES = 256 };

struct tal_fasta {
    tal_fasta_params params;
    tal_seqset *set;
    fasta_state state;
    bool is_done;
    bool is_after_cr;  /* the last byte was CR: an LF now belongs to it */
    bool has_record;   /* a record of ours is open or finished */
    bool is_skipping;  /* no record of ours yet, and residues belong to another range */
    size_t mark_bytes; /* of the byte order mark, seen so far */
    uint64_t offset;   /* of the next byte */
    uint64_t line;     /* number of the current line; 0 when unknown */
    uint64_t records;  /* begun */
    size_t len;        /* residues of the open record */
    tal_buffer header; /* of the open header line */
    uint8_t classes[256];
};

tal_status tal_fasta_create(const tal_fasta_params *params, tal_seqset *set, tal_fasta **out_fasta)
{
    tal_fasta *fasta = tal_alloc_zero(sizeof(*fasta));
    if (fasta == NULL)
        return TAL_ERR_MEMORY;
    fasta->params = *params;
    if (params->end == 0)
        fasta->params.end = UINT64_MAX;
    fasta->set = set;
    fasta->state = params->is_inside ? IN_SKIPPED : AT_LINE;
    fasta->is_skipping = params->is_inside;
    fasta->offset = params->begin;
    fasta->line = params->is_inside ? 0 : 1;
    tal_alphabet_codes(params->alphabet, fasta->classes);
    fasta->classes[' '] = BYTE_BLANK;
    fasta->classes['\t'] = BYTE_BLANK;
    fasta->classes['\n'] = BYTE_LINE_END;
    fasta->classes['\r'] = BYTE_LINE_END;
    *out_fasta = fasta;
    return TAL_OK;
}

void tal_fasta_destroy(tal_fasta *fasta)
{
    if (fasta == NULL)
        return;
    tal_buffer_deinit(&fasta->header);
    tal_free(fasta);
}

bool tal_fasta_is_done(const tal_fasta *fasta)
{
    return fasta->is_done;
}

uint64_t tal_fasta_offset(const tal_fasta *fasta)
{
    return fasta->offset;
}

uint64_t tal_fasta_record_count(const tal_fasta *fasta)
{
    return fasta->records;
}

void tal_fasta_set_target(tal_fasta *fasta, tal_seqset *set)
{
    TAL_ASSERT(fasta->state == AT_LINE || fasta->state == IN_SKIPPED);
    fasta->set = set;
}

/* "record 'sp|P1' line 17", with what is known. */
static void describe_place(const tal_fasta *fasta, const char *header, char out_text[TEXT_BYTES])
{
    tal_fasta_place place = {.line = fasta->line, .record = fasta->records};
    if (place.line == 0) {
        place.record = 0;
        if (fasta->params.locate != NULL)
            place = fasta->params.locate(fasta->params.locate_context, fasta->offset);
    }
    char where[64];
    if (place.line > 0)
        (void)snprintf(where, sizeof(where), "line %" PRIu64, place.line);
    else
        (void)snprintf(where, sizeof(where), "byte %" PRIu64, fasta->offset + 1);

    size_t id_bytes = tal_header_id_bytes(header);
    if (id_bytes == 0 && place.record == 0) {
        (void)snprintf(out_text, TEXT_BYTES, "%s", where);
        return;
    }
    if (id_bytes == 0) {
        (void)snprintf(out_text, TEXT_BYTES, "record %" PRIu64 " %s", place.record, where);
        return;
    }
    char id[SHOWN_ID_BYTES + 1] = "";
    for (size_t i = 0; i < id_bytes && i < SHOWN_ID_BYTES; i++)
        id[i] = (unsigned char)header[i] < 0x20 || header[i] == 0x7f ? '?' : header[i];
    (void)snprintf(out_text, TEXT_BYTES, "record '%s' %s", id, where);
}

static tal_status fail_with_residue(const tal_fasta *fasta, uint8_t byte)
{
    char place[TEXT_BYTES];
    describe_place(fasta, tal_seqset_header(fasta->set, tal_seqset_count(fasta->set) - 1), place);
    const char *name = fasta->params.name;
    const char *alphabet = tal_alphabet_name(fasta->params.alphabet);
    bool is_letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
    if (byte < 0x20 || byte >= 0x7f)
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': %s: byte 0x%02x is no %s letter; is the file damaged?",
                        name, place, byte, alphabet);
    const char *advice = "remove it";
    if (byte == '-' || byte == '.')
        advice = "remove gap characters: sequences must not be aligned";
    else if (byte >= '0' && byte <= '9')
        advice = "remove digits";
    else if (byte == '>')
        advice = "'>' must be the first byte of its line to start a record";
    else if (is_letter && fasta->params.is_alphabet_guessed)
        advice = "the first letters looked like nucleotides; is this protein? use --type protein";
    else if (is_letter || byte == '*')
        advice = "is this protein? use --type protein";
    return tal_fail(TAL_ERR_DATA, "cannot read '%s': %s: '%c' is no %s letter; %s", name, place,
                    byte, alphabet, advice);
}

/* The first byte that is neither blank nor a comment is not '>'. */
static tal_status fail_with_start(const tal_fasta *fasta, uint8_t byte)
{
    const char *name = fasta->params.name;
    if (byte < 0x20 || byte >= 0x7f)
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': it is not FASTA: it looks binary (byte 0x%02x at its "
                        "start); give FASTA, plain, gzip or zstd",
                        name, byte);
    if (byte == '>')
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': line %" PRIu64 ": blanks before '>'; a record must "
                        "start at the begin of its line",
                        name, fasta->line);
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': it is not FASTA: expected '>' but line %" PRIu64
                    " begins with '%c'; give FASTA, plain, gzip or zstd",
                    name, fasta->line, byte);
}

static tal_status fail_with_header(const tal_fasta *fasta, const char *what)
{
    tal_fasta_place place = {.line = fasta->line};
    if (place.line == 0 && fasta->params.locate != NULL)
        place = fasta->params.locate(fasta->params.locate_context, fasta->offset);
    return tal_fail(TAL_ERR_DATA, "cannot read '%s': header at %s %" PRIu64 " %s",
                    fasta->params.name, place.line > 0 ? "line" : "byte",
                    place.line > 0 ? place.line : fasta->offset + 1, what);
}

/* The header line is complete: the record begins. */
static tal_status begin_record(tal_fasta *fasta)
{
    fasta->len = 0;
    fasta->has_record = true;
    fasta->state = AT_LINE;
    const char *header = fasta->header.bytes == 0 ? "" : (const char *)fasta->header.data;
    return tal_seqset_append(fasta->set, fasta->records - 1, (const uint8_t *)"", 0, header,
                             fasta->header.bytes);
}

static size_t line_rest_bytes(const uint8_t *data, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && data[i] != '\n' && data[i] != '\r')
        i++;
    return i;
}

/* The byte order mark may stand before everything. */
static bool is_mark_byte(const tal_fasta *fasta, uint8_t byte)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    return fasta->mark_bytes < sizeof(mark) && fasta->offset == fasta->mark_bytes &&
           byte == mark[fasta->mark_bytes];
}

static bool must_pause(const tal_fasta *fasta)
{
    const tal_fasta_params *params = &fasta->params;
    tal_lid count = tal_seqset_count(fasta->set);
    if (count == 0)
        return false;
    if (params->pause_count > 0 && count >= params->pause_count)
        return true;
    return params->pause_residues > 0 &&
           tal_seqset_residue_count(fasta->set) >= params->pause_residues;
}

/* Step over the first byte of a line, or not: *out_used is 0 or 1. */
static tal_status step_line(tal_fasta *fasta, uint8_t byte, size_t *out_used)
{
    *out_used = 0;
    if (byte == '\n' || byte == '\r') {
        bool is_second = byte == '\n' && fasta->is_after_cr;
        if (fasta->line > 0 && !is_second)
            fasta->line++;
        fasta->is_after_cr = byte == '\r';
        *out_used = 1;
        return TAL_OK;
    }
    fasta->is_after_cr = false;
    if (byte == '>') {
        fasta->is_done = fasta->offset >= fasta->params.end;
        if (fasta->is_done || must_pause(fasta))
            return TAL_OK;
        tal_buffer_reset(&fasta->header);
        fasta->records++;
        fasta->is_skipping = false;
        fasta->state = IN_HEADER;
        *out_used = 1;
    } else if (byte == ';') {
        fasta->state = IN_COMMENT;
    } else {
        fasta->state = fasta->is_skipping ? IN_SKIPPED : IN_RESIDUES;
    }
    return TAL_OK;
}

static tal_status step_header(tal_fasta *fasta, const uint8_t *data, size_t bytes, size_t *out_used)
{
    size_t rest = line_rest_bytes(data, bytes);
    *out_used = rest;
    const uint8_t *nul = memchr(data, '\0', rest);
    if (nul != NULL) {
        fasta->offset += (uint64_t)(nul - data);
        return fail_with_header(fasta, "holds a NUL byte; is the file damaged?");
    }
    if (rest > TAL_HEADER_BYTES_MAX - fasta->header.bytes)
        return fail_with_header(fasta, "is longer than 16 MiB; is this FASTA?");
    tal_status status = tal_buffer_append(&fasta->header, data, rest);
    if (status == TAL_OK && rest < bytes)
        status = begin_record(fasta);
    return status;
}

/* Residues up to the end of the line or of the data. */
static tal_status step_residues(tal_fasta *fasta, const uint8_t *data, size_t bytes,
                                size_t *out_used)
{
    uint8_t run[RUN_LEN];
    size_t len = 0;
    size_t used = 0;
    uint8_t class = 0;
    while (used < bytes && len < RUN_LEN) {
        class = fasta->classes[data[used]];
        if (class < TAL_CODE_COUNT)
            run[len++] = class;
        else if (class != BYTE_BLANK)
            break;
        used++;
    }
    *out_used = used;
    bool is_other = used < bytes && len < RUN_LEN && class == BYTE_OTHER;
    if (!fasta->has_record) {
        if (len == 0 && !is_other)
            goto done;
        size_t at = 0; /* of the first byte that is no blank */
        while (fasta->classes[data[at]] == BYTE_BLANK)
            at++;
        return fail_with_start(fasta, data[at]);
    }
    if (len > INT32_MAX - fasta->len) {
        char place[TEXT_BYTES];
        describe_place(fasta, tal_seqset_header(fasta->set, tal_seqset_count(fasta->set) - 1),
                       place);
        return tal_fail(TAL_ERR_DATA,
                        "cannot read '%s': %s: more than %d residues in one record; split it",
                        fasta->params.name, place, INT32_MAX);
    }
    tal_status status = tal_seqset_extend(fasta->set, run, len);
    if (status != TAL_OK)
        return status;
    fasta->len += len;
    if (is_other) {
        fasta->offset += used;
        return fail_with_residue(fasta, data[used]);
    }
done:
    if (used < bytes && class == BYTE_LINE_END && len < RUN_LEN)
        fasta->state = AT_LINE;
    return TAL_OK;
}

/* A line that is of no interest, up to its end. */
static tal_status step_over(tal_fasta *fasta, const uint8_t *data, size_t bytes, size_t *out_used)
{
    *out_used = line_rest_bytes(data, bytes);
    if (*out_used < bytes)
        fasta->state = AT_LINE;
    return TAL_OK;
}

static tal_status step(tal_fasta *fasta, const uint8_t *data, size_t bytes, size_t *out_used)
{
    switch (fasta->state) {
    case AT_LINE:
        if (is_mark_byte(fasta, data[0])) {
            fasta->mark_bytes++;
            *out_used = 1;
            return TAL_OK;
        }
        if (fasta->mark_bytes > 0 && fasta->mark_bytes < 3) {
            *out_used = 0;
            return fail_with_start(fasta, 0xef); /* Part of a mark is no mark. */
        }
        return step_line(fasta, data[0], out_used);
    case IN_HEADER:
        return step_header(fasta, data, bytes, out_used);
    case IN_RESIDUES:
        return step_residues(fasta, data, bytes, out_used);
    case IN_COMMENT:
    case IN_SKIPPED:
        break;
    }
    return step_over(fasta, data, bytes, out_used);
}

tal_status tal_fasta_push(tal_fasta *fasta, const uint8_t *data, size_t bytes, size_t *out_used)
{
    size_t done = 0;
    while (done < bytes && !fasta->is_done) {
        fasta_state before = fasta->state;
        size_t used = 0;
        tal_status status = step(fasta, data + done, bytes - done, &used);
        if (status != TAL_OK)
            return status;
        fasta->offset += used;
        done += used;
        if (fasta->is_skipping && fasta->offset >= fasta->params.end)
            fasta->is_done = true; /* No record begins in the range. */
        if (used == 0 && fasta->state == before)
            break; /* Paused before a record. */
    }
    *out_used = done;
    return TAL_OK;
}

tal_status tal_fasta_finish(tal_fasta *fasta)
{
    if (fasta->state == IN_HEADER)
        return begin_record(fasta);
    if (fasta->has_record || fasta->is_done || fasta->is_skipping)
        return TAL_OK;
    if (fasta->offset == 0)
        return tal_fail(TAL_ERR_DATA, "cannot read '%s': it is empty; name a file with sequences",
                        fasta->params.name);
    if (fasta->mark_bytes > 0 && fasta->mark_bytes < 3)
        return fail_with_start(fasta, 0xef);
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': it is empty: no sequences, only blank or comment lines",
                    fasta->params.name);
}
