/* Results as text that other programs read: m8, tsv, paf, sam, json, pairwise.
 *
 * Pure: from a reader to a sink, the same bytes for the same content. A format is one row of a
 * table (export_format.c) with what it writes at the beginning, for each query and at the end.
 */
#ifndef TAL_APP_EXPORT_FORMAT_H
#define TAL_APP_EXPORT_FORMAT_H

#include "score/matrix.h"
#include "store/result.h"

typedef enum tal_export_kind {
    TAL_EXPORT_M8,       /* the twelve columns of BLAST's tabular output */
    TAL_EXPORT_TSV,      /* chosen columns, with a header line */
    TAL_EXPORT_PAF,      /* pairwise mapping format, path in cg:Z */
    TAL_EXPORT_SAM,      /* sequence alignment map, text */
    TAL_EXPORT_JSON,     /* one document */
    TAL_EXPORT_PAIRWISE, /* alignments in blocks of 60 columns */
    TAL_EXPORT_COUNT
} tal_export_kind;

/* "m8|tsv|paf|sam|json|pairwise", in the order of tal_export_kind: choices of an option. */
#define TAL_EXPORT_CHOICES "m8|tsv|paf|sam|json|pairwise"

typedef struct tal_export_params {
    tal_export_kind kind;
    const char *columns;      /* tsv: "query,score"; NULL: the usual ones */
    const tal_matrix *matrix; /* pairwise: marks positives; NULL: none are marked */
} tal_export_params;

/* Takes `bytes` bytes; a failure ends the export. */
typedef struct tal_export_sink {
    tal_status (*write)(void *context, const void *data, size_t bytes);
    void *context;
} tal_export_sink;

/* Are the columns known? TAL_ERR_USAGE names the unknown one, the nearest and all. */
tal_status tal_export_check(const tal_export_params *params);

/* Write everything. Not collective. */
tal_status tal_export_write(tal_result_reader *reader, const tal_export_params *params,
                            const tal_export_sink *sink);

/* Append one line per column of tsv, "name<tab>meaning", for documentation. */
tal_status tal_export_list_columns(tal_buffer *out);

#endif
