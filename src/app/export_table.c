/* Exports of one line a hit: m8, tsv, paf. */
#include "app/export_internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

/* What a column of tsv shows. */
typedef enum column_kind {
    COLUMN_FIELD, /* an int32 of tal_hit */
    COLUMN_QUERY,
    COLUMN_REFERENCE,
    COLUMN_QUERY_HEADER,
    COLUMN_REFERENCE_HEADER,
    COLUMN_QUERY_INDEX,
    COLUMN_REFERENCE_INDEX,
    COLUMN_QUERY_LENGTH,
    COLUMN_REF_LENGTH,
    COLUMN_BITS,
    COLUMN_EVALUE,
    COLUMN_IDENTITY,
    COLUMN_QUERY_COVERAGE,
    COLUMN_REF_COVERAGE,
    COLUMN_STRAND,
    COLUMN_CIGAR,
    COLUMN_REPRESENTATIVE,
    COLUMN_REPRESENTATIVE_INDEX,
} column_kind;

typedef struct column {
    const char *name;
    column_kind kind;
    size_t field; /* offset in tal_hit */
    const char *meaning;
} column;

static const column columns[] = {
    {"query", COLUMN_QUERY, 0, "identifier of the query"},
    {"reference", COLUMN_REFERENCE, 0, "identifier of the reference"},
    {"score", COLUMN_FIELD, offsetof(tal_hit, score), "raw score"},
    {"bits", COLUMN_BITS, 0, "score in bits"},
    {"evalue", COLUMN_EVALUE, 0, "expected number of hits by chance"},
    {"identity", COLUMN_IDENTITY, 0, "identities in percent of columns"},
    {"columns", COLUMN_FIELD, offsetof(tal_hit, column_count), "columns of the alignment"},
    {"identities", COLUMN_FIELD, offsetof(tal_hit, identity_count), "columns of equal residues"},
    {"mismatches", COLUMN_FIELD, offsetof(tal_hit, mismatch_count),
     "columns of different residues"},
    {"positives", COLUMN_FIELD, offsetof(tal_hit, positive_count), "columns that score above 0"},
    {"gap_opens", COLUMN_FIELD, offsetof(tal_hit, gap_open_count), "gaps"},
    {"gap_columns", COLUMN_FIELD, offsetof(tal_hit, gap_column_count), "columns in gaps"},
    {"query_begin", COLUMN_FIELD, offsetof(tal_hit, query_begin),
     "first residue of the query, from 0"},
    {"query_end", COLUMN_FIELD, offsetof(tal_hit, query_end), "one past the last"},
    {"query_length", COLUMN_QUERY_LENGTH, 0, "residues of the query"},
    {"ref_begin", COLUMN_FIELD, offsetof(tal_hit, ref_begin),
     "first residue of the reference, from 0"},
    {"ref_end", COLUMN_FIELD, offsetof(tal_hit, ref_end), "one past the last"},
    {"ref_length", COLUMN_REF_LENGTH, 0, "residues of the reference"},
    {"strand", COLUMN_STRAND, 0, "+, or - when the query was reverse-complemented"},
    {"cigar", COLUMN_CIGAR, 0, "path along the reference, = X I D"},
    {"query_coverage", COLUMN_QUERY_COVERAGE, 0, "aligned part of the query in percent"},
    {"ref_coverage", COLUMN_REF_COVERAGE, 0, "aligned part of the reference in percent"},
    {"query_header", COLUMN_QUERY_HEADER, 0, "whole header line of the query"},
    {"reference_header", COLUMN_REFERENCE_HEADER, 0, "whole header line of the reference"},
    {"query_index", COLUMN_QUERY_INDEX, 0, "place of the query in the input, from 0"},
    {"reference_index", COLUMN_REFERENCE_INDEX, 0, "place of the reference in the input, from 0"},
    {"representative", COLUMN_REPRESENTATIVE, 0,
     "expanded searches: identifier of the representative through which the reference was found; "
     "else -"},
    {"representative_index", COLUMN_REPRESENTATIVE_INDEX, 0,
     "its place in the input, from 0; else -"},
};
enum { COLUMN_COUNT = sizeof(columns) / sizeof(columns[0]) };

static const char usual_columns[] =
    "query,reference,score,bits,evalue,identity,columns,query_begin,query_end,query_length,"
    "ref_begin,ref_end,ref_length,strand,cigar";

tal_status tal_export_list_columns(tal_buffer *out)
{
    tal_status status = TAL_OK;
    for (size_t i = 0; i < COLUMN_COUNT && status == TAL_OK; i++)
        status = tal_buffer_printf(out, "%s\t%s\n", columns[i].name, columns[i].meaning);
    return status;
}

enum { NAME_MAX_BYTES = 32 };

/* Single-letter changes between two short words (Levenshtein 1966). */
static size_t edit_distance(const char *a, size_t a_bytes, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1];
    size_t b_bytes = strlen(b);
    for (size_t k = 0; k <= b_bytes; k++)
        row[k] = k;
    for (size_t i = 0; i < a_bytes; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < b_bytes; k++) {
            size_t change = diagonal + (a[i] == b[k] ? 0 : 1);
            size_t least = row[k] + 1 < row[k + 1] + 1 ? row[k] + 1 : row[k + 1] + 1;
            diagonal = row[k + 1];
            row[k + 1] = change < least ? change : least;
        }
    }
    return row[b_bytes];
}

static tal_status refuse_column(const char *name, size_t bytes)
{
    size_t nearest = 0;
    size_t least = SIZE_MAX;
    char list[1024] = "";
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        size_t distance = edit_distance(name, bytes, columns[i].name);
        if (distance < least) {
            least = distance;
            nearest = i;
        }
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ",
                       columns[i].name); /* Sized for all names. */
    }
    return tal_fail(TAL_ERR_USAGE, "unknown column '%.*s'; did you mean '%s'? columns are: %s",
                    bytes > NAME_MAX_BYTES ? NAME_MAX_BYTES : (int)bytes, name,
                    columns[nearest].name, list);
}

tal_status tal_export_choose_columns(tal_export *out)
{
    const char *at = out->params->columns == NULL ? usual_columns : out->params->columns;
    for (;; at++) {
        size_t bytes = strcspn(at, ",");
        size_t idx = 0;
        while (idx < COLUMN_COUNT &&
               (strlen(columns[idx].name) != bytes || memcmp(columns[idx].name, at, bytes) != 0))
            idx++;
        if (idx == COLUMN_COUNT)
            return refuse_column(at, bytes);
        if (out->column_count == TAL_EXPORT_COLUMNS_MAX)
            return tal_fail(TAL_ERR_USAGE, "too many columns; give at most %d",
                            TAL_EXPORT_COLUMNS_MAX);
        out->columns[out->column_count++] = idx;
        at += bytes;
        if (*at == '\0')
            return TAL_OK;
    }
}

static double percent(int64_t part, int64_t whole)
{
    return whole == 0 ? 0.0 : 100.0 * (double)part / (double)whole;
}

static void put_column(tal_export *out, const column *shown, const tal_export_hit *entry)
{
    const tal_hit *hit = entry->hit;
    int32_t field;
    switch (shown->kind) {
    case COLUMN_FIELD:
        memcpy(&field, (const char *)hit + shown->field, sizeof(field));
        tal_export_put(out, "%d", field);
        break;
    case COLUMN_QUERY:
        tal_export_put_id(out, entry->query_header, "Query", hit->query);
        break;
    case COLUMN_REFERENCE:
        tal_export_put_id(out, entry->ref_header, "Subject", hit->reference);
        break;
    case COLUMN_QUERY_HEADER:
        tal_export_put_line(out, entry->query_header);
        break;
    case COLUMN_REFERENCE_HEADER:
        tal_export_put_line(out, entry->ref_header);
        break;
    case COLUMN_QUERY_INDEX:
        tal_export_put(out, "%llu", (unsigned long long)hit->query);
        break;
    case COLUMN_REFERENCE_INDEX:
        tal_export_put(out, "%llu", (unsigned long long)hit->reference);
        break;
    case COLUMN_QUERY_LENGTH:
        tal_export_put(out, "%d", entry->query_len);
        break;
    case COLUMN_REF_LENGTH:
        tal_export_put(out, "%d", entry->ref_len);
        break;
    case COLUMN_BITS:
        tal_export_put(out, "%.7g", hit->bits);
        break;
    case COLUMN_EVALUE:
        tal_export_put(out, "%.6g", hit->evalue);
        break;
    case COLUMN_IDENTITY:
        tal_export_put(out, "%.3f", percent(hit->identity_count, hit->column_count));
        break;
    case COLUMN_QUERY_COVERAGE:
        tal_export_put(out, "%.3f", percent(hit->query_end - hit->query_begin, entry->query_len));
        break;
    case COLUMN_REF_COVERAGE:
        tal_export_put(out, "%.3f", percent(hit->ref_end - hit->ref_begin, entry->ref_len));
        break;
    case COLUMN_STRAND:
        tal_export_put_text(out, hit->is_reverse != 0 ? "-" : "+");
        break;
    case COLUMN_CIGAR:
        tal_export_put_cigar(out, entry);
        break;
    case COLUMN_REPRESENTATIVE:
        if (entry->representative_header == NULL)
            tal_export_put_text(out, "-");
        else
            tal_export_put_id(out, entry->representative_header, "Subject", entry->representative);
        break;
    case COLUMN_REPRESENTATIVE_INDEX:
        if (entry->representative_header == NULL)
            tal_export_put_text(out, "-");
        else
            tal_export_put(out, "%llu", (unsigned long long)entry->representative);
        break;
    }
}

static void tsv_begin(tal_export *out, tal_result_reader *reader)
{
    (void)reader; /* The header line does not depend on the content. */
    for (size_t i = 0; i < out->column_count; i++) {
        tal_export_put_text(out, i == 0 ? "" : "\t");
        tal_export_put_text(out, columns[out->columns[i]].name);
    }
    tal_export_put_text(out, "\n");
}

static void tsv_query(tal_export *out, const tal_result_page *page, uint64_t query)
{
    for (uint64_t i = page->hit_begin[query]; i < page->hit_begin[query + 1]; i++) {
        tal_export_hit entry = tal_export_hit_at(page, query, i);
        for (size_t k = 0; k < out->column_count; k++) {
            tal_export_put_text(out, k == 0 ? "" : "\t");
            put_column(out, &columns[out->columns[k]], &entry);
        }
        tal_export_put_text(out, "\n");
    }
}

static void m8_query(tal_export *out, const tal_result_page *page, uint64_t query)
{
    for (uint64_t i = page->hit_begin[query]; i < page->hit_begin[query + 1]; i++) {
        tal_export_hit entry = tal_export_hit_at(page, query, i);
        const tal_hit *hit = entry.hit;
        bool is_reverse = hit->is_reverse != 0;
        tal_export_put_id(out, entry.query_header, "Query", hit->query);
        tal_export_put_text(out, "\t");
        tal_export_put_id(out, entry.ref_header, "Subject", hit->reference);
        tal_export_put(out, "\t%.3f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t",
                       percent(hit->identity_count, hit->column_count), hit->column_count,
                       hit->mismatch_count, hit->gap_open_count, hit->query_begin + 1,
                       hit->query_end, is_reverse ? hit->ref_end : hit->ref_begin + 1,
                       is_reverse ? hit->ref_begin + 1 : hit->ref_end);
        tal_export_put_evalue(out, hit->evalue);
        tal_export_put_text(out, "\t");
        tal_export_put_bits(out, hit->bits);
        tal_export_put_text(out, "\n");
    }
}

static void paf_query(tal_export *out, const tal_result_page *page, uint64_t query)
{
    enum { QUALITY_MISSING = 255 };
    for (uint64_t i = page->hit_begin[query]; i < page->hit_begin[query + 1]; i++) {
        tal_export_hit entry = tal_export_hit_at(page, query, i);
        const tal_hit *hit = entry.hit;
        tal_export_put_id(out, entry.query_header, "Query", hit->query);
        tal_export_put(out, "\t%d\t%d\t%d\t%c\t", entry.query_len, hit->query_begin, hit->query_end,
                       hit->is_reverse != 0 ? '-' : '+');
        tal_export_put_id(out, entry.ref_header, "Subject", hit->reference);
        tal_export_put(out,
                       "\t%d\t%d\t%d\t%d\t%d\t%d\ttp:A:%c\tAS:i:%d\tNM:i:%d\tcg:Z:", entry.ref_len,
                       hit->ref_begin, hit->ref_end, hit->identity_count, hit->column_count,
                       QUALITY_MISSING, i == page->hit_begin[query] ? 'P' : 'S', hit->score,
                       hit->mismatch_count + hit->gap_column_count);
        tal_export_put_cigar(out, &entry);
        if (entry.representative_header != NULL) {
            tal_export_put_text(out, "\tZR:Z:");
            tal_export_put_id(out, entry.representative_header, "Subject", entry.representative);
        }
        tal_export_put_text(out, "\n");
    }
}

const tal_export_format tal_export_m8 = {.query = m8_query};
const tal_export_format tal_export_tsv = {.begin = tsv_begin, .query = tsv_query};
const tal_export_format tal_export_paf = {.query = paf_query};
