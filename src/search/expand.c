/* The second pass of an expanded search; see expand.h.
 *
 * The candidates of the first pass, cut by the relaxed score, go to the ranks that hold the
 * representatives. These know which members to score against which queries: members are fetched in
 * rounds as large as memory allows and taken longest first; each waits in the lists of its queries
 * until 64 have come together, as references do that passed a filter (filter.c). In the table of
 * candidates members come after the representatives: lid = representatives + number of the member.
 */
#include "search/search_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/stop.h"
#include "par/wait.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A representative that a query comes close to, and a run of members. */
typedef struct opened {
    uint64_t first, count;
    tal_lid query;
} opened;

struct tal_expander {
    tal_candidates *close; /* of the first pass */
    tal_candidates *final;
    tal_buffer opened;       /* opened, by members, queries rising */
    tal_buffer members;      /* uint64_t: of all opened, rising */
    tal_buffer chosen;       /* uint64_t: of those, what has candidates, when fetched again */
    tal_seqset *set;         /* members in memory */
    const uint64_t *fetched; /* their numbers, tal_seqset_count(set) of them */
    tal_lid *lids;           /* their places among candidates */
    size_t lid_capacity;
    bool is_whole;      /* all members of the block are in memory, on every rank */
    bool has_strand[2]; /* that are reported */
};

void tal_expander_destroy(tal_expander *expander)
{
    if (expander == NULL)
        return;
    tal_candidates_destroy(expander->close);
    tal_candidates_destroy(expander->final);
    tal_buffer_deinit(&expander->opened);
    tal_buffer_deinit(&expander->members);
    tal_buffer_deinit(&expander->chosen);
    tal_seqset_destroy(expander->set);
    tal_free(expander->lids);
    tal_free(expander);
}

tal_status tal_expander_create(tal_search *search, tal_expander **out_expander)
{
    tal_search_params *params = &search->params;
    TAL_ASSERT(!params->is_filtered);
    TAL_ASSERT(params->expansion->share >= TAL_EXPAND_SHARE_MIN);
    TAL_ASSERT(params->expansion->share <= 1);
    tal_expander *expander = tal_alloc_zero(sizeof(*expander));
    if (expander == NULL)
        return TAL_ERR_MEMORY;
    const tal_alphabet alphabet = tal_seqset_alphabet(search->own_references);
    expander->has_strand[0] = params->has_plus;
    expander->has_strand[1] = params->has_minus;
    /* A member may lie on the other strand of its representative. */
    if (alphabet == TAL_NUCLEOTIDE)
        params->has_plus = params->has_minus = true;
    tal_status status = tal_candidates_create(0, &expander->close);
    if (status == TAL_OK)
        status = tal_candidates_create(params->hit_limit, &expander->final);
    if (status == TAL_OK)
        status = tal_seqset_create(alphabet, &expander->set);
    if (status != TAL_OK) {
        tal_expander_destroy(expander);
        return status;
    }
    *out_expander = expander;
    return TAL_OK;
}

void tal_expand_begin(tal_search *search)
{
    search->candidates = search->expander->close;
    search->is_relaxed = true;
}

int32_t tal_search_tested(const tal_search *search, int32_t score)
{
    if (!search->is_relaxed || score <= 0)
        return score;
    const double tested = ceil(score / search->params.expansion->share);
    return tested < INT32_MAX ? (int32_t)tested : INT32_MAX;
}

static int compare_opened(const void *a, const void *b)
{
    const opened *left = a, *right = b;
    if (left->first != right->first)
        return left->first < right->first ? -1 : 1;
    return (left->query > right->query) - (left->query < right->query);
}

/* A representative of this rank that came close: it may be reported, and is opened. */
static tal_status open_candidate(tal_search *search, tal_lid query, const tal_candidate *candidate)
{
    tal_expander *expander = search->expander;
    const tal_expansion *expansion = search->params.expansion;
    uint64_t entered = 0;
    opened row = {.query = query};
    row.count = expansion->find(expansion->context, candidate->gid, &row.first);
    tal_status status = TAL_OK;
    if (row.count > 0)
        status = tal_buffer_append(&expander->opened, &row, sizeof(row));
    const tal_search_scratch scratch = tal_search_scratch_of(&search->workers[0]); /* Idle now. */
    if (status == TAL_OK && expander->has_strand[candidate->is_reverse])
        status = tal_search_enter(search, &scratch, query, (int)candidate->is_reverse,
                                  candidate->lid, candidate->score, &entered);
    return status;
}

/* From the candidates of the first pass to members. */
static tal_status list_members(tal_search *search)
{
    tal_expander *expander = search->expander;
    const tal_lid query_count = tal_seqset_count(search->queries);
    tal_buffer_reset(&expander->opened);
    tal_buffer_reset(&expander->members);
    search->is_relaxed = false;
    search->candidates = expander->final;
    tal_status status = tal_candidates_reset(expander->final, query_count);
    for (tal_lid query = 0; query < query_count && status == TAL_OK; query++) {
        size_t count;
        const tal_candidate *list = tal_candidates_view(expander->close, query, &count);
        for (size_t i = 0; i < count && status == TAL_OK; i++)
            if (list[i].holder == (uint32_t)tal_comm_rank(search->comm))
                status = open_candidate(search, query, &list[i]);
    }
    for (size_t at = 0; at < search->moved.bytes && status == TAL_OK;
         at += sizeof(tal_moved_candidate)) {
        tal_moved_candidate moved;
        memcpy(&moved, search->moved.data + at, sizeof(moved));
        status = open_candidate(search, (tal_lid)moved.query, &moved.candidate);
    }
    /* Each pair of query and cluster once, whichever strands came close. */
    opened *rows = (opened *)(void *)expander->opened.data;
    size_t count = expander->opened.bytes / sizeof(*rows);
    size_t kept = 0;
    if (count > 1)
        qsort(rows, count, sizeof(*rows), compare_opened);
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        if (kept > 0 && compare_opened(&rows[kept - 1], &rows[i]) == 0)
            continue;
        const bool is_new = kept == 0 || rows[kept - 1].first != rows[i].first;
        rows[kept++] = rows[i];
        for (uint64_t member = 0; is_new && member < rows[kept - 1].count && status == TAL_OK;
             member++) {
            const uint64_t number = rows[kept - 1].first + member;
            status = tal_buffer_append(&expander->members, &number, sizeof(number));
        }
    }
    expander->opened.bytes = kept * sizeof(*rows);
    return status;
}

/* Have the next members of a list; *at moves on. Collective; agreed status. */
static tal_status fetch(tal_search *search, const tal_buffer *list, size_t *at)
{
    tal_expander *expander = search->expander;
    const tal_expansion *expansion = search->params.expansion;
    const uint64_t *members = (const uint64_t *)(const void *)list->data;
    const size_t count = list->bytes / sizeof(*members) - *at;
    const tal_lid first = tal_seqset_count(search->own_references);
    size_t taken = 0;
    tal_seqset_reset(expander->set);
    expander->fetched = count > 0 ? members + *at : NULL;
    tal_status status =
        expansion->fetch(expansion->context, expander->fetched, count, &taken, expander->set);
    if (status != TAL_OK)
        return status;
    TAL_ASSERT(taken == tal_seqset_count(expander->set));
    if (taken > expander->lid_capacity) {
        tal_free(expander->lids);
        expander->lids = tal_alloc_array(taken, sizeof(*expander->lids));
        expander->lid_capacity = expander->lids == NULL ? 0 : taken;
    }
    if (taken > 0 && expander->lids == NULL)
        status = TAL_ERR_MEMORY;
    for (size_t i = 0; i < taken && status == TAL_OK; i++) {
        if (expander->fetched[i] >= UINT32_MAX - first)
            status = tal_fail(TAL_ERR_DATA, "more than %u sequences on one rank; use more ranks",
                              UINT32_MAX - 1);
        expander->lids[i] = first + (tal_lid)expander->fetched[i];
    }
    *at += taken;
    return tal_comm_agree(search->comm, status);
}

/* What is scored: the members in memory. */
static void use_members(tal_search *search)
{
    search->references = search->expander->set;
    search->holder = (uint32_t)tal_comm_rank(search->comm);
    search->holder_lids = search->expander->lids;
}

/* Members against the queries that opened their cluster. */
typedef struct member_pass {
    tal_search *search;
    tal_lid *order; /* longest first */
} member_pass;

/* The first of the opened rows that members from `member` on may be of. */
static size_t find_opened(const opened *rows, size_t count, uint64_t member)
{
    size_t low = 0;
    while (low < count) {
        const size_t middle = low + (count - low) / 2;
        if (rows[middle].first + rows[middle].count <= member)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* One member: into the lists of all its queries; what comes together is scored. */
static tal_status score_member(void *context, int worker, size_t item)
{
    const member_pass *pass = context;
    tal_search *search = pass->search;
    tal_expander *expander = search->expander;
    const opened *rows = (const opened *)(const void *)expander->opened.data;
    const size_t count = expander->opened.bytes / sizeof(*rows);
    const tal_lid lid = pass->order[item];
    const uint64_t member = expander->fetched[lid];
    const uint64_t len = (uint64_t)tal_seqset_len(expander->set, lid);
    tal_tally tally = {0};
    tal_status status = tal_stop_check();
    for (size_t i = find_opened(rows, count, member);
         i < count && rows[i].first <= member && status == TAL_OK; i++) {
        const tal_lid query = rows[i].query;
        const uint64_t query_len = (uint64_t)tal_seqset_len(search->queries, query);
        for (int strand = 0; strand < 2 && status == TAL_OK; strand++) {
            tal_lid full[TAL_BATCH_LANES];
            if (!expander->has_strand[strand] || query_len == 0)
                continue;
            tally.pairs++;
            tally.cells += len * query_len;
            if (tal_pending_add(search->pending, (size_t)query * 2 + (size_t)strand, &lid, 1, full))
                status = tal_search_score_gathered(search, &search->workers[worker], query, strand,
                                                   full, TAL_BATCH_LANES, &tally);
        }
    }
    tal_accum_add(search->accum, worker, TAL_COUNT_EXPANDED_PAIRS, tally.pairs);
    tal_accum_add(search->accum, worker, TAL_COUNT_EXPANDED_CELLS, tally.cells);
    tal_search_count(search, worker, &tally);
    tal_wait_note_progress();
    return status;
}

static tal_status score_members(tal_search *search)
{
    member_pass pass = {.search = search};
    tal_lid count = 0;
    tal_status status = tal_plan_order(search->expander->set, &pass.order, &count);
    if (status == TAL_OK)
        status = tal_pending_reset(search->pending, (size_t)tal_seqset_count(search->queries) * 2);
    if (status == TAL_OK) {
        use_members(search);
        status = tal_team_for(search->team, count, score_member, &pass);
        if (status == TAL_OK)
            status = tal_search_score_pending(search);
        tal_search_use(search, NULL);
    }
    tal_free(pass.order);
    return status;
}

/* Whether any rank has something left. Collective. */
static bool has_more(tal_search *search, size_t at, const tal_buffer *list)
{
    uint64_t left = list->bytes / sizeof(uint64_t) - at;
    tal_comm_max_u64(search->comm, &left, 1);
    return left > 0;
}

tal_status tal_expand_score(tal_search *search)
{
    tal_expander *expander = search->expander;
    tal_status status = tal_search_move(search);
    if (status == TAL_OK)
        status = tal_comm_agree(search->comm, list_members(search));
    size_t at = 0, rounds = 0;
    while (status == TAL_OK && has_more(search, at, &expander->members)) {
        status = fetch(search, &expander->members, &at);
        if (status == TAL_OK) {
            const uint64_t start = tal_clock_ns();
            status = score_members(search);
            search->times.score += (double)(tal_clock_ns() - start) * 1e-9;
            status = tal_comm_agree(search->comm, status);
        }
        rounds++;
    }
    expander->is_whole = rounds <= 1;
    tal_accum_add(search->accum, 0, TAL_COUNT_EXPANDED_CLUSTERS,
                  expander->opened.bytes / sizeof(opened));
    if (status == TAL_OK)
        tal_candidates_finish(expander->final);
    return status;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* The members that are still candidates, rising, each once. */
static tal_status list_chosen(tal_search *search)
{
    tal_buffer *chosen = &search->expander->chosen;
    const tal_lid first = tal_seqset_count(search->own_references);
    tal_buffer_reset(chosen);
    tal_status status = TAL_OK;
    for (tal_lid query = 0; query < tal_seqset_count(search->queries); query++) {
        size_t count;
        const tal_candidate *list = tal_candidates_view(search->candidates, query, &count);
        for (size_t i = 0; i < count && status == TAL_OK; i++) {
            const uint64_t member = list[i].lid - first;
            if (list[i].lid >= first)
                status = tal_buffer_append(chosen, &member, sizeof(member));
        }
    }
    uint64_t *members = (uint64_t *)(void *)chosen->data;
    const size_t count = chosen->bytes / sizeof(*members);
    size_t kept = 0;
    if (count > 1)
        qsort(members, count, sizeof(*members), compare_numbers);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || members[kept - 1] != members[i])
            members[kept++] = members[i];
    chosen->bytes = kept * sizeof(*members);
    return status;
}

tal_lid tal_expand_find(const tal_search *search, tal_lid lid)
{
    const tal_expander *expander = search->expander;
    const tal_lid first = tal_seqset_count(search->own_references);
    const tal_lid count = tal_seqset_count(expander->set);
    if (lid < first || count == 0)
        return UINT32_MAX;
    const uint64_t member = lid - first;
    const uint64_t *found =
        bsearch(&member, expander->fetched, count, sizeof(member), compare_numbers);
    return found == NULL ? UINT32_MAX : (tal_lid)(found - expander->fetched);
}

tal_status tal_expand_trace(tal_search *search)
{
    tal_expander *expander = search->expander;
    if (expander->is_whole) {
        use_members(search);
        tal_status status = tal_search_trace_members(search);
        tal_search_use(search, NULL);
        return tal_comm_agree(search->comm, status);
    }
    tal_status status = tal_comm_agree(search->comm, list_chosen(search));
    size_t at = 0;
    while (status == TAL_OK && has_more(search, at, &expander->chosen)) {
        status = fetch(search, &expander->chosen, &at);
        if (status != TAL_OK)
            break;
        use_members(search);
        status = tal_search_trace_members(search);
        tal_search_use(search, NULL);
        status = tal_comm_agree(search->comm, status);
    }
    return status;
}
