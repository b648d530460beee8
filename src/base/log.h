/* The log sink: one line per event on standard error. */
#ifndef TAL_BASE_LOG_H
#define TAL_BASE_LOG_H

#include <stdbool.h>

typedef enum tal_log_level {
    TAL_LOG_ERROR = 0,
    TAL_LOG_WARN,
    TAL_LOG_INFO,
    TAL_LOG_DEBUG,
    TAL_LOG_TRACE,
    TAL_LOG_LEVEL_COUNT
} tal_log_level;

/* Show messages up to `level`; `rank` 0 speaks unless `is_every_rank`, then lines name the rank. */
void tal_log_configure(tal_log_level level, int rank, bool is_every_rank);

/* One line: "talaria: [level: ]text". Threads: any. */
void tal_log(tal_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
