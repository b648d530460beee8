/* Tiles: every reference in one of them, evenly falling cost, contiguous parts of sorted runs. */
#include "harness.h"

#include "base/alloc.h"
#include "base/random.h"
#include "search/plan.h"
#include "search/tile_cut.h"

#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "search/tile_cut";

enum { SEED = 5, TILES = 40, RUNS = 5 };

static const tal_ladder_rates rates = {.lanes = TAL_BATCH_LANES, .pair_cost = 40};

/* Sequences of random lengths, some empty, whose letters and headers tell their gid. */
static tal_seqset *make_set(tal_lid count, uint64_t longest)
{
    tal_seqset *set = NULL;
    tal_random random;
    tal_random_init(&random, SEED, 0, count);
    CU_ASSERT_EQUAL_FATAL(tal_seqset_create(TAL_PROTEIN, &set), TAL_OK);
    uint8_t *codes = tal_alloc(longest + 1);
    for (tal_lid i = 0; i < count; i++) {
        size_t len = (size_t)tal_random_below(&random, longest + 1);
        char header[32];
        memset(codes, (int)(i % 20), len);
        int bytes = snprintf(header, sizeof(header), "s%u", i);
        CU_ASSERT_EQUAL_FATAL(tal_seqset_append(set, i, codes, len, header, (size_t)bytes), TAL_OK);
    }
    tal_free(codes);
    return set;
}

static void runs_are_sorted_and_sequences_stay_whole(void)
{
    for (tal_lid count = 0; count < 300; count += 37) {
        tal_seqset *set = make_set(count, 90);
        tal_lid begin[RUNS + 1];
        CU_ASSERT_EQUAL_FATAL(tal_seqset_sort_runs(set, RUNS, begin), TAL_OK);
        CU_ASSERT_EQUAL(begin[0], 0);
        CU_ASSERT_EQUAL(begin[RUNS], count);
        for (size_t run = 0; run < RUNS; run++)
            for (tal_lid lid = begin[run]; lid < begin[run + 1]; lid++) {
                char header[32];
                tal_gid gid = tal_seqset_gid(set, lid);
                (void)snprintf(header, sizeof(header), "s%u", (unsigned)gid);
                CU_ASSERT_STRING_EQUAL(tal_seqset_header(set, lid), header);
                int32_t len = tal_seqset_len(set, lid);
                for (int32_t i = 0; i < len; i++)
                    CU_ASSERT_EQUAL(tal_seqset_residues(set, lid)[i], gid % 20);
                if (lid > begin[run]) {
                    int32_t before = tal_seqset_len(set, lid - 1);
                    CU_ASSERT(before > len ||
                              (before == len && tal_seqset_gid(set, lid - 1) < gid));
                }
            }
        tal_seqset_destroy(set);
    }
}

static uint64_t tile_cost(const tal_seqset *set, const tal_lid *order, const tal_tile *tile)
{
    uint64_t cost = 0;
    for (tal_lid i = 0; i < tile->count; i += i < tile->pair_count ? 1 : TAL_BATCH_LANES) {
        int32_t len = tal_seqset_len(set, order[tile->first + i]);
        cost += i < tile->pair_count ? tal_ladder_pair_cost(rates, len)
                                     : (uint64_t)len * TAL_BATCH_LANES * TAL_LADDER_COST_UNIT;
    }
    return cost;
}

/* The t-th of n tiles costs (n - t) parts of the n (n + 1) / 2 that there are, within a batch and a
 * half of the longest here. */
static void check_fall(const uint64_t *costs, size_t count, uint64_t total)
{
    const uint64_t batch = UINT64_C(200) * TAL_BATCH_LANES * TAL_LADDER_COST_UNIT;
    for (size_t t = 0; t < count; t++) {
        uint64_t want = total * 2 * (count - t) / (count * (count + 1));
        CU_ASSERT(costs[t] < want + batch * 3 / 2);
        CU_ASSERT(costs[t] + batch * 3 / 2 > want);
    }
    CU_ASSERT(costs[count - 1] * count < total / 4);
}

static void tiles_cover_the_order_and_cost_less_towards_the_end(void)
{
    const tal_lid counts[] = {0, 1, 63, 64, 65, 1000, 20000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        tal_seqset *set = make_set(counts[i], 200);
        tal_lid *order = NULL;
        tal_lid order_count = 0;
        CU_ASSERT_EQUAL_FATAL(tal_plan_order(set, &order, &order_count), TAL_OK);
        for (tal_lid pairs = 0; pairs <= order_count && pairs <= 7; pairs += 7) {
            tal_tile tiles[TILES];
            size_t count = tal_tile_cut(set, order, order_count, pairs, rates, TILES, tiles);
            CU_ASSERT(count <= TILES);
            CU_ASSERT_EQUAL(count == 0, order_count == 0);
            tal_lid next = 0;
            tal_lid paired = 0;
            uint64_t total = 0;
            uint64_t costs[TILES];
            for (size_t t = 0; t < count; t++) {
                CU_ASSERT_EQUAL(tiles[t].first, next);
                CU_ASSERT(tiles[t].count > 0);
                bool is_whole = t + 1 == count || tiles[t].pair_count == tiles[t].count ||
                                (tiles[t].count - tiles[t].pair_count) % TAL_BATCH_LANES == 0;
                CU_ASSERT(is_whole);
                next += tiles[t].count;
                paired += tiles[t].pair_count;
                uint64_t cost = tile_cost(set, order, &tiles[t]);
                total += cost;
                costs[t] = cost;
            }
            CU_ASSERT_EQUAL(next, order_count);
            CU_ASSERT_EQUAL(paired, pairs);
            if (order_count > 10000)
                check_fall(costs, count, total);
        }
        tal_free(order);
        tal_seqset_destroy(set);
    }
}

static void a_tile_is_one_part_of_each_run(void)
{
    tal_seqset *set = make_set(3000, 120);
    tal_lid begin[RUNS + 1];
    CU_ASSERT_EQUAL_FATAL(tal_seqset_sort_runs(set, RUNS, begin), TAL_OK);
    tal_lid *order = NULL;
    tal_lid order_count = 0;
    CU_ASSERT_EQUAL_FATAL(tal_plan_order(set, &order, &order_count), TAL_OK);
    tal_tile tiles[TILES];
    size_t count = tal_tile_cut(set, order, order_count, 3, rates, TILES, tiles);
    static tal_tile_part parts[TILES * RUNS];
    tal_tile_list_parts(set, order, tiles, count, begin, RUNS, parts);
    for (size_t t = 0; t < count; t++) {
        uint64_t residues = 0;
        tal_lid found = 0;
        for (size_t run = 0; run < RUNS; run++) {
            const tal_tile_part *part = &parts[t * RUNS + run];
            uint64_t lens = 0;
            for (uint64_t k = 0; k < part->count; k++)
                lens += (uint64_t)tal_seqset_len(set, (tal_lid)(part->lid_begin + k));
            CU_ASSERT_EQUAL(lens, part->residue_count);
            if (part->count > 0)
                CU_ASSERT_PTR_EQUAL(tal_seqset_residues(set, 0) + part->residue_begin,
                                    tal_seqset_residues(set, (tal_lid)part->lid_begin));
            found += (tal_lid)part->count;
        }
        for (tal_lid i = 0; i < tiles[t].count; i++)
            residues += (uint64_t)tal_seqset_len(set, order[tiles[t].first + i]);
        uint64_t listed = 0;
        for (size_t run = 0; run < RUNS; run++)
            listed += parts[t * RUNS + run].residue_count;
        CU_ASSERT_EQUAL(found, tiles[t].count);
        CU_ASSERT_EQUAL(listed, residues);
    }
    tal_free(order);
    tal_seqset_destroy(set);
}

static void claims_last_about_the_aim_and_leave_some(void)
{
    CU_ASSERT_EQUAL(tal_tile_claim(100, 0, 1000), 1);
    CU_ASSERT_EQUAL(tal_tile_claim(100, 5000, 1000), 1);
    CU_ASSERT_EQUAL(tal_tile_claim(100, 500, 1000), 2);
    CU_ASSERT_EQUAL(tal_tile_claim(100, 1, 1000), 7);
    CU_ASSERT_EQUAL(tal_tile_claim(1, 1, 1000), 1);
}

const test_case test_cases[] = {
    TEST_CASE(runs_are_sorted_and_sequences_stay_whole),
    TEST_CASE(tiles_cover_the_order_and_cost_less_towards_the_end),
    TEST_CASE(a_tile_is_one_part_of_each_run),
    TEST_CASE(claims_last_about_the_aim_and_leave_some),
    {0},
};
