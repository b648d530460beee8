/* Simulated families: the files. Run with 1, 2, 3, 4 ranks. */
#include "ranks.h"
#include "team_of.h"

#include "base/alloc.h"
#include "sim/simulate.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static tal_simulate_params small_params(const char *path, const char *truth_path)
{
    return (tal_simulate_params){
        .alphabet = TAL_PROTEIN,
        .seed = 42,
        .sequence_count = 3000,
        .family_count = 300,
        .mean_len = 120,
        .divergence = 0.5,
        .indel_rate = 0.03,
        .indel_extension = 0.7,
        .path = path,
        .truth_path = truth_path,
        .is_forced = true,
    };
}

static tal_status simulate(ranks_test *test, int thread_count, const tal_simulate_params *params,
                           tal_simulate_summary *out_summary)
{
    tal_team *team = NULL;
    tal_status status = team_of(thread_count, &team);
    RANKS_CHECK(test, status == TAL_OK);
    status = tal_simulate(test->comm, team, params, out_summary);
    tal_team_destroy(team);
    return status;
}

/* A whole file as text ended by NUL; NULL when it cannot be read. */
static char *read_text(const char *path, size_t *out_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    (void)fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    char *text = tal_alloc(bytes + 1);
    if (text != NULL)
        *out_bytes = fread(text, 1, bytes, file);
    if (text != NULL)
        text[*out_bytes] = '\0';
    (void)fclose(file);
    return text;
}

static uint64_t hash_file(const char *path)
{
    size_t bytes = 0;
    char *text = read_text(path, &bytes);
    uint64_t hash = text == NULL ? 0 : XXH3_64bits(text, bytes);
    tal_free(text);
    return hash;
}

static bool exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* What the bytes must be, whatever the ranks, threads, compiler: a change of the model, the random
 * streams or the format shows here and must be meant. */
typedef struct known_case {
    tal_alphabet alphabet;
    uint64_t sequence_count, family_count, mean_len;
    uint64_t fasta_hash, truth_hash;
} known_case;

static const known_case known_cases[] = {
    {TAL_PROTEIN, 3000, 300, 120, UINT64_C(0xd4ba0b028254831b), UINT64_C(0x8c8fea2558c2371c)},
    {TAL_NUCLEOTIDE, 500, 20, 900, UINT64_C(0xde4af4f82a10500d), UINT64_C(0xc44305ea8fe64d2c)},
    {TAL_PROTEIN, 20000, 1, 60, UINT64_C(0x46a37b85110d8e31),
     UINT64_C(0xc2c2e1ec9cece5d3)}, /* one family, in many items */
    {TAL_PROTEIN, 300000, 1000, 30, UINT64_C(0x2b20765255c96bc4),
     UINT64_C(0xf7b5176367eae3e8)}, /* more than one round at one rank */
    {TAL_NUCLEOTIDE, 3, 3, 200000, UINT64_C(0xfff0d690f4bdb8d9),
     UINT64_C(0x2de067535cf0a7b3)}, /* fewer items than ranks, one sequence each */
    {TAL_PROTEIN, 1, 1, 30, UINT64_C(0xe45d4e09a7c91cb5),
     UINT64_C(0x4f7e5c9215f5bf25)}, /* the least */
};

static void files_have_the_same_bytes_for_any_ranks_and_threads(ranks_test *test)
{
    char path[RANKS_PATH_BYTES], truth_path[RANKS_PATH_BYTES];
    ranks_path(test, "known.fa", path);
    ranks_path(test, "known.tsv", truth_path);
    for (size_t i = 0; i < sizeof(known_cases) / sizeof(known_cases[0]); i++)
        for (int thread_count = 1; thread_count <= 2; thread_count++) {
            const known_case *known = &known_cases[i];
            tal_simulate_params params = small_params(path, truth_path);
            params.alphabet = known->alphabet;
            params.sequence_count = known->sequence_count;
            params.family_count = known->family_count;
            params.mean_len = known->mean_len;
            tal_simulate_summary summary;
            RANKS_CHECK(test, simulate(test, thread_count, &params, &summary) == TAL_OK);
            if (test->rank != 0)
                continue;
            uint64_t fasta_hash = hash_file(path);
            uint64_t truth_hash = hash_file(truth_path);
            RANKS_CHECK(test, fasta_hash == known->fasta_hash);
            RANKS_CHECK(test, truth_hash == known->truth_hash);
            if (fasta_hash != known->fasta_hash || truth_hash != known->truth_hash)
                printf("case %zu: 0x%016" PRIx64 ", 0x%016" PRIx64 "\n", i, fasta_hash, truth_hash);
        }
}

static void mean_len_is_what_was_asked_for(ranks_test *test)
{
    char path[RANKS_PATH_BYTES];
    ranks_path(test, "mean.fa", path);
    static const uint64_t families[] = {1, 10, 20000};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        tal_simulate_params params = small_params(path, NULL);
        params.sequence_count = 20000;
        params.family_count = families[i];
        tal_simulate_summary summary = {0};
        RANKS_CHECK(test, simulate(test, 1, &params, &summary) == TAL_OK);
        double mean = (double)summary.residue_count / (double)summary.sequence_count;
        RANKS_CHECK(test, fabs(mean - 120.0) < 0.05 * 120.0);
        RANKS_CHECK(test, summary.len_min >= TAL_SIMULATE_LEN_MIN);
        RANKS_CHECK(test, summary.len_max <= 120 * TAL_SIMULATE_LEN_FACTOR);
    }
}

/* One record of both files, as read back. */
typedef struct record {
    char *letters;
    size_t len;
    uint64_t family, member, parent; /* parent: index, UINT64_MAX for none */
} record;

static void check_fasta(ranks_test *test, char *text, uint64_t count, record *records)
{
    char *cursor = text;
    uint64_t wrong_count = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t sequence = 0;
        char parent[32] = "";
        double distance = -1.0;
        record *entry = &records[i];
        int fields =
            sscanf(cursor,
                   ">s%" SCNu64 " family=%" SCNu64 " member=%" SCNu64 " parent=%31s distance=%lf\n",
                   &sequence, &entry->family, &entry->member, parent, &distance);
        entry->parent = parent[0] == '-' ? UINT64_MAX : strtoull(parent + 1, NULL, 10) - 1;
        wrong_count += fields != 5 || sequence != i + 1 || distance < 0.0;
        char *line = strchr(cursor, '\n');
        if (line == NULL)
            break;
        /* Join the lines in place. */
        entry->letters = ++line;
        while (*line != '>' && *line != '\0') {
            size_t len = strcspn(line, "\n");
            bool is_last = line[len + 1] == '>' || line[len + 1] == '\0';
            wrong_count += len == 0 || len > 60 || (len < 60 && !is_last);
            memmove(entry->letters + entry->len, line, len);
            entry->len += len;
            line += len + 1;
        }
        wrong_count += entry->len < TAL_SIMULATE_LEN_MIN;
        wrong_count += strspn(entry->letters, "ACDEFGHIKLMNPQRSTVWY") < entry->len;
        cursor = line;
    }
    RANKS_CHECK(test, *cursor == '\0');
    RANKS_CHECK(test, wrong_count == 0);
}

/* A row against its record and its parent's; 1 when something is wrong. */
static uint64_t check_row(const char *row, uint64_t idx, const record *records,
                          uint64_t *differing_rows)
{
    uint64_t sequence, family, member, len, substitutions, differences;
    uint64_t insertions, inserted, deletions, deleted;
    char parent[32];
    double branch_len, distance;
    int fields =
        sscanf(row,
               "s%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%31s\t%" SCNu64 "\t%lf\t%lf"
               "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\n",
               &sequence, &family, &member, parent, &len, &branch_len, &distance, &substitutions,
               &differences, &insertions, &inserted, &deletions, &deleted);
    const record *mine = &records[idx];
    uint64_t parent_idx = parent[0] == '-' ? UINT64_MAX : strtoull(parent + 1, NULL, 10) - 1;
    if (fields != 13 || sequence != idx + 1 || family != mine->family || member != mine->member ||
        len != mine->len || parent_idx != mine->parent)
        return 1;
    if (insertions > inserted || deletions > deleted || differences > substitutions)
        return 1;
    if (parent_idx == UINT64_MAX)
        return member != 1 || substitutions + inserted + deleted != 0;
    const record *old = &records[parent_idx];
    if (parent_idx >= idx || old->family != family || old->len + inserted - deleted != len)
        return 1;
    if (inserted + deleted > 0)
        return 0;
    uint64_t counted = 0;
    for (size_t i = 0; i < len; i++)
        counted += mine->letters[i] != old->letters[i];
    *differing_rows += counted > 0;
    return counted != differences;
}

static void truth_table_agrees_with_the_sequences(ranks_test *test)
{
    char path[RANKS_PATH_BYTES], truth_path[RANKS_PATH_BYTES];
    ranks_path(test, "truth.fa", path);
    ranks_path(test, "truth.tsv", truth_path);
    tal_simulate_params params = small_params(path, truth_path);
    tal_simulate_summary summary = {0};
    RANKS_CHECK(test, simulate(test, 2, &params, &summary) == TAL_OK);
    if (test->rank != 0)
        return;
    size_t fasta_bytes = 0;
    size_t truth_bytes = 0;
    char *fasta = read_text(path, &fasta_bytes);
    char *truth = read_text(truth_path, &truth_bytes);
    record *records = tal_alloc_zero(params.sequence_count * sizeof(*records));
    RANKS_CHECK(test, fasta_bytes == summary.fasta_bytes);
    RANKS_CHECK(test, truth_bytes == summary.truth_bytes);
    check_fasta(test, fasta, params.sequence_count, records);
    const char *row = strchr(truth, '\n') + 1; /* After the names of the columns. */
    uint64_t wrong_count = 0;
    uint64_t differing_rows = 0;
    uint64_t residues = 0;
    for (uint64_t i = 0; i < params.sequence_count; i++) {
        wrong_count += check_row(row, i, records, &differing_rows);
        residues += records[i].len;
        row = strchr(row, '\n') + 1;
    }
    RANKS_CHECK(test, *row == '\0');
    RANKS_CHECK(test, wrong_count == 0);
    RANKS_CHECK(test, differing_rows > 100);
    RANKS_CHECK(test, residues == summary.residue_count);
    RANKS_CHECK(test, records[params.sequence_count - 1].family == params.family_count);
    tal_free(records);
    tal_free(truth);
    tal_free(fasta);
}

static void existing_file_is_kept_unless_forced(ranks_test *test)
{
    char path[RANKS_PATH_BYTES], truth_path[RANKS_PATH_BYTES], partial[RANKS_PATH_BYTES];
    ranks_path(test, "kept.fa", path);
    ranks_path(test, "kept.tsv", truth_path);
    ranks_path(test, "kept.fa.partial", partial);
    if (test->rank == 0) {
        FILE *file = fopen(truth_path, "w");
        (void)fputs("mine", file);
        (void)fclose(file);
    }
    tal_comm_barrier(test->comm);
    tal_simulate_params params = small_params(path, truth_path);
    params.is_forced = false;
    tal_simulate_summary summary;
    RANKS_CHECK(test, simulate(test, 1, &params, &summary) == TAL_ERR_OUTPUT);
    RANKS_CHECK(test, strstr(tal_status_message(), truth_path) != NULL);
    RANKS_CHECK(test, strstr(tal_status_message(), "--force") != NULL);
    RANKS_CHECK(test, !exists(path) && !exists(partial));
    RANKS_CHECK(test, hash_file(truth_path) == XXH3_64bits("mine", 4));
    tal_comm_barrier(test->comm);
    tal_status_clear();
    params.is_forced = true;
    RANKS_CHECK(test, simulate(test, 1, &params, &summary) == TAL_OK);
    RANKS_CHECK(test, exists(path) && !exists(partial));
    RANKS_CHECK(test, hash_file(truth_path) != XXH3_64bits("mine", 4));
}

static void impossible_outputs_are_refused(ranks_test *test)
{
    char path[RANKS_PATH_BYTES];
    tal_simulate_summary summary;
    tal_simulate_params params = small_params(test->folder, NULL);
    RANKS_CHECK(test, simulate(test, 1, &params, &summary) == TAL_ERR_OUTPUT);
    RANKS_CHECK(test, strstr(tal_status_message(), "no plain file") != NULL);
    tal_status_clear();
    ranks_path(test, "no-such-folder/a.fa", path);
    params.path = path;
    RANKS_CHECK(test, simulate(test, 1, &params, &summary) == TAL_ERR_OUTPUT);
    RANKS_CHECK(test, strstr(tal_status_message(), path) != NULL);
}

static void check_refused(ranks_test *test, const tal_simulate_params *params, const char *word)
{
    tal_status_clear();
    tal_simulate_summary summary;
    RANKS_CHECK(test, simulate(test, 1, params, &summary) == TAL_ERR_USAGE);
    RANKS_CHECK(test, strstr(tal_status_message(), word) != NULL);
    RANKS_CHECK(test, !exists(params->path));
    tal_comm_barrier(test->comm);
}

static void parameters_out_of_range_are_refused(ranks_test *test)
{
    char path[RANKS_PATH_BYTES];
    ranks_path(test, "refused.fa", path);
    const tal_simulate_params good = small_params(path, NULL);
    tal_simulate_params params = good;
    params.family_count = params.sequence_count + 1;
    check_refused(test, &params, "families");
    params.family_count = 0;
    check_refused(test, &params, "families");
    params = good;
    params.sequence_count = 0;
    check_refused(test, &params, "sequences");
    params.sequence_count = TAL_SIMULATE_SEQUENCES_MAX + 1;
    check_refused(test, &params, "sequences");
    params = good;
    params.mean_len = TAL_SIMULATE_LEN_MIN - 1;
    check_refused(test, &params, "length");
    params.mean_len = TAL_SIMULATE_MEAN_LEN_MAX + 1;
    check_refused(test, &params, "length");
    params = good;
    params.divergence = -0.1;
    check_refused(test, &params, "divergence");
    params.divergence = (double)NAN;
    check_refused(test, &params, "divergence");
    params = good;
    params.indel_rate = 1.1;
    check_refused(test, &params, "indel rate");
    params = good;
    params.indel_extension = 1.0;
    check_refused(test, &params, "indel extension");
    params = good;
    params.truth_path = params.path;
    check_refused(test, &params, "one file");
}

/* A limit on the size of files stands for a full disk. */
static void full_disk_leaves_nothing_behind(ranks_test *test)
{
    char path[RANKS_PATH_BYTES], truth_path[RANKS_PATH_BYTES], partial[RANKS_PATH_BYTES];
    ranks_path(test, "full.fa", path);
    ranks_path(test, "full.tsv", truth_path);
    ranks_path(test, "full.fa.partial", partial);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit old;
    RANKS_CHECK(test, getrlimit(RLIMIT_FSIZE, &old) == 0);
    struct rlimit low = {.rlim_cur = 100000, .rlim_max = old.rlim_max};
    RANKS_CHECK(test, setrlimit(RLIMIT_FSIZE, &low) == 0);
    tal_simulate_params params = small_params(path, truth_path);
    tal_simulate_summary summary;
    RANKS_CHECK(test, simulate(test, 1, &params, &summary) == TAL_ERR_IO);
    RANKS_CHECK(test, strstr(tal_status_message(), path) != NULL);
    RANKS_CHECK(test, !exists(path) && !exists(truth_path) && !exists(partial));
    RANKS_CHECK(test, setrlimit(RLIMIT_FSIZE, &old) == 0);
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, files_have_the_same_bytes_for_any_ranks_and_threads);
    RANKS_RUN(&test, mean_len_is_what_was_asked_for);
    RANKS_RUN(&test, truth_table_agrees_with_the_sequences);
    RANKS_RUN(&test, existing_file_is_kept_unless_forced);
    RANKS_RUN(&test, impossible_outputs_are_refused);
    RANKS_RUN(&test, parameters_out_of_range_are_refused);
    RANKS_RUN(&test, full_disk_leaves_nothing_behind);
    return ranks_end(&test);
}
