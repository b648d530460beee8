/* Instruction sets: what this CPU has, and the levels kernels are written for. */
#ifndef TAL_BASE_CPU_H
#define TAL_BASE_CPU_H

#include "base/types.h"

/* Rising: a CPU that has one level has all below it. */
typedef enum tal_isa {
    TAL_ISA_SCALAR = 0,
    TAL_ISA_SSE41,
    TAL_ISA_AVX2,
    TAL_ISA_AVX512VBMI,
    TAL_ISA_COUNT
} tal_isa;

/* The best level of this CPU (and operating system). */
tal_isa tal_cpu_isa_best(void);

/* Whether a 512-bit operation takes one of four vector pipes for one clock, as far as known: AMD
 * from family 26 on. Decides which of two equal kernels is used, never a result. */
bool tal_cpu_has_four_full_pipes(void);

/* "scalar", "sse41", "avx2", "avx512vbmi". */
const char *tal_isa_name(tal_isa isa);

/* The level of a name, or TAL_ISA_COUNT when there is none. */
tal_isa tal_isa_find(const char *name);

/* Tell the CPU that this thread looks again and again: saves power and the sibling's time. */
void tal_cpu_relax(void);

#endif
