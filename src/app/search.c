/* talaria search: many queries against many references, exact. */
#include "app/command.h"
#include "app/gpu.h"
#include "app/progress.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "search/search.h"
#include "store/result.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>

enum {
    /* Queries of one block: profiles take 32 bytes a residue and strand. */
    BLOCK_RESIDUES = 1 << 20,
    BLOCK_QUERIES = 1 << 14,
    TRACE_BYTES = 1 << 26,
    ATTRIBUTE_LIMIT = 64,
};

static const tal_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "result file (HDF5); it appears under this name only when complete"},
    {.name = "force", .kind = TAL_VALUE_FLAG, .help = "replace an existing result file"},
    {.name = "queries",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .is_repeatable = true,
     .help = "a further query file; may be repeated"},
    {.name = "evalue",
     .kind = TAL_VALUE_REAL,
     .value_name = "E",
     .default_text = "0.001",
     .max = 1e300,
     .help = "largest E-value reported; when only --min-score is given, there is no E-value cut"},
    {.name = "min-score",
     .kind = TAL_VALUE_INT,
     .value_name = "S",
     .min = -1e9,
     .max = 1e9,
     .help = "smallest raw score reported"},
    {.name = "max-hits",
     .kind = TAL_VALUE_INT,
     .value_name = "K",
     .default_text = "500",
     .max = 1e15,
     .help = "best hits kept for each query over all references; 0 keeps all"},
    {.name = "align",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "MODE",
     .default_text = "local",
     .choices = "local|global|semiglobal",
     .help = "local (Smith-Waterman), global (both end to end), or semiglobal (the whole query "
             "anywhere in the reference); the last two need --min-score"},
    {.name = "type",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "TYPE",
     .default_text = "auto",
     .choices = "auto|protein|nucleotide",
     .help = "what the sequences are; auto looks at the first ones"},
    {.name = "strand",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "S",
     .default_text = "both",
     .choices = "both|plus|minus",
     .help = "strands of nucleotide queries to search"},
    {.name = "matrix",
     .kind = TAL_VALUE_TEXT,
     .value_name = "NAME|FILE",
     .help = "substitution matrix: BLOSUM45, 50, 62, 80, 90, PAM30, 70, 250, or a file in NCBI "
             "format; default BLOSUM62, or --match and --mismatch for nucleotides"},
    {.name = "match",
     .kind = TAL_VALUE_INT,
     .value_name = "S",
     .default_text = "2",
     .min = 1,
     .max = 100,
     .help = "score of equal nucleotides"},
    {.name = "mismatch",
     .kind = TAL_VALUE_INT,
     .value_name = "S",
     .default_text = "-3",
     .min = -100,
     .max = -1,
     .help = "score of different nucleotides"},
    {.name = "gap-open",
     .kind = TAL_VALUE_INT,
     .value_name = "O",
     .min = 0,
     .max = TAL_GAP_MAX,
     .help = "cost of opening a gap: a gap of length k costs O + k * X; default by the matrix "
             "(BLOSUM62: 11)"},
    {.name = "gap-extend",
     .kind = TAL_VALUE_INT,
     .value_name = "X",
     .min = 0,
     .max = TAL_GAP_MAX,
     .help = "cost of each residue in a gap; default by the matrix (BLOSUM62: 1)"},
    {.name = "open-files",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "10",
     .min = 1,
     .max = 1000,
     .conf_key = "input.open_files",
     .help = "input files read at the same time"},
    {0},
};

/* Everything a search owns; one exit cleans up. */
typedef struct search_run {
    tal_run *run;
    tal_comm *comm;
    const char **query_paths;
    size_t query_path_count;
    const char **reference_paths;
    size_t reference_path_count;
    tal_team *team;
    tal_stream *stream;
    tal_result_writer *writer;
    tal_seqset *references;
    tal_set_info reference_info;
    tal_matrix matrix;
    tal_search_params params;
    tal_device *device; /* NULL: none */
    tal_search *search;
    tal_progress progress;
    double load_seconds, write_seconds;
    uint64_t start_ns;
} search_run;

static double seconds_since(uint64_t start_ns)
{
    return (double)(tal_clock_ns() - start_ns) * 1e-9;
}

static tal_status collect_paths(search_run *self)
{
    int extra = tal_run_text_count(self->run, "queries");
    int arguments = tal_run_argument_count(self->run);
    self->query_path_count = (size_t)extra + 1;
    self->reference_path_count = (size_t)arguments - 1;
    self->query_paths = tal_alloc_array(self->query_path_count, sizeof(*self->query_paths));
    self->reference_paths =
        tal_alloc_array(self->reference_path_count, sizeof(*self->reference_paths));
    if (self->query_paths == NULL || self->reference_paths == NULL)
        return TAL_ERR_MEMORY;
    self->query_paths[0] = tal_run_argument(self->run, 0);
    for (int i = 0; i < extra; i++)
        self->query_paths[i + 1] = tal_run_text_at(self->run, "queries", i);
    for (int i = 1; i < arguments; i++)
        self->reference_paths[i - 1] = tal_run_argument(self->run, i);

    int dashes = 0;
    for (size_t i = 0; i < self->query_path_count; i++)
        dashes += strcmp(self->query_paths[i], "-") == 0;
    for (size_t i = 0; i < self->reference_path_count; i++)
        dashes += strcmp(self->reference_paths[i], "-") == 0;
    if (dashes > 1)
        return tal_fail(TAL_ERR_USAGE,
                        "standard input ('-') can be read once only; it is named %d "
                        "times",
                        dashes);
    if (tal_run_text(self->run, "output") == NULL)
        return tal_fail(TAL_ERR_USAGE, "no result file is named; add '-o FILE'");
    return TAL_OK;
}

static tal_load_params load_params(const search_run *self, bool is_query)
{
    return (tal_load_params){
        .paths = is_query ? self->query_paths : self->reference_paths,
        .path_count = is_query ? self->query_path_count : self->reference_path_count,
        .role = is_query ? "queries" : "references",
        .alphabet = (tal_alphabet_choice)tal_run_choice(self->run, "type"),
        .open_file_limit = (int)tal_run_int(self->run, "open-files"),
    };
}

/* Matrix and gap costs from the options and the alphabet. */
static tal_status choose_scoring(search_run *self, tal_alphabet alphabet)
{
    const char *name = tal_run_text(self->run, "matrix");
    bool has_match =
        tal_run_is_given(self->run, "match") || tal_run_is_given(self->run, "mismatch");
    if (has_match && (name != NULL || alphabet == TAL_PROTEIN))
        return tal_fail(TAL_ERR_USAGE,
                        "--match and --mismatch are for nucleotides without --matrix");
    tal_status status;
    if (name != NULL || alphabet == TAL_PROTEIN)
        status = tal_matrix_load(name == NULL ? "BLOSUM62" : name, alphabet, &self->matrix);
    else
        status = tal_matrix_match_mismatch((int)tal_run_int(self->run, "match"),
                                           (int)tal_run_int(self->run, "mismatch"), &self->matrix);
    if (status != TAL_OK)
        return status;
    tal_gaps gaps = tal_gaps_default(&self->matrix);
    if (tal_run_is_given(self->run, "gap-open"))
        gaps.open = (int)tal_run_int(self->run, "gap-open");
    if (tal_run_is_given(self->run, "gap-extend"))
        gaps.extend = (int)tal_run_int(self->run, "gap-extend");
    self->params.matrix = &self->matrix;
    self->params.gaps = gaps;
    return tal_gaps_check(&gaps);
}

/* The cuts: which are given, and whether E-values exist for this scoring and mode. */
static tal_status choose_cuts(search_run *self)
{
    tal_search_params *params = &self->params;
    bool has_score = tal_run_is_given(self->run, "min-score");
    bool has_evalue = tal_run_is_given(self->run, "evalue");
    params->score_min = has_score ? (int32_t)tal_run_int(self->run, "min-score") : INT32_MIN;
    params->evalue = has_evalue || !has_score ? tal_run_real(self->run, "evalue") : INFINITY;
    params->hit_limit = (uint64_t)tal_run_int(self->run, "max-hits");
    params->stats = (tal_stats){.is_known = false};
    if (params->mode != TAL_LOCAL) {
        if (has_evalue || !has_score)
            return tal_fail(TAL_ERR_USAGE,
                            "E-values are defined for local alignments only: scores of global and "
                            "semiglobal alignments grow with length and have no known "
                            "distribution; use --min-score alone");
        return TAL_OK;
    }
    tal_status status = tal_stats_find(params->matrix, params->gaps, &params->stats);
    if (status != TAL_OK && has_score && !has_evalue) {
        tal_status_clear(); /* A raw-score threshold needs no statistics. */
        params->stats = (tal_stats){.is_known = false};
        status = TAL_OK;
    }
    return status;
}

static tal_status choose_params(search_run *self, tal_alphabet alphabet)
{
    tal_search_params *params = &self->params;
    *params = (tal_search_params){
        .isa = tal_run_isa(self->run),
        .mode = (tal_mode)tal_run_choice(self->run, "align"),
        .trace_bytes = TRACE_BYTES,
    };
    int strand = tal_run_choice(self->run, "strand");
    params->has_plus = alphabet == TAL_PROTEIN || strand != 2;
    params->has_minus = alphabet == TAL_NUCLEOTIDE && strand != 1;
    if (alphabet == TAL_PROTEIN && tal_run_is_given(self->run, "strand"))
        return tal_fail(TAL_ERR_USAGE, "--strand is for nucleotides; these are proteins");
    tal_status status = choose_scoring(self, alphabet);
    if (status == TAL_OK)
        status = choose_cuts(self);
    return status;
}

static tal_status load_references(search_run *self)
{
    uint64_t start = tal_clock_ns();
    tal_load_params load = load_params(self, false);
    tal_status status =
        tal_load_partition(self->comm, &load, &self->references, &self->reference_info);
    self->load_seconds = seconds_since(start);
    if (status != TAL_OK)
        return status;
    const tal_set_info *info = &self->reference_info;
    if (info->alphabet != tal_stream_alphabet(self->stream))
        return tal_fail(TAL_ERR_DATA,
                        "the queries are %s and the references are %s; both must be the same (use "
                        "--type where the guess is wrong)",
                        tal_alphabet_name(tal_stream_alphabet(self->stream)),
                        tal_alphabet_name(info->alphabet));
    self->params.residue_count = info->residue_count;
    self->params.sequence_count = info->sequence_count;
    self->params.len_max = info->len_max;
    tal_log(TAL_LOG_INFO,
            "references: %" PRIu64 " %s sequences, %" PRIu64 " residues, on %d ranks x %d threads, "
            "%s kernels",
            info->sequence_count, tal_alphabet_name(info->alphabet), info->residue_count,
            tal_comm_size(self->comm), tal_team_size(self->team), tal_isa_name(self->params.isa));
    return TAL_OK;
}

static void show_progress(void *context, double share)
{
    tal_progress_show(context, share);
}

static tal_status search_blocks(search_run *self)
{
    double before = 0;
    for (;;) {
        const tal_seqset *block;
        tal_status status = tal_stream_next(self->stream, &block);
        if (status != TAL_OK || block == NULL)
            return status;
        double after = tal_stream_progress(self->stream);
        tal_progress_part(&self->progress, before, after);
        before = after < 0 ? 0 : after;
        tal_block_hits hits;
        status = tal_search_block(self->search, block, &hits);
        if (status != TAL_OK)
            return status;
        uint64_t start = tal_clock_ns();
        tal_result_hits rows = {hits.hits, hits.hit_count, hits.cigars, hits.letters};
        status = tal_result_append(self->writer, block, &rows);
        self->write_seconds += seconds_since(start);
        if (status != TAL_OK)
            return status;
    }
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

/* What the result was made with. Returns the number of attributes. */
static size_t list_parameters(const search_run *self, tal_result_attribute *list)
{
    static const char *const modes[TAL_MODE_COUNT] = {"local", "global", "semiglobal"};
    const tal_search_params *params = &self->params;
    const char *strands = params->has_plus ? (params->has_minus ? "both" : "plus") : "minus";
    const tal_result_attribute all[] = {
        text_attribute("program", "talaria " TAL_VERSION),
        text_attribute("command_line", tal_run_command_line(self->run)),
        text_attribute("alphabet", tal_alphabet_name(self->reference_info.alphabet)),
        text_attribute("align", modes[params->mode]),
        text_attribute("strand", strands),
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
    };
    memcpy(list, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

/* What came out: counters summed over all ranks. */
static size_t list_summary(const search_run *self, const uint64_t *counts, double seconds,
                           tal_result_attribute *list)
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
        u64_attribute("hits", counts[TAL_COUNT_HITS]),
        u64_attribute("aligned_columns", counts[TAL_COUNT_ALIGNED_COLUMNS]),
        u64_attribute("rescues_16_bit", counts[TAL_COUNT_RESCUE_16]),
        u64_attribute("rescues_32_bit", counts[TAL_COUNT_RESCUE_32]),
        u64_attribute("rank_count", (uint64_t)tal_comm_size(self->comm)),
        u64_attribute("threads_per_rank", (uint64_t)tal_team_size(self->team)),
        text_attribute("isa", tal_isa_name(self->params.isa)),
        f64_attribute("seconds", seconds),
        f64_attribute("score_gcups", score_seconds > 0
                                         ? (double)counts[TAL_COUNT_CELLS] / score_seconds * 1e-9
                                         : 0),
    };
    memcpy(list, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

/* This rank's own numbers. */
static size_t list_rank_numbers(const search_run *self, tal_result_attribute *list)
{
    struct rusage usage;
    double peak_bytes = getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 : NAN;
    tal_search_times times = tal_search_times_get(self->search);
    const tal_result_attribute all[] = {
        f64_attribute("references", tal_seqset_count(self->references)),
        f64_attribute("reference_residues", (double)tal_seqset_residue_count(self->references)),
        f64_attribute("load_seconds", self->load_seconds),
        f64_attribute("score_seconds", times.score),
        f64_attribute("wait_seconds", times.wait),
        f64_attribute("trace_seconds", times.trace),
        f64_attribute("exchange_seconds", times.exchange),
        f64_attribute("write_seconds", self->write_seconds),
        f64_attribute("peak_bytes", peak_bytes),
    };
    memcpy(list, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

static void print_summary(const tal_result_attribute *list, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].type == TAL_ATTRIBUTE_TEXT)
            tal_log(TAL_LOG_INFO, "  %-20s %s", list[i].name, list[i].text);
        else if (list[i].type == TAL_ATTRIBUTE_U64)
            tal_log(TAL_LOG_INFO, "  %-20s %" PRIu64, list[i].name, list[i].u64);
        else
            tal_log(TAL_LOG_INFO, "  %-20s %.2f", list[i].name, list[i].f64);
    }
    tal_log(TAL_LOG_INFO, "result: %s", path);
}

static tal_status finish(search_run *self)
{
    uint64_t *counts = tal_alloc_array(TAL_COUNT_COUNT, sizeof(*counts));
    tal_status status = tal_comm_agree(self->comm, counts == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(counts);
        return status;
    }
    tal_search_counts(self->search, counts);
    tal_comm_accumulate_u64(self->comm, counts, TAL_COUNT_COUNT);
    tal_comm_broadcast(self->comm, counts, TAL_COUNT_COUNT * sizeof(*counts), 0);
    double seconds = seconds_since(self->start_ns);
    tal_comm_broadcast(self->comm, &seconds, sizeof(seconds), 0);

    tal_result_attribute parameters[ATTRIBUTE_LIMIT];
    tal_result_attribute summary[ATTRIBUTE_LIMIT];
    tal_result_attribute rank_numbers[ATTRIBUTE_LIMIT];
    size_t summary_count = list_summary(self, counts, seconds, summary);
    tal_result_closing closing = {
        .references = self->references,
        .is_hit = tal_search_is_hit(self->search),
        .query_info = tal_stream_info(self->stream),
        .reference_info = &self->reference_info,
        .parameters = parameters,
        .parameter_count = list_parameters(self, parameters),
        .summary = summary,
        .summary_count = summary_count,
        .histogram = counts + TAL_COUNT_HISTOGRAM,
        .histogram_count = TAL_HISTOGRAM_BINS,
        .rank_numbers = rank_numbers,
        .rank_number_count = list_rank_numbers(self, rank_numbers),
    };
    tal_result_writer *writer = self->writer;
    self->writer = NULL; /* tal_result_finish destroys it in every case. */
    status = tal_result_finish(writer, &closing);
    if (status == TAL_OK)
        print_summary(summary, summary_count, tal_run_text(self->run, "output"));
    tal_free(counts);
    return status;
}

static tal_status open_device(search_run *self, tal_alphabet alphabet)
{
    const tal_conf *conf = tal_run_conf(self->run);
    int code_count =
        alphabet == TAL_PROTEIN ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT;
    self->params.device_batch = (uint32_t)tal_conf_int(conf, "parallel.gpu.batch_size");
    tal_status status = tal_gpu_open(self->run, self->params.gaps.open, self->params.gaps.extend,
                                     code_count, &self->device);
    self->params.device = self->device;
    return status;
}

static tal_status set_up(search_run *self)
{
    tal_status status = tal_comm_agree(self->comm, collect_paths(self));
    if (status != TAL_OK)
        return status;
    status = tal_team_create(tal_run_thread_count(self->run), &self->team);
    status = tal_comm_agree(self->comm, status);
    if (status != TAL_OK)
        return status;
    tal_load_params load = load_params(self, true);
    status = tal_stream_open(self->comm, &load, BLOCK_RESIDUES, BLOCK_QUERIES, &self->stream);
    if (status != TAL_OK)
        return status;
    tal_alphabet alphabet = tal_stream_alphabet(self->stream);
    status = tal_comm_agree(self->comm, choose_params(self, alphabet));
    if (status != TAL_OK)
        return status;
    status = tal_result_create(self->comm, tal_run_text(self->run, "output"),
                               tal_run_flag(self->run, "force"), alphabet, &self->writer);
    if (status != TAL_OK)
        return status;
    status = load_references(self);
    if (status != TAL_OK)
        return status;
    tal_progress_init(&self->progress,
                      tal_comm_rank(self->comm) == 0 && !tal_run_is_quiet(self->run));
    if (tal_comm_rank(self->comm) == 0) {
        self->params.progress = show_progress;
        self->params.progress_context = &self->progress;
    }
    status = tal_comm_agree(self->comm, open_device(self, alphabet));
    if (status != TAL_OK)
        return status;
    status =
        tal_search_create(self->comm, self->team, &self->params, self->references, &self->search);
    return tal_comm_agree(self->comm, status);
}

static tal_status run_search(tal_run *run)
{
    search_run self = {.run = run, .comm = tal_run_comm(run), .start_ns = tal_clock_ns()};
    tal_status status = set_up(&self);
    if (status == TAL_OK) {
        status = search_blocks(&self);
        tal_progress_end(&self.progress);
    }
    if (status == TAL_OK)
        status = finish(&self);
    tal_search_destroy(self.search);
    tal_device_close(self.device);
    tal_result_discard(self.writer);
    tal_seqset_destroy(self.references);
    tal_set_info_deinit(&self.reference_info);
    tal_stream_close(self.stream);
    tal_team_destroy(self.team);
    tal_free(self.reference_paths);
    tal_free(self.query_paths);
    return status;
}

const tal_command tal_command_search = {
    .name = "search",
    .arguments = "QUERIES REFERENCES...",
    .argument_min = 2,
    .argument_max = -1,
    .summary = "align many queries to many references, exactly",
    .description =
        "Scores every query against every reference by dynamic programming (no seeds, no "
        "heuristics), keeps each query's best hits over all ranks, and writes their alignments to "
        "a parallel HDF5 file.\n"
        "QUERIES and REFERENCES are FASTA files, plain, gzip or zstd; '-' is standard input. "
        "Ranks partition the references, threads share a rank's work. The result is the same for "
        "any number of ranks and threads and any instruction set.",
    .examples = "talaria search queries.fa proteins.fa.gz -o hits.h5\n"
                "mpirun -n 4 talaria search queries.fa a.fa b.fa -o hits.h5 --threads 8\n"
                "srun talaria search reads.fna genomes.fna -o hits.h5 --type nucleotide\n"
                "talaria export hits.h5 --format m8 -o hits.m8",
    .options = options,
    .run = run_search,
};
