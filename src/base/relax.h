/* The pause of a thread that looks at shared memory again and again. */
#ifndef TAL_BASE_RELAX_H
#define TAL_BASE_RELAX_H

/* Some dozens of cycles in which the other hardware thread of the core gets the units. */
static inline void tal_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
