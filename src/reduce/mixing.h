/* What models of residues share: the logistic scale of mixing, and chances that adapt.
 *
 * As in lpaq (M. Mahoney, 2007): predictions are stretched, summed with weights, squashed into a
 * chance, and the weights follow the error. Integers only, so any machine decodes the same.
 */
#ifndef TAL_REDUCE_MIXING_H
#define TAL_REDUCE_MIXING_H

#include "base/types.h"

enum {
    TAL_STRETCH_MAX = 2047,
    TAL_CHANCE_COUNT_MAX = 250,
    TAL_WEIGHT_BEGIN = 1 << 14, /* of 65536ths */
};

/* 22 bits of probability of 1, 10 bits of how often it was seen; kept as the difference to even
 * chances not seen yet, so that what is all zero is fresh. */
typedef uint32_t tal_chance;
#define TAL_CHANCE_FRESH (UINT32_C(1) << 31)

typedef struct tal_mixing {
    int16_t stretch[4096]; /* of 4096ths */
    int16_t squash[4096];  /* by the stretched value + 2048 */
    uint16_t reciprocal[TAL_CHANCE_COUNT_MAX + 1];
} tal_mixing;

void tal_mixing_init(tal_mixing *mixing);

static inline int32_t tal_mixing_squash(const tal_mixing *mixing, int64_t sum)
{
    sum = sum < -TAL_STRETCH_MAX ? -TAL_STRETCH_MAX : sum > TAL_STRETCH_MAX ? TAL_STRETCH_MAX : sum;
    return mixing->squash[sum + 2048];
}

static inline int32_t tal_chance_stretch(const tal_mixing *mixing, tal_chance chance)
{
    return mixing->stretch[(chance ^ TAL_CHANCE_FRESH) >> 20];
}

static inline void tal_chance_learn(const tal_mixing *mixing, tal_chance *at, unsigned bit)
{
    const uint32_t known = *at ^ TAL_CHANCE_FRESH, count = known & 1023;
    const int32_t chance = (int32_t)(known >> 10);
    const int32_t target = bit != 0 ? (1 << 22) - 1 : 0;
    const int64_t step = (int64_t)(target - chance) * mixing->reciprocal[count] / 65536;
    *at = TAL_CHANCE_FRESH ^ ((uint32_t)(chance + (int32_t)step) << 10 |
                              (count < TAL_CHANCE_COUNT_MAX ? count + 1 : count));
}

#endif
