/* One JSON document (RFC 8259), written as it is read.
 *
 * Headers are bytes of any kind: valid UTF-8 stays, a byte that is not part of it becomes the code
 * point of its value (\u0080 to \u00ff).
 */
#include "app/export_internal.h"

#include <math.h>
#include <string.h>

/* Bytes of the UTF-8 character at `at`, 0 when it is none (RFC 3629: no surrogates, no overlong
 * forms, nothing above U+10FFFF). NUL-terminated text, so that looking ahead is safe. */
static size_t utf8_bytes(const char *at)
{
    const uint8_t *byte = (const uint8_t *)at;
    size_t more;
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    if (byte[0] < 0x80)
        return 1;
    if (byte[0] >= 0xc2 && byte[0] <= 0xdf) {
        more = 1;
    } else if (byte[0] >= 0xe0 && byte[0] <= 0xef) {
        more = 2;
        low = byte[0] == 0xe0 ? 0xa0 : low;
        high = byte[0] == 0xed ? 0x9f : high;
    } else if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
        more = 3;
        low = byte[0] == 0xf0 ? 0x90 : low;
        high = byte[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (byte[1] < low || byte[1] > high)
        return 0;
    for (size_t i = 2; i <= more; i++)
        if (byte[i] < 0x80 || byte[i] > 0xbf)
            return 0;
    return more + 1;
}

static void put_string(tal_export *out, const char *text, size_t bytes)
{
    tal_export_put_text(out, "\"");
    for (size_t i = 0; i < bytes;) {
        uint8_t byte = (uint8_t)text[i];
        size_t width = utf8_bytes(text + i);
        if (width > bytes - i)
            width = 0; /* A character cut by the end of an identifier. */
        if (byte == '"' || byte == '\\')
            tal_export_put(out, "\\%c", byte);
        else if (byte < ' ' || byte == 0x7f || width == 0)
            tal_export_put(out, "\\u%04x", byte);
        else
            tal_export_put_bytes(out, text + i, width);
        i += width == 0 ? 1 : width;
    }
    tal_export_put_text(out, "\"");
}

static void put_names(tal_export *out, const char *header)
{
    tal_export_put_text(out, "\"id\":");
    put_string(out, header, tal_header_id_bytes(header));
    tal_export_put_text(out, ",\"header\":");
    put_string(out, header, strlen(header));
}

static void put_number(tal_export *out, const char *name, double value)
{
    if (isfinite(value))
        tal_export_put(out, ",\"%s\":%.7g", name, value);
    else
        tal_export_put(out, ",\"%s\":null", name);
}

static void json_begin(tal_export *out, tal_result_reader *reader)
{
    (void)reader; /* The alphabet is known already. */
    tal_export_put(out,
                   "{\"program\":\"talaria " TAL_VERSION "\",\"alphabet\":\"%s\",\"queries\":[",
                   tal_alphabet_name(out->alphabet));
}

static void put_hit(tal_export *out, const tal_export_hit *entry)
{
    const tal_hit *hit = entry->hit;
    tal_export_put(out, "{\"reference\":{\"index\":%llu,", (unsigned long long)hit->reference);
    put_names(out, entry->ref_header);
    tal_export_put(out, ",\"length\":%d}", entry->ref_len);
    if (entry->representative_header != NULL) {
        tal_export_put(out, ",\"representative\":{\"index\":%llu,",
                       (unsigned long long)entry->representative);
        put_names(out, entry->representative_header);
        tal_export_put_text(out, "}");
    }
    tal_export_put(out, ",\"score\":%d", hit->score);
    put_number(out, "bits", hit->bits);
    put_number(out, "evalue", hit->evalue);
    tal_export_put(out,
                   ",\"strand\":\"%c\",\"query_begin\":%d,\"query_end\":%d,\"ref_begin\":%d,"
                   "\"ref_end\":%d,\"columns\":%d,\"identities\":%d,\"mismatches\":%d,"
                   "\"positives\":%d,\"gap_opens\":%d,\"gap_columns\":%d,\"cigar\":\"",
                   hit->is_reverse != 0 ? '-' : '+', hit->query_begin, hit->query_end,
                   hit->ref_begin, hit->ref_end, hit->column_count, hit->identity_count,
                   hit->mismatch_count, hit->positive_count, hit->gap_open_count,
                   hit->gap_column_count);
    tal_export_put_cigar(out, entry);
    tal_export_put_text(out, "\"}");
}

static void json_query(tal_export *out, const tal_result_page *page, uint64_t query)
{
    tal_export_put(out, "%s\n{\"index\":%llu,", out->has_query ? "," : "",
                   (unsigned long long)(page->query_begin + query));
    out->has_query = true;
    put_names(out, page->query_headers[query]);
    tal_export_put(out, ",\"length\":%d,\"hits\":[", page->query_lens[query]);
    for (uint64_t i = page->hit_begin[query]; i < page->hit_begin[query + 1]; i++) {
        tal_export_hit entry = tal_export_hit_at(page, query, i);
        tal_export_put_text(out, i == page->hit_begin[query] ? "\n" : ",\n");
        put_hit(out, &entry);
    }
    tal_export_put_text(out, "]}");
}

static void json_end(tal_export *out)
{
    tal_export_put_text(out, "]}\n");
}

const tal_export_format tal_export_json = {
    .begin = json_begin, .query = json_query, .end = json_end};
