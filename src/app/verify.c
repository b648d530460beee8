/* talaria verify: every hash and every certificate of a reduced set. */
#include "app/command.h"
#include "app/team_setup.h"
#include "base/log.h"
#include "store/unpack.h"

#include <inttypes.h>
#include <stdio.h>

static const tal_option options[] = {{0}};

/* Rank 0 prints the faults; the first is the message of the failure. */
static tal_status report(tal_run *run, const tal_buffer *faults, const tal_check_summary *summary)
{
    const bool is_root = tal_comm_rank(tal_run_comm(run)) == 0;
    if (is_root)
        (void)!fwrite(faults->data, 1, faults->bytes, stdout); /* The exit code says it too. */
    if (summary->fault_count > 0)
        return tal_fail(TAL_ERR_DATA, "'%s' is damaged: %" PRIu64 " faults, in the list above",
                        tal_run_argument(run, 0), summary->fault_count);
    if (!tal_run_is_quiet(run))
        tal_log(TAL_LOG_INFO,
                "'%s' is sound: %" PRIu64 " blocks, %" PRIu64 " certificates, %" PRIu64 " files",
                tal_run_argument(run, 0), summary->block_count, summary->certificate_count,
                summary->file_count);
    return TAL_OK;
}

static tal_status run_verify(tal_run *run)
{
    tal_comm *comm = tal_run_comm(run);
    tal_container *container = NULL;
    tal_unpacker *unpacker = NULL;
    tal_team *team = NULL;
    tal_buffer faults = {0};
    tal_check_summary summary = {0};
    tal_status status =
        tal_comm_agree(comm, tal_container_open(tal_run_argument(run, 0), &container));
    if (status == TAL_OK)
        status = tal_team_setup(run, &team);
    if (status == TAL_OK)
        status = tal_unpacker_create(comm, team, container, &unpacker);
    if (status == TAL_OK)
        status = tal_unpack_check(unpacker, &faults, &summary);
    if (status == TAL_OK)
        status = report(run, &faults, &summary);
    tal_unpacker_destroy(unpacker);
    tal_team_destroy(team);
    tal_container_close(container);
    tal_buffer_deinit(&faults);
    return status;
}

const tal_command tal_command_verify = {
    .name = "verify",
    .arguments = "REDUCED",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "check every hash and every certificate of a reduced set",
    .description =
        "Unpacks all of REDUCED, a file made by 'talaria reduce -o', and recomputes what it "
        "claims: "
        "for every member, from its edits and residues, identical positions, columns, spans and "
        "score of its alignment with its representative, and whether they meet the thresholds; for "
        "every block and file the hash. Faults are printed, one a line, each with the block or the "
        "record it is in.",
    .examples = "talaria verify reduced.h5\n"
                "mpirun -n 4 talaria verify reduced.h5",
    .options = options,
    .run = run_verify,
};
