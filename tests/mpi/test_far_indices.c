/* Searches where sequences have indices beyond 2^32: the same hits as where they count from 0.
 *
 * Small sets whose indices are so far apart that their low 32 bits fall as they rise: what kept
 * only those on its way from score to hit would mix sequences up, and turn the order of equal
 * scores.
 */
#include "ranks.h"
#include "team_of.h"

#include "base/random.h"
#include "search/search.h"
#include "search/tiles.h"

#include <math.h>
#include <xxhash.h>

enum {
    FAMILY_COUNT = 9,
    COPIES = 40, /* of a family, equal: their order is that of indices */
    COUNT = FAMILY_COUNT * COPIES,
    LEN = 70,
    HIT_LIMIT = 25, /* in the middle of a family */
    TRACE_BYTES = 1 << 20,
};

/* Where indices begin and how far they are apart. */
typedef struct spacing {
    tal_gid query_begin, query_step;
    tal_gid ref_begin, ref_step;
} spacing;

static const spacing near = {0, 1, 0, 1};
static const spacing far = {UINT64_C(0xfffffffe), UINT32_MAX, UINT64_C(0xffffff00), UINT32_MAX};

static uint8_t codes[FAMILY_COUNT][LEN];

/* What a search reports, by number instead of index. */
typedef struct digest {
    uint64_t count, sum;
} digest;

static tal_status fill(const ranks_test *test, const spacing *at, tal_seqset *references,
                       tal_seqset *queries)
{
    tal_status status = TAL_OK;
    for (tal_gid i = 0; i < COUNT && status == TAL_OK; i++) /* Copies on all ranks. */
        if ((int)(i / 3 % (uint64_t)test->size) == test->rank)
            status = tal_seqset_append(references, at->ref_begin + i * at->ref_step,
                                       codes[i % FAMILY_COUNT], LEN - i % 2, "", 0);
    for (tal_gid i = 0; i < FAMILY_COUNT && status == TAL_OK; i++)
        status =
            tal_seqset_append(queries, at->query_begin + i * at->query_step, codes[i], LEN, "", 0);
    return status;
}

static void add_hits(ranks_test *test, const spacing *at, const tal_block_hits *hits, digest *all)
{
    const tal_hit *last = NULL;
    for (size_t i = 0; i < hits->hit_count; i++) {
        tal_hit hit = hits->hits[i];
        if (last != NULL && last->query == hit.query)
            RANKS_CHECK(test, tal_hit_compare(last, &hits->hits[i]) < 0);
        last = &hits->hits[i];
        RANKS_CHECK(test, (hit.reference - at->ref_begin) % at->ref_step == 0);
        hit.reference = (hit.reference - at->ref_begin) / at->ref_step;
        hit.query = (hit.query - at->query_begin) / at->query_step;
        RANKS_CHECK(test, hit.reference < COUNT);
        RANKS_CHECK(test, hit.query < FAMILY_COUNT);
        all->sum += XXH3_64bits(&hit, sizeof(hit));
    }
    all->count += hits->hit_count;
}

static digest search(ranks_test *test, const spacing *at, tal_search_params params)
{
    tal_seqset *references = NULL;
    tal_seqset *queries = NULL;
    tal_search *made = NULL;
    tal_team *team = NULL;
    tal_lid run_begin[TAL_TILE_RUNS + 1];
    digest all = {0};
    tal_status status = team_of(2, &team);
    if (status == TAL_OK)
        status = tal_seqset_create(TAL_PROTEIN, &references);
    if (status == TAL_OK)
        status = tal_seqset_create(TAL_PROTEIN, &queries);
    if (status == TAL_OK)
        status = fill(test, at, references, queries);
    if (status == TAL_OK)
        status = tal_seqset_sort_runs(references, TAL_TILE_RUNS, run_begin);
    params.run_begin = run_begin;
    if (status == TAL_OK)
        status = tal_search_create(test->comm, team, &params, references, &made);
    tal_block_hits hits = {0};
    if (status == TAL_OK)
        status = tal_search_block(made, queries, &hits);
    RANKS_CHECK(test, status == TAL_OK);
    if (status == TAL_OK)
        add_hits(test, at, &hits, &all);
    tal_comm_sum_u64(test->comm, &all.count, 2);
    tal_search_destroy(made);
    tal_seqset_destroy(queries);
    tal_seqset_destroy(references);
    tal_team_destroy(team);
    return all;
}

static void hits_are_those_of_near_indices(ranks_test *test)
{
    tal_matrix matrix;
    RANKS_CHECK(test, tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    tal_random random;
    tal_random_init(&random, 12, 0, 0);
    for (int i = 0; i < FAMILY_COUNT * LEN; i++)
        codes[i / LEN][i % LEN] = (uint8_t)tal_random_below(&random, 20);
    tal_search_params params = {
        .isa = TAL_ISA_SCALAR,
        .mode = TAL_LOCAL,
        .matrix = &matrix,
        .gaps = tal_gaps_default(&matrix),
        .evalue = 10,
        .score_min = INT32_MIN,
        .filter_cut = 30,
        .hit_limit = HIT_LIMIT,
        .has_plus = true,
        .residue_count = COUNT * LEN,
        .sequence_count = COUNT,
        .len_max = LEN,
        .trace_bytes = TRACE_BYTES,
    };
    RANKS_CHECK(test, tal_stats_find(&matrix, params.gaps, &params.stats) == TAL_OK);
    const digest want = search(test, &near, params);
    RANKS_CHECK(test, want.count == FAMILY_COUNT * HIT_LIMIT);
    for (int way = 0; way < 4; way++) { /* Own tiles or others'; in full or filtered. */
        params.is_filtered = way % 2 != 0;
        params.has_sharing = way >= 2;
        params.is_other_first = way >= 2;
        const digest got = search(test, &far, params);
        RANKS_CHECK(test, got.count == want.count);
        RANKS_CHECK(test, got.sum == want.sum);
    }
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, hits_are_those_of_near_indices);
    return ranks_end(&test);
}
