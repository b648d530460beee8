/* The built-in matrices as stored: lower triangles over the first 25 protein codes. */
#ifndef TAL_SCORE_MATRIX_TABLES_H
#define TAL_SCORE_MATRIX_TABLES_H

#include "seq/alphabet.h"

enum {
    TAL_MATRIX_TABLE_COUNT = 8,
    TAL_MATRIX_TABLE_LETTERS = 25, /* codes 0..24: "ARNDCQEGHILKMFPSTWYVBJZX*" */
    TAL_MATRIX_TABLE_SIZE = TAL_MATRIX_TABLE_LETTERS * (TAL_MATRIX_TABLE_LETTERS + 1) / 2,
};

typedef struct tal_matrix_table {
    char name[12];
    int8_t lower[TAL_MATRIX_TABLE_SIZE]; /* [i * (i + 1) / 2 + j], j <= i */
} tal_matrix_table;

/* In the order of tal_matrix_names. */
extern const tal_matrix_table tal_matrix_tables[TAL_MATRIX_TABLE_COUNT];

#endif
