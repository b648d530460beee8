/* Being asked to stop: by a signal or because the time is up.
 *
 * Long work looks now and then and gives up with TAL_ERR_INCOMPLETE. Where what was finished before
 * is kept, the same command goes on from there; elsewhere it begins anew.
 */
#ifndef TAL_BASE_STOP_H
#define TAL_BASE_STOP_H

#include "base/status.h"
#include "base/types.h"

/* From now on SIGTERM and SIGUSR1 ask to stop instead of ending the process. is_kept: what the
 * message says of the work done so far. Threads: main. */
void tal_stop_install(bool is_kept);

/* Ask to stop when tal_clock_ns() reaches `deadline_ns`; 0: never. */
void tal_stop_set_deadline(uint64_t deadline_ns);

/* TAL_ERR_INCOMPLETE with the reason once a signal came or the time is up, else TAL_OK.
 * Threads: any. Cost: tens of nanoseconds. */
tal_status tal_stop_check(void);

/* Whether tal_stop_check would fail, without a message. Threads: any. */
bool tal_stop_is_asked(void);

#endif
