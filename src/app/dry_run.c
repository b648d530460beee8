/* What a search would cost; see dry_run.h.
 *
 * Memory: memory_plan.h. Time: cells of the whole search over the cells a second that the score
 * pass reaches here on random sequences as long as the mean of the real ones.
 */
#include "app/dry_run.h"

#include "app/search_run.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_COLUMNS = 22 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* What is scored against every query. */
static const tal_set_info *scored_info(const tal_dry_run *plan)
{
    return plan->references == NULL ? &plan->representatives : tal_stream_info(plan->references);
}

/* --- The speed of this machine --- */

enum {
    SAMPLE_REFERENCES_MAX = 4 * TAL_BATCH_LANES,
    SAMPLE_LEN_MIN = 16,
    SAMPLE_LEN_MAX = 2048,
    SAMPLE_QUERIES_MAX = 1 << 16,
    SAMPLE_SEED = 1,
};
/* A round is believed from half of what is aimed at, when it is not only waiting for a core. */
#define SAMPLE_NS_AIM       100000000u
#define SAMPLE_NS_ENOUGH    50000000u
#define SAMPLE_CELLS_ENOUGH (UINT64_C(1) << 25) /* of each thread */

static uint64_t mean_len(const tal_set_info *info)
{
    uint64_t mean = info->sequence_count == 0 ? 0 : info->residue_count / info->sequence_count;
    mean = mean < SAMPLE_LEN_MIN ? SAMPLE_LEN_MIN : mean;
    return min_u64(mean, SAMPLE_LEN_MAX);
}

/* Replace the set's content by `count` random sequences. */
static tal_status fill_sample(tal_seqset *set, uint64_t count, uint64_t len, uint64_t stream)
{
    uint64_t letter_count = tal_seqset_alphabet(set) == TAL_PROTEIN ? 20 : 4;
    uint8_t codes[SAMPLE_LEN_MAX];
    tal_random random;
    tal_random_init(&random, SAMPLE_SEED, 0, stream);
    tal_seqset_reset(set);
    tal_status status = TAL_OK;
    for (uint64_t i = 0; i < count && status == TAL_OK; i++) {
        for (uint64_t at = 0; at < len; at++)
            codes[at] = (uint8_t)tal_random_below(&random, letter_count);
        status = tal_seqset_append(set, i, codes, (size_t)len, "", 0);
    }
    return status;
}

/* Score the queries; the time of the slowest rank. Collective; agreed status. */
static tal_status time_block(const tal_dry_run *plan, tal_search *search, const tal_seqset *queries,
                             uint64_t *out_slowest_ns)
{
    tal_comm_barrier(plan->comm); /* All ranks at once, as in the search. */
    double before = tal_search_times_get(search).score;
    tal_block_hits hits;
    tal_status status = tal_search_block(search, queries, &hits);
    if (status != TAL_OK)
        return status;
    *out_slowest_ns = (uint64_t)((tal_search_times_get(search).score - before) * 1e9) + 1;
    tal_comm_max_u64(plan->comm, out_slowest_ns, 1);
    return TAL_OK;
}

/* Rounds of growing size until one takes long enough; then the faster of two of that size.
 * Collective; agreed status. */
static tal_status run_rounds(const tal_dry_run *plan, tal_search *search, tal_seqset *queries,
                             uint64_t reference_residues, double *out_cells_per_second)
{
    uint64_t query_len = mean_len(tal_stream_info(plan->queries));
    uint64_t cells_of_query = query_len * reference_residues * (uint64_t)plan->needs.strand_count;
    uint64_t cells_enough = SAMPLE_CELLS_ENOUGH * (uint64_t)plan->needs.thread_count;
    uint64_t query_count = 1;
    for (;;) {
        tal_status status = fill_sample(queries, query_count, query_len, 1);
        status = tal_comm_agree(plan->comm, status);
        uint64_t slowest_ns = 0;
        if (status == TAL_OK)
            status = time_block(plan, search, queries, &slowest_ns);
        if (status != TAL_OK)
            return status;
        uint64_t cells = cells_of_query * query_count;
        bool is_enough = slowest_ns >= SAMPLE_NS_ENOUGH && cells >= cells_enough;
        if (is_enough || query_count == SAMPLE_QUERIES_MAX) {
            uint64_t again_ns = 0;
            status = time_block(plan, search, queries, &again_ns);
            if (status != TAL_OK)
                return status;
            *out_cells_per_second = (double)cells * tal_comm_size(plan->comm) /
                                    ((double)min_u64(slowest_ns, again_ns) * 1e-9);
            return TAL_OK;
        }
        uint64_t growth = min_u64(SAMPLE_NS_AIM / slowest_ns + 2, 16);
        query_count = min_u64(query_count * growth, SAMPLE_QUERIES_MAX);
    }
}

/* Cells a second of all ranks together. Collective; agreed status. */
static tal_status measure_speed(const tal_dry_run *plan, double *out_cells_per_second)
{
    tal_search_params params = *plan->params;
    params.score_min = INT32_MAX; /* No hits: their cost is not the kernels'. */
    params.hit_limit = 1;
    params.progress = NULL;
    tal_alphabet alphabet = tal_stream_alphabet(plan->queries);
    /* As many as a rank has, so that lanes are as full as they will be. */
    const tal_set_info *info = scored_info(plan);
    uint64_t count = divide_up(info->sequence_count, (uint64_t)tal_comm_size(plan->comm));
    count = min_u64(count, SAMPLE_REFERENCES_MAX);
    uint64_t len = mean_len(info);
    params.sequence_count = count;
    params.residue_count = count * len;
    params.len_max = len;

    tal_seqset *references = NULL;
    tal_seqset *queries = NULL;
    tal_search *search = NULL;
    tal_status status = tal_seqset_create(alphabet, &references);
    if (status == TAL_OK)
        status = tal_seqset_create(alphabet, &queries);
    if (status == TAL_OK)
        status = fill_sample(references, count, len, 0);
    if (status == TAL_OK)
        status = tal_search_create(plan->comm, plan->team, &params, references, &search);
    status = tal_comm_agree(plan->comm, status);
    if (status == TAL_OK)
        status = run_rounds(plan, search, queries, params.residue_count, out_cells_per_second);
    tal_search_destroy(search);
    tal_seqset_destroy(queries);
    tal_seqset_destroy(references);
    return status;
}

/* --- The report --- */

/* "12.3 s", "1:02:03" */
static void format_seconds(double seconds, char *text, size_t bytes)
{
    if (seconds < 100) {
        (void)snprintf(text, bytes, "%.1f s", seconds);
        return;
    }
    double hours = seconds / 3600;
    unsigned whole = (unsigned)(seconds - 3600 * (double)(uint64_t)hours);
    (void)snprintf(text, bytes, "%.0f:%02u:%02u", (double)(uint64_t)hours, whole / 60, whole % 60);
}

static tal_status append_set(tal_buffer *text, const char *label, const tal_set_info *info,
                             const tal_counted_set *counted)
{
    char seconds[32];
    format_seconds(counted->seconds, seconds, sizeof(seconds));
    return tal_buffer_printf(
        text,
        "  %-*s%" PRIu64 " sequences, %" PRIu64 " residues, longest %" PRIu64 ", read in %s\n",
        LABEL_COLUMNS, label, info->sequence_count, info->residue_count, info->len_max, seconds);
}

static tal_status append_reduced(tal_buffer *text, const tal_dry_run *plan)
{
    const tal_set_info *all = &plan->reduced, *scored = &plan->representatives;
    return tal_buffer_printf(text,
                             "  %-*s%" PRIu64 " sequences, %" PRIu64 " residues\n"
                             "  %-*s%" PRIu64 " sequences, %" PRIu64
                             " residues: what follows is for them; members of clusters that are "
                             "hit come on top\n",
                             LABEL_COLUMNS, "references", all->sequence_count, all->residue_count,
                             LABEL_COLUMNS, "representatives", scored->sequence_count,
                             scored->residue_count);
}

/* As the search does with --memory. */
static tal_status fit(const tal_dry_run *plan, tal_memory_plan *out_plan)
{
    const uint64_t ranks = (uint64_t)tal_comm_size(plan->comm);
    uint64_t residues;
    if (plan->references == NULL)
        return tal_memory_plan_fit_reduced(&plan->needs, ranks, plan->memory_limit, out_plan,
                                           &residues);
    return tal_memory_plan_fit(&plan->needs, ranks, plan->memory_limit, out_plan);
}

static tal_status append_memory(tal_buffer *text, const tal_dry_run *plan)
{
    uint64_t ranks = (uint64_t)tal_comm_size(plan->comm);
    tal_memory_plan memory = tal_memory_plan_make(&plan->needs, ranks);
    bool is_fitting = plan->memory_limit == 0 || fit(plan, &memory) == TAL_OK;
    tal_status_clear(); /* Said at the end. */
    char total[32], references[32], queries[32], workers[32], base[32], hits[32], tile[32];
    tal_memory_format(memory.total, total, sizeof(total));
    tal_memory_format(memory.references, references, sizeof(references));
    tal_memory_format(memory.queries, queries, sizeof(queries));
    tal_memory_format(memory.workers, workers, sizeof(workers));
    tal_memory_format(memory.base, base, sizeof(base));
    tal_memory_format(memory.hits_max, hits, sizeof(hits));
    tal_memory_format(memory.tile_residues, tile, sizeof(tile));
    tal_status status = tal_buffer_printf(
        text,
        "  %-*s%s: references %s, queries %s, threads %s, base %s\n"
        "  %-*s%s%s, if every query has as many hits as it may\n",
        LABEL_COLUMNS, "memory of each rank", total, references, queries, workers, base,
        LABEL_COLUMNS, "hits of each rank", plan->memory_limit == 0 ? "up to " : "counted: ", hits);
    if (status != TAL_OK || !is_fitting)
        return status;
    uint64_t own = divide_up(plan->needs.reference_residues, ranks);
    if (memory.tile_residues > 0)
        return tal_buffer_printf(text,
                                 "  %-*son disk, %" PRIu64 " tiles of each rank, %s of residues "
                                 "each, read once for each block of queries\n",
                                 LABEL_COLUMNS, "references", divide_up(own, memory.tile_residues),
                                 tile);
    return tal_buffer_printf(text,
                             "  %-*sin memory, one pass; up to %d tiles of each rank, which ranks "
                             "that are done take from others\n",
                             LABEL_COLUMNS, "references", ranks > 1 ? TAL_TILE_COUNT : 1);
}

/* What other numbers of ranks would need, on as many machines as these ranks have here. */
static tal_status append_alternatives(tal_buffer *text, const tal_dry_run *plan, double seconds)
{
    enum { ROWS = 6 };
    tal_status status =
        tal_buffer_printf(text, "\n  %-10s%-18s%s\n", "ranks", "memory of each", "scoring");
    uint64_t ranks = (uint64_t)tal_comm_size(plan->comm);
    for (int row = 0; row < ROWS && status == TAL_OK; row++) {
        char total[32];
        char time[32];
        tal_memory_format(tal_memory_plan_make(&plan->needs, ranks << row).total, total,
                          sizeof(total));
        format_seconds(seconds / (double)(1 << row), time, sizeof(time));
        status = tal_buffer_printf(text, "  %-10" PRIu64 "%-18s%s\n", ranks << row, total, time);
    }
    if (status == TAL_OK)
        status = tal_buffer_append_text(
            text, "  (more ranks: as fast as these, each on cores of its own)\n");
    return status;
}

static tal_status append_report(tal_buffer *text, const tal_dry_run *plan,
                                const tal_counted_set *queries, const tal_counted_set *references,
                                double cells_per_second)
{
    const tal_set_info *query_info = tal_stream_info(plan->queries);
    const tal_set_info *reference_info = scored_info(plan);
    double cells = (double)query_info->residue_count * (double)reference_info->residue_count *
                   plan->needs.strand_count;
    bool is_self = tal_search_run_is_same(query_info, reference_info);
    double share = is_self && plan->why_twice == NULL ? 0.5 : 1;
    double seconds = cells * share / cells_per_second;
    char time[32];
    format_seconds(seconds, time, sizeof(time));
    tal_status status = tal_buffer_append_text(text, "plan of the search; nothing is written\n");
    if (status == TAL_OK)
        status = append_set(text, "queries", query_info, queries);
    if (status == TAL_OK && plan->references == NULL)
        status = append_reduced(text, plan);
    else if (status == TAL_OK)
        status = append_set(text, "references", reference_info, references);
    if (status == TAL_OK)
        status = tal_buffer_printf(
            text,
            "  %-*s%s, %d strand%s, query blocks: %" PRIu64 "\n"
            "  %-*s%.*g\n"
            "  %-*s%d x %d threads, %s kernels\n"
            "  %-*s%.*f GCUPS, measured on all ranks at once\n"
            "  %-*s%s; reading, and aligning the hits, come on top\n",
            LABEL_COLUMNS, "alphabet", tal_alphabet_name(query_info->alphabet),
            plan->needs.strand_count, plan->needs.strand_count == 1 ? "" : "s",
            queries->block_count, LABEL_COLUMNS, "cells", cells < 1e15 ? 15 : 4, cells,
            LABEL_COLUMNS, "ranks", tal_comm_size(plan->comm), plan->needs.thread_count,
            tal_isa_name(plan->params->isa), LABEL_COLUMNS, "speed", cells_per_second < 1e9 ? 6 : 1,
            cells_per_second * 1e-9, LABEL_COLUMNS, "scoring", time);
    if (status == TAL_OK && is_self)
        status = tal_buffer_printf(
            text, "  %-*squeries and references are the same: each pair is scored %s%s\n",
            LABEL_COLUMNS, "pairs", plan->why_twice == NULL ? "once" : "from both sides: ",
            plan->why_twice == NULL ? "" : plan->why_twice);
    if (status == TAL_OK)
        status = append_memory(text, plan);
    return status == TAL_OK ? append_alternatives(text, plan, seconds) : status;
}

static void take_counts(tal_memory_needs *needs, const tal_set_info *queries,
                        const tal_set_info *references)
{
    needs->query_count = queries->sequence_count;
    needs->query_residues = queries->residue_count;
    needs->query_len_max = queries->len_max;
    needs->reference_count = references->sequence_count;
    needs->reference_residues = references->residue_count;
    needs->reference_len_max = references->len_max;
}

tal_status tal_dry_run_report(tal_dry_run *plan)
{
    tal_counted_set queries;
    tal_counted_set references = {0};
    tal_status status = tal_memory_count(plan->queries, &queries);
    if (status == TAL_OK && plan->references != NULL)
        status = tal_memory_count(plan->references, &references);
    if (status != TAL_OK)
        return status;
    take_counts(&plan->needs, tal_stream_info(plan->queries), scored_info(plan));
    plan->needs.record_count = plan->references == NULL ? plan->reduced.sequence_count : 0;
    plan->needs.query_header_bytes = queries.header_bytes;
    plan->needs.reference_header_bytes = references.header_bytes;
    double cells_per_second = 0;
    status = measure_speed(plan, &cells_per_second);
    if (status != TAL_OK)
        return status;

    tal_memory_plan memory;
    tal_buffer text = {0};
    if (tal_comm_rank(plan->comm) == 0)
        status = append_report(&text, plan, &queries, &references, cells_per_second);
    status = tal_comm_agree(plan->comm, status);
    if (status == TAL_OK && tal_comm_rank(plan->comm) == 0)
        (void)fwrite(text.data, 1, text.bytes, stdout); /* main checks when it flushes. */
    tal_buffer_deinit(&text);
    if (status == TAL_OK && plan->memory_limit > 0)
        status = fit(plan, &memory);
    return tal_comm_agree(plan->comm, status);
}
