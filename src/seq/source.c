/* One input file read from begin to end; see source.h. */
#include "seq/source.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/check.h"
#include "par/wait.h"
#include "base/path.h"
#include "seq/detect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first read is small: looking at many files must not read much of them. */
enum { RAW_BYTES = 256 << 10, FIRST_BYTES = 16 << 10, PROBE_BYTES = 4096 };

struct tal_source {
    const char *path;
    int descriptor;
    int wake_fd;
    bool is_regular;
    bool is_end; /* of the stored bytes */
    tal_coding coding;
    tal_decoder *decoder;
    uint64_t stored_bytes;
    uint8_t *raw; /* RAW_BYTES, [raw_begin, raw_end) not decoded yet */
    size_t raw_begin, raw_end;
    tal_buffer peeked; /* decoded by peeking, [peeked_begin, bytes) not read yet */
    size_t peeked_begin;
};

const char *tal_source_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* Wait until a pipe has data or the wake descriptor has; false: woken. */
static bool wait_for_data(const tal_source *source)
{
    struct pollfd waits[2] = {
        {.fd = source->descriptor, .events = POLLIN},
        {.fd = source->wake_fd, .events = POLLIN}, /* Negative ones are ignored. */
    };
    tal_wait_for what = {TAL_WAIT_INPUT, "pipe", source};
    tal_wait_mark mark = tal_wait_begin(&what);
    int count = -1;
    do
        count = poll(waits, 2, -1);
    while (count < 0 && (errno == EINTR || errno == EAGAIN));
    tal_wait_end(mark);
    return count < 0 || waits[1].revents == 0; /* Failed: the read will say what is wrong. */
}

/* Fill the raw buffer when it is empty; at the end or when woken it stays so. */
static tal_status fill_raw(tal_source *source)
{
    if (source->raw_begin < source->raw_end || source->is_end)
        return TAL_OK;
    for (;;) {
        if (!source->is_regular && !wait_for_data(source))
            return TAL_OK;
        size_t room = source->stored_bytes == 0 ? FIRST_BYTES : RAW_BYTES;
        ssize_t count = read(source->descriptor, source->raw, room);
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (count < 0)
            return tal_fail(TAL_ERR_IO, "cannot read '%s': %s", tal_source_name(source->path),
                            strerror(errno));
        source->is_end = count == 0;
        source->raw_begin = 0;
        source->raw_end = (size_t)count;
        source->stored_bytes += (uint64_t)count;
        return TAL_OK;
    }
}

/* The first bytes decide the decoder: gather enough of them, pipes may give them singly. */
static tal_status begin_decoding(tal_source *source)
{
    size_t have = 0;
    while (have < TAL_CODING_HEAD_BYTES && !source->is_end) {
        uint8_t head[TAL_CODING_HEAD_BYTES];
        memcpy(head, source->raw, have);
        source->raw_begin = source->raw_end = 0;
        tal_status status = fill_raw(source);
        if (status != TAL_OK)
            return status;
        if (source->raw_end == 0 && !source->is_end)
            break; /* Woken. */
        TAL_ASSERT(source->raw_end + have <= RAW_BYTES + TAL_CODING_HEAD_BYTES);
        memmove(source->raw + have, source->raw, source->raw_end);
        memcpy(source->raw, head, have);
        have += source->raw_end;
        source->raw_end = have;
    }
    const char *name = tal_source_name(source->path);
    tal_status status = tal_coding_detect(name, source->raw, have, &source->coding);
    if (status != TAL_OK)
        return status;
    return tal_decoder_create(source->coding, name, &source->decoder);
}

static tal_status open_descriptor(tal_source *source)
{
    if (strcmp(source->path, "-") == 0) {
        source->descriptor = STDIN_FILENO;
    } else {
        tal_status status = tal_path_check_readable(source->path);
        if (status != TAL_OK)
            return status;
        /* Opening a pipe must not wait for its writer: reading does, and can be woken. */
        source->descriptor = open(source->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (source->descriptor < 0)
            return tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", source->path,
                            strerror(errno));
    }
    struct stat info;
    if (fstat(source->descriptor, &info) != 0)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot read '%s': %s", tal_source_name(source->path),
                        strerror(errno));
    if (S_ISDIR(info.st_mode))
        return tal_fail(TAL_ERR_NO_INPUT, "cannot read '%s': it is a directory; name a file",
                        tal_source_name(source->path));
    source->is_regular = S_ISREG(info.st_mode);
    return TAL_OK;
}

tal_status tal_source_open(const char *path, int wake_fd, tal_source **out_source)
{
    tal_source *source = tal_alloc_zero(sizeof(*source));
    if (source == NULL)
        return TAL_ERR_MEMORY;
    source->path = path;
    source->descriptor = -1;
    source->wake_fd = wake_fd;
    source->raw = tal_alloc(RAW_BYTES + TAL_CODING_HEAD_BYTES);
    tal_status status = source->raw == NULL ? TAL_ERR_MEMORY : open_descriptor(source);
    if (status == TAL_OK)
        status = begin_decoding(source);
    if (status != TAL_OK)
        goto done;
    *out_source = source;
    source = NULL; /* Now the caller's. */
done:
    tal_source_close(source);
    return status;
}

void tal_source_close(tal_source *source)
{
    if (source == NULL)
        return;
    tal_buffer_deinit(&source->peeked);
    tal_decoder_destroy(source->decoder);
    if (source->descriptor > STDIN_FILENO)
        (void)close(source->descriptor); /* Read only: nothing can be lost. */
    tal_free(source->raw);
    tal_free(source);
}

void tal_source_set_wake(tal_source *source, int wake_fd)
{
    source->wake_fd = wake_fd;
}

/* Decode up to `bytes` bytes; 0 at the end or when woken. */
static tal_status decode(tal_source *source, uint8_t *data, size_t bytes, size_t *out_read)
{
    tal_decoder_io io = {.out = data, .out_bytes = bytes};
    for (;;) {
        io.in = source->raw + source->raw_begin;
        io.in_bytes = source->raw_end - source->raw_begin;
        tal_status status = tal_decoder_run(source->decoder, &io);
        source->raw_begin = source->raw_end - io.in_bytes;
        if (status != TAL_OK)
            return status;
        if (io.out_bytes < bytes)
            break;
        status = fill_raw(source);
        if (status != TAL_OK)
            return status;
        if (source->raw_begin == source->raw_end) {
            if (source->is_end)
                status = tal_decoder_finish(source->decoder);
            if (status != TAL_OK)
                return status;
            break;
        }
    }
    *out_read = bytes - io.out_bytes;
    return TAL_OK;
}

tal_status tal_source_read(tal_source *source, uint8_t *data, size_t bytes, size_t *out_read)
{
    TAL_ASSERT(bytes > 0);
    size_t have = source->peeked.bytes - source->peeked_begin;
    if (have == 0) {
        tal_buffer_deinit(&source->peeked);
        source->peeked_begin = 0;
        return decode(source, data, bytes, out_read);
    }
    size_t taken = have < bytes ? have : bytes;
    memcpy(data, source->peeked.data + source->peeked_begin, taken);
    source->peeked_begin += taken;
    *out_read = taken;
    return TAL_OK;
}

tal_status tal_source_peek(tal_source *source, size_t bytes, const uint8_t **out_view,
                           size_t *out_bytes)
{
    TAL_ASSERT(source->peeked_begin == 0);
    tal_buffer *peeked = &source->peeked;
    if (peeked->bytes < bytes) {
        tal_status status = tal_buffer_reserve(peeked, bytes - peeked->bytes);
        if (status != TAL_OK)
            return status;
    }
    while (peeked->bytes < bytes) {
        size_t more = 0;
        tal_status status =
            decode(source, peeked->data + peeked->bytes, bytes - peeked->bytes, &more);
        if (status != TAL_OK)
            return status;
        if (more == 0)
            break;
        peeked->bytes += more;
    }
    *out_view = peeked->data;
    *out_bytes = peeked->bytes < bytes ? peeked->bytes : bytes;
    return TAL_OK;
}

uint64_t tal_source_stored_bytes(const tal_source *source)
{
    return source->stored_bytes;
}

/* Of a plain file: not empty, FASTA as far as its first bytes tell. */
static tal_status look_inside(const char *path, tal_source_probe *probe)
{
    tal_source *source = NULL;
    const uint8_t *head;
    size_t bytes;
    tal_status status = tal_source_open(path, -1, &source);
    if (status == TAL_OK)
        status = tal_source_peek(source, PROBE_BYTES, &head, &bytes);
    if (status == TAL_OK)
        status = tal_fasta_check_head(path, head, bytes);
    if (status != TAL_OK)
        goto done;
    if (source->stored_bytes == 0) {
        status = tal_fail(TAL_ERR_DATA, "cannot read '%s': it is empty; name a file with sequences",
                          path);
        goto done;
    }
    if (source->coding != TAL_CODING_PLAIN)
        probe->kind = TAL_SOURCE_SEQUENCE;
    else if (bytes >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        probe->content_begin = 3;
done:
    tal_source_close(source);
    return status;
}

tal_status tal_source_look(const char *path, tal_source_probe *out_probe)
{
    tal_source_probe probe = {.kind = TAL_SOURCE_PIPE};
    struct stat info;
    bool is_standard = strcmp(path, "-") == 0;
    tal_status status = is_standard ? TAL_OK : tal_path_check_readable(path);
    if (status == TAL_OK && (is_standard ? fstat(STDIN_FILENO, &info) : stat(path, &info)) == 0 &&
        S_ISREG(info.st_mode)) {
        probe.bytes = (uint64_t)info.st_size;
        if (!is_standard) {
            probe.kind = TAL_SOURCE_RANGES;
            status = look_inside(path, &probe);
        }
    }
    if (status == TAL_OK)
        *out_probe = probe;
    return status;
}
