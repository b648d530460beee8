/* What the programs that judge by libparasail share: FASTA read in a way of their own, so that they
 * share no code with what they judge, and the scores. Nothing is returned on failure: they end. */
#ifndef TAL_TESTS_CLI_ORACLE_H
#define TAL_TESTS_CLI_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include <parasail.h>

typedef struct oracle_record {
    char *letters; /* upper case, NUL-terminated; NULL: no letters */
    int len;
} oracle_record;

typedef struct oracle_records {
    oracle_record *list;
    size_t count;
} oracle_records;

/* `memory`, which is not NULL, or the program ends. */
void *oracle_or_die(void *memory);

oracle_records oracle_read_fasta(const char *path, bool is_protein);
void oracle_release(oracle_records *set);

/* BLOSUM62; the caller frees it. */
parasail_matrix_t *oracle_protein_matrix(void);

#endif
