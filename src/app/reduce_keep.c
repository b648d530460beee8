/* The state of a reduction in a job; see reduce_keep.h. */
#include "app/reduce_keep.h"

#include "app/resume.h"
#include "base/log.h"
#include "store/terms.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* How often a long round is kept. */
#define KEEP_INTERVAL_NS UINT64_C(30000000000)

bool tal_reduce_keep_exists(const char *output)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof(path), "%s.job/journal", output) < PATH_MAX &&
           access(path, F_OK) == 0;
}

tal_status tal_reduce_keep_open(tal_run *run, const char *output, tal_reduce_keep *keep)
{
    *keep = (tal_reduce_keep){.is_quiet = tal_run_is_quiet(run)};
    return tal_job_open(tal_run_comm(run), output, &keep->job);
}

static tal_status keep_state(void *context, const uint64_t *numbers, size_t count,
                             const tal_buffer *bytes)
{
    const tal_reduce_keep *keep = context;
    return tal_job_keep_state(keep->job, numbers, count, bytes);
}

static tal_status find_state(void *context, uint64_t *out_numbers, size_t count,
                             tal_buffer *out_bytes, bool *out_is_found)
{
    const tal_reduce_keep *keep = context;
    tal_status status = tal_job_find_state(keep->job, out_numbers, count, out_bytes, out_is_found);
    if (status == TAL_OK && *out_is_found && !keep->is_quiet)
        tal_log(TAL_LOG_INFO, "going on with '%s': what was found is kept",
                tal_job_folder(keep->job));
    return status;
}

tal_status tal_reduce_keep_begin(tal_run *run, const tal_reduce_params *params,
                                 const tal_set_info *info, tal_reduce_keep *keep)
{
    tal_result_attribute list[TAL_TERM_COUNT];
    tal_buffer text = {0};
    tal_status status = tal_buffer_append_text(&text, "program talaria " TAL_VERSION "\n");
    if (status == TAL_OK)
        status = tal_resume_append_values(list, tal_terms_list(params, list), &text);
    if (status == TAL_OK)
        status = tal_resume_append_input(params->matrix, info, &text);
    if (status == TAL_OK)
        status = tal_buffer_printf(&text, "target_ratio %d\nresidual_sample %llu of %llu\n",
                                   params->target, (unsigned long long)params->residual_sample,
                                   (unsigned long long)params->residual_cells);
    if (status == TAL_OK)
        status = tal_buffer_append(&text, "", 1);
    status = tal_comm_agree(tal_run_comm(run), status);
    if (status == TAL_OK)
        status = tal_job_begin(keep->job, (const char *)text.data, info->alphabet,
                               tal_run_flag(run, "force"));
    tal_buffer_deinit(&text);
    keep->keeper = (tal_reduce_keeper){
        .context = keep, .interval_ns = KEEP_INTERVAL_NS, .keep = keep_state, .find = find_state};
    return status;
}
