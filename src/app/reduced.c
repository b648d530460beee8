/* The reduced set of a reduction; see reduced.h. */
#include "app/reduced.h"

#include "base/log.h"
#include "base/resident.h"
#include "store/partial.h"
#include "store/terms.h"

#include <inttypes.h>

/* For k-mers and pairs, when no limit is given. */
#define WORK_BYTES (UINT64_C(4) << 30)

void tal_reduced_limit_memory(const tal_run *run, tal_reduce_params *params)
{
    const bool is_limited = tal_run_is_given(run, "memory");
    params->memory_bytes = is_limited ? (uint64_t)tal_run_int(run, "memory") : 0;
    params->work_bytes = is_limited ? 0 : WORK_BYTES;
    if (is_limited)
        tal_resident_return_early();
}

tal_status tal_reduced_check(const tal_run *run, const char *path, bool is_forced, int first)
{
    tal_status status = tal_partial_check(path, is_forced);
    for (int i = first; i < tal_run_argument_count(run) && status == TAL_OK; i++)
        status = tal_pack_check_input(tal_run_argument(run, i));
    return status;
}

tal_status tal_reduced_write(const tal_run *run, tal_team *team, const tal_reduce_params *params,
                             tal_pack_params pack)
{
    tal_result_attribute attributes[1 + TAL_TERM_COUNT] = {
        {.name = "command_line", .type = TAL_ATTRIBUTE_TEXT, .text = tal_run_command_line(run)}};
    pack.parameter_count = 1 + tal_terms_list(params, attributes + 1);
    pack.parameters = attributes;
    pack.matrix = params->matrix;
    pack.memory_bytes = params->memory_bytes;
    tal_pack_summary summary;
    tal_status status = tal_pack(tal_run_comm(run), team, &pack, &summary);
    if (status == TAL_OK && !tal_run_is_quiet(run))
        tal_log(TAL_LOG_INFO, "'%s': %" PRIu64 " bytes hold %" PRIu64 " bytes", pack.path,
                summary.bytes, summary.text_bytes);
    return status;
}
