/* Reduction: every assignment is proven anew, and nothing but the sequences decides. */
#include "ranks.h"
#include "team_of.h"

#include "align/cigar.h"
#include "align/trace.h"
#include "base/alloc.h"
#include "base/random.h"
#include "reduce/reduce.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

enum { RECORD_COUNT = 420, FAMILY_COUNT = 60, LEN_MAX = 260 };

typedef struct record {
    uint8_t codes[LEN_MAX];
    int32_t len;
} record;

/* The whole input, the same on every rank. */
static record records[RECORD_COUNT];

static uint8_t random_letter(tal_random *random, tal_alphabet alphabet)
{
    return (uint8_t)tal_random_below(random, alphabet == TAL_PROTEIN ? 20 : 4);
}

/* A copy with substitutions and, now and then, a piece lost or doubled. */
static void mutate(tal_random *random, tal_alphabet alphabet, const record *from, record *to)
{
    const double rate = 0.3 * tal_random_unit(random) * tal_random_unit(random);
    *to = *from;
    for (int32_t i = 0; i < to->len; i++)
        if (tal_random_unit(random) < rate)
            to->codes[i] = random_letter(random, alphabet);
    int32_t piece = (int32_t)tal_random_below(random, 12);
    int32_t at = (int32_t)tal_random_below(random, (uint64_t)to->len - 12);
    if (tal_random_below(random, 3) == 0) {
        memmove(to->codes + at, to->codes + at + piece, (size_t)(to->len - at - piece));
        to->len -= piece;
    } else if (tal_random_below(random, 3) == 0 && to->len + piece <= LEN_MAX) {
        memmove(to->codes + at + piece, to->codes + at, (size_t)(to->len - at));
        to->len += piece;
    }
}

static void make_records(tal_alphabet alphabet)
{
    tal_random random;
    tal_random_init(&random, 11, 0, (uint64_t)alphabet);
    for (int i = 0; i < RECORD_COUNT; i++) {
        record *one = &records[i];
        if (i < FAMILY_COUNT) {
            one->len = 60 + (int32_t)tal_random_below(&random, 160);
            for (int32_t k = 0; k < one->len; k++)
                one->codes[k] = random_letter(&random, alphabet);
            continue;
        }
        const record *from = &records[tal_random_below(&random, (uint64_t)i)];
        *one = *from;
        if (tal_random_below(&random, 4) != 0)
            mutate(&random, alphabet, from, one);
        if (alphabet == TAL_NUCLEOTIDE && tal_random_below(&random, 2) == 0) {
            record turned = *one;
            tal_nucleotide_reverse_complement(one->codes, (size_t)one->len, turned.codes);
            *one = turned;
        }
    }
    records[RECORD_COUNT - 1].len = 0;
    records[RECORD_COUNT - 2].len = 3;
}

/* This rank's share: every size-th record, gids turned round when `is_turned`. */
static tal_seqset *make_share(const ranks_test *test, tal_alphabet alphabet, bool is_turned)
{
    tal_seqset *set = NULL;
    tal_status status = tal_seqset_create(alphabet, &set);
    for (int i = test->rank; status == TAL_OK && i < RECORD_COUNT; i += test->size) {
        const record *one = &records[is_turned ? RECORD_COUNT - 1 - i : i];
        status = tal_seqset_append(set, (tal_gid)i, one->codes, (size_t)one->len, "r", 1);
    }
    return status == TAL_OK ? set : NULL;
}

/* The best local score, cell by cell. */
static int32_t best_score(const tal_matrix *matrix, tal_gaps gaps, const record *a, const record *b)
{
    static int32_t h[LEN_MAX + 1], e[LEN_MAX + 1];
    int32_t best = 0;
    for (int32_t j = 0; j <= a->len; j++) {
        h[j] = 0;
        e[j] = -1000000;
    }
    for (int32_t i = 0; i < b->len; i++) {
        int32_t diagonal = 0, f = -1000000;
        for (int32_t j = 1; j <= a->len; j++) {
            int32_t open = h[j] - gaps.open - gaps.extend;
            e[j] = e[j] - gaps.extend > open ? e[j] - gaps.extend : open;
            open = h[j - 1] - gaps.open - gaps.extend;
            f = f - gaps.extend > open ? f - gaps.extend : open;
            int32_t value = diagonal + matrix->score[a->codes[j - 1]][b->codes[i]];
            diagonal = h[j];
            value = value > e[j] ? value : e[j];
            value = value > f ? value : f;
            h[j] = value > 0 ? value : 0;
            best = h[j] > best ? h[j] : best;
        }
    }
    return best;
}

/* What the edits say, column by column. */
static tal_certificate recount(const tal_reduce_params *params, const tal_assigned *assigned,
                               const record *member, const record *representative)
{
    tal_certificate found = {.query_begin = assigned->certificate.query_begin,
                             .ref_begin = assigned->certificate.ref_begin};
    int32_t i = found.query_begin, j = found.ref_begin;
    for (size_t run = 0; run < assigned->edit_count; run++) {
        const uint32_t operation = tal_cigar_operation(assigned->edits[run]);
        const int32_t len = tal_cigar_len(assigned->edits[run]);
        found.column_count += len;
        if (operation == TAL_CIGAR_INSERTION || operation == TAL_CIGAR_DELETION)
            found.score -= params->gaps.open + len * params->gaps.extend;
        for (int32_t k = 0; k < len; k++) {
            if (operation == TAL_CIGAR_INSERTION) {
                i++;
            } else if (operation == TAL_CIGAR_DELETION) {
                j++;
            } else {
                found.identity_count += member->codes[i] == representative->codes[j];
                found.score +=
                    params->matrix->score[member->codes[i++]][representative->codes[j++]];
            }
        }
    }
    found.query_end = i;
    found.ref_end = j;
    return found;
}

static void check_member(ranks_test *test, const tal_reduce_params *params,
                         const tal_assigned *assigned, const record *stored,
                         const record *representative)
{
    const tal_certificate *told = &assigned->certificate;
    record member = *stored;
    if (assigned->is_reverse)
        tal_nucleotide_reverse_complement(stored->codes, (size_t)stored->len, member.codes);
    const tal_certificate found = recount(params, assigned, &member, representative);
    RANKS_CHECK(test, memcmp(&found, told, sizeof(found)) == 0);
    RANKS_CHECK(test,
                told->score == best_score(params->matrix, params->gaps, &member, representative));
    RANKS_CHECK(test, (int64_t)told->identity_count * TAL_REDUCE_SHARE_ONE >=
                          (int64_t)params->identity * told->column_count);
    if (params->coverage_mode != TAL_COVERAGE_REPRESENTATIVE)
        RANKS_CHECK(test, (told->query_end - told->query_begin) * TAL_REDUCE_SHARE_ONE >=
                              params->coverage * member.len);
    if (params->coverage_mode != TAL_COVERAGE_MEMBER)
        RANKS_CHECK(test, (told->ref_end - told->ref_begin) * TAL_REDUCE_SHARE_ONE >=
                              params->coverage * representative->len);
}

/* Reduce, prove, and return a sum over all records that says who is with whom, whatever the gids
 * are. *out_representatives: how many there are. */
static uint64_t reduce(ranks_test *test, const tal_reduce_params *params, int thread_count,
                       bool is_turned, uint64_t *out_representatives)
{
    const tal_alphabet alphabet = params->matrix->alphabet;
    tal_team *team = NULL;
    tal_seqset *set = make_share(test, alphabet, is_turned);
    tal_assignment *assignment = NULL;
    tal_reduce_summary summary;
    RANKS_CHECK(test, set != NULL && team_of(thread_count, &team) == TAL_OK);
    tal_status status = tal_reduce(test->comm, team, set, params, &assignment, &summary);
    RANKS_CHECK(test, status == TAL_OK);
    uint64_t sums[3] = {0}; /* who is with whom, representatives, members of non-representatives */
    uint64_t is_representative[RECORD_COUNT] = {0};
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++) {
        const tal_assigned assigned = tal_assignment_get(assignment, lid);
        is_representative[tal_seqset_gid(set, lid)] =
            assigned.representative == tal_seqset_gid(set, lid);
    }
    tal_comm_sum_u64(test->comm, is_representative, RECORD_COUNT);
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++) {
        const tal_assigned assigned = tal_assignment_get(assignment, lid);
        const size_t gid = (size_t)tal_seqset_gid(set, lid);
        const size_t other = (size_t)assigned.representative;
        const record *member = &records[is_turned ? RECORD_COUNT - 1 - gid : gid];
        const record *representative = &records[is_turned ? RECORD_COUNT - 1 - other : other];
        sums[1] += other == gid;
        sums[2] += is_representative[other] == 0;
        if (other != gid)
            check_member(test, params, &assigned, member, representative);
        uint64_t hash = XXH3_64bits(member->codes, (size_t)member->len);
        sums[0] += XXH3_64bits_withSeed(representative->codes, (size_t)representative->len, hash);
    }
    tal_comm_sum_u64(test->comm, sums, 3);
    RANKS_CHECK(test, sums[1] == summary.representative_count);
    RANKS_CHECK(test, sums[2] == 0);
    *out_representatives = sums[1];
    tal_assignment_destroy(assignment);
    tal_seqset_destroy(set);
    tal_team_destroy(team);
    return sums[0];
}

static tal_reduce_params make_params(const tal_matrix *matrix)
{
    return (tal_reduce_params){
        .isa = tal_cpu_isa_best(),
        .identity = 8000,
        .coverage = 8000,
        .evalue = INFINITY,
        .matrix = matrix,
        .gaps = tal_gaps_default(matrix),
        .residue_count = 1,
        .sequence_count = RECORD_COUNT,
    };
}

static void expect_one_result(ranks_test *test, const tal_reduce_params *params)
{
    tal_reduce_params other = *params;
    uint64_t representatives, again;
    const uint64_t expected = reduce(test, params, 1, false, &representatives);
    RANKS_CHECK(test, representatives >= FAMILY_COUNT / 2);
    RANKS_CHECK(test, representatives < RECORD_COUNT / 2);
    other.work_bytes = 400000;
    other.isa = TAL_ISA_SCALAR;
    RANKS_CHECK(test, reduce(test, &other, 2, false, &again) == expected);
    RANKS_CHECK(test, reduce(test, params, 3, true, &again) == expected);
}

static void proteins_are_proven_and_the_same_for_any_threads_memory_and_order(ranks_test *test)
{
    tal_matrix matrix;
    RANKS_CHECK(test, tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    make_records(TAL_PROTEIN);
    tal_reduce_params params = make_params(&matrix);
    for (int mode = 0; mode < 3; mode++) {
        params.coverage_mode = (tal_coverage_mode)mode;
        params.order = mode == 1 ? TAL_REDUCE_LENGTH : TAL_REDUCE_COVER;
        params.identity = mode == 2 ? 5000 : 8500;
        expect_one_result(test, &params);
    }
    params.coverage_mode = TAL_COVERAGE_BOTH;
    params.order = TAL_REDUCE_SET_COVER;
    expect_one_result(test, &params);
    params.coverage_mode = TAL_COVERAGE_MEMBER; /* One of a pair may fit and the other not. */
    expect_one_result(test, &params);
}

static void nucleotides_are_proven_on_both_strands(ranks_test *test)
{
    tal_matrix matrix;
    RANKS_CHECK(test, tal_matrix_match_mismatch(2, -3, &matrix) == TAL_OK);
    make_records(TAL_NUCLEOTIDE);
    tal_reduce_params params = make_params(&matrix);
    expect_one_result(test, &params);
    params.order = TAL_REDUCE_SET_COVER;
    expect_one_result(test, &params);
}

static void short_sequences_stay_alone_but_for_their_copies(ranks_test *test)
{
    tal_matrix matrix;
    uint64_t representatives;
    RANKS_CHECK(test, tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    make_records(TAL_PROTEIN);
    tal_reduce_params params = make_params(&matrix);
    params.len_min = LEN_MAX + 1;
    (void)reduce(test, &params, 1, false, &representatives);
    uint64_t distinct = 0;
    for (int i = 0; i < RECORD_COUNT; i++) {
        int j = 0;
        while (j < i && (records[j].len != records[i].len ||
                         memcmp(records[j].codes, records[i].codes, (size_t)records[i].len) != 0))
            j++;
        distinct += j == i;
    }
    RANKS_CHECK(test, representatives == distinct);
}

/* A keeper in memory that ends each run after a few states. */
typedef struct memory_keeper {
    uint64_t numbers[TAL_REDUCE_NUMBERS];
    size_t count; /* 0: nothing is kept */
    tal_buffer bytes;
    uint64_t states, states_before_end;
} memory_keeper;

static tal_status keep_in_memory(void *context, const uint64_t *numbers, size_t count,
                                 const tal_buffer *bytes)
{
    memory_keeper *keeper = context;
    memcpy(keeper->numbers, numbers, count * sizeof(*numbers));
    keeper->count = count;
    keeper->states++;
    tal_buffer_reset(&keeper->bytes);
    tal_status status = tal_buffer_append(&keeper->bytes, bytes->data, bytes->bytes);
    return status == TAL_OK && keeper->states % keeper->states_before_end == 0 ? TAL_ERR_INCOMPLETE
                                                                               : status;
}

static tal_status find_in_memory(void *context, uint64_t *out_numbers, size_t count,
                                 tal_buffer *out_bytes, bool *out_is_found)
{
    const memory_keeper *keeper = context;
    *out_is_found = keeper->count > 0;
    if (!*out_is_found)
        return TAL_OK;
    memcpy(out_numbers, keeper->numbers, count * sizeof(*out_numbers));
    return tal_buffer_append(out_bytes, keeper->bytes.data, keeper->bytes.bytes);
}

static void expect_the_same_when_ended(ranks_test *test, tal_reduce_params params)
{
    uint64_t representatives, again;
    const uint64_t expected = reduce(test, &params, 1, false, &representatives);
    params.work_bytes = 400000; /* Several parts. */
    memory_keeper keeper = {.states_before_end = 20};
    const tal_reduce_keeper interface = {
        .context = &keeper, .keep = keep_in_memory, .find = find_in_memory};
    params.keeper = &interface;
    tal_status status = TAL_ERR_INCOMPLETE;
    for (int run = 0; status == TAL_ERR_INCOMPLETE && run < 200; run++) {
        tal_team *team = NULL;
        tal_seqset *set = make_share(test, TAL_PROTEIN, false);
        tal_assignment *assignment = NULL;
        tal_reduce_summary summary;
        RANKS_CHECK(test, set != NULL && team_of(1 + run % 2, &team) == TAL_OK);
        status = tal_reduce(test->comm, team, set, &params, &assignment, &summary);
        tal_assignment_destroy(assignment);
        tal_seqset_destroy(set);
        tal_team_destroy(team);
    }
    RANKS_CHECK(test, status == TAL_OK);
    keeper.states_before_end = UINT64_MAX;
    RANKS_CHECK(test, keeper.states > 6); /* degrees, three rounds, orphans, redundancy */
    RANKS_CHECK(test, reduce(test, &params, 1, false, &again) == expected);
    RANKS_CHECK(test, again == representatives);
    tal_buffer_deinit(&keeper.bytes);
}

static void ended_again_and_again_it_goes_on_to_the_same_result(ranks_test *test)
{
    tal_matrix matrix;
    RANKS_CHECK(test, tal_matrix_load("BLOSUM62", TAL_PROTEIN, &matrix) == TAL_OK);
    make_records(TAL_PROTEIN);
    tal_reduce_params params = make_params(&matrix);
    params.identity = 5000;
    params.residual_sample = 20;
    expect_the_same_when_ended(test, params);
    params.order = TAL_REDUCE_SET_COVER;
    expect_the_same_when_ended(test, params);
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, proteins_are_proven_and_the_same_for_any_threads_memory_and_order);
    RANKS_RUN(&test, nucleotides_are_proven_on_both_strands);
    RANKS_RUN(&test, ended_again_and_again_it_goes_on_to_the_same_result);
    RANKS_RUN(&test, short_sequences_stay_alone_but_for_their_copies);
    return ranks_end(&test);
}
