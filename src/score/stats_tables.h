/* The published parameters as stored; see stats_tables.c for sources. */
#ifndef TAL_SCORE_STATS_TABLES_H
#define TAL_SCORE_STATS_TABLES_H

#include "score/matrix_tables.h"
#include "score/stats.h"

enum { TAL_NUCLEOTIDE_TABLE_COUNT = 12 };

typedef struct tal_protein_row {
    int open, extend; /* 0, 0: ungapped */
    double lambda, k, h;
    double alpha, beta;           /* of the mean length of an alignment */
    double alpha_variance, sigma; /* of its variance, and of the covariance of the two lengths */
} tal_protein_row;

typedef struct tal_protein_rows {
    const tal_protein_row *rows; /* the first is the ungapped one */
    int count;
    tal_gaps preferred;
} tal_protein_rows;

/* In the order of tal_matrix_tables. */
extern const tal_protein_rows tal_protein_tables[TAL_MATRIX_TABLE_COUNT];

typedef struct tal_nucleotide_row {
    int open, extend; /* 0, 0: a gap letter costs mismatch plus half a match, opening nothing */
    double lambda, k, h;
    double alpha, beta;
} tal_nucleotide_row;

typedef struct tal_nucleotide_rows {
    int match, mismatch; /* without common divisor; multiples scale gap costs and 1 / lambda */
    const tal_nucleotide_row *rows;
    int count;
    int open_max, extend_max; /* from here on ungapped parameters hold */
    bool is_score_even;       /* odd scores count as the even score below */
} tal_nucleotide_rows;

extern const tal_nucleotide_rows tal_nucleotide_tables[TAL_NUCLEOTIDE_TABLE_COUNT];

#endif
