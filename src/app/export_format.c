/* The loop over a result and the words all formats use; see export_format.h.
 *
 * Numbers follow what blastp 2.12 prints: E-values "%.2e" below 0.0009 and with fewer decimals the
 * larger they are, "0.0" below 1e-180; bits with one decimal below 100, cut to whole numbers above.
 */
#include "app/export_internal.h"

#include "align/trace.h"
#include "base/alloc.h"
#include "base/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Hits read at once, and bytes of text gathered before they are passed on. */
enum { PAGE_HITS = 1 << 14, FLUSH_BYTES = 1 << 20 };

static void flush(tal_export *out)
{
    if (out->status == TAL_OK && out->out.bytes > 0)
        out->status = out->sink->write(out->sink->context, out->out.data, out->out.bytes);
    tal_buffer_reset(&out->out);
}

void tal_export_put_bytes(tal_export *out, const char *bytes, size_t count)
{
    if (out->out.bytes >= FLUSH_BYTES)
        flush(out);
    if (out->status == TAL_OK)
        out->status = tal_buffer_append(&out->out, bytes, count);
}

void tal_export_put_text(tal_export *out, const char *text)
{
    tal_export_put_bytes(out, text, strlen(text));
}

void tal_export_put(tal_export *out, const char *format, ...)
{
    char text[512]; /* Numbers and short words; anything long goes through put_text. */
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    TAL_ASSERT(bytes >= 0);
    TAL_ASSERT((size_t)bytes < sizeof(text));
    tal_export_put_bytes(out, text, (size_t)bytes);
}

void tal_export_put_line(tal_export *out, const char *header)
{
    for (const char *at = header; *at != '\0';) {
        size_t plain = 0;
        while ((uint8_t)at[plain] >= ' ' && at[plain] != 0x7f)
            plain++;
        tal_export_put_bytes(out, at, plain);
        at += plain;
        if (*at != '\0') {
            tal_export_put_text(out, " ");
            at++;
        }
    }
}

void tal_export_put_id(tal_export *out, const char *header, const char *unnamed, uint64_t idx)
{
    size_t bytes = tal_header_id_bytes(header);
    if (bytes > 0)
        tal_export_put_bytes(out, header, bytes);
    else
        tal_export_put(out, "%s_%llu", unnamed, (unsigned long long)idx + 1);
}

void tal_export_put_cigar(tal_export *out, const tal_export_hit *hit)
{
    static const char symbols[] = ".ID....=X.......";
    for (uint32_t i = 0; i < hit->hit->cigar_count; i++)
        tal_export_put(out, "%u%c", hit->cigar[i] >> 4, symbols[hit->cigar[i] & 15]);
}

void tal_export_put_evalue(tal_export *out, double evalue)
{
    if (isnan(evalue))
        tal_export_put(out, "nan");
    else if (evalue < 1e-180)
        tal_export_put(out, "0.0");
    else if (evalue < 0.0009)
        tal_export_put(out, "%.2e", evalue);
    else if (evalue < 0.1)
        tal_export_put(out, "%.3f", evalue);
    else if (evalue < 1.0)
        tal_export_put(out, "%.2f", evalue);
    else if (evalue < 10.0)
        tal_export_put(out, "%.1f", evalue);
    else
        tal_export_put(out, "%.0f", evalue);
}

void tal_export_put_bits(tal_export *out, double bits)
{
    if (isnan(bits))
        tal_export_put(out, "nan");
    else if (bits > 99999.0)
        tal_export_put(out, "%.3e", bits);
    else if (bits > 99.9)
        tal_export_put(out, "%.0f", floor(bits));
    else
        tal_export_put(out, "%.1f", bits);
}

tal_export_hit tal_export_hit_at(const tal_result_page *page, uint64_t query, uint64_t hit)
{
    const bool is_expanded = page->representatives != NULL;
    return (tal_export_hit){.hit = &page->hits[hit],
                            .representative = is_expanded ? page->representatives[hit] : 0,
                            .representative_header =
                                is_expanded ? page->representative_headers[hit] : NULL,
                            .cigar = page->cigars + page->cigar_begin[hit],
                            .letters = page->letters + page->letter_begin[hit],
                            .query_header = page->query_headers[query],
                            .query_letters = page->query_letters[query],
                            .query_len = page->query_lens[query],
                            .ref_header = page->ref_headers[hit],
                            .ref_len = page->ref_lens[hit]};
}

/* Letters to codes and to letters of the other strand; what is no letter becomes N. */
static void fill_tables(tal_export *out)
{
    const char *letters = tal_alphabet_letters(out->alphabet);
    tal_alphabet_codes(out->alphabet, out->codes);
    for (int byte = 0; byte < 256; byte++) {
        bool is_letter = out->alphabet == TAL_NUCLEOTIDE && out->codes[byte] != TAL_CODE_INVALID;
        char letter = is_letter ? letters[tal_nucleotide_complement(out->codes[byte])] : 'N';
        bool is_lower = byte >= 'a' && byte <= 'z';
        out->complements[byte] = (char)(is_lower ? letter - 'A' + 'a' : letter);
    }
}

tal_status tal_export_check(const tal_export_params *params)
{
    tal_export out = {.params = params};
    return params->kind == TAL_EXPORT_TSV ? tal_export_choose_columns(&out) : TAL_OK;
}

tal_status tal_export_write(tal_result_reader *reader, const tal_export_params *params,
                            const tal_export_sink *sink)
{
    static const tal_export_format *const formats[TAL_EXPORT_COUNT] = {
        [TAL_EXPORT_M8] = &tal_export_m8,     [TAL_EXPORT_TSV] = &tal_export_tsv,
        [TAL_EXPORT_PAF] = &tal_export_paf,   [TAL_EXPORT_SAM] = &tal_export_sam,
        [TAL_EXPORT_JSON] = &tal_export_json, [TAL_EXPORT_PAIRWISE] = &tal_export_pairwise,
    };
    TAL_ASSERT(params->kind < TAL_EXPORT_COUNT);
    const tal_export_format *format = formats[params->kind];
    tal_export out = {.params = params, .sink = sink, .alphabet = tal_result_alphabet(reader)};
    fill_tables(&out);
    if (params->kind == TAL_EXPORT_TSV)
        out.status = tal_export_choose_columns(&out);
    if (out.status == TAL_OK && format->begin != NULL)
        format->begin(&out, reader);
    while (out.status == TAL_OK) {
        tal_result_page page;
        out.status = tal_result_read(reader, PAGE_HITS, &page);
        if (out.status != TAL_OK || page.query_begin == page.query_end)
            break;
        for (uint64_t i = 0; i < page.query_end - page.query_begin && out.status == TAL_OK; i++)
            format->query(&out, &page, i);
    }
    if (out.status == TAL_OK && format->end != NULL)
        format->end(&out);
    flush(&out);
    for (size_t i = 0; i < 3; i++)
        tal_buffer_deinit(&out.rows[i]);
    tal_buffer_deinit(&out.out);
    return out.status;
}
