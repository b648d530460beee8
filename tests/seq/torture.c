/* FASTA as odd as it is legal; see torture.h. */
#include "torture.h"

#include "base/alloc.h"
#include "harness.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static void put(tal_buffer *text, const char *bytes)
{
    if (tal_buffer_append_text(text, bytes) != TAL_OK)
        abort();
}

static void end_line(const torture_params *params, tal_buffer *text)
{
    static const char *const ends[] = {"\n",       "\r\n",     "\r",     "\n\n",
                                       "\r\n\r\n", "\n  \t\n", "\n;>x\n"};
    int64_t last = (int64_t)(sizeof(ends) / sizeof(ends[0])) - 1;
    put(text, params->is_plain_style ? "\n" : ends[test_random_in(0, last)]);
}

static void make_header(const torture_params *params, char header[128])
{
    static const char *const tails[] = {
        "", " plain", " a > b >c", "\x01>gi|2", " \xc3\xa9", "\tx=1; y \xff\xfe", ">", " "};
    uint64_t id = test_random() % 1000;
    int64_t last = (int64_t)(sizeof(tails) / sizeof(tails[0])) - 1;
    (void)snprintf(header, 128, "id|%" PRIu64 "%s", id, tails[test_random_in(0, last)]);
    if (!params->is_plain_style && test_random_in(0, 9) == 0)
        header[0] = '\0';
}

static void make_record(const torture_params *params, bool is_last, tal_buffer *text,
                        tal_seqset *records)
{
    const char *letters = tal_alphabet_letters(params->alphabet);
    char header[128];
    make_header(params, header);
    int64_t len = test_random_in(0, params->len_max);
    if (test_random_in(0, 9) == 0)
        len = 0;
    int64_t line_len = test_random_in(1, 80);
    put(text, ">");
    put(text, header);
    bool is_ended = !(is_last && len == 0 && test_random_in(0, 1) == 0);
    if (is_ended)
        end_line(params, text);
    uint8_t *codes = tal_alloc((size_t)len);
    for (int64_t i = 0; i < len; i++) {
        codes[i] = (uint8_t)(test_random() % strlen(letters));
        char letter = letters[codes[i]];
        bool is_lower = !params->is_plain_style && test_random_in(0, 3) == 0;
        put(text, (char[]){is_lower ? (char)tolower(letter) : letter, '\0'});
        if (!params->is_plain_style && test_random_in(0, 40) == 0)
            put(text, test_random_in(0, 1) == 0 ? " " : "\t");
        if (i + 1 < len && (i + 1) % line_len == 0)
            end_line(params, text);
    }
    if (len > 0 && !(is_last && test_random_in(0, 1) == 0))
        end_line(params, text);
    if (tal_seqset_append(records, 0, codes, (size_t)len, header, strlen(header)) != TAL_OK)
        abort();
    tal_free(codes);
}

void torture_make(const torture_params *params, tal_buffer *text, tal_seqset *records)
{
    if (params->has_mark)
        put(text, "\xef\xbb\xbf");
    if (!params->is_plain_style)
        for (int64_t i = test_random_in(0, 2); i > 0; i--)
            end_line(params, text);
    for (size_t i = 0; i < params->record_count; i++)
        make_record(params, i + 1 == params->record_count, text, records);
}

bool torture_is_same(const tal_seqset *a, const tal_seqset *b)
{
    if (tal_seqset_count(a) != tal_seqset_count(b))
        return false;
    for (tal_lid lid = 0; lid < tal_seqset_count(a); lid++) {
        int32_t len = tal_seqset_len(a, lid);
        if (len != tal_seqset_len(b, lid) ||
            memcmp(tal_seqset_residues(a, lid), tal_seqset_residues(b, lid), (size_t)len) != 0 ||
            strcmp(tal_seqset_header(a, lid), tal_seqset_header(b, lid)) != 0)
            return false;
    }
    return true;
}

void torture_gzip(const tal_buffer *text, size_t member_count, tal_buffer *out)
{
    for (size_t i = 0; i < member_count; i++) {
        size_t begin = text->bytes * i / member_count;
        size_t end = text->bytes * (i + 1) / member_count;
        z_stream stream = {0};
        if (deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
            tal_buffer_reserve(out, deflateBound(&stream, end - begin)) != TAL_OK)
            abort();
        stream.next_in = text->data + begin;
        stream.avail_in = (uInt)(end - begin);
        stream.next_out = out->data + out->bytes;
        stream.avail_out = (uInt)(out->capacity - out->bytes);
        if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
            abort();
        out->bytes += stream.total_out;
        deflateEnd(&stream);
    }
}

void torture_zstd(const tal_buffer *text, size_t frame_count, tal_buffer *out)
{
    for (size_t i = 0; i < frame_count; i++) {
        size_t begin = text->bytes * i / frame_count;
        size_t end = text->bytes * (i + 1) / frame_count;
        if (tal_buffer_reserve(out, ZSTD_compressBound(end - begin)) != TAL_OK)
            abort();
        size_t bytes = ZSTD_compress(out->data + out->bytes, out->capacity - out->bytes,
                                     text->data + begin, end - begin, 1);
        if (ZSTD_isError(bytes) != 0)
            abort();
        out->bytes += bytes;
    }
}
