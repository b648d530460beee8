/* Binary arithmetic coding with adaptive probabilities: what all blocks of a container are made of.
 *
 * The carryless coder of M. Mahoney (paq, lpaq): an interval of 32-bit numbers is cut at each bit
 * in proportion to its probability, equal leading bytes are shifted out. Integers only, so any
 * machine decodes the same. A decoder reads zeros behind its input and notes it: damaged bytes give
 * wrong symbols, never a wrong access.
 */
#ifndef TAL_REDUCE_RANGE_CODER_H
#define TAL_REDUCE_RANGE_CODER_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/types.h"

/* A probability of 1 in 65536ths, as the mean of a quick and a slow average. */
typedef struct tal_bit {
    uint16_t quick, slow;
} tal_bit;

/* Encoding appends to `out`; decoding reads [in, end). One of the two. */
typedef struct tal_coder {
    uint32_t low, high;
    tal_buffer *out; /* NULL: decoding */
    tal_status status;
    uint32_t code;
    const uint8_t *in, *end;
    size_t overrun; /* bytes read behind the end */
} tal_coder;

enum { TAL_BIT_QUICK = 4, TAL_BIT_SLOW = 7, TAL_BIT_LEAST = 24 };

void tal_coder_init_encoder(tal_coder *coder, tal_buffer *out);
void tal_coder_init_decoder(tal_coder *coder, const uint8_t *data, size_t bytes);

/* Flush an encoder; the first failure of it (memory). Whether a decoder stayed inside its input:
 * TAL_ERR_DATA without a message (an encoder writes as many bytes as its decoder reads). */
tal_status tal_coder_finish(tal_coder *coder);

/* Every probability one half. */
void tal_bits_reset(tal_bit *bits, size_t count);

/* Move the interval on when its leading bytes are equal. */
void tal_coder_shift(tal_coder *coder);

/* Code `bit` with probability `chance` of 1 (1 to 65535); returns it, or when decoding what was
 * read. */
static inline unsigned tal_coder_code(tal_coder *coder, unsigned bit, uint32_t chance)
{
    const uint32_t middle =
        coder->low + (uint32_t)(((uint64_t)(coder->high - coder->low) * chance) >> 16);
    if (coder->out == NULL)
        bit = coder->code <= middle;
    if (bit != 0)
        coder->high = middle;
    else
        coder->low = middle + 1;
    if (((coder->low ^ coder->high) & 0xff000000u) == 0)
        tal_coder_shift(coder);
    return bit;
}

static inline uint32_t tal_bit_chance(const tal_bit *bit)
{
    return ((uint32_t)bit->quick + bit->slow) >> 1;
}

static inline void tal_bit_learn(tal_bit *bit, unsigned value)
{
    if (value != 0) {
        bit->quick =
            (uint16_t)(bit->quick + ((65535 - TAL_BIT_LEAST - bit->quick) >> TAL_BIT_QUICK));
        bit->slow = (uint16_t)(bit->slow + ((65535 - TAL_BIT_LEAST - bit->slow) >> TAL_BIT_SLOW));
    } else {
        bit->quick = (uint16_t)(bit->quick - ((bit->quick - TAL_BIT_LEAST) >> TAL_BIT_QUICK));
        bit->slow = (uint16_t)(bit->slow - ((bit->slow - TAL_BIT_LEAST) >> TAL_BIT_SLOW));
    }
}

static inline unsigned tal_coder_bit(tal_coder *coder, tal_bit *bit, unsigned value)
{
    value = tal_coder_code(coder, value, tal_bit_chance(bit));
    tal_bit_learn(bit, value);
    return value;
}

/* A value of `width` bits, highest first, in a tree of 1 << width probabilities. */
static inline unsigned tal_coder_tree(tal_coder *coder, tal_bit *tree, int width, unsigned value)
{
    unsigned node = 1;
    for (int i = width - 1; i >= 0; i--)
        node = node * 2 + tal_coder_bit(coder, &tree[node], (value >> i) & 1);
    return node - (1u << width);
}

/* Whole numbers of unknown size: the count of bits in a tree, then the bits, the upper ones with
 * probabilities of their own. */
typedef struct tal_number {
    tal_bit size[128];
    tal_bit upper[65][8];
} tal_number;

void tal_number_reset(tal_number *number);
uint64_t tal_coder_number(tal_coder *coder, tal_number *number, uint64_t value);

/* The same for signed numbers; small ones of either sign are small. */
int64_t tal_coder_signed(tal_coder *coder, tal_number *number, int64_t value);

#endif
