/* Questions about paths, asked before a library does, because people need the cause named. */
#ifndef TAL_BASE_PATH_H
#define TAL_BASE_PATH_H

#include "base/status.h"

/* TAL_ERR_NO_INPUT with the cause when `path` is missing, a directory or not readable. Anything
 * else is fine: plain files, pipes, devices. */
tal_status tal_path_check_readable(const char *path);

#endif
