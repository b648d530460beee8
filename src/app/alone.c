/* A quick start of ranks that need no network; see alone.h.
 *
 * Without a daemon all single ranks of a user would share one session folder of Open MPI 4, and the
 * first that ends would take the others' files away; so each gets a folder to itself.
 */
#include "app/alone.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Its own folder; empty: none was made. */
static char session_folder[4096];

/* By mpirun, or by srun and others through PMIx or PMI. */
static bool is_launched(void)
{
    static const char *const signs[] = {
        "OMPI_COMM_WORLD_SIZE", "PMIX_NAMESPACE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "PMI_FD",
        "SLURM_PMI_FD"};
    for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
        if (getenv(signs[i]) != NULL)
            return true;
    return false;
}

/* Whether the launcher has put all ranks on this node, as far as Open MPI's and Slurm's say. */
static bool is_on_one_node(void)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    const char *node_size = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    if (size != NULL)
        return node_size != NULL && strcmp(size, node_size) == 0;
    const char *nodes = getenv("SLURM_STEP_NUM_NODES");
    return nodes != NULL && strcmp(nodes, "1") == 0;
}

void tal_alone_begin(void)
{
    bool is_alone = !is_launched();
    if (!is_alone && !is_on_one_node())
        return;
    (void)setenv("OMPI_MCA_pml", "ob1", 0);
    /* Open MPI asks for all of a machine's devices, and OpenCL's takes a third of what is left. */
    (void)setenv("HWLOC_COMPONENTS", "-opencl,-gl", 0);
    if (!is_alone)
        return;
    const char *parent = getenv("OMPI_MCA_orte_tmpdir_base");
    if (parent == NULL)
        parent = getenv("TMPDIR");
    int len = snprintf(session_folder, sizeof(session_folder), "%s/talaria-XXXXXX",
                       parent == NULL || *parent == '\0' ? "/tmp" : parent);
    if (len < 0 || (size_t)len >= sizeof(session_folder) || mkdtemp(session_folder) == NULL) {
        session_folder[0] = '\0'; /* With the daemon, then. */
        return;
    }
    (void)setenv("OMPI_MCA_orte_tmpdir_base", session_folder, 1);
    (void)setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
}

void tal_alone_end(void)
{
    if (session_folder[0] != '\0')
        (void)rmdir(session_folder); /* Open MPI has emptied it. */
}
