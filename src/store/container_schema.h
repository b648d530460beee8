/* The layout of a reduced set's file as one table: what the writer creates, the reader checks and
 * docs/file-format.md shows.
 */
#ifndef TAL_STORE_CONTAINER_SCHEMA_H
#define TAL_STORE_CONTAINER_SCHEMA_H

#include "store/schema.h"

enum {
    TAL_CONTAINER_MAJOR = 2,
    TAL_CONTAINER_MAJOR_PROTEINS = 1, /* the oldest whose proteins are coded as now */
    TAL_CONTAINER_MINOR = 0,
};

/* Value of the root attribute 'format'. */
#define TAL_CONTAINER_FORMAT "talaria reduced set"

/* The kinds of blocks. */
typedef enum tal_block_kind {
    TAL_BLOCKS_REPRESENTATIVES,
    TAL_BLOCKS_MEMBERS,
    TAL_BLOCKS_TEXT,
    TAL_BLOCK_KIND_COUNT
} tal_block_kind;

/* What a column holds of each block; sums have one row more: totals of all blocks before. */
typedef enum tal_block_column {
    TAL_COLUMN_BYTES,   /* sums: packed bytes */
    TAL_COLUMN_COUNT,   /* sums: things in it */
    TAL_COLUMN_AMOUNT,  /* sums: what they come to */
    TAL_COLUMN_CLUSTER, /* see the table */
    TAL_COLUMN_ORDINAL,
    TAL_COLUMN_PACKED_LOW, /* hash of the packed bytes */
    TAL_COLUMN_PACKED_HIGH,
    TAL_COLUMN_CONTENT_LOW, /* hash of what they hold */
    TAL_COLUMN_CONTENT_HIGH,
    TAL_BLOCK_COLUMN_COUNT
} tal_block_column;

typedef struct tal_column_schema {
    const char *path; /* NULL: this kind has no such column */
    bool is_sum;
    const char *meaning;
} tal_column_schema;

/* The row of a column, of uint64. Threads: any. */
const tal_column_schema *tal_container_column(tal_block_kind kind, tal_block_column column);

/* The dataset of uint8 that holds the packed bytes of all blocks of a kind. */
const char *tal_container_bytes_path(tal_block_kind kind);

/* "representatives", ... for messages. */
const char *tal_container_kind_name(tal_block_kind kind);

/* Datasets that are not about blocks. */
typedef enum tal_container_part {
    TAL_PART_DICTIONARY,
    TAL_PART_MATRIX,
    TAL_PART_INPUT_BYTES,
    TAL_PART_INPUT_RECORDS,
    TAL_PART_INPUT_HASH_LOW,
    TAL_PART_INPUT_HASH_HIGH,
    TAL_PART_INPUT_PATH_BEGIN,
    TAL_PART_INPUT_PATHS,
    TAL_PART_COUNT
} tal_container_part;

typedef struct tal_part_schema {
    const char *path;
    tal_store_type type;
    const char *rows; /* for people */
    const char *meaning;
} tal_part_schema;

const tal_part_schema *tal_container_part_schema(tal_container_part part);

/* The groups of the file, in the order of their creation; NULL after the last. */
const char *tal_container_group(size_t idx);

/* Append the second part of docs/file-format.md. */
tal_status tal_container_write_markdown(tal_buffer *out);

#endif
