/* Monotonic time, and processor time. */
#ifndef TAL_BASE_CLOCK_H
#define TAL_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary start. */
uint64_t tal_clock_ns(void);

/* Nanoseconds of processor time that all threads of the process have used so far; 0 where the
 * system does not say. */
uint64_t tal_clock_cpu_ns(void);

/* Sleep for about so long. */
void tal_clock_sleep(uint64_t ns);

#endif
