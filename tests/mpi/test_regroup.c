/* The longest sequences go to ranks in whole groups, and nothing is lost or changed on the way. */
#include "ranks.h"

#include "base/buffer.h"
#include "seq/regroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set of which everything follows from the gids. */
typedef struct sample {
    tal_gid count;
    int32_t (*len)(tal_gid gid);
    bool is_on_rank_0; /* all of it; else contiguous runs */
    size_t group_size;
} sample;

static int32_t skewed_len(tal_gid gid)
{
    uint64_t bits = gid * 0x9e3779b97f4a7c15u; /* Some of Knuth's multiplicative hash. */
    int32_t len = (int32_t)((bits >> 40) % 400);
    return gid % 61 > 0 ? len : len * 20;
}

static int32_t even_len(tal_gid gid)
{
    (void)gid;
    return 50;
}

/* One sequence is more than half of all. */
static int32_t giant_len(tal_gid gid)
{
    return gid == 5 ? 100000 : 10;
}

static uint8_t code_of(tal_gid gid, int32_t at)
{
    return (uint8_t)((gid * 31 + (uint64_t)at * 7) % 20);
}

static void header_of(tal_gid gid, char out_text[32])
{
    (void)snprintf(out_text, 32, "s%llu of all", (unsigned long long)gid); /* Fits. */
}

static tal_status make_share(const ranks_test *test, const sample *subject, tal_seqset *set)
{
    tal_gid begin = subject->count * (tal_gid)test->rank / (tal_gid)test->size;
    tal_gid end = subject->count * ((tal_gid)test->rank + 1) / (tal_gid)test->size;
    if (subject->is_on_rank_0) {
        begin = 0;
        end = test->rank == 0 ? subject->count : 0;
    }
    tal_status status = TAL_OK;
    tal_buffer codes = {0};
    for (tal_gid gid = begin; gid < end && status == TAL_OK; gid++) {
        int32_t len = subject->len(gid);
        char header[32];
        header_of(gid, header);
        tal_buffer_reset(&codes);
        status = tal_buffer_reserve(&codes, (size_t)len + 1);
        for (int32_t at = 0; at < len && status == TAL_OK; at++)
            codes.data[at] = code_of(gid, at);
        if (status == TAL_OK)
            status = tal_seqset_append(set, gid, codes.data, (size_t)len, header, strlen(header));
    }
    tal_buffer_deinit(&codes);
    return status;
}

static bool is_as_made(const sample *subject, const tal_seqset *set, tal_lid lid)
{
    tal_gid gid = tal_seqset_gid(set, lid);
    char header[32];
    header_of(gid, header);
    if (gid >= subject->count || tal_seqset_len(set, lid) != subject->len(gid) ||
        strcmp(tal_seqset_header(set, lid), header) != 0)
        return false;
    for (int32_t at = 0; at < tal_seqset_len(set, lid); at++)
        if (tal_seqset_residues(set, lid)[at] != code_of(gid, at))
            return false;
    return true;
}

static const sample *sorted; /* of what longest_first compares */

static int longest_first(const void *a, const void *b)
{
    tal_gid left = *(const tal_gid *)a;
    tal_gid right = *(const tal_gid *)b;
    int32_t left_len = sorted->len(left);
    int32_t right_len = sorted->len(right);
    if (left_len != right_len)
        return left_len > right_len ? -1 : 1;
    return (left > right) - (left < right);
}

/* Regroup; owners[gid] is then the rank that has it, `order` all gids, longest first. */
static void regroup(ranks_test *test, const sample *subject, uint64_t *owners, tal_gid *order)
{
    tal_seqset *set = NULL;
    tal_status status = tal_seqset_create(TAL_PROTEIN, &set);
    if (status == TAL_OK)
        status = make_share(test, subject, set);
    if (status == TAL_OK)
        status = tal_regroup_longest(test->comm, set, subject->group_size);
    RANKS_CHECK(test, status == TAL_OK);
    memset(owners, 0, subject->count * sizeof(*owners));
    for (tal_lid lid = 0; lid < tal_seqset_count(set); lid++) {
        RANKS_CHECK(test, is_as_made(subject, set, lid));
        owners[tal_seqset_gid(set, lid)] = (uint64_t)test->rank + 1;
    }
    uint64_t sums[] = {tal_seqset_count(set), tal_seqset_residue_count(set)};
    uint64_t residues = 0;
    for (tal_gid gid = 0; gid < subject->count; gid++) {
        order[gid] = gid;
        residues += (uint64_t)subject->len(gid);
    }
    sorted = subject;
    qsort(order, subject->count, sizeof(*order), longest_first);
    tal_comm_sum_u64(test->comm, sums, 2);
    tal_comm_sum_u64(test->comm, owners, subject->count);
    RANKS_CHECK(test, sums[0] == subject->count);
    RANKS_CHECK(test, sums[1] == residues);
    for (tal_gid gid = 0; gid < subject->count; gid++) {
        RANKS_CHECK(test, owners[gid] > 0);
        owners[gid]--;
    }
    tal_seqset_destroy(set);
}

/* Whether the first groups of the order are on one rank each. */
static bool are_groups_whole(const ranks_test *test, const sample *subject, const uint64_t *owners,
                             const tal_gid *order)
{
    size_t group = subject->group_size;
    /* Of a length all are dealt or none: there are too many of those below 400 for some ranks. */
    size_t count = 0;
    while (count < 15 * group * (size_t)test->size && subject->len(order[count]) >= 400)
        count++;
    for (size_t i = 0; i + group <= count; i += group)
        for (size_t j = 1; j < group; j++)
            if (owners[order[i + j]] != owners[order[i]])
                return false;
    return true;
}

static void longest_sequences_are_dealt_in_whole_groups(ranks_test *test)
{
    static uint64_t owners[20000];
    static tal_gid order[20000];
    for (int way = 0; way < 2; way++) {
        sample subject = {20000, skewed_len, way == 1, 8};
        regroup(test, &subject, owners, order);
        RANKS_CHECK(test, are_groups_whole(test, &subject, owners, order));
    }
}

static void shares_become_more_even(ranks_test *test)
{
    static uint64_t owners[4000];
    static tal_gid order[4000];
    sample subject = {4000, skewed_len, false, 4};
    regroup(test, &subject, owners, order);
    uint64_t load[64] = {0};
    uint64_t total = 0;
    for (tal_gid gid = 0; gid < subject.count; gid++) {
        load[owners[gid]] += (uint64_t)skewed_len(gid);
        total += (uint64_t)skewed_len(gid);
    }
    for (int rank = 0; rank < test->size; rank++)
        RANKS_CHECK(test, load[rank] * (uint64_t)test->size < total + total / 20);
}

static void lengths_with_too_many_sequences_and_giants_stay(ranks_test *test)
{
    static uint64_t owners[9000];
    static tal_gid order[9000];
    sample even = {9000, even_len, true, 8}; /* More of one length than are dealt. */
    regroup(test, &even, owners, order);
    for (tal_gid gid = 0; gid < even.count; gid++)
        RANKS_CHECK(test, owners[gid] == 0);
    sample giant = {40, giant_len, true, 64};
    regroup(test, &giant, owners, order);
    RANKS_CHECK(test, owners[5] == 0);
    sample none = {0, even_len, false, 64};
    regroup(test, &none, owners, order);
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, longest_sequences_are_dealt_in_whole_groups);
    RANKS_RUN(&test, shares_become_more_even);
    RANKS_RUN(&test, lengths_with_too_many_sequences_and_giants_stay);
    return ranks_end(&test);
}
