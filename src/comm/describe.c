/* What people want to know about the ranks; see describe.h. */
#include "comm/describe.h"

#include "base/alloc.h"
#include "base/check.h"
#include "comm/comm_internal.h"

#include <mpi.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void tal_comm_library_version(char *out_text, size_t bytes)
{
    char name[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int len = 0;
    int major = 0;
    int minor = 0;
    MPI_Get_library_version(name, &len);
    MPI_Get_version(&major, &minor);
    name[strcspn(name, ",\n")] = '\0'; /* What follows is the library's build. */
    (void)snprintf(out_text, bytes, "%s (MPI %d.%d)", name, major, minor); /* May truncate. */
}

/* Turn the counts of all ranks into offsets; returns their sum. */
static int begin_of_each(const int *counts, int *begins, int size)
{
    int64_t sum = 0;
    for (int rank = 0; rank < size; rank++) {
        begins[rank] = (int)sum;
        sum += counts[rank];
        TAL_ASSERT(sum <= INT_MAX); /* Half a million ranks of the longest texts. */
    }
    return (int)sum;
}

tal_status tal_comm_gather_text(tal_comm *comm, const char *text, tal_buffer *texts)
{
    bool is_root = tal_comm_rank(comm) == 0;
    int size = tal_comm_size(comm);
    char mine[TAL_GATHER_TEXT_BYTES_MAX];
    (void)snprintf(mine, sizeof(mine), "%s", text); /* May truncate, as promised. */
    int count = (int)strlen(mine) + 1;

    int *counts = is_root ? tal_alloc_array((size_t)size, sizeof(*counts)) : NULL;
    int *begins = is_root ? tal_alloc_array((size_t)size, sizeof(*begins)) : NULL;
    bool has_memory = !is_root || (counts != NULL && begins != NULL);
    tal_status status = tal_comm_agree(comm, has_memory ? TAL_OK : TAL_ERR_MEMORY);
    if (status != TAL_OK)
        goto done;
    MPI_Comm world = tal_comm_world(comm);
    MPI_Gather(&count, 1, MPI_INT, counts, 1, MPI_INT, 0, world);
    int total = is_root ? begin_of_each(counts, begins, size) : 0;
    status = tal_comm_agree(comm, tal_buffer_reserve(texts, (size_t)total));
    if (status != TAL_OK)
        goto done;
    uint8_t *target = is_root ? texts->data + texts->bytes : NULL;
    MPI_Gatherv(mine, count, MPI_CHAR, target, counts, begins, MPI_CHAR, 0, world);
    texts->bytes += (size_t)total;
done:
    tal_free(begins);
    tal_free(counts);
    return status;
}
