/* talaria reduce: fewer references, each of which verifiably stands for others. */
#include "app/cluster_format.h"
#include "app/command.h"
#include "app/memory_plan.h"
#include "app/option_rows.h"
#include "app/reduce_keep.h"
#include "app/reduce_plan.h"
#include "app/reduced.h"
#include "app/resume.h"
#include "app/stats_obtain.h"
#include "app/team_setup.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/resident.h"
#include "base/stop.h"
#include "reduce/clusters.h"
#include "reduce/reduce.h"
#include "seq/load.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the residual sample may cost by default: a few seconds. */
#define RESIDUAL_CELLS (UINT64_C(1) << 36)

static const tal_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "reduced set to make (HDF5): the whole input, byte for byte, and its clusters"},
    {.name = "clusters",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "table to make: representative and record, one record a line"},
    {.name = "clstr",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "clusters to write as CD-HIT does"},
    {.name = "uc",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "clusters to write as UCLUST and VSEARCH do"},
    {.name = "force", .kind = TAL_VALUE_FLAG, .help = "replace files that exist"},
    {.name = "identity",
     .kind = TAL_VALUE_REAL,
     .value_name = "PERCENT",
     .default_text = "90",
     .min = 1,
     .max = 100,
     .help = "identical positions of the alignment's columns, at least; two decimals count"},
    {.name = "target-ratio",
     .kind = TAL_VALUE_REAL,
     .value_name = "PERCENT",
     .min = 0.01,
     .max = 100,
     .help =
         "instead of --identity: residues that the representatives may have, of all; the highest "
         "identity in whole percents that keeps to it, from 30 (nucleotides: 60) on, is found by "
         "bisection; two decimals count"},
    {.name = "coverage",
     .kind = TAL_VALUE_REAL,
     .value_name = "PERCENT",
     .default_text = "80",
     .min = 0,
     .max = 100,
     .help = "residues that the alignment spans, at least; two decimals count"},
    {.name = "coverage-mode",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "MODE",
     .default_text = "both",
     .choices = "both|member|representative", /* in the order of tal_coverage_mode */
     .help = "whose residues must be covered"},
    {.name = "evalue",
     .kind = TAL_VALUE_REAL,
     .value_name = "E",
     .max = 1e300,
     .help = "largest E-value of a member against its representative; no limit when not given"},
    {.name = "min-length",
     .kind = TAL_VALUE_INT,
     .value_name = "L",
     .default_text = "0",
     .max = 1e9,
     .help = "shorter sequences are not compared: each distinct one stays its own representative"},
    {.name = "order",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "ORDER",
     .default_text = "cover",
     .choices = "cover|length|set-cover", /* in the order of tal_reduce_order */
     .help = "who becomes a representative first: cover takes those that could stand for most "
             "others by shared k-mers, counted once, and gives fewer representatives; length takes "
             "the longest; set-cover takes those that verifiably stand for most that are left, "
             "counted again after each, and gives fewer still in more time"},
    {.name = "residual-sample",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "50",
     .max = 1e9,
     .help = "representatives, chosen by chance, that are compared with all others at the end, to "
             "tell how many another one could still stand for; by default fewer where that takes "
             "long, 0: none"},
    TAL_OPTION_TYPE("the sequences"),
    {.name = "matrix",
     .kind = TAL_VALUE_TEXT,
     .value_name = "NAME|FILE",
     .help = "substitution matrix: BLOSUM45, 50, 62, 80, 90, PAM30, 70, 250, or a file in NCBI "
             "format; default BLOSUM62, or match 2 and mismatch -3 for nucleotides"},
    TAL_OPTION_OPEN_FILES,
    TAL_OPTION_MAX_TIME("found"),
    {.name = "dry-run",
     .kind = TAL_VALUE_FLAG,
     .help = "read the input, print the memory of each rank, write nothing"},
    TAL_REDUCED_MEMORY_OPTION,
    {0},
};

typedef struct reduce_run {
    tal_run *run;
    tal_comm *comm;
    tal_team *team;
    tal_seqset *set;
    tal_set_info info;
    tal_matrix matrix;
    tal_reduce_params params;
    tal_assignment *assignment;
    uint64_t size_counts[64]; /* clusters by size */
    tal_reduce_summary summary;
    tal_reduce_keep keep;
    uint64_t start_ns, peak_bytes;
} reduce_run;

static tal_status check_output(const tal_run *run, const char *name)
{
    const char *path = tal_run_text(run, name);
    if (path == NULL || tal_run_flag(run, "force") || access(path, F_OK) != 0)
        return TAL_OK;
    return tal_fail(TAL_ERR_OUTPUT, "'%s' exists; choose another name or give --force", path);
}

/* The files a user may ask for. */
static const struct {
    const char *option;
    tal_cluster_format format;
} outputs[] = {
    {"clusters", tal_cluster_format_table},
    {"clstr", tal_cluster_format_clstr},
    {"uc", tal_cluster_format_uc},
};
enum { OUTPUT_COUNT = sizeof(outputs) / sizeof(*outputs) };

/* The file that the job lies beside. */
static const char *first_output(const tal_run *run)
{
    const char *path = tal_run_text(run, "output");
    for (int i = 0; path == NULL && i < OUTPUT_COUNT; i++)
        path = tal_run_text(run, outputs[i].option);
    return path;
}

/* May the files be written? */
static tal_status check_outputs(const tal_run *run)
{
    const char *path = tal_run_text(run, "output");
    tal_status status =
        path == NULL ? TAL_OK : tal_reduced_check(run, path, tal_run_flag(run, "force"), 0);
    for (int i = 0; i < OUTPUT_COUNT && status == TAL_OK; i++)
        status = check_output(run, outputs[i].option);
    return status;
}

/* Not collective. */
static tal_status check_options(const tal_run *run)
{
    const char *path = first_output(run);
    if (path == NULL && !tal_run_flag(run, "dry-run"))
        return tal_fail(TAL_ERR_USAGE,
                        "reduce needs a file to write: give '-o FILE' or '--clusters FILE'");
    if (tal_run_is_given(run, "target-ratio") && tal_run_is_given(run, "identity"))
        return tal_fail(TAL_ERR_USAGE, "--target-ratio finds the identity; do not give --identity");
    /* An unfinished run may have written some of them: seen when it is gone on with. */
    return path == NULL || tal_run_flag(run, "dry-run") || tal_reduce_keep_exists(path)
               ? TAL_OK
               : check_outputs(run);
}

/* Find the representatives, from where an unfinished run ended. Collective; agreed status. */
static tal_status reduce(reduce_run *self)
{
    tal_status status = tal_reduce_keep_begin(self->run, &self->params, &self->info, &self->keep);
    self->params.keeper = &self->keep.keeper;
    if (status == TAL_OK)
        status = tal_reduce(self->comm, self->team, self->set, &self->params, &self->assignment,
                            &self->summary);
    self->params.identity = (int32_t)self->summary.identity;
    if (status == TAL_OK && self->summary.was_finished == 0)
        status = tal_comm_agree(self->comm, check_outputs(self->run));
    return status;
}

/* Load the input, or only count it for a plan. Collective; agreed status. */
static tal_status read_input(reduce_run *self, tal_reduce_needs *needs, bool *out_is_counted)
{
    const int count = tal_run_argument_count(self->run);
    const char **paths = tal_alloc_array((size_t)count, sizeof(*paths));
    tal_status status = tal_comm_agree(self->comm, paths == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK)
        return status;
    for (int i = 0; i < count; i++)
        paths[i] = tal_run_argument(self->run, i);
    const tal_load_params params = {
        .paths = paths,
        .path_count = (size_t)count,
        .role = "references",
        .alphabet = (tal_alphabet_choice)tal_run_choice(self->run, "type"),
        .open_file_limit = (int)tal_run_int(self->run, "open-files"),
    };
    status = needs == NULL ? tal_load_partition(self->comm, &params, &self->set, &self->info)
                           : tal_reduce_plan_count(self->comm, &params, needs, out_is_counted);
    tal_free(paths);
    return status;
}

/* A percentage in hundredths. */
static int32_t share(const tal_run *run, const char *name)
{
    return (int32_t)lround(tal_run_real(run, name) * 100);
}

static tal_status choose(reduce_run *self)
{
    const tal_run *run = self->run;
    const char *name = tal_run_text(run, "matrix");
    const bool has_target = tal_run_is_given(run, "target-ratio");
    const bool has_evalue = tal_run_is_given(run, "evalue");
    tal_status status =
        name != NULL || self->info.alphabet == TAL_PROTEIN
            ? tal_matrix_load(name == NULL ? "BLOSUM62" : name, self->info.alphabet, &self->matrix)
            : tal_matrix_match_mismatch(2, -3, &self->matrix);
    if (status != TAL_OK)
        return status;
    self->params = (tal_reduce_params){
        .isa = tal_run_isa(run),
        .identity = has_target ? 0 : share(run, "identity"),
        .target = has_target ? share(run, "target-ratio") : 0,
        .coverage = share(run, "coverage"),
        .coverage_mode = (tal_coverage_mode)tal_run_choice(run, "coverage-mode"),
        .evalue = has_evalue ? tal_run_real(run, "evalue") : INFINITY,
        .len_min = (int32_t)tal_run_int(run, "min-length"),
        .order = (tal_reduce_order)tal_run_choice(run, "order"),
        .matrix = &self->matrix,
        .gaps = tal_gaps_default(&self->matrix),
        .residue_count = self->info.residue_count,
        .sequence_count = self->info.sequence_count,
        .residual_sample = (uint64_t)tal_run_int(run, "residual-sample"),
        .residual_cells = tal_run_is_given(run, "residual-sample") ? 0 : RESIDUAL_CELLS,
    };
    tal_reduced_limit_memory(run, &self->params);
    return TAL_OK;
}

static tal_status print_plan(const reduce_run *self, const tal_reduce_needs *needs)
{
    tal_buffer text = {0};
    tal_status status = TAL_OK;
    if (tal_comm_rank(self->comm) == 0)
        status = tal_reduce_plan_append(needs, &self->params, &text);
    if (status == TAL_OK && text.bytes > 0)
        (void)fwrite(text.data, 1, text.bytes, stdout); /* main checks when it flushes. */
    tal_buffer_deinit(&text);
    return tal_comm_agree(self->comm, status);
}

/* Where a limit is to be kept, or a plan is all that is asked for: count the input first, and see
 * what it needs. Collective; agreed status. */
static tal_status plan(reduce_run *self)
{
    const bool is_dry = tal_run_flag(self->run, "dry-run");
    tal_reduce_needs needs = {
        .rank_count = (uint64_t)tal_comm_size(self->comm),
        .thread_count = tal_team_size(self->team),
        .has_set = tal_run_text(self->run, "output") != NULL,
    };
    bool is_counted = false;
    if (!is_dry && !tal_run_is_given(self->run, "memory"))
        return TAL_OK;
    tal_status status = read_input(self, &needs, &is_counted);
    if (status == TAL_OK && !is_counted)
        return is_dry ? tal_fail(TAL_ERR_USAGE, "a dry run cannot count a pipe; name files")
                      : TAL_OK;
    self->info.alphabet = needs.alphabet;
    if (status == TAL_OK)
        status = tal_comm_agree(self->comm, choose(self));
    if (status == TAL_OK && is_dry)
        status = print_plan(self, &needs);
    return status == TAL_OK ? tal_reduce_plan_check(&needs, &self->params) : status;
}

static tal_status write_tables(reduce_run *self)
{
    tal_clusters *clusters = NULL;
    tal_status status = tal_clusters_gather(self->comm, self->set, self->assignment,
                                            self->info.sequence_count, &clusters);
    for (int i = 0; status == TAL_OK && i < OUTPUT_COUNT; i++) {
        const char *path = tal_run_text(self->run, outputs[i].option);
        if (path != NULL)
            status = tal_clusters_write(self->comm, clusters, outputs[i].format,
                                        self->info.alphabet, path);
    }
    if (status == TAL_OK)
        tal_clusters_histogram(self->comm, clusters, self->size_counts);
    tal_clusters_destroy(clusters);
    return status;
}

/* "1: 20, 2: 12, 3-4: 7": clusters by size. */
static void report_sizes(const reduce_run *self)
{
    const uint64_t *counts = self->size_counts;
    tal_buffer text = {0};
    tal_status status = TAL_OK;
    for (int bin = 0; status == TAL_OK && bin < 64; bin++) {
        if (counts[bin] == 0)
            continue;
        uint64_t most = UINT64_C(1) << bin;
        const char *comma = text.bytes == 0 ? "" : ", ";
        status = most <= 2
                     ? tal_buffer_printf(&text, "%s%" PRIu64 ": %" PRIu64, comma, most, counts[bin])
                     : tal_buffer_printf(&text, "%s%" PRIu64 "-%" PRIu64 ": %" PRIu64, comma,
                                         most / 2 + 1, most, counts[bin]);
    }
    if (status == TAL_OK && text.bytes > 0 && !tal_run_is_quiet(self->run))
        tal_log(TAL_LOG_INFO, "clusters by size: %s", (const char *)text.data);
    tal_buffer_deinit(&text);
}

static void report(const reduce_run *self)
{
    const tal_reduce_summary *summary = &self->summary;
    const tal_set_info *info = &self->info;
    tal_log(TAL_LOG_INFO,
            "%" PRIu64 " sequences (%" PRIu64 " residues), %" PRIu64 " distinct (%" PRIu64
            " residues)",
            info->sequence_count, info->residue_count, summary->distinct_count,
            summary->distinct_residues);
    tal_log(TAL_LOG_INFO,
            "%" PRIu64 " representatives (%.1f %% of the sequences) with %" PRIu64
            " residues (%.1f %%)",
            summary->representative_count,
            100.0 * (double)summary->representative_count / (double)info->sequence_count,
            summary->representative_residues,
            100.0 * (double)summary->representative_residues /
                (double)(info->residue_count == 0 ? 1 : info->residue_count));
    if (self->params.target > 0)
        tal_log(TAL_LOG_INFO,
                "an identity of %" PRIu64
                " %% keeps to the %g %% of the residues asked for; %" PRIu64 " were tried",
                summary->identity / 100, self->params.target / 100.0, summary->probe_count);
    tal_log(TAL_LOG_INFO,
            "%" PRIu64 " rounds, %" PRIu64 " steps, %" PRIu64 " pairs: %" PRIu64
            " alignments proven, %" PRIu64
            " filled; the last round found a representative for %" PRIu64 " of %" PRIu64,
            summary->round_count, summary->step_count, summary->pair_count, summary->proof_count,
            summary->alignment_count, summary->last_round_members, summary->last_round_pool);
    if (summary->residual_sample > 0)
        tal_log(TAL_LOG_INFO,
                "residual redundancy: another representative could stand for %" PRIu64
                " of %" PRIu64 " representatives looked at (%.1f %%)",
                summary->residual_count, summary->residual_sample,
                100.0 * (double)summary->residual_count / (double)summary->residual_sample);
    char peak[32];
    tal_memory_format(self->peak_bytes, peak, sizeof(peak));
    tal_log(TAL_LOG_INFO, "%.2f s, at most %s of memory on a rank",
            (double)(tal_clock_ns() - self->start_ns) * 1e-9, peak);
}

/* The reduced set. Collective; agreed status. */
static tal_status write_set(const reduce_run *self)
{
    const tal_reduce_summary *summary = &self->summary;
    const tal_result_attribute results[] = {
        {.name = "rounds", .type = TAL_ATTRIBUTE_U64, .u64 = summary->round_count},
        {.name = "residual_sample", .type = TAL_ATTRIBUTE_U64, .u64 = summary->residual_sample},
        {.name = "residual_redundant", .type = TAL_ATTRIBUTE_U64, .u64 = summary->residual_count},
        {.name = "target_ratio",
         .type = TAL_ATTRIBUTE_U64,
         .u64 = (uint64_t)self->params.target}, /* The last, when there is one. */
    };
    const tal_pack_params pack = {
        .path = tal_run_text(self->run, "output"),
        .folder = tal_job_folder(self->keep.job),
        .is_forced = tal_run_flag(self->run, "force") || summary->was_finished != 0,
        .set = self->set,
        .info = &self->info,
        .assignment = self->assignment,
        .results = results,
        .result_count = sizeof(results) / sizeof(results[0]) - (self->params.target == 0),
    };
    return tal_reduced_write(self->run, self->team, &self->params, pack);
}

static tal_status run_reduce(tal_run *run)
{
    reduce_run self = {.run = run, .comm = tal_run_comm(run), .start_ns = tal_clock_ns()};
    tal_stop_install(true);
    tal_resume_set_deadline(run, self.start_ns);
    tal_status status = tal_comm_agree(self.comm, check_options(run));
    if (status == TAL_OK)
        status = tal_team_setup(run, &self.team);
    if (status == TAL_OK)
        status = plan(&self);
    if (status != TAL_OK || tal_run_flag(run, "dry-run")) {
        tal_team_destroy(self.team);
        return status;
    }
    status = tal_reduce_keep_open(run, first_output(run), &self.keep);
    if (status == TAL_OK)
        status = read_input(&self, NULL, NULL);
    if (status == TAL_OK)
        status = tal_comm_agree(self.comm, choose(&self));
    if (status == TAL_OK && tal_run_is_given(run, "evalue"))
        status =
            tal_stats_obtain(run, self.team, &self.matrix, self.params.gaps, &self.params.stats);
    if (status == TAL_OK)
        status = reduce(&self);
    if (status == TAL_OK)
        status = write_tables(&self);
    if (status == TAL_OK && tal_run_text(run, "output") != NULL)
        status = write_set(&self);
    if (status == TAL_OK && !tal_run_is_quiet(run)) {
        self.peak_bytes = tal_resident_peak();
        tal_comm_max_u64(self.comm, &self.peak_bytes, 1);
        report(&self);
    }
    if (status == TAL_OK)
        report_sizes(&self);
    /* A target that cannot be reached is no unfinished work. */
    tal_job_close(self.keep.job, status == TAL_OK || status == TAL_ERR_USAGE);
    tal_assignment_destroy(self.assignment);
    tal_team_destroy(self.team);
    tal_seqset_destroy(self.set);
    tal_set_info_deinit(&self.info);
    return status;
}

const tal_command tal_command_reduce = {
    .name = "reduce",
    .arguments = "REFERENCES...",
    .argument_min = 1,
    .argument_max = -1,
    .summary = "representatives of a reference set, every other sequence verified against one",
    .description =
        "Chooses representatives and gives every other sequence one that stands for it: their best "
        "local alignment has at least the identity asked for, in columns, and spans at least the "
        "coverage asked for of both, of the member or of the representative. Every member is "
        "aligned in full with the representative it ends with. The result is the same for any "
        "number of ranks and threads, any memory, and any order of the input.\n"
        "\n"
        "Equal sequences are found first. Then sequences that share k-mers are compared, in rounds "
        "with different seeds; each round looks at the representatives of the one before.\n"
        "\n"
        "With --target-ratio the identity is found instead: reductions at whole percents are "
        "tried, "
        "seven or so, each as if that identity had been given, and the one that keeps to the share "
        "while one percent more does not is the result. The file says which it was.\n"
        "\n"
        "What was found is kept in the folder FILE.job until the files are complete: stopped or "
        "killed, the same command goes on with it, on any number of ranks.",
    .examples = "talaria reduce references.fasta --identity 90 --clusters clusters.tsv\n"
                "talaria reduce references.fasta --target-ratio 25 -o quarter.h5\n"
                "mpirun -n 8 talaria reduce nr.fasta.zst --identity 50 --coverage 80 --clusters "
                "nr50.tsv\n",
    .options = options,
    .run = run_reduce,
};
