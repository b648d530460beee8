/* The watcher; see watch.h.
 *
 * The wait-for graph has an edge from each thread that waits for a lock to the thread that holds
 * it. Each row of the register is consistent by itself, but rows are read one after the other, so a
 * cycle counts only when the same waits (by their turns) form it in two readings: all of its
 * threads waited through the time between, so none can have released what it holds.
 */
#include "par/watch.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define POLL_NS_MAX 100000000u
#define POLL_NS_MIN 1000000u
enum { LOG_SHOWN = 12 };

struct tal_watch {
    tal_watch_params params;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards is_stopped */
    pthread_cond_t changed;
    bool is_stopped;

    /* The watcher's own. */
    tal_wait_thread *threads, *again; /* TAL_WAIT_THREADS_MAX each */
    size_t *cycle;
    tal_buffer text;
    uint64_t activity; /* of all threads, at the last change */
    uint64_t still_since_ns;
    bool is_reported; /* this stall or cycle */
    uint64_t lost_count;
};

/* The thread that holds `object`: its index, or `count`. */
static size_t find_holder(const tal_wait_thread *threads, size_t count, const void *object,
                          uint64_t *out_since_ns)
{
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < threads[i].held_count; k++)
            if (threads[i].held[k].object == object) {
                *out_since_ns = threads[i].held[k].since_ns;
                return i;
            }
    return count;
}

size_t tal_watch_find_cycle(const tal_wait_thread *threads, size_t count, size_t *out_cycle)
{
    for (size_t start = 0; start < count; start++) {
        size_t len = 0;
        size_t at = start;
        while (len < count && at < count && threads[at].is_waiting &&
               threads[at].what.kind == TAL_WAIT_LOCK) {
            uint64_t since_ns;
            out_cycle[len++] = at;
            at = find_holder(threads, count, threads[at].what.object, &since_ns);
            if (at == start)
                return len;
        }
    }
    return 0;
}

static double seconds(uint64_t now_ns, uint64_t since_ns)
{
    return now_ns > since_ns ? (double)(now_ns - since_ns) * 1e-9 : 0.0;
}

static tal_status describe_thread(const tal_wait_thread *threads, size_t count, size_t idx,
                                  int rank, uint64_t now_ns, tal_buffer *text)
{
    const tal_wait_thread *thread = &threads[idx];
    tal_status status =
        tal_buffer_printf(text, "  rank %d thread %d '%s' ", rank, thread->idx, thread->name);
    if (status == TAL_OK && !thread->is_waiting)
        status = tal_buffer_append_text(text, "runs");
    if (status == TAL_OK && thread->is_waiting)
        status = tal_buffer_printf(text, "waits for %s '%s' for %.3f s",
                                   tal_wait_kind_text(thread->what.kind), thread->what.name,
                                   seconds(now_ns, thread->since_ns));
    if (status == TAL_OK && thread->is_waiting && thread->what.kind == TAL_WAIT_LOCK) {
        uint64_t since_ns = 0;
        size_t holder = find_holder(threads, count, thread->what.object, &since_ns);
        if (holder < count)
            status =
                tal_buffer_printf(text, ", held by thread %d '%s' for %.3f s", threads[holder].idx,
                                  threads[holder].name, seconds(now_ns, since_ns));
        else
            status = tal_buffer_append_text(text, ", holder not known");
    }
    for (int i = 0; i < thread->held_count && status == TAL_OK; i++)
        status = tal_buffer_printf(text, "%s'%s' for %.3f s", i == 0 ? "; holds " : ", ",
                                   thread->held[i].name, seconds(now_ns, thread->held[i].since_ns));
    return status == TAL_OK ? tal_buffer_append_text(text, "\n") : status;
}

static tal_status describe_log(uint64_t now_ns, tal_buffer *text)
{
    static const char *const verbs[] = {[TAL_WAIT_ACQUIRED] = "took",
                                        [TAL_WAIT_RELEASED] = "gave back",
                                        [TAL_WAIT_ASKED] = "asked for"};
    tal_wait_log_entry entries[LOG_SHOWN];
    size_t count = tal_wait_log_list(entries, LOG_SHOWN);
    tal_status status =
        count > 0 ? tal_buffer_append_text(text, "  last uses of locks:\n") : TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++)
        status = tal_buffer_printf(text, "    %.6f s ago thread %d %s '%s' (%p)\n",
                                   seconds(now_ns, entries[i].time_ns), entries[i].idx,
                                   verbs[entries[i].access], entries[i].name, entries[i].object);
    return status;
}

tal_status tal_watch_describe(const tal_wait_thread *threads, size_t count, int rank,
                              uint64_t now_ns, tal_buffer *text)
{
    tal_status status = TAL_OK;
    for (size_t i = 0; i < count && status == TAL_OK; i++)
        status = describe_thread(threads, count, i, rank, now_ns, text);
    return status == TAL_OK ? describe_log(now_ns, text) : status;
}

/* Hand the text over; without memory for it, what is there. */
static void report(tal_watch *watch, tal_watch_finding finding, tal_status status)
{
    if (status == TAL_OK)
        status = tal_buffer_append(&watch->text, "", 1);
    const char *text = status == TAL_OK ? (const char *)watch->text.data : "out of memory\n";
    watch->params.report(watch->params.context, finding, text);
}

/* The same waits form the cycle in both readings. */
static bool is_same_cycle(const tal_watch *watch, size_t len, size_t count)
{
    for (size_t i = 0; i < len; i++) {
        const tal_wait_thread *before = &watch->threads[watch->cycle[i]];
        bool is_found = false;
        for (size_t k = 0; k < count && !is_found; k++)
            is_found = watch->again[k].idx == before->idx && watch->again[k].is_waiting &&
                       watch->again[k].turn == before->turn;
        if (!is_found)
            return false;
    }
    return true;
}

/* True: there is one, told now or before. */
static bool look_for_cycle(tal_watch *watch, size_t count)
{
    size_t len = tal_watch_find_cycle(watch->threads, count, watch->cycle);
    if (len == 0)
        return false;
    size_t again_count = tal_wait_list(watch->again, TAL_WAIT_THREADS_MAX);
    if (!is_same_cycle(watch, len, again_count))
        return false;
    if (watch->is_reported)
        return true;
    watch->is_reported = true;
    uint64_t now = tal_clock_ns();
    tal_buffer_reset(&watch->text);
    tal_status status =
        tal_buffer_printf(&watch->text, "deadlock on rank %d: %zu threads wait for one another\n",
                          watch->params.rank, len);
    for (size_t i = 0; i < len && status == TAL_OK; i++)
        status = describe_thread(watch->threads, count, watch->cycle[i], watch->params.rank, now,
                                 &watch->text);
    if (status == TAL_OK)
        status = describe_log(now, &watch->text);
    report(watch, TAL_WATCH_CYCLE, status);
    return true;
}

static void look_for_stall(tal_watch *watch, size_t count)
{
    uint64_t now = tal_clock_ns();
    uint64_t activity = 0;
    uint64_t oldest_ns = now;
    for (size_t i = 0; i < count; i++) {
        const tal_wait_thread *thread = &watch->threads[i];
        activity += thread->turn + thread->progress_count + 1;
        if (thread->is_waiting && thread->since_ns < oldest_ns)
            oldest_ns = thread->since_ns;
    }
    if (activity != watch->activity) {
        watch->activity = activity;
        watch->still_since_ns = now;
        watch->is_reported = false;
        return;
    }
    uint64_t limit = watch->params.stall_ns;
    if (now - watch->still_since_ns < limit || now - oldest_ns < limit || watch->is_reported)
        return;
    watch->is_reported = true;
    tal_buffer_reset(&watch->text);
    tal_status status =
        tal_buffer_printf(&watch->text, "stall on rank %d: nothing has moved for %.1f s\n",
                          watch->params.rank, seconds(now, watch->still_since_ns));
    if (status == TAL_OK)
        status = tal_watch_describe(watch->threads, count, watch->params.rank, now, &watch->text);
    report(watch, TAL_WATCH_STALL, status);
}

static void look_for_lost(tal_watch *watch)
{
    tal_wait_lost lost = tal_wait_lost_get();
    if (lost.count == watch->lost_count)
        return;
    watch->lost_count = lost.count;
    tal_buffer_reset(&watch->text);
    tal_status status = tal_buffer_printf(
        &watch->text,
        "lost wake-up on rank %d: thread %d waited for %s '%s'; it was there, nobody had told, and "
        "the thread found it after %.3f s (%" PRIu64 " so far)\n",
        watch->params.rank, lost.idx, tal_wait_kind_text(lost.what.kind), lost.what.name,
        (double)lost.late_ns * 1e-9, lost.count);
    report(watch, TAL_WATCH_LOST_WAKE_UP, status);
}

/* Sleep for one poll; false: stopped. */
static bool sleep_between(tal_watch *watch)
{
    uint64_t poll_ns = watch->params.stall_ns / 8;
    poll_ns = poll_ns < POLL_NS_MIN ? POLL_NS_MIN : poll_ns > POLL_NS_MAX ? POLL_NS_MAX : poll_ns;
    uint64_t until_ns = tal_clock_ns() + poll_ns;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                             .tv_nsec = (long)(until_ns % 1000000000u)};
    int code = 0;
    pthread_mutex_lock(&watch->mutex);
    while (!watch->is_stopped && code == 0)
        code = pthread_cond_timedwait(&watch->changed, &watch->mutex, &until);
    bool is_stopped = watch->is_stopped;
    pthread_mutex_unlock(&watch->mutex);
    return !is_stopped;
}

static void *run(void *context)
{
    tal_watch *watch = context;
    while (sleep_between(watch)) {
        size_t count = tal_wait_list(watch->threads, TAL_WAIT_THREADS_MAX);
        look_for_lost(watch);
        if (!look_for_cycle(watch, count))
            look_for_stall(watch, count);
    }
    return NULL;
}

static void watch_free(tal_watch *watch)
{
    tal_buffer_deinit(&watch->text);
    tal_free(watch->cycle);
    tal_free(watch->again);
    tal_free(watch->threads);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->mutex);
    tal_free(watch);
}

static int start_thread(tal_watch *watch)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* Signals are for the main thread. */
    int code = pthread_create(&watch->thread, NULL, run, watch);
    if (code == 0)
        (void)pthread_setname_np(watch->thread, "talaria-watch"); /* For people. */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

tal_status tal_watch_start(const tal_watch_params *params, tal_watch **out_watch)
{
    tal_watch *watch = tal_alloc_zero(sizeof(*watch));
    if (watch == NULL)
        return TAL_ERR_MEMORY;
    watch->params = *params;
    watch->lost_count = tal_wait_lost_get().count;
    watch->still_since_ns = tal_clock_ns();
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&watch->mutex, NULL);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    tal_status status = TAL_ERR_MEMORY;
    watch->threads = tal_alloc_array(TAL_WAIT_THREADS_MAX, sizeof(*watch->threads));
    watch->again = tal_alloc_array(TAL_WAIT_THREADS_MAX, sizeof(*watch->again));
    watch->cycle = tal_alloc_array(TAL_WAIT_THREADS_MAX, sizeof(*watch->cycle));
    if (watch->threads == NULL || watch->again == NULL || watch->cycle == NULL)
        goto done;
    tal_wait_track_begin();
    int code = start_thread(watch);
    if (code != 0) {
        tal_wait_track_end();
        status = tal_fail(TAL_ERR_MEMORY, "cannot start the watcher: %s", strerror(code));
        goto done;
    }
    *out_watch = watch;
    return TAL_OK;
done:
    watch_free(watch);
    return status;
}

void tal_watch_stop(tal_watch *watch)
{
    if (watch == NULL)
        return;
    pthread_mutex_lock(&watch->mutex);
    watch->is_stopped = true;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
    tal_wait_track_end();
    watch_free(watch);
}
