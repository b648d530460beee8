/* An outside judge of scores: libparasail on every pair, compared with an exported table.
 *
 * Usage: oracle-scores protein|nucleotide OPEN EXTEND QUERIES REFERENCES TABLE
 * TABLE is `talaria export --format tsv --columns query_index,reference_index,strand,score` of a
 * search with --min-score 1 --max-hits 0: a pair that is not in it scores 0. Prints the number of
 * pairs compared and of differences; exit 0 when there are none.
 */
#include "oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* table[(query * references + reference) * 2 + strand] */
static int32_t *read_table(const char *path, size_t query_count, size_t ref_count)
{
    int32_t *table = oracle_or_die(calloc(query_count * ref_count * 2 + 1, sizeof(*table)));
    FILE *file = fopen(path, "r");
    char line[256];
    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        perror(path);
        exit(2);
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t query;
        size_t ref;
        char strand;
        int score;
        if (sscanf(line, "%zu %zu %c %d", &query, &ref, &strand, &score) != 4 ||
            query >= query_count || ref >= ref_count) {
            (void)fprintf(stderr, "oracle-scores: cannot read line '%s'\n", line);
            exit(2);
        }
        table[(query * ref_count + ref) * 2 + (strand == '-')] = score;
    }
    (void)fclose(file);
    return table;
}

static char *reverse_complement(const oracle_record *query)
{
    static const char letters[] = "ACGTRYKMBVDH";
    static const char complements[] = "TGCAYRMKVBHD";
    char *out = oracle_or_die(malloc((size_t)query->len + 1));
    for (int i = 0; i < query->len; i++) {
        char letter = query->letters[query->len - 1 - i];
        const char *at = strchr(letters, letter);
        out[i] = at == NULL ? letter : complements[at - letters];
    }
    out[query->len] = '\0';
    return out;
}

static int score_of(const parasail_profile_t *narrow, const char *query, int query_len,
                    const oracle_record *ref, int open, int extend, const parasail_matrix_t *matrix)
{
    parasail_result_t *result =
        parasail_sw_striped_profile_sat(narrow, ref->letters, ref->len, open, extend);
    if (parasail_result_is_saturated(result)) {
        parasail_result_free(result);
        result =
            parasail_sw_striped_32(query, query_len, ref->letters, ref->len, open, extend, matrix);
    }
    int score = result->score;
    parasail_result_free(result);
    return score;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        (void)fprintf(stderr, "usage: oracle-scores TYPE OPEN EXTEND QUERIES REFERENCES TABLE\n");
        return 2;
    }
    bool is_protein = strcmp(argv[1], "protein") == 0;
    int extend = atoi(argv[3]);
    int open = atoi(argv[2]) + extend; /* parasail: the cost of the first residue of a gap */
    oracle_records queries = oracle_read_fasta(argv[4], is_protein);
    oracle_records refs = oracle_read_fasta(argv[5], is_protein);
    int32_t *table = read_table(argv[6], queries.count, refs.count);
    parasail_matrix_t *matrix =
        is_protein ? oracle_protein_matrix() : parasail_matrix_create("ACGT", 2, -3);
    uint64_t compared = 0;
    uint64_t different = 0;
    for (size_t q = 0; q < queries.count; q++) {
        oracle_record *query = &queries.list[q];
        for (int strand = 0; strand < (is_protein ? 1 : 2) && query->len > 0; strand++) {
            char *letters =
                strand == 0 ? oracle_or_die(strdup(query->letters)) : reverse_complement(query);
            parasail_profile_t *narrow = parasail_profile_create_sat(letters, query->len, matrix);
            for (size_t r = 0; r < refs.count; r++) {
                if (refs.list[r].len == 0)
                    continue;
                int score =
                    score_of(narrow, letters, query->len, &refs.list[r], open, extend, matrix);
                int32_t ours = table[(q * refs.count + r) * 2 + (size_t)strand];
                compared++;
                if (score != ours && different++ < 20)
                    printf("query %zu reference %zu strand %d: parasail %d, table %" PRId32 "\n", q,
                           r, strand, score, ours);
            }
            parasail_profile_free(narrow);
            free(letters);
        }
    }
    printf("%" PRIu64 " pairs compared, %" PRIu64 " differ\n", compared, different);
    parasail_matrix_free(matrix);
    free(table);
    oracle_release(&refs);
    oracle_release(&queries);
    return compared > 0 && different == 0 ? 0 : 1;
}
