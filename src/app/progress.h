/* Progress of a long command: one line that renews itself on a terminal, plain lines in a log. */
#ifndef TAL_APP_PROGRESS_H
#define TAL_APP_PROGRESS_H

#include "base/types.h"

typedef struct tal_progress {
    bool is_shown;
    bool is_terminal;
    uint64_t start_ns;
    uint64_t shown_ns;
    double begin, end; /* the share of the whole that the current part covers */
} tal_progress;

/* is_shown false: silent. Only rank 0 should show. */
void tal_progress_init(tal_progress *progress, bool is_shown);

/* The current part covers [begin, end) of the whole; a negative end: the whole is unknown. */
void tal_progress_part(tal_progress *progress, double begin, double end);

/* `share` of the current part is done. Shown at most twice a second (terminal) or every half minute
 * (log), with the time left. */
void tal_progress_show(tal_progress *progress, double share);

/* Clear the terminal's line. */
void tal_progress_end(tal_progress *progress);

#endif
