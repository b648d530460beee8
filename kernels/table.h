/* The function table of one instruction-set level. */
#ifndef TAL_KERNELS_TABLE_H
#define TAL_KERNELS_TABLE_H

#include "base/cpu.h"
#include "kernels/contract.h"
#include "kernels/rival.h"
#include "kernels/pace.h"
#include "kernels/repeats.h"
#include "kernels/wave.h"

typedef struct tal_kernel_table {
    tal_isa isa; /* the level asked for */
    /* NULL where a width does not exist for a mode (8 bit: local only). */
    tal_score_function score[TAL_MODE_COUNT][TAL_WIDTH_COUNT];
    tal_gapless_function gapless;
    tal_identity_function identity;
    tal_repeats_function repeats;
    tal_rival_function rival;
    tal_wave wave[TAL_WIDTH_COUNT]; /* one pair at a time: 16 and 32 bit */
    tal_pace pace;
} tal_kernel_table;

/* Fill from scalar upwards to `isa`: each level overwrites what it does better. */
void tal_kernel_table_init(tal_kernel_table *table, tal_isa isa);

/* Bytes of scratch any score kernel needs for a query of this length and batches whose longest lane
 * is at most `longest`; a multiple of 64. Cost: O(1). */
size_t tal_kernel_scratch_bytes(int32_t query_len, int32_t longest);

/* Likewise the gapless kernels. */
size_t tal_gapless_scratch_bytes(int32_t query_len);

#endif
