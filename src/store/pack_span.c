/* The text of a file, dealt to ranks in spans of whole records; see pack_internal.h.
 *
 * A plain file is read by all ranks at once, each its windows and on to the end of its last record.
 * A compressed one is read by one rank, which sends the others theirs.
 */
#include "store/pack_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "comm/file.h"
#include "seq/source.h"

#include <string.h>

enum { PIECE_BYTES = 1 << 20 };

struct tal_spans {
    tal_comm *comm;
    const char *path;
    tal_source_kind kind;
    int reader_rank;
    tal_file *file;     /* plain */
    tal_source *source; /* compressed: on the reader's rank */
    uint64_t file_bytes;
    size_t mark_bytes;  /* of a byte order mark */
    uint64_t window;    /* the next one of all ranks */
    tal_buffer text;    /* of this rank's span */
    tal_buffer carried; /* reader: read and not dealt yet; begins at `carried_begin` */
    uint64_t carried_begin;
    bool is_read; /* reader: to the end */
};

static const uint8_t byte_order_mark[3] = {0xef, 0xbb, 0xbf};

static size_t mark_bytes(const uint8_t *text, size_t bytes)
{
    return bytes >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
}

tal_status tal_spans_open(tal_comm *comm, const char *path, int reader_rank, tal_spans **out_spans)
{
    tal_spans *spans = tal_alloc_zero(sizeof(*spans));
    tal_source_probe probe = {0};
    tal_status status = spans == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK)
        status = tal_source_look(path, &probe);
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK) {
        tal_free(spans);
        return status;
    }
    spans->comm = comm;
    spans->path = path;
    spans->kind = probe.kind;
    spans->reader_rank = reader_rank;
    if (probe.kind == TAL_SOURCE_RANGES) {
        status = tal_file_open_read(comm, path, &spans->file);
        if (status == TAL_OK)
            spans->file_bytes = tal_file_bytes(spans->file);
    } else {
        if (tal_comm_rank(comm) == reader_rank)
            status = tal_source_open(path, -1, &spans->source);
        status = tal_comm_agree(comm, status);
    }
    if (status != TAL_OK) {
        tal_spans_close(spans);
        return status;
    }
    *out_spans = spans;
    return TAL_OK;
}

void tal_spans_close(tal_spans *spans)
{
    if (spans == NULL)
        return;
    if (spans->file != NULL)
        (void)tal_file_close(spans->comm, spans->file); /* Opened for reading. */
    tal_source_close(spans->source);
    tal_buffer_deinit(&spans->text);
    tal_buffer_deinit(&spans->carried);
    tal_free(spans);
}

uint64_t tal_spans_bytes(const tal_spans *spans)
{
    return spans->file_bytes;
}

/* Where the first record at or behind `from` (bytes of `text`) begins; text->bytes: none so far.
 * The text begins at the file's begin or at a line of its own. */
static size_t find_record(const tal_spans *spans, const tal_buffer *text, bool is_file_begin,
                          size_t from)
{
    const size_t skipped = is_file_begin ? spans->mark_bytes : 0;
    if (text->bytes <= skipped)
        return text->bytes;
    from = from > skipped ? from - skipped : 0;
    return skipped +
           tal_layout_find_record(text->data + skipped, text->bytes - skipped, from, is_file_begin);
}

/* Read [offset, offset + bytes) of the plain file behind the span's text; *out_is_end: the file
 * ends there. */
static tal_status read_on(tal_spans *spans, uint64_t offset, uint64_t bytes, bool *out_is_end)
{
    tal_status status = tal_buffer_reserve(&spans->text, (size_t)bytes);
    if (status != TAL_OK)
        return status;
    uint64_t got = 0;
    status =
        tal_file_read_at(spans->file, offset, spans->text.data + spans->text.bytes, bytes, &got);
    spans->text.bytes += status == TAL_OK ? (size_t)got : 0;
    *out_is_end = got < bytes || offset + got >= spans->file_bytes;
    return status;
}

/* This rank's span of the plain file: windows [begin, end). Not collective. */
static tal_status read_windows(tal_spans *spans, uint64_t begin, uint64_t end, tal_span *out_span)
{
    const uint64_t first = begin * TAL_PACK_BLOCK_TEXT;
    const uint64_t last = end * TAL_PACK_BLOCK_TEXT;
    *out_span = (tal_span){.window_begin = begin, .window_end = end};
    tal_buffer_reset(&spans->text);
    if (first >= spans->file_bytes)
        return TAL_OK;
    /* One byte more in front: whether the window begins a line. */
    const uint64_t from = first > 0 ? first - 1 : 0;
    bool is_end = false;
    tal_status status = read_on(spans, from, last - from, &is_end);
    if (status != TAL_OK)
        return status;
    if (first == 0)
        spans->mark_bytes = mark_bytes(spans->text.data, spans->text.bytes);
    const bool is_begin = first == 0;
    const size_t start =
        is_begin ? 0 : find_record(spans, &spans->text, false, (size_t)(first - from));
    if (start == spans->text.bytes)
        return TAL_OK; /* One record covers all. */
    size_t searched = (size_t)(last - from);
    size_t stop = spans->text.bytes;
    while (!is_end) {
        const uint64_t offset = from + spans->text.bytes;
        status = read_on(spans, offset, PIECE_BYTES, &is_end);
        if (status != TAL_OK)
            return status;
        stop = find_record(spans, &spans->text, is_begin, searched);
        if (stop < spans->text.bytes)
            break;
        searched = spans->text.bytes > 0 ? spans->text.bytes - 1 : 0;
        searched = searched < (size_t)(last - from) ? (size_t)(last - from) : searched;
    }
    out_span->text = spans->text.data + start;
    out_span->bytes = stop - start;
    out_span->begin = from + start;
    out_span->content_begin = is_begin ? spans->mark_bytes : 0;
    return TAL_OK;
}

static tal_status next_plain(tal_spans *spans, tal_span *out_span, bool *out_is_end)
{
    const uint64_t window_count = spans->file_bytes / TAL_PACK_BLOCK_TEXT + 1;
    const uint64_t rank = (uint64_t)tal_comm_rank(spans->comm);
    const uint64_t rank_count = (uint64_t)tal_comm_size(spans->comm);
    /* Small files are shared out too. */
    uint64_t share = (window_count + rank_count - 1) / rank_count;
    share = share < TAL_PACK_ROUND_BLOCKS ? share : TAL_PACK_ROUND_BLOCKS;
    *out_is_end = spans->window >= window_count;
    if (*out_is_end)
        return TAL_OK;
    const uint64_t begin = spans->window + rank * share;
    spans->window += rank_count * share;
    return tal_comm_agree(spans->comm, read_windows(spans, begin, begin + share, out_span));
}

/* What the reader tells a rank about its span. */
typedef struct span_head {
    uint64_t begin, window_begin, window_end, content_begin;
} span_head;

/* Read the compressed file until `bytes` more are there. */
static tal_status fill_carried(tal_spans *spans, uint64_t bytes)
{
    tal_status status = tal_buffer_reserve(&spans->carried, (size_t)bytes);
    for (uint64_t done = 0; done < bytes && status == TAL_OK && !spans->is_read;) {
        size_t got = 0;
        const uint64_t left = bytes - done;
        status = tal_source_read(spans->source, spans->carried.data + spans->carried.bytes,
                                 left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, &got);
        spans->is_read = status == TAL_OK && got == 0;
        spans->carried.bytes += got;
        spans->file_bytes += got;
        done += got;
    }
    return status;
}

/* Where the records that begin in windows before `window` end: the place of the next one. */
static size_t end_of_windows(const tal_spans *spans, uint64_t window)
{
    const uint64_t offset = window * TAL_PACK_BLOCK_TEXT;
    const size_t from = offset > spans->carried_begin ? (size_t)(offset - spans->carried_begin) : 0;
    if (from == 0)
        return 0;
    if (from >= spans->carried.bytes)
        return spans->carried.bytes;
    return find_record(spans, &spans->carried, spans->carried_begin == 0, from);
}

/* The reader: pack the spans of a round for all ranks. */
static tal_status deal(tal_spans *spans, uint64_t share, tal_buffer *out, uint64_t *begin)
{
    const uint64_t rank_count = (uint64_t)tal_comm_size(spans->comm);
    const uint64_t end_window = spans->window + rank_count * share;
    tal_status status = TAL_OK;
    size_t end = 0;
    do { /* On to the begin of a record behind the last window. */
        const uint64_t wanted = end_window * TAL_PACK_BLOCK_TEXT + PIECE_BYTES;
        const uint64_t held = spans->carried_begin + spans->carried.bytes;
        status = fill_carried(spans, wanted > held ? wanted - held : 8 * PIECE_BYTES);
        if (status != TAL_OK)
            return status;
        if (spans->carried_begin == 0)
            spans->mark_bytes = mark_bytes(spans->carried.data, spans->carried.bytes);
        end = end_of_windows(spans, end_window);
    } while (end == spans->carried.bytes && !spans->is_read);
    size_t at = 0;
    for (uint64_t rank = 0; rank < rank_count && status == TAL_OK; rank++) {
        const uint64_t first = spans->window + rank * share;
        const size_t stop = rank + 1 == rank_count ? end : end_of_windows(spans, first + share);
        const span_head head = {.begin = spans->carried_begin + at,
                                .window_begin = first,
                                .window_end = first + share,
                                .content_begin =
                                    spans->carried_begin + at == 0 ? spans->mark_bytes : 0};
        begin[rank] = out->bytes;
        status = tal_buffer_append(out, &head, sizeof(head));
        if (status == TAL_OK)
            status = tal_buffer_append(out, spans->carried.data + at, stop - at);
        at = stop;
    }
    memmove(spans->carried.data, spans->carried.data + end, spans->carried.bytes - end);
    spans->carried.bytes -= end;
    spans->carried_begin += end;
    return status;
}

static tal_status next_dealt(tal_spans *spans, tal_span *out_span, bool *out_is_end)
{
    const size_t rank_count = (size_t)tal_comm_size(spans->comm);
    const bool is_reader = tal_comm_rank(spans->comm) == spans->reader_rank;
    uint64_t state[2] = {is_reader && spans->is_read && spans->carried.bytes == 0,
                         is_reader ? spans->file_bytes : 0};
    tal_comm_max_u64(spans->comm, state, 2);
    *out_is_end = state[0] != 0;
    if (*out_is_end) {
        spans->file_bytes = state[1];
        return TAL_OK;
    }
    tal_buffer out = {0};
    uint64_t *begin = tal_alloc_zero((rank_count + 1) * sizeof(*begin));
    tal_status status = begin == NULL ? TAL_ERR_MEMORY : TAL_OK;
    if (status == TAL_OK && is_reader)
        status = deal(spans, TAL_PACK_ROUND_BLOCKS, &out, begin);
    if (begin != NULL)
        begin[rank_count] = out.bytes;
    status = tal_comm_agree(spans->comm, status);
    tal_buffer_reset(&spans->text);
    if (status == TAL_OK)
        status = tal_comm_exchange(spans->comm, out.data, begin, &spans->text, NULL);
    tal_buffer_deinit(&out);
    tal_free(begin);
    spans->window += rank_count * TAL_PACK_ROUND_BLOCKS;
    if (status != TAL_OK)
        return status;
    span_head head;
    memcpy(&head, spans->text.data, sizeof(head));
    *out_span = (tal_span){.text = spans->text.data + sizeof(head),
                           .bytes = spans->text.bytes - sizeof(head),
                           .begin = head.begin,
                           .content_begin = (size_t)head.content_begin,
                           .window_begin = head.window_begin,
                           .window_end = head.window_end};
    return TAL_OK;
}

tal_status tal_spans_next(tal_spans *spans, tal_span *out_span, bool *out_is_end)
{
    *out_span = (tal_span){0};
    return spans->kind == TAL_SOURCE_RANGES ? next_plain(spans, out_span, out_is_end)
                                            : next_dealt(spans, out_span, out_is_end);
}
