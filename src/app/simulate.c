/* talaria simulate: families of sequences with known truth. */
#include "app/command.h"
#include "app/team_setup.h"
#include "base/buffer.h"
#include "base/log.h"
#include "sim/simulate.h"

#include <inttypes.h>
#include <string.h>

static const tal_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "FASTA file to make; needed"},
    {.name = "sequences",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "1000",
     .min = 1,
     .max = (double)TAL_SIMULATE_SEQUENCES_MAX,
     .help = "sequences to make"},
    {.name = "mean-length",
     .kind = TAL_VALUE_INT,
     .value_name = "L",
     .default_text = "300",
     .min = TAL_SIMULATE_LEN_MIN,
     .max = TAL_SIMULATE_MEAN_LEN_MAX,
     .help = "mean length of the sequences in residues"},
    {.name = "families",
     .kind = TAL_VALUE_INT,
     .value_name = "F",
     .min = 1,
     .max = (double)TAL_SIMULATE_SEQUENCES_MAX,
     .help = "families the sequences belong to; a tenth of the sequences when not given"},
    {.name = "seed",
     .kind = TAL_VALUE_INT,
     .value_name = "S",
     .default_text = "1",
     .min = 0,
     .max = 999999999999999, /* exact in a double, and printed whole */
     .help = "start of the random numbers; the same seed gives the same files"},
    {.name = "type",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "TYPE",
     .default_text = "protein",
     .choices = "protein|nucleotide", /* in the order of tal_alphabet */
     .help = "kind of the sequences"},
    {.name = "divergence",
     .kind = TAL_VALUE_REAL,
     .value_name = "D",
     .default_text = "0.5",
     .min = 0,
     .max = TAL_SIMULATE_DIVERGENCE_MAX,
     .help = "expected substitutions per site between a family's first sequence and the others"},
    {.name = "indel-rate",
     .kind = TAL_VALUE_REAL,
     .value_name = "R",
     .default_text = "0.03",
     .min = 0,
     .max = 1,
     .help = "insertions and deletions per expected substitution"},
    {.name = "indel-extension",
     .kind = TAL_VALUE_REAL,
     .value_name = "E",
     .default_text = "0.7",
     .min = 0,
     .max = 0.99,
     .help = "chance that an insertion or deletion has one more residue"},
    {.name = "truth",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "table of what happened on every branch; the output's name and .truth.tsv when not "
             "given"},
    {.name = "no-truth", .kind = TAL_VALUE_FLAG, .help = "make no table"},
    {.name = "force", .kind = TAL_VALUE_FLAG, .help = "replace files that exist"},
    {0},
};

static tal_status check_options(const tal_run *run)
{
    if (tal_run_text(run, "output") == NULL)
        return tal_fail(TAL_ERR_USAGE,
                        "simulate needs a file to write: give '-o FILE' (and see 'talaria simulate "
                        "--help')");
    if (strcmp(tal_run_text(run, "output"), "-") == 0)
        return tal_fail(TAL_ERR_USAGE, "simulate cannot write to standard output: all ranks write "
                                       "at once; give '-o FILE'");
    if (tal_run_text(run, "truth") != NULL && tal_run_flag(run, "no-truth"))
        return tal_fail(TAL_ERR_USAGE, "'--truth' and '--no-truth' contradict each other");
    return TAL_OK;
}

static void report(const tal_simulate_params *params, const tal_simulate_summary *summary)
{
    tal_log(TAL_LOG_INFO,
            "simulated %" PRIu64 " sequences (%" PRIu64 " residues, length %" PRIu64 " to %" PRIu64
            ", mean %.1f) in %" PRIu64 " families of at most %" PRIu64,
            summary->sequence_count, summary->residue_count, summary->len_min, summary->len_max,
            (double)summary->residue_count / (double)summary->sequence_count, params->family_count,
            summary->largest_family);
    tal_log(TAL_LOG_INFO,
            "%" PRIu64 " substitutions, %" PRIu64 " insertions, %" PRIu64 " deletions",
            summary->substitutions, summary->insertions, summary->deletions);
    tal_log(TAL_LOG_INFO, "sequences in '%s' (%" PRIu64 " bytes)", params->path,
            summary->fasta_bytes);
    if (params->truth_path != NULL)
        tal_log(TAL_LOG_INFO, "truth in '%s' (%" PRIu64 " bytes)", params->truth_path,
                summary->truth_bytes);
}

static tal_simulate_params read_params(const tal_run *run)
{
    uint64_t sequence_count = (uint64_t)tal_run_int(run, "sequences");
    uint64_t family_count = sequence_count < 10 ? 1 : sequence_count / 10;
    if (tal_run_is_given(run, "families"))
        family_count = (uint64_t)tal_run_int(run, "families");
    return (tal_simulate_params){
        .alphabet = (tal_alphabet)tal_run_choice(run, "type"),
        .seed = (uint64_t)tal_run_int(run, "seed"),
        .sequence_count = sequence_count,
        .family_count = family_count,
        .mean_len = (uint64_t)tal_run_int(run, "mean-length"),
        .divergence = tal_run_real(run, "divergence"),
        .indel_rate = tal_run_real(run, "indel-rate"),
        .indel_extension = tal_run_real(run, "indel-extension"),
        .path = tal_run_text(run, "output"),
        .truth_path = tal_run_text(run, "truth"),
        .is_forced = tal_run_flag(run, "force"),
    };
}

static tal_status run_simulate(tal_run *run)
{
    tal_comm *comm = tal_run_comm(run);
    tal_buffer truth_path = {0};
    tal_team *team = NULL;
    tal_status status = tal_comm_agree(comm, check_options(run));
    if (status != TAL_OK)
        return status;
    tal_simulate_params params = read_params(run);
    if (params.truth_path == NULL && !tal_run_flag(run, "no-truth")) {
        status = tal_buffer_printf(&truth_path, "%s.truth.tsv", params.path);
        params.truth_path = (const char *)truth_path.data;
    }
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK)
        status = tal_team_setup(run, &team);
    if (status != TAL_OK)
        goto done;
    tal_simulate_summary summary;
    status = tal_simulate(comm, team, &params, &summary);
    if (status == TAL_OK && !tal_run_is_quiet(run))
        report(&params, &summary);
done:
    tal_team_destroy(team);
    tal_buffer_deinit(&truth_path);
    return status;
}

const tal_command tal_command_simulate = {
    .name = "simulate",
    .arguments = "",
    .argument_min = 0,
    .argument_max = 0,
    .summary = "evolve families of protein or nucleotide sequences with known truth",
    .description =
        "Makes a FASTA file of families of related sequences, and a table of what happened to "
        "each: its family, its parent, the branch between them, and the substitutions, insertions "
        "and deletions on it. The files are the same for any number of ranks and threads.\n"
        "\n"
        "Every family starts from one random sequence in the composition of the model. Each "
        "further member descends from a random earlier one (the first 64 can have descendants) "
        "along a branch of exponential length. Proteins change by the LG model (Le and Gascuel "
        "2008), nucleotides by HKY85 (Hasegawa, Kishino and Yano 1985) with transition to "
        "transversion ratio kappa 3 and 42 % G+C; insertions and deletions are equally frequent "
        "and have geometric lengths. Family sizes follow a power law and fall through the file; "
        "lengths of first members follow a gamma distribution of shape 2. No sequence is shorter "
        "than 30 residues.\n"
        "\n"
        "A header is '>s000000012 family=3 member=2 parent=s000000011 distance=0.4312', where "
        "distance is in expected substitutions per site from the family's first member. In the "
        "table, 'substitutions' counts events and 'differences' the surviving sites that differ "
        "from the parent; the true alignment with the parent has (parent's length + inserted) "
        "columns, of which (parent's length - deleted - differences) are identical.",
    .examples =
        "talaria simulate --sequences 1000 --mean-length 300 --families 100 --seed 7 -o small.fa\n"
        "mpirun -n 4 talaria simulate --sequences 10000000 --families 1000000 -o large.fa\n"
        "talaria simulate --type nucleotide --mean-length 1500 --divergence 0.1 -o genes.fa\n",
    .options = options,
    .run = run_simulate,
};
