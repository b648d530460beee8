/* Decompression as a stream; see decode.h.
 *
 * gzip: RFC 1952, members in a row, zero padding after the last one is tolerated as gzip does.
 * zstd: RFC 8878, frames in a row, skippable ones too; windows up to the library's 128 MiB.
 */
#include "seq/decode.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct tal_decoder {
    tal_coding coding;
    const char *name;
    uint64_t used;   /* compressed bytes so far */
    bool is_between; /* no member or frame is open */
    bool is_padding; /* gzip: zeros after the last member */
    bool is_inflate; /* the zlib state is initialised */
    z_stream inflate;
    ZSTD_DStream *zstd;
    uint8_t magic[4]; /* zstd: what has come of the next frame's magic number */
    size_t magic_bytes;
    size_t header_left; /* zstd: bytes of the frame that are handed on one by one */
};

static const uint8_t zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
static const uint8_t skippable_magic[3] = {0x2a, 0x4d, 0x18}; /* after a byte 0x50 to 0x5f */

static bool is_zstd_magic(const uint8_t *head)
{
    return memcmp(head, zstd_magic, sizeof(zstd_magic)) == 0 ||
           ((head[0] & 0xf0) == 0x50 &&
            memcmp(head + 1, skippable_magic, sizeof(skippable_magic)) == 0);
}

tal_status tal_coding_detect(const char *name, const uint8_t *head, size_t bytes,
                             tal_coding *out_coding)
{
    static const struct {
        const char *magic;
        size_t bytes;
        const char *kind;
    } others[] = {
        {"BZh", 3, "bzip2"},
        {"\xfd"
         "7zXZ",
         5, "xz"},
        {"PK\x03\x04", 4, "zip"},
        {"7z\xbc\xaf", 4, "7z"},
        {"\x89HDF", 4, "HDF5"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (bytes >= others[i].bytes && memcmp(head, others[i].magic, others[i].bytes) == 0)
            return tal_fail(TAL_ERR_DATA,
                            "cannot read '%s': it is a %s file, not FASTA; give FASTA, plain, gzip "
                            "or zstd",
                            name, others[i].kind);
    *out_coding = TAL_CODING_PLAIN;
    if (bytes >= 2 && head[0] == 0x1f && head[1] == 0x8b)
        *out_coding = TAL_CODING_GZIP;
    else if (bytes >= 4 && is_zstd_magic(head))
        *out_coding = TAL_CODING_ZSTD;
    return TAL_OK;
}

tal_status tal_decoder_create(tal_coding coding, const char *name, tal_decoder **out_decoder)
{
    tal_decoder *decoder = tal_alloc_zero(sizeof(*decoder));
    if (decoder == NULL)
        return TAL_ERR_MEMORY;
    decoder->coding = coding;
    decoder->name = name;
    decoder->is_between = true;
    bool is_complete = true;
    if (coding == TAL_CODING_GZIP) {
        decoder->is_inflate = inflateInit2(&decoder->inflate, 16 + MAX_WBITS) == Z_OK;
        is_complete = decoder->is_inflate;
    } else if (coding == TAL_CODING_ZSTD) {
        decoder->zstd = ZSTD_createDStream();
        is_complete = decoder->zstd != NULL;
    }
    if (!is_complete) {
        tal_decoder_destroy(decoder);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot start reading '%s'", name);
    }
    *out_decoder = decoder;
    return TAL_OK;
}

void tal_decoder_destroy(tal_decoder *decoder)
{
    if (decoder == NULL)
        return;
    if (decoder->is_inflate)
        (void)inflateEnd(&decoder->inflate); /* Only reports our own misuse. */
    (void)ZSTD_freeDStream(decoder->zstd);   /* Accepts NULL. */
    tal_free(decoder);
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static tal_status fail_with_damage(const tal_decoder *decoder, const char *why)
{
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': it is corrupt near byte %" PRIu64 " (%s); copy it again",
                    decoder->name, decoder->used, why);
}

static void advance(tal_decoder *decoder, tal_decoder_io *io, size_t in_bytes, size_t out_bytes)
{
    io->in += in_bytes;
    io->in_bytes -= in_bytes;
    io->out += out_bytes;
    io->out_bytes -= out_bytes;
    decoder->used += in_bytes;
}

static void run_plain(tal_decoder *decoder, tal_decoder_io *io)
{
    size_t bytes = min_size(io->in_bytes, io->out_bytes);
    if (bytes > 0)
        memcpy(io->out, io->in, bytes);
    advance(decoder, io, bytes, bytes);
}

/* Between members: zeros are padding, anything else begins a member. */
static tal_status begin_member(tal_decoder *decoder, tal_decoder_io *io)
{
    bool is_first = decoder->used == 0;
    while (!is_first && io->in_bytes > 0 && io->in[0] == 0) {
        decoder->is_padding = true;
        advance(decoder, io, 1, 0);
    }
    if (io->in_bytes == 0)
        return TAL_OK;
    if (decoder->is_padding)
        return fail_with_damage(decoder, "there is something after the end");
    if (inflateReset(&decoder->inflate) != Z_OK)
        return tal_fail(TAL_ERR_INTERNAL, "zlib cannot be reset");
    decoder->is_between = false;
    return TAL_OK;
}

static tal_status run_gzip(tal_decoder *decoder, tal_decoder_io *io)
{
    z_stream *stream = &decoder->inflate;
    while (io->in_bytes > 0 || !decoder->is_between) {
        if (decoder->is_between) {
            tal_status status = begin_member(decoder, io);
            if (status != TAL_OK || decoder->is_between)
                return status;
        }
        size_t in_bytes = min_size(io->in_bytes, UINT_MAX);
        size_t out_bytes = min_size(io->out_bytes, UINT_MAX);
        stream->next_in = (z_const Bytef *)io->in;
        stream->avail_in = (uInt)in_bytes;
        stream->next_out = io->out;
        stream->avail_out = (uInt)out_bytes;
        int code = inflate(stream, Z_NO_FLUSH);
        size_t in_used = in_bytes - stream->avail_in;
        size_t out_used = out_bytes - stream->avail_out;
        advance(decoder, io, in_used, out_used);
        if (code == Z_STREAM_END)
            decoder->is_between = true;
        else if (code == Z_MEM_ERROR)
            return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot read '%s'", decoder->name);
        else if (code != Z_OK && code != Z_BUF_ERROR)
            return fail_with_damage(decoder, stream->msg != NULL ? stream->msg : zError(code));
        else if (in_used == 0 && out_used == 0)
            break;
    }
    return TAL_OK;
}

/* The longest header of a frame (RFC 8878, 3.1.1). */
enum { ZSTD_HEADER_BYTES = 18 };

/* Between frames: take the magic number of the next one, as far as it has come. The library also
 * reads formats from before RFC 8878, and finds other damage in them in pieces than at once: only
 * what the RFC describes is let through. Because the library looks for old magic numbers at the
 * beginning of any input while it reads a header, headers are handed on byte by byte. */
static tal_status begin_frame(tal_decoder *decoder, tal_decoder_io *io)
{
    while (io->in_bytes > 0 && decoder->magic_bytes < sizeof(decoder->magic)) {
        decoder->magic[decoder->magic_bytes++] = io->in[0];
        advance(decoder, io, 1, 0);
    }
    if (decoder->magic_bytes < sizeof(decoder->magic))
        return TAL_OK;
    if (!is_zstd_magic(decoder->magic))
        return fail_with_damage(decoder, "no zstd frame begins there");
    for (size_t i = 0; i < sizeof(decoder->magic); i++) {
        ZSTD_inBuffer in = {&decoder->magic[i], 1, 0};
        ZSTD_outBuffer out = {io->out, 0, 0};
        size_t code = ZSTD_decompressStream(decoder->zstd, &out, &in);
        if (ZSTD_isError(code) != 0)
            return fail_with_damage(decoder, ZSTD_getErrorName(code));
    }
    decoder->magic_bytes = 0;
    decoder->header_left = ZSTD_HEADER_BYTES;
    decoder->is_between = false;
    return TAL_OK;
}

static tal_status run_zstd(tal_decoder *decoder, tal_decoder_io *io)
{
    for (;;) {
        if (decoder->is_between) {
            tal_status status = begin_frame(decoder, io);
            if (status != TAL_OK || decoder->is_between)
                return status;
        }
        bool is_header = decoder->header_left > 0;
        ZSTD_inBuffer in = {io->in, is_header ? min_size(io->in_bytes, 1) : io->in_bytes, 0};
        ZSTD_outBuffer out = {io->out, io->out_bytes, 0};
        size_t code = ZSTD_decompressStream(decoder->zstd, &out, &in);
        advance(decoder, io, in.pos, out.pos);
        if (ZSTD_isError(code) != 0)
            return fail_with_damage(decoder, ZSTD_getErrorName(code));
        decoder->header_left -= is_header ? in.pos : 0;
        decoder->is_between = code == 0;
        if (code != 0 && in.pos == 0 && out.pos == 0)
            return TAL_OK;
    }
}

tal_status tal_decoder_run(tal_decoder *decoder, tal_decoder_io *io)
{
    switch (decoder->coding) {
    case TAL_CODING_GZIP:
        return run_gzip(decoder, io);
    case TAL_CODING_ZSTD:
        return run_zstd(decoder, io);
    case TAL_CODING_PLAIN:
        break;
    }
    run_plain(decoder, io);
    return TAL_OK;
}

tal_status tal_decoder_finish(const tal_decoder *decoder)
{
    bool is_whole = decoder->is_between && decoder->magic_bytes == 0;
    if (decoder->coding == TAL_CODING_PLAIN || is_whole)
        return TAL_OK;
    return tal_fail(TAL_ERR_DATA,
                    "cannot read '%s': it is truncated after %" PRIu64 " bytes; copy it again",
                    decoder->name, decoder->used);
}
