/* Expanded search: the same hits as a search of everything, however few members are fetched at a
 * time. */
#include "ranks.h"
#include "team_of.h"

#include "base/random.h"
#include "search/search.h"

#include <string.h>
#include <xxhash.h>

enum { FAMILY_COUNT = 30, MEMBER_MAX = 12, LEN = 120, QUERY_COUNT = 24, TRACE_BYTES = 1 << 20 };

/* Cluster c has member_counts[c] members, of which the gids follow that of the representative. The
 * same on every rank. */
typedef struct sample {
    tal_alphabet alphabet;
    uint8_t codes[FAMILY_COUNT][MEMBER_MAX + 1][LEN];
    uint64_t member_counts[FAMILY_COUNT];
    uint8_t queries[QUERY_COUNT][LEN];
} sample;

static sample data;

static tal_gid gid_of(size_t cluster, size_t ordinal)
{
    return cluster * (MEMBER_MAX + 1) + ordinal;
}

static void mutate(tal_random *random, const uint8_t *from, double rate, uint8_t *to)
{
    for (int i = 0; i < LEN; i++)
        to[i] = tal_random_unit(random) < rate
                    ? (uint8_t)tal_random_below(random, data.alphabet == TAL_PROTEIN ? 20 : 4)
                    : from[i];
}

static void make_sample(tal_alphabet alphabet)
{
    tal_random random;
    tal_random_init(&random, 3, 0, (uint64_t)alphabet);
    data.alphabet = alphabet;
    uint8_t turned[LEN];
    for (size_t c = 0; c < FAMILY_COUNT; c++) {
        static const uint8_t zeros[LEN];
        mutate(&random, zeros, 2, data.codes[c][0]);
        data.member_counts[c] = c % 5 == 0 ? 0 : tal_random_below(&random, MEMBER_MAX + 1);
        for (size_t m = 1; m <= MEMBER_MAX; m++) {
            mutate(&random, data.codes[c][0], 0.1, data.codes[c][m]);
            if (alphabet == TAL_NUCLEOTIDE && m % 2 == 0) {
                tal_nucleotide_reverse_complement(data.codes[c][m], LEN, turned);
                memcpy(data.codes[c][m], turned, LEN);
            }
        }
    }
    for (size_t q = 0; q < QUERY_COUNT; q++)
        mutate(&random, data.codes[q][0], alphabet == TAL_PROTEIN ? 0.4 : 0.1, data.queries[q]);
}

/* A rank's clusters and how many members it fetches at a time. */
typedef struct holder {
    ranks_test *test;
    size_t limit;
} holder;

static uint64_t find(const void *context, tal_gid representative, uint64_t *out_first)
{
    const holder *own = context;
    const size_t wanted = (size_t)representative / (MEMBER_MAX + 1);
    *out_first = 0;
    for (size_t c = (size_t)own->test->rank; c < wanted; c += (size_t)own->test->size)
        *out_first += data.member_counts[c];
    return data.member_counts[wanted];
}

static tal_status fetch(void *context, const uint64_t *members, size_t count, size_t *out_taken,
                        tal_seqset *set)
{
    const holder *own = context;
    tal_status status = TAL_OK;
    size_t cluster = (size_t)own->test->rank;
    uint64_t first = 0;
    *out_taken = 0;
    while (*out_taken < count && *out_taken < own->limit && status == TAL_OK) {
        while (first + data.member_counts[cluster] <= members[*out_taken]) {
            first += data.member_counts[cluster];
            cluster += (size_t)own->test->size;
        }
        const size_t ordinal = (size_t)(members[(*out_taken)++] - first) + 1;
        status = tal_seqset_append(set, gid_of(cluster, ordinal), data.codes[cluster][ordinal], LEN,
                                   "", 0);
    }
    return tal_comm_agree(own->test->comm, status);
}

/* This rank's references: representatives, and members too when there is no expansion. */
static tal_status fill_references(const ranks_test *test, bool has_members, tal_seqset *set)
{
    tal_status status = TAL_OK;
    for (size_t c = (size_t)test->rank; c < FAMILY_COUNT; c += (size_t)test->size)
        for (size_t m = 0; m <= (has_members ? data.member_counts[c] : 0) && status == TAL_OK; m++)
            status = tal_seqset_append(set, gid_of(c, m), data.codes[c][m], LEN, "", 0);
    return status;
}

static tal_search_params make_params(const tal_matrix *matrix, bool has_plus, bool has_minus)
{
    tal_search_params params = {
        .isa = TAL_ISA_SCALAR,
        .mode = TAL_LOCAL,
        .matrix = matrix,
        .gaps = tal_gaps_default(matrix),
        .evalue = 1e-3,
        .score_min = INT32_MIN,
        .hit_limit = 7,
        .has_plus = has_plus,
        .has_minus = has_minus,
        .len_max = LEN,
        .trace_bytes = TRACE_BYTES,
    };
    for (size_t c = 0; c < FAMILY_COUNT; c++)
        params.sequence_count += 1 + data.member_counts[c];
    params.residue_count = params.sequence_count * LEN;
    return params;
}

/* How many hits there are on all ranks, and a sum of hashes of them: their order is that of ranks.
 */
typedef struct digest {
    uint64_t count, sum;
} digest;

static digest search(ranks_test *test, const tal_search_params *params, bool has_members)
{
    tal_seqset *references = NULL, *queries = NULL;
    tal_search *made = NULL;
    tal_team *team = NULL;
    digest all = {0};
    tal_status status = team_of(2, &team);
    if (status == TAL_OK)
        status = tal_seqset_create(data.alphabet, &references);
    if (status == TAL_OK)
        status = tal_seqset_create(data.alphabet, &queries);
    if (status == TAL_OK)
        status = fill_references(test, has_members, references);
    for (size_t q = 0; q < QUERY_COUNT && status == TAL_OK; q++)
        status = tal_seqset_append(queries, q, data.queries[q], LEN, "", 0);
    if (status == TAL_OK)
        status = tal_search_create(test->comm, team, params, references, &made);
    for (int block = 0; block < 2 && status == TAL_OK; block++) { /* Twice: nothing is left over. */
        tal_block_hits hits = {0};
        status = tal_search_block(made, queries, &hits);
        const uint32_t *cigar = hits.cigars;
        for (size_t i = 0; i < hits.hit_count; i++) {
            all.sum += XXH3_64bits(&hits.hits[i], sizeof(hits.hits[i])) * (uint64_t)(block + 1);
            all.sum += XXH3_64bits_withSeed(cigar, hits.hits[i].cigar_count * sizeof(*cigar), i);
            cigar += hits.hits[i].cigar_count;
        }
        all.count += hits.hit_count;
    }
    RANKS_CHECK(test, status == TAL_OK);
    tal_comm_sum_u64(test->comm, &all.count, 2);
    tal_search_destroy(made);
    tal_seqset_destroy(queries);
    tal_seqset_destroy(references);
    tal_team_destroy(team);
    return all;
}

static void expect_same(ranks_test *test, tal_search_params *params)
{
    const size_t limits[] = {1, 3, 1000};
    params->expansion = NULL;
    const digest want = search(test, params, true);
    RANKS_CHECK(test, want.count > 20);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        holder own = {test, limits[i]};
        const tal_expansion expansion = {
            .share = 0.5, .find = find, .fetch = fetch, .context = &own};
        params->expansion = &expansion;
        const digest got = search(test, params, false);
        RANKS_CHECK(test, got.count == want.count);
        RANKS_CHECK(test, got.sum == want.sum);
    }
}

static void proteins_have_the_hits_of_a_full_search(ranks_test *test)
{
    tal_matrix matrix;
    RANKS_CHECK(test, tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    make_sample(TAL_PROTEIN);
    tal_search_params params = make_params(&matrix, true, false);
    RANKS_CHECK(test, tal_stats_find(&matrix, params.gaps, &params.stats) == TAL_OK);
    expect_same(test, &params);
    params.hit_limit = 0;
    expect_same(test, &params);
}

static void nucleotides_have_them_on_the_strands_asked_for(ranks_test *test)
{
    tal_matrix matrix;
    RANKS_CHECK(test, tal_matrix_match_mismatch(2, -3, &matrix) == TAL_OK);
    make_sample(TAL_NUCLEOTIDE);
    for (int strands = 1; strands <= 3; strands++) {
        tal_search_params params = make_params(&matrix, strands & 1, strands & 2);
        RANKS_CHECK(test, tal_stats_find(&matrix, params.gaps, &params.stats) == TAL_OK);
        expect_same(test, &params);
    }
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, proteins_have_the_hits_of_a_full_search);
    RANKS_RUN(&test, nucleotides_have_them_on_the_strands_asked_for);
    return ranks_end(&test);
}
