/* Karlin-Altschul statistics of gapped alignments: bit scores and E-values.
 *
 * Parameters are the published ones of the standard combinations (sources in the .c). Protein
 * matrices carry the finite-size correction of Park, Sheetlin, Ma, Madden and Spouge (2012);
 * nucleotide scoring the length adjustment of Altschul and Gish (1996), as BLAST+ applies them.
 */
#ifndef TAL_SCORE_STATS_H
#define TAL_SCORE_STATS_H

#include "base/status.h"
#include "score/matrix.h"

/* BLAST's convention: a gap of length k costs open + k * extend. Both >= 0, open + extend >= 1. */
typedef struct tal_gaps {
    int open;
    int extend;
} tal_gaps;

/* Refuse gap costs outside 0..TAL_GAP_MAX or with extend = 0 where impossible. */
#define TAL_GAP_MAX 10000
tal_status tal_gaps_check(const tal_gaps *gaps);

/* The default gap costs of a matrix (BLOSUM62: 11, 1), or of match/mismatch scoring. */
tal_gaps tal_gaps_default(const tal_matrix *matrix);

typedef struct tal_stats {
    double lambda, k, h;    /* gapped Karlin-Altschul parameters; natural logarithms */
    double alpha_a, beta_b; /* length adjustment: l = alpha/lambda * ln(K m n) + beta */
    bool has_gumbel;        /* the finite-size correction below is used */
    double a, b, alpha, beta, sigma, tau;
    bool is_known;      /* false: no published parameters; bits and E are not numbers */
    bool is_score_even; /* BLASTN: odd scores are rounded down for this combination */
} tal_stats;

/* The parameters of a combination; TAL_ERR_CONFIG with the list of known gap costs of this matrix
 * (or known matrices) when there are none. */
tal_status tal_stats_find(const tal_matrix *matrix, tal_gaps gaps, tal_stats *out_stats);

/* What a search space is: the whole reference set, never a partition. */
typedef struct tal_search_space {
    int64_t query_len;
    uint64_t residue_count;
    uint64_t sequence_count;
} tal_search_space;

double tal_stats_bits(const tal_stats *stats, int32_t score);

/* Expected number of chance alignments of at least `score` with a reference of `ref_len`, scaled to
 * the whole set. NAN when !is_known. */
double tal_stats_evalue(const tal_stats *stats, const tal_search_space *space, int32_t score,
                        int64_t ref_len);

/* The smallest score >= 1 whose E-value against a reference of ref_len is <= evalue; INT32_MAX when
 * none is. `guess` is where to begin (any value; a good one is fast). */
int32_t tal_stats_score_cut(const tal_stats *stats, const tal_search_space *space, double evalue,
                            int64_t ref_len, int32_t guess);

#endif
