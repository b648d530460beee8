/* The trace pass: alignments of the selected candidates, on the rank that holds the reference.
 *
 * Costliest first, one candidate an item. A hit is encoded into its worker's buffer as it travels:
 * tal_hit, CIGAR runs, reference letters and masks, padded to 8 bytes.
 */
#include "search/search_internal.h"

#include "base/alloc.h"
#include "base/stop.h"
#include "par/wait.h"
#include "search/hit_masks.h"

#include <stdlib.h>
#include <string.h>

typedef struct trace_task {
    size_t portion; /* of this rank's references: what is in memory at a time (tiles.h) */
    uint64_t cells; /* or query residues, when the references are on disk */
    tal_lid query;
    tal_candidate candidate; /* its lid counts from the portion's begin */
} trace_task;

typedef struct trace_pass {
    tal_search *search;
    trace_task *tasks;
    size_t first; /* of the portion at work */
} trace_pass;

static int compare_tasks(const void *left, const void *right)
{
    const trace_task *a = left;
    const trace_task *b = right;
    if (a->portion != b->portion)
        return a->portion < b->portion ? -1 : 1;
    return (a->cells < b->cells) - (a->cells > b->cells);
}

/* Append the reference letters at mismatches and deletions, and what is masked of the others;
 * `out_bytes` in all. */
static tal_status append_letters(tal_buffer *buffer, const tal_seqset *references, tal_lid lid,
                                 const tal_alignment *alignment, uint32_t *out_bytes)
{
    tal_status status = tal_buffer_reserve(buffer, (size_t)alignment->column_count);
    if (status != TAL_OK)
        return status;
    char *begin = (char *)buffer->data + buffer->bytes;
    char *cursor = begin;
    int32_t at = alignment->ref_begin;
    for (size_t run = 0; run < alignment->cigar_count; run++) {
        int32_t len = (int32_t)(alignment->cigar[run] >> 4);
        uint32_t operation = alignment->cigar[run] & 15;
        if (operation == TAL_CIGAR_INSERTION)
            continue;
        if (operation != TAL_CIGAR_EQUAL) {
            tal_seqset_copy_text(references, lid, at, at + len, cursor);
            cursor += len;
        }
        at += len;
    }
    const size_t before = buffer->bytes;
    buffer->bytes += (size_t)(cursor - begin);
    size_t count;
    const tal_mask_range *ranges = tal_seqset_masked(references, lid, &count);
    status = tal_hit_masks_append(buffer, ranges, count, alignment);
    *out_bytes = (uint32_t)(buffer->bytes - before);
    return status;
}

/* scaled: see tal_search_scale. */
static tal_hit make_hit(const tal_search *search, tal_lid query, const tal_candidate *candidate,
                        double scaled, const tal_alignment *alignment)
{
    const tal_search_params *params = &search->params;
    int32_t query_len = tal_seqset_len(search->queries, query);
    int32_t ref_len = tal_seqset_len(search->references, candidate->lid);
    tal_search_space space = {query_len, params->residue_count, params->sequence_count};
    bool is_reverse = candidate->is_reverse != 0;
    return (tal_hit){
        .query = tal_seqset_gid(search->queries, query),
        .reference = candidate->gid,
        .evalue = params->composition == TAL_COMPOSITION_ADJUST || params->has_reversed_null
                      ? tal_stats_evalue_scaled(&params->stats, &space, scaled, ref_len)
                      : tal_stats_evalue(&params->stats, &space, candidate->score, ref_len),
        .bits = tal_stats_bits(&params->stats, scaled),
        .score = candidate->score,
        .query_begin = is_reverse ? query_len - alignment->query_end : alignment->query_begin,
        .query_end = is_reverse ? query_len - alignment->query_begin : alignment->query_end,
        .ref_begin = alignment->ref_begin,
        .ref_end = alignment->ref_end,
        .column_count = alignment->column_count,
        .identity_count = alignment->identity_count,
        .mismatch_count = alignment->mismatch_count,
        .positive_count = alignment->positive_count,
        .gap_open_count = alignment->gap_open_count,
        .gap_column_count = alignment->gap_column_count,
        .is_reverse = candidate->is_reverse,
        .cigar_count = (uint32_t)alignment->cigar_count,
    };
}

static tal_status encode(const tal_search *search, tal_buffer *buffer, tal_hit *hit,
                         const tal_alignment *alignment, tal_lid lid)
{
    size_t hit_at = buffer->bytes;
    tal_status status = tal_buffer_append(buffer, hit, sizeof(*hit));
    if (status == TAL_OK)
        status = tal_buffer_append(buffer, alignment->cigar,
                                   alignment->cigar_count * sizeof(*alignment->cigar));
    if (status == TAL_OK)
        status = append_letters(buffer, search->references, lid, alignment, &hit->letter_bytes);
    static const uint8_t zeros[8];
    if (status == TAL_OK)
        status = tal_buffer_append(buffer, zeros, (8 - buffer->bytes % 8) % 8);
    if (status == TAL_OK)
        memcpy(buffer->data + hit_at, hit, sizeof(*hit)); /* Now with letter_bytes. */
    return status;
}

static tal_status trace_item(void *context, int worker, size_t idx)
{
    trace_pass *pass = context;
    tal_search *search = pass->search;
    const trace_task *task = &pass->tasks[pass->first + idx];
    const tal_candidate *candidate = &task->candidate;
    const tal_query_view *view = &search->views[task->query];
    tal_trace_job job = {
        .profile = view->profile[candidate->is_reverse],
        .query = view->codes[candidate->is_reverse],
        .query_len = tal_seqset_len(search->queries, task->query),
        .ref = tal_seqset_residues(search->references, candidate->lid),
        .ref_len = tal_seqset_len(search->references, candidate->lid),
        .mode = search->params.mode,
        .gaps = search->params.gaps,
        .score = candidate->score,
    };
    tal_status status = tal_stop_check();
    if (status != TAL_OK)
        return status;
    tal_alignment alignment;
    tal_search_worker *own = &search->workers[worker];
    if (tal_seqset_masked_count(search->references) + tal_seqset_masked_count(search->queries) >
        0) {
        tal_buffer_reset(&own->letters);
        status = tal_buffer_reserve(&own->letters, (size_t)job.ref_len + 1);
        if (status != TAL_OK)
            return status;
        (void)tal_seqset_copy_letters(search->references, candidate->lid, 0, job.ref_len,
                                      own->letters.data); /* Masked or not. */
        job.ref_letters = own->letters.data;
    }
    status = tal_trace(own->tracer, &job, &alignment);
    if (status != TAL_OK)
        return status;
    const tal_search_scratch scratch = tal_search_scratch_of(own);
    double scaled;
    status =
        tal_search_scale(search, &scratch, task->query, candidate->lid, candidate->score, &scaled);
    if (status != TAL_OK)
        return status;
    tal_hit hit = make_hit(search, task->query, candidate, scaled, &alignment);
    tal_accum_add(search->accum, worker, TAL_COUNT_HITS, 1);
    tal_accum_add(search->accum, worker, TAL_COUNT_ALIGNED_COLUMNS,
                  (uint64_t)alignment.column_count);
    tal_wait_note_progress();
    return encode(search, &own->traced, &hit, &alignment, candidate->lid);
}

static void add_task(trace_pass *pass, size_t *at, tal_lid query, const tal_candidate *candidate)
{
    const tal_search *search = pass->search;
    uint64_t cells = (uint64_t)tal_seqset_len(search->queries, query);
    if (search->params.spill == NULL)
        cells *= (uint64_t)tal_seqset_len(search->references, candidate->lid);
    size_t low = 0;
    size_t high = tal_tiles_portion_count(search->tiles);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (tal_tiles_portion_begin(search->tiles, middle) <= candidate->lid)
            low = middle;
        else
            high = middle;
    }
    trace_task task = {low, cells, query, *candidate};
    task.candidate.lid -= tal_tiles_portion_begin(search->tiles, low);
    pass->tasks[(*at)++] = task;
}

/* Whether a candidate is a member, which is not traced with this rank's references. */
static bool is_member(const tal_search *search, const tal_candidate *candidate)
{
    return search->expander != NULL && candidate->lid >= tal_seqset_count(search->own_references);
}

/* Those of this rank's references, found here or elsewhere. */
static void list_tasks(trace_pass *pass, size_t *out_count)
{
    const tal_search *search = pass->search;
    for (tal_lid query = 0; query < tal_seqset_count(search->queries); query++) {
        size_t count;
        const tal_candidate *list = tal_candidates_view(search->candidates, query, &count);
        for (size_t i = 0; i < count; i++)
            if (list[i].holder == (uint32_t)tal_comm_rank(search->comm) &&
                !is_member(search, &list[i]))
                add_task(pass, out_count, query, &list[i]);
    }
    for (size_t at = 0; at < search->moved.bytes; at += sizeof(tal_moved_candidate)) {
        tal_moved_candidate moved;
        memcpy(&moved, search->moved.data + at, sizeof(moved));
        add_task(pass, out_count, (tal_lid)moved.query, &moved.candidate);
    }
}

/* Portion by portion: what of the references is in memory at a time. */
static tal_status trace_portions(trace_pass *pass, size_t task_count)
{
    tal_search *search = pass->search;
    tal_status status = TAL_OK;
    while (pass->first < task_count && status == TAL_OK) {
        size_t portion = pass->tasks[pass->first].portion;
        size_t end = pass->first;
        while (end < task_count && pass->tasks[end].portion == portion)
            end++;
        const tal_tile_view *view;
        status = tal_tiles_load(search->tiles, portion, &view);
        tal_search_use(search, view);
        if (status == TAL_OK)
            status = tal_team_for(search->team, end - pass->first, trace_item, pass);
        pass->first = end;
    }
    tal_search_use(search, NULL);
    return status;
}

/* Candidates of all queries, and those that came from other ranks. */
static size_t count_candidates(const tal_search *search)
{
    size_t room = search->moved.bytes / sizeof(tal_moved_candidate);
    for (tal_lid query = 0; query < tal_seqset_count(search->queries); query++) {
        size_t count;
        (void)tal_candidates_view(search->candidates, query, &count);
        room += count;
    }
    return room;
}

tal_status tal_search_trace(tal_search *search)
{
    for (int i = 0; i < tal_team_size(search->team); i++)
        tal_buffer_reset(&search->workers[i].traced);
    const size_t room = count_candidates(search);
    trace_pass pass = {.search = search, .tasks = tal_alloc_array(room, sizeof(*pass.tasks))};
    if (pass.tasks == NULL)
        return TAL_ERR_MEMORY;
    size_t task_count = 0;
    list_tasks(&pass, &task_count);
    if (task_count > 1)
        qsort(pass.tasks, task_count, sizeof(*pass.tasks), compare_tasks);
    tal_status status = trace_portions(&pass, task_count);
    tal_free(pass.tasks);
    return status;
}

tal_status tal_search_trace_members(tal_search *search)
{
    const size_t room = count_candidates(search);
    trace_pass pass = {.search = search, .tasks = tal_alloc_array(room, sizeof(*pass.tasks))};
    if (pass.tasks == NULL)
        return TAL_ERR_MEMORY;
    size_t task_count = 0;
    for (tal_lid query = 0; query < tal_seqset_count(search->queries); query++) {
        size_t count;
        const tal_candidate *list = tal_candidates_view(search->candidates, query, &count);
        for (size_t i = 0; i < count; i++) {
            const tal_lid lid = tal_expand_find(search, list[i].lid);
            if (lid == UINT32_MAX)
                continue;
            trace_task task = {0, (uint64_t)tal_seqset_len(search->queries, query), query, list[i]};
            task.cells *= (uint64_t)tal_seqset_len(search->references, lid);
            task.candidate.lid = lid;
            pass.tasks[task_count++] = task;
        }
    }
    if (task_count > 1)
        qsort(pass.tasks, task_count, sizeof(*pass.tasks), compare_tasks);
    tal_status status = tal_team_for(search->team, task_count, trace_item, &pass);
    tal_free(pass.tasks);
    return status;
}
