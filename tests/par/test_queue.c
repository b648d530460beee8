/* The bounded queue and the pool on it, by real threads. TALARIA_STRESS_SECONDS: how long each
 * stress case runs (default half a second). */
#include "harness.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "par/pool.h"
#include "par/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char test_suite_name[] = "par/queue";

static uint64_t stress_ns(void)
{
    const char *seconds = getenv("TALARIA_STRESS_SECONDS");
    return (uint64_t)((seconds == NULL ? 0.5 : atof(seconds)) * 1e9);
}

static char items[64];

static tal_queue *make_queue(size_t capacity, tal_wait_strategy strategy)
{
    tal_queue *queue = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_queue_create("test", capacity, strategy, &queue), TAL_OK);
    return queue;
}

static void items_come_out_in_order_and_no_more_go_in_than_fit(void)
{
    for (size_t capacity = 1; capacity <= 33; capacity++) {
        tal_queue *queue = make_queue(capacity, TAL_WAIT_PARK);
        size_t room = 2; /* The next power of two. */
        while (room < capacity)
            room *= 2;
        for (int round = 0; round < 3; round++) {
            void *item = NULL;
            CU_ASSERT_EQUAL(tal_queue_try_pop(queue, &item), TAL_QUEUE_BUSY);
            for (size_t i = 0; i < room; i++)
                CU_ASSERT_EQUAL(tal_queue_try_push(queue, &items[i % 64]), TAL_QUEUE_DONE);
            CU_ASSERT_EQUAL(tal_queue_try_push(queue, items), TAL_QUEUE_BUSY);
            CU_ASSERT_EQUAL(tal_queue_push(queue, items, 1000), TAL_QUEUE_BUSY);
            for (size_t i = 0; i < room; i++) {
                CU_ASSERT_EQUAL(tal_queue_try_pop(queue, &item), TAL_QUEUE_DONE);
                CU_ASSERT_PTR_EQUAL(item, &items[i % 64]);
            }
            CU_ASSERT_EQUAL(tal_queue_pop(queue, 1000, &item), TAL_QUEUE_BUSY);
        }
        tal_queue_destroy(queue);
    }
    tal_queue_destroy(NULL);
}

static void pop_on_closed_queue_drains_it_and_reports_the_end(void)
{
    tal_queue *queue = make_queue(4, TAL_WAIT_PARK);
    void *item = NULL;
    CU_ASSERT_FALSE(tal_queue_is_closed(queue));
    CU_ASSERT_EQUAL(tal_queue_push(queue, &items[1], TAL_WAIT_FOREVER), TAL_QUEUE_DONE);
    tal_queue_close(queue);
    tal_queue_close(queue);
    CU_ASSERT(tal_queue_is_closed(queue));
    CU_ASSERT_EQUAL(tal_queue_push(queue, &items[2], TAL_WAIT_FOREVER), TAL_QUEUE_CLOSED);
    CU_ASSERT_EQUAL(tal_queue_try_push(queue, &items[2]), TAL_QUEUE_CLOSED);
    CU_ASSERT_EQUAL(tal_queue_pop(queue, TAL_WAIT_FOREVER, &item), TAL_QUEUE_DONE);
    CU_ASSERT_PTR_EQUAL(item, &items[1]);
    item = NULL;
    CU_ASSERT_EQUAL(tal_queue_pop(queue, TAL_WAIT_FOREVER, &item), TAL_QUEUE_CLOSED);
    CU_ASSERT_EQUAL(tal_queue_try_pop(queue, &item), TAL_QUEUE_CLOSED);
    CU_ASSERT_PTR_NULL(item);
    tal_queue_destroy(queue);
}

static void *pop_until_closed(void *context)
{
    void *item;
    intptr_t count = 0;
    while (tal_queue_pop(context, TAL_WAIT_FOREVER, &item) == TAL_QUEUE_DONE)
        count++;
    return (void *)count;
}

static void *push_until_closed(void *context)
{
    intptr_t count = 0;
    while (tal_queue_push(context, items, TAL_WAIT_FOREVER) == TAL_QUEUE_DONE)
        count++;
    return (void *)count;
}

static void closing_wakes_whoever_waits(void)
{
    for (int strategy = 0; strategy < TAL_WAIT_STRATEGY_COUNT; strategy++)
        for (int is_push = 0; is_push < 2; is_push++) {
            tal_queue *queue = make_queue(2, (tal_wait_strategy)strategy);
            pthread_t threads[3];
            for (int i = 0; i < 3; i++)
                CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL,
                                                     is_push ? push_until_closed : pop_until_closed,
                                                     queue),
                                      0);
            if (is_push) /* All of them run or wait, full or not. */
                while (tal_queue_try_push(queue, items) != TAL_QUEUE_BUSY) {
                }
            tal_queue_close(queue);
            intptr_t count = 0;
            for (int i = 0; i < 3; i++) {
                void *result = NULL;
                pthread_join(threads[i], &result);
                count += (intptr_t)result;
            }
            CU_ASSERT(is_push ? count <= 2 : count == 0);
            tal_queue_destroy(queue);
        }
}

enum { STRESS_THREADS = 3 };

/* Numbers are pushed as pointers: producer in the low bits, then its count, from 1. */
typedef struct stress {
    tal_queue *queue;
    uint64_t end_ns;
    _Atomic uint64_t pushed_count, pushed_sum, popped_count, popped_sum;
    _Atomic uint64_t disorder_count;
} stress;

typedef struct stress_thread {
    stress *shared;
    uint64_t idx;
    pthread_t thread;
} stress_thread;

static void *produce(void *context)
{
    stress_thread *self = context;
    uint64_t count = 0;
    uint64_t sum = 0;
    for (;;) {
        uint64_t value = (count + 1) * STRESS_THREADS + self->idx;
        tal_queue_result result =
            count % 3 == 0 ? tal_queue_try_push(self->shared->queue, (void *)(uintptr_t)value)
                           : tal_queue_push(self->shared->queue, (void *)(uintptr_t)value, 50000);
        if (result == TAL_QUEUE_CLOSED)
            break;
        if (result == TAL_QUEUE_DONE) {
            count++;
            sum += value;
        }
        if (tal_clock_ns() > self->shared->end_ns)
            break;
    }
    atomic_fetch_add(&self->shared->pushed_count, count);
    atomic_fetch_add(&self->shared->pushed_sum, sum);
    return NULL;
}

static void *consume(void *context)
{
    stress_thread *self = context;
    uint64_t last[STRESS_THREADS] = {0};
    uint64_t count = 0;
    uint64_t sum = 0;
    for (;;) {
        void *item = NULL;
        tal_queue_result result = count % 5 == 0
                                      ? tal_queue_pop(self->shared->queue, 70000, &item)
                                      : tal_queue_pop(self->shared->queue, TAL_WAIT_FOREVER, &item);
        if (result == TAL_QUEUE_CLOSED)
            break;
        if (result == TAL_QUEUE_BUSY)
            continue;
        uint64_t value = (uintptr_t)item;
        uint64_t producer = value % STRESS_THREADS;
        if (value <= last[producer])
            atomic_fetch_add(&self->shared->disorder_count, 1);
        last[producer] = value;
        count++;
        sum += value;
    }
    atomic_fetch_add(&self->shared->popped_count, count);
    atomic_fetch_add(&self->shared->popped_sum, sum);
    return NULL;
}

static void stress_queue(size_t capacity, tal_wait_strategy strategy, int producers, int consumers)
{
    stress shared = {.queue = make_queue(capacity, strategy),
                     .end_ns = tal_clock_ns() + stress_ns()};
    stress_thread threads[2 * STRESS_THREADS];
    for (int i = 0; i < producers + consumers; i++) {
        threads[i] = (stress_thread){&shared, (uint64_t)i, 0};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i].thread, NULL,
                                             i < producers ? produce : consume, &threads[i]),
                              0);
    }
    for (int i = 0; i < producers; i++)
        pthread_join(threads[i].thread, NULL);
    tal_queue_close(shared.queue);
    for (int i = producers; i < producers + consumers; i++)
        pthread_join(threads[i].thread, NULL);
    CU_ASSERT(atomic_load(&shared.pushed_count) > 0);
    CU_ASSERT_EQUAL(atomic_load(&shared.pushed_count), atomic_load(&shared.popped_count));
    CU_ASSERT_EQUAL(atomic_load(&shared.pushed_sum), atomic_load(&shared.popped_sum));
    CU_ASSERT_EQUAL(atomic_load(&shared.disorder_count), 0);
    tal_queue_destroy(shared.queue);
}

static void nothing_is_lost_or_doubled_under_stress(void)
{
    for (int strategy = 0; strategy < TAL_WAIT_STRATEGY_COUNT; strategy++) {
        stress_queue(2, (tal_wait_strategy)strategy, 1, 1);
        stress_queue(2, (tal_wait_strategy)strategy, STRESS_THREADS, STRESS_THREADS);
        stress_queue(64, (tal_wait_strategy)strategy, 2, 1);
    }
}

static void a_pool_gives_each_item_to_one_taker(void)
{
    tal_pool *pool = NULL;
    CU_ASSERT_EQUAL_FATAL(tal_pool_create("test", 3, 40, TAL_WAIT_PARK, &pool), TAL_OK);
    CU_ASSERT_EQUAL(tal_pool_item_count(pool), 3);
    unsigned char *taken[3];
    for (int i = 0; i < 3; i++) {
        taken[i] = tal_pool_acquire(pool, 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(taken[i]);
        for (int k = 0; k < 40; k++)
            CU_ASSERT_EQUAL(taken[i][k], 0);
        memset(taken[i], i + 1, 40);
    }
    CU_ASSERT_PTR_NULL(tal_pool_acquire(pool, 0));
    CU_ASSERT_PTR_NULL(tal_pool_acquire(pool, 1000));
    for (int i = 0; i < 3; i++)
        CU_ASSERT(taken[i][0] == i + 1 && taken[i][39] == i + 1);
    tal_pool_release(pool, taken[1]);
    CU_ASSERT_PTR_EQUAL(tal_pool_acquire(pool, TAL_WAIT_FOREVER), taken[1]);
    tal_pool_release(pool, taken[0]);
    tal_pool_close(pool);
    CU_ASSERT(tal_pool_is_closed(pool));
    CU_ASSERT_PTR_NULL(tal_pool_acquire(pool, TAL_WAIT_FOREVER));
    tal_pool_release(pool, taken[2]);
    tal_pool_destroy(pool);
    tal_pool_destroy(NULL);
}

enum { POOL_ITEMS = 3 };

typedef struct pool_stress {
    tal_pool *pool;
    uint64_t end_ns;
    _Atomic int user[POOL_ITEMS]; /* of each item; 0: none */
    _Atomic uint64_t clash_count, turn_count;
} pool_stress;

typedef struct pool_item {
    size_t idx;
    uint64_t use_count; /* not atomic: the pool hands it over */
} pool_item;

static void *use_pool(void *context)
{
    pool_stress *shared = context;
    for (uint64_t turn = 0; tal_clock_ns() < shared->end_ns; turn++) {
        pool_item *item = tal_pool_acquire(shared->pool, turn % 3 == 0 ? 0 : TAL_WAIT_FOREVER);
        if (item == NULL)
            continue;
        if (atomic_fetch_add(&shared->user[item->idx], 1) != 0)
            atomic_fetch_add(&shared->clash_count, 1);
        item->use_count++;
        atomic_fetch_sub(&shared->user[item->idx], 1);
        atomic_fetch_add(&shared->turn_count, 1);
        tal_pool_release(shared->pool, item);
    }
    return NULL;
}

static void a_pool_never_lends_an_item_twice_under_stress(void)
{
    for (int strategy = 0; strategy < TAL_WAIT_STRATEGY_COUNT; strategy++) {
        pool_stress shared = {.end_ns = tal_clock_ns() + stress_ns()};
        CU_ASSERT_EQUAL_FATAL(tal_pool_create("test", POOL_ITEMS, sizeof(pool_item),
                                              (tal_wait_strategy)strategy, &shared.pool),
                              TAL_OK);
        for (size_t i = 0; i < POOL_ITEMS; i++)
            ((pool_item *)tal_pool_item(shared.pool, i))->idx = i;
        pthread_t threads[5];
        for (int i = 0; i < 5; i++)
            CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use_pool, &shared), 0);
        for (int i = 0; i < 5; i++)
            pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(atomic_load(&shared.clash_count), 0);
        uint64_t uses = 0;
        for (size_t i = 0; i < POOL_ITEMS; i++)
            uses += ((pool_item *)tal_pool_item(shared.pool, i))->use_count;
        CU_ASSERT_EQUAL(uses, atomic_load(&shared.turn_count));
        CU_ASSERT(uses > 0);
        tal_pool_destroy(shared.pool);
    }
}

static void *push_many(void *context)
{
    for (int i = 0; i < 1000000; i++)
        (void)tal_queue_push(context, items, TAL_WAIT_FOREVER);
    return NULL;
}

/* No claim: numbers for the log. */
static void cost_of_an_item_is_shown(void)
{
    enum { COUNT = 1000000 };
    for (int strategy = 0; strategy < TAL_WAIT_STRATEGY_COUNT; strategy++) {
        tal_queue *queue = make_queue(1024, (tal_wait_strategy)strategy);
        void *item = NULL;
        uint64_t start = tal_clock_ns();
        for (int i = 0; i < COUNT; i++) {
            (void)tal_queue_try_push(queue, items);
            (void)tal_queue_try_pop(queue, &item);
        }
        double alone = (double)(tal_clock_ns() - start) / COUNT;
        pthread_t thread;
        start = tal_clock_ns();
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, push_many, queue), 0);
        for (int i = 0; i < COUNT; i++)
            CU_ASSERT_EQUAL_FATAL(tal_queue_pop(queue, TAL_WAIT_FOREVER, &item), TAL_QUEUE_DONE);
        pthread_join(thread, NULL);
        printf("\n    strategy %d: %.1f ns for a push and a pop alone, %.1f ns between two threads",
               strategy, alone, (double)(tal_clock_ns() - start) / COUNT);
        tal_queue_destroy(queue);
    }
}

const test_case test_cases[] = {
    TEST_CASE(items_come_out_in_order_and_no_more_go_in_than_fit),
    TEST_CASE(pop_on_closed_queue_drains_it_and_reports_the_end),
    TEST_CASE(closing_wakes_whoever_waits),
    TEST_CASE(nothing_is_lost_or_doubled_under_stress),
    TEST_CASE(a_pool_gives_each_item_to_one_taker),
    TEST_CASE(a_pool_never_lends_an_item_twice_under_stress),
    TEST_CASE(cost_of_an_item_is_shown),
    {0},
};
