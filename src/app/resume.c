/* Going on after a stop; see resume.h. */
#include "app/resume.h"

#include "base/clock.h"
#include "base/stop.h"
#include "conf/environment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JOB_END_SECONDS = 120 }; /* before the end of a Slurm job: time to stop */

void tal_resume_set_deadline(const tal_run *run, uint64_t start_ns)
{
    double seconds = tal_run_real(run, "max-time");
    const char *job_end = tal_variable_find(TAL_VARIABLE_SLURM_JOB_END_TIME);
    if (seconds > 0) {
        tal_stop_set_deadline(start_ns + (uint64_t)(seconds * 1e9));
    } else if (job_end != NULL) {
        double left = difftime((time_t)strtoll(job_end, NULL, 10), time(NULL)) - JOB_END_SECONDS;
        tal_stop_set_deadline(tal_clock_ns() + (left > 0 ? (uint64_t)(left * 1e9) : 1));
    }
}

tal_status tal_resume_append_values(const tal_result_attribute *list, size_t count,
                                    tal_buffer *text)
{
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++) {
        if (strcmp(list[i].name, "command_line") == 0)
            continue;
        if (list[i].type == TAL_ATTRIBUTE_TEXT)
            status = tal_buffer_printf(text, "%s %s\n", list[i].name, list[i].text);
        else if (list[i].type == TAL_ATTRIBUTE_U64)
            status = tal_buffer_printf(text, "%s %" PRIu64 "\n", list[i].name, list[i].u64);
        else
            status = tal_buffer_printf(text, "%s %.17g\n", list[i].name, list[i].f64);
    }
    return status;
}

tal_status tal_resume_append_input(const tal_matrix *matrix, const tal_set_info *references,
                                   tal_buffer *text)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < references->file_count; i++)
        hash = hash * 31 + references->files[i].hash;
    return tal_buffer_printf(text,
                             "matrix_hash %016" PRIx64 "\nreferences %" PRIu64
                             "\nreference_residues %" PRIu64 "\nreference_hash %016" PRIx64 "\n",
                             tal_matrix_hash(matrix), references->sequence_count,
                             references->residue_count, hash);
}
