/* What a search would cost; see dry_run.h.
 *
 * Memory: the sizes that the modules state in their headers, added up, and a base that was measured
 * (docs/cluster.md). Time: cells of the whole search over the cells a second that the score pass
 * reaches here on random sequences as long as the mean of the real ones.
 */
#include "app/dry_run.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/random.h"
#include "kernels/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    /* Of each sequence in memory: seqset.h's 24 bytes, its place in the order twice (sorting), and
     * whether it was hit. */
    SEQUENCE_BYTES = 24 + 2 * 4 + 1,
    /* Of each query of a block: views of two strands, its hit count and list of candidates. */
    QUERY_BYTES = 72,
    /* A block is in work while others are read ahead, decoded and sent. */
    BLOCK_COPIES = 4,
    CANDIDATE_BYTES = 24,
    /* A hit with its path and letters, as it is sent and as it is sorted. */
    HIT_BYTES = 2 * 256,
    WORKER_BYTES = 64 << 10,
    /* Kinds of letters a traceback keeps scores for. */
    TRACE_LETTERS = TAL_CODE_COUNT,
    LABEL_COLUMNS = 22,
};
/* Program, libraries, buffers of MPI and HDF5. Open MPI 4.1 on one machine: 25 MB under mpirun or
 * srun, 90 MB when started alone; fast networks take more. */
#define BASE_BYTES (UINT64_C(96) << 20)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* a * b, or the largest number when that is less. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

/* What one worker takes: two batches, kernel scratch, traceback. */
static uint64_t worker_bytes(const tal_memory_needs *needs)
{
    uint64_t query_len = needs->query_len_max;
    uint64_t batches =
        2 * TAL_BATCH_LANES * (needs->reference_len_max + (uint64_t)TAL_BATCH_COLUMN_STEP);
    uint64_t path = min_u64(needs->trace_bytes, multiply(query_len, needs->reference_len_max));
    int32_t rows = (int32_t)min_u64(query_len, INT32_MAX);
    int32_t columns = (int32_t)min_u64(needs->reference_len_max, INT32_MAX);
    return batches + tal_kernel_scratch_bytes(rows, columns) + path +
           query_len * (8 + TRACE_LETTERS) + WORKER_BYTES;
}

tal_memory_plan tal_memory_plan_make(const tal_memory_needs *needs, uint64_t rank_count)
{
    tal_memory_plan plan = {.base = BASE_BYTES};
    uint64_t references = divide_up(needs->reference_count, rank_count);
    plan.references = divide_up(needs->reference_residues, rank_count) +
                      divide_up(needs->reference_header_bytes, rank_count) +
                      references * SEQUENCE_BYTES;
    if (rank_count > 1) /* Shares end between records. */
        plan.references += needs->reference_len_max;

    uint64_t queries = min_u64(needs->query_count, needs->block_queries);
    uint64_t residues =
        needs->block_residues > needs->query_len_max ? needs->block_residues : needs->query_len_max;
    residues = min_u64(residues, needs->query_residues);
    uint64_t headers = min_u64(needs->query_header_bytes, multiply(queries, 256));
    uint64_t strands = (uint64_t)needs->strand_count;
    plan.queries = BLOCK_COPIES * (residues + headers + queries * SEQUENCE_BYTES) +
                   strands * TAL_PROFILE_STRIDE * (residues + queries) + residues +
                   queries * QUERY_BYTES;

    plan.workers = (uint64_t)needs->thread_count * worker_bytes(needs);
    plan.total = plan.references + plan.queries + plan.workers + plan.base;

    uint64_t limit = needs->hit_limit == 0 ? UINT64_MAX / 2 : needs->hit_limit;
    uint64_t kept = min_u64(2 * min_u64(limit, UINT64_MAX / 2), references * strands);
    uint64_t reported = min_u64(limit, multiply(needs->reference_count, strands));
    uint64_t own_queries = divide_up(queries, rank_count);
    plan.hits_max = multiply(multiply(queries, kept), CANDIDATE_BYTES);
    uint64_t traced = multiply(multiply(own_queries, reported), HIT_BYTES);
    plan.hits_max = plan.hits_max > UINT64_MAX - traced ? UINT64_MAX : plan.hits_max + traced;
    return plan;
}

uint64_t tal_memory_rank_count(const tal_memory_needs *needs, uint64_t limit_bytes)
{
    enum { RANKS_MAX_BITS = 31 };
    uint64_t low = 1;
    uint64_t high = (uint64_t)1 << RANKS_MAX_BITS;
    if (tal_memory_plan_make(needs, 1).total <= limit_bytes)
        return 1;
    if (tal_memory_plan_make(needs, high).total > limit_bytes)
        return 0;
    while (high - low > 1) { /* low does not fit, high does. */
        uint64_t middle = low + (high - low) / 2;
        if (tal_memory_plan_make(needs, middle).total <= limit_bytes)
            high = middle;
        else
            low = middle;
    }
    return high;
}

static void format_bytes(uint64_t bytes, char *out_text, size_t capacity)
{
    static const char *const units[] = {"MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes / (1 << 20);
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out_text, capacity, "%.*f %s", value < 10 ? 1 : 0, value, units[unit]);
}

tal_status tal_memory_check(const tal_memory_needs *needs, uint64_t rank_count,
                            uint64_t limit_bytes)
{
    tal_memory_plan plan = tal_memory_plan_make(needs, rank_count);
    if (plan.total <= limit_bytes)
        return TAL_OK;
    char need[32];
    char limit[32];
    format_bytes(plan.total, need, sizeof(need));
    format_bytes(limit_bytes, limit, sizeof(limit));
    uint64_t enough = tal_memory_rank_count(needs, limit_bytes);
    if (enough == 0)
        return tal_fail(TAL_ERR_MEMORY,
                        "each rank needs about %s, more than the %s of --memory, and what does not "
                        "shrink with more ranks is above it too; give more, or fewer --threads",
                        need, limit);
    return tal_fail(TAL_ERR_MEMORY,
                    "each of %" PRIu64 " ranks needs about %s, more than the %s of --memory; start "
                    "at least %" PRIu64 " ranks",
                    rank_count, need, limit, enough);
}

/* What a pass over a stream tells beyond its info. */
typedef struct counted_set {
    uint64_t block_count;
    uint64_t header_bytes;
    double seconds;
} counted_set;

static tal_status count_stream(tal_stream *stream, counted_set *out_set)
{
    counted_set counted = {0};
    uint64_t start = tal_clock_ns();
    for (;;) {
        tal_seqset *block;
        tal_status status = tal_stream_next(stream, &block);
        if (status != TAL_OK)
            return status;
        if (block == NULL)
            break;
        counted.block_count++;
        for (tal_lid lid = 0; lid < tal_seqset_count(block); lid++)
            counted.header_bytes += strlen(tal_seqset_header(block, lid)) + 1;
    }
    counted.seconds = (double)(tal_clock_ns() - start) * 1e-9;
    *out_set = counted;
    return TAL_OK;
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
    const tal_set_info *info = tal_stream_info(plan->references);
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
                             const counted_set *counted)
{
    char seconds[32];
    format_seconds(counted->seconds, seconds, sizeof(seconds));
    return tal_buffer_printf(
        text,
        "  %-*s%" PRIu64 " sequences, %" PRIu64 " residues, longest %" PRIu64 ", read in %s\n",
        LABEL_COLUMNS, label, info->sequence_count, info->residue_count, info->len_max, seconds);
}

static tal_status append_memory(tal_buffer *text, const tal_dry_run *plan)
{
    tal_memory_plan memory =
        tal_memory_plan_make(&plan->needs, (uint64_t)tal_comm_size(plan->comm));
    char total[32];
    char references[32];
    char queries[32];
    char workers[32];
    char base[32];
    char hits[32];
    format_bytes(memory.total, total, sizeof(total));
    format_bytes(memory.references, references, sizeof(references));
    format_bytes(memory.queries, queries, sizeof(queries));
    format_bytes(memory.workers, workers, sizeof(workers));
    format_bytes(memory.base, base, sizeof(base));
    format_bytes(memory.hits_max, hits, sizeof(hits));
    return tal_buffer_printf(text,
                             "  %-*s%s: references %s, queries %s, threads %s, base %s\n"
                             "  %-*sup to %s more, if every query has as many hits as it may\n",
                             LABEL_COLUMNS, "memory of each rank", total, references, queries,
                             workers, base, LABEL_COLUMNS, "hits of each rank", hits);
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
        format_bytes(tal_memory_plan_make(&plan->needs, ranks << row).total, total, sizeof(total));
        format_seconds(seconds / (double)(1 << row), time, sizeof(time));
        status = tal_buffer_printf(text, "  %-10" PRIu64 "%-18s%s\n", ranks << row, total, time);
    }
    if (status == TAL_OK)
        status = tal_buffer_append_text(
            text, "  (more ranks: as fast as these, each on cores of its own)\n");
    return status;
}

static tal_status append_report(tal_buffer *text, const tal_dry_run *plan,
                                const counted_set *queries, const counted_set *references,
                                double cells_per_second)
{
    const tal_set_info *query_info = tal_stream_info(plan->queries);
    const tal_set_info *reference_info = tal_stream_info(plan->references);
    double cells = (double)query_info->residue_count * (double)reference_info->residue_count *
                   plan->needs.strand_count;
    double seconds = cells / cells_per_second;
    char time[32];
    format_seconds(seconds, time, sizeof(time));
    tal_status status = tal_buffer_append_text(text, "plan of the search; nothing is written\n");
    if (status == TAL_OK)
        status = append_set(text, "queries", query_info, queries);
    if (status == TAL_OK)
        status = append_set(text, "references", reference_info, references);
    if (status == TAL_OK)
        status = tal_buffer_printf(
            text,
            "  %-*s%s, %d strand%s, query blocks: %" PRIu64 "\n"
            "  %-*s%.*g\n"
            "  %-*s%d x %d threads, %s kernels\n"
            "  %-*s%.1f GCUPS, measured on all ranks at once\n"
            "  %-*s%s; reading, and aligning the hits, come on top\n",
            LABEL_COLUMNS, "alphabet", tal_alphabet_name(query_info->alphabet),
            plan->needs.strand_count, plan->needs.strand_count == 1 ? "" : "s",
            queries->block_count, LABEL_COLUMNS, "cells", cells < 1e15 ? 15 : 4, cells,
            LABEL_COLUMNS, "ranks", tal_comm_size(plan->comm), plan->needs.thread_count,
            tal_isa_name(plan->params->isa), LABEL_COLUMNS, "speed", cells_per_second * 1e-9,
            LABEL_COLUMNS, "scoring", time);
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
    counted_set queries;
    counted_set references;
    tal_status status = count_stream(plan->queries, &queries);
    if (status == TAL_OK)
        status = count_stream(plan->references, &references);
    if (status != TAL_OK)
        return status;
    take_counts(&plan->needs, tal_stream_info(plan->queries), tal_stream_info(plan->references));
    plan->needs.query_header_bytes = queries.header_bytes;
    plan->needs.reference_header_bytes = references.header_bytes;
    double cells_per_second = 0;
    status = measure_speed(plan, &cells_per_second);
    if (status != TAL_OK)
        return status;

    tal_buffer text = {0};
    if (tal_comm_rank(plan->comm) == 0)
        status = append_report(&text, plan, &queries, &references, cells_per_second);
    status = tal_comm_agree(plan->comm, status);
    if (status == TAL_OK && tal_comm_rank(plan->comm) == 0)
        (void)fwrite(text.data, 1, text.bytes, stdout); /* main checks when it flushes. */
    tal_buffer_deinit(&text);
    if (status == TAL_OK && plan->memory_limit > 0)
        status =
            tal_memory_check(&plan->needs, (uint64_t)tal_comm_size(plan->comm), plan->memory_limit);
    return tal_comm_agree(plan->comm, status);
}
