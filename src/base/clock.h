/* Monotonic time. */
#ifndef TAL_BASE_CLOCK_H
#define TAL_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary start. */
uint64_t tal_clock_ns(void);

#endif
