/* Progress of a long command; see progress.h. */
#include "app/progress.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#define TERMINAL_NS 500000000u
#define LOG_NS      30000000000u

void tal_progress_init(tal_progress *progress, bool is_shown)
{
    *progress = (tal_progress){
        .is_shown = is_shown,
        .is_terminal = isatty(STDERR_FILENO) == 1,
        .start_ns = tal_clock_ns(),
        .shown_ns = tal_clock_ns(),
        .end = 1.0,
    };
}

void tal_progress_part(tal_progress *progress, double begin, double end)
{
    progress->begin = begin;
    progress->end = end;
}

/* "1:02:03" */
static void format_seconds(double seconds, char *text, size_t bytes)
{
    unsigned long whole = (unsigned long)seconds;
    (void)snprintf(text, bytes, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
}

void tal_progress_show(tal_progress *progress, double share)
{
    uint64_t now = tal_clock_ns();
    uint64_t period = progress->is_terminal ? TERMINAL_NS : LOG_NS;
    if (!progress->is_shown || now - progress->shown_ns < period)
        return;
    progress->shown_ns = now;
    double elapsed = (double)(now - progress->start_ns) * 1e-9;
    char elapsed_text[32];
    char left_text[32] = "unknown";
    format_seconds(elapsed, elapsed_text, sizeof(elapsed_text));
    double done = progress->begin + share * (progress->end - progress->begin);
    if (progress->end >= 0 && done > 0)
        format_seconds(elapsed * (1 - done) / done, left_text, sizeof(left_text));
    double percent = progress->end >= 0 ? done * 100 : share * 100;
    const char *whole = progress->end >= 0 ? "" : " of this block";
    if (progress->is_terminal)
        (void)fprintf(stderr, "\r%5.1f %%%s, elapsed %s, left %s   ", percent, whole, elapsed_text,
                      left_text);
    else
        tal_log(TAL_LOG_INFO, "%.1f %%%s, elapsed %s, left %s", percent, whole, elapsed_text,
                left_text);
}

void tal_progress_end(tal_progress *progress)
{
    if (progress->is_shown && progress->is_terminal)
        (void)fprintf(stderr, "\r%60s\r", "");
}
