/* Dictionaries, codecs and models of text blocks; see text_block.h. */
#include "base/alloc.h"
#include "base/check.h"
#include "reduce/text_internal.h"

tal_status tal_text_dictionary_create(const uint8_t *data, size_t bytes, bool is_encoding,
                                      tal_text_dictionary **out_dictionary)
{
    tal_text_dictionary *dictionary = tal_alloc_zero(sizeof(*dictionary));
    if (dictionary == NULL)
        return TAL_ERR_MEMORY;
    if (is_encoding)
        dictionary->encoding = ZSTD_createCDict(data, bytes, TAL_TEXT_LEVEL);
    else
        dictionary->decoding = ZSTD_createDDict(data, bytes);
    if (dictionary->encoding == NULL && dictionary->decoding == NULL) {
        tal_text_dictionary_destroy(dictionary);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: a dictionary of %zu bytes", bytes);
    }
    *out_dictionary = dictionary;
    return TAL_OK;
}

void tal_text_dictionary_destroy(tal_text_dictionary *dictionary)
{
    if (dictionary == NULL)
        return;
    (void)ZSTD_freeCDict(dictionary->encoding); /* Cannot fail. */
    (void)ZSTD_freeDDict(dictionary->decoding); /* Cannot fail. */
    tal_free(dictionary);
}

tal_status tal_text_pack(const uint8_t *data, size_t bytes, tal_buffer *out)
{
    const size_t bound = ZSTD_compressBound(bytes);
    tal_status status = tal_buffer_reserve(out, bound);
    if (status != TAL_OK)
        return status;
    const size_t packed = ZSTD_compress(out->data + out->bytes, bound, data, bytes, TAL_TEXT_LEVEL);
    if (ZSTD_isError(packed))
        return tal_fail(TAL_ERR_INTERNAL, "zstd refuses to pack: %s", ZSTD_getErrorName(packed));
    out->bytes += packed;
    return TAL_OK;
}

/* Bytes a frame unpacks to; false when it does not say so or they are above the limit. */
static bool frame_bytes(const uint8_t *data, size_t bytes, uint64_t limit, size_t *out_bytes)
{
    const unsigned long long content = ZSTD_getFrameContentSize(data, bytes);
    if (content == ZSTD_CONTENTSIZE_UNKNOWN || content == ZSTD_CONTENTSIZE_ERROR || content > limit)
        return false;
    *out_bytes = (size_t)content;
    return true;
}

tal_status tal_text_unpack(const uint8_t *data, size_t bytes, uint64_t limit, tal_buffer *out)
{
    size_t content;
    if (!frame_bytes(data, bytes, limit, &content))
        return TAL_ERR_DATA;
    tal_status status = tal_buffer_reserve(out, content);
    if (status != TAL_OK)
        return status;
    const size_t unpacked = ZSTD_decompress(out->data + out->bytes, content, data, bytes);
    if (ZSTD_isError(unpacked) || unpacked != content)
        return TAL_ERR_DATA;
    out->bytes += content;
    return TAL_OK;
}

tal_status tal_text_codec_create(tal_alphabet alphabet, const tal_text_dictionary *dictionary,
                                 tal_text_codec **out_codec)
{
    tal_text_codec *codec = tal_alloc_zero(sizeof(*codec));
    if (codec == NULL)
        return TAL_ERR_MEMORY;
    codec->alphabet = alphabet;
    codec->dictionary = dictionary;
    codec->packer = ZSTD_createCCtx();
    codec->unpacker = ZSTD_createDCtx();
    if (codec->packer == NULL || codec->unpacker == NULL) {
        tal_text_codec_destroy(codec);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: contexts of zstd");
    }
    *out_codec = codec;
    return TAL_OK;
}

void tal_text_codec_destroy(tal_text_codec *codec)
{
    if (codec == NULL)
        return;
    (void)ZSTD_freeCCtx(codec->packer);   /* Cannot fail. */
    (void)ZSTD_freeDCtx(codec->unpacker); /* Cannot fail. */
    tal_layout_body_deinit(&codec->body);
    tal_buffer_deinit(&codec->fresh);
    tal_buffer_deinit(&codec->gaps);
    tal_free(codec);
}

void tal_text_models_reset(tal_text_models *models)
{
    /* Nothing but probabilities: numbers are made of them too. */
    _Static_assert(sizeof(tal_number) % sizeof(tal_bit) == 0, "numbers are arrays of bits");
    _Static_assert(sizeof(tal_text_models) % sizeof(tal_bit) == 0, "models are arrays of bits");
    tal_bits_reset((tal_bit *)(void *)models, sizeof(*models) / sizeof(tal_bit));
}

/* Code a number that is often what it was the last time. */
static uint64_t code_usual(tal_coder *coder, tal_usual *usual, uint64_t *last, unsigned *was_same,
                           uint64_t value)
{
    *was_same = tal_coder_bit(coder, &usual->is_same[*was_same], value == *last);
    if (*was_same == 0)
        *last = tal_coder_number(coder, &usual->number, value);
    return *last;
}

void tal_text_code_header(tal_text_models *models, tal_coder *coder, tal_text_state *state,
                          tal_header_code *code)
{
    code->growth = tal_coder_number(coder, &models->growth[state->growth], code->growth);
    state->growth = code->growth > 0;
    const unsigned grows = state->growth;
    code->prefix = code_usual(coder, &models->prefix[grows], &state->prefix[grows],
                              &state->same_prefix[grows], code->prefix);
    if (grows != 0)
        code->bridge =
            code_usual(coder, &models->bridge, &state->bridge, &state->same_bridge, code->bridge);
    code->suffix =
        code_usual(coder, &models->suffix, &state->suffix, &state->same_suffix, code->suffix);
}

void tal_text_code_place(tal_text_models *models, tal_coder *coder, tal_text_state *state,
                         tal_text_place *place)
{
    const unsigned is_first = tal_coder_bit(coder, &models->is_first[state->firsts & 7],
                                            place->cluster == state->cluster_next);
    state->firsts = state->firsts << 1 | is_first;
    const unsigned is_representative =
        tal_coder_bit(coder, &models->is_representative[is_first][state->representatives & 3],
                      place->ordinal == 0);
    state->representatives = state->representatives << 1 | is_representative;
    if (is_first != 0) {
        *place = (tal_text_place){state->cluster_next++, is_representative != 0 ? 0 : 1};
    } else {

        const int64_t cluster_step = tal_coder_signed(
            coder, &models->cluster_step, (int64_t)(place->cluster - state->last.cluster - 1));
        state->last.cluster += 1 + (uint64_t)cluster_step;
        if (is_representative == 0)
            state->last.ordinal += (uint64_t)tal_coder_signed(
                coder, &models->ordinal_step, (int64_t)(place->ordinal - state->last.ordinal));
        place->cluster = state->last.cluster;
        place->ordinal = is_representative != 0 ? 0 : state->last.ordinal;
    }
}

void tal_text_code_kind(tal_text_models *models, tal_coder *coder, tal_text_state *state,
                        tal_body_kind *kind, tal_line_shape *shape)
{
    state->kind = tal_coder_tree(coder, models->kind[state->kind], 2, (unsigned)*kind) & 3;
    state->kind = state->kind > TAL_BODY_GAPS ? TAL_BODY_GAPS : state->kind;
    *kind = (tal_body_kind)state->kind;
    if (*kind == TAL_BODY_NEW_SHAPE) {
        shape->width = tal_coder_number(coder, &models->width, shape->width);
        const unsigned end = tal_coder_tree(coder, models->line_end, 2, (unsigned)shape->end);
        shape->end = (tal_line_end)(end < TAL_LINE_END_COUNT ? end : TAL_LINE_LF);
        state->shape = *shape;
    } else {
        *shape = state->shape;
    }
}
