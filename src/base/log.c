/* The log sink; see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 2048 };

static struct {
    tal_log_level level;
    int rank;
    bool is_every_rank;
} sink = {.level = TAL_LOG_INFO};

void tal_log_configure(tal_log_level level, int rank, bool is_every_rank)
{
    sink.level = level;
    sink.rank = rank;
    sink.is_every_rank = is_every_rank;
}

void tal_log(tal_log_level level, const char *format, ...)
{
    static const char *const prefixes[TAL_LOG_LEVEL_COUNT] = {"error: ", "warning: ", "",
                                                              "debug: ", "trace: "};
    if (level > sink.level || (sink.rank != 0 && !sink.is_every_rank))
        return;
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* May truncate. */
    va_end(arguments);
    if (sink.is_every_rank)
        (void)fprintf(stderr, "talaria[%d]: %s%s\n", sink.rank, prefixes[level], text);
    else
        (void)fprintf(stderr, "talaria: %s%s\n", prefixes[level], text);
}
