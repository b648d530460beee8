/* How the units of a loop are dealt to workers in items: runs of consecutive units.
 *
 * The undealt rest is a source: one cursor shared by all (the injector: dynamic, guided), or one
 * per worker (static). Cursors only rise; taking is one atomic operation. Nothing here waits.
 */
#ifndef TAL_PAR_SCHEDULE_H
#define TAL_PAR_SCHEDULE_H

#include "base/types.h"

#include <stdatomic.h>

/* In the order of the configuration's choices. */
typedef enum tal_balance {
    TAL_BALANCE_STATIC = 0, /* all units are dealt in advance: equal items in turn */
    TAL_BALANCE_DYNAMIC,    /* a worker takes the next items when it has none */
    TAL_BALANCE_GUIDED,     /* likewise, in items that fall with what is left */
} tal_balance;

/* A run of units: one item of work. */
typedef struct tal_range {
    uint64_t begin, end;
} tal_range;

/* Limits: a range travels through a deque as one 64-bit word. */
#define TAL_UNITS_MAX       ((uint64_t)1 << 44)
#define TAL_RANGE_UNITS_MAX (((uint64_t)1 << 20) - 1)

static inline uint64_t tal_range_encode(tal_range range)
{
    return range.begin << 20 | (range.end - range.begin);
}

static inline tal_range tal_range_decode(uint64_t word)
{
    uint64_t begin = word >> 20;
    return (tal_range){begin, begin + (word & TAL_RANGE_UNITS_MAX)};
}

/* Sizes in units. */
typedef struct tal_schedule_params {
    tal_balance balance;
    int worker_count;
    uint64_t unit_count;           /* at most TAL_UNITS_MAX */
    uint64_t chunk;                /* units of an item; where adaptive, of a worker's first one */
    uint64_t chunk_min, chunk_max; /* of an adaptive or guided item; <= TAL_RANGE_UNITS_MAX */
    bool is_adaptive;
} tal_schedule_params;

typedef struct tal_schedule {
    tal_schedule_params params;
    _Alignas(
        TAL_LINE_BYTES) _Atomic uint64_t next; /* units dealt; relaxed: only the count matters */
    struct tal_deal *deals;                    /* static: one per worker */
} tal_schedule;

/* Items a worker has taken of its own deal. */
typedef struct tal_deal {
    _Alignas(TAL_LINE_BYTES) _Atomic uint64_t taken;
} tal_deal;

/* Sequences of configuration keys in units of a loop, rounded to nearest, 1 to
 * TAL_RANGE_UNITS_MAX. */
uint64_t tal_schedule_units(uint64_t sequences, uint64_t unit_sequences);

/* Start a loop. `deals` has worker_count entries and stays the caller's. Threads: one. */
void tal_schedule_init(tal_schedule *schedule, const tal_schedule_params *params, tal_deal *deals);

/* Take up to `limit` items for a worker whose current item size is `chunk`, from the injector, or
 * under static from the deal of `owner`. Returns how many; 0: the source is empty. Items are
 * consecutive and rising (static: rising). Threads: any. */
size_t tal_schedule_take(tal_schedule *schedule, int owner, uint64_t chunk, size_t limit,
                         tal_range *out_ranges);

/* Items left in a static deal. Threads: any. */
uint64_t tal_schedule_deal_left(tal_schedule *schedule, int owner);

/* The next size of an adaptive item after `units` units took `elapsed_ns`: towards
 * TAL_ITEM_TARGET_NS, at most halved or doubled, within the limits. Pure. */
uint64_t tal_schedule_adapt(const tal_schedule_params *params, uint64_t chunk, uint64_t units,
                            uint64_t elapsed_ns);

/* Long enough that taking an item costs nothing, short enough that the last ones end together. */
#define TAL_ITEM_TARGET_NS ((uint64_t)4000000)

#endif
