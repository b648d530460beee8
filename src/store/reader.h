/* What the two halves of the reader share: columns and opening (reader.c), pages (page.c). */
#ifndef TAL_STORE_READER_H
#define TAL_STORE_READER_H

#include "base/buffer.h"
#include "store/h5.h"
#include "store/result.h"
#include "store/schema.h"

/* Limits of what is held at once; a single query or reference may exceed them. */
enum {
    TAL_PAGE_QUERIES = 4096,         /* queries of a page */
    TAL_PAGE_BYTES = 16 << 20,       /* letters and headers of its queries */
    TAL_REFERENCE_BLOCK_ROWS = 4096, /* rows of /references read at once */
};

/* What a page's hits refer to; one entry per hit. */
typedef struct tal_page_names {
    tal_buffer headers, header_at, views; /* text; size_t; const char * */
    tal_buffer lens;                      /* int32_t */
    tal_buffer representatives;           /* uint64_t */
} tal_page_names;

struct tal_result_reader {
    char *path;
    hid_t file;
    hid_t dataset[TAL_DATASET_COUNT]; /* negative until open */
    uint64_t rows[TAL_ROWS_COUNT];
    tal_alphabet alphabet;
    uint64_t next_query, next_reference; /* where the next page begins */

    /* The page: queries. */
    tal_buffer query_lens, query_header_begin, query_headers, query_header_views;
    tal_buffer query_letter_begin, query_letters, query_letter_views, hit_begin;
    /* The page: hits. */
    tal_buffer column, hits, cigar_begin, cigars, letter_begin, letters;
    tal_buffer hit_order;
    tal_page_names references, representatives;
    /* A block of /references. */
    uint64_t block_begin, block_count; /* rows held; count 0: none */
    tal_buffer block_gids, block_lens, block_header_begin, block_headers, block_header_views;
    tal_buffer block_representatives;
    tal_buffer gid_index; /* first gid of every block of rows */
};

/* Open an HDF5 file for reading; `maker` is the command that messages name. */
tal_status tal_reader_open_file(const char *path, const char *maker, hid_t *out_file);

/* The rows of an open dataset of one dimension and the right type; false when it is not. */
bool tal_reader_find_rows(hid_t dataset, tal_store_type type, uint64_t *out_rows);

/* "cannot read 'out.h5': <what>". TAL_ERR_DATA. */
tal_status tal_reader_damaged(const tal_result_reader *reader, const char *what);

/* Rows [begin, begin + count) of a dataset replace the contents of `out`; the range must be inside.
 */
tal_status tal_reader_rows(tal_result_reader *reader, tal_dataset id, uint64_t begin,
                           uint64_t count, tal_buffer *out);

/* The offsets of things [begin, begin + count): count + 1 of them, checked to rise and to stay
 * within what they point into. */
tal_status tal_reader_offsets(tal_result_reader *reader, tal_dataset id, uint64_t begin,
                              uint64_t count, tal_buffer *out);

/* Lay out the bytes [offsets[0], offsets[count]) of a dataset as count strings ended by NUL, with
 * their views. */
tal_status tal_reader_strings(tal_result_reader *reader, tal_dataset id, const uint64_t *offsets,
                              uint64_t count, tal_buffer *strings, tal_buffer *views);

/* The block of /references that holds row `row`. */
tal_status tal_reader_block(tal_result_reader *reader, uint64_t row);

/* The row of a gid in the block that may hold it, loading that block; UINT64_MAX when absent. */
tal_status tal_reader_find_reference(tal_result_reader *reader, uint64_t gid, uint64_t *out_row);

#endif
