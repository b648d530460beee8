/* Plans, families and their text. */
#include "harness.h"

#include "base/alloc.h"
#include "sim/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char test_suite_name[] = "sim/family";

static void plan_for(tal_sim_plan *plan, uint64_t sequence_count, uint64_t family_count,
                     uint64_t mean_len)
{
    tal_sim_plan_init(plan, 11, sequence_count, family_count, mean_len, 0.5);
    tal_sim_plan_set_len_scale(plan, tal_sim_plan_len_sum(plan, 0, family_count));
}

static void sizes_are_positive_falling_and_add_up(void)
{
    static const uint64_t cases[][2] = {
        {1, 1}, {2, 1},         {2, 2}, {1000, 1000}, {1000, 10}, {1000, 999}, {1000000, 100000},
        {7, 3}, {100000, 50000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tal_sim_plan plan;
        plan_for(&plan, cases[i][0], cases[i][1], 100);
        CU_ASSERT_EQUAL(tal_sim_plan_begin(&plan, 0), 0);
        CU_ASSERT_EQUAL(tal_sim_plan_begin(&plan, plan.family_count), plan.sequence_count);
        uint64_t last_size = plan.sequence_count;
        int rise_count = 0;
        for (uint64_t family = 0; family < plan.family_count; family++) {
            uint64_t size =
                tal_sim_plan_begin(&plan, family + 1) - tal_sim_plan_begin(&plan, family);
            CU_ASSERT(size >= 1);
            CU_ASSERT(size <= plan.sequence_count);
            rise_count += size > last_size + 1; /* Rounding makes sizes rise by one at most. */
            last_size = size;
        }
        CU_ASSERT_EQUAL(rise_count, 0);
    }
}

static void sizes_stay_valid_at_the_largest_counts(void)
{
    tal_sim_plan plan;
    tal_sim_plan_init(&plan, 1, TAL_SIMULATE_SEQUENCES_MAX, TAL_SIMULATE_SEQUENCES_MAX - 1000, 100,
                      0.5);
    for (int trial = 0; trial < 100000; trial++) {
        uint64_t family = (uint64_t)test_random_in(0, (int64_t)plan.family_count - 1);
        uint64_t begin = tal_sim_plan_begin(&plan, family);
        uint64_t end = tal_sim_plan_begin(&plan, family + 1);
        CU_ASSERT(begin < end && end - begin <= 1001);
    }
    tal_sim_plan_init(&plan, 1, TAL_SIMULATE_SEQUENCES_MAX, TAL_SIMULATE_SEQUENCES_MAX / 8, 100,
                      0.5);
    for (int trial = 0; trial < 100000; trial++) {
        uint64_t sequence = (uint64_t)test_random_in(0, (int64_t)plan.sequence_count - 1);
        uint64_t family = tal_sim_plan_family_of(&plan, sequence);
        CU_ASSERT(tal_sim_plan_begin(&plan, family) <= sequence);
        CU_ASSERT(sequence < tal_sim_plan_begin(&plan, family + 1));
    }
}

static void family_of_a_sequence_is_the_one_that_holds_it(void)
{
    tal_sim_plan plan;
    plan_for(&plan, 5000, 700, 100);
    uint64_t family = 0;
    for (uint64_t sequence = 0; sequence < 5000; sequence++) {
        while (tal_sim_plan_begin(&plan, family + 1) <= sequence)
            family++;
        CU_ASSERT_EQUAL(tal_sim_plan_family_of(&plan, sequence), family);
    }
}

static void mean_of_first_lens_weighted_by_size_is_what_was_asked_for(void)
{
    static const uint64_t means[] = {TAL_SIMULATE_LEN_MIN, TAL_SIMULATE_LEN_MIN + 1, 300, 1000000};
    static const uint64_t families[] = {1, 30, 3000};
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 3; k++) {
            tal_sim_plan plan;
            plan_for(&plan, 3000, families[k], means[i]);
            double sum = 0.0;
            for (uint64_t family = 0; family < families[k]; family++) {
                uint64_t len = tal_sim_plan_root_len(&plan, family);
                CU_ASSERT(len >= TAL_SIMULATE_LEN_MIN && len <= tal_sim_plan_len_max(&plan));
                sum += (double)len * (double)(tal_sim_plan_begin(&plan, family + 1) -
                                              tal_sim_plan_begin(&plan, family));
            }
            CU_ASSERT(fabs(sum / 3000 - (double)means[i]) < 1.0);
        }
}

/* What a visit saw. */
typedef struct seen {
    uint64_t count, next;
    double distance_sum; /* of members that are not first */
    uint64_t descendant_count;
    int wrong_count;
    const tal_sim_plan *plan;
    tal_buffer text;
} seen;

static tal_status look(void *context, const tal_member *member)
{
    seen *state = context;
    uint64_t first = tal_sim_plan_begin(state->plan, member->family);
    bool is_first = member->member == 0;
    state->wrong_count += member->sequence != state->next;
    state->wrong_count += member->sequence != first + member->member;
    state->wrong_count += is_first != (member->parent == TAL_NO_PARENT);
    state->wrong_count += is_first != (member->distance <= 0.0);
    if (!is_first) {
        uint64_t parent = member->parent - first;
        state->wrong_count += parent >= member->member || parent >= state->plan->ancestor_count;
        state->wrong_count += member->distance < member->branch_len;
        state->distance_sum += member->distance;
        state->descendant_count++;
    }
    state->next++;
    state->count++;
    tal_status status = tal_record_fasta(member, 9, &state->text);
    return status == TAL_OK ? tal_record_truth(member, 9, &state->text) : status;
}

static void any_cut_into_ranges_gives_the_same_sequences(void)
{
    tal_sim_plan plan;
    tal_model model;
    plan_for(&plan, 2000, 40, 50);
    tal_model_init(&model, TAL_PROTEIN);
    tal_family_maker maker;
    tal_family_maker_init(&maker, &plan, &model, 0.05, 0.5);
    seen whole = {.plan = &plan};
    CU_ASSERT_EQUAL(tal_family_make(&maker, 0, 2000, look, &whole), TAL_OK);
    CU_ASSERT(whole.count == 2000 && whole.wrong_count == 0);
    for (int trial = 0; trial < 10; trial++) {
        seen parts = {.plan = &plan};
        for (uint64_t begin = 0; begin < 2000;) {
            uint64_t end = begin + (uint64_t)test_random_in(0, trial < 2 ? 3 : 500);
            end = end < 2000 ? end : 2000;
            CU_ASSERT_EQUAL(tal_family_make(&maker, begin, end, look, &parts), TAL_OK);
            begin = end;
        }
        CU_ASSERT(parts.count == 2000 && parts.wrong_count == 0);
        CU_ASSERT(parts.text.bytes == whole.text.bytes &&
                  memcmp(parts.text.data, whole.text.data, whole.text.bytes) == 0);
        tal_buffer_deinit(&parts.text);
    }
    tal_buffer_deinit(&whole.text);
    tal_family_maker_deinit(&maker);
}

/* One maker that jumps about gives what one that goes straight through gives. */
static void ranges_in_any_order_give_the_same_sequences(void)
{
    tal_sim_plan plan;
    tal_model model;
    plan_for(&plan, 600, 4, 50);
    tal_model_init(&model, TAL_PROTEIN);
    tal_family_maker straight, jumping;
    tal_family_maker_init(&straight, &plan, &model, 0.05, 0.5);
    tal_family_maker_init(&jumping, &plan, &model, 0.05, 0.5);
    for (int trial = 0; trial < 300; trial++) {
        uint64_t begin = (uint64_t)test_random_in(0, 600);
        uint64_t end = begin + (uint64_t)test_random_in(0, 20);
        end = end < 600 ? end : 600;
        tal_family_maker_deinit(&straight);
        tal_family_maker_init(&straight, &plan, &model, 0.05, 0.5);
        seen expected = {.plan = &plan, .next = begin};
        seen found = {.plan = &plan, .next = begin};
        CU_ASSERT_EQUAL(tal_family_make(&straight, begin, end, look, &expected), TAL_OK);
        CU_ASSERT_EQUAL(tal_family_make(&jumping, begin, end, look, &found), TAL_OK);
        CU_ASSERT(found.count == end - begin && found.wrong_count == 0);
        CU_ASSERT(found.text.bytes == expected.text.bytes &&
                  (found.text.bytes == 0 ||
                   memcmp(found.text.data, expected.text.data, found.text.bytes) == 0));
        tal_buffer_deinit(&found.text);
        tal_buffer_deinit(&expected.text);
    }
    tal_family_maker_deinit(&jumping);
    tal_family_maker_deinit(&straight);
}

/* Families of one size each: the distances average to the divergence. */
static void mean_distance_is_the_divergence(void)
{
    static const uint64_t sizes[] = {2, 5, 64, 65, 300};
    tal_model model;
    tal_model_init(&model, TAL_NUCLEOTIDE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        double sum = 0.0;
        double count = 0.0;
        uint64_t trials = 12000 / sizes[i];
        for (uint64_t seed = 0; seed < trials; seed++) {
            tal_sim_plan plan;
            tal_sim_plan_init(&plan, seed, sizes[i], 1, 30, 0.5);
            tal_sim_plan_set_len_scale(&plan, 1);
            tal_family_maker maker;
            tal_family_maker_init(&maker, &plan, &model, 0.0, 0.0);
            seen state = {.plan = &plan};
            CU_ASSERT_EQUAL(tal_family_make(&maker, 0, sizes[i], look, &state), TAL_OK);
            sum += state.distance_sum;
            count += (double)state.descendant_count;
            tal_buffer_deinit(&state.text);
            tal_family_maker_deinit(&maker);
        }
        /* Members of one family are correlated: the error is that of the families. */
        CU_ASSERT(fabs(sum / count - 0.5) < 0.5 * 5.0 / sqrt((double)trials));
    }
}

static tal_status refuse(void *context, const tal_member *member)
{
    *(uint64_t *)context = member->sequence;
    return member->sequence == 7 ? TAL_ERR_IO : TAL_OK;
}

static void failure_of_a_visit_ends_the_range(void)
{
    tal_sim_plan plan;
    tal_model model;
    plan_for(&plan, 100, 10, 50);
    tal_model_init(&model, TAL_PROTEIN);
    tal_family_maker maker;
    tal_family_maker_init(&maker, &plan, &model, 0.05, 0.5);
    uint64_t last = 0;
    CU_ASSERT_EQUAL(tal_family_make(&maker, 0, 100, refuse, &last), TAL_ERR_IO);
    CU_ASSERT_EQUAL(last, 7);
    CU_ASSERT_EQUAL(tal_family_make(&maker, 5, 5, refuse, &last), TAL_OK);
    CU_ASSERT_EQUAL(last, 7);
    tal_family_maker_deinit(&maker);
}

static void records_read_as_documented(void)
{
    char letters[121];
    memset(letters, 'A', sizeof(letters));
    tal_member member = {.sequence = 11,
                         .family = 2,
                         .member = 1,
                         .parent = 10,
                         .branch_len = 0.25,
                         .distance = 1.43125,
                         .counts = {1, 2, 3, 4, 5, 6},
                         .letters = letters};
    static const size_t lens[] = {1, 59, 60, 61, 120, 121};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        tal_buffer text = {0};
        member.len = lens[i];
        CU_ASSERT_EQUAL(tal_record_fasta(&member, 9, &text), TAL_OK);
        char expected[400];
        int bytes =
            snprintf(expected, sizeof(expected),
                     ">s000000012 family=3 member=2 parent=s000000011 distance=1.4313\n%.*s\n",
                     (int)(lens[i] < 60 ? lens[i] : 60), letters);
        for (size_t done = 60; done < lens[i]; done += 60)
            bytes += snprintf(expected + bytes, sizeof(expected) - (size_t)bytes, "%.*s\n",
                              (int)(lens[i] - done < 60 ? lens[i] - done : 60), letters);
        CU_ASSERT(text.bytes == (size_t)bytes && memcmp(text.data, expected, text.bytes) == 0);
        tal_buffer_deinit(&text);
    }
    tal_buffer row = {0};
    member.parent = TAL_NO_PARENT;
    CU_ASSERT_EQUAL(tal_record_truth(&member, 9, &row), TAL_OK);
    static const char expected[] =
        "s000000012\t3\t2\t-\t121\t0.250000\t1.431250\t1\t2\t3\t5\t4\t6\n";
    CU_ASSERT(row.bytes == sizeof(expected) - 1 && memcmp(row.data, expected, row.bytes) == 0);
    tal_buffer_deinit(&row);
}

static void names_have_room_for_the_largest_number(void)
{
    CU_ASSERT_EQUAL(tal_record_digits(1), 9);
    CU_ASSERT_EQUAL(tal_record_digits(999999999), 9);
    CU_ASSERT_EQUAL(tal_record_digits(1000000000), 10);
    CU_ASSERT_EQUAL(tal_record_digits(UINT64_MAX), 20);
}

const test_case test_cases[] = {
    TEST_CASE(sizes_are_positive_falling_and_add_up),
    TEST_CASE(sizes_stay_valid_at_the_largest_counts),
    TEST_CASE(family_of_a_sequence_is_the_one_that_holds_it),
    TEST_CASE(mean_of_first_lens_weighted_by_size_is_what_was_asked_for),
    TEST_CASE(any_cut_into_ranges_gives_the_same_sequences),
    TEST_CASE(ranges_in_any_order_give_the_same_sequences),
    TEST_CASE(mean_distance_is_the_divergence),
    TEST_CASE(failure_of_a_visit_ends_the_range),
    TEST_CASE(records_read_as_documented),
    TEST_CASE(names_have_room_for_the_largest_number),
    {0},
};
