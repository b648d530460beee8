/* The deque in every interleaving of small cases.
 *
 * The text of src/par/deque.c is compiled here with shared accesses that are calls of ours. Each
 * thread of a case is a coroutine that stops before every shared access; the enumerator runs the
 * case again and again, each time with the next sequence of choices of who goes on, depth first. Of
 * sequences that differ only in the order of accesses that do not touch one object, one is tried
 * (sleep sets: Godefroid 1996).
 *
 * Memory is that of x86-64 (total store order; Sewell and others, 2010) as the explorer's choice:
 * a store waits in its thread's buffer until the thread fences, swaps, or the enumerator chooses to
 * drain the oldest one. With buffers of length 0 it is sequential consistency. Weaker machines are
 * not covered.
 *
 * Checked in every execution: each value is taken exactly once or left, by pops newest first; a
 * result 'empty' happens only when the deque could be empty.
 */
#include "harness.h"

#include "base/types.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_THREAD_SANITIZER
#endif
#endif

static int64_t explored_load(void *object);
static void explored_store(void *object, int64_t value);
static void explored_fence(void);
static bool explored_swap(void *object, int64_t *expected, int64_t value);

#define TAL_DEQUE_CAPACITY        4
#define DEQUE_LOAD(object, order) (order_used(order), explored_load(object))
#define DEQUE_STORE(object, value, order) \
    (order_used(order), explored_store(object, (int64_t)(value)))
#define DEQUE_FENCE()                    explored_fence()
#define DEQUE_SWAP(object, expected, to) explored_swap(object, expected, to)

static inline void order_used(memory_order order)
{
    (void)order; /* Total store order is what every order gives at least. */
}

/* slots hold uint64_t, ends int64_t: loads come back as int64_t. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "../../src/par/deque.c"
#pragma GCC diagnostic pop

const char test_suite_name[] = "par/deque_cases";

enum {
    THREADS_MAX = 3,
    CALLS_MAX = 6,
    BUFFER_MAX = 3, /* stores a thread may have pending */
    DEPTH_MAX = 400,
    STACK_BYTES = 1 << 16,
    VALUES_MAX = 8,
};

/* What a thread of a case does: 'p' push the next value, 'o' pop, 's' steal. */
typedef struct small_case {
    const char *threads[THREADS_MAX]; /* the first is the owner; NULL: none */
} small_case;

typedef struct pending {
    void *object;
    int64_t value;
} pending;

/* What a thread does when it goes on. */
typedef enum access_kind { ACCESS_LOAD, ACCESS_STORE, ACCESS_FENCE, ACCESS_SWAP } access_kind;

/* Objects an action touches, as bits. */
typedef struct footprint {
    unsigned reads, writes;
} footprint;

typedef struct coroutine {
    ucontext_t context;
    _Alignas(16) char stack[STACK_BYTES];
    bool is_done;
    access_kind next_kind;
    void *next_object;
    pending buffer[BUFFER_MAX];
    int buffer_count;
} coroutine;

static struct explorer {
    coroutine threads[THREADS_MAX];
    int thread_count;
    int running;
    ucontext_t scheduler;
    int buffer_max;  /* 0: sequential consistency */
    bool has_fences; /* false: the planted fault */
    const small_case *test;
    tal_deque deque;
    uint64_t next_value;
    int taken[VALUES_MAX];
    int popped_order_faults;
    /* Choices of this execution, and how many there were at each. */
    int choices[DEPTH_MAX], option_counts[DEPTH_MAX];
    int depth, planned_depth;
} explorer;

static void hand_over(access_kind kind, void *object)
{
    coroutine *self = &explorer.threads[explorer.running];
    self->next_kind = kind;
    self->next_object = object;
    (void)swapcontext(&self->context, &explorer.scheduler);
}

static void drain_one(coroutine *thread)
{
    pending oldest = thread->buffer[0];
    memmove(thread->buffer, thread->buffer + 1, sizeof(thread->buffer) - sizeof(*thread->buffer));
    thread->buffer_count--;
    *(int64_t *)oldest.object = oldest.value;
}

static void drain_all(coroutine *thread)
{
    while (thread->buffer_count > 0)
        drain_one(thread);
}

static int64_t explored_load(void *object)
{
    hand_over(ACCESS_LOAD, object);
    const coroutine *self = &explorer.threads[explorer.running];
    for (int i = self->buffer_count - 1; i >= 0; i--)
        if (self->buffer[i].object == object)
            return self->buffer[i].value;
    return *(int64_t *)object;
}

static void explored_store(void *object, int64_t value)
{
    hand_over(ACCESS_STORE, object);
    coroutine *self = &explorer.threads[explorer.running];
    if (explorer.buffer_max == 0) {
        *(int64_t *)object = value;
        return;
    }
    if (self->buffer_count == explorer.buffer_max)
        drain_one(self);
    self->buffer[self->buffer_count++] = (pending){object, value};
}

static void explored_fence(void)
{
    if (!explorer.has_fences)
        return;
    hand_over(ACCESS_FENCE, NULL);
    drain_all(&explorer.threads[explorer.running]);
}

static bool explored_swap(void *object, int64_t *expected, int64_t value)
{
    hand_over(ACCESS_SWAP, object);
    drain_all(&explorer.threads[explorer.running]);
    int64_t *place = object;
    if (*place != *expected) {
        *expected = *place;
        return false;
    }
    *place = value;
    return true;
}

static void count_taken(uint64_t value)
{
    if (value < VALUES_MAX)
        explorer.taken[value]++;
    else
        explorer.popped_order_faults++; /* Nobody pushed that. */
}

static void run_thread(int idx)
{
    uint64_t value;
    for (const char *call = explorer.test->threads[idx]; *call != '\0'; call++) {
        if (*call == 'p')
            (void)tal_deque_push(&explorer.deque, explorer.next_value++);
        else if (*call == 'o' && tal_deque_pop(&explorer.deque, &value))
            count_taken(value);
        else if (*call == 's' && tal_deque_steal(&explorer.deque, &value) == TAL_STEAL_DONE)
            count_taken(value);
    }
    explorer.threads[idx].is_done = true;
    hand_over(ACCESS_FENCE, NULL);
}

static unsigned object_bit(const void *object)
{
    if (object == (const void *)&explorer.deque.top)
        return 1;
    if (object == (const void *)&explorer.deque.bottom)
        return 2;
    return 4u << ((const _Atomic uint64_t *)object - explorer.deque.slots);
}

static footprint find_footprint(int option)
{
    const coroutine *thread = &explorer.threads[option / 2];
    footprint touched = {0, 0};
    unsigned buffered = 0;
    bool is_forwarded = false;
    for (int i = 0; i < thread->buffer_count; i++) {
        buffered |= object_bit(thread->buffer[i].object);
        is_forwarded = is_forwarded || thread->buffer[i].object == thread->next_object;
    }
    bool is_full = thread->buffer_count == explorer.buffer_max;
    if (option % 2 == 1 ||
        (thread->next_kind == ACCESS_STORE && explorer.buffer_max > 0 && is_full))
        touched.writes = object_bit(thread->buffer[0].object);
    else if (thread->next_kind == ACCESS_LOAD && !is_forwarded)
        touched.reads = object_bit(thread->next_object);
    else if (thread->next_kind == ACCESS_STORE && explorer.buffer_max == 0)
        touched.writes = object_bit(thread->next_object);
    else if (thread->next_kind == ACCESS_FENCE)
        touched.writes = buffered;
    else if (thread->next_kind == ACCESS_SWAP)
        touched.writes = buffered | object_bit(thread->next_object);
    return touched;
}

static bool is_independent(int a, int b)
{
    if (a / 2 == b / 2)
        return false;
    footprint of_a = find_footprint(a);
    footprint of_b = find_footprint(b);
    return (of_a.writes & (of_b.reads | of_b.writes)) == 0 && (of_b.writes & of_a.reads) == 0;
}

/* 2 * thread: let it run to its next access; 2 * thread + 1: drain its oldest store. */
static int list_options(int *options)
{
    int count = 0;
    for (int i = 0; i < explorer.thread_count; i++) {
        if (!explorer.threads[i].is_done)
            options[count++] = 2 * i;
        if (explorer.threads[i].buffer_count > 0)
            options[count++] = 2 * i + 1;
    }
    return count;
}

static void start_threads(void)
{
    tal_deque_init(&explorer.deque);
    explorer.next_value = 0;
    memset(explorer.taken, 0, sizeof(explorer.taken));
    explorer.thread_count = 0;
    for (int i = 0; i < THREADS_MAX && explorer.test->threads[i] != NULL; i++) {
        coroutine *thread = &explorer.threads[i];
        explorer.thread_count++;
        thread->is_done = false;
        thread->buffer_count = 0;
        (void)getcontext(&thread->context);
        thread->context.uc_stack.ss_sp = thread->stack;
        thread->context.uc_stack.ss_size = STACK_BYTES;
        thread->context.uc_link = NULL;
        makecontext(&thread->context, (void (*)(void))run_thread, 1, i);
    }
}

static void act(int option)
{
    if (option % 2 == 1) {
        drain_one(&explorer.threads[option / 2]);
        return;
    }
    explorer.running = option / 2;
    (void)swapcontext(&explorer.scheduler, &explorer.threads[option / 2].context);
}

/* One execution: the planned choices, then the first option each time. False: it was given up as
 * equal to one tried before. `asleep`: options whose turn here would be such an equal. */
static bool execute(void)
{
    start_threads();
    for (int i = 0; i < explorer.thread_count; i++)
        act(2 * i); /* To its first access: touches nothing. */
    explorer.depth = 0;
    unsigned asleep = 0;
    int options[2 * THREADS_MAX];
    int all_count;
    while ((all_count = list_options(options)) > 0) {
        int count = 0;
        for (int i = 0; i < all_count; i++)
            if ((asleep >> options[i] & 1) == 0)
                options[count++] = options[i];
        if (count == 0)
            return false;
        if (explorer.depth == DEPTH_MAX)
            abort(); /* A case too long for this program. */
        int depth = explorer.depth++;
        if (depth >= explorer.planned_depth)
            explorer.choices[depth] = 0;
        explorer.option_counts[depth] = count;
        int choice = explorer.choices[depth];
        for (int i = 0; i < choice; i++)
            asleep |= 1u << options[i];
        for (int option = 0; option < 2 * THREADS_MAX; option++)
            if ((asleep >> option & 1) != 0 && !is_independent(option, options[choice]))
                asleep &= ~(1u << option);
        act(options[choice]);
    }
    return true;
}

/* The next sequence of choices; false: all have been tried. */
static bool plan_next(void)
{
    int depth = explorer.depth;
    while (depth > 0 && explorer.choices[depth - 1] + 1 == explorer.option_counts[depth - 1])
        depth--;
    if (depth == 0)
        return false;
    explorer.choices[depth - 1]++;
    explorer.planned_depth = depth;
    return true;
}

/* Values still in the deque, by popping them when all threads are done. */
static void take_rest(int *left)
{
    int64_t top = *(int64_t *)&explorer.deque.top;
    int64_t bottom = *(int64_t *)&explorer.deque.bottom;
    for (int64_t i = top; i < bottom; i++)
        left[*(uint64_t *)&explorer.deque.slots[i & (TAL_DEQUE_CAPACITY - 1)] % VALUES_MAX]++;
}

/* Executions of a case, and how many of them lost or doubled a value. */
static long explore(const small_case *test, int buffer_max, bool has_fences, long *out_faults)
{
    explorer.test = test;
    explorer.buffer_max = buffer_max;
    explorer.has_fences = has_fences;
    explorer.planned_depth = 0;
    long executions = 0;
    long faults = 0;
    do {
        if (!execute())
            continue;
        executions++;
        int left[VALUES_MAX] = {0};
        take_rest(left);
        bool is_right = true;
        for (uint64_t value = 0; value < explorer.next_value; value++)
            is_right = is_right && explorer.taken[value] + left[value] == 1;
        faults += is_right && explorer.popped_order_faults == 0 ? 0 : 1;
        explorer.popped_order_faults = 0;
    } while (plan_next() && (has_fences || faults == 0)); /* One planted fault is enough. */
    *out_faults = faults;
    return executions;
}

/* No thread has more than CALLS_MAX calls. Cases end when all threads have. */
static const small_case cases[] = {
    {{"po", "s"}},  {{"ppo", "s"}},  {{"po", "ss"}},     {{"ppoo", "s"}},  {{"po", "s", "s"}},
    {{"pop", "s"}}, {{"popo", "s"}}, {{"pp", "s", "s"}}, {{"ppoo", "ss"}}, {{"ppo", "s", "s"}},
};

static void check_cases(int buffer_max, const char *memory)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long faults;
        long executions = explore(&cases[i], buffer_max, true, &faults);
        const char *third = cases[i].threads[2];
        printf("%s: %s | %s%s%s: %ld executions, %ld faults\n", memory, cases[i].threads[0],
               cases[i].threads[1], third == NULL ? "" : " | ", third == NULL ? "" : third,
               executions, faults);
        CU_ASSERT(executions > 1);
        CU_ASSERT_EQUAL(faults, 0);
    }
}

static void skip_where_coroutines_confuse_the_sanitizer(void)
{
#ifdef HAS_THREAD_SANITIZER
    test_skip("the thread sanitizer does not know coroutines");
#endif
}

static void no_interleaving_loses_or_doubles_a_value(void)
{
    check_cases(0, "sequential");
}

static void nor_does_one_with_store_buffers(void)
{
    check_cases(2, "store buffers");
}

/* The enumerator finds what it must: without its fences the deque hands a value out twice, and only
 * where stores are buffered. */
static void without_fences_store_buffers_double_a_value(void)
{
    static const small_case planted = {{"ppoo", "ss"}};
    long faults;
    long executions = explore(&planted, 2, false, &faults);
    printf("no fences: %ld executions, %ld faults\n", executions, faults);
    CU_ASSERT(faults > 0);
}

const test_case test_cases[] = {
    TEST_CASE(skip_where_coroutines_confuse_the_sanitizer),
    TEST_CASE(no_interleaving_loses_or_doubles_a_value),
    TEST_CASE(nor_does_one_with_store_buffers),
    TEST_CASE(without_fences_store_buffers_double_a_value),
    {0},
};
