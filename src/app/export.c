/* `talaria export`: a result file as text. Rank 0 does the work, all ranks end alike. */
#include "app/command.h"
#include "app/export_format.h"

#include "store/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the text goes. */
typedef struct target {
    int descriptor;
    const char *name; /* for messages */
} target;

static tal_status write_all(void *context, const void *data, size_t bytes)
{
    const target *out = context;
    const char *at = data;
    while (bytes > 0) {
        ssize_t written = write(out->descriptor, at, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return tal_fail(TAL_ERR_IO, "cannot write '%s': %s", out->name,
                            written < 0 ? strerror(errno) : "nothing was taken");
        at += written;
        bytes -= (size_t)written;
    }
    return TAL_OK;
}

/* The matrix that marks positives, when the result was made with a built-in one. */
static const tal_matrix *find_matrix(const tal_result_reader *reader, tal_matrix *matrix)
{
    char name[sizeof(matrix->name)] = "";
    if (tal_result_alphabet(reader) != TAL_PROTEIN ||
        !tal_result_find_attribute(reader, "parameters", "matrix", name, sizeof(name)) ||
        name[0] == '\0')
        return NULL;
    /* Only names of the list: a file of that name may be another one by now. */
    const char *at = tal_matrix_names();
    size_t bytes = strlen(name);
    for (; *at != '\0'; at += strcspn(at, ", "), at += strspn(at, ", "))
        if (strcspn(at, ", ") == bytes && strncasecmp(at, name, bytes) == 0)
            return tal_matrix_load(name, TAL_PROTEIN, matrix) == TAL_OK ? matrix : NULL;
    return NULL;
}

static tal_status write_text(tal_result_reader *reader, tal_export_params *params, const char *path,
                             const char *name)
{
    target out = {.descriptor = STDOUT_FILENO, .name = name};
    if (path != NULL)
        out.descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (out.descriptor < 0)
        return tal_fail(TAL_ERR_OUTPUT, "cannot write '%s': %s", name, strerror(errno));
    tal_matrix matrix;
    if (params->kind == TAL_EXPORT_PAIRWISE)
        params->matrix = find_matrix(reader, &matrix);
    const tal_export_sink sink = {.write = write_all, .context = &out};
    tal_status status = tal_export_write(reader, params, &sink);
    if (path != NULL && close(out.descriptor) != 0 && status == TAL_OK)
        status = tal_fail(TAL_ERR_IO, "cannot write '%s': %s", name, strerror(errno));
    return status;
}

/* A device or a pipe, which cannot be replaced by renaming. */
static bool is_special(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static tal_status run_export(tal_run *run)
{
    tal_comm *comm = tal_run_comm(run);
    const char *path = tal_run_text(run, "output");
    tal_export_params params = {.kind = (tal_export_kind)tal_run_choice(run, "format"),
                                .columns = tal_run_text(run, "columns")};
    tal_result_reader *reader = NULL;
    tal_partial *partial = NULL;
    tal_status status = TAL_OK;
    bool is_root = tal_comm_rank(comm) == 0;
    if (params.columns != NULL && params.kind != TAL_EXPORT_TSV)
        status = tal_fail(TAL_ERR_USAGE, "--columns belongs to --format tsv");
    if (status == TAL_OK)
        status = tal_export_check(&params);
    if (status == TAL_OK && is_root)
        status = tal_result_open(tal_run_argument(run, 0), &reader);
    if (path != NULL && strcmp(path, "-") == 0)
        path = NULL;
    uint64_t is_plain = path != NULL && is_root && !is_special(path);
    tal_comm_max_u64(comm, &is_plain, 1);
    status = tal_comm_agree(comm, status);
    if (status == TAL_OK && is_plain != 0)
        status = tal_partial_create(comm, path, NULL, tal_run_flag(run, "force"), &partial);
    if (status == TAL_OK) {
        if (is_root)
            status =
                write_text(reader, &params, partial == NULL ? path : tal_partial_temporary(partial),
                           path == NULL ? "standard output" : path);
        status = tal_comm_agree(comm, status);
    }
    tal_result_close(reader);
    if (partial != NULL && status == TAL_OK)
        return tal_partial_commit(partial);
    tal_partial_discard(partial);
    return status;
}

static const tal_option options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = TAL_VALUE_CHOICE,
     .value_name = "NAME",
     .default_text = "m8",
     .choices = TAL_EXPORT_CHOICES,
     .help = "what to write"},
    {.name = "columns",
     .letter = 'c',
     .kind = TAL_VALUE_TEXT,
     .value_name = "NAMES",
     .help = "columns of tsv, separated by commas"},
    {.name = "output",
     .letter = 'o',
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "where to write; standard output by default"},
    {.name = "force", .kind = TAL_VALUE_FLAG, .help = "replace FILE when it exists"},
    {0},
};

const tal_command tal_command_export = {
    .name = "export",
    .arguments = "RESULT",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "write a result file as text that other programs read",
    .description =
        "Writes the hits of RESULT, a file made by 'talaria search', as text. The text depends on\n"
        "the hits alone: the same for any number of ranks, threads and instruction set.\n"
        "\n"
        "m8: the twelve columns of BLAST's tabular output; 'nan' for E-value and bits where the\n"
        "scoring has no statistics; a hit of the minus strand has its reference begin after its\n"
        "end.\n"
        "tsv: a header line and the columns given by --columns: query, reference, score, bits,\n"
        "evalue, identity, columns, identities, mismatches, positives, gap_opens, gap_columns,\n"
        "query_begin, query_end, query_length, ref_begin, ref_end, ref_length, strand, cigar,\n"
        "query_coverage, ref_coverage, query_header, reference_header, query_index,\n"
        "reference_index, representative, representative_index. Positions count from 0, ends are "
        "one past the last.\n"
        "paf: with score (AS), edit distance (NM) and path (cg).\n"
        "sam: the best hit of a query is primary with soft clips, the others secondary with hard\n"
        "clips and without letters; queries without hits are unmapped. Letters of protein queries\n"
        "are amino acids, X for '*'. Bytes that SAM forbids in names become '_'.\n"
        "Of an expanded search paf and sam name the representative through which a hit was found\n"
        "(ZR), json has it as an object; in tsv it is a column.\n"
        "json: one document; bytes of headers that are not UTF-8 become U+0080 to U+00FF.\n"
        "pairwise: alignments in blocks of 60 columns.\n"
        "\n"
        "Sequences without a name are called Query_N and Subject_N, N counting from 1.",
    .examples = "talaria export out.h5 > hits.m8\n"
                "talaria export out.h5 --format tsv --columns query,reference,score,evalue\n"
                "talaria export out.h5 --format sam -o hits.sam",
    .options = options,
    .run = run_export,
};
