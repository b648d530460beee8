/* What the programs that judge by libparasail share; see oracle.h. */
#include "oracle.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *oracle_or_die(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return memory;
}

/* parasail's BLOSUM62 has no U, O, J; Talaria documents U as C, O as X. */
static char translate(int letter, bool is_protein)
{
    char upper = (char)toupper(letter);
    if (is_protein && upper == 'U')
        return 'C';
    if (is_protein && upper == 'O')
        return 'X';
    return upper;
}

oracle_records oracle_read_fasta(const char *path, bool is_protein)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    oracle_records set = {0};
    size_t capacity = 0;
    size_t letter_capacity = 0;
    bool in_header = false;
    bool at_line_start = true;
    for (int c = getc(file); c != EOF; c = getc(file)) {
        if (at_line_start && c == '>') {
            if (set.count == capacity) {
                capacity = capacity == 0 ? 1024 : capacity * 2;
                set.list = oracle_or_die(realloc(set.list, capacity * sizeof(*set.list)));
            }
            set.list[set.count++] = (oracle_record){0};
            letter_capacity = 0;
            in_header = true;
        }
        at_line_start = c == '\n';
        if (c == '\n')
            in_header = false;
        if (in_header || isspace(c) || set.count == 0)
            continue;
        oracle_record *last = &set.list[set.count - 1];
        if ((size_t)last->len + 1 >= letter_capacity) {
            letter_capacity = letter_capacity == 0 ? 256 : letter_capacity * 2;
            last->letters = oracle_or_die(realloc(last->letters, letter_capacity));
        }
        last->letters[last->len++] = translate(c, is_protein);
        last->letters[last->len] = '\0';
    }
    (void)fclose(file);
    return set;
}

void oracle_release(oracle_records *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->list[i].letters);
    free(set->list);
}

/* BLOSUM62 as BLAST+ 2.12 has it: any letter against X scores -1, where parasail has older figures.
 */
parasail_matrix_t *oracle_protein_matrix(void)
{
    parasail_matrix_t *matrix =
        oracle_or_die(parasail_matrix_copy(parasail_matrix_lookup("blosum62")));
    int any = matrix->mapper['X'];
    for (const char *c = "ARNDCQEGHILKMFPSTWYVBZX"; *c != '\0'; c++) {
        int letter = matrix->mapper[(unsigned char)*c];
        parasail_matrix_set_value(matrix, any, letter, -1);
        parasail_matrix_set_value(matrix, letter, any, -1);
    }
    return matrix;
}
