/* SAM: Sequence Alignment/Map Format Specification, version 1.6.
 *
 * The best hit of a query is its primary line, with the query's letters and soft clips; the others
 * are secondary (flag 256), without letters and with hard clips. Queries without hits are unmapped
 * (flag 4). Mapping quality is 255 (not available). Of protein queries the letters are amino acids,
 * which most readers of SAM accept but few expect; '*' within them is written as X. Bytes that SAM
 * does not allow in names become '_'. Two references with one name stay two lines of one name.
 */
#include "app/export_internal.h"

#include "align/trace.h"

#include <math.h>
#include <string.h>

enum { FLAG_UNMAPPED = 4, FLAG_REVERSE = 16, FLAG_SECONDARY = 256, NAME_BYTES_MAX = 254 };

/* Bytes, besides what is not printable, that neither name may have; references have more. */
static const char never_in_queries[] = "@";
static const char never_in_references[] = "\\,\"`'()[]{}<>";

static void put_name(tal_export *out, const char *header, const char *unnamed, uint64_t idx,
                     const char *never)
{
    size_t bytes = tal_header_id_bytes(header);
    bool is_reference = never == never_in_references;
    if (bytes == 0) {
        tal_export_put(out, "%s_%llu", unnamed, (unsigned long long)idx + 1);
        return;
    }
    bytes = bytes < NAME_BYTES_MAX ? bytes : NAME_BYTES_MAX;
    for (size_t i = 0; i < bytes; i++) {
        char byte = header[i];
        bool is_allowed = byte > ' ' && byte <= '~' && strchr(never, byte) == NULL;
        if (i == 0 && is_reference && (byte == '*' || byte == '='))
            is_allowed = false;
        if (bytes == 1 && byte == '*')
            is_allowed = false;
        tal_export_put_bytes(out, is_allowed ? &byte : "_", 1);
    }
}

static void put_query_name(tal_export *out, const char *header, uint64_t idx)
{
    put_name(out, header, "Query", idx, never_in_queries);
}

static void put_reference_name(tal_export *out, const char *header, uint64_t idx)
{
    put_name(out, header, "Subject", idx, never_in_references);
}

static void sam_begin(tal_export *out, tal_result_reader *reader)
{
    tal_export_put_text(out, "@HD\tVN:1.6\tSO:unsorted\tGO:query\n");
    while (out->status == TAL_OK) {
        tal_result_references references;
        out->status = tal_result_read_references(reader, &references);
        if (out->status != TAL_OK || references.count == 0)
            break;
        for (size_t i = 0; i < references.count; i++) {
            tal_export_put_text(out, "@SQ\tSN:");
            put_reference_name(out, references.headers[i], references.gids[i]);
            tal_export_put(out, "\tLN:%d\n", references.lens[i]);
        }
    }
    tal_export_put_text(out, "@PG\tID:talaria\tPN:talaria\tVN:" TAL_VERSION "\n");
}

/* Masked residues are lower case in the result file. */
static char upper(char letter)
{
    return (char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
}

/* The query's letters along the reference. */
static void put_letters(tal_export *out, const char *letters, int32_t len, bool is_reverse)
{
    if (len == 0)
        tal_export_put_text(out, "*");
    for (int32_t i = 0; i < len; i++) {
        char letter = is_reverse ? out->complements[(uint8_t)letters[len - 1 - i]] : letters[i];
        letter = upper(letter);
        if (letter == '*')
            letter = 'X';
        tal_export_put_bytes(out, &letter, 1);
    }
}

/* Where the query equals the reference and what the reference has instead. */
static void put_md(tal_export *out, const tal_export_hit *entry)
{
    const char *letters = entry->letters;
    uint64_t equal = 0;
    tal_export_put_text(out, "MD:Z:");
    for (uint32_t i = 0; i < entry->hit->cigar_count; i++) {
        uint32_t len = entry->cigar[i] >> 4;
        uint32_t operation = entry->cigar[i] & 15;
        if (operation == TAL_CIGAR_EQUAL) {
            equal += len;
        } else if (operation == TAL_CIGAR_DIFF) {
            for (uint32_t k = 0; k < len; k++) {
                tal_export_put(out, "%llu%c", (unsigned long long)equal, upper(*letters++));
                equal = 0;
            }
        } else if (operation == TAL_CIGAR_DELETION) {
            tal_export_put(out, "%llu^", (unsigned long long)equal);
            for (uint32_t k = 0; k < len; k++)
                tal_export_put(out, "%c", upper(*letters++));
            equal = 0;
        }
    }
    tal_export_put(out, "%llu", (unsigned long long)equal);
}

static void put_hit(tal_export *out, const tal_export_hit *entry, bool is_best)
{
    const tal_hit *hit = entry->hit;
    bool is_reverse = hit->is_reverse != 0;
    int32_t before = is_reverse ? entry->query_len - hit->query_end : hit->query_begin;
    int32_t after = is_reverse ? hit->query_begin : entry->query_len - hit->query_end;
    char clip = is_best ? 'S' : 'H';
    put_query_name(out, entry->query_header, hit->query);
    tal_export_put(out, "\t%d\t", (is_reverse ? FLAG_REVERSE : 0) + (is_best ? 0 : FLAG_SECONDARY));
    put_reference_name(out, entry->ref_header, hit->reference);
    tal_export_put(out, "\t%d\t255\t", hit->ref_begin + 1);
    if (hit->cigar_count == 0)
        tal_export_put_text(out, "*");
    if (hit->cigar_count > 0 && before > 0)
        tal_export_put(out, "%d%c", before, clip);
    tal_export_put_cigar(out, entry);
    if (hit->cigar_count > 0 && after > 0)
        tal_export_put(out, "%d%c", after, clip);
    tal_export_put_text(out, "\t*\t0\t0\t");
    if (is_best)
        put_letters(out, entry->query_letters, entry->query_len, is_reverse);
    else
        tal_export_put_text(out, "*");
    tal_export_put(out, "\t*\tAS:i:%d\tNM:i:%d\t", hit->score,
                   hit->mismatch_count + hit->gap_column_count);
    put_md(out, entry);
    if (!isnan(hit->evalue))
        tal_export_put(out, "\tZE:f:%.6g", hit->evalue);
    if (!isnan(hit->bits))
        tal_export_put(out, "\tZB:f:%.7g", hit->bits);
    if (entry->representative_header != NULL) {
        tal_export_put_text(out, "\tZR:Z:");
        put_reference_name(out, entry->representative_header, entry->representative);
    }
    tal_export_put_text(out, "\n");
}

static void sam_query(tal_export *out, const tal_result_page *page, uint64_t query)
{
    uint64_t begin = page->hit_begin[query];
    for (uint64_t i = begin; i < page->hit_begin[query + 1]; i++) {
        tal_export_hit entry = tal_export_hit_at(page, query, i);
        put_hit(out, &entry, i == begin);
    }
    if (begin < page->hit_begin[query + 1])
        return;
    put_query_name(out, page->query_headers[query], page->query_begin + query);
    tal_export_put(out, "\t%d\t*\t0\t0\t*\t*\t0\t0\t", FLAG_UNMAPPED);
    put_letters(out, page->query_letters[query], page->query_lens[query], false);
    tal_export_put_text(out, "\t*\n");
}

const tal_export_format tal_export_sam = {.begin = sam_begin, .query = sam_query};
