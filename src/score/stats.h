/* Karlin-Altschul statistics of gapped local alignments: bit scores and E-values.
 *
 * Parameters are the published ones of the standard combinations (sources in stats_tables.c).
 * Protein matrices carry the finite-size correction of Park, Sheetlin, Ma, Madden and Spouge
 * (2012); nucleotide scoring the length adjustment of Altschul and Gish (1996), as BLAST+ 2.12
 * applies them without composition adjustment.
 *
 * All arithmetic is in double in a fixed order: ranks that run the same program on the same kind of
 * machine get the same bits.
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

/* TAL_ERR_CONFIG for gap costs outside 0..TAL_GAP_MAX or for gaps that cost nothing. */
#define TAL_GAP_MAX 10000
tal_status tal_gaps_check(const tal_gaps *gaps);

/* The default gap costs of a matrix: for a built-in one those BLAST prefers (BLOSUM62: 11, 1), for
 * match/mismatch BLASTN's 5, 2 (times a common divisor of the two scores) where these have
 * published parameters, otherwise the first published. Without published parameters: protein 11, 1;
 * nucleotide 5, 2 scaled from match 2. */
tal_gaps tal_gaps_default(const tal_matrix *matrix);

typedef struct tal_stats {
    bool is_known;      /* false: no parameters; bits and E are NAN and the rest is 0 */
    bool is_computed;   /* by simulation (gumbel.h), not published */
    bool is_score_even; /* BLASTN: for E, odd scores count as the even score below */
    bool has_gumbel;    /* the finite-size correction is used (protein, and what is computed) */
    double lambda_ungapped, k_ungapped; /* of the same scores without gaps */
    double lambda, k, h;                /* gapped Karlin-Altschul parameters; natural logarithms */
    double alpha_a, beta_b;             /* length adjustment: l = alpha/lambda * ln(K m n) + beta */
    double a, b, alpha, beta, sigma, tau; /* finite-size correction: mean a y + b, variance
                                             alpha y + beta, covariance sigma y + tau */
    double lambda_error, k_error;         /* relative standard errors; 0: published */
} tal_stats;

/* The parameters of a combination; TAL_ERR_CONFIG when there are none, with the list of known gap
 * costs of this matrix, or known matrices. A matrix file that scores the twenty amino acids as a
 * built-in matrix does has that one's; a nucleotide matrix counts by what equal and unequal bases
 * score. */
tal_status tal_stats_find(const tal_matrix *matrix, tal_gaps gaps, tal_stats *out_stats);

/* Likewise without message: false, and stats that are not known, when there are none. */
bool tal_stats_look_up(const tal_matrix *matrix, tal_gaps gaps, tal_stats *out_stats);

/* What tal_stats_find knows, as text for messages and help; cut off at `bytes` (2048 is enough).
 * With a matrix its gap costs, "11/2, 10/2, ..."; with NULL the matrices and match/mismatch
 * pairs. Empty for a matrix without published parameters. */
void tal_stats_describe(const tal_matrix *matrix, char *out_text, size_t bytes);

/* What a search space is: the whole reference set, never a partition. */
typedef struct tal_search_space {
    int64_t query_len; /* of one strand */
    uint64_t residue_count;
    uint64_t sequence_count;
} tal_search_space;

/* NAN when !is_known. The score may be scaled (composition.h): any number. */
double tal_stats_bits(const tal_stats *stats, double score);

/* Expected number of chance alignments of at least `score` with a reference of `ref_len` (below 1
 * counts as 1), scaled to the whole set. Nucleotide E-values do not depend on ref_len. NAN when
 * !is_known. Cost: about 0.1 us. */
double tal_stats_evalue(const tal_stats *stats, const tal_search_space *space, int32_t score,
                        int64_t ref_len);

/* The same for a scaled score (composition.h); proteins. It falls as the score rises. */
double tal_stats_evalue_scaled(const tal_stats *stats, const tal_search_space *space, double score,
                               int64_t ref_len);

/* The residues that border effects take from each end of a nucleotide search space (Altschul and
 * Gish): the largest whole l with l <= alpha/lambda * ln(K (m - l) (n - N l)) + beta and
 * K (m - l) (n - N l) >= max(m, n); 0 when there is none. */
int64_t tal_stats_length_adjustment(const tal_stats *stats, const tal_search_space *space);

/* The smallest score >= 1 whose E-value against a reference of ref_len is <= evalue; INT32_MAX when
 * none is (evalue below 0 or NAN, or !is_known). `guess` is where to begin (any value; a good one
 * is fast). */
int32_t tal_stats_score_cut(const tal_stats *stats, const tal_search_space *space, double evalue,
                            int64_t ref_len, int32_t guess);

/* Lengths of the pairs that one floor is for; 1 <= min <= max. */
typedef struct tal_stats_lengths {
    int64_t query_min, query_max, ref_min, ref_max;
} tal_stats_lengths;

/* A score that is not above tal_stats_score_cut of any pair of these lengths, whatever
 * space->query_len is: what is below it need not be looked at more closely. Cost: as one
 * tal_stats_score_cut. */
int32_t tal_stats_score_floor(const tal_stats *stats, const tal_search_space *space, double evalue,
                              const tal_stats_lengths *lengths);

/* The ungapped score that a filter may ask of pairs which are to reach `evalue` with gaps: with m
 * and n the residues of the query and of the whole set, lambda' and K' ungapped, lambda' S - ln K'
 * = share ln(m n / evalue) + ln(ref_len / mean length of the references), a share of what `evalue`
 * asks for, and more where a longer reference offers chance more room. It is the sum of a part of
 * the query, INFINITY for evalue 0 or below or NAN, or when !is_known, and a part of the reference
 * (ref_len below 1 counts as 1), 0 when !is_known. */
double tal_stats_filter_score(const tal_stats *stats, const tal_search_space *space, double evalue,
                              double share);
double tal_stats_filter_length_part(const tal_stats *stats, const tal_search_space *space,
                                    int64_t ref_len);

#endif
