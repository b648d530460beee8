/* Memory of a search; see memory_plan.h. */
#include "app/memory_plan.h"

#include "align/ladder.h"
#include "base/clock.h"
#include "kernels/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    /* Of each sequence in memory: seqset.h's 24 bytes, its place in the order twice (sorting), and
     * whether it was hit. */
    SEQUENCE_BYTES = 24 + 2 * 4 + 1,
    /* Of each query of a block: views of two strands, its hit count and list of candidates. */
    QUERY_BYTES = 128,
    /* A block is in work while others are read ahead, decoded and sent. */
    BLOCK_COPIES = 4,
    /* Copies of the residues of a query for tracing: as given, both strands. */
    CODE_COPIES = 3,
    CANDIDATE_BYTES = 24,
    /* A candidate as it is packed for its owner, moved to its holder, and as a task. */
    CHOSEN_BYTES = 2 * 24 + 32 + 56,
    /* A hit with its path and letters, about, traced, sent, received, sorted and decoded. */
    HIT_BYTES = 4 * 1024,
    /* A reference that was hit, as it is sent to the result file, besides its header. */
    NAME_BYTES = 64,
    WORKER_BYTES = 64 << 10,
    /* Kinds of letters a traceback keeps scores for. */
    TRACE_LETTERS = TAL_CODE_COUNT,
    /* Of a tile on disk: two in memory and one on its way; while they are made: the stream's
     * blocks, encoded and not, and the tile sorted and encoded. */
    TILE_COPIES = 4,
    TILE_MAKE_COPIES = 9,
    TILE_RESIDUES_MIN = 1 << 16,
    TILE_RESIDUES_MAX = 1 << 25,
    /* Tiles of a rank at least, so that ranks can help each other, when they are larger than
     * TILE_RESIDUES_EVEN. */
    TILES_EVEN = 16,
    TILE_RESIDUES_EVEN = 1 << 20,
    /* Of a reduced set: a record while places are dealt and its place in tables after; blocks that
     * a thread decodes at a time; residues on their way from blocks to a set of sequences. */
    PLACE_BYTES = 112,
    DECODE_BYTES = 24 << 20,
    FETCH_COPIES = 8,
    HIT_LIMIT_ALL = 10000, /* what a block is cut for when all hits are kept */
};
/* Program, libraries, buffers of MPI and HDF5. Open MPI 4.1 on one machine: 25 MB under mpirun or
 * srun, 90 MB when started alone; fast networks take more. */
#define BASE_BYTES (UINT64_C(96) << 20)
/* Residues of members in memory at a time: without a limit, and at least. */
#define FETCH_RESIDUES_MAX (UINT64_C(1) << 26)
#define FETCH_RESIDUES_MIN (UINT64_C(1) << 18)
/* The part of a limit that the hits of a block may have. */
enum { HIT_SHARE = 4 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* a * b, a + b, or the largest number when that is less. */
static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
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

static uint64_t hits_of_query(uint64_t kept, uint64_t reported)
{
    return add(multiply(kept, CANDIDATE_BYTES), multiply(reported, CHOSEN_BYTES));
}

tal_memory_plan tal_memory_plan_make(const tal_memory_needs *needs, uint64_t rank_count)
{
    tal_memory_plan plan = {.base = needs->base_bytes > 0 ? needs->base_bytes : BASE_BYTES};
    if (needs->record_count > 0)
        plan.base += divide_up(needs->record_count, rank_count) * PLACE_BYTES +
                     (uint64_t)needs->thread_count * DECODE_BYTES;
    uint64_t references = divide_up(needs->reference_count, rank_count);
    plan.references = divide_up(needs->reference_residues, rank_count) +
                      divide_up(needs->reference_header_bytes, rank_count) +
                      references * SEQUENCE_BYTES;
    if (rank_count > 1) /* Shares end between records. */
        plan.references += needs->reference_len_max;

    uint64_t queries = min_u64(needs->query_count, needs->block_queries);
    uint64_t residues = max_u64(needs->block_residues, needs->query_len_max);
    residues = min_u64(residues, needs->query_residues);
    uint64_t headers = min_u64(needs->query_header_bytes, multiply(queries, 256));
    uint64_t strands = (uint64_t)needs->strand_count;
    plan.queries = BLOCK_COPIES * (residues + headers + queries * SEQUENCE_BYTES) +
                   strands * TAL_PROFILE_STRIDE * (residues + queries) + CODE_COPIES * residues +
                   queries * QUERY_BYTES;

    plan.workers = (uint64_t)needs->thread_count * worker_bytes(needs);
    plan.total = add(add(plan.references, plan.queries), plan.workers + plan.base);

    uint64_t limit = needs->hit_limit == 0 ? UINT64_MAX / 2 : needs->hit_limit;
    uint64_t kept = min_u64(2 * min_u64(limit, UINT64_MAX / 2), references * strands);
    uint64_t reported = min_u64(limit, multiply(needs->reference_count, strands));
    uint64_t own_queries = divide_up(queries, rank_count);
    uint64_t found = multiply(queries, hits_of_query(kept, min_u64(kept, reported)));
    plan.hits_max = add(found, multiply(multiply(own_queries, reported), HIT_BYTES));
    /* At the end instead: the names of all references, should all have been hit. */
    uint64_t names =
        2 * divide_up(needs->reference_header_bytes, rank_count) + multiply(references, NAME_BYTES);
    plan.hits_max = max_u64(plan.hits_max, names);
    return plan;
}

/* The same with the references on disk; tile_residues is 0 when there is no room. */
static tal_memory_plan plan_tiles(const tal_memory_needs *needs, uint64_t rank_count,
                                  uint64_t limit)
{
    tal_memory_plan plan = tal_memory_plan_make(needs, rank_count);
    plan.total -= plan.references;
    uint64_t residues = max_u64(needs->reference_residues, 1);
    /* What comes with 16 residues, on the average. */
    uint64_t with_16 = 16 + divide_up(16 * (needs->reference_header_bytes +
                                            needs->reference_count * 2 * SEQUENCE_BYTES),
                                      residues);
    uint64_t fixed = add(plan.total, plan.hits_max);
    uint64_t room = limit > fixed ? (limit - fixed) / TILE_COPIES : 0;
    uint64_t make = limit > plan.base ? (limit - plan.base) / TILE_MAKE_COPIES : 0;
    uint64_t tile = min_u64(room, make) / with_16 * 16;
    tile = min_u64(tile, TILE_RESIDUES_MAX);
    uint64_t even = residues / rank_count / TILES_EVEN;
    tile = min_u64(tile, max_u64(even, TILE_RESIDUES_EVEN));
    uint64_t least = max_u64(TILE_RESIDUES_MIN, needs->reference_len_max);
    plan.tile_residues = tile < least ? 0 : tile;
    plan.references = TILE_COPIES * divide_up(max_u64(tile, least), 16) * with_16;
    plan.total = add(plan.total, plan.references);
    return plan;
}

/* What else helps when the plan does not fit. */
static const char *way_out(const tal_memory_needs *needs)
{
    return needs->is_grid_fixed ? "remove the unfinished work, whose blocks of queries were cut "
                                  "for more memory"
                                : "a smaller --max-hits";
}

tal_status tal_memory_plan_fit(const tal_memory_needs *needs, uint64_t rank_count,
                               uint64_t limit_bytes, tal_memory_plan *out_plan)
{
    tal_memory_plan plan = tal_memory_plan_make(needs, rank_count);
    if (add(plan.total, plan.hits_max) > limit_bytes)
        plan = plan_tiles(needs, rank_count, limit_bytes);
    else
        plan.tile_residues = 0;
    uint64_t all = add(plan.total, plan.hits_max);
    if (all <= limit_bytes) {
        *out_plan = plan;
        return TAL_OK;
    }
    char need[32], limit[32], hits[32], workers[32];
    tal_memory_format(all, need, sizeof(need));
    tal_memory_format(limit_bytes, limit, sizeof(limit));
    tal_memory_format(plan.hits_max, hits, sizeof(hits));
    tal_memory_format(plan.workers, workers, sizeof(workers));
    return tal_fail(TAL_ERR_MEMORY,
                    "each of %" PRIu64 " ranks needs about %s even with the references on disk, "
                    "more than the %s of --memory: %s for hits, %s for %d threads; give more, "
                    "fewer --threads, or %s",
                    rank_count, need, limit, hits, workers, needs->thread_count, way_out(needs));
}

tal_status tal_memory_plan_fit_reduced(const tal_memory_needs *needs, uint64_t rank_count,
                                       uint64_t limit_bytes, tal_memory_plan *out_plan,
                                       uint64_t *out_residues)
{
    *out_plan = tal_memory_plan_make(needs, rank_count);
    *out_residues = FETCH_RESIDUES_MAX;
    if (limit_bytes == 0)
        return TAL_OK;
    const uint64_t taken = add(out_plan->total, out_plan->hits_max);
    const uint64_t left = limit_bytes > taken ? (limit_bytes - taken) / FETCH_COPIES : 0;
    if (left >= FETCH_RESIDUES_MIN) {
        *out_residues = min_u64(left, FETCH_RESIDUES_MAX);
        return TAL_OK;
    }
    char need[32], limit[32], hits[32], workers[32];
    tal_memory_format(add(taken, FETCH_COPIES * FETCH_RESIDUES_MIN), need, sizeof(need));
    tal_memory_format(limit_bytes, limit, sizeof(limit));
    tal_memory_format(out_plan->hits_max, hits, sizeof(hits));
    tal_memory_format(out_plan->workers, workers, sizeof(workers));
    return tal_fail(TAL_ERR_MEMORY,
                    "each of %" PRIu64 " ranks needs about %s with its representatives, more than "
                    "the %s of --memory: %s for hits, %s for %d threads; give more, more ranks, "
                    "fewer --threads, or %s",
                    rank_count, need, limit, hits, workers, needs->thread_count, way_out(needs));
}

uint64_t tal_memory_block_queries(uint64_t limit_bytes, uint64_t hit_limit, uint64_t query_max)
{
    uint64_t hits = hit_limit == 0 ? HIT_LIMIT_ALL : hit_limit;
    uint64_t each = add(hits_of_query(multiply(2, hits), hits), multiply(hits, HIT_BYTES));
    uint64_t fitting = limit_bytes / HIT_SHARE / each;
    uint64_t count = query_max;
    while (count > 1 && count > fitting)
        count /= 2;
    return count;
}

void tal_memory_format(uint64_t bytes, char *out_text, size_t capacity)
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

tal_status tal_memory_count(tal_stream *stream, tal_counted_set *out_set)
{
    tal_counted_set counted = {0};
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
