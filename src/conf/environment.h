/* The environment variables Talaria reads; nothing else calls getenv. */
#ifndef TAL_CONF_ENVIRONMENT_H
#define TAL_CONF_ENVIRONMENT_H

#include "base/types.h"

typedef enum tal_variable {
    TAL_VARIABLE_CONFIG = 0,
    TAL_VARIABLE_ISA,
    TAL_VARIABLE_SLURM_CPUS_PER_TASK,
    TAL_VARIABLE_OMP_NUM_THREADS,
    TAL_VARIABLE_DEVICE_FAIL,
    TAL_VARIABLE_TILES,
    TAL_VARIABLE_SLURM_JOB_END_TIME,
    TAL_VARIABLE_CACHE,
    TAL_VARIABLE_XDG_CACHE_HOME,
    TAL_VARIABLE_HOME,
    TAL_VARIABLE_COUNT
} tal_variable;

/* "TALARIA_CONFIG" and one sentence of help. */
const char *tal_variable_name(tal_variable variable);
const char *tal_variable_help(tal_variable variable);

/* Its value, or NULL when it is unset or empty. A view of the environment. */
const char *tal_variable_find(tal_variable variable);

#endif
