/* Encoding of text blocks; see text_block.h.
 *
 * A block is the length of its coded numbers, these, and one zstd frame: the preamble, the gaps of
 * bodies that are not regular (run and length as variable-length numbers, then the bytes), and the
 * new text of headers, each ended by a line feed.
 */
#include "reduce/text_internal.h"

#include "base/check.h"
#include "base/varint.h"
#include "seq/reader.h"

#include <string.h>

/* The gaps of a body: their number, then each. */
static tal_status append_gaps(tal_text_codec *codec, const uint8_t *bytes)
{
    const tal_layout_gap *gaps = (const tal_layout_gap *)(const void *)codec->body.gaps.data;
    const size_t count = codec->body.gaps.bytes / sizeof(*gaps);
    tal_status status = tal_varint_append(&codec->gaps, count);
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        status = tal_varint_append(&codec->gaps, gaps[i].run);
        if (status == TAL_OK)
            status = tal_varint_append(&codec->gaps, gaps[i].bytes);
        if (status == TAL_OK)
            status = tal_buffer_append(&codec->gaps, bytes + gaps[i].at, (size_t)gaps[i].bytes);
    }
    return status;
}

static void encode_letters(tal_text_codec *codec, tal_coder *coder, tal_text_state *state)
{
    tal_text_models *models = &codec->models;
    const uint64_t *cases = (const uint64_t *)(const void *)codec->body.cases.data;
    const size_t case_count = codec->body.cases.bytes / sizeof(*cases);
    state->cases = (state->cases << 1 |
                    tal_coder_bit(coder, &models->has_case[state->cases], case_count > 0)) &
                   3;
    if (case_count > 0) {
        (void)tal_coder_number(coder, &models->case_count, case_count); /* Known. */
        for (size_t i = 0; i < case_count; i++)
            (void)tal_coder_number(coder, &models->case_run[i & 1], cases[i]);
    }
    if (codec->alphabet == TAL_NUCLEOTIDE)
        state->u = tal_coder_bit(coder, &models->has_u[state->u], codec->body.has_u);
    const tal_layout_letter *letters =
        (const tal_layout_letter *)(const void *)codec->body.letters.data;
    const size_t letter_count = codec->body.letters.bytes / sizeof(*letters);
    state->letters = tal_coder_bit(coder, &models->has_letters[state->letters], letter_count > 0);
    if (letter_count == 0)
        return;
    (void)tal_coder_number(coder, &models->letter_count, letter_count);
    uint64_t at = 0;
    for (size_t i = 0; i < letter_count; i++) {
        (void)tal_coder_number(coder, &models->letter_gap, letters[i].at - at);
        (void)tal_coder_tree(coder, models->letter, 8, letters[i].letter);
        at = letters[i].at;
    }
}

static tal_status encode_body(tal_text_codec *codec, tal_coder *coder, tal_text_state *state,
                              const uint8_t *body, size_t bytes)
{
    tal_status status = tal_layout_parse(codec->alphabet, body, bytes, &codec->body);
    if (status != TAL_OK)
        return status;
    tal_line_shape shape = state->shape;
    tal_body_kind kind = TAL_BODY_GAPS;
    if (tal_layout_shape(&codec->body, body, state->shape, &shape))
        kind = shape.width == state->shape.width && shape.end == state->shape.end
                   ? TAL_BODY_SAME_SHAPE
                   : TAL_BODY_NEW_SHAPE;
    tal_text_code_kind(&codec->models, coder, state, &kind, &shape);
    if (kind == TAL_BODY_GAPS)
        status = append_gaps(codec, body);
    encode_letters(codec, coder, state);
    return status;
}

/* Code the numbers of all records; new text and gaps are gathered. */
static tal_status encode_records(tal_text_codec *codec, tal_coder *coder,
                                 const tal_text_stretch *stretch, uint64_t *out_hash)
{
    tal_text_state state = {.cluster_next = stretch->cluster_begin};
    const uint8_t *text = stretch->text;
    const uint8_t *previous = text;
    size_t previous_bytes = 0, at = stretch->preamble_bytes;
    tal_status status = TAL_OK;
    tal_buffer name = {0};
    for (size_t i = 0; i < stretch->record_count && status == TAL_OK; i++) {
        const size_t end = tal_layout_find_record(text, stretch->bytes, at + 1, false);
        const uint8_t *header = text + at + 1;
        size_t bytes = 0;
        while (at + 1 + bytes < end && header[bytes] != '\n' && header[bytes] != '\r')
            bytes++;
        size_t fresh;
        tal_header_code code = tal_header_cut(previous, previous_bytes, header, bytes, &fresh);
        tal_text_code_header(&codec->models, coder, &state, &code);
        status = tal_buffer_append(&codec->fresh, header + fresh, (size_t)code.fresh);
        if (status == TAL_OK)
            status = tal_buffer_append(&codec->fresh, "\n", 1);
        tal_text_place place = stretch->places[i];
        tal_text_code_place(&codec->models, coder, &state, &place);
        TAL_ASSERT(place.cluster == stretch->places[i].cluster);
        TAL_ASSERT(place.ordinal == stretch->places[i].ordinal);
        if (status == TAL_OK)
            status = encode_body(codec, coder, &state, header + bytes, end - at - 1 - bytes);
        tal_buffer_reset(&name);
        if (status == TAL_OK)
            status = tal_buffer_append(&name, header, bytes);
        if (status == TAL_OK)
            status = tal_buffer_append(&name, "", 1);
        if (status == TAL_OK)
            *out_hash += tal_record_hash(stretch->file_ordinal + i, (const char *)name.data,
                                         codec->body.codes.data, codec->body.codes.bytes);
        previous = header;
        previous_bytes = bytes;
        at = end;
    }
    tal_buffer_deinit(&name);
    return status;
}

static tal_status pack_contents(tal_text_codec *codec, tal_buffer *out)
{
    const size_t bound = ZSTD_compressBound(codec->gaps.bytes);
    tal_status status = tal_buffer_reserve(out, bound);
    if (status != TAL_OK)
        return status;
    const size_t packed =
        ZSTD_compress_usingCDict(codec->packer, out->data + out->bytes, bound, codec->gaps.data,
                                 codec->gaps.bytes, codec->dictionary->encoding);
    if (ZSTD_isError(packed))
        return tal_fail(TAL_ERR_INTERNAL, "zstd refuses to pack: %s", ZSTD_getErrorName(packed));
    out->bytes += packed;
    return TAL_OK;
}

tal_status tal_text_encode(tal_text_codec *codec, const tal_text_stretch *stretch, tal_buffer *out,
                           uint64_t *out_hash)
{
    uint64_t coded_bytes = 0;
    const size_t begin = out->bytes;
    tal_buffer_reset(&codec->fresh);
    tal_buffer_reset(&codec->gaps);
    tal_status status = tal_buffer_append(&codec->gaps, stretch->text, stretch->preamble_bytes);
    if (status == TAL_OK)
        status = tal_buffer_append(out, &coded_bytes, sizeof(coded_bytes));
    if (status != TAL_OK)
        return status;
    tal_text_models_reset(&codec->models);
    *out_hash = 0;
    tal_coder coder;
    tal_coder_init_encoder(&coder, out);
    (void)tal_coder_number(&coder, &codec->models.preamble, stretch->preamble_bytes); /* Known. */
    status = encode_records(codec, &coder, stretch, out_hash);
    if (status == TAL_OK)
        status = tal_coder_finish(&coder);
    if (status != TAL_OK)
        return status;
    coded_bytes = out->bytes - begin - sizeof(coded_bytes);
    memcpy(out->data + begin, &coded_bytes, sizeof(coded_bytes));
    status = tal_buffer_append(&codec->gaps, codec->fresh.data, codec->fresh.bytes);
    return status == TAL_OK ? pack_contents(codec, out) : status;
}
