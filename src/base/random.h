/* Counter-based random numbers: the n-th word of a stream is a function of (seed, purpose, stream,
 * n) alone, so results depend neither on ranks nor threads nor on the order of work.
 *
 * Generator: Philox4x32-10, Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3" (2011). Not for secrets.
 *
 * Real-valued draws use + - * / alone, in files compiled without contraction into fused
 * multiply-add: they are the same bits on every machine with IEEE 754 doubles.
 */
#ifndef TAL_BASE_RANDOM_H
#define TAL_BASE_RANDOM_H

#include "base/types.h"

/* Blocks made at once: a whole number of vectors, and few words wasted on a short stream. */
#define TAL_RANDOM_BLOCKS 8
#define TAL_RANDOM_WORDS  (4 * TAL_RANDOM_BLOCKS)

/* One stream; plain data, copied freely. */
typedef struct tal_random {
    uint32_t key[2];                  /* the seed */
    uint32_t block;                   /* of the next refill */
    uint32_t stream[2];               /* low, high */
    uint32_t purpose;                 /* keeps streams of one seed apart by what they are for */
    uint32_t used;                    /* words taken */
    uint32_t words[TAL_RANDOM_WORDS]; /* first words of all blocks, second words, ... */
} tal_random;

/* The bijection itself: the block of `counter` under `key`. */
void tal_random_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out_words[4]);

/* The start of a stream. Counter words: block, stream low, stream high, purpose. */
void tal_random_init(tal_random *random, uint64_t seed, uint32_t purpose, uint64_t stream);

/* Make the next words; called when all are used. A stream repeats after 2^34 words. */
void tal_random_refill(tal_random *random);

/* Uniform 32 bits. */
static inline uint32_t tal_random_u32(tal_random *random)
{
    if (random->used == TAL_RANDOM_WORDS)
        tal_random_refill(random);
    return random->words[random->used++];
}

/* Uniform 64 bits: two words, low first. */
static inline uint64_t tal_random_u64(tal_random *random)
{
    uint64_t low = tal_random_u32(random);
    return low | (uint64_t)tal_random_u32(random) << 32;
}

/* Uniform in [0, 1), a multiple of 2^-53. */
double tal_random_unit(tal_random *random);

/* Uniform in [0, bound), without bias; bound >= 1. */
uint64_t tal_random_below(tal_random *random, uint64_t bound);

/* Natural logarithm of a normal positive x; relative error below 1e-14 away from x = 1, absolute
 * error below 1e-16 near it. */
double tal_random_log(double x);

/* Exponential with mean 1, from one word: in (0, 22.9). */
double tal_random_exponential(tal_random *random);

/* Whole numbers from 1 up: each further one follows with probability `extension`, 0 <= extension
 * < 1; mean 1 / (1 - extension). */
uint64_t tal_random_geometric(tal_random *random, double extension);

#endif
