/* Alignments for reading: blocks of 60 columns, as BLAST's text output lays them out.
 *
 * The reference's letters come from the query where both are equal and are stored elsewhere; which
 * of the equal ones are masked in the reference is stored, too. A hit on the minus strand shows the
 * query forward and the reference's other strand, positions falling.
 */
#include "app/export_internal.h"

#include "align/trace.h"
#include "search/hit_masks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_COLUMNS = 60, ROW_QUERY = 0, ROW_MIDDLE, ROW_REFERENCE };

/* Masked residues are lower case: they score nothing. */
static bool is_masked(char letter)
{
    return letter >= 'a' && letter <= 'z';
}

static char middle_of(const tal_export *out, char query, char ref, bool is_equal)
{
    if (is_equal)
        return out->alphabet == TAL_NUCLEOTIDE ? '|' : is_masked(ref) ? ref : query;
    if (is_masked(query) || is_masked(ref))
        return ' ';
    uint8_t query_code = out->codes[(uint8_t)query];
    uint8_t ref_code = out->codes[(uint8_t)ref];
    if (out->params->matrix == NULL || out->alphabet == TAL_NUCLEOTIDE ||
        query_code == TAL_CODE_INVALID || ref_code == TAL_CODE_INVALID)
        return ' ';
    return out->params->matrix->score[query_code][ref_code] > 0 ? '+' : ' ';
}

/* The masks of a hit's = columns: what follows its letters. */
static tal_hit_masks find_masks(const tal_export_hit *entry)
{
    size_t letters = 0;
    for (uint32_t i = 0; i < entry->hit->cigar_count; i++) {
        const uint32_t operation = entry->cigar[i] & 15;
        if (operation == TAL_CIGAR_DIFF || operation == TAL_CIGAR_DELETION)
            letters += entry->cigar[i] >> 4;
    }
    tal_hit_masks masks;
    tal_hit_masks_init(&masks, entry->letters + letters, entry->hit->letter_bytes - letters);
    return masks;
}

/* The same letter, lower case if masked. */
static char with_mask(char letter, bool should_mask)
{
    if (should_mask == is_masked(letter))
        return letter;
    return (char)(should_mask ? letter - 'A' + 'a' : letter - 'a' + 'A');
}

/* The columns of a hit into the three rows, along the reference. */
static void fill_rows(tal_export *out, const tal_export_hit *entry)
{
    const tal_hit *hit = entry->hit;
    size_t columns = (size_t)hit->column_count;
    for (int row = 0; row < 3 && out->status == TAL_OK; row++) {
        tal_buffer_reset(&out->rows[row]);
        out->status = tal_buffer_reserve(&out->rows[row], columns);
    }
    if (out->status != TAL_OK)
        return;
    bool is_reverse = hit->is_reverse != 0;
    int32_t at = is_reverse ? hit->query_end - 1 : hit->query_begin;
    const char *letters = entry->letters;
    tal_hit_masks masks = find_masks(entry);
    size_t column = 0;
    for (uint32_t i = 0; i < hit->cigar_count; i++) {
        uint32_t operation = entry->cigar[i] & 15;
        for (uint32_t k = 0; k < entry->cigar[i] >> 4; k++, column++) {
            char query = '-';
            char ref = '-';
            if (operation != TAL_CIGAR_DELETION) {
                query = entry->query_letters[at];
                query = is_reverse ? out->complements[(uint8_t)query] : query;
                at += is_reverse ? -1 : 1;
            }
            if (operation == TAL_CIGAR_EQUAL)
                ref = with_mask(query, tal_hit_masks_next(&masks));
            else if (operation != TAL_CIGAR_INSERTION)
                ref = *letters++;
            out->rows[ROW_QUERY].data[column] = (uint8_t)query;
            out->rows[ROW_REFERENCE].data[column] = (uint8_t)ref;
            out->rows[ROW_MIDDLE].data[column] =
                (uint8_t)middle_of(out, query, ref, operation == TAL_CIGAR_EQUAL);
        }
    }
}

/* The rows on the other strand, from the end. */
static void turn_rows(tal_export *out, size_t columns)
{
    for (int row = 0; row < 3; row++) {
        uint8_t *cells = out->rows[row].data;
        for (size_t i = 0; i < columns / 2; i++) {
            uint8_t other = cells[i];
            cells[i] = cells[columns - 1 - i];
            cells[columns - 1 - i] = other;
        }
        for (size_t i = 0; i < columns && row != ROW_MIDDLE; i++)
            if (cells[i] != '-')
                cells[i] = (uint8_t)out->complements[cells[i]];
    }
}

/* One line of a sequence; *position is the next residue, from 1, and moves by `step`. */
static void put_row(tal_export *out, const char *name, int row, size_t begin, size_t count,
                    int width, int64_t *position, int step)
{
    const uint8_t *cells = out->rows[row].data + begin;
    int64_t residues = 0;
    for (size_t i = 0; i < count; i++)
        residues += cells[i] != '-';
    /* A line of gaps only shows the residue before it. */
    int64_t first = residues == 0 ? *position - step : *position;
    *position += residues * step;
    tal_export_put(out, "%s  %-*lld  ", name, width, (long long)first);
    tal_export_put_bytes(out, (const char *)cells, count);
    tal_export_put(out, "  %lld\n", (long long)(*position - step));
}

static void put_blocks(tal_export *out, const tal_hit *hit)
{
    size_t columns = (size_t)hit->column_count;
    int32_t largest = hit->query_end > hit->ref_end ? hit->query_end : hit->ref_end;
    int width = snprintf(NULL, 0, "%d", largest);
    int64_t query = hit->query_begin + 1;
    int64_t ref = hit->is_reverse != 0 ? hit->ref_end : hit->ref_begin + 1;
    for (size_t begin = 0; begin < columns; begin += BLOCK_COLUMNS) {
        size_t count = columns - begin < BLOCK_COLUMNS ? columns - begin : BLOCK_COLUMNS;
        put_row(out, "Query", ROW_QUERY, begin, count, width, &query, 1);
        tal_export_put(out, "       %*s  ", width, "");
        tal_export_put_bytes(out, (const char *)out->rows[ROW_MIDDLE].data + begin, count);
        tal_export_put_text(out, "\n");
        put_row(out, "Sbjct", ROW_REFERENCE, begin, count, width, &ref,
                hit->is_reverse != 0 ? -1 : 1);
        tal_export_put_text(out, "\n");
    }
}

static void put_share(tal_export *out, const char *name, int32_t part, int32_t whole)
{
    double percent = whole == 0 ? 0.0 : 100.0 * (double)part / (double)whole;
    tal_export_put(out, "%s = %d/%d (%.0f%%)", name, part, whole, percent);
}

static void put_hit(tal_export *out, const tal_export_hit *entry)
{
    const tal_hit *hit = entry->hit;
    tal_export_put_text(out, "> ");
    tal_export_put_line(out, entry->ref_header);
    tal_export_put(out, "\nLength=%d\n\n Score = ", entry->ref_len);
    if (isnan(hit->bits)) {
        tal_export_put(out, "%d", hit->score);
    } else {
        tal_export_put_bits(out, hit->bits);
        tal_export_put(out, " bits (%d)", hit->score);
    }
    tal_export_put_text(out, ",  Expect = ");
    tal_export_put_evalue(out, hit->evalue);
    tal_export_put_text(out, "\n ");
    put_share(out, "Identities", hit->identity_count, hit->column_count);
    if (out->alphabet == TAL_PROTEIN) {
        tal_export_put_text(out, ", ");
        put_share(out, "Positives", hit->positive_count, hit->column_count);
    }
    tal_export_put_text(out, ", ");
    put_share(out, "Gaps", hit->gap_column_count, hit->column_count);
    if (out->alphabet == TAL_NUCLEOTIDE)
        tal_export_put(out, "\n Strand=Plus/%s", hit->is_reverse != 0 ? "Minus" : "Plus");
    tal_export_put_text(out, "\n\n");
    fill_rows(out, entry);
    if (out->status != TAL_OK)
        return;
    if (hit->is_reverse != 0)
        turn_rows(out, (size_t)hit->column_count);
    put_blocks(out, hit);
    tal_export_put_text(out, "\n");
}

static void pairwise_query(tal_export *out, const tal_result_page *page, uint64_t query)
{
    tal_export_put_text(out, "Query= ");
    tal_export_put_line(out, page->query_headers[query]);
    tal_export_put(out, "\n\nLength=%d\n\n\n", page->query_lens[query]);
    if (page->hit_begin[query] == page->hit_begin[query + 1])
        tal_export_put_text(out, "***** No hits found *****\n\n\n");
    for (uint64_t i = page->hit_begin[query];
         i < page->hit_begin[query + 1] && out->status == TAL_OK; i++) {
        tal_export_hit entry = tal_export_hit_at(page, query, i);
        put_hit(out, &entry);
    }
}

const tal_export_format tal_export_pairwise = {.query = pairwise_query};
