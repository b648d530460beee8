/* What the formats share; see export_format.h. */
#ifndef TAL_APP_EXPORT_INTERNAL_H
#define TAL_APP_EXPORT_INTERNAL_H

#include "app/export_format.h"
#include "base/buffer.h"

enum { TAL_EXPORT_COLUMNS_MAX = 64 };

/* One export. The first failure stays in `status`; what is put after it is dropped, so that
 * formats need not look after every word. */
typedef struct tal_export {
    const tal_export_params *params;
    const tal_export_sink *sink;
    tal_alphabet alphabet;
    tal_status status;
    tal_buffer out;
    bool has_query; /* a query was written: json needs a comma */
    size_t columns[TAL_EXPORT_COLUMNS_MAX];
    size_t column_count;
    tal_buffer rows[3];    /* pairwise: query, middle, reference */
    uint8_t codes[256];    /* letter -> code */
    char complements[256]; /* letter -> letter of the other strand */
} tal_export;

/* One hit with all that belongs to it. */
typedef struct tal_export_hit {
    const tal_hit *hit;
    const uint32_t *cigar;
    const char *letters;
    const char *query_header, *query_letters;
    int32_t query_len;
    const char *ref_header;
    int32_t ref_len;
    const char *representative_header; /* of an expanded search, else NULL */
    uint64_t representative;
} tal_export_hit;

typedef struct tal_export_format {
    void (*begin)(tal_export *out, tal_result_reader *reader);
    void (*query)(tal_export *out, const tal_result_page *page, uint64_t query);
    void (*end)(tal_export *out);
} tal_export_format;

extern const tal_export_format tal_export_m8, tal_export_tsv, tal_export_paf, tal_export_sam,
    tal_export_json, tal_export_pairwise;

/* Hit `hit` of the page, of query `query` of the page. */
tal_export_hit tal_export_hit_at(const tal_result_page *page, uint64_t query, uint64_t hit);

/* Append to the output; large outputs are passed on as they grow. */
void tal_export_put(tal_export *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tal_export_put_bytes(tal_export *out, const char *bytes, size_t count);
void tal_export_put_text(tal_export *out, const char *text);

/* A header line with control bytes replaced by blanks. */
void tal_export_put_line(tal_export *out, const char *header);

/* The identifier of a header; without one, `unnamed` and the index from 1 ("Query_7"). */
void tal_export_put_id(tal_export *out, const char *header, const char *unnamed, uint64_t idx);

/* Runs as in SAM ("10=1X"). */
void tal_export_put_cigar(tal_export *out, const tal_export_hit *hit);

/* E-value and bits as BLAST prints them; "nan" without statistics. */
void tal_export_put_evalue(tal_export *out, double evalue);
void tal_export_put_bits(tal_export *out, double bits);

/* tsv: choose out->columns by out->params->columns. TAL_ERR_USAGE. */
tal_status tal_export_choose_columns(tal_export *out);

#endif
