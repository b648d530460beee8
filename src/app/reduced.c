/* The reduced set of a reduction; see reduced.h. */
#include "app/reduced.h"

#include "base/log.h"
#include "store/pack.h"
#include "store/partial.h"

#include <inttypes.h>

tal_status tal_reduced_check(const tal_run *run)
{
    tal_status status = tal_partial_check(tal_run_text(run, "output"), tal_run_flag(run, "force"));
    for (int i = 0; i < tal_run_argument_count(run) && status == TAL_OK; i++)
        status = tal_pack_check_input(tal_run_argument(run, i));
    return status;
}

tal_status tal_reduced_write(const tal_run *run, tal_team *team, const tal_seqset *set,
                             const tal_set_info *info, const tal_assignment *assignment,
                             const tal_reduce_params *params)
{
    static const char *const modes[] = {"both", "member", "representative"};
    const tal_result_attribute attributes[] = {
        {.name = "command_line", .type = TAL_ATTRIBUTE_TEXT, .text = tal_run_command_line(run)},
        {.name = "identity", .type = TAL_ATTRIBUTE_U64, .u64 = (uint64_t)params->identity},
        {.name = "coverage", .type = TAL_ATTRIBUTE_U64, .u64 = (uint64_t)params->coverage},
        {.name = "coverage_mode", .type = TAL_ATTRIBUTE_TEXT, .text = modes[params->coverage_mode]},
        {.name = "matrix", .type = TAL_ATTRIBUTE_TEXT, .text = params->matrix->name},
        {.name = "gap_open", .type = TAL_ATTRIBUTE_U64, .u64 = (uint64_t)params->gaps.open},
        {.name = "gap_extend", .type = TAL_ATTRIBUTE_U64, .u64 = (uint64_t)params->gaps.extend},
    };
    const tal_pack_params pack = {
        .path = tal_run_text(run, "output"),
        .is_forced = tal_run_flag(run, "force"),
        .set = set,
        .info = info,
        .assignment = assignment,
        .matrix = params->matrix,
        .parameters = attributes,
        .parameter_count = sizeof(attributes) / sizeof(attributes[0]),
    };
    tal_pack_summary summary;
    tal_status status = tal_pack(tal_run_comm(run), team, &pack, &summary);
    if (status == TAL_OK && !tal_run_is_quiet(run))
        tal_log(TAL_LOG_INFO, "'%s': %" PRIu64 " bytes hold %" PRIu64 " bytes", pack.path,
                summary.bytes, summary.text_bytes);
    return status;
}
