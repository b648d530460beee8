/* Files that appear under their final names only when complete. */
#ifndef TAL_SIM_OUTPUT_H
#define TAL_SIM_OUTPUT_H

#include "comm/comm.h"
#include "comm/file.h"

/* All zero: nothing is open. */
typedef struct tal_output {
    tal_file *file; /* written to under partial_path */
    char *path, *partial_path;
} tal_output;

/* Create PATH.partial for writing. A PATH that exists is refused unless `is_forced`, and one that
 * is no plain file always. Collective; agreed status: TAL_ERR_OUTPUT with the cause. */
tal_status tal_output_open(tal_comm *comm, const char *path, bool is_forced,
                           tal_output *out_output);

/* Close both; if `status` is TAL_OK and closing went well, give them their final names, otherwise
 * remove what was written. Either may be all zero. Collective; agreed status, the first failure. */
tal_status tal_output_finish(tal_comm *comm, tal_output *first, tal_output *second,
                             tal_status status);

#endif
