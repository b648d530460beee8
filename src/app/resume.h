/* What commands share that go on where they were stopped: when to stop by themselves, and what a
 * job was begun with.
 */
#ifndef TAL_APP_RESUME_H
#define TAL_APP_RESUME_H

#include "app/command.h"
#include "dist/job.h"
#include "score/matrix.h"
#include "seq/load.h"
#include "store/result.h"

/* Ask to stop after --max-time, or two minutes before the end of the Slurm job. */
void tal_resume_set_deadline(const tal_run *run, uint64_t start_ns);

/* Append "name value" lines of a job's parameters: attributes but the command line, since ranks,
 * threads and paths may differ. */
tal_status tal_resume_append_values(const tal_result_attribute *list, size_t count,
                                    tal_buffer *text);

/* The same for what is computed with: the matrix and the references. */
tal_status tal_resume_append_input(const tal_matrix *matrix, const tal_set_info *references,
                                   tal_buffer *text);

#endif
