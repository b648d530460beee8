/* The passes of a hidden Markov model of tandem repeats over one sequence; see src/mask/tantan.c.
 *
 * States: a background, and for each offset k + 1 a repeat state in which a residue copies the one
 * `offset` before it. With R(i, k) = ratio[x_i][x_(i-k-1)], 0 before the begin, forward
 *   F(k) = (F(k) + B * enter[k]) * R(i, k)
 *   B    = B * stay + sum(F as it was) * leave
 * and backward
 *   F(k) = F(k) * R(i, k)
 *   B    = B * stay + sum(F * enter)
 *   F(k) = F(k) + (B as it was) * leave
 * in float, no operation fused. A sum is taken in 16 partial sums of every sixteenth state, rising,
 * which are then halved: lane i with i + 8, with i + 4, with i + 2, with i + 1. So all instruction
 * sets give the same bits.
 *
 * Every TAL_REPEATS_STEP residues all states are scaled by the power of two that brings the
 * background to [1, 2): exact, so that it changes no digit. The passes do not depend on each other
 * and run side by side, one hiding the other's latency. */
#ifndef TAL_KERNELS_REPEATS_H
#define TAL_KERNELS_REPEATS_H

#include <stddef.h>
#include <stdint.h>

enum {
    TAL_REPEATS_OFFSETS_MAX = 96,
    TAL_REPEATS_CODES = 32,
    TAL_REPEATS_STEP = 16,   /* ratios are at most e^3.5: e^56 in 16 residues */
    TAL_REPEATS_PADS = 128,  /* read behind the codes: 96, and what is left of a vector */
    TAL_REPEATS_SPAN = 2048, /* residues whose ratios are laid out at once; whole steps */
};

typedef struct tal_repeats_model {
    int offset_count;                     /* 16, 48 or 96 */
    float stay;                           /* in the background */
    float leave;                          /* a repeat for the background */
    float enter[TAL_REPEATS_OFFSETS_MAX]; /* a repeat from the background, by 1 - leave */
    /* [residue][residue before]: how likely the one makes the other, by 1 - leave; 0 for pads, at
     * most e^3.5 */
    float ratio[TAL_REPEATS_CODES][TAL_REPEATS_CODES];
} tal_repeats_model;

typedef struct tal_repeats_job {
    const tal_repeats_model *model;
    const uint8_t *turned; /* the codes from the last to the first, then TAL_REPEATS_PADS pads */
    int32_t len;           /* >= 1 */
    float *ratios;         /* scratch: tal_repeats_scratch_bytes(len) */
    /* Out, len entries: the background's probability with all residues up to and with i, or after
     * i, but for the powers of two forward_powers[i / STEP], backward_powers[(len - 1 - i) / STEP]
     * (len / STEP + 1 entries). */
    float *forward, *backward;
    int32_t *forward_powers, *backward_powers;
} tal_repeats_job;

/* Returns the probability of the whole, but for the last of the forward powers. */
typedef float (*tal_repeats_function)(const tal_repeats_job *job);

size_t tal_repeats_scratch_bytes(int32_t len);

#endif
