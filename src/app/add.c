/* talaria add: more sequences into a reduced set. */
#include "app/command.h"
#include "app/option_rows.h"
#include "app/reduce_plan.h"
#include "app/reduced.h"
#include "app/team_setup.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stop.h"
#include "reduce/reduce.h"
#include "seq/load.h"
#include "store/terms.h"
#include "store/unpack.h"

#include <inttypes.h>

static const tal_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = TAL_VALUE_TEXT,
     .value_name = "FILE",
     .help = "reduced set to make; without it REDUCED is replaced, at once and only when all is "
             "written"},
    {.name = "force", .kind = TAL_VALUE_FLAG, .help = "replace FILE when it exists"},
    TAL_OPTION_TYPE("the new sequences"),
    TAL_OPTION_OPEN_FILES,
    TAL_REDUCED_MEMORY_OPTION,
    {0},
};

typedef struct add_run {
    tal_run *run;
    tal_comm *comm;
    tal_team *team;
    tal_container *base;
    tal_reduce_params params;
    tal_seqset *set; /* the new records, then the old ones */
    tal_set_info info;
    tal_assignment *assignment;
    uint64_t start_ns;
} add_run;

/* Not collective. */
static tal_status open_base(add_run *self)
{
    tal_run *run = self->run;
    const char *path = tal_run_text(run, "output");
    tal_status status = path == NULL ? tal_reduced_check(run, tal_run_argument(run, 0), true, 1)
                                     : tal_reduced_check(run, path, tal_run_flag(run, "force"), 1);
    if (status == TAL_OK)
        status = tal_container_open(tal_run_argument(run, 0), &self->base);
    if (status == TAL_OK)
        status = tal_terms_read(self->base, &self->params);
    self->params.isa = tal_run_isa(run);
    tal_reduced_limit_memory(run, &self->params);
    return status;
}

/* Load the new files, or only count them for a plan. Collective; agreed status. */
static tal_status read_new(add_run *self, tal_reduce_needs *needs, bool *out_is_counted)
{
    const int count = tal_run_argument_count(self->run) - 1;
    const char **paths = tal_alloc_array((size_t)count, sizeof(*paths));
    tal_status status = tal_comm_agree(self->comm, paths == NULL ? TAL_ERR_MEMORY : TAL_OK);
    if (status != TAL_OK)
        return status;
    for (int i = 0; i < count; i++)
        paths[i] = tal_run_argument(self->run, i + 1);
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

/* Where a limit is to be kept, see what the old and the new records need. Collective; agreed
 * status. */
static tal_status plan(add_run *self)
{
    tal_reduce_needs needs = {
        .sequence_count = tal_container_count(self->base, TAL_BLOCKS_TEXT),
        .residue_count = tal_container_amount(self->base, TAL_BLOCKS_REPRESENTATIVES) +
                         tal_container_amount(self->base, TAL_BLOCKS_MEMBERS),
        .rank_count = (uint64_t)tal_comm_size(self->comm),
        .thread_count = tal_team_size(self->team),
        .has_set = true,
    };
    bool is_counted = false;
    if (self->params.memory_bytes == 0)
        return TAL_OK;
    tal_status status = read_new(self, &needs, &is_counted);
    return status == TAL_OK && is_counted ? tal_reduce_plan_check(&needs, &self->params) : status;
}

/* The new records, numbered behind the old ones. Collective; agreed status. */
static tal_status load_new(add_run *self)
{
    tal_status status = read_new(self, NULL, NULL);
    if (status == TAL_OK && self->info.alphabet != tal_container_alphabet(self->base))
        status = tal_fail(TAL_ERR_DATA,
                          "cannot add '%s' to '%s': its sequences are %ss, those of the set are "
                          "%ss; give '--type' if that is not so",
                          tal_run_argument(self->run, 1), tal_container_path(self->base),
                          tal_alphabet_name(self->info.alphabet),
                          tal_alphabet_name(tal_container_alphabet(self->base)));
    const uint64_t known = tal_container_count(self->base, TAL_BLOCKS_TEXT);
    for (tal_lid lid = 0; status == TAL_OK && lid < tal_seqset_count(self->set); lid++)
        tal_seqset_set_gid(self->set, lid, known + tal_seqset_gid(self->set, lid));
    return status;
}

/* The old records and their assignment. Collective; agreed status. */
static tal_status load_old(add_run *self)
{
    tal_unpacker *unpacker = NULL;
    tal_status status = tal_unpacker_create(self->comm, self->team, self->base, &unpacker);
    if (status == TAL_OK)
        status = tal_unpack_set(unpacker, self->params.gaps, self->set, &self->params.known);
    self->params.known_count = tal_container_count(self->base, TAL_BLOCKS_TEXT);
    tal_unpacker_destroy(unpacker);
    return status;
}

/* Collective. */
static void report(const add_run *self)
{
    uint64_t counts[3] = {0}; /* members of old ones, of new ones, representatives */
    for (tal_lid lid = 0; lid < tal_seqset_count(self->set); lid++) {
        const tal_gid gid = tal_seqset_gid(self->set, lid);
        const tal_gid by = tal_assignment_get(self->assignment, lid).representative;
        if (gid >= self->params.known_count)
            counts[by == gid ? 2 : by >= self->params.known_count]++;
    }
    tal_comm_sum_u64(self->comm, counts, 3);
    if (!tal_run_is_quiet(self->run))
        tal_log(TAL_LOG_INFO,
                "%" PRIu64 " sequences added to %" PRIu64 ": %" PRIu64
                " with representatives that were there, %" PRIu64
                " new representatives with %" PRIu64 " more; %.2f s",
                counts[0] + counts[1] + counts[2], self->params.known_count, counts[0], counts[2],
                counts[1], (double)(tal_clock_ns() - self->start_ns) * 1e-9);
}

/* Collective; agreed status. */
static tal_status write_set(add_run *self)
{
    const char *path = tal_run_text(self->run, "output");
    tal_status status = tal_comm_agree(self->comm, tal_pack_join_info(self->base, &self->info));
    const tal_pack_params pack = {
        .path = path == NULL ? tal_run_argument(self->run, 0) : path,
        .is_forced = path == NULL || tal_run_flag(self->run, "force"),
        .set = self->set,
        .info = &self->info,
        .assignment = self->assignment,
        .base = self->base,
    };
    return status == TAL_OK ? tal_reduced_write(self->run, self->team, &self->params, pack)
                            : status;
}

static tal_status run_add(tal_run *run)
{
    add_run self = {.run = run, .comm = tal_run_comm(run), .start_ns = tal_clock_ns()};
    tal_reduce_summary summary;
    tal_stop_install(false);
    tal_status status = tal_comm_agree(self.comm, open_base(&self));
    if (status == TAL_OK)
        status = tal_team_setup(run, &self.team);
    if (status == TAL_OK)
        status = plan(&self);
    if (status == TAL_OK)
        status = load_new(&self);
    if (status == TAL_OK)
        status = load_old(&self);
    if (status == TAL_OK)
        status =
            tal_reduce(self.comm, self.team, self.set, &self.params, &self.assignment, &summary);
    if (status == TAL_OK)
        status = write_set(&self);
    if (status == TAL_OK)
        report(&self);
    tal_assignment_destroy(self.params.known); /* The assignment, when there is one. */
    tal_team_destroy(self.team);
    tal_seqset_destroy(self.set);
    tal_set_info_deinit(&self.info);
    tal_container_close(self.base);
    return status;
}

const tal_command tal_command_add = {
    .name = "add",
    .arguments = "REDUCED NEW...",
    .argument_min = 2,
    .argument_max = -1,
    .summary = "more sequences into a reduced set, with nothing reassigned",
    .description =
        "Adds the sequences of NEW to REDUCED, a file made by 'talaria reduce -o' or 'talaria "
        "add'. What was assigned stays as it is. Each new sequence that is not there yet is "
        "compared with the representatives; the first that passes, in the order that 'talaria "
        "reduce' tries them, stands for it. Those without one are reduced among themselves and "
        "add representatives. The thresholds, scores and, for E-values, the size of the database "
        "are those that REDUCED was made with.\n"
        "\n"
        "The new files come after the old ones: 'talaria reconstruct' gives all of them back byte "
        "for byte, each by '--input N'. The result is the same for any number of ranks and "
        "threads and any order of the records of NEW. All of the set is held in memory.",
    .examples = "talaria add reduced.h5 new.faa -o bigger.h5\n"
                "mpirun -n 4 talaria add reduced.h5 today.faa.gz",
    .options = options,
    .run = run_add,
};
