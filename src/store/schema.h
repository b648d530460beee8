/* The layout of the result file as one table: what the writer creates, the reader checks and
 * docs/file-format.md shows.
 */
#ifndef TAL_STORE_SCHEMA_H
#define TAL_STORE_SCHEMA_H

#include "base/buffer.h"
#include "base/types.h"

/* What a file must be for this program: the same major number; a larger minor number only adds. */
enum { TAL_SCHEMA_MAJOR = 2, TAL_SCHEMA_MAJOR_OLDEST = 1, TAL_SCHEMA_MINOR = 0 };

/* Value of the root attribute 'format'. */
#define TAL_SCHEMA_FORMAT "talaria search result"

/* Element types, little-endian in the file. */
typedef enum tal_store_type {
    TAL_STORE_U8,
    TAL_STORE_U32,
    TAL_STORE_I32,
    TAL_STORE_U64,
    TAL_STORE_F64,
    TAL_STORE_TYPE_COUNT
} tal_store_type;

/* What there is one row of. Datasets with the same kind of rows have the same length. */
typedef enum tal_rows {
    TAL_ROWS_QUERIES,
    TAL_ROWS_QUERY_HEADER_BYTES,
    TAL_ROWS_QUERY_LETTERS,
    TAL_ROWS_HITS,
    TAL_ROWS_CIGAR_RUNS,
    TAL_ROWS_HIT_LETTERS,
    TAL_ROWS_BLOCK_COUNT, /* the kinds above grow with every query block */
    TAL_ROWS_REFERENCES = TAL_ROWS_BLOCK_COUNT,
    TAL_ROWS_REFERENCE_HEADER_BYTES,
    TAL_ROWS_INPUTS,
    TAL_ROWS_INPUT_PATH_BYTES,
    TAL_ROWS_BINS,
    TAL_ROWS_COUNT
} tal_rows;

typedef enum tal_dataset {
    TAL_DATASET_QUERY_LENGTH,
    TAL_DATASET_QUERY_HEADER_BEGIN,
    TAL_DATASET_QUERY_HEADERS,
    TAL_DATASET_QUERY_LETTER_BEGIN,
    TAL_DATASET_QUERY_LETTERS,
    TAL_DATASET_QUERY_HIT_BEGIN,
    TAL_DATASET_HIT_REFERENCE,
    TAL_DATASET_HIT_SCORE,
    TAL_DATASET_HIT_EVALUE,
    TAL_DATASET_HIT_BITS,
    TAL_DATASET_HIT_IS_REVERSE,
    TAL_DATASET_HIT_QUERY_BEGIN,
    TAL_DATASET_HIT_QUERY_END,
    TAL_DATASET_HIT_REF_BEGIN,
    TAL_DATASET_HIT_REF_END,
    TAL_DATASET_HIT_COLUMNS,
    TAL_DATASET_HIT_IDENTITIES,
    TAL_DATASET_HIT_MISMATCHES,
    TAL_DATASET_HIT_POSITIVES,
    TAL_DATASET_HIT_GAP_OPENS,
    TAL_DATASET_HIT_GAP_COLUMNS,
    TAL_DATASET_HIT_CIGAR_BEGIN,
    TAL_DATASET_HIT_CIGAR,
    TAL_DATASET_HIT_LETTER_BEGIN,
    TAL_DATASET_HIT_LETTERS,
    TAL_DATASET_REFERENCE_GID,
    TAL_DATASET_REFERENCE_LENGTH,
    TAL_DATASET_REFERENCE_HEADER_BEGIN,
    TAL_DATASET_REFERENCE_HEADERS,
    TAL_DATASET_REFERENCE_REPRESENTATIVE,
    TAL_DATASET_INPUT_ROLE,
    TAL_DATASET_INPUT_BYTES,
    TAL_DATASET_INPUT_SEQUENCES,
    TAL_DATASET_INPUT_RESIDUES,
    TAL_DATASET_INPUT_HASH,
    TAL_DATASET_INPUT_PATH_BEGIN,
    TAL_DATASET_INPUT_PATHS,
    TAL_DATASET_HISTOGRAM,
    TAL_DATASET_COUNT
} tal_dataset;

/* One row of the table. */
typedef struct tal_dataset_schema {
    const char *path; /* "/hits/score" */
    tal_store_type type;
    tal_rows rows;
    bool is_offsets;   /* one row more than its kind: the begins, then the end of the last */
    bool is_optional;  /* left out where there is nothing to say */
    int32_t hit_field; /* offset within tal_hit that this column holds; -1: none */
    const char *meaning;
} tal_dataset_schema;

/* The row of a dataset. Threads: any. */
const tal_dataset_schema *tal_schema_dataset(tal_dataset id);

/* The groups of the file, in the order of their creation; NULL after the last. */
const char *tal_schema_group(size_t idx);

/* Bytes of one element in memory and in the file. */
size_t tal_store_type_bytes(tal_store_type type);

/* "uint8", ... */
const char *tal_store_type_name(tal_store_type type);

/* Append docs/file-format.md, the container's part included. */
tal_status tal_schema_write_markdown(tal_buffer *out);

#endif
