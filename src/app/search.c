/* talaria search: many queries against many references, exact. */
#include "app/search_run.h"

#include "app/dry_run.h"
#include "app/gpu.h"
#include "app/option_rows.h"
#include "app/resume.h"
#include "app/stats_obtain.h"
#include "app/team_setup.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>

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
    {.name = "mode",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "MODE",
     .default_text = "exact",
     .choices = "exact|filtered",
     .help = "exact scores every pair with gaps; filtered first finds the best score without gaps "
             "of every pair and scores only those with gaps that reach a cut (local only)"},
    {.name = "expand",
     .kind = TAL_VALUE_FLAG,
     .help = "REFERENCES is a reduced set (talaria reduce -o): score its representatives, then the "
             "members of those that come close, and report hits of all it stands for"},
    {.name = "expand-share",
     .kind = TAL_VALUE_REAL,
     .value_name = "F",
     .default_text = TAL_EXPAND_SHARE_TEXT,
     .min = TAL_EXPAND_SHARE_MIN,
     .max = 1,
     .help = "expand: members are scored where their representative has the share F of the score "
             "that would be reported; lower misses less and is slower"},
    {.name = "filter-share",
     .kind = TAL_VALUE_REAL,
     .value_name = "F",
     .default_text = "0.53",
     .min = 0,
     .max = 1,
     .help = "filtered: the cut is the ungapped score worth the share F of the bits that --evalue "
             "asks for; lower finds more and is slower"},
    {.name = "filter-cut",
     .kind = TAL_VALUE_INT,
     .value_name = "S",
     .min = 0,
     .max = TAL_GAPLESS_SCORE_MAX,
     .help = "filtered: the cut itself, a raw score without gaps; 0 filters nothing"},
    {.name = "align",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "MODE",
     .default_text = "local",
     .choices = "local|global|semiglobal",
     .help = "local (Smith-Waterman), global (both end to end), or semiglobal (the whole query "
             "anywhere in the reference); the last two need --min-score"},
    {.name = "mask",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "METHOD",
     .choices = "none|tantan|seg|dust|tantan-short",
     .help =
         "residues that shall not score: tantan finds repeats and simple sequence, tantan-short "
         "those of units of up to 16 residues, seg (protein) and dust (nucleotide) low "
         "complexity; default tantan-short for proteins, dust for nucleotides, none where the "
         "alignment is not local"},
    {.name = "mask-in",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "WHERE",
     .default_text = "both",
     .choices = "both|queries|references",
     .help = "what --mask is applied to"},
    {.name = "composition",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "HOW",
     .choices = "none|bias|adjust",
     .help = "proteins of unusual composition: adjust scales each pair's bits and E-value to what "
             "both are made of, bias corrects the query's scores by the residues around; default "
             "adjust where there are E-values of proteins, else none"},
    {.name = "null-model",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "HOW",
     .choices = "none|reversed",
     .help = "reversed: what a query scores against the reversed reference beyond chance is taken "
             "off the bits and E-value of the pair, so that helices and repeats in step are no "
             "kinship; default where there are E-values of proteins, else none"},
    TAL_OPTION_TYPE("the sequences"),
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
    {.name = "symmetry",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "WHEN",
     .default_text = "auto",
     .choices = "auto|off",
     .help = "auto: a set that is searched against itself has each pair scored once, for both of "
             "its sequences, where that gives the same result (exact, local, masked on both sides "
             "or none, no --composition bias, no --memory, no device, a symmetric matrix)"},
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
    TAL_OPTION_OPEN_FILES,
    TAL_OPTION_MAX_TIME("finished"),
    {.name = "dry-run",
     .kind = TAL_VALUE_FLAG,
     .help = "read the inputs, print cells, memory of each rank and estimated time, write nothing"},
    {.name = "memory",
     .kind = TAL_VALUE_BYTES,
     .value_name = "BYTES",
     .min = 1,
     .max = 1e18,
     .help =
         "memory each rank may take, all counted: references that do not fit lie on disk and are "
         "read tile by tile, blocks of queries shrink; refused when that is not enough (1G is "
         "1024M)"},
    TAL_DIAGNOSIS_OPTIONS,
    {0},
};

double tal_search_run_seconds(uint64_t start_ns)
{
    return (double)(tal_clock_ns() - start_ns) * 1e-9;
}

static tal_status collect_paths(tal_search_run *self)
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
    if (tal_run_text(self->run, "output") == NULL && !tal_run_flag(self->run, "dry-run"))
        return tal_fail(TAL_ERR_USAGE, "no result file is named; add '-o FILE'");
    return TAL_OK;
}

tal_load_params tal_search_run_load(const tal_search_run *self, bool is_query)
{
    return (tal_load_params){
        .paths = is_query ? self->query_paths : self->reference_paths,
        .path_count = is_query ? self->query_path_count : self->reference_path_count,
        .role = is_query ? "queries" : "references",
        .alphabet = (tal_alphabet_choice)tal_run_choice(self->run, "type"),
        .open_file_limit = (int)tal_run_int(self->run, "open-files"),
    };
}

static tal_status check_same_alphabet(const tal_search_run *self, tal_alphabet references)
{
    tal_alphabet queries = tal_stream_alphabet(self->stream);
    if (references == queries)
        return TAL_OK;
    return tal_fail(TAL_ERR_DATA,
                    "the queries are %s and the references are %s; both must be the same (use "
                    "--type where the guess is wrong)",
                    tal_alphabet_name(queries), tal_alphabet_name(references));
}

/* Collective; agreed status. */
static tal_status mask_references(tal_search_run *self)
{
    uint64_t start = tal_clock_ns();
    tal_status status =
        tal_mask_set(self->team, self->reference_mask, self->params.isa, self->references);
    self->mask_seconds = tal_search_run_seconds(start);
    return tal_comm_agree(self->comm, status);
}

static tal_status load_references(tal_search_run *self)
{
    uint64_t start = tal_clock_ns();
    tal_io_stretch io = tal_io_begin(self);
    tal_load_params load = tal_search_run_load(self, false);
    tal_status status = tal_search_run_fit(self);
    if (status == TAL_OK && self->container != NULL)
        status = tal_search_run_load_reduced(self);
    else if (status == TAL_OK && self->tile_residues > 0)
        status = tal_search_run_spill(self);
    else if (status == TAL_OK)
        status = tal_load_partition(self->comm, &load, &self->references, &self->reference_info);
    self->load_seconds = tal_search_run_seconds(start);
    tal_io_end(self, &io);
    if (status != TAL_OK)
        return status;
    const tal_set_info *info = &self->reference_info;
    status = check_same_alphabet(self, info->alphabet);
    if (status == TAL_OK)
        status = tal_search_run_share(self);
    if (status == TAL_OK)
        status = mask_references(self);
    if (status != TAL_OK)
        return status;
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

/* Search one block unless an earlier run finished it. */
static tal_status search_block(tal_search_run *self, uint64_t index, tal_seqset *block)
{
    bool is_finished = false;
    tal_status status = tal_comm_agree(
        self->comm, tal_mask_set(self->team, self->query_mask, self->params.isa, block));
    if (status == TAL_OK)
        status = tal_job_find(self->job, index, block, &is_finished);
    if (status != TAL_OK || is_finished)
        return status;
    status = tal_comm_agree(self->comm, tal_stop_check());
    if (status != TAL_OK)
        return status;
    tal_block_hits hits;
    uint64_t before[TAL_COUNT_COUNT];
    uint64_t counts[TAL_COUNT_COUNT];
    tal_search_counts(self->search, before);
    status = tal_search_block(self->search, block, &hits);
    if (status != TAL_OK)
        return status;
    uint64_t start = tal_clock_ns();
    tal_io_stretch io = tal_io_begin(self);
    tal_search_counts(self->search, counts);
    for (size_t i = 0; i < TAL_COUNT_COUNT; i++)
        counts[i] -= before[i];
    tal_wait_for what = {TAL_WAIT_RANKS, "keep a finished block", NULL};
    tal_wait_mark mark = tal_wait_begin(&what);
    tal_job_block finished = {
        .queries = block,
        .hits = &hits,
        .counters = counts,
        .counter_count = TAL_COUNT_COUNT,
        .has_mirrors = self->params.is_mirrored,
    };
    finished.mirrors = tal_search_mirrors(self->search, &finished.mirror_count);
    status = tal_job_keep(self->job, index, &finished);
    tal_wait_end(mark);
    self->write_seconds += tal_search_run_seconds(start);
    tal_io_end(self, &io);
    return status;
}

static tal_status search_blocks(tal_search_run *self)
{
    double before = 0;
    for (self->block_count = 0;; self->block_count++) {
        tal_seqset *block;
        tal_status status = tal_stream_next(self->stream, &block);
        if (status != TAL_OK || block == NULL)
            return status;
        double after = tal_stream_progress(self->stream);
        tal_progress_part(&self->progress, before, after);
        before = after < 0 ? 0 : after;
        status = search_block(self, self->block_count, block);
        if (status != TAL_OK)
            return status;
    }
}

/* What the job computes, one line a value: what a resumed run must share. */
static tal_status begin_job(tal_search_run *self)
{
    tal_result_attribute list[ATTRIBUTE_LIMIT];
    size_t count = tal_search_run_parameters(self, list);
    tal_buffer text = {0};
    tal_status status = tal_resume_append_values(list, count, &text);
    if (status == TAL_OK)
        status = tal_resume_append_input(&self->matrix, &self->reference_info, &text);
    if (status == TAL_OK)
        status = tal_buffer_printf(
            &text, "block_residues %d\n" TAL_GRID_QUERIES " %u\n" TAL_GRID_PAIRS " %s\n",
            BLOCK_RESIDUES, tal_search_run_block_queries(self),
            self->params.is_mirrored ? "scored once" : TAL_GRID_PAIRS_TWICE);
    if (status == TAL_OK)
        status = tal_buffer_append(&text, "", 1);
    status = tal_comm_agree(self->comm, status);
    if (status == TAL_OK)
        status = tal_job_begin(self->job, (const char *)text.data, self->reference_info.alphabet,
                               tal_run_flag(self->run, "force"));
    if (status == TAL_OK && tal_job_resumed_count(self->job) > 0)
        tal_log(TAL_LOG_INFO, "going on with '%s': %" PRIu64 " blocks of queries are finished",
                tal_job_folder(self->job), tal_job_resumed_count(self->job));
    tal_buffer_deinit(&text);
    return status;
}

/* All that a search and its plan have in common. */
static tal_status set_up(tal_search_run *self)
{
    tal_status status = tal_comm_agree(self->comm, collect_paths(self));
    if (status != TAL_OK)
        return status;
    status = tal_team_setup(self->run, &self->team);
    if (status == TAL_OK && !tal_run_flag(self->run, "dry-run"))
        status = tal_search_run_open_job(self);
    if (status != TAL_OK)
        return status;
    tal_load_params load = tal_search_run_load(self, true);
    status = tal_stream_open(self->comm, &load, BLOCK_RESIDUES, tal_search_run_block_queries(self),
                             &self->stream);
    if (status != TAL_OK)
        return status;
    tal_alphabet alphabet = tal_stream_alphabet(self->stream);
    status = tal_comm_agree(self->comm, tal_search_run_choose(self, alphabet));
    if (status == TAL_OK && self->needs_statistics)
        status = tal_stats_obtain(self->run, self->team, self->params.matrix, self->params.gaps,
                                  &self->params.stats);
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, tal_search_run_choose_rest(self, alphabet));
    tal_search_run_limit_trace(self);
    return status == TAL_OK ? tal_search_run_open_reduced(self) : status;
}

/* The device that computes beside the team, if there is one. */
static tal_status open_device(tal_search_run *self)
{
    const tal_conf *conf = tal_run_conf(self->run);
    bool is_protein = self->reference_info.alphabet == TAL_PROTEIN;
    int code_count = (is_protein ? TAL_PROTEIN_LETTER_COUNT : TAL_NUCLEOTIDE_LETTER_COUNT) +
                     (self->reference_mask != TAL_MASK_NONE);
    self->params.device_batch = (uint32_t)tal_conf_int(conf, "parallel.gpu.batch_size");
    tal_status status = tal_gpu_open(self->run, self->params.gaps.open, self->params.gaps.extend,
                                     code_count, &self->device);
    self->params.device = self->device;
    return status;
}

static tal_status begin_search(tal_search_run *self)
{
    tal_status status = load_references(self);
    if (status != TAL_OK)
        return status;
    status = tal_comm_agree(self->comm, open_device(self));
    if (status == TAL_OK)
        status = tal_search_run_find_self(self);
    if (status == TAL_OK)
        status = begin_job(self);
    if (status != TAL_OK)
        return status;
    tal_progress_init(&self->progress,
                      tal_comm_rank(self->comm) == 0 && !tal_run_is_quiet(self->run));
    if (tal_comm_rank(self->comm) == 0) {
        self->params.progress = show_progress;
        self->params.progress_context = &self->progress;
    }
    status =
        tal_search_create(self->comm, self->team, &self->params, self->references, &self->search);
    return tal_comm_agree(self->comm, status);
}

static tal_status search_all(tal_search_run *self)
{
    tal_status status = begin_search(self);
    if (status == TAL_OK) {
        status = search_blocks(self);
        tal_progress_end(&self->progress);
    }
    return status == TAL_OK ? tal_search_run_assemble(self) : status;
}

/* --dry-run. */
static tal_status plan_only(tal_search_run *self)
{
    tal_load_params load = tal_search_run_load(self, false);
    tal_dry_run plan = {
        .comm = self->comm,
        .team = self->team,
        .params = &self->params,
        .needs = tal_search_run_needs(self),
        .queries = self->stream,
        .why_twice = tal_search_run_why_twice(self),
        .memory_limit = tal_search_run_memory_limit(self),
    };
    tal_status status = TAL_OK;
    if (self->container != NULL) {
        plan.reduced = tal_search_run_reduced_info(self);
        plan.representatives = tal_search_run_representative_info(self);
    } else {
        status =
            tal_stream_open(self->comm, &load, BLOCK_RESIDUES, BLOCK_QUERIES, &plan.references);
    }
    if (status == TAL_OK)
        status = check_same_alphabet(self, plan.references == NULL
                                               ? plan.reduced.alphabet
                                               : tal_stream_alphabet(plan.references));
    if (status == TAL_OK)
        status = tal_dry_run_report(&plan);
    tal_stream_close(plan.references);
    return status;
}

static tal_status run_search(tal_run *run)
{
    tal_search_run self = {.run = run, .comm = tal_run_comm(run), .start_ns = tal_clock_ns()};
    self.traffic_before = tal_traffic_sum(self.comm);
    tal_stop_install(true);
    tal_resume_set_deadline(run, self.start_ns);
    tal_status status = tal_diagnosis_start(run, &self.diagnosis);
    if (status == TAL_OK)
        status = set_up(&self);
    if (status == TAL_OK)
        status = tal_run_flag(run, "dry-run") ? plan_only(&self) : search_all(&self);
    tal_job_close(self.job, status == TAL_OK);
    tal_search_destroy(self.search);
    tal_device_close(self.device);
    tal_spill_destroy(self.spill);
    tal_families_destroy(self.families);
    tal_container_close(self.container);
    tal_seqset_destroy(self.references);
    tal_set_info_deinit(&self.reference_info);
    tal_stream_close(self.stream);
    tal_team_destroy(self.team);
    tal_free(self.reference_paths);
    tal_free(self.query_paths);
    tal_diagnosis_stop(&self.diagnosis);
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
        "any number of ranks and threads and any instruction set.\n"
        "--mode filtered takes less than half the time and misses a few hits: only pairs with a "
        "run without gaps that reaches a cut are scored with gaps. Against a set of n residues the "
        "cut of a query of m residues is the score worth F * log2(m * n / E) bits by the ungapped "
        "Karlin-Altschul statistics of the matrix, E being --evalue and F --filter-share, and one "
        "bit more for a reference of twice the mean length. What is found does not depend on ranks "
        "and threads. With the default F, 99 % of the hits at E <= 0.001 are found; those missed "
        "lie close to the threshold. The larger E, the more pairs pass: at 10 nothing is saved.\n"
        "--expand searches all that a reduced set stands for, at the cost of its representatives "
        "and the clusters that are hit: each query is scored against the representatives, and "
        "where "
        "one has the share --expand-share of the score that would be reported, against its "
        "members, "
        "which are unpacked from the file. Scores and E-values are those of a search of the whole "
        "original input, and references are counted as there; what is missed are members whose "
        "representative scores much less than they do.",
    .examples = "talaria search queries.fa proteins.fa.gz -o hits.h5\n"
                "mpirun -n 4 talaria search queries.fa a.fa b.fa -o hits.h5 --threads 8\n"
                "srun talaria search queries.fa proteins.fa --dry-run --memory 4G\n"
                "talaria search queries.fa reduced.h5 --expand -o hits.h5\n"
                "srun talaria search reads.fna genomes.fna -o hits.h5 --type nucleotide\n"
                "talaria export hits.h5 --format m8 -o hits.m8",
    .options = options,
    .run = run_search,
};
