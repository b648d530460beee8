/* How fast this core goes: runs of known operations to be timed, from which follows what a kernel
 * could reach at most.
 *
 * All but the chain are independent of each other, without loads and stores, so that only the
 * number of pipes holds them up; they are kept in order from the compiler by empty assembly. A
 * level shares the numbers of the level whose vectors it uses: the functions of `scalar` are NULL.
 */
#ifndef TAL_KERNELS_PACE_H
#define TAL_KERNELS_PACE_H

#include "kernels/contract.h"

enum {
    TAL_PACE_CHAIN_ADDITIONS = 16,   /* of a round of `chain` */
    TAL_PACE_CELL_OPERATIONS = 9,    /* of a round of `cell` */
    TAL_PACE_DIAGONAL_ADDITIONS = 4, /* of a round of `diagonal` */
    TAL_PACE_LOADS = 8,              /* of a round of `load` */
};

typedef void (*tal_pace_function)(uint64_t rounds);

typedef struct tal_pace {
    tal_pace_function chain; /* additions of a register, each waiting for the last: one a clock */
    /* What the recurrence of a vector of cells takes: an addition, three subtractions, five maxima.
     */
    tal_pace_function cell[TAL_WIDTH_COUNT];
    tal_pace_function diagonal; /* of a gapless cell: an addition and half a maximum, 8 bit */
    tal_pace_function load;     /* of whole vectors, from the first-level cache */
} tal_pace;

#endif
