/* What a search stores and prints about itself; see search_run.h. */
#include "app/search_run.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

static uint64_t comm_ns(const tal_search_run *self)
{
    tal_traffic_sums sums = tal_traffic_sum(self->comm);
    return sums.waiting.ns + sums.data.ns;
}

tal_io_stretch tal_io_begin(const tal_search_run *self)
{
    return (tal_io_stretch){.start_ns = tal_clock_ns(), .comm_ns = comm_ns(self)};
}

void tal_io_end(tal_search_run *self, const tal_io_stretch *stretch)
{
    uint64_t whole = tal_clock_ns() - stretch->start_ns;
    self->io_seconds += (double)(whole - (comm_ns(self) - stretch->comm_ns)) * 1e-9;
}

static tal_result_attribute text_attribute(const char *name, const char *text)
{
    return (tal_result_attribute){.name = name, .type = TAL_ATTRIBUTE_TEXT, .text = text};
}

static tal_result_attribute u64_attribute(const char *name, uint64_t value)
{
    return (tal_result_attribute){.name = name, .type = TAL_ATTRIBUTE_U64, .u64 = value};
}

static tal_result_attribute f64_attribute(const char *name, double value)
{
    return (tal_result_attribute){.name = name, .type = TAL_ATTRIBUTE_F64, .f64 = value};
}

size_t tal_search_run_parameters(const tal_search_run *self, tal_result_attribute *list)
{
    static const char *const modes[TAL_MODE_COUNT] = {"local", "global", "semiglobal"};
    static const char *const compositions[] = {"none", "bias", "adjust"};
    const tal_search_params *params = &self->params;
    const char *strands = params->has_plus ? (params->has_minus ? "both" : "plus") : "minus";
    const tal_result_attribute all[] = {
        text_attribute("program", "talaria " TAL_VERSION),
        text_attribute("command_line", tal_run_command_line(self->run)),
        text_attribute("alphabet", tal_alphabet_name(self->reference_info.alphabet)),
        text_attribute("mode", params->is_filtered ? "filtered" : "exact"),
        f64_attribute("filter_share",
                      params->is_filtered && params->filter_cut < 0 ? params->filter_share : NAN),
        f64_attribute("filter_cut", params->is_filtered && params->filter_cut >= 0
                                        ? (double)params->filter_cut
                                        : NAN),
        text_attribute("expand", self->container != NULL ? "yes" : "no"),
        f64_attribute("expand_share", self->container != NULL ? self->expansion.share : NAN),
        text_attribute("align", modes[params->mode]),
        text_attribute("strand", strands),
        text_attribute("composition", compositions[params->composition]),
        text_attribute("null_model", params->has_reversed_null ? "reversed" : "none"),
        text_attribute("query_mask", tal_mask_name(self->query_mask)),
        text_attribute("reference_mask", tal_mask_name(self->reference_mask)),
        text_attribute("matrix", params->matrix->name),
        f64_attribute("gap_open", params->gaps.open),
        f64_attribute("gap_extend", params->gaps.extend),
        f64_attribute("evalue_max", params->evalue),
        f64_attribute("score_min",
                      params->score_min == INT32_MIN ? -INFINITY : (double)params->score_min),
        u64_attribute("max_hits", params->hit_limit),
        f64_attribute("lambda", params->stats.is_known ? params->stats.lambda : NAN),
        f64_attribute("k", params->stats.is_known ? params->stats.k : NAN),
        f64_attribute("h", params->stats.is_known ? params->stats.h : NAN),
        text_attribute("statistics", !params->stats.is_known     ? "none"
                                     : params->stats.is_computed ? "computed"
                                                                 : "published"),
        f64_attribute("lambda_error", params->stats.is_computed ? params->stats.lambda_error : NAN),
        f64_attribute("k_error", params->stats.is_computed ? params->stats.k_error : NAN),
    };
    memcpy(list, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

size_t tal_search_run_summary(const tal_search_run *self, const uint64_t *counts,
                              uint64_t run_cells, double seconds, tal_result_attribute *list)
{
    const tal_set_info *queries = tal_stream_info(self->stream);
    double score_seconds = tal_search_times_get(self->search).score;
    const tal_result_attribute all[] = {
        u64_attribute("queries", queries->sequence_count),
        u64_attribute("query_residues", queries->residue_count),
        u64_attribute("references", self->reference_info.sequence_count),
        u64_attribute("reference_residues", self->reference_info.residue_count),
        u64_attribute("pairs", counts[TAL_COUNT_PAIRS]),
        u64_attribute("cells", counts[TAL_COUNT_CELLS]),
        u64_attribute("device_cells", counts[TAL_COUNT_DEVICE_CELLS]),
        u64_attribute("scored_pairs", counts[TAL_COUNT_SCORED_PAIRS]),
        u64_attribute("scored_cells", counts[TAL_COUNT_SCORED_CELLS]),
        u64_attribute("mirrored_pairs", counts[TAL_COUNT_MIRRORED_PAIRS]),
        u64_attribute("mirrored_cells", counts[TAL_COUNT_MIRRORED_CELLS]),
        u64_attribute("hits", counts[TAL_COUNT_HITS]),
        u64_attribute("aligned_columns", counts[TAL_COUNT_ALIGNED_COLUMNS]),
        u64_attribute("rescues_16_bit", counts[TAL_COUNT_RESCUE_16]),
        u64_attribute("rescues_32_bit", counts[TAL_COUNT_RESCUE_32]),
        u64_attribute("rank_count", (uint64_t)tal_comm_size(self->comm)),
        u64_attribute("threads_per_rank", (uint64_t)tal_team_size(self->team)),
        text_attribute("isa", tal_isa_name(self->params.isa)),
        f64_attribute("seconds", seconds),
        f64_attribute("score_gcups",
                      score_seconds > 0 ? (double)run_cells / score_seconds * 1e-9 : 0),
    };
    memcpy(list, all, sizeof(all));
    size_t count = sizeof(all) / sizeof(all[0]);
    if (self->container == NULL)
        return count;
    const tal_set_info representatives = tal_search_run_representative_info(self);
    const double strands = self->params.has_plus && self->params.has_minus ? 2 : 1;
    const double full =
        (double)queries->residue_count * (double)self->reference_info.residue_count * strands;
    const tal_result_attribute expanded[] = {
        u64_attribute("representatives", representatives.sequence_count),
        u64_attribute("representative_residues", representatives.residue_count),
        u64_attribute("expanded_clusters", counts[TAL_COUNT_EXPANDED_CLUSTERS]),
        u64_attribute("expanded_pairs", counts[TAL_COUNT_EXPANDED_PAIRS]),
        u64_attribute("expanded_cells", counts[TAL_COUNT_EXPANDED_CELLS]),
        f64_attribute("cells_saved_percent",
                      full > 0 ? 100 - 100 * (double)counts[TAL_COUNT_CELLS] / full : 0),
    };
    memcpy(list + count, expanded, sizeof(expanded));
    return count + sizeof(expanded) / sizeof(expanded[0]);
}

size_t tal_search_run_rank_numbers(const tal_search_run *self, const tal_traffic_sums *timed,
                                   tal_result_attribute *list)
{
    struct rusage usage;
    double peak_bytes = getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 : NAN;
    tal_search_times times = tal_search_times_get(self->search);
    tal_traffic_sums traffic = tal_traffic_sum(self->comm);
    const tal_traffic_sums *before = &self->traffic_before;
    tal_tiles_counts tiles = tal_search_tiles(self->search);
    double references = tal_seqset_count(self->references);
    double residues = (double)tal_seqset_residue_count(self->references);
    double masked = (double)tal_seqset_masked_count(self->references);
    if (self->spill != NULL) {
        int rank = tal_comm_rank(self->comm);
        references = tal_spill_reference_count(self->spill, rank);
        residues = (double)tal_spill_residue_count(self->spill, rank);
        masked = (double)tal_spill_masked_count(self->spill);
    }
    const tal_result_attribute all[] = {
        f64_attribute("references", references),
        f64_attribute("reference_residues", residues),
        f64_attribute("load_seconds", self->load_seconds),
        f64_attribute("mask_seconds", self->mask_seconds),
        f64_attribute("masked_residues", masked),
        f64_attribute("score_seconds", times.score),
        f64_attribute("wait_seconds", times.wait),
        f64_attribute("trace_seconds", times.trace),
        f64_attribute("exchange_seconds", times.exchange),
        f64_attribute("write_seconds", self->write_seconds),
        f64_attribute("io_seconds", self->io_seconds),
        f64_attribute("comm_seconds", (double)(timed->data.ns - before->data.ns) * 1e-9),
        f64_attribute("comm_wait_seconds", (double)(timed->waiting.ns - before->waiting.ns) * 1e-9),
        f64_attribute("comm_calls", (double)(traffic.data.calls + traffic.waiting.calls)),
        f64_attribute("comm_messages", (double)traffic.data.messages),
        f64_attribute("comm_bytes", (double)(traffic.data.bytes + traffic.waiting.bytes)),
        f64_attribute("peak_bytes", peak_bytes),
        f64_attribute("tiles_own", (double)tiles.own),
        f64_attribute("tiles_taken", (double)tiles.taken),
        f64_attribute("tiles_given", (double)tiles.given),
        f64_attribute("tiles_taken_bytes", (double)tiles.taken_bytes),
        f64_attribute("tiles_fetch_seconds", (double)tiles.fetch_ns * 1e-9),
    };
    size_t count = sizeof(all) / sizeof(all[0]);
    _Static_assert(sizeof(all) / sizeof(all[0]) + TAL_DIAGNOSIS_NUMBERS_MAX <= ATTRIBUTE_LIMIT,
                   "room for all numbers");
    memcpy(list, all, sizeof(all));
    return count + tal_diagnosis_list(&self->diagnosis, list + count);
}
