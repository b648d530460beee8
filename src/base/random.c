/* Counter-based random numbers; see random.h. */
#include "base/random.h"

#include "base/check.h"

#include <string.h>

/* gcc does not contract under -std=c17; clang does unless told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* Multipliers and Weyl constants of Philox4x32 (Salmon et al. 2011, table 2 and section 4.2). */
static const uint32_t multiplier_0 = 0xD2511F53;
static const uint32_t multiplier_1 = 0xCD9E8D57;
static const uint32_t weyl_0 = 0x9E3779B9; /* golden ratio */
static const uint32_t weyl_1 = 0xBB67AE85; /* sqrt(3) - 1 */

enum { ROUNDS = 10 };

void tal_random_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out_words[4])
{
    uint32_t x0 = counter[0];
    uint32_t x1 = counter[1];
    uint32_t x2 = counter[2];
    uint32_t x3 = counter[3];
    uint32_t key_0 = key[0];
    uint32_t key_1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t product_0 = (uint64_t)multiplier_0 * x0;
        uint64_t product_1 = (uint64_t)multiplier_1 * x2;
        x0 = (uint32_t)(product_1 >> 32) ^ x1 ^ key_0;
        x1 = (uint32_t)product_1;
        x2 = (uint32_t)(product_0 >> 32) ^ x3 ^ key_1;
        x3 = (uint32_t)product_0;
        key_0 += weyl_0;
        key_1 += weyl_1;
    }
    out_words[0] = x0;
    out_words[1] = x1;
    out_words[2] = x2;
    out_words[3] = x3;
}

void tal_random_init(tal_random *random, uint64_t seed, uint32_t purpose, uint64_t stream)
{
    random->key[0] = (uint32_t)seed;
    random->key[1] = (uint32_t)(seed >> 32);
    random->block = 0;
    random->stream[0] = (uint32_t)stream;
    random->stream[1] = (uint32_t)(stream >> 32);
    random->purpose = purpose;
    random->used = TAL_RANDOM_WORDS;
}

/* TAL_RANDOM_BLOCKS blocks side by side, so that the compiler uses vectors: the same arithmetic as
 * tal_random_block, which is its specification. */
void tal_random_refill(tal_random *random)
{
    enum { LANES = TAL_RANDOM_BLOCKS };
    uint32_t x0[LANES], x1[LANES], x2[LANES], x3[LANES];
    for (uint32_t lane = 0; lane < LANES; lane++) {
        x0[lane] = random->block + lane;
        x1[lane] = random->stream[0];
        x2[lane] = random->stream[1];
        x3[lane] = random->purpose;
    }
    uint32_t key_0 = random->key[0];
    uint32_t key_1 = random->key[1];
    for (int round = 0; round < ROUNDS; round++) {
        for (int lane = 0; lane < LANES; lane++) {
            uint64_t product_0 = (uint64_t)multiplier_0 * x0[lane];
            uint64_t product_1 = (uint64_t)multiplier_1 * x2[lane];
            x0[lane] = (uint32_t)(product_1 >> 32) ^ x1[lane] ^ key_0;
            x1[lane] = (uint32_t)product_1;
            x2[lane] = (uint32_t)(product_0 >> 32) ^ x3[lane] ^ key_1;
            x3[lane] = (uint32_t)product_0;
        }
        key_0 += weyl_0;
        key_1 += weyl_1;
    }
    memcpy(random->words, x0, sizeof(x0));
    memcpy(random->words + LANES, x1, sizeof(x1));
    memcpy(random->words + 2 * LANES, x2, sizeof(x2));
    memcpy(random->words + 3 * LANES, x3, sizeof(x3));
    random->block += LANES;
    random->used = 0;
}

double tal_random_unit(tal_random *random)
{
    return (double)(tal_random_u64(random) >> 11) * 0x1p-53;
}

/* Lemire, "Fast random integer generation in an interval" (2019): the high half of a product, with
 * the few low halves that would favour some results drawn again. */
uint64_t tal_random_below(tal_random *random, uint64_t bound)
{
    TAL_ASSERT(bound >= 1);
    unsigned __int128 product = (unsigned __int128)tal_random_u64(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = (0 - bound) % bound;
        while ((uint64_t)product < threshold)
            product = (unsigned __int128)tal_random_u64(random) * bound;
    }
    return (uint64_t)(product >> 64);
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)): log x = e log 2 + 2 atanh((m - 1) / (m + 1)), the
 * inverse hyperbolic tangent by its series; nine terms leave less than 1e-15. */
double tal_random_log(double x)
{
    const double log_2 = 0.693147180559945309417;
    const uint64_t sqrt_2_fraction = 0x6A09E667F3BCD;
    const uint64_t fraction_mask = (UINT64_C(1) << 52) - 1;
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    int64_t is_upper = (bits & fraction_mask) >= sqrt_2_fraction;
    int64_t exponent = (int64_t)(bits >> 52) - 1023 + is_upper;
    bits = (bits & fraction_mask) | (uint64_t)(1023 - is_upper) << 52;
    double m;
    memcpy(&m, &bits, sizeof(m));
    double s = (m - 1.0) / (m + 1.0);
    double z = s * s;
    double tail =
        z * (1.0 / 3 +
             z * (1.0 / 5 +
                  z * (1.0 / 7 +
                       z * (1.0 / 9 + z * (1.0 / 11 + z * (1.0 / 13 + z * (1.0 / 15 + z / 17)))))));
    return (double)exponent * log_2 + 2.0 * (s + s * tail);
}

double tal_random_exponential(tal_random *random)
{
    return -tal_random_log(((double)tal_random_u32(random) + 0.5) * 0x1p-32);
}

uint64_t tal_random_geometric(tal_random *random, double extension)
{
    TAL_ASSERT(extension >= 0.0);
    TAL_ASSERT(extension < 1.0);
    if (extension < 1e-9)
        return 1;
    return 1 + (uint64_t)(tal_random_exponential(random) / -tal_random_log(extension));
}
