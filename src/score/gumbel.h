/* Statistics of gapped local alignment for scorings without a published table, by simulation.
 *
 * lambda from how the probability that global alignments from one point reach y falls with y; K
 * from that probability and the cells of an alignment that score y (gumbel_walk.h has sources).
 * Letters are independent, amino acids as in the average protein, bases equally frequent. Without
 * gaps lambda, K and H are exact.
 */
#ifndef TAL_SCORE_GUMBEL_H
#define TAL_SCORE_GUMBEL_H

#include "par/team.h"
#include "score/stats.h"

/* What the simulation cost. */
typedef struct tal_gumbel_cost {
    uint64_t samples, cells;
} tal_gumbel_cost;

/* The parameters of any scoring, with standard errors; a function of matrix and gap costs alone,
 * rounded to five digits. Samples are added until the error is below TAL_GUMBEL_ERROR of lambda and
 * TAL_GUMBEL_ERROR_K of K, or TAL_GUMBEL_CELLS are done. TAL_ERR_CONFIG with the reason where there
 * are no such statistics: the mean score of unrelated letters is not negative, gaps cost so little
 * that alignments of unrelated sequences grow with them (the linear phase), or so little more that
 * the error of lambda would pass TAL_GUMBEL_ERROR_MAX. Threads: main. Cost: a tenth of a second to
 * some tens of seconds of processor time. */
#define TAL_GUMBEL_ERROR     0.004
#define TAL_GUMBEL_ERROR_K   0.05
#define TAL_GUMBEL_ERROR_MAX 0.05
#define TAL_GUMBEL_CELLS     UINT64_C(3000000000)
tal_status tal_gumbel_find(tal_team *team, const tal_matrix *matrix, tal_gaps gaps,
                           tal_stats *out_stats, tal_gumbel_cost *out_cost);

#endif
