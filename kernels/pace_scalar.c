/* The chain of additions; see pace.h. */
#include "kernels/pace_register.h"

static void chain(uint64_t rounds)
{
    uint64_t sum = 0;
    uint64_t step = 1;
    for (; rounds > 0; rounds--) {
#pragma GCC unroll 16
        for (int i = 0; i < TAL_PACE_CHAIN_ADDITIONS; i++) {
            sum += step;
            __asm__ volatile("" : "+r"(sum), "+r"(step));
        }
    }
}

void tal_pace_register_scalar(tal_kernel_table *table)
{
    table->pace.chain = chain;
}
