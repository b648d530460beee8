/* Instruction sets; see cpu.h. */
#include "base/cpu.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

tal_isa tal_cpu_isa_best(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("sse4.1"))
        return TAL_ISA_SCALAR;
    if (!__builtin_cpu_supports("avx2"))
        return TAL_ISA_SSE41;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512vbmi"))
        return TAL_ISA_AVX2;
    return TAL_ISA_AVX512VBMI;
#else
    return TAL_ISA_SCALAR;
#endif
}

bool tal_cpu_has_four_full_pipes(void)
{
#if defined(__x86_64__)
    unsigned eax, ebx, ecx, edx;
    if (!__builtin_cpu_is("amd") || !__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return false;
    /* The family is the base family and, where that is full, the extended one. */
    return (eax >> 8 & 0xf) == 0xf && 0xf + (eax >> 20 & 0xff) >= 26;
#else
    return false;
#endif
}

static const char *const names[TAL_ISA_COUNT] = {"scalar", "sse41", "avx2", "avx512vbmi"};

const char *tal_isa_name(tal_isa isa)
{
    return names[isa];
}

tal_isa tal_isa_find(const char *name)
{
    tal_isa isa = TAL_ISA_SCALAR;
    while (isa < TAL_ISA_COUNT && strcmp(names[isa], name) != 0)
        isa++;
    return isa;
}

void tal_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
