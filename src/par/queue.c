/* A bounded queue for many producers and consumers; see queue.h.
 *
 * D. Vyukov's array queue (1024cores.net, "Bounded MPMC queue"): a ring of cells, each with a
 * sequence number that says whose turn it is. Cell i begins with i. A producer that finds the
 * number of its position p in the cell moves the tail from p to p + 1 (the cell is then its own),
 * writes the item and sets the number to p + 1; a consumer at p waits for p + 1, moves the head,
 * reads the item and sets p + capacity, which is the turn of the next round's producer.
 *
 * Closing sets the top bit of the tail, so that a producer's move of the tail fails from then on:
 * pushes are either before the closing or refused, and "closed and head = tail" means that nothing
 * can come any more.
 *
 * Not lock-free in the strict sense: a producer that is suspended between moving the tail and
 * setting the number hides later items until it goes on; others see an empty queue then and
 * never wait for it in a loop.
 */
#include "par/queue.h"

#include "base/alloc.h"
#include "base/check.h"
#include "par/event.h"

#include <stdlib.h>

#define CLOSED ((uint64_t)1 << 63)

typedef struct queue_cell {
    _Atomic uint64_t turn; /* Release by the one whose turn it was, acquire by the next. */
    void *item;            /* Of the one whose turn it is. */
} queue_cell;

struct tal_queue {
    _Alignas(TAL_LINE_BYTES) _Atomic uint64_t head; /* next to pop; written by consumers */
    _Alignas(TAL_LINE_BYTES) _Atomic uint64_t tail; /* next to push, and CLOSED; by producers */
    _Alignas(TAL_LINE_BYTES) queue_cell *cells;     /* read only from here, but for the meters */
    uint64_t mask;
    const char *name;
    _Alignas(TAL_LINE_BYTES) tal_meter meter; /* waits; written by who waited */
    tal_event has_item, has_room;
};
_Static_assert(offsetof(struct tal_queue, tail) == TAL_LINE_BYTES, "cursors must not share a line");

/* What blocking calls hand to their attempts. */
typedef struct queue_call {
    tal_queue *queue;
    void *item;
    tal_queue_result result;
} queue_call;

static void read_meter(const void *object, tal_meter_values *sum)
{
    const tal_queue *queue = object;
    sum->acquisitions += atomic_load_explicit(&queue->head, memory_order_relaxed);
    sum->acquisitions += atomic_load_explicit(&queue->tail, memory_order_relaxed) & ~CLOSED;
    tal_meter_read(&queue->meter, sum);
}

tal_status tal_queue_create(const char *name, size_t capacity, tal_wait_strategy strategy,
                            tal_queue **out_queue)
{
    TAL_ASSERT(capacity >= 1);
    TAL_ASSERT(capacity <= TAL_QUEUE_CAPACITY_MAX);
    size_t cell_count = 2;
    while (cell_count < capacity)
        cell_count *= 2;
    tal_queue *queue = aligned_alloc(TAL_LINE_BYTES, sizeof(*queue));
    queue_cell *cells = tal_alloc_array(cell_count, sizeof(*cells));
    if (queue == NULL || cells == NULL) {
        tal_free(cells);
        free(queue);
        return tal_fail(TAL_ERR_MEMORY, "out of memory: cannot get a queue of %zu items", capacity);
    }
    *queue = (tal_queue){.cells = cells, .mask = cell_count - 1, .name = name};
    for (size_t i = 0; i < cell_count; i++) {
        atomic_init(&cells[i].turn, i);
        cells[i].item = NULL;
    }
    tal_event_init(&queue->has_item, strategy);
    tal_event_init(&queue->has_room, strategy);
    tal_monitor_add(name, queue, read_meter);
    *out_queue = queue;
    return TAL_OK;
}

void tal_queue_destroy(tal_queue *queue)
{
    if (queue == NULL)
        return;
    tal_monitor_remove(queue);
    tal_event_deinit(&queue->has_room);
    tal_event_deinit(&queue->has_item);
    tal_free(queue->cells);
    free(queue);
}

/* Without waking anybody. */
static tal_queue_result put(tal_queue *queue, void *item)
{
    uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    for (;;) {
        if ((tail & CLOSED) != 0)
            return TAL_QUEUE_CLOSED;
        queue_cell *cell = &queue->cells[tail & queue->mask];
        uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == tail) {
            /* Relaxed: the item is handed over by the cell's turn. */
            if (atomic_compare_exchange_weak_explicit(&queue->tail, &tail, tail + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                cell->item = item;
                atomic_store_explicit(&cell->turn, tail + 1, memory_order_release);
                return TAL_QUEUE_DONE;
            }
        } else if (turn < tail) {
            return TAL_QUEUE_BUSY; /* Still the turn of the last round's consumer. */
        } else {
            tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
        }
    }
}

static tal_queue_result take(tal_queue *queue, void **out_item)
{
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    for (;;) {
        queue_cell *cell = &queue->cells[head & queue->mask];
        uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == head + 1) {
            if (atomic_compare_exchange_weak_explicit(&queue->head, &head, head + 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                *out_item = cell->item;
                atomic_store_explicit(&cell->turn, head + queue->mask + 1, memory_order_release);
                return TAL_QUEUE_DONE;
            }
        } else if (turn <= head) {
            /* Acquire pairs with the release of tal_queue_close: who sees the end sees what the
             * closer did before. */
            uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_acquire);
            return tail == (head | CLOSED) ? TAL_QUEUE_CLOSED : TAL_QUEUE_BUSY;
        } else {
            head = atomic_load_explicit(&queue->head, memory_order_relaxed);
        }
    }
}

tal_queue_result tal_queue_try_push(tal_queue *queue, void *item)
{
    tal_queue_result result = put(queue, item);
    if (result == TAL_QUEUE_DONE)
        tal_event_notify(&queue->has_item);
    return result;
}

tal_queue_result tal_queue_try_pop(tal_queue *queue, void **out_item)
{
    tal_queue_result result = take(queue, out_item);
    if (result == TAL_QUEUE_DONE)
        tal_event_notify(&queue->has_room);
    return result;
}

static bool attempt_push(void *context)
{
    queue_call *call = context;
    call->result = tal_queue_try_push(call->queue, call->item);
    return call->result != TAL_QUEUE_BUSY;
}

static bool attempt_pop(void *context)
{
    queue_call *call = context;
    call->result = tal_queue_try_pop(call->queue, &call->item);
    return call->result != TAL_QUEUE_BUSY;
}

tal_queue_result tal_queue_push(tal_queue *queue, void *item, uint64_t timeout_ns)
{
    queue_call call = {.queue = queue, .item = item};
    if (attempt_push(&call))
        return call.result;
    tal_wait_for what = {TAL_WAIT_ROOM, queue->name, queue};
    uint64_t wait_ns;
    (void)tal_event_wait(&queue->has_room, tal_event_deadline(timeout_ns), &what, attempt_push,
                         &call, &wait_ns); /* The call holds the outcome. */
    tal_meter_add_wait(&queue->meter, wait_ns);
    return call.result;
}

tal_queue_result tal_queue_pop(tal_queue *queue, uint64_t timeout_ns, void **out_item)
{
    queue_call call = {.queue = queue};
    if (!attempt_pop(&call)) {
        tal_wait_for what = {TAL_WAIT_ITEM, queue->name, queue};
        uint64_t wait_ns;
        (void)tal_event_wait(&queue->has_item, tal_event_deadline(timeout_ns), &what, attempt_pop,
                             &call, &wait_ns); /* The call holds the outcome. */
        tal_meter_add_wait(&queue->meter, wait_ns);
    }
    if (call.result == TAL_QUEUE_DONE)
        *out_item = call.item;
    return call.result;
}

void tal_queue_close(tal_queue *queue)
{
    /* Release pairs with the acquire in take. */
    (void)atomic_fetch_or_explicit(&queue->tail, CLOSED, memory_order_release);
    tal_event_notify(&queue->has_item);
    tal_event_notify(&queue->has_room);
}

bool tal_queue_is_closed(const tal_queue *queue)
{
    return (atomic_load_explicit(&queue->tail, memory_order_acquire) & CLOSED) != 0;
}
