/* Being asked to stop; see stop.h. */
#include "base/stop.h"

#include "base/clock.h"

#include <signal.h>
#include <stdatomic.h>

/* Written by the signal handler and the main thread, read by all. */
static struct {
    _Atomic int signal;
    _Atomic uint64_t deadline_ns;
    _Atomic bool is_kept;
} request;

static void remember(int signal)
{
    atomic_store_explicit(&request.signal, signal, memory_order_relaxed);
}

void tal_stop_install(bool is_kept)
{
    atomic_store_explicit(&request.is_kept, is_kept, memory_order_relaxed);
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);      /* Cannot fail. */
    (void)sigaction(SIGTERM, &action, NULL); /* Cannot fail: both signals can be caught. */
    (void)sigaction(SIGUSR1, &action, NULL);
}

void tal_stop_set_deadline(uint64_t deadline_ns)
{
    atomic_store_explicit(&request.deadline_ns, deadline_ns, memory_order_relaxed);
}

static const char *consequence(void)
{
    return atomic_load_explicit(&request.is_kept, memory_order_relaxed)
               ? "what was finished is kept: the same command goes on"
               : "nothing was kept: the same command begins anew";
}

tal_status tal_stop_check(void)
{
    int signal = atomic_load_explicit(&request.signal, memory_order_relaxed);
    if (signal != 0)
        return tal_fail(TAL_ERR_INCOMPLETE, "stopped by %s; %s",
                        signal == SIGTERM ? "SIGTERM" : "SIGUSR1", consequence());
    uint64_t deadline_ns = atomic_load_explicit(&request.deadline_ns, memory_order_relaxed);
    if (deadline_ns != 0 && tal_clock_ns() >= deadline_ns)
        return tal_fail(TAL_ERR_INCOMPLETE, "stopped because the time is up; %s", consequence());
    return TAL_OK;
}

bool tal_stop_is_asked(void)
{
    uint64_t deadline_ns = atomic_load_explicit(&request.deadline_ns, memory_order_relaxed);
    return atomic_load_explicit(&request.signal, memory_order_relaxed) != 0 ||
           (deadline_ns != 0 && tal_clock_ns() >= deadline_ns);
}
