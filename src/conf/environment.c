/* Environment variables; see environment.h. */
#include "conf/environment.h"

#include <stdlib.h>

static const struct {
    const char *name, *help;
} variables[TAL_VARIABLE_COUNT] = {
    [TAL_VARIABLE_CONFIG] = {"TALARIA_CONFIG",
                             "configuration file, when --config is not given; rank 0's counts"},
    [TAL_VARIABLE_ISA] = {"TALARIA_ISA", "instruction set, when --isa is not given"},
    [TAL_VARIABLE_SLURM_CPUS_PER_TASK] = {"SLURM_CPUS_PER_TASK",
                                          "worker threads of each rank, when neither --threads nor "
                                          "the configuration file sets their number"},
    [TAL_VARIABLE_OMP_NUM_THREADS] = {"OMP_NUM_THREADS",
                                      "likewise, when SLURM_CPUS_PER_TASK is not set; of a list "
                                      "the first number counts"},
    [TAL_VARIABLE_DEVICE_FAIL] = {"TALARIA_DEVICE_FAIL",
                                  "for tests: the batch of this number, from 1, that is given to a "
                                  "device finds the device lost"},
    [TAL_VARIABLE_TILES] = {"TALARIA_TILES",
                            "for tests and comparisons: own keeps ranks from helping others, "
                            "others has them begin with work of the others, slow:R:F makes "
                            "rank R take F times as long; several are separated by commas"},
    [TAL_VARIABLE_SLURM_JOB_END_TIME] = {"SLURM_JOB_END_TIME",
                                         "search stops two minutes before this time (seconds "
                                         "since 1970), unless --max-time is given"},
    [TAL_VARIABLE_CACHE] =
        {"TALARIA_CACHE", "folder where computed statistics of scorings are kept, so that they are "
                          "computed once; results do not depend on it"},
    [TAL_VARIABLE_XDG_CACHE_HOME] = {"XDG_CACHE_HOME",
                                     "when TALARIA_CACHE is not set: its folder talaria"},
    [TAL_VARIABLE_HOME] = {"HOME", "when neither is set: its folder .cache/talaria"},
};

const char *tal_variable_name(tal_variable variable)
{
    return variables[variable].name;
}

const char *tal_variable_help(tal_variable variable)
{
    return variables[variable].help;
}

const char *tal_variable_find(tal_variable variable)
{
    const char *value = getenv(variables[variable].name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}
