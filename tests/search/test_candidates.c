/* Candidate lists: the best k in the total order, whatever the order of arrival. */
#include "harness.h"
#include "team_of.h"

#include "base/alloc.h"
#include "par/team.h"
#include "search/candidates.h"

#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "search/candidates";

enum { COUNT = 4000 };

/* Few distinct scores: many ties. gids are distinct but for the strand. */
static void sample(tal_candidate *list)
{
    for (uint32_t i = 0; i < COUNT; i++)
        list[i] = (tal_candidate){
            .gid = i / 2, .lid = i, .score = (int32_t)test_random_in(-5, 20), .is_reverse = i % 2};
    for (uint32_t i = COUNT - 1; i > 0; i--) {
        uint32_t j = (uint32_t)test_random_in(0, i);
        tal_candidate swap = list[i];
        list[i] = list[j];
        list[j] = swap;
    }
}

static int compare(const void *a, const void *b)
{
    return tal_candidate_compare(a, b);
}

static void keeps_the_best_k_of_any_order(void)
{
    static tal_candidate list[COUNT];
    static tal_candidate sorted[COUNT];
    const uint64_t limits[] = {0, 1, 2, 3, 7, 8, 100, COUNT - 1, COUNT, COUNT + 1};
    for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
        sample(list);
        memcpy(sorted, list, sizeof(list));
        qsort(sorted, COUNT, sizeof(*sorted), compare);
        tal_candidates *candidates = NULL;
        CU_ASSERT_EQUAL_FATAL(tal_candidates_create(limits[l], &candidates), TAL_OK);
        for (int round = 0; round < 2; round++) { /* The second time with memory to reuse. */
            CU_ASSERT_EQUAL_FATAL(tal_candidates_reset(candidates, 2), TAL_OK);
            for (int i = 0; i < COUNT; i++)
                if (list[i].score >= tal_candidates_floor(candidates, 1))
                    CU_ASSERT_EQUAL(tal_candidates_add(candidates, 1, &list[i]), TAL_OK);
            tal_candidates_finish(candidates);
            size_t count = 0;
            const tal_candidate *kept = tal_candidates_view(candidates, 1, &count);
            CU_ASSERT_EQUAL(count, limits[l] == 0 || limits[l] > COUNT ? COUNT : limits[l]);
            for (size_t i = 0; i < count; i++)
                CU_ASSERT_EQUAL(tal_candidate_compare(&kept[i], &sorted[i]), 0);
            (void)tal_candidates_view(candidates, 0, &count);
            CU_ASSERT_EQUAL(count, 0);
        }
        tal_candidates_destroy(candidates);
    }
}

static void already_ordered_arrivals_are_kept_right(void)
{
    tal_candidates *candidates = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_candidates_create(10, &candidates), TAL_OK);
    for (int direction = -1; direction <= 1; direction++) {
        CU_ASSERT_EQUAL_FATAL(tal_candidates_reset(candidates, 1), TAL_OK);
        for (int i = 0; i < 1000; i++) {
            tal_candidate candidate = {.gid = (tal_gid)i, .score = direction * i};
            CU_ASSERT_EQUAL(tal_candidates_add(candidates, 0, &candidate), TAL_OK);
        }
        tal_candidates_finish(candidates);
        size_t count = 0;
        const tal_candidate *kept = tal_candidates_view(candidates, 0, &count);
        CU_ASSERT_EQUAL(count, 10);
        for (size_t i = 0; i < count; i++)
            CU_ASSERT_EQUAL(kept[i].gid, direction == 1 ? 999 - i : i);
    }
    tal_candidates_destroy(candidates);
}

static tal_status add_one(void *context, int worker, size_t item)
{
    (void)worker; /* All workers share the table. */
    tal_candidate candidate = {.gid = item / 300, .score = (int32_t)(item * 7919 % 1000)};
    return tal_candidates_add(context, (tal_lid)(item % 300), &candidate);
}

static void workers_may_add_at_once(void)
{
    tal_candidates *candidates = NULL;
    tal_team *team = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_candidates_create(5, &candidates), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(team_of(4, &team), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_candidates_reset(candidates, 300), TAL_OK);
    CU_ASSERT_EQUAL(tal_team_for(team, 300 * 100, add_one, candidates), TAL_OK);
    tal_candidates_finish(candidates);
    for (tal_lid query = 0; query < 300; query++) {
        size_t count = 0;
        const tal_candidate *kept = tal_candidates_view(candidates, query, &count);
        CU_ASSERT_EQUAL_FATAL(count, 5);
        tal_candidate all[100];
        for (size_t i = 0; i < 100; i++)
            all[i] = (tal_candidate){.gid = i, .score = (int32_t)((i * 300 + query) * 7919 % 1000)};
        qsort(all, 100, sizeof(*all), compare);
        for (size_t i = 0; i < 5; i++)
            CU_ASSERT_EQUAL(tal_candidate_compare(&kept[i], &all[i]), 0);
    }
    tal_team_destroy(team);
    tal_candidates_destroy(candidates);
}

static void cut_keeps_the_first(void)
{
    tal_candidates *candidates = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_candidates_create(0, &candidates), TAL_OK);
    CU_ASSERT_EQUAL_FATAL(tal_candidates_reset(candidates, 1), TAL_OK);
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(tal_candidates_add(candidates, 0, &(tal_candidate){.score = i}), TAL_OK);
    tal_candidates_finish(candidates);
    tal_candidates_cut(candidates, 0, 2);
    size_t count = 0;
    CU_ASSERT_EQUAL(tal_candidates_view(candidates, 0, &count)[1].score, 3);
    CU_ASSERT_EQUAL(count, 2);
    tal_candidates_destroy(candidates);
}

const test_case test_cases[] = {
    TEST_CASE(keeps_the_best_k_of_any_order),
    TEST_CASE(already_ordered_arrivals_are_kept_right),
    TEST_CASE(workers_may_add_at_once),
    TEST_CASE(cut_keeps_the_first),
    {0},
};
