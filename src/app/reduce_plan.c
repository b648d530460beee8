/* Memory of a reduction; see reduce_plan.h. */
#include "app/reduce_plan.h"

#include "app/memory_plan.h"
#include "base/resident.h"
#include "reduce/rounds.h"

#include <inttypes.h>

enum {
    COUNT_RESIDUES = 1 << 18, /* of a block while the input is counted */
    COUNT_SEQUENCES = 1 << 12,
    SEQUENCE_BYTES = 24, /* of a sequence in a set: seqset.h */
    /* While equal ones are found (distinct.c): keys as they are and sorted, or the answer and what
     * is told of each. */
    KEY_BYTES = 160,
    ANSWER_BYTES = 112,
    /* What stays of a sequence in rounds: its id, that of its record, decision and proof, order,
     * degree and size, flags (reduction.h); a row of the state while it is kept. */
    VERTEX_BYTES = 128,
    STATE_BYTES = 64,
    ASSIGNED_BYTES = 72, /* of a record: assignment.c */
    TABLE_BYTES = 400,   /* a row of the clusters, sent and received, with its name */
    PLACE_BYTES = 264,   /* while the order of a set is made: pack_order.c */
    KMER_BYTES = 54,     /* while they are gathered and sorted */
    PASSES = 64,         /* of hash space, and the parts of a round: candidates.c */
    PAIRS = 8,           /* of a k-mer */
    PARTS = 256,
};
#define ROUND_BYTES       (UINT64_C(16) << 20) /* pieces of input, of messages, of blocks */
#define LATER_BYTES       (UINT64_C(24) << 20) /* what MPI and HDF5 take later than now */
#define CODEC_BYTES       (UINT64_C(4) << 20)  /* of a thread that packs proteins */
#define CODEC_NUCLEOTIDES (UINT64_C(60) << 20)
/* What zstd takes for names without descriptions, as those of genes often are. */
#define NAMES_BYTES (UINT64_C(176) << 20)

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* K-mers of a sequence in the round that has most of them. */
static uint64_t kmers_of(const tal_reduce_needs *needs, const tal_reduce_params *params)
{
    const tal_rounds rounds =
        tal_rounds_for(needs->alphabet, params->identity, needs->residue_count);
    uint64_t most = rounds.degrees.kmer_limit;
    for (size_t i = 0; i < rounds.count; i++)
        most = max_u64(most, rounds.seeds[i].kmer_limit);
    return most;
}

tal_reduce_plan tal_reduce_plan_make(const tal_reduce_needs *needs, const tal_reduce_params *params)
{
    const uint64_t ranks = needs->rank_count, threads = (uint64_t)needs->thread_count;
    const uint64_t sequences = needs->sequence_count / ranks + 1;
    const uint64_t residues = needs->residue_count / ranks + (ranks > 1 ? needs->len_max : 0);
    const uint64_t headers = needs->header_bytes / ranks;
    const bool is_protein = needs->alphabet == TAL_PROTEIN;
    tal_reduce_params least = *params;
    least.memory_bytes = params->memory_bytes > 0 ? params->memory_bytes : 1;
    tal_reduce_plan plan = {.base = needs->base_bytes + LATER_BYTES};
    plan.input = residues + headers + SEQUENCE_BYTES * sequences;
    const uint64_t held = plan.base + plan.input;
    const uint64_t owned = residues + SEQUENCE_BYTES * sequences;
    plan.distinct =
        held + ROUND_BYTES + max_u64(KEY_BYTES * sequences, owned + ANSWER_BYTES * sequences);
    const uint64_t kmers = sequences * kmers_of(needs, params);
    const uint64_t work = kmers * KMER_BYTES / PASSES + kmers * PAIRS * KMER_BYTES / PARTS;
    plan.rounds =
        held + owned + VERTEX_BYTES * sequences + ROUND_BYTES +
        threads * tal_reduce_verifier_bytes(&least, (int32_t)needs->len_max, (int)threads) +
        max_u64(work, STATE_BYTES * sequences);
    plan.tables = held + (ASSIGNED_BYTES + TABLE_BYTES) * sequences;
    /* Packed: at most 5 bits a residue, half of the headers; twice at the end. */
    const uint64_t packed = residues / (is_protein ? 1 : 2) + residues / 4 + headers;
    plan.pack = held + ASSIGNED_BYTES * sequences +
                max_u64(PLACE_BYTES * sequences,
                        72 * sequences + packed + ROUND_BYTES + (is_protein ? 0 : NAMES_BYTES) +
                            threads * (is_protein ? CODEC_BYTES : CODEC_NUCLEOTIDES));
    plan.total = max_u64(max_u64(plan.distinct, plan.rounds), plan.tables);
    if (needs->has_set)
        plan.total = max_u64(plan.total, plan.pack);
    return plan;
}

tal_status tal_reduce_plan_count(tal_comm *comm, const tal_load_params *load,
                                 tal_reduce_needs *needs, bool *out_is_counted)
{
    tal_stream *stream = NULL;
    tal_counted_set counted;
    *out_is_counted = tal_load_is_repeatable(comm, load);
    if (!*out_is_counted)
        return TAL_OK;
    tal_status status = tal_stream_open(comm, load, COUNT_RESIDUES, COUNT_SEQUENCES, &stream);
    if (status == TAL_OK)
        status = tal_memory_count(stream, &counted);
    if (status == TAL_OK) {
        const tal_set_info *info = tal_stream_info(stream);
        needs->alphabet = info->alphabet;
        needs->sequence_count += info->sequence_count;
        needs->residue_count += info->residue_count;
        needs->len_max = max_u64(needs->len_max, info->len_max);
        needs->header_bytes += counted.header_bytes;
    }
    tal_stream_close(stream);
    needs->base_bytes = tal_resident_trim();
    tal_comm_max_u64(comm, &needs->base_bytes, 1);
    return status;
}

tal_status tal_reduce_plan_check(const tal_reduce_needs *needs, const tal_reduce_params *params)
{
    const tal_reduce_plan plan = tal_reduce_plan_make(needs, params);
    if (params->memory_bytes == 0 || plan.total <= params->memory_bytes)
        return TAL_OK;
    char total[32], limit[32], input[32];
    tal_memory_format(plan.total, total, sizeof(total));
    tal_memory_format(params->memory_bytes, limit, sizeof(limit));
    tal_memory_format(plan.input, input, sizeof(input));
    return tal_fail(TAL_ERR_MEMORY,
                    "each of %" PRIu64 " ranks needs at least %s, %s of it for its share of the "
                    "input, more than the %s of --memory; give more, more ranks, or fewer "
                    "--threads",
                    needs->rank_count, total, input, limit);
}

tal_status tal_reduce_plan_append(const tal_reduce_needs *needs, const tal_reduce_params *params,
                                  tal_buffer *text)
{
    const tal_reduce_plan plan = tal_reduce_plan_make(needs, params);
    const struct {
        const char *name, *what;
        uint64_t bytes;
    } rows[] = {
        {"memory of each rank", "at least, the largest of the phases", plan.total},
        {"  base", "program, MPI, HDF5; in all that follow", plan.base},
        {"  input", "a share of it, which stays; in all that follow", plan.base + plan.input},
        {"  distinct", "finding equal sequences", plan.distinct},
        {"  rounds", "and the proofs of members", plan.rounds},
        {"  tables", "", plan.tables},
        {"  packing", needs->has_set ? "" : "with -o", plan.pack},
    };
    tal_status status = tal_buffer_printf(
        text,
        "  %-22s%" PRIu64 " sequences, %" PRIu64 " residues, longest %" PRIu64 ", %s\n"
        "  %-22s%" PRIu64 " x %d threads\n",
        "references", needs->sequence_count, needs->residue_count, needs->len_max,
        tal_alphabet_name(needs->alphabet), "ranks", needs->rank_count, needs->thread_count);
    for (size_t i = 0; status == TAL_OK && i < sizeof(rows) / sizeof(*rows); i++) {
        char size[32];
        tal_memory_format(rows[i].bytes, size, sizeof(size));
        status = tal_buffer_printf(text, "  %-22s%-12s%s\n", rows[i].name, size, rows[i].what);
    }
    return status;
}
