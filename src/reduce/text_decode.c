/* Decoding of text blocks; see text_block.h. Any bytes end in a block or in TAL_ERR_DATA; what is
 * held is bounded by the bytes of the text that the block stands for.
 */
#include "reduce/text_internal.h"

#include "base/check.h"
#include "base/varint.h"

#include <string.h>

/* A gap takes at most so many bytes in a block's contents for each byte of the text. */
enum { CONTENT_SHARE = 24, CONTENT_EXTRA = 64 };

void tal_text_deinit(tal_text *text)
{
    tal_buffer_deinit(&text->contents);
    tal_buffer_deinit(&text->headers);
    tal_buffer_deinit(&text->records);
    tal_buffer_deinit(&text->cases);
    tal_buffer_deinit(&text->letters);
    tal_buffer_deinit(&text->scratch);
}

/* Step over the gaps of a body. */
static tal_status skip_gaps(const tal_buffer *contents, size_t *at)
{
    uint64_t count, run, bytes;
    if (!tal_varint_read(contents, at, &count))
        return TAL_ERR_DATA;
    for (uint64_t i = 0; i < count; i++) {
        if (!tal_varint_read(contents, at, &run) || !tal_varint_read(contents, at, &bytes) ||
            bytes > contents->bytes - *at)
            return TAL_ERR_DATA;
        *at += (size_t)bytes;
    }
    return TAL_OK;
}

static tal_status decode_letters(tal_text_codec *codec, tal_coder *coder, tal_text_state *state,
                                 uint64_t limit, tal_text *text, tal_text_record *record)
{
    tal_text_models *models = &codec->models;
    tal_status status = TAL_OK;
    const unsigned has_case = tal_coder_bit(coder, &models->has_case[state->cases], 0);
    state->cases = (state->cases << 1 | has_case) & 3;
    record->case_begin = text->cases.bytes / sizeof(uint64_t);
    if (has_case != 0) {
        const uint64_t count = tal_coder_number(coder, &models->case_count, 0);
        for (uint64_t i = 0; i < count && status == TAL_OK; i++) {
            const uint64_t run = tal_coder_number(coder, &models->case_run[i & 1], 0);
            status = coder->overrun != 0 || run > limit || count > limit
                         ? TAL_ERR_DATA
                         : tal_buffer_append(&text->cases, &run, sizeof(run));
        }
        record->case_count = (size_t)count;
    }
    if (codec->alphabet == TAL_NUCLEOTIDE)
        state->u = tal_coder_bit(coder, &models->has_u[state->u], 0);
    record->has_u = state->u != 0;
    record->letter_begin = text->letters.bytes / sizeof(tal_layout_letter);
    state->letters = tal_coder_bit(coder, &models->has_letters[state->letters], 0);
    if (state->letters == 0 || status != TAL_OK)
        return status;
    const uint64_t count = tal_coder_number(coder, &models->letter_count, 0);
    tal_layout_letter letter = {0};
    for (uint64_t i = 0; i < count && status == TAL_OK; i++) {
        letter.at += tal_coder_number(coder, &models->letter_gap, 0);
        letter.letter = (uint8_t)tal_coder_tree(coder, models->letter, 8, 0);
        status = coder->overrun != 0 || letter.at > limit || count > limit
                     ? TAL_ERR_DATA
                     : tal_buffer_append(&text->letters, &letter, sizeof(letter));
    }
    record->letter_count = (size_t)count;
    return status;
}

/* Decode the next record's numbers; `codes` keeps its header's for later. */
static tal_status decode_record(tal_text_codec *codec, tal_coder *coder, tal_text_state *state,
                                uint64_t limit, tal_text *text, tal_buffer *codes)
{
    tal_text_record record = {0};
    tal_header_code code = {0};
    tal_text_code_header(&codec->models, coder, state, &code);
    tal_text_code_place(&codec->models, coder, state, &record.place);
    tal_body_kind kind = TAL_BODY_SAME_SHAPE;
    tal_text_code_kind(&codec->models, coder, state, &kind, &record.shape);
    record.is_regular = kind != TAL_BODY_GAPS;
    tal_status status = decode_letters(codec, coder, state, limit, text, &record);
    if (status == TAL_OK && coder->overrun != 0)
        status = TAL_ERR_DATA;
    if (status == TAL_OK)
        status = tal_buffer_append(&text->records, &record, sizeof(record));
    if (status == TAL_OK)
        status = tal_buffer_append(codes, &code, sizeof(code));
    return status;
}

/* Find the gaps of the bodies that have some; *out_at: where headers' text begins. */
static tal_status find_gaps(tal_text *text, size_t *out_at)
{
    tal_text_record *records = (tal_text_record *)(void *)text->records.data;
    size_t at = text->preamble_bytes;
    tal_status status = at > text->contents.bytes ? TAL_ERR_DATA : TAL_OK;
    for (size_t i = 0; i < text->record_count && status == TAL_OK; i++) {
        records[i].gaps_at = at;
        if (!records[i].is_regular)
            status = skip_gaps(&text->contents, &at);
    }
    *out_at = at;
    return status;
}

/* Put the headers together, once contents are there. */
static tal_status join_headers(tal_text *text, tal_header_code *codes, uint64_t limit)
{
    tal_text_record *records = (tal_text_record *)(void *)text->records.data;
    size_t at = 0;
    tal_status status = find_gaps(text, &at);
    for (size_t i = 0; i < text->record_count && status == TAL_OK; i++) {
        const uint8_t *fresh = text->contents.data + at;
        const uint8_t *end = memchr(fresh, '\n', text->contents.bytes - at);
        const size_t last = i > 0 ? records[i - 1].header_at : 0;
        const size_t last_bytes = i > 0 ? records[i - 1].header_bytes : 0;
        if (end == NULL)
            return TAL_ERR_DATA;
        codes[i].fresh = (uint64_t)(end - fresh);
        at += (size_t)codes[i].fresh + 1;
        records[i].header_at = text->headers.bytes;
        tal_buffer_reset(&text->scratch);
        status = tal_header_join(text->headers.data + last, last_bytes, &codes[i], fresh,
                                 limit - text->headers.bytes, &text->scratch);
        if (status == TAL_OK)
            status = tal_buffer_append(&text->headers, text->scratch.data, text->scratch.bytes);
        records[i].header_bytes = text->scratch.bytes;
    }
    return status;
}

static tal_status unpack_contents(tal_text_codec *codec, const uint8_t *data, size_t bytes,
                                  uint64_t text_bytes, tal_text *text)
{
    const unsigned long long content = ZSTD_getFrameContentSize(data, bytes);
    if (content == ZSTD_CONTENTSIZE_UNKNOWN || content == ZSTD_CONTENTSIZE_ERROR ||
        content > text_bytes * CONTENT_SHARE + CONTENT_EXTRA)
        return TAL_ERR_DATA;
    tal_status status = tal_buffer_reserve(&text->contents, (size_t)content);
    if (status != TAL_OK)
        return status;
    const size_t unpacked =
        ZSTD_decompress_usingDDict(codec->unpacker, text->contents.data, (size_t)content, data,
                                   bytes, codec->dictionary->decoding);
    if (ZSTD_isError(unpacked) || unpacked != content)
        return TAL_ERR_DATA;
    text->contents.bytes = unpacked;
    return TAL_OK;
}

tal_status tal_text_decode(tal_text_codec *codec, const uint8_t *data, size_t bytes, size_t count,
                           uint64_t text_bytes, uint64_t cluster_begin, tal_text *out_text)
{
    tal_text *text = out_text;
    uint64_t coded_bytes;
    if (bytes < sizeof(coded_bytes) || count > text_bytes)
        return TAL_ERR_DATA;
    memcpy(&coded_bytes, data, sizeof(coded_bytes));
    if (coded_bytes > bytes - sizeof(coded_bytes))
        return TAL_ERR_DATA;
    text->alphabet = codec->alphabet;
    tal_buffer_reset(&text->contents);
    tal_buffer_reset(&text->headers);
    tal_buffer_reset(&text->records);
    tal_buffer_reset(&text->cases);
    tal_buffer_reset(&text->letters);
    text->record_count = count;
    tal_coder coder;
    tal_coder_init_decoder(&coder, data + sizeof(coded_bytes), (size_t)coded_bytes);
    tal_text_models_reset(&codec->models);
    const uint64_t preamble = tal_coder_number(&coder, &codec->models.preamble, 0);
    if (preamble > text_bytes)
        return TAL_ERR_DATA;
    text->preamble_bytes = (size_t)preamble;
    tal_text_state state = {.cluster_next = cluster_begin};
    tal_buffer_reset(&codec->fresh);
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++)
        status = decode_record(codec, &coder, &state, text_bytes, text, &codec->fresh);
    if (status == TAL_OK)
        status = tal_coder_finish(&coder);
    const size_t skipped = sizeof(coded_bytes) + (size_t)coded_bytes;
    if (status == TAL_OK)
        status = unpack_contents(codec, data + skipped, bytes - skipped, text_bytes, text);
    if (status == TAL_OK)
        status = tal_buffer_reserve(&text->headers, 1); /* An address to count from. */
    if (status == TAL_OK)
        status = join_headers(text, (tal_header_code *)(void *)codec->fresh.data, text_bytes);
    return status;
}

/* Append a body that is not regular. */
static tal_status render_gaps(const tal_text *text, const tal_text_record *record,
                              const uint8_t *letters, size_t len, uint64_t limit, tal_buffer *out)
{
    size_t at = record->gaps_at, used = 0;
    const size_t begin = out->bytes;
    uint64_t count, run, bytes;
    if (!tal_varint_read(&text->contents, &at, &count))
        return TAL_ERR_DATA;
    tal_status status = TAL_OK;
    for (uint64_t i = 0; i < count && status == TAL_OK; i++) {
        if (!tal_varint_read(&text->contents, &at, &run) ||
            !tal_varint_read(&text->contents, &at, &bytes) || run > len - used ||
            bytes > text->contents.bytes - at || run + bytes > limit - (out->bytes - begin))
            return TAL_ERR_DATA;
        status = tal_buffer_append(out, letters + used, (size_t)run);
        if (status == TAL_OK)
            status = tal_buffer_append(out, text->contents.data + at, (size_t)bytes);
        used += (size_t)run;
        at += (size_t)bytes;
    }
    return status == TAL_OK && used != len ? TAL_ERR_DATA : status;
}

tal_status tal_text_render(tal_text *text, size_t idx, const uint8_t *codes, size_t len,
                           uint64_t limit, tal_buffer *out)
{
    TAL_ASSERT(idx < text->record_count);
    const tal_text_record *record = tal_text_get(text, idx);
    const uint64_t *cases = (const uint64_t *)(const void *)text->cases.data;
    const tal_layout_letter *letters = (const tal_layout_letter *)(const void *)text->letters.data;
    const tal_layout_case how = {
        .cases = record->case_count == 0 ? NULL : cases + record->case_begin,
        .case_count = record->case_count,
        .letters = record->letter_count == 0 ? NULL : letters + record->letter_begin,
        .letter_count = record->letter_count,
        .has_u = record->has_u,
    };
    uint64_t least = 1 + record->header_bytes;
    if (record->is_regular)
        least += tal_layout_folded_bytes(record->shape, len);
    if (least > limit)
        return TAL_ERR_DATA;
    tal_buffer_reset(&text->scratch);
    tal_status status = tal_buffer_reserve(&text->scratch, len);
    if (status == TAL_OK)
        status = tal_layout_letters(text->alphabet, &how, codes, len, text->scratch.data);
    if (status == TAL_OK)
        status = tal_buffer_append(out, ">", 1);
    if (status == TAL_OK)
        status =
            tal_buffer_append(out, text->headers.data + record->header_at, record->header_bytes);
    if (status != TAL_OK)
        return status;
    if (record->is_regular)
        return tal_layout_fold(record->shape, text->scratch.data, len, out);
    return render_gaps(text, record, text->scratch.data, len, limit - least, out);
}
