/* One steal: what a worker without work takes from another. */
#ifndef TAL_PAR_STEAL_H
#define TAL_PAR_STEAL_H

#include "par/deque.h"
#include "par/schedule.h"

/* Items one steal takes at most from a victim that has `count`: the share of them, rounded up, no
 * more than a deque holds. Pure. */
size_t tal_steal_limit(double share, uint64_t count);

/* Take up to `share` of the victim's items: from its deque; under static, when that is empty, from
 * its undealt items. They are pushed to the thief's deque (empty, owned by the caller), so that
 * others can steal them on. Returns how many. Threads: the thief. Never blocks. */
size_t tal_steal_from(tal_schedule *schedule, tal_deque *victim_deque, int victim, double share,
                      tal_deque *thief_deque);

#endif
