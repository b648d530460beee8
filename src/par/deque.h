/* A work-stealing deque of 64-bit values: one owner pushes and pops at the bottom, any thread
 * steals from the top.
 *
 * Algorithm: Chase and Lev, "Dynamic circular work-stealing deque" (2005), with the memory orders
 * of Le, Pop, Cohen, Zappa Nardelli, "Correct and efficient work-stealing for weak memory models"
 * (2013). Bounded: a full deque refuses, it does not grow.
 *
 * Protocol: bottom is written by the owner alone, top only by compare-and-swap. What happened
 * before a push happens before the steal or pop that gets the value.
 */
#ifndef TAL_PAR_DEQUE_H
#define TAL_PAR_DEQUE_H

#include "base/types.h"

#include <stdatomic.h>

/* A power of two; more than a worker is ever dealt at once. */
#ifndef TAL_DEQUE_CAPACITY
#define TAL_DEQUE_CAPACITY 64
#endif

typedef struct tal_deque {
    _Alignas(TAL_LINE_BYTES) _Atomic int64_t top;    /* next to steal */
    _Alignas(TAL_LINE_BYTES) _Atomic int64_t bottom; /* one past the last pushed; release */
    _Alignas(TAL_LINE_BYTES) _Atomic uint64_t slots[TAL_DEQUE_CAPACITY];
} tal_deque;

typedef enum tal_steal_result {
    TAL_STEAL_DONE = 0,
    TAL_STEAL_EMPTY,
    TAL_STEAL_LOST, /* another thread was faster: there may be more */
} tal_steal_result;

/* Empty it. Threads: one, while no other uses the deque. */
void tal_deque_init(tal_deque *deque);

/* False: full. Threads: owner. */
bool tal_deque_push(tal_deque *deque, uint64_t value);

/* The value pushed last that is still there; false: empty. Threads: owner. */
bool tal_deque_pop(tal_deque *deque, uint64_t *out_value);

/* The oldest value. Threads: any. Never blocks. */
tal_steal_result tal_deque_steal(tal_deque *deque, uint64_t *out_value);

/* How many values there are, or were a moment ago. Threads: any. */
size_t tal_deque_count(tal_deque *deque);

#endif
