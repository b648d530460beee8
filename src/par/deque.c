/* The work-stealing deque; see deque.h.
 *
 * Stores to bottom release where the paper has a fence and a relaxed store: the same machine code
 * on x86-64, and race detectors that do not know fences follow it. The sequentially consistent
 * fences order the owner's claim of the last value (store bottom, then load top) against a thief's
 * (load top, then load bottom): one of the two sees the other.
 *
 * All shared accesses go through the macros below, so that tests/par/test_deque_cases.c can compile
 * this very text with its own, and run it in every interleaving.
 */
#include "par/deque.h"

#ifndef DEQUE_LOAD
#define DEQUE_LOAD(object, order)         atomic_load_explicit(object, order)
#define DEQUE_STORE(object, value, order) atomic_store_explicit(object, value, order)
#define DEQUE_FENCE()                     atomic_thread_fence(memory_order_seq_cst)
#define DEQUE_SWAP(object, expected, value)                                                \
    atomic_compare_exchange_strong_explicit(object, expected, value, memory_order_seq_cst, \
                                            memory_order_relaxed)
#endif

_Static_assert((TAL_DEQUE_CAPACITY & (TAL_DEQUE_CAPACITY - 1)) == 0, "slots wrap by a mask");
_Static_assert(offsetof(tal_deque, bottom) == TAL_LINE_BYTES, "ends must not share a line");

static _Atomic uint64_t *slot(tal_deque *deque, int64_t idx)
{
    return &deque->slots[(uint64_t)idx & (TAL_DEQUE_CAPACITY - 1)];
}

void tal_deque_init(tal_deque *deque)
{
    atomic_init(&deque->top, 0);
    atomic_init(&deque->bottom, 0);
    for (int i = 0; i < TAL_DEQUE_CAPACITY; i++)
        atomic_init(&deque->slots[i], 0);
}

bool tal_deque_push(tal_deque *deque, uint64_t value)
{
    int64_t bottom = DEQUE_LOAD(&deque->bottom, memory_order_relaxed);
    int64_t top = DEQUE_LOAD(&deque->top, memory_order_acquire); /* The slot was read before. */
    if (bottom - top >= TAL_DEQUE_CAPACITY)
        return false;
    DEQUE_STORE(slot(deque, bottom), value, memory_order_relaxed);
    DEQUE_STORE(&deque->bottom, bottom + 1, memory_order_release); /* Pairs with steal. */
    return true;
}

bool tal_deque_pop(tal_deque *deque, uint64_t *out_value)
{
    int64_t bottom = DEQUE_LOAD(&deque->bottom, memory_order_relaxed) - 1;
    DEQUE_STORE(&deque->bottom, bottom, memory_order_relaxed);
    DEQUE_FENCE();
    int64_t top = DEQUE_LOAD(&deque->top, memory_order_relaxed);
    bool has_value = top <= bottom;
    if (has_value)
        *out_value = DEQUE_LOAD(slot(deque, bottom), memory_order_relaxed);
    if (top >= bottom) {
        if (has_value) /* The last one: thieves may want it too. */
            has_value = DEQUE_SWAP(&deque->top, &top, top + 1);
        DEQUE_STORE(&deque->bottom, bottom + 1, memory_order_release);
    }
    return has_value;
}

tal_steal_result tal_deque_steal(tal_deque *deque, uint64_t *out_value)
{
    int64_t top = DEQUE_LOAD(&deque->top, memory_order_acquire);
    DEQUE_FENCE();
    int64_t bottom = DEQUE_LOAD(&deque->bottom, memory_order_acquire); /* Pairs with push. */
    if (top >= bottom)
        return TAL_STEAL_EMPTY;
    uint64_t value = DEQUE_LOAD(slot(deque, top), memory_order_relaxed);
    if (!DEQUE_SWAP(&deque->top, &top, top + 1))
        return TAL_STEAL_LOST;
    *out_value = value;
    return TAL_STEAL_DONE;
}

size_t tal_deque_count(tal_deque *deque)
{
    int64_t top = DEQUE_LOAD(&deque->top, memory_order_acquire);
    int64_t bottom = DEQUE_LOAD(&deque->bottom, memory_order_acquire);
    return bottom > top ? (size_t)(bottom - top) : 0;
}
