/* One steal; see steal.h. */
#include "par/steal.h"

#include "base/check.h"

size_t tal_steal_limit(double share, uint64_t count)
{
    double limit = share * (double)count;
    if (limit >= TAL_DEQUE_CAPACITY)
        return TAL_DEQUE_CAPACITY;
    size_t whole = (size_t)limit;
    return (double)whole < limit ? whole + 1 : whole;
}

/* The oldest items of a deque are its last ones in unit order: pushed as they come, the thief pops
 * the lowest first. */
static size_t steal_items(tal_deque *from, size_t limit, tal_deque *to)
{
    size_t taken = 0;
    while (taken < limit) {
        uint64_t word;
        tal_steal_result result = tal_deque_steal(from, &word);
        if (result == TAL_STEAL_EMPTY)
            break;
        if (result == TAL_STEAL_LOST)
            break; /* Somebody else works here: look elsewhere. */
        bool is_pushed = tal_deque_push(to, word);
        TAL_ASSERT(is_pushed);
        taken++;
    }
    return taken;
}

size_t tal_steal_from(tal_schedule *schedule, tal_deque *victim_deque, int victim, double share,
                      tal_deque *thief_deque)
{
    size_t limit = tal_steal_limit(share, tal_deque_count(victim_deque));
    size_t taken = steal_items(victim_deque, limit, thief_deque);
    if (taken > 0 || schedule->params.balance != TAL_BALANCE_STATIC)
        return taken;
    limit = tal_steal_limit(share, tal_schedule_deal_left(schedule, victim));
    if (limit == 0)
        return 0;
    tal_range ranges[TAL_DEQUE_CAPACITY];
    taken = tal_schedule_take(schedule, victim, 0, limit, ranges);
    for (size_t i = taken; i-- > 0;) {
        bool is_pushed = tal_deque_push(thief_deque, tal_range_encode(ranges[i]));
        TAL_ASSERT(is_pushed);
    }
    return taken;
}
