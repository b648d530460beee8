/* Random pairs of sequences that grow letter by letter until their best global alignment reaches a
 * score: the simulation of gumbel.c.
 *
 * Park, Sheetlin and Spouge, Annals of Statistics 37:3697 (2009); Sheetlin, Park and Spouge,
 * Nucleic Acids Research 33:4987 (2005). Both sequences begin at the origin of the plane of global
 * alignments with gaps; M is the best score of any cell of the n x n square seen so far. Letters
 * come from a Markov model of alignments, in which related letters meet as exp(lambda s) has them
 * and gaps open and go on with exp(-lambda cost), lambda ungapped: it makes M rise. Each sample
 * that reaches a score y counts with what unrelated letters would have had for probability, over
 * what the model had (the sum over all its paths): unbiased for unrelated letters.
 */
#ifndef TAL_SCORE_GUMBEL_WALK_H
#define TAL_SCORE_GUMBEL_WALK_H

#include "base/random.h"
#include "base/status.h"

enum {
    TAL_WALK_LETTERS = 20,
    TAL_WALK_LEN_MAX = 4000, /* residues of either sequence */
};

/* What steps of the model lead from one state to the next: pair, letter of the query alone, letter
 * of the reference alone. A query letter may follow no reference letter. */
typedef struct tal_walk_steps {
    double pair_pair, pair_query, pair_ref;
    double query_pair, query_query, query_ref;
    double ref_pair, ref_ref;
} tal_walk_steps;

typedef struct tal_walk_model {
    int letters;
    int open, extend;
    double root; /* exp(lambda) without gaps */
    double share[TAL_WALK_LETTERS];
    int score[TAL_WALK_LETTERS][TAL_WALK_LETTERS]; /* [query][ref] */
    int score_turned[TAL_WALK_LETTERS][TAL_WALK_LETTERS];
    double odds[TAL_WALK_LETTERS][TAL_WALK_LETTERS]; /* root^score */
    double odds_turned[TAL_WALK_LETTERS][TAL_WALK_LETTERS];
    double query_odds[TAL_WALK_LETTERS]; /* of a letter whose partner is not seen */
    double ref_odds[TAL_WALK_LETTERS];
    double sum_of_letters[TAL_WALK_LETTERS]; /* shares up to and with each */
    double sum_of_pairs[TAL_WALK_LETTERS * TAL_WALK_LETTERS];
    tal_walk_steps steps;
} tal_walk_model;

/* letters, open, extend >= 1, root, share and score are given: fill in the rest. */
void tal_walk_model_prepare(tal_walk_model *model);

/* Sums over samples, by score y; rows of level_count + 1. */
typedef struct tal_walk_sums {
    double *weight;                       /* that M reaches y */
    double *place, *square, *product;     /* times (i + j) / 2, (i^2 + j^2) / 2, i j of that cell */
    double counted_weight, counted_cells; /* at the level counted: cells of at least its score */
    uint64_t samples, failures;           /* failures: too long a pair, of no use */
    uint64_t cells;
} tal_walk_sums;

typedef struct tal_walk tal_walk; /* scratch of one worker */

tal_status tal_walk_create(tal_walk **out_walk);
void tal_walk_destroy(tal_walk *walk);

typedef struct tal_walk_aim {
    int level_max;   /* M is to reach this */
    int level_count; /* from here the cells of at least this score are counted, 1 to level_max, */
    int level_drop;  /* with unrelated letters, until the border is this far below */
} tal_walk_aim;

/* One sample, a function of model, aim, seed and number alone. */
void tal_walk_sample(tal_walk *walk, const tal_walk_model *model, const tal_walk_aim *aim,
                     uint64_t seed, uint64_t number, tal_walk_sums *sums);

/* The score of a global alignment of two unrelated sequences of `len` residues. */
int tal_walk_unrelated(tal_walk *walk, const tal_walk_model *model, int len, uint64_t seed,
                       uint64_t number);

#endif
