/* talaria bench strong, bench weak: whole searches on 1, 2, 4, ... of the ranks; see bench.c.
 *
 * Each step is the command `search` itself, with its files, on a part of the ranks; the others
 * sleep. What it cost is read from its result. Steps go from many ranks to few, so that the peak of
 * memory, which a process keeps, is each step's own while it grows.
 */
#include "app/bench.h"

#include "app/options.h"
#include "app/run.h"
#include "app/team_setup.h"
#include "base/alloc.h"
#include "sim/simulate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_BYTES = 1024, PATH_BYTES = FOLDER_BYTES + 64, WORDS_MAX = 64, OPTION_BYTES = 1024 };
enum { MEAN_LEN = 300, FAMILY_SIZE = 10, SEED_REFERENCES = 11, SEED_QUERIES = 12 };

typedef struct study {
    const tal_run *run;
    tal_comm *comm;
    bool is_weak;
    bool has_files;            /* the user's own */
    char folder[FOLDER_BYTES]; /* of this study alone; "" until it is made */
    char queries[PATH_BYTES], references[PATH_BYTES];
    int counts[TAL_BENCH_STEPS_MAX];
    int count;
    tal_bench_run rows[TAL_BENCH_STEPS_MAX][TAL_BENCH_REPEATS_MAX]; /* of rank 0 */
} study;

/* A folder that nobody else has, made by rank 0. Collective; agreed status. */
static tal_status make_folder(study *self)
{
    tal_status status = TAL_OK;
    if (tal_comm_rank(self->comm) == 0) {
        int len = snprintf(self->folder, FOLDER_BYTES, "%s/talaria-bench-XXXXXX",
                           tal_run_text(self->run, "folder"));
        if (len >= FOLDER_BYTES || mkdtemp(self->folder) == NULL) {
            self->folder[0] = '\0';
            status = tal_fail(TAL_ERR_OUTPUT, "cannot make a folder in '%.200s': %s",
                              tal_run_text(self->run, "folder"),
                              len >= FOLDER_BYTES ? "the name is too long" : strerror(errno));
        }
    }
    status = tal_comm_agree(self->comm, status);
    tal_comm_broadcast(self->comm, self->folder, FOLDER_BYTES, 0);
    (void)snprintf(self->queries, PATH_BYTES, "%s/queries.fasta", self->folder);
    (void)snprintf(self->references, PATH_BYTES, "%s/references.fasta", self->folder);
    return status;
}

static void result_path(const study *self, int ranks, char out_path[PATH_BYTES])
{
    (void)snprintf(out_path, PATH_BYTES, "%s/ranks-%d.h5", self->folder, ranks);
}

/* What is left of a failed search stays, for who wants to know why. Rank 0. */
static void remove_folder(const study *self)
{
    char path[PATH_BYTES];
    if (self->folder[0] == '\0')
        return;
    (void)unlink(self->queries); /* May not be there; the same below. */
    (void)unlink(self->references);
    if (tal_run_flag(self->run, "keep"))
        return;
    for (int step = 0; step < self->count; step++) {
        result_path(self, self->counts[step], path);
        (void)unlink(path);
    }
    (void)rmdir(self->folder);
}

/* Collective; agreed status. */
static tal_status simulate(const study *self, tal_team *team, const char *path, uint64_t seed,
                           uint64_t count)
{
    tal_simulate_summary summary;
    const tal_simulate_params params = {
        .alphabet = TAL_PROTEIN,
        .seed = seed,
        .sequence_count = count,
        .family_count = count < FAMILY_SIZE ? 1 : count / FAMILY_SIZE,
        .mean_len = MEAN_LEN,
        .divergence = 0.5,
        .indel_rate = 0.03,
        .indel_extension = 0.7,
        .path = path,
        .is_forced = true,
    };
    return tal_simulate(self->comm, team, &params, &summary);
}

/* The words of the search: what does not fit into WORDS_MAX is left out. `option_words` and
 * `threads` hold what some of them view. Returns how many. */
static int write_words(const study *self, const char *output, char *option_words, char *threads,
                       size_t bytes, const char **words)
{
    const tal_run *run = self->run;
    const char *config = tal_run_text(run, "config");
    int count = 0;
    if (self->has_files) {
        for (int i = 1; i < tal_run_argument_count(run) && count < WORDS_MAX / 2; i++)
            words[count++] = tal_run_argument(run, i);
    } else {
        words[count++] = self->queries;
        words[count++] = self->references;
    }
    (void)snprintf(threads, bytes, "%d", tal_run_thread_count(run));
    const char *const fixed[] = {"-o",        output,  "--force",
                                 "--quiet",   "--isa", tal_isa_name(tal_run_isa(run)),
                                 "--threads", threads};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        words[count++] = fixed[i];
    if (config != NULL) {
        words[count++] = "--config";
        words[count++] = config;
    }
    char *rest = NULL;
    (void)snprintf(option_words, OPTION_BYTES, "%s", tal_run_text(run, "search-options"));
    for (char *word = strtok_r(option_words, " ", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    return count;
}

/* The command `search` on a part of the ranks. Collective over these; agreed status. */
static tal_status search(const study *self, tal_comm *part, const char *output)
{
    char option_words[OPTION_BYTES];
    char threads[16];
    const char *words[WORDS_MAX];
    int count = write_words(self, output, option_words, threads, sizeof(threads), words);
    tal_options options = {0};
    tal_run *run = NULL;
    tal_status status =
        tal_options_parse(&tal_command_search, count, (char *const *)words, &options);
    status = tal_comm_agree(part, status);
    if (status == TAL_OK)
        status = tal_run_create(part, &options, tal_run_command_line(self->run), &run);
    if (status == TAL_OK)
        status = tal_command_search.run(run);
    tal_run_destroy(run);
    tal_options_deinit(&options);
    return status;
}

/* Collective; agreed status. */
static tal_status run_step(study *self, int step, int repeat)
{
    char output[PATH_BYTES];
    tal_comm *part = NULL;
    tal_status status = tal_comm_create_part(self->comm, self->counts[step], &part);
    if (status != TAL_OK)
        return status;
    result_path(self, self->counts[step], output);
    if (part != NULL)
        status = search(self, part, output);
    tal_comm_destroy(part);
    tal_comm_rest(self->comm);
    if (status == TAL_OK && tal_comm_rank(self->comm) == 0)
        status = tal_bench_run_read(output, &self->rows[step][repeat]);
    return tal_comm_agree(self->comm, status);
}

static tal_status run_steps(study *self, tal_team *team)
{
    uint64_t references = (uint64_t)tal_run_int(self->run, "references");
    tal_status status = TAL_OK;
    if (!self->has_files)
        status = simulate(self, team, self->queries, SEED_QUERIES,
                          (uint64_t)tal_run_int(self->run, "query-count"));
    for (int step = self->count; step-- > 0 && status == TAL_OK;) {
        bool is_first = step == self->count - 1;
        uint64_t factor = self->is_weak ? (uint64_t)self->counts[step] : 1;
        if (!self->has_files && (self->is_weak || is_first))
            status = simulate(self, team, self->references, SEED_REFERENCES, references * factor);
        for (int repeat = 0; repeat < tal_run_int(self->run, "repeats") && status == TAL_OK;
             repeat++)
            status = run_step(self, step, repeat);
    }
    return status;
}

static int compare_seconds(const void *left, const void *right)
{
    const tal_bench_run *a = left;
    const tal_bench_run *b = right;
    return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

/* The run of median time stands for its step. */
static tal_status report(study *self, tal_buffer *table, tal_buffer *csv)
{
    tal_bench_run rows[TAL_BENCH_STEPS_MAX];
    size_t repeats = (size_t)tal_run_int(self->run, "repeats");
    for (int step = 0; step < self->count; step++) {
        qsort(self->rows[step], repeats, sizeof(self->rows[step][0]), compare_seconds);
        rows[step] = self->rows[step][(repeats - 1) / 2];
    }
    tal_status status = tal_buffer_printf(table, "%s scaling, median of %zu\n",
                                          self->is_weak ? "Weak" : "Strong", repeats);
    if (status == TAL_OK && tal_run_flag(self->run, "keep"))
        status = tal_buffer_printf(table, "  results are in '%s'\n", self->folder);
    return status == TAL_OK ? tal_bench_runs_format(rows, self->count, table, csv) : status;
}

static tal_status measure(const tal_run *run, bool is_weak, tal_buffer *table, tal_buffer *csv)
{
    int argument_count = tal_run_argument_count(run);
    if (argument_count == 2)
        return tal_fail(TAL_ERR_USAGE, "bench strong takes QUERIES REFERENCES... or no files");
    study *self = tal_alloc_zero(sizeof(*self));
    tal_comm *comm = tal_run_comm(run);
    tal_status status = tal_comm_agree(comm, self == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK) {
        tal_free(self);
        return status;
    }
    self->run = run;
    self->comm = comm;
    self->is_weak = is_weak;
    self->has_files = argument_count > 1;
    self->count = tal_bench_steps(tal_comm_size(comm), self->counts);
    tal_team *team = NULL;
    status = make_folder(self);
    if (status == TAL_OK)
        status = tal_team_setup(run, &team);
    if (status == TAL_OK)
        status = run_steps(self, team);
    if (tal_comm_rank(comm) == 0) {
        if (status == TAL_OK)
            status = report(self, table, csv);
        remove_folder(self);
    }
    tal_team_destroy(team);
    tal_free(self);
    return status;
}

tal_status tal_bench_strong(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    return measure(run, false, table, csv);
}

tal_status tal_bench_weak(const tal_run *run, tal_buffer *table, tal_buffer *csv)
{
    return measure(run, true, table, csv);
}
