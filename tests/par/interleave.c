/* Every interleaving of a few small threads; see interleave.h. */
#include "interleave.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { STACK_BYTES = 256 << 10, STEPS_MAX = 2000, MUTEXES_MAX = 8 };

typedef enum step_kind { STEP_ACCESS, STEP_LOCK, STEP_WAKE } step_kind;

/* What a thread will do when it goes on. */
typedef struct step {
    step_kind kind;
    const volatile void *object;
    bool is_write;
} step;

typedef struct thread {
    ucontext_t context;
    bool is_finished;
    bool is_signalled;
    const void *condition; /* waited for */
    step next;
} thread;

/* One choice of the schedule. Masks have a bit for each thread. */
typedef struct choice {
    unsigned sleep; /* threads whose next step was explored before, with the same outcome */
    int thread;
} choice;

static struct {
    const interleave_case *test;
    ucontext_t scheduler;
    thread threads[INTERLEAVE_THREADS_MAX];
    int running; /* -1: the scheduler */
    const void *held[MUTEXES_MAX];
    choice choices[STEPS_MAX];
    int choice_count; /* made before and to be made again */
    int now;
} state = {.running = -1};

static uint8_t stacks[INTERLEAVE_THREADS_MAX][STACK_BYTES];

static void pause_for(step next)
{
    if (state.running < 0)
        return;
    thread *self = &state.threads[state.running];
    self->next = next;
    swapcontext(&self->context, &state.scheduler);
}

void interleave_step(const volatile void *object, bool is_write)
{
    pause_for((step){STEP_ACCESS, object, is_write});
}

static int find_held(const volatile void *mutex)
{
    for (int i = 0; i < MUTEXES_MAX; i++)
        if (state.held[i] == mutex)
            return i;
    return -1;
}

void interleave_lock(const void *mutex)
{
    if (state.running < 0)
        return;
    pause_for((step){STEP_LOCK, mutex, true});
    int place = find_held(NULL);
    if (place < 0 || find_held(mutex) >= 0)
        abort();
    state.held[place] = mutex;
}

static void drop(const void *mutex)
{
    int place = find_held(mutex);
    if (place < 0)
        abort();
    state.held[place] = NULL;
}

void interleave_unlock(const void *mutex)
{
    if (state.running < 0)
        return;
    pause_for((step){STEP_ACCESS, mutex, true});
    drop(mutex);
}

void interleave_wait(const void *condition, const void *mutex)
{
    thread *self = &state.threads[state.running];
    pause_for((step){STEP_ACCESS, mutex, true});
    drop(mutex); /* And wait, in one step. */
    self->is_signalled = false;
    self->condition = condition;
    pause_for((step){STEP_WAKE, condition, true});
    self->condition = NULL;
    interleave_lock(mutex);
}

void interleave_broadcast(const void *condition)
{
    if (state.running < 0)
        return;
    pause_for((step){STEP_ACCESS, condition, true});
    for (int i = 0; i < state.test->thread_count; i++)
        if (state.threads[i].condition == condition)
            state.threads[i].is_signalled = true;
}

int interleave_now(void)
{
    return state.now;
}

static void enter(void)
{
    state.test->run(state.running);
    state.threads[state.running].is_finished = true;
    swapcontext(&state.threads[state.running].context, &state.scheduler);
}

static void resume(int idx)
{
    state.running = idx;
    swapcontext(&state.scheduler, &state.threads[idx].context);
    state.running = -1;
}

static bool is_enabled(const thread *self)
{
    if (self->is_finished)
        return false;
    if (self->next.kind == STEP_LOCK)
        return find_held(self->next.object) < 0;
    return self->next.kind != STEP_WAKE || self->is_signalled;
}

static bool is_dependent(const step *a, const step *b)
{
    return a->object == b->object && (a->is_write || b->is_write);
}

/* Up to its first step. */
static void start_thread(int idx)
{
    thread *self = &state.threads[idx];
    self->is_finished = false;
    self->is_signalled = false;
    self->condition = NULL;
    getcontext(&self->context);
    self->context.uc_stack.ss_sp = stacks[idx];
    self->context.uc_stack.ss_size = STACK_BYTES;
    self->context.uc_link = &state.scheduler;
    makecontext(&self->context, enter, 0);
    resume(idx);
}

static void start_threads(void)
{
    memset(state.held, 0, sizeof(state.held));
    state.now = 0;
    for (int i = 0; i < state.test->thread_count; i++)
        start_thread(i);
}

/* The first thread of the mask, or -1. */
static int first_of(unsigned mask)
{
    for (int i = 0; i < INTERLEAVE_THREADS_MAX; i++)
        if ((mask >> i & 1) != 0)
            return i;
    return -1;
}

typedef enum outcome { OUTCOME_END, OUTCOME_PRUNED, OUTCOME_DEADLOCK } outcome;

/* Make the choices made before, then the first possible ones. */
static outcome run_schedule(void)
{
    start_threads();
    for (int depth = 0;; depth++) {
        unsigned enabled = 0;
        bool is_over = true;
        for (int i = 0; i < state.test->thread_count; i++) {
            enabled |= is_enabled(&state.threads[i]) ? 1u << i : 0;
            is_over = is_over && state.threads[i].is_finished;
        }
        if (is_over)
            return OUTCOME_END;
        if (enabled == 0)
            return OUTCOME_DEADLOCK;
        if (depth >= STEPS_MAX - 1)
            abort(); /* An endless loop in the code under test, or a case too large. */
        choice *now = &state.choices[depth];
        bool is_new = depth == state.choice_count;
        if (is_new) {
            now->thread = first_of(enabled & ~now->sleep);
            if (now->thread < 0)
                return OUTCOME_PRUNED;
            state.choice_count++;
        }
        step taken = state.threads[now->thread].next;
        if (is_new) {
            unsigned sleep = now->sleep;
            for (int i = 0; i < state.test->thread_count; i++)
                if ((sleep >> i & 1) != 0 && is_dependent(&state.threads[i].next, &taken))
                    sleep &= ~(1u << i);
            state.choices[depth + 1].sleep = sleep & ~(1u << now->thread);
        }
        state.now++;
        resume(now->thread);
    }
}

/* Let the last choice that has another possibility take it; false: all are done. A choice tried
 * goes to sleep; whether another is possible shows when the schedule is run again. */
static bool next_schedule(void)
{
    while (state.choice_count > 0) {
        choice *last = &state.choices[--state.choice_count];
        last->sleep |= 1u << last->thread;
        unsigned all = (1u << state.test->thread_count) - 1;
        if ((all & ~last->sleep) != 0)
            return true;
    }
    return false;
}

interleave_result interleave_run(const interleave_case *test)
{
    interleave_result result = {0};
    state.test = test;
    state.choice_count = 0;
    state.choices[0].sleep = 0;
    do {
        state.now = 0;
        test->begin();
        outcome end = run_schedule();
        if (state.now > result.steps_max)
            result.steps_max = state.now;
        if (end == OUTCOME_PRUNED) {
            result.pruned_count++;
            test->discard();
            continue;
        }
        result.schedule_count++;
        if (end == OUTCOME_DEADLOCK) {
            test->discard();
            result.fault = "deadlock";
        } else {
            result.fault = test->check();
        }
        result.fault_schedule = result.schedule_count;
    } while (result.fault == NULL && next_schedule());
    return result;
}
