/* One-sided counters and reads: run with 1, 2, 3, 4 ranks. */
#include "ranks.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "comm/window.h"

#include <stdio.h>
#include <string.h>

enum { DRAWS = 2000 };

/* Every rank draws from every rank's counter until it is past the end. */
static void every_ticket_is_drawn_once(ranks_test *test)
{
    tal_window *window = NULL;
    RANKS_CHECK(test, tal_window_create_counters(test->comm, 2, &window) == TAL_OK);
    size_t count = (size_t)test->size * DRAWS;
    uint64_t *drawn = tal_alloc_zero(count * sizeof(*drawn));
    for (int i = 0; i < test->size; i++) {
        int target = (test->rank + i) % test->size;
        for (;;) {
            uint64_t ticket = tal_window_fetch_add(window, target, 1, 1);
            if (ticket >= DRAWS)
                break;
            drawn[(size_t)target * DRAWS + ticket]++;
        }
    }
    tal_comm_sum_u64(test->comm, drawn, count);
    bool is_once = true;
    for (size_t i = 0; i < count; i++)
        is_once = is_once && drawn[i] == 1;
    RANKS_CHECK(test, is_once);
    for (int target = 0; target < test->size; target++) {
        RANKS_CHECK(test, tal_window_fetch_add(window, target, 0, 0) == 0);
        RANKS_CHECK(test,
                    tal_window_fetch_add(window, target, 1, 0) == DRAWS + (uint64_t)test->size);
    }
    tal_comm_barrier(test->comm);
    tal_window_set(window, 1, 7);
    tal_comm_barrier(test->comm);
    RANKS_CHECK(test, tal_window_fetch_add(window, (test->rank + 1) % test->size, 1, 0) == 7);
    tal_comm_barrier(test->comm);
    tal_window_destroy(window);
    tal_free(drawn);
}

/* A target that computes for long, looking up now and then, is read meanwhile. */
static void memory_of_a_busy_rank_is_read(ranks_test *test)
{
    uint64_t bytes = (uint64_t)(test->rank + 1) * 1000003;
    uint8_t *own = tal_alloc(bytes);
    uint8_t *other = tal_alloc((uint64_t)(test->size + 1) * 1000003);
    for (uint64_t i = 0; i < bytes; i++)
        own[i] = (uint8_t)(i * 31 + (uint64_t)test->rank);
    tal_window *window = NULL;
    tal_window *done = NULL;
    RANKS_CHECK(test, tal_window_create(test->comm, own, bytes, &window) == TAL_OK);
    RANKS_CHECK(test, tal_window_create_counters(test->comm, 1, &done) == TAL_OK);
    uint64_t start = tal_clock_ns();
    for (int i = 1; i < test->size && test->rank > 0; i++) {
        int target = (test->rank + i) % test->size;
        uint64_t target_bytes = (uint64_t)(target + 1) * 1000003;
        tal_window_get(window, target, 0, other, 1000);
        tal_window_get(window, target, 1000, other + 1000, target_bytes - 1000);
        tal_window_flush(window, target);
        bool is_right = true;
        for (uint64_t k = 0; k < target_bytes; k++)
            is_right = is_right && other[k] == (uint8_t)(k * 31 + (uint64_t)target);
        RANKS_CHECK(test, is_right);
    }
    if (test->rank > 0)
        (void)tal_window_fetch_add(done, 0, 0, 1);
    if (test->rank == 1)
        printf("rank 1 read %d ranks in %.1f ms\n", test->size - 1,
               (double)(tal_clock_ns() - start) * 1e-6);
    /* Rank 0 has no MPI call of its own to make until all have read. */
    while (test->rank == 0 && tal_window_fetch_add(done, 0, 0, 0) < (uint64_t)test->size - 1)
        tal_comm_progress(test->comm);
    tal_comm_barrier(test->comm);
    tal_window_destroy(done);
    tal_window_destroy(window);
    tal_free(other);
    tal_free(own);
}

int main(int argc, char **argv)
{
    ranks_test test;
    ranks_begin(&test, &argc, &argv);
    RANKS_RUN(&test, every_ticket_is_drawn_once);
    RANKS_RUN(&test, memory_of_a_busy_rank_is_read);
    return ranks_end(&test);
}
