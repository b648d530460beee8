/* Files that appear under their final names only when complete; see output.h. */
#include "sim/output.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char partial_suffix[] = ".partial";

/* Rank 0 looks, so that all ranks see one state of the file system. */
static tal_status check_free(const char *path, bool is_forced)
{
    struct stat info;
    if (path[0] == '\0')
        return tal_fail(TAL_ERR_USAGE, "cannot create an output without a name");
    if (stat(path, &info) != 0)
        return TAL_OK; /* Creating it tells why it cannot be there. */
    if (!S_ISREG(info.st_mode))
        return tal_fail(TAL_ERR_OUTPUT, "cannot create '%s': it exists and is no plain file", path);
    if (!is_forced)
        return tal_fail(TAL_ERR_OUTPUT,
                        "cannot create '%s': it exists; remove it or give '--force'", path);
    return TAL_OK;
}

static void output_deinit(tal_output *output)
{
    tal_free(output->partial_path);
    tal_free(output->path);
    *output = (tal_output){0};
}

tal_status tal_output_open(tal_comm *comm, const char *path, bool is_forced, tal_output *out_output)
{
    tal_status status = TAL_OK;
    if (tal_comm_rank(comm) == 0)
        status = check_free(path, is_forced);
    size_t path_bytes = strlen(path) + 1;
    tal_output output = {
        .path = tal_alloc(path_bytes),
        .partial_path = tal_alloc(path_bytes + sizeof(partial_suffix)),
    };
    if (status == TAL_OK && (output.path == NULL || output.partial_path == NULL))
        status = TAL_ERR_MEMORY;
    status = tal_comm_agree(comm, status);
    if (status != TAL_OK)
        goto done;
    memcpy(output.path, path, path_bytes);
    memcpy(output.partial_path, path, path_bytes - 1);
    memcpy(output.partial_path + path_bytes - 1, partial_suffix, sizeof(partial_suffix));
    status = tal_file_open_write(comm, output.partial_path, &output.file);
    if (status != TAL_OK)
        goto done;
    *out_output = output;
    output = (tal_output){0}; /* Now the caller's. */
done:
    output_deinit(&output);
    return status;
}

tal_status tal_output_finish(tal_comm *comm, tal_output *first, tal_output *second,
                             tal_status status)
{
    tal_output *const outputs[] = {first, second};
    for (int i = 0; i < 2; i++) {
        tal_status closed = tal_file_close(comm, outputs[i]->file);
        status = status == TAL_OK ? closed : status;
    }
    tal_status named = TAL_OK;
    for (int i = 0; i < 2 && tal_comm_rank(comm) == 0; i++) {
        const tal_output *output = outputs[i];
        if (output->path == NULL)
            continue;
        if (status == TAL_OK && named == TAL_OK && rename(output->partial_path, output->path) != 0)
            named = tal_fail(TAL_ERR_OUTPUT, "cannot rename '%s' to '%s': %s", output->partial_path,
                             output->path, strerror(errno));
        if (status != TAL_OK || named != TAL_OK)
            (void)unlink(output->partial_path); /* The failure to report is the first one. */
    }
    named = tal_comm_agree(comm, named);
    output_deinit(second);
    output_deinit(first);
    return status == TAL_OK ? named : status;
}
