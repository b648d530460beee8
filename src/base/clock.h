/* Monotonic time. */
#ifndef TAL_BASE_CLOCK_H
#define TAL_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary start. */
uint64_t tal_clock_ns(void);

/* Sleep for about so long. */
void tal_clock_sleep(uint64_t ns);

#endif
