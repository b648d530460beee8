/* Simulated families into files; see simulate.h.
 *
 * The sequences are cut into items of about equal text. In rounds, every rank takes a contiguous
 * run of items, its team makes their text, and all ranks write it together at offsets that are
 * prefix sums of what they made: memory is bounded by a round, whatever the size of the output.
 */
#include "sim/simulate.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/check.h"
#include "comm/file.h"
#include "par/accum.h"
#include "sim/family.h"
#include "sim/model.h"
#include "sim/output.h"
#include "sim/record.h"

#include <string.h>

enum {
    ITEM_BYTES = 1 << 20,    /* text of one item, about: many per thread, few repeated ancestors */
    ITEM_SEQUENCES = 8192,   /* at most */
    ROUND_ITEMS = 32,        /* of one rank */
    RECORD_BYTES = 80,       /* text of a record beside its letters, about */
    FAMILIES_PER_ITEM = 4096 /* when lengths are summed */
};

enum { COUNT_RESIDUES, COUNT_SUBSTITUTIONS, COUNT_INSERTIONS, COUNT_DELETIONS, COUNT_COUNT };

/* One item's text; kept from round to round. */
typedef struct item_text {
    tal_buffer fasta, truth;
} item_text;

/* What one worker keeps. */
typedef struct worker_state {
    tal_family_maker maker;
    uint64_t len_sum; /* when lengths are summed */
    uint64_t len_min, len_max;
} worker_state;

typedef struct simulation {
    const tal_simulate_params *params;
    tal_comm *comm;
    tal_team *team;
    tal_sim_plan plan;
    tal_model model;
    int digits;
    uint64_t item_sequences; /* sequences per item */
    uint64_t item_begin;     /* first item of this rank's round */
    uint64_t family_begin;   /* of this rank, when lengths are summed */
    uint64_t family_end;
    worker_state *workers; /* one per thread */
    item_text *items;      /* ROUND_ITEMS */
    tal_buffer round;      /* this rank's text of one file */
    tal_accum *counts;
    uint64_t fasta_bytes, truth_bytes;
} simulation;

/* Where visits of one item go. */
typedef struct item_context {
    simulation *sim;
    worker_state *worker;
    item_text *text;
    uint64_t counts[COUNT_COUNT];
} item_context;

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static tal_status check_params(const tal_simulate_params *params)
{
    if (params->sequence_count < 1 || params->sequence_count > TAL_SIMULATE_SEQUENCES_MAX)
        return tal_fail(TAL_ERR_USAGE, "cannot simulate %llu sequences: 1 to %llu are possible",
                        (unsigned long long)params->sequence_count,
                        (unsigned long long)TAL_SIMULATE_SEQUENCES_MAX);
    if (params->family_count < 1 || params->family_count > params->sequence_count)
        return tal_fail(TAL_ERR_USAGE,
                        "cannot simulate %llu families of %llu sequences: give 1 to %llu families",
                        (unsigned long long)params->family_count,
                        (unsigned long long)params->sequence_count,
                        (unsigned long long)params->sequence_count);
    if (params->mean_len < TAL_SIMULATE_LEN_MIN || params->mean_len > TAL_SIMULATE_MEAN_LEN_MAX)
        return tal_fail(
            TAL_ERR_USAGE, "cannot simulate a mean length of %llu: give %d to %d residues",
            (unsigned long long)params->mean_len, TAL_SIMULATE_LEN_MIN, TAL_SIMULATE_MEAN_LEN_MAX);
    /* Written so that a NaN fails. */
    if (!(params->divergence >= 0.0 && params->divergence <= TAL_SIMULATE_DIVERGENCE_MAX))
        return tal_fail(TAL_ERR_USAGE, "cannot simulate a divergence of %g: give 0 to %g",
                        params->divergence, TAL_SIMULATE_DIVERGENCE_MAX);
    if (!(params->indel_rate >= 0.0 && params->indel_rate <= 1.0))
        return tal_fail(TAL_ERR_USAGE, "cannot simulate an indel rate of %g: give 0 to 1",
                        params->indel_rate);
    if (!(params->indel_extension >= 0.0 && params->indel_extension <= 0.99))
        return tal_fail(TAL_ERR_USAGE, "cannot simulate an indel extension of %g: give 0 to 0.99",
                        params->indel_extension);
    if (params->truth_path != NULL && strcmp(params->truth_path, params->path) == 0)
        return tal_fail(TAL_ERR_USAGE,
                        "cannot write sequences and truth to one file '%s': name another table",
                        params->path);
    return TAL_OK;
}

static void simulation_deinit(simulation *sim)
{
    tal_accum_destroy(sim->counts);
    tal_buffer_deinit(&sim->round);
    for (int i = 0; sim->items != NULL && i < ROUND_ITEMS; i++) {
        tal_buffer_deinit(&sim->items[i].truth);
        tal_buffer_deinit(&sim->items[i].fasta);
    }
    tal_free(sim->items);
    for (int i = 0; sim->workers != NULL && i < tal_team_size(sim->team); i++)
        tal_family_maker_deinit(&sim->workers[i].maker);
    tal_free(sim->workers);
}

/* Not collective. */
static tal_status simulation_init(simulation *sim)
{
    const tal_simulate_params *params = sim->params;
    size_t thread_count = (size_t)tal_team_size(sim->team);
    tal_model_init(&sim->model, params->alphabet);
    tal_sim_plan_init(&sim->plan, params->seed, params->sequence_count, params->family_count,
                      params->mean_len, params->divergence);
    sim->digits = tal_record_digits(params->sequence_count);
    sim->item_sequences =
        max_u64(1, min_u64(ITEM_SEQUENCES, ITEM_BYTES / (params->mean_len + RECORD_BYTES)));
    sim->workers = tal_alloc_zero(thread_count * sizeof(*sim->workers));
    sim->items = tal_alloc_zero(ROUND_ITEMS * sizeof(*sim->items));
    if (sim->workers == NULL || sim->items == NULL)
        return TAL_ERR_MEMORY;
    for (size_t i = 0; i < thread_count; i++) {
        sim->workers[i].len_min = UINT64_MAX;
        tal_family_maker_init(&sim->workers[i].maker, &sim->plan, &sim->model, params->indel_rate,
                              params->indel_extension);
    }
    return tal_accum_create((int)thread_count, COUNT_COUNT, &sim->counts);
}

static tal_status sum_lens(void *context, int worker, size_t item)
{
    simulation *sim = context;
    uint64_t begin = sim->family_begin + (uint64_t)item * FAMILIES_PER_ITEM;
    uint64_t end = min_u64(begin + FAMILIES_PER_ITEM, sim->family_end);
    sim->workers[worker].len_sum += tal_sim_plan_len_sum(&sim->plan, begin, end);
    return TAL_OK;
}

/* The scale that makes the mean length what was asked for. Collective; agreed status. */
static tal_status set_len_scale(simulation *sim)
{
    uint64_t rank = (uint64_t)tal_comm_rank(sim->comm);
    uint64_t share = sim->plan.family_count / (uint64_t)tal_comm_size(sim->comm) + 1;
    sim->family_begin = min_u64(rank * share, sim->plan.family_count);
    sim->family_end = min_u64(sim->family_begin + share, sim->plan.family_count);
    uint64_t count = sim->family_end - sim->family_begin;
    uint64_t item_count = (count + FAMILIES_PER_ITEM - 1) / FAMILIES_PER_ITEM;
    tal_status status = tal_team_for(sim->team, (size_t)item_count, sum_lens, sim);
    status = tal_comm_agree(sim->comm, status);
    if (status != TAL_OK)
        return status;
    uint64_t sum = 0;
    for (int i = 0; i < tal_team_size(sim->team); i++)
        sum += sim->workers[i].len_sum;
    tal_comm_sum_u64(sim->comm, &sum, 1);
    tal_sim_plan_set_len_scale(&sim->plan, sum);
    return TAL_OK;
}

static tal_status visit_member(void *context, const tal_member *member)
{
    item_context *item = context;
    item->counts[COUNT_RESIDUES] += member->len;
    item->counts[COUNT_SUBSTITUTIONS] += member->counts.substitutions;
    item->counts[COUNT_INSERTIONS] += member->counts.insertions;
    item->counts[COUNT_DELETIONS] += member->counts.deletions;
    item->worker->len_min = min_u64(item->worker->len_min, member->len);
    item->worker->len_max = max_u64(item->worker->len_max, member->len);
    tal_status status = tal_record_fasta(member, item->sim->digits, &item->text->fasta);
    if (status == TAL_OK && item->sim->params->truth_path != NULL)
        status = tal_record_truth(member, item->sim->digits, &item->text->truth);
    return status;
}

static tal_status make_item(void *context, int worker, size_t item)
{
    simulation *sim = context;
    item_context visit = {.sim = sim, .worker = &sim->workers[worker], .text = &sim->items[item]};
    uint64_t begin = (sim->item_begin + item) * sim->item_sequences;
    uint64_t end = min_u64(begin + sim->item_sequences, sim->plan.sequence_count);
    tal_buffer_reset(&visit.text->fasta);
    tal_buffer_reset(&visit.text->truth);
    tal_status status = TAL_OK;
    if (begin == 0 && sim->params->truth_path != NULL)
        status = tal_record_truth_header(&visit.text->truth);
    if (status == TAL_OK)
        status = tal_family_make(&visit.worker->maker, begin, end, visit_member, &visit);
    for (size_t i = 0; i < COUNT_COUNT; i++)
        tal_accum_add(sim->counts, worker, i, visit.counts[i]);
    return status;
}

/* Write one file's text of this round after what is there. Collective; agreed status. */
static tal_status write_round(simulation *sim, tal_file *file, size_t item_count, bool is_truth,
                              uint64_t *file_bytes)
{
    tal_buffer_reset(&sim->round);
    tal_status status = TAL_OK;
    for (size_t i = 0; i < item_count && status == TAL_OK; i++) {
        const tal_buffer *text = is_truth ? &sim->items[i].truth : &sim->items[i].fasta;
        status = tal_buffer_append(&sim->round, text->data, text->bytes);
    }
    status = tal_comm_agree(sim->comm, status);
    if (status != TAL_OK)
        return status;
    uint64_t total = sim->round.bytes;
    uint64_t offset = *file_bytes + tal_comm_prefix_u64(sim->comm, total);
    tal_comm_sum_u64(sim->comm, &total, 1);
    *file_bytes += total;
    return tal_file_write_at_all(sim->comm, file, offset, sim->round.data, sim->round.bytes);
}

/* All rounds. Collective; agreed status. */
static tal_status make_all(simulation *sim, tal_file *fasta, tal_file *truth)
{
    uint64_t rank = (uint64_t)tal_comm_rank(sim->comm);
    uint64_t rank_count = (uint64_t)tal_comm_size(sim->comm);
    uint64_t item_count =
        (sim->plan.sequence_count + sim->item_sequences - 1) / sim->item_sequences;
    uint64_t done = 0;
    while (done < item_count) {
        uint64_t rest = item_count - done;
        uint64_t share = min_u64(ROUND_ITEMS, (rest + rank_count - 1) / rank_count);
        uint64_t begin = min_u64(rank * share, rest);
        uint64_t end = min_u64(begin + share, rest);
        sim->item_begin = done + begin;
        tal_status status = tal_team_for(sim->team, (size_t)(end - begin), make_item, sim);
        status = tal_comm_agree(sim->comm, status);
        if (status == TAL_OK)
            status = write_round(sim, fasta, (size_t)(end - begin), false, &sim->fasta_bytes);
        if (status == TAL_OK && truth != NULL)
            status = write_round(sim, truth, (size_t)(end - begin), true, &sim->truth_bytes);
        if (status != TAL_OK)
            return status;
        done += min_u64(share * rank_count, rest);
    }
    return TAL_OK;
}

/* Collective. */
static tal_simulate_summary summarise(simulation *sim)
{
    uint64_t counts[COUNT_COUNT];
    tal_accum_sum(sim->counts, counts);
    tal_comm_sum_u64(sim->comm, counts, COUNT_COUNT);
    uint64_t extremes[2] = {0, 0}; /* UINT64_MAX - len_min, len_max */
    for (int i = 0; i < tal_team_size(sim->team); i++) {
        extremes[0] = max_u64(extremes[0], UINT64_MAX - sim->workers[i].len_min);
        extremes[1] = max_u64(extremes[1], sim->workers[i].len_max);
    }
    tal_comm_max_u64(sim->comm, extremes, 2);
    uint64_t largest = 0;
    for (uint64_t family = 0; family < min_u64(2, sim->plan.family_count); family++)
        largest = max_u64(largest, tal_sim_plan_begin(&sim->plan, family + 1) -
                                       tal_sim_plan_begin(&sim->plan, family));
    return (tal_simulate_summary){
        .sequence_count = sim->plan.sequence_count,
        .residue_count = counts[COUNT_RESIDUES],
        .substitutions = counts[COUNT_SUBSTITUTIONS],
        .insertions = counts[COUNT_INSERTIONS],
        .deletions = counts[COUNT_DELETIONS],
        .len_min = UINT64_MAX - extremes[0],
        .len_max = extremes[1],
        .largest_family = largest,
        .fasta_bytes = sim->fasta_bytes,
        .truth_bytes = sim->truth_bytes,
    };
}

tal_status tal_simulate(tal_comm *comm, tal_team *team, const tal_simulate_params *params,
                        tal_simulate_summary *out_summary)
{
    simulation sim = {.params = params, .comm = comm, .team = team};
    tal_output fasta = {0};
    tal_output truth = {0};
    tal_status status = tal_comm_agree(comm, check_params(params));
    if (status != TAL_OK)
        return status;
    status = tal_comm_agree(comm, simulation_init(&sim));
    if (status == TAL_OK)
        status = tal_output_open(comm, params->path, params->is_forced, &fasta);
    if (status == TAL_OK && params->truth_path != NULL)
        status = tal_output_open(comm, params->truth_path, params->is_forced, &truth);
    if (status == TAL_OK)
        status = set_len_scale(&sim);
    if (status == TAL_OK)
        status = make_all(&sim, fasta.file, truth.file);
    status = tal_output_finish(comm, &fasta, &truth, status);
    if (status == TAL_OK)
        *out_summary = summarise(&sim);
    simulation_deinit(&sim);
    return status;
}
