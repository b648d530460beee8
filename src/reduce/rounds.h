/* Which seeds are used, round by round. */
#ifndef TAL_REDUCE_ROUNDS_H
#define TAL_REDUCE_ROUNDS_H

#include "reduce/kmers.h"

typedef struct tal_rounds {
    tal_seed degrees; /* what degrees are counted by: more k-mers than a round needs */
    const tal_seed *seeds;
    size_t count;
} tal_rounds;

/* The lowest identity in percent that a target may be reached by: seeds are too long below. */
uint64_t tal_rounds_lowest(tal_alphabet alphabet);

/* For an identity in hundredths of a percent, and the residues of all distinct sequences. */
tal_rounds tal_rounds_for(tal_alphabet alphabet, int32_t identity, uint64_t residue_count);

#endif
