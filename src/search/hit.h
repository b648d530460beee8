/* One reported alignment, as it travels between ranks and to the result file. */
#ifndef TAL_SEARCH_HIT_H
#define TAL_SEARCH_HIT_H

#include "base/types.h"

/* Fixed part; the CIGAR runs and the reference letters follow where hits travel as bytes.
 * Positions are half-open, from 0, on the sequences as given (forward strand); for strand '-' the
 * query was reverse-complemented and CIGAR and letters run along the reference. */
typedef struct tal_hit {
    uint64_t query; /* index in the query input */
    tal_gid reference;
    double evalue; /* NAN when the scoring has no known statistics */
    double bits;
    int32_t score;
    int32_t query_begin, query_end;
    int32_t ref_begin, ref_end;
    int32_t column_count, identity_count, mismatch_count, positive_count;
    int32_t gap_open_count, gap_column_count;
    uint32_t is_reverse;  /* 0 plus, 1 minus strand of the query */
    uint32_t cigar_count; /* runs: uint32, length << 4 | BAM operation (=, X, I, D) */
    /* Reference letters at X and D columns, in CIGAR order (ASCII), then hit_masks.h. */
    uint32_t letter_bytes;
} tal_hit;
_Static_assert(sizeof(tal_hit) == 88, "hits cross ranks as bytes: no padding");

/* Hits with all they refer to, sorted by (query, tal_hit_compare). */
typedef struct tal_block_hits {
    const tal_hit *hits;
    size_t hit_count;
    const uint32_t *cigars; /* runs of all hits, in hit order */
    const char *letters;    /* letters of all hits, in hit order */
} tal_block_hits;

/* The total order of hits of one query: score falling, reference, strand. <0, 0, >0 like strcmp. */
int tal_hit_compare(const tal_hit *a, const tal_hit *b);

#endif
