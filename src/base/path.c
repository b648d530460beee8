/* Questions about paths; see path.h. */
#include "base/path.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tal_status tal_path_check_readable(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return tal_fail(TAL_ERR_NO_INPUT, "cannot read '%s': it is a directory; name a file", path);
    if (access(path, R_OK) != 0)
        return tal_fail(TAL_ERR_NO_INPUT, "cannot open '%s': %s", path, strerror(errno));
    return TAL_OK;
}
