/* talaria bench: studies of the program's own speed. */
#include "app/bench.h"

#include "app/bench_kernels.h"
#include "par/team.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const tal_option options[] = {
    {.name = "csv",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help =
         "write the numbers as comma-separated values too (bench/plot_scaling.py draws those of "
         "scaling, contention, strong, weak and table, bench/plot_hits.py those of calibration "
         "and sensitivity)"},
    {.name = "max-threads",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .min = 1,
     .max = TAL_TEAM_SIZE_MAX,
     .help = "most threads; twice the CPUs when not given"},
    {.name = "repeats",
     .kind = TAL_VALUE_INT,
     .value_name = "R",
     .default_text = "3",
     .min = 1,
     .max = TAL_BENCH_REPEATS_MAX,
     .help = "measurements of each row, in turn with the others; the median counts"},
    {.name = "references",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "2000",
     .min = 1,
     .max = 1e7,
     .help = "scaling, strong, weak: proteins to search, of mean length 300; in bench weak, for "
             "each rank; device: references of a batch"},
    {.name = "query-count",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "200",
     .min = 1,
     .max = 1e5,
     .help = "scaling, strong, weak: proteins to search for; in the weak study of threads, for "
             "each thread; device: queries of a batch"},
    {.name = "long",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "WHERE",
     .default_text = "none",
     .choices = "none|query|reference",
     .help = "scaling: one protein of 35,000 residues among the others, for uneven work"},
    {.name = "operations",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "200000",
     .min = 1,
     .max = 1e9,
     .help = "contention: operations of each thread"},
    {.name = "kernel",
     .kind = TAL_VALUE_TEXT,
     .value_name = "NAME",
     .is_repeatable = true,
     .help = "kernels: only this one, or this kind: score, score-local, score-local-8, gapless, "
             "identity, wave and so on; may be given several times"},
    {.name = "scoring",
     .kind = TAL_VALUE_TEXT,
     .value_name = "NAME",
     .is_repeatable = true,
     .help = "statistics: only those of this name, as the table has it (PAM30, 'match 1 mismatch "
             "-3'); may be given several times"},
    {.name = "folder",
     .kind = TAL_VALUE_TEXT,
     .value_name = "DIR",
     .default_text = ".",
     .help = "strong, weak: where a folder for sequences and results is made, on a file system "
             "that all ranks see; it is removed at the end"},
    {.name = "keep",
     .kind = TAL_VALUE_FLAG,
     .help = "strong, weak: keep the results in that folder"},
    {.name = "search-options",
     .kind = TAL_VALUE_TEXT,
     .value_name = "WORDS",
     .default_text = "--max-hits 100",
     .help = "strong, weak: further options of each search, separated by blanks: "
             "--search-options='--evalue 1e-5'"},
    {.name = "lengths",
     .kind = TAL_VALUE_TEXT,
     .value_name = "LIST",
     .default_text = "16,50,100,350,1000,5000,35000",
     .help = "kernels, device: residues of the query, separated by commas"},
    {.name = "distribution",
     .kind = TAL_VALUE_CHOICE,
     .value_name = "NAME",
     .default_text = "uniform",
     .choices = "uniform|protein|short|all",
     .help = "kernels: lengths of references: about 350, as in proteomes (log-normal, median 300), "
             "20 to 40"},
    {.name = "sample-us",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "2000",
     .min = 1,
     .max = 1e7,
     .help = "kernels, device: least microseconds of a measurement (kernels: of processor time)"},
    {.name = "max-queries",
     .kind = TAL_VALUE_INT,
     .value_name = "N",
     .default_text = "0",
     .max = 1e9,
     .help = "calibration, sensitivity: search for N of the sequences, evenly spaced; 0: for all"},
    {.name = "defaults",
     .kind = TAL_VALUE_FLAG,
     .help = "calibration, sensitivity: only the defaults of search, exact and filtered"},
    {.name = "hits",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .is_repeatable = true,
     .help =
         "calibration, sensitivity: judge this table of another program too (twelve columns, as "
         "blastp -outfmt 6) for the same, or the reversed, queries; may be given several times"},
    {.name = "write-queries",
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help =
         "calibration, sensitivity: write the queries, or the reversed ones, as FASTA for other "
         "programs and end"},
    {0},
};

int tal_bench_steps(int limit, int *out_counts)
{
    int count = 0;
    for (int threads = 1; threads < limit; threads *= 2)
        out_counts[count++] = threads;
    out_counts[count++] = limit;
    return count;
}

static int compare_values(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

double tal_bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare_values);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

tal_status tal_bench_lengths(const char *text, int32_t *out_lengths, int *out_count)
{
    int count = 0;
    for (const char *at = text;; at++) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at || (*end != ',' && *end != '\0') || value < 1 || value > TAL_BENCH_LEN_MAX ||
            count == TAL_BENCH_LENGTHS_MAX)
            return tal_fail(TAL_ERR_USAGE,
                            "'--lengths %.60s': give up to %d whole numbers from 1 to %d, "
                            "separated by commas",
                            text, TAL_BENCH_LENGTHS_MAX, TAL_BENCH_LEN_MAX);
        out_lengths[count++] = (int32_t)value;
        at = end;
        if (*at == '\0')
            break;
    }
    *out_count = count;
    return TAL_OK;
}

static tal_status write_csv(const char *path, const tal_buffer *csv)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return tal_fail(TAL_ERR_OUTPUT, "cannot make '%s': %s", path, strerror(errno));
    bool is_written = fwrite(csv->data, 1, csv->bytes, file) == csv->bytes;
    if (fclose(file) != 0 || !is_written)
        return tal_fail(TAL_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    return TAL_OK;
}

/* A study by its name. */
typedef struct study_row {
    const char *name;
    int file_min, file_max; /* arguments after the name; file_max -1: any number */
    bool has_ranks;         /* may be run by several */
    tal_status (*run)(const tal_run *run, tal_buffer *table, tal_buffer *csv);
} study_row;

static const study_row studies[] = {
    {"scaling", 0, 0, false, tal_bench_scaling},
    {"contention", 0, 0, false, tal_bench_contention},
    {"kernels", 0, 0, false, tal_bench_kernels},
    {"device", 0, 0, false, tal_bench_device},
    {"strong", 0, -1, true, tal_bench_strong},
    {"weak", 0, 0, true, tal_bench_weak},
    {"table", 1, -1, false, tal_bench_table},
    {"calibration", 2, 2, false, tal_bench_calibration},
    {"sensitivity", 2, 2, false, tal_bench_sensitivity},
    {"statistics", 0, 0, false, tal_bench_statistics},
};

static tal_status run_study(const tal_run *run, tal_buffer *table)
{
    const char *name = tal_run_argument(run, 0);
    int file_count = tal_run_argument_count(run) - 1;
    const study_row *study = NULL;
    for (size_t i = 0; i < sizeof(studies) / sizeof(studies[0]); i++)
        if (strcmp(studies[i].name, name) == 0)
            study = &studies[i];
    if (study == NULL)
        return tal_fail(TAL_ERR_USAGE,
                        "unknown study '%.80s'; bench has scaling, contention, kernels, device, "
                        "strong, weak, table, calibration, sensitivity and statistics",
                        name);
    if (!study->has_ranks && tal_comm_size(tal_run_comm(run)) > 1)
        return tal_fail(TAL_ERR_USAGE, "bench %s is a matter of one rank; start it alone", name);
    if (file_count < study->file_min || (study->file_max >= 0 && file_count > study->file_max))
        return tal_fail(TAL_ERR_USAGE, "bench %s takes %s; see --help", name,
                        study->file_max == 2   ? "two files"
                        : study->file_max == 0 ? "no files"
                                               : "files: results");
    tal_buffer csv = {0};
    tal_status status = study->run(run, table, &csv);
    if (status == TAL_OK && tal_run_text(run, "csv") != NULL &&
        tal_comm_rank(tal_run_comm(run)) == 0)
        status = write_csv(tal_run_text(run, "csv"), &csv);
    tal_buffer_deinit(&csv);
    return status;
}

static tal_status run_bench(tal_run *run)
{
    tal_buffer table = {0};
    tal_status status = tal_comm_agree(tal_run_comm(run), run_study(run, &table));
    if (status == TAL_OK)
        (void)fwrite(table.data, 1, table.bytes, stdout); /* main checks when it flushes. */
    tal_buffer_deinit(&table);
    return status;
}

const tal_command tal_command_bench = {
    .name = "bench",
    .arguments = "STUDY [FILE]...",
    .argument_min = 1,
    .argument_max = -1,
    .summary = "measure speed and scaling, and what searches find and E-values are worth",
    .description =
        "'bench scaling' searches simulated proteins in memory, by the same code as 'search', with "
        "1, 2, 4, ... threads, to the number of CPUs and beyond: with the same queries (strong) "
        "and with queries in proportion to the threads (weak). Efficiency compares with one thread "
        "in the same round; with more threads than CPUs it counts CPUs. 'idle' is the share of the "
        "workers' time in which they found no work, 'CPU s' what all threads used: both say more "
        "than "
        "seconds do on a machine that others use too.\n"
        "\n"
        "'bench contention' gives nanoseconds per operation of one thread while all do the same: "
        "one shared counter, counters side by side, padded counters, empty items of work, and the "
        "work-stealing deque with all others stealing.\n"
        "\n"
        "'bench kernels' runs every kernel of every instruction set (of one with --isa) on random "
        "proteins: 10^9 cells a second (GCUPS), median, least and most of the repeats, in "
        "processor time of one thread. 'bound' is what the operations that a cell cannot do "
        "without would allow: their number, by how many of them this machine was measured to do a "
        "second, free of each other, loads and stores, in the same round; looking up scores is not "
        "counted. 'share' is what is reached of it. Where the build found libparasail, the last "
        "column is the ratio to the fastest of its kernels for the same alignments in the same "
        "round. Identity counts positions compared, repeats the 48 states of each "
        "residue, both passes of masking one cell.\n"
        "\n"
        "'bench strong' and 'bench weak', run by all ranks of a job, make whole searches, files "
        "and "
        "result included, on 1, 2, 4, ... ranks up to all of them, while the other ranks sleep: "
        "the same simulated proteins each time (strong; or QUERIES REFERENCES...), or references "
        "in "
        "proportion to the ranks (weak). Efficiency is the rate of cells per rank and thread "
        "against that of one rank, imbalance the longest scoring time over the mean, comm and "
        "wait the shares of the time in which ranks exchange data or wait for one another, I/O "
        "that of files and result. 'bench table RESULT.h5...' makes the same table of results that "
        "are there, in the order given.\n"
        "\n"
        "'bench device' measures the device of [parallel.gpu], whatever use_gpu says, for queries "
        "and references of each length and for those of proteins: the rate with as many batches in "
        "flight as it takes, the share of that time in which it says it worked (busy), work "
        "groups that a multiprocessor holds at once and what share of its threads they are (where "
        "OpenCL does not say, the bound by local memory and no share), the share of copies in the "
        "time of a batch alone, and what it copies. Batches have --query-count queries and "
        "--references references, fewer where these would have more than 2 x 10^11 cells (10^8 on "
        "a device that is the processor itself); a measurement takes at least --sample-us.\n"
        "\n"
        "'bench calibration QUERIES REFERENCES' searches the queries reversed, then shuffled: what "
        "they hit is false. It counts such hits a query at E-values of at most 10, 1, 0.1, 0.01 "
        "and "
        "0.001, and divides by these: 1 is right, more says too much. Rows are ways to mask, to "
        "allow for composition and for what is no kinship. A sequence and its own reversal, mirror "
        "images, do not count.\n"
        "\n"
        "'bench sensitivity DOMAINS CLASSIFICATION' searches protein domains among each other. Of "
        "a "
        "query's hits in order of E-value, up to the first of another fold, it counts those of its "
        "family, of its superfamily but not its family, and of its fold but not its superfamily, "
        "as "
        "shares of all there are; means over the queries that have such members. The "
        "classification has a line for each domain: its name, a blank, "
        "class.fold.superfamily.family "
        "as in SCOPe. bench/rivals runs other programs and both studies.\n"
        "\n"
        "'bench statistics' simulates lambda and K for scorings whose values are published, by "
        "what "
        "search does for scorings without, and shows both.\n"
        "\n"
        "The configuration counts as it does for a search, so that policies can be compared. "
        "Medians need a quiet machine.",
    .examples = "talaria bench scaling\n"
                "talaria bench scaling --long query --max-threads 2 --config static.toml\n"
                "talaria bench contention --csv contention.csv\n"
                "talaria bench device --config gpu.toml --lengths 100,350 --references 200000\n"
                "talaria bench kernels --kernel score-local --isa avx2 --lengths 100,1000\n"
                "srun talaria bench strong --references 200000 --csv strong.csv\n"
                "srun talaria bench weak --references 50000 --folder /scratch/me\n"
                "talaria bench table ranks-1.h5 ranks-2.h5\n"
                "talaria bench calibration proteins.fa references.fa --max-queries 300\n"
                "talaria bench sensitivity domains.fa classes.tsv --hits blastp.m8",
    .options = options,
    .run = run_bench,
};
