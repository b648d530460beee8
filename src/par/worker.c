/* What one worker does while a loop runs; see worker.h. */
#include "par/worker.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "par/monitor.h"
#include "par/steal.h"

#include <sched.h>

enum {
    GRANT_ITEMS = 4,       /* taken from a source at once; near the end one */
    RELAXES_MAX = 64,      /* between two looks of a spinning worker */
    LOOKS_BEFORE_PARK = 8, /* sleeping costs more than looking again */
};
_Static_assert((int)GRANT_ITEMS <= (int)TAL_DEQUE_CAPACITY, "a grant must fit");

tal_status tal_loop_state_init(tal_loop_state *state)
{
    if (pthread_mutex_init(&state->lock, NULL) != 0)
        return tal_fail(TAL_ERR_INTERNAL, "cannot make the lock of a team of threads");
    if (pthread_cond_init(&state->awake, NULL) != 0) {
        (void)pthread_mutex_destroy(&state->lock); /* Nobody holds it. */
        return tal_fail(TAL_ERR_INTERNAL, "cannot make the lock of a team of threads");
    }
    return TAL_OK;
}

void tal_loop_state_deinit(tal_loop_state *state)
{
    (void)pthread_cond_destroy(&state->awake); /* Nobody waits. */
    (void)pthread_mutex_destroy(&state->lock);
}

/* Tell sleepers that something has changed. */
static void wake_others(tal_loop_state *state)
{
    atomic_thread_fence(memory_order_seq_cst); /* Pairs with the one in park. */
    if (atomic_load_explicit(&state->sleeper_count, memory_order_relaxed) == 0)
        return;
    (void)pthread_mutex_lock(&state->lock); /* Fails on misuse only, as the calls below. */
    state->wakes++;
    (void)pthread_cond_broadcast(&state->awake);
    (void)pthread_mutex_unlock(&state->lock);
}

static void end_loop(tal_loop_state *state)
{
    atomic_store_explicit(&state->is_over, true, memory_order_release);
    wake_others(state);
}

static bool is_over(tal_loop_state *state)
{
    return atomic_load_explicit(&state->is_over, memory_order_acquire);
}

/* Whether every unit is done. */
static bool is_all_done(tal_loop_state *state)
{
    atomic_thread_fence(memory_order_seq_cst); /* Of two last ones, one sees the other's count. */
    uint64_t done = 0;
    for (int i = 0; i < state->worker_count; i++)
        done += atomic_load_explicit(&state->workers[i].done, memory_order_acquire);
    return done == state->schedule.params.unit_count;
}

/* The next item of the worker's own deque, refilled from its source. */
static bool take_own(tal_loop_state *state, int self, uint64_t *out_word)
{
    tal_worker *own = &state->workers[self];
    if (tal_deque_pop(&own->deque, out_word))
        return true;
    tal_range ranges[GRANT_ITEMS];
    size_t count = tal_schedule_take(&state->schedule, self, own->chunk, GRANT_ITEMS, ranges);
    if (count == 0)
        return false;
    for (size_t i = count - 1; i > 0; i--) { /* The lowest is popped first. */
        bool is_pushed = tal_deque_push(&own->deque, tal_range_encode(ranges[i]));
        TAL_ASSERT(is_pushed);
    }
    *out_word = tal_range_encode(ranges[0]);
    if (count > 1)
        wake_others(state);
    return true;
}

/* The first item of a successful steal from the nearest that has something. */
static bool take_others(tal_loop_state *state, int self, uint64_t *out_word)
{
    tal_worker *own = &state->workers[self];
    for (int i = 0; i + 1 < state->worker_count; i++) {
        int victim = own->victims[i];
        size_t count = tal_steal_from(&state->schedule, &state->workers[victim].deque, victim,
                                      state->steal_share, &own->deque);
        if (count == 0)
            continue;
        own->slice = state->schedule.params.chunk_min; /* Their work may cost more. */
        own->stats.steals++;
        own->stats.stolen_items += count;
        if (count > 1)
            wake_others(state);
        if (tal_deque_pop(&own->deque, out_word))
            return true; /* Else others were faster: look on. */
    }
    return false;
}

/* The same, with the time it takes metered when that is asked for. */
static bool steal_item(tal_loop_state *state, int self, uint64_t *out_word)
{
    if (!tal_monitor_is_on())
        return take_others(state, self, out_word);
    uint64_t begin_ns = tal_clock_ns();
    bool is_found = take_others(state, self, out_word);
    if (is_found)
        tal_monitor_steal(self, tal_clock_ns() - begin_ns); /* Else it is idle time. */
    return is_found;
}

/* Whether a look would find something now; never wrong for long. */
static bool is_work_visible(tal_loop_state *state, int self)
{
    tal_schedule *schedule = &state->schedule;
    bool is_static = schedule->params.balance == TAL_BALANCE_STATIC;
    if (!is_static &&
        atomic_load_explicit(&schedule->next, memory_order_relaxed) < schedule->params.unit_count)
        return true;
    for (int i = 0; i < state->worker_count; i++) {
        if (i != self && !state->has_stealing)
            continue;
        if (tal_deque_count(&state->workers[i].deque) > 0 ||
            (is_static && tal_schedule_deal_left(schedule, i) > 0))
            return true;
    }
    return false;
}

/* Sleep until something changes. */
static void park(tal_loop_state *state, int self)
{
    (void)pthread_mutex_lock(&state->lock);
    uint64_t seen = state->wakes;
    (void)pthread_mutex_unlock(&state->lock);
    atomic_fetch_add_explicit(&state->sleeper_count, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* Pairs with the one in wake_others. */
    if (!is_over(state) && !is_work_visible(state, self) && !is_all_done(state)) {
        state->workers[self].stats.parks++;
        (void)pthread_mutex_lock(&state->lock);
        while (state->wakes == seen)
            (void)pthread_cond_wait(&state->awake, &state->lock);
        (void)pthread_mutex_unlock(&state->lock);
    }
    atomic_fetch_sub_explicit(&state->sleeper_count, 1, memory_order_relaxed);
}

/* The worker has looked `look_count` times in vain. */
static void idle(tal_loop_state *state, int self, unsigned look_count)
{
    tal_worker_stats *stats = &state->workers[self].stats;
    if (state->idle == TAL_IDLE_PARK && look_count >= LOOKS_BEFORE_PARK) {
        park(state, self);
    } else if (state->idle == TAL_IDLE_YIELD) {
        stats->yields++;
        (void)sched_yield(); /* Cannot fail on Linux. */
    } else {
        stats->spins++;
        unsigned relaxes = look_count < 6 ? 1u << look_count : RELAXES_MAX;
        for (unsigned i = 0; i < relaxes; i++)
            tal_cpu_relax();
    }
}

/* Of an adaptive item that is longer than the worker has measured to be right, the rest goes back
 * where others can steal it: an item that costs more than others before it holds nobody up. */
static tal_range cut_item(tal_loop_state *state, int self, uint64_t word)
{
    tal_worker *own = &state->workers[self];
    tal_range range = tal_range_decode(word);
    if (!state->schedule.params.is_adaptive || range.end - range.begin <= own->slice)
        return range;
    tal_range rest = {range.begin + own->slice, range.end};
    if (!tal_deque_push(&own->deque, tal_range_encode(rest)))
        return range; /* No room: then there is enough to steal. */
    wake_others(state);
    return (tal_range){range.begin, rest.begin};
}

/* Run one item that began at `start_ns`; returns when it ended. */
static uint64_t run_item(tal_loop_state *state, int self, uint64_t word, uint64_t start_ns)
{
    tal_worker *own = &state->workers[self];
    tal_range range = cut_item(state, self, word);
    uint64_t units = range.end - range.begin;
    tal_status status =
        state->function(state->context, self, (size_t)range.begin, (size_t)range.end);
    if (status != TAL_OK) {
        int expected = TAL_OK;
        (void)atomic_compare_exchange_strong(&state->failure, &expected, (int)status);
        end_loop(state);
        return start_ns;
    }
    own->stats.items++;
    own->stats.units += units;
    uint64_t done = atomic_load_explicit(&own->done, memory_order_relaxed) + units;
    atomic_store_explicit(&own->done, done, memory_order_release); /* Pairs with is_all_done. */
    if (!state->schedule.params.is_adaptive)
        return start_ns;
    uint64_t now = tal_clock_ns();
    own->chunk = tal_schedule_adapt(&state->schedule.params, own->chunk, units, now - start_ns);
    own->slice = tal_schedule_adapt(&state->schedule.params, own->slice, units, now - start_ns);
    return now;
}

void tal_worker_work(tal_loop_state *state, int self)
{
    tal_worker *own = &state->workers[self];
    uint64_t begin_ns = tal_clock_ns();
    uint64_t now = begin_ns;
    uint64_t idle_ns = 0;
    uint64_t idle_since = 0; /* 0: busy */
    unsigned look_count = 0;
    own->chunk = state->schedule.params.chunk;
    own->slice = state->schedule.params.chunk_min; /* Nothing is known of the cost yet. */
    while (!is_over(state)) {
        uint64_t word;
        if (take_own(state, self, &word) ||
            (state->has_stealing && steal_item(state, self, &word))) {
            if (idle_since != 0) {
                now = tal_clock_ns();
                idle_ns += now - idle_since;
                idle_since = 0;
                look_count = 0;
            }
            now = run_item(state, self, word, now);
            continue;
        }
        if (idle_since == 0)
            idle_since = tal_clock_ns();
        if (is_all_done(state))
            end_loop(state);
        else
            idle(state, self, look_count++);
    }
    uint64_t end_ns = tal_clock_ns();
    if (idle_since != 0)
        idle_ns += end_ns - idle_since;
    tal_monitor_idle(self, idle_ns);
    own->stats.idle_ns += idle_ns;
    own->stats.busy_ns += end_ns - begin_ns - idle_ns;
    own->stats.chunk_units = own->chunk;
}
