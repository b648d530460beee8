/* An outside judge of clusters: libparasail on every member and its representative, and on a sample
 * of representatives and all others.
 *
 * Usage: oracle-clusters PROTEINS TABLE IDENTITY COVERAGE SAMPLE
 * TABLE has a line 'rN<tab>rM' for each record M of the file, counted from 1, with the number N of
 * its representative, in any order. IDENTITY and COVERAGE are whole percents.
 *
 * A member passes when its best local alignment with its representative (Smith-Waterman, BLOSUM62,
 * gaps of k residues cost 11 + k) has at least IDENTITY percent identical columns of all its
 * columns, gaps counted, and spans at least COVERAGE percent of both sequences. Often several
 * alignments have the best score. Told are who passes by the one that libparasail's traceback
 * chooses, and who passes by some alignment of best score: libparasail is asked again with scores
 * times a large number, plus what a column brings to 100 identical - IDENTITY columns, so that of
 * the best the one with most of that is found. A copy of its representative passes.
 *
 * SAMPLE of the representatives, evenly spaced, are each compared with every other representative
 * whose length leaves hope: redundant is one that would pass as its member. Pairs that score less
 * than half a point a column needed are not traced: passing ones bring more than 1
 * (docs/performance.md).
 *
 * Prints: representatives, members, members that fail by libparasail's choice and by the best,
 * records without a line, representatives compared, those redundant.
 */
#include "oracle.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP_FIRST = 12, GAP_NEXT = 1 };

typedef struct judge {
    oracle_records records;
    parasail_matrix_t *matrix;
    int identity, coverage;
    size_t *content;        /* equal sequences have the same number */
    size_t *representative; /* of each record; count: none */
} judge;

/* A member and its representative by content, for how many members. */
typedef struct pair {
    size_t member, representative;
    uint64_t count;
} pair;

typedef struct verdict {
    bool by_choice, by_best;
} verdict;

static const oracle_record *sort_list;

static int compare_content(const void *left, const void *right)
{
    const oracle_record *a = &sort_list[*(const size_t *)left];
    const oracle_record *b = &sort_list[*(const size_t *)right];
    if (a->len != b->len)
        return a->len > b->len ? -1 : 1;
    return a->len == 0 ? 0 : memcmp(a->letters, b->letters, (size_t)a->len);
}

/* Number contents by the first record that has them. */
static size_t *number_contents(const oracle_records *records)
{
    size_t *order = oracle_or_die(malloc((records->count + 1) * sizeof(*order)));
    size_t *content = oracle_or_die(malloc((records->count + 1) * sizeof(*content)));
    for (size_t i = 0; i < records->count; i++)
        order[i] = i;
    sort_list = records->list;
    qsort(order, records->count, sizeof(*order), compare_content);
    for (size_t i = 0; i < records->count; i++)
        content[order[i]] = i > 0 && compare_content(&order[i - 1], &order[i]) == 0
                                ? content[order[i - 1]]
                                : order[i];
    free(order);
    return content;
}

static size_t *read_table(const char *path, size_t count)
{
    size_t *representative = oracle_or_die(malloc((count + 1) * sizeof(*representative)));
    FILE *file = fopen(path, "r");
    char line[256];
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    for (size_t i = 0; i < count; i++)
        representative[i] = count;
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t own, other;
        if (sscanf(line, "r%zu r%zu", &own, &other) != 2 || own < 1 || own > count || other < 1 ||
            other > count) {
            (void)fprintf(stderr, "oracle-clusters: cannot read line '%s'\n", line);
            exit(2);
        }
        representative[other - 1] = own - 1;
    }
    (void)fclose(file);
    return representative;
}

/* Whether an alignment meets both thresholds. Where it begins with a sequence's first letter
 * libparasail goes on to the other's first with gaps: those are no part of a local alignment. */
static bool meets(const judge *self, const oracle_record *a, const oracle_record *b,
                  parasail_result_t *result, const parasail_matrix_t *matrix)
{
    parasail_cigar_t *cigar =
        parasail_result_get_cigar(result, a->letters, a->len, b->letters, b->len, matrix);
    int64_t identical = 0, columns = 0, span_a = 0, span_b = 0;
    for (int i = 0; i < cigar->len; i++) {
        const char op = parasail_cigar_decode_op(cigar->seq[i]);
        const uint32_t len = parasail_cigar_decode_len(cigar->seq[i]);
        if (columns == 0 && (op == 'I' || op == 'D'))
            continue;
        identical += op == '=' ? len : 0;
        columns += len;
        span_a += op == 'D' ? 0 : len;
        span_b += op == 'I' ? 0 : len;
    }
    parasail_cigar_free(cigar);
    return columns > 0 && identical * 100 >= self->identity * columns &&
           span_a * 100 >= (int64_t)self->coverage * a->len &&
           span_b * 100 >= (int64_t)self->coverage * b->len;
}

/* Scores that say first what the matrix says, then what a column brings to the threshold. */
static parasail_matrix_t *make_fine(const judge *self, int64_t factor)
{
    parasail_matrix_t *fine = oracle_or_die(parasail_matrix_copy(self->matrix));
    for (int a = 0; a < fine->size; a++)
        for (int b = 0; b < fine->size; b++)
            parasail_matrix_set_value(fine, a, b,
                                      (int)(self->matrix->matrix[a * fine->size + b] * factor +
                                            (a == b ? 100 - self->identity : -self->identity)));
    return fine;
}

static bool passes_by_best(const judge *self, const oracle_record *a, const oracle_record *b)
{
    /* More than what all columns bring to the threshold. */
    const int64_t factor = 200 * ((int64_t)a->len + b->len) + 1;
    parasail_matrix_t *fine = make_fine(self, factor);
    parasail_result_t *result = parasail_sw_trace_striped_64(
        a->letters, a->len, b->letters, b->len, (int)(GAP_FIRST * factor + self->identity),
        (int)(GAP_NEXT * factor + self->identity), fine);
    const bool passes = meets(self, a, b, result, fine);
    parasail_result_free(result);
    parasail_matrix_free(fine);
    return passes;
}

static verdict judge_pair(const judge *self, const oracle_record *a, const oracle_record *b)
{
    if (a->len == 0 || b->len == 0)
        return (verdict){0};
    parasail_result_t *result = parasail_sw_trace_striped_sat(
        a->letters, a->len, b->letters, b->len, GAP_FIRST, GAP_NEXT, self->matrix);
    verdict found = {.by_choice = meets(self, a, b, result, self->matrix)};
    parasail_result_free(result);
    found.by_best = found.by_choice || passes_by_best(self, a, b);
    return found;
}

static int compare_pairs(const void *left, const void *right)
{
    const pair *a = left;
    const pair *b = right;
    if (a->representative != b->representative)
        return a->representative < b->representative ? -1 : 1;
    return (a->member > b->member) - (a->member < b->member);
}

/* The distinct pairs of members and representatives that are not equal. */
static pair *list_pairs(const judge *self, size_t *out_count)
{
    pair *pairs = oracle_or_die(malloc((self->records.count + 1) * sizeof(*pairs)));
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < self->records.count; i++) {
        const size_t own = self->representative[i];
        if (own < self->records.count && self->content[own] != self->content[i])
            pairs[count++] = (pair){self->content[i], self->content[own], 1};
    }
    qsort(pairs, count, sizeof(*pairs), compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_pairs(&pairs[kept - 1], &pairs[i]) == 0)
            pairs[kept - 1].count++;
        else
            pairs[kept++] = pairs[i];
    }
    *out_count = kept;
    return pairs;
}

static void judge_members(const judge *self, uint64_t *out_by_choice, uint64_t *out_by_best)
{
    size_t count;
    pair *pairs = list_pairs(self, &count);
    uint64_t by_choice = 0, by_best = 0;
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : by_choice, by_best)
    for (size_t i = 0; i < count; i++) {
        const verdict found = judge_pair(self, &self->records.list[pairs[i].member],
                                         &self->records.list[pairs[i].representative]);
        by_choice += found.by_choice ? 0 : pairs[i].count;
        by_best += found.by_best ? 0 : pairs[i].count;
    }
    free(pairs);
    *out_by_choice = by_choice;
    *out_by_best = by_best;
}

/* Whether lengths leave hope: identical columns are at most the shorter's residues. */
static bool may_pass(const judge *self, int len, int other_len)
{
    const int64_t shorter = len < other_len ? len : other_len;
    const int64_t longer = len < other_len ? other_len : len;
    return shorter > 0 && shorter * 10000 >= longer * self->identity * self->coverage;
}

static bool is_redundant(const judge *self, const size_t *representatives, size_t count, size_t one)
{
    const oracle_record *a = &self->records.list[representatives[one]];
    if (a->len == 0)
        return false;
    parasail_profile_t *profile = parasail_profile_create_sat(a->letters, a->len, self->matrix);
    bool is_found = false;
    for (size_t i = 0; i < count && !is_found; i++) {
        const oracle_record *b = &self->records.list[representatives[i]];
        if (i == one || !may_pass(self, a->len, b->len))
            continue;
        parasail_result_t *result =
            parasail_sw_striped_profile_sat(profile, b->letters, b->len, GAP_FIRST, GAP_NEXT);
        const int64_t longer = a->len > b->len ? a->len : b->len;
        const bool has_hope = (int64_t)result->score * 200 >= longer * self->coverage;
        parasail_result_free(result);
        is_found = has_hope && judge_pair(self, a, b).by_best;
    }
    parasail_profile_free(profile);
    return is_found;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        (void)fprintf(stderr, "usage: oracle-clusters PROTEINS TABLE IDENTITY COVERAGE SAMPLE\n");
        return 2;
    }
    judge self = {
        .records = oracle_read_fasta(argv[1], true),
        .matrix = oracle_protein_matrix(),
        .identity = atoi(argv[3]),
        .coverage = atoi(argv[4]),
    };
    const size_t count = self.records.count;
    self.content = number_contents(&self.records);
    self.representative = read_table(argv[2], count);
    size_t *representatives = oracle_or_die(malloc((count + 1) * sizeof(*representatives)));
    size_t representative_count = 0, lost = 0;
    for (size_t i = 0; i < count; i++) {
        lost += self.representative[i] == count;
        if (self.representative[i] == i)
            representatives[representative_count++] = i;
    }
    uint64_t by_choice, by_best;
    judge_members(&self, &by_choice, &by_best);
    const size_t wanted = strtoul(argv[5], NULL, 10);
    const size_t sample = wanted < representative_count ? wanted : representative_count;
    uint64_t redundant = 0;
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : redundant)
    for (size_t i = 0; i < sample; i++)
        redundant += is_redundant(&self, representatives, representative_count,
                                  i * representative_count / sample);
    printf("%zu %zu %" PRIu64 " %" PRIu64 " %zu %zu %" PRIu64 "\n", representative_count,
           count - representative_count - lost, by_choice, by_best, lost, sample, redundant);
    free(representatives);
    free(self.representative);
    free(self.content);
    parasail_matrix_free(self.matrix);
    oracle_release(&self.records);
    return 0;
}
