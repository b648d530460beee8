/* The result file of a search: parallel HDF5, structure of arrays, CSR index per query.
 *
 * The schema is one table (schema.c); docs/file-format.md is generated from it by
 * `talaria info --file-format`.
 */
#ifndef TAL_STORE_RESULT_H
#define TAL_STORE_RESULT_H

#include "comm/comm.h"
#include "search/hit.h"
#include "seq/load.h"
#include "seq/seqset.h"

/* One parameter or summary number of the run: stored as an attribute, in order. */
typedef struct tal_result_attribute {
    const char *name;
    enum { TAL_ATTRIBUTE_TEXT, TAL_ATTRIBUTE_U64, TAL_ATTRIBUTE_F64 } type;
    const char *text;
    uint64_t u64;
    double f64;
} tal_result_attribute;

typedef struct tal_result_writer tal_result_writer;

/* May `path` become a result? TAL_ERR_OUTPUT when it exists and not is_forced, or is no plain file:
 * asked before hours of work. Collective; agreed status. */
tal_status tal_result_check_path(tal_comm *comm, const char *path, bool is_forced);

/* Create a temporary file in `folder` (NULL: that of `path`), which must be on the file system of
 * `path`, so that the final rename is atomic. An existing `path` is TAL_ERR_OUTPUT unless
 * is_forced. Collective; agreed status. */
tal_status tal_result_create(tal_comm *comm, const char *path, const char *folder, bool is_forced,
                             tal_alphabet alphabet, tal_result_writer **out_writer);

/* Append one query block (the same on every rank) and this rank's hits of it. Rank r gives the hits
 * of a contiguous run of the block's queries, runs rise with rank, sorted by (query,
 * tal_hit_compare). cigars and letters are concatenated in hit order. Collective; agreed status. */
tal_status tal_result_append(tal_result_writer *writer, const tal_seqset *queries,
                             const tal_block_hits *hits);

/* Everything known only at the end: reference names of this rank's references that were hit
 * (is_hit[lid]), attributes of groups /parameters and /summary, input files, the score histogram,
 * per-rank numbers; then close and rename to the final name. On any failure the temporary file is
 * removed. Destroys the writer in every case. Collective; agreed status. */
typedef struct tal_result_closing {
    const tal_seqset *references;
    const bool *is_hit;             /* one per reference of this rank */
    const int32_t *lens;            /* likewise; NULL: as the set says */
    bool has_representatives;       /* the same on every rank */
    const tal_gid *representatives; /* likewise, if so: gids, each among those named */
    const tal_set_info *query_info;
    const tal_set_info *reference_info;
    const tal_result_attribute *parameters;
    size_t parameter_count;
    const tal_result_attribute *summary; /* the same on every rank */
    size_t summary_count;
    const uint64_t *histogram; /* histogram_count bins, global, the same on every rank */
    size_t histogram_count;
    const tal_result_attribute *rank_numbers; /* this rank's own: name, f64; stored as arrays */
    size_t rank_number_count;
} tal_result_closing;
tal_status tal_result_finish(tal_result_writer *writer, const tal_result_closing *closing);

/* Give up: close and remove the temporary file. Accepts NULL. Collective. */
void tal_result_discard(tal_result_writer *writer);

/* Reading, by one process, in bounded pieces. */
typedef struct tal_result_reader tal_result_reader;

tal_status tal_result_open(const char *path, tal_result_reader **out_reader);
void tal_result_close(tal_result_reader *reader);

tal_alphabet tal_result_alphabet(const tal_result_reader *reader);
uint64_t tal_result_query_count(const tal_result_reader *reader);
uint64_t tal_result_hit_count(const tal_result_reader *reader);
/* A parameter or summary attribute as text into `text`; false when there is none. */
bool tal_result_find_attribute(const tal_result_reader *reader, const char *group, const char *name,
                               char *text, size_t bytes);

/* A number that every rank reported (/ranks/NAME): float64 values in rank order replace the
 * contents of `out`. TAL_ERR_DATA when there is none. */
tal_status tal_result_rank_numbers(const tal_result_reader *reader, const char *name,
                                   tal_buffer *out);

/* The hits of a run of queries with all they refer to. Views into the reader, until the next call.
 */
typedef struct tal_result_page {
    uint64_t query_begin, query_end; /* queries of this page */
    const char *const *query_headers;
    const int32_t *query_lens;
    const char *const *query_letters; /* NUL-terminated; masked residues lower case */
    const uint64_t *hit_begin;        /* query_end - query_begin + 1, relative to the page */
    const tal_hit *hits;
    const uint64_t *cigar_begin; /* hit count + 1, into cigars */
    const uint32_t *cigars;
    const uint64_t *letter_begin; /* hit count + 1, into letters */
    const char *letters;
    const char *const *ref_headers; /* one per hit */
    const int32_t *ref_lens;        /* one per hit */
    /* Of the reference of each hit, when the search was expanded; else NULL. */
    const char *const *representative_headers;
    const uint64_t *representatives;
} tal_result_page;
/* The next page; page->query_begin == query_end at the end. A page has at most hit_limit hits
 * unless one query has more. */
tal_status tal_result_read(tal_result_reader *reader, size_t hit_limit, tal_result_page *out_page);

/* The references that were hit, by rising gid, in bounded pieces (SAM needs them before the hits).
 * Views into the reader, until the next call of this function or of tal_result_read. */
typedef struct tal_result_references {
    size_t count; /* 0 at the end */
    const uint64_t *gids;
    const int32_t *lens;
    const char *const *headers;
} tal_result_references;
tal_status tal_result_read_references(tal_result_reader *reader,
                                      tal_result_references *out_references);

#endif
